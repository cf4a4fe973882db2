"""Runs a fuzz target for a number of inputs, and says with which seed.

CORTADO_SEED=N repeats a run, CORTADO_ROUNDS=N makes it N times as long. With --expect-finding the
target has a deliberate bug and must find it.

Exit status 0: as expected. 1: not. 77: nothing was run.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile

WATCHDOG_SECONDS = 580
# What a target says of an invariant, and the sanitizers and libFuzzer of what they see.
FINDINGS = ("BROKEN: ", "ERROR: AddressSanitizer", "runtime error: ", "ERROR: libFuzzer")
# What a read outside of the memory comes to where no sanitizer looks.
CRASHES = (-signal.SIGSEGV, -signal.SIGBUS)


def run(program, runs, seed):
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        command = [program, f"-runs={runs}", f"-seed={seed}", "-max_len=8000", "-timeout=20",
                   "-rss_limit_mb=4096", "-verbosity=0", f"-artifact_prefix={folder}/"]
        try:
            done = subprocess.run(command, env=os.environ | {"TMPDIR": folder},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=WATCHDOG_SECONDS, check=False)
            status, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            status, output = None, late.stdout or b""
    return status, output.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--expect-finding", action="store_true")
    parser.add_argument("program")
    options = parser.parse_args()

    seed = int(os.environ.get("CORTADO_SEED") or random.randrange(1, 2**31))
    runs = options.runs * int(os.environ.get("CORTADO_ROUNDS") or 1)
    print(f"CORTADO_SEED={seed}, {runs} inputs", flush=True)
    status, output = run(options.program, runs, seed)
    found = next((line for line in output.splitlines() if any(f in line for f in FINDINGS)), None)
    if found is None and status in CRASHES:
        found = f"ended by {signal.Signals(-status).name}"
    if status is None:
        print(output[-8000:])
        print(f"no end after {WATCHDOG_SECONDS} s")
        return 1
    if options.expect_finding:
        if status != 0 and found is not None:
            print(f"found: {found}")
            return 0
        print(output[-8000:])
        print(f"the deliberate bug was NOT found (exit status {status})")
        return 1
    if status == 0:
        return 0
    print(output[-8000:])
    print(f"exit status {status}: {found}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
