"""Builds embed.cpp as somebody else would: installed, by pkg-config or by Meson; as a subproject."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROJECT = """project('embed', 'cpp', default_options: ['cpp_std=c++20'])
executable('embed', 'embed.cpp', dependencies: dependency('cortado'))
"""
EXPECTED = "Mocha with Milk\n"


def run(*command, cwd=None, env=None) -> str:
    """Standard output of a command; ends the program if it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                 f"{done.stdout}{done.stderr}")
    return done.stdout


def expect(how: str, program: pathlib.Path, env=None) -> None:
    said = run(program, env=env)
    if said != EXPECTED:
        sys.exit(f"{how}: expected {EXPECTED!r}, got {said!r}")
    print(f"{how}: ok")


def install(build: pathlib.Path, destination: pathlib.Path) -> dict:
    """Installs the build below `destination`; the environment that finds it there."""
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", destination)
    found = list(destination.rglob("cortado.pc"))
    if len(found) != 1:
        sys.exit(f"meson install put {len(found)} cortado.pc files below {destination}, expected 1")
    library = next(destination.rglob("libcortado.so")).parent
    return dict(os.environ, PKG_CONFIG_PATH=str(found[0].parent),
                PKG_CONFIG_SYSROOT_DIR=str(destination), LD_LIBRARY_PATH=str(library))


def by_pkg_config(compiler, module: str, source: pathlib.Path, env: dict,
                  folder: pathlib.Path) -> None:
    folder.mkdir()
    flags = run("pkg-config", "--cflags", "--libs", module, env=env).split()
    run(*compiler, "-std=c++20", "-o", folder / "embed", source, *flags)
    expect(f"pkg-config {module}", folder / "embed", env)


def as_subproject(compiler, source: pathlib.Path, tree: pathlib.Path, folder: pathlib.Path) -> None:
    project = folder / "project"
    (project / "subprojects").mkdir(parents=True)
    (project / "subprojects" / "cortado").symlink_to(tree)
    (project / "subprojects" / "cortado.wrap").write_text(
        "[wrap-file]\ndirectory = cortado\n[provide]\ndependency_names = cortado\n")
    (project / "meson.build").write_text(PROJECT)
    shutil.copy(source, project)
    env = dict(os.environ, CXX=" ".join(compiler))
    run("meson", "setup", folder / "build", project, "--force-fallback-for=cortado",
        "-Dbuildtype=debug", "-Dcortado:buildtype=debug", "-Dcortado:optimization=0", env=env)
    run("ninja", "-C", folder / "build")
    expect("Meson subproject", folder / "build" / "embed")
    for unwanted in ("tests", "tools"):
        made = folder / "build" / "subprojects" / "cortado" / unwanted
        if made.is_dir() and any(p.suffix == ".o" for p in made.rglob("*")):
            sys.exit(f"as a subproject, cortado builds its {unwanted}")


def main():
    if len(sys.argv) < 4:
        sys.exit(f"usage: {sys.argv[0]} SOURCE_ROOT BUILD_ROOT COMPILER...")
    tree, build = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
    compiler, source = sys.argv[3:], tree / "tests" / "embed" / "embed.cpp"
    with tempfile.TemporaryDirectory(prefix="cortado-embed-") as name:
        folder = pathlib.Path(name)
        env = install(build, folder / "installed")
        by_pkg_config(compiler, "cortado", source, env, folder / "pkg-config")
        if list((folder / "installed").rglob("cortado-journal.pc")):
            by_pkg_config(compiler, "cortado-journal", source.with_name("embed_journal.cpp"), env,
                          folder / "pkg-config-journal")
        as_subproject(compiler, source, tree, folder / "subproject")


if __name__ == "__main__":
    main()
