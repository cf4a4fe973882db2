"""Memory-order pairs: each `// SYNC name:` stands at both ends, so at least twice."""

import collections
import re

import tree

LABEL = re.compile(r"//+[/<]?\s*SYNC\s+([A-Za-z0-9_-]+)\s*:")
MENTION = re.compile(r"\bSYNC\s+([A-Za-z0-9_-]*)")


def main():
    top = tree.root()
    places, mentions, complaints = collections.defaultdict(list), [], []
    for path in tree.files(top, "src", "include"):
        for number, line in enumerate((top / path).read_text(encoding="utf-8").splitlines(), 1):
            label = LABEL.search(line)
            if label:
                places[label.group(1)].append(f"{path}:{number}")
            for mention in MENTION.finditer(line):
                mentions.append((f"{path}:{number}", mention.group(1)))
    for name, where in sorted(places.items()):
        if len(where) < 2:
            complaints.append(f"{where[0]}: SYNC {name} has one end only")
    for where, name in mentions:
        if name not in places:
            complaints.append(f"{where}: SYNC {name}: no such label (`// SYNC name: why`)")
    tree.tell(len(places), complaints)


if __name__ == "__main__":
    main()
