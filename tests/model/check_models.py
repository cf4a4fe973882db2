#!/usr/bin/env python3
"""Checks the SPIN models of the two handshakes, and that each of their steps is needed.

A variant is a model with macros that take a step away or change one. Where the protocol must hold,
the search must be complete and without an error; where it must not, the search must find an
assertion violated. Anything else (no memory left, depth exceeded, a compiler's complaint) is wrong.

Exit status: 0 all verdicts as expected, 1 some are not, 77 spin or a C compiler is missing.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MIB = 3072
DEPTH = 100_000

HOLDS, BREAKS = "holds", "breaks"

# Model -> [(macros, what must come out, what the variant is)]
VARIANTS = {
    "sleep_wake": [
        ("", HOLDS, "the protocol, all faults"),
        ("ALL_FENCED NO_BARRIER OWNER_LIVES", HOLDS, "a kernel without membarrier"),
        ("NONE_FENCED OWNER_LIVES", HOLDS, "every writer registered"),
        ("NO_BARRIER", BREAKS, "the owner skips the membarrier"),
        ("NO_OWNER_FENCE", BREAKS, "armed is a plain store"),
        ("NO_FENCE_UNREGISTERED", BREAKS, "an unregistered writer fences not"),
        ("NO_RECHECK", BREAKS, "no re-read between arm and sleep"),
        ("OWNER_READS_DOORBELL_AFTER_CHECK", BREAKS, "doorbell emptied after the re-read"),
        ("NUMBER_REPEATS", BREAKS, "two sleeps have one number"),
        ("SHARED_WORD WRITER_CLEARS_ARMED NO_FAULTS", HOLDS, "folklore, while nobody dies"),
        ("SHARED_WORD WRITER_CLEARS_ARMED", BREAKS, "folklore: one word, writers clear it"),
        ("WRITER_CLEARS_LATE", BREAKS, "own word cleared by a plain store"),
        ("NO_HANGUP", BREAKS, "a death is not an event"),
        ("RETIRE_AT_HANGUP", BREAKS, "a dead writer's lane is not drained"),
        ("IN_HAND_AFTER_HANDLER", BREAKS, "in hand is stored after the handler"),
        ("COMMIT_BEFORE_HANDLER", BREAKS, "committed before the handler"),
    ],
    "space_wait": [
        ("MESSAGES=2", HOLDS, "the protocol, all faults"),
        ("OWNER_LIVES", HOLDS, "two waits each, writers fail"),
        ("NO_WRITER_FENCE", BREAKS, "no fence after storing wake_at"),
        ("NO_OWNER_FENCE", BREAKS, "no fence after storing released"),
        ("NO_WRITER_RECHECK", BREAKS, "released is not looked at again"),
        ("WRITER_EMPTIES_SOCKET_LATE", BREAKS, "bytes are read after the look"),
        ("WAKE_ONCE_WITHOUT_TICKET", BREAKS, "woken once, whatever wake_at says"),
        ("WAKE_LATER_WITHOUT_PENDING", BREAKS, "put off though no release follows"),
        ("SUCCESSOR_DOES_NOT_WAKE", BREAKS, "a successor wakes nobody"),
        ("SUCCESSOR_KEEPS_STALE_HINT", BREAKS, "a successor does not store the hint"),
        ("ADOPTION_SPENDS_TICKET", BREAKS, "a wake in vain spends the ticket"),
    ],
}


def run(command, folder, what):
    """Runs one tool; its output if it succeeded, else ends the program with that output."""
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"check_models: {what} failed: {done.stdout}{done.stderr}".rstrip())
    return done.stdout


def check(model, macros, folder):
    """The verdict on one variant, and the states stored until then."""
    defines = ["-D" + macro for macro in macros.split()]
    run(["spin", "-a", *defines, str(HERE / (model + ".pml"))], folder, "spin -a")
    # A rendezvous in an escape sequence and partial order reduction do not go together.
    flags = ["-O2", "-w", "-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MIB}"]
    run(["gcc", *flags, "-o", "pan", "pan.c"], folder, "gcc")
    # -E: where processes stop is judged by the models' own assertions.
    output = run(["./pan", "-E", f"-m{DEPTH}"], folder, "pan")

    errors = re.search(r"errors: (\d+)", output)
    stored = re.search(r"^\s*(\S+) states, stored", output, re.MULTILINE)
    if errors is None or stored is None:
        return "no verdict", 0
    if re.search(r"max search depth too small|Search not completed|out of memory", output):
        verdict = BREAKS if "assertion violated" in output else "incomplete"
    elif errors[1] == "0":
        verdict = HOLDS
    else:
        verdict = "other error"
    return verdict, int(float(stored[1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", choices=sorted(VARIANTS), help="only this model")
    chosen = parser.parse_args().model
    for tool in ("spin", "gcc"):
        if shutil.which(tool) is None:
            print(f"check_models: {tool} is not installed: skipped")
            return 77

    wrong = 0
    began = time.monotonic()
    for model, variants in VARIANTS.items():
        if chosen not in (None, model):
            continue
        for macros, expected, meaning in variants:
            with tempfile.TemporaryDirectory(prefix="cortado-model-") as folder:
                observed, states = check(model, macros, folder)
            wrong += observed != expected
            mark = "ok   " if observed == expected else "WRONG"
            print(f"{mark} {model:<10}  {macros or '(none)':<42} {states:>8} states  "
                  f"{observed:<6} (expected {expected}): {meaning}", flush=True)
    total = sum(len(v) for m, v in VARIANTS.items() if chosen in (None, m))
    print(f"{total - wrong} of {total} verdicts as expected, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
