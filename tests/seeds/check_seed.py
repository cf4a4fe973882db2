"""A deliberate bug must be caught, by the test that is named, and only with the bug.

Exit status 0: caught. 1: not caught, or not as expected. 77: the test cannot run here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

RACE = "WARNING: ThreadSanitizer: data race"
NO_MEMORY_MAP = "ThreadSanitizer: unexpected memory mapping"
RACE_EXIT_STATUS = 66
SKIPPED = 77
WATCHDOG_SECONDS = 140


class Outcome:
    """What one run of one test said."""

    def __init__(self, status, output, failed, ran, skipped):
        self.status, self.output = status, output
        self.failed, self.ran, self.skipped = failed, ran, skipped
        self.raced = RACE in output


def started(program, test, report):
    command = [program, f"--gtest_filter={test}", f"--gtest_output=json:{report}"]
    environment = dict(os.environ)
    environment["TSAN_OPTIONS"] = f"exitcode={RACE_EXIT_STATUS} halt_on_error=0"
    for prefix in ([], ["setarch", "-R"]):
        done = subprocess.run(prefix + command, env=environment, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=WATCHDOG_SECONDS, check=False)
        # Some kernels place memory where an older ThreadSanitizer does not expect it.
        if NO_MEMORY_MAP not in done.stdout:
            break
    return done


def run(program, test):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        done = started(program, test, report)
        failed, ran, skipped = [], [], []
        if os.path.exists(report):
            with open(report, encoding="utf-8") as file:
                suites = json.load(file).get("testsuites", [])
            for suite in suites:
                for case in suite.get("testsuite", []):
                    name = f"{suite['name']}.{case['name']}"
                    if case.get("result") == "SKIPPED":
                        skipped.append(name)
                    elif case.get("status") == "RUN":
                        ran.append(name)
                    if case.get("failures"):
                        failed.append(name)
    return Outcome(done.returncode, done.stdout, failed, ran, skipped)


def without_seed(outcome, test):
    """Why the run without the bug is not as it should be, or None."""
    if test not in outcome.ran:
        return "the test did not run without the seed"
    if outcome.raced:
        return "a data race without the seed"
    if outcome.failed or outcome.status != 0:
        return f"the test fails without the seed (exit status {outcome.status})"
    return None


def with_seed(outcome, test, caught_by):
    """Why the bug was not caught as it should be, or None."""
    if outcome.status == 0:
        return "the seed was NOT caught"
    if caught_by == "race":
        if not outcome.raced or outcome.status != RACE_EXIT_STATUS:
            return f"no data race was reported (exit status {outcome.status})"
        return None
    if outcome.failed != [test]:
        return f"failed: {outcome.failed or 'nothing'}, exit status {outcome.status}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without", required=True, help="program without the bug")
    parser.add_argument("--with", dest="seeded", required=True, help="program with the bug")
    parser.add_argument("--test", required=True, help="Suite.name that must fail with the bug")
    parser.add_argument("--caught-by", choices=("test", "race"), default="test")
    options = parser.parse_args()

    sound = run(options.without, options.test)
    if options.test in sound.skipped:
        print("skipped:", sound.output)
        return SKIPPED
    complaint, shown = without_seed(sound, options.test), sound
    if complaint is None:
        shown = run(options.seeded, options.test)
        complaint = with_seed(shown, options.test, options.caught_by)
    if complaint is None:
        print(f"caught by {options.test}")
        return 0
    print(shown.output[-8000:])
    print(f"{options.test}: {complaint}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
