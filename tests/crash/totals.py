"""The sum of the figures that the tests of crash points have written; it must be worth its name.

  totals.py FILE...     each has: operations, boundaries, distinct images, bad ones, real kills

Exit status 0: nothing bad, and enough was looked at. 1: not so. 77: not all of them have run.
"""

import pathlib
import sys

BOUNDARIES = 100_000
KILLS = 1_000
SKIPPED = 77


def main():
    files = [pathlib.Path(name) for name in sys.argv[1:]]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        print(f"not run, or not to its end: {', '.join(missing)}")
        return SKIPPED
    total = [0] * 5
    for file in files:
        figures = [int(word) for word in file.read_text(encoding="utf-8").split()]
        print(f"{file.stem:24}{figures[0]:8} operations{figures[1]:10} boundaries"
              f"{figures[2]:10} distinct images{figures[3]:4} bad{figures[4]:6} kills")
        total = [sum(pair) for pair in zip(total, figures)]
    operations, boundaries, distinct, bad, kills = total
    print(f"crash points: {operations} operations, {boundaries} boundaries, {distinct} distinct "
          f"images, {bad} bad, {kills} real kills")
    if boundaries == 0:
        return SKIPPED  # single steps are not permitted here
    return 0 if bad == 0 and boundaries >= BOUNDARIES and kills >= KILLS else 1


if __name__ == "__main__":
    sys.exit(main())
