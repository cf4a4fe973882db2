"""The table of faults: what is injected, what must come out, and the test that does it.

The tests themselves say what they inject; list.toml says what there is to inject. A fault without a
test or a reason, a test that names an unknown fault, and a table that is not the committed one are
errors.

  table.py SOURCE_ROOT            checks tests/faults/table.md
  table.py SOURCE_ROOT --write    writes it
"""

import pathlib
import re
import sys
import tomllib

TEST = re.compile(r"^\s*TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
CPP_FAULT = re.compile(r"^\s*(?:const\s+)?(?:\w+::)*Fault\s+\w+[({]\s*\"([^\"]+)\"", re.MULTILINE)
PYTHON_FAULT = re.compile(r"\binjects\(\s*\"([^\"]+)\"")
HEAD = """# Faults

Written by `table.py` from `list.toml` and from what the tests say they inject; a test whose injector
did not fire, fails. `meson test --suite style` complains if this file is not up to date.
"""


def claims(tests):
    """Fault -> names of the tests that inject it."""
    found = {}
    for path in sorted(tests.rglob("*")):
        where = path.relative_to(tests).as_posix()
        if path.suffix in (".cpp", ".hpp") and where != "support/fault.hpp":
            text = path.read_text(encoding="utf-8")
            starts = [(m.start(), f"{m[1]}.{m[2]}") for m in TEST.finditer(text)]
            for fault in CPP_FAULT.finditer(text):
                owner = [name for start, name in starts if start < fault.start()]
                name = owner[-1] if owner else "(outside of a test)"
                found.setdefault(fault[1], []).append(f"`{where}` {name}")
        elif path.suffix == ".py" and path.parent.name == "cli" and path.name != "harness.py":
            for fault in PYTHON_FAULT.finditer(path.read_text(encoding="utf-8")):
                found.setdefault(fault[1], []).append(f"`{where}`")
    return found


def table(sections, found):
    lines = [HEAD]
    for section in sections:
        lines += [f"## {section['title']}\n", "| fault | what must come out | injected by |",
                  "|---|---|---|"]
        for fault in section["fault"]:
            tests = sorted(set(found.get(fault["id"], [])))
            by = "<br>".join(tests) if tests else f"nobody: {fault.get('untested', '?')}"
            lines.append(f"| **{fault['id']}**: {fault['fault']} | {fault['outcome']} | {by} |")
        lines.append("")
    return "\n".join(lines)


def main():
    here = pathlib.Path(sys.argv[1]).resolve() / "tests"
    sections = tomllib.loads((here / "faults/list.toml").read_text(encoding="utf-8"))["section"]
    faults = {fault["id"]: fault for section in sections for fault in section["fault"]}
    found = claims(here)
    complaints = [f"{fault}: named by {tests[0]}, and not in list.toml"
                  for fault, tests in found.items() if fault not in faults]
    for name, fault in faults.items():
        if name in found and "untested" in fault:
            complaints.append(f"{name}: has a test, and a reason why it has none")
        if name not in found and "untested" not in fault:
            complaints.append(f"{name}: no test injects it, and no reason is given")
    complaints += [f"{fault}: declared outside of a test ({test})" for fault, tests in found.items()
                   for test in tests if test.endswith("(outside of a test)")]
    written = here / "faults/table.md"
    text = table(sections, found)
    if "--write" in sys.argv:
        written.write_text(text, encoding="utf-8")
    elif not written.is_file() or written.read_text(encoding="utf-8") != text:
        complaints.append("table.md is not up to date: python3 tests/faults/table.py . --write")
    for complaint in complaints:
        print(complaint)
    covered = sum(1 for fault in faults if fault in found)
    print(f"{len(faults)} faults: {covered} injected by tests, "
          f"{len(faults) - covered} not; {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
