#!/usr/bin/env python3
"""Checks the SPIN models of the protocols, and that each of their steps is needed.

A variant is a model with macros that take a step away or change one; the comment on top of each
model lists them. Where the protocol must hold, the search must be complete and without an error;
where it must not, the search must find an assertion violated. Anything else (no memory left, depth
exceeded, a compiler's complaint) is wrong.

Exit status: 0 all verdicts as expected, 1 some are not, 77 spin or a C compiler is missing.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MIB = 1400  # of one search; two run at a time
DEPTH = 100_000
MOST_AT_A_TIME = 2

HOLDS, BREAKS = "holds", "breaks"
VARIANT = re.compile(rf"^ \*   (\S.*?) +({HOLDS}|{BREAKS}) +([\d,]+) (.+)$", re.MULTILINE)


def variants_of(model):
    """[(macros, what must come out, what the variant is)], as the model's comment lists them."""
    head = (HERE / (model + ".pml")).read_text(encoding="utf-8").split("*/", maxsplit=1)[0]
    found = VARIANT.findall(head)
    if {verdict for _, verdict, _, _ in found} != {HOLDS, BREAKS}:
        sys.exit(f"check_models: {model}.pml lists no variants that hold, or none that break")
    return [("" if macros == "(none)" else macros, verdict, what)
            for macros, verdict, _, what in found]


def run(command, folder, what):
    """Runs one tool; its output if it succeeded, else raises RuntimeError with that output."""
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{what} failed: {done.stdout}{done.stderr}".rstrip())
    return done.stdout


def search(model, macros, expected):
    """The verdict on one variant, and the states stored until then."""
    with tempfile.TemporaryDirectory(prefix="cortado-model-") as folder:
        defines = ["-D" + macro for macro in macros.split()]
        run(["spin", "-a", *defines, str(HERE / (model + ".pml"))], folder, "spin -a")
        # A rendezvous in an escape sequence and partial order reduction do not go together.
        flags = ["-w", "-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MIB}"]
        # What breaks is found soon: there, compiling takes the time.
        flags.append("-O1" if expected == HOLDS else "-O0")
        run(["gcc", *flags, "-o", "pan", "pan.c"], folder, "gcc")
        # -E: where processes stop is judged by the models' own assertions.
        output = run(["./pan", "-E", f"-m{DEPTH}"], folder, "pan")

    errors = re.search(r"errors: (\d+)", output)
    stored = re.search(r"^\s*(\S+) states, stored", output, re.MULTILINE)
    if errors is None or stored is None:
        return "no verdict", 0
    # A model that goes astray is no protocol that breaks.
    violated = "assertion violated" in output and "invalid array index" not in output
    if re.search(r"max search depth too small|Search not completed|out of memory", output):
        verdict = BREAKS if violated else "incomplete"
    elif errors[1] == "0":
        verdict = HOLDS
    else:
        verdict = "other error"
    return verdict, int(float(stored[1]))


def note_states(model, counts):
    """Puts the numbers of states into the list in the model's comment."""
    path = HERE / (model + ".pml")

    def line(match):
        macros, verdict, _, what = match.groups()
        return f" *   {macros:<41} {verdict:<6} {counts[macros]:>9,} {what}"

    path.write_text(VARIANT.sub(line, path.read_text(encoding="utf-8")), encoding="utf-8")


def main():
    models = sorted(path.stem for path in HERE.glob("*.pml"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", choices=models, help="only this model")
    parser.add_argument("--note-states", action="store_true",
                        help="write the numbers of states into the models' comments")
    options = parser.parse_args()
    for tool in ("spin", "gcc"):
        if shutil.which(tool) is None:
            print(f"check_models: {tool} is not installed: skipped")
            return 77

    wrong = total = 0
    began = time.monotonic()
    at_a_time = min(MOST_AT_A_TIME, len(os.sched_getaffinity(0)))
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        work = [(model, *variant, pool.submit(search, model, *variant[:2]))
                for model in models if options.model in (None, model)
                for variant in variants_of(model)]
        counts = {}
        for model, macros, expected, meaning, future in work:
            observed, states = future.result()
            counts.setdefault(model, {})[macros or "(none)"] = states
            total += 1
            wrong += observed != expected
            mark = "ok   " if observed == expected else "WRONG"
            print(f"{mark} {model:<10}  {macros or '(none)':<42} {states:>8} states  "
                  f"{observed:<6} (expected {expected}): {meaning}", flush=True)
    if options.note_states:
        for model, states in counts.items():
            note_states(model, states)
    print(f"{total - wrong} of {total} verdicts as expected, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as why:
        sys.exit(f"check_models: {why}")
