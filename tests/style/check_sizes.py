"""A file is one concept: under 400 lines."""

import tree

LIMIT = 400


def main():
    top = tree.root()
    checked, complaints = 0, []
    for path in tree.files(top, suffixes=tree.CODE + (".py", ".build")):
        lines = len((top / path).read_text(encoding="utf-8").splitlines())
        checked += 1
        if lines >= LIMIT:
            complaints.append(f"{path}: {lines} lines, the limit is {LIMIT}: which concepts is it?")
    tree.tell(checked, complaints)


if __name__ == "__main__":
    main()
