"""No file is forgotten: each source and public header is named in a meson.build above it."""

import tree


def named(top, path) -> bool:
    """By its path from a meson.build above it, or, outside src, by its name without ending."""
    stem = path.stem[: -len("_test")] if path.stem.endswith("_test") else path.stem
    for folder in path.parents:
        build = top / folder / "meson.build"
        if not build.is_file():
            continue
        text = build.read_text(encoding="utf-8")
        names = [path.relative_to(folder).as_posix(), path.name]
        if path.parts[0] != "src":
            names.append(stem)
        if any(f"'{name}'" in text for name in names):
            return True
    return False


def main():
    top = tree.root()
    paths = list(tree.files(top, "src", "tools", "tests", suffixes=(".cpp", ".c")))
    paths += tree.files(top, "include")
    paths += tree.files(top, "tests", suffixes=(".py", ".pml"))
    paths = [p for p in paths if p.name != "tree.py"]
    complaints = [f"{p}: not named in a meson.build" for p in paths if not named(top, p)]
    tree.tell(len(paths), complaints)


if __name__ == "__main__":
    main()
