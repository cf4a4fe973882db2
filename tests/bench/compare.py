#!/usr/bin/env python3
"""Which benchmarks differ between two results of Google Benchmark, beyond chance.

    compare.py BEFORE.json AFTER.json [--level 0.05]

Both made with --benchmark_repetitions=10 or more (and best with
--benchmark_enable_random_interleaving=true) --benchmark_out=FILE --benchmark_out_format=json.

Mann-Whitney's U test, two-sided, on the CPU times of the repetitions: exact where there are few and no
ties, else by the normal approximation with corrections for ties and continuity (H. B. Mann, D. R.
Whitney, Ann. Math. Stat. 18, 1947). Many benchmarks at once: Holm's correction (S. Holm, Scand. J.
Stat. 6, 1979). Exit status: 0 nothing became slower, 1 something did, 2 nothing to compare.
"""
import argparse
import functools
import json
import math
import statistics
import sys

MOST_EXACT = 20  # repetitions on each side
LEAST = 4        # fewer can never be significant at 5 %


@functools.lru_cache(maxsize=None)
def ways(n, m, u):
    """In how many orders of n and m values U is u, if all are alike."""
    if u < 0:
        return 0
    if n == 0 or m == 0:
        return 1 if u == 0 else 0
    return ways(n - 1, m, u - m) + ways(n, m - 1, u)


def mann_whitney(a, b):
    """The probability of a U as far off or farther, if both are drawn from one distribution."""
    n, m = len(a), len(b)
    values = sorted(a + b)
    u = sum((x > y) + 0.5 * (x == y) for x in a for y in b)
    far = max(u, n * m - u)
    has_ties = len(set(values)) != n + m
    if not has_ties and max(n, m) <= MOST_EXACT:
        tail = sum(ways(n, m, k) for k in range(int(far), n * m + 1))
        return min(1.0, 2 * tail / math.comb(n + m, n))
    ties = sum(t ** 3 - t for t in (values.count(v) for v in set(values)))
    count = n + m
    variance = n * m / 12 * (count + 1 - ties / (count * (count - 1)))
    if variance == 0:
        return 1.0
    z = max(0.0, far - n * m / 2 - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def holm(probabilities):
    """Each as large as it must be taken, because there are so many."""
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    adjusted, largest = [0.0] * len(probabilities), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * probabilities[index]))
        adjusted[index] = largest
    return adjusted


def times_of(result):
    """CPU times of each benchmark's repetitions."""
    times = {}
    for run in result["benchmarks"]:
        if run.get("run_type", "iteration") == "iteration" and not run.get("error_occurred"):
            times.setdefault(run["run_name"], []).append(float(run["cpu_time"]))
    return times


def compare(before, after, level):
    """Lines of (name, ratio of the medians, probability, verdict), for benchmarks in both."""
    before, after = times_of(before), times_of(after)
    names = [name for name in before if name in after]
    enough = [n for n in names if min(len(before[n]), len(after[n])) >= LEAST]
    adjusted = dict(zip(enough, holm([mann_whitney(before[n], after[n]) for n in enough])))
    lines = []
    for name in names:
        ratio = statistics.median(after[name]) / statistics.median(before[name])
        probability = adjusted.get(name)
        if probability is None:
            verdict = f"too few repetitions, {LEAST} are needed"
        elif probability >= level:
            verdict = "no difference"
        else:
            verdict = "slower" if ratio > 1 else "faster"
        lines.append((name, ratio, probability, verdict))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--level", type=float, default=0.05)
    options = parser.parse_args()
    with open(options.before, encoding="utf-8") as before, open(options.after,
                                                                encoding="utf-8") as after:
        lines = compare(json.load(before), json.load(after), options.level)
    if not lines:
        print("compare: no benchmark is in both files", file=sys.stderr)
        sys.exit(2)
    width = max(len(name) for name, *_ in lines)
    for name, ratio, probability, verdict in lines:
        p = "-" if probability is None else f"{probability:.2g}"
        print(f"{name:<{width}}  x{ratio:.3f}  p = {p:<7}  {verdict}")
    sys.exit(1 if any(verdict == "slower" for *_, verdict in lines) else 0)


if __name__ == "__main__":
    main()
