#!/usr/bin/env python3
"""Instructions that a send and its receipt take, held within a tenth of what is written down.

    instructions.py SENDS COUNTS.json           compares; exit status 77: cannot tell here
    instructions.py SENDS COUNTS.json --write   writes down what is so now

Counted by callgrind, in the code of cortado alone: what the C library runs (its memcpy is another one
on each processor) is left out. Of two runs of different length, so that start and end cancel. So a
count depends on nothing but the compiler, and there is one for each version.
"""
import json
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 0.10
SENDS = 16  # in a round, see sends.cpp
ROUNDS = (100, 1100)
SIZES = (16, 64)
OURS = re.compile(r"/(libcortado[^/]*|sends)$")


def self_cost(lines):
    """Of the functions in our objects, without what they call. The format: callgrind's manual."""
    names, total, ours, skip = {}, 0, False, False
    for line in lines:
        if match := re.match(r"ob=\((\d+)\)(?: (.*))?$", line):
            if match.group(2):
                names[match.group(1)] = match.group(2)
            ours = bool(OURS.search(names[match.group(1)]))
        elif match := re.match(r"cob=\((\d+)\)(?: (.*))?$", line):
            if match.group(2):
                names[match.group(1)] = match.group(2)
        elif line.startswith("calls="):
            skip = True  # the next line is the cost of the called
        elif re.match(r"(\+|-|\*|\d|0x)", line):
            if ours and not skip:
                total += int(line.split()[1])
            skip = False
    return total


def counted(program, rounds, size, folder):
    out = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--error-exitcode=1",
               program, str(rounds), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    if done.returncode != 0:
        print(f"cannot count: {' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        sys.exit(1)
    return self_cost(out.read_text().splitlines())


def measure(program):
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            few, many = (counted(program, r, size, pathlib.Path(folder)) for r in ROUNDS)
            found[f"{size} B"] = round((many - few) / (ROUNDS[1] - ROUNDS[0]) / SENDS, 1)
    return found


def main():
    program, path = sys.argv[1], pathlib.Path(sys.argv[2])
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind")
        sys.exit(SKIPPED)
    made_by = subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()
    key = f"{made_by}, {platform.machine()}"
    known = json.loads(path.read_text())
    if "--write" not in sys.argv and key not in known:
        print(f"skipped: nothing is written down for {key}; see --write")
        sys.exit(SKIPPED)
    found = measure(program)
    if "--write" in sys.argv:
        known[key] = found
        path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    failed = False
    for size, count in found.items():
        before = known[key][size]
        creeps = count > before * (1 + TOLERANCE)
        failed = failed or creeps
        hint = ""
        if creeps:
            hint = ": too many; find out what grew, or say why and --write"
        elif count < before * (1 - TOLERANCE):
            hint = ": better; hold it by --write"
        print(f"{size}: {count} instructions for a send and its receipt, {before} written down{hint}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
