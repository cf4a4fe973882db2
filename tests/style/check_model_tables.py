"""The models speak of the code that there is, and each of their variants is run.

Each model's comment has a table: its steps, and in backticks the C++ names that do them. Every one
of these must stand in the code (`A::b` as such, or b in a file that defines A). The comment lists
the variants, too: each macro that the model looks at is in one of them, and the other way round;
one variant at least must hold, and five must break.
"""

import re

import tree

NAME = re.compile(r"`~?([A-Za-z_][\w:]*)`")
MACRO = re.compile(r"\bdefined\((\w+)\)")
VARIANT = re.compile(r"^ \*   (\S.*?) +(holds|breaks) +[\d,]+ \S.*$", re.MULTILINE)
LEAST_BREAKING = 5


def code(top):
    """What the compiler sees, but for strings, of each file."""
    for path in tree.files(top, "src", "include"):
        text = (top / path).read_text(encoding="utf-8")
        yield re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)


def exists(name, files):
    outer, _, inner = name.rpartition("::")
    word = re.compile(rf"\b{inner}\b")
    if not outer:
        return any(word.search(text) for text in files)
    last = outer.rpartition("::")[2]
    owner = re.compile(rf"\b(?:class|struct)\s+(?:[\w()]+\s+)*{last}\b[^;]*\{{")
    return any(re.search(rf"\b{name}\b", text) or (owner.search(text) and word.search(text))
               for text in files)


def complaints_about(path, text, files):
    head, _, body = text.partition("*/")
    names = NAME.findall(head)
    if not names:
        yield f"{path}: its table names nothing of the code"
    for name in names:
        if not exists(name, files):
            yield f"{path}: {name} is not in the code: which function does that step now?"
    variants = VARIANT.findall(head)
    listed = {macro.split("=")[0] for macros, _ in variants for macro in macros.split()}
    known = set(MACRO.findall(body))
    for macro in sorted(known - listed):
        yield f"{path}: no variant has {macro}"
    for macro in sorted(listed - known - {"(none)"}):
        yield f"{path}: it does not look at {macro}"
    breaking = sum(verdict == "breaks" for _, verdict in variants)
    if breaking < LEAST_BREAKING or breaking == len(variants):
        yield f"{path}: {breaking} of {len(variants)} variants break"


def main():
    top = tree.root()
    files = list(code(top))
    paths = sorted((top / "tests" / "model").glob("*.pml"))
    complaints = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        complaints += complaints_about(path.relative_to(top), text, files)
    tree.tell(len(paths), complaints)


if __name__ == "__main__":
    main()
