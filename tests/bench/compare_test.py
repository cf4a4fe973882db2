#!/usr/bin/env python3
"""compare.py: probabilities that are known from tables, and what is said about two results."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import compare


class MannWhitney(unittest.TestCase):
    def test_few_values_without_ties_are_exact(self):
        # All of one side below the other: 2 / C(n + m, n).
        self.assertAlmostEqual(compare.mann_whitney([1, 2, 3], [4, 5, 6]), 2 / 20)
        self.assertAlmostEqual(compare.mann_whitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 2 / 252)
        # U = 2 of 3 and 4: 2 * (1 + 1 + 2) / 35.
        self.assertAlmostEqual(compare.mann_whitney([1, 2, 5], [3, 4, 6, 7]), 2 * 4 / 35)

    def test_all_orders_are_counted_once(self):
        self.assertEqual(sum(compare.ways(4, 5, u) for u in range(21)), 126)
        self.assertEqual([compare.ways(2, 2, u) for u in range(5)], [1, 1, 2, 1, 1])

    def test_it_does_not_matter_which_side_is_first(self):
        a, b = [1, 4, 5, 9, 12], [2, 3, 7, 8, 20, 30]
        self.assertEqual(compare.mann_whitney(a, b), compare.mann_whitney(b, a))

    def test_ties_go_by_the_normal_approximation(self):
        # By hand: U = 11, ties of 4 and 3, variance 16 / 12 * (9 - 84 / 56) = 10, z = 2.5 / sqrt(10).
        self.assertAlmostEqual(compare.mann_whitney([2, 2, 3, 3], [3, 2, 2, 1]), 0.4292, places=4)
        self.assertEqual(compare.mann_whitney([7, 7, 7], [7, 7, 7]), 1)

    def test_the_approximation_is_near_the_exact_one(self):
        a, b = list(range(0, 40, 2)), list(range(7, 47, 2))
        exact = compare.mann_whitney(a, b)
        compare.MOST_EXACT, most = 0, compare.MOST_EXACT
        try:
            self.assertAlmostEqual(compare.mann_whitney(a, b), exact, delta=0.005)
        finally:
            compare.MOST_EXACT = most


class Holm(unittest.TestCase):
    def test_as_in_the_textbook(self):
        got = compare.holm([0.01, 0.04, 0.03, 0.005])
        for value, wanted in zip(got, [0.03, 0.06, 0.06, 0.02]):
            self.assertAlmostEqual(value, wanted)

    def test_none_exceeds_one(self):
        self.assertEqual(compare.holm([0.9, 0.8]), [1.0, 1.0])
        self.assertEqual(compare.holm([]), [])


def result(**times):
    return {"benchmarks": [{"run_name": name, "run_type": "iteration", "cpu_time": t}
                           for name, all_times in times.items() for t in all_times]}


class Results(unittest.TestCase):
    SAME, LESS, MORE = [10, 11, 12, 13, 14, 15], [1, 2, 3, 4, 5, 6], [20, 21, 22, 23, 24, 25]

    def verdicts(self, before, after):
        return {name: verdict for name, _, _, verdict in compare.compare(before, after, 0.05)}

    def test_what_is_said(self):
        got = self.verdicts(result(a=self.SAME, b=self.SAME, c=self.SAME, d=[1, 2, 3], e=[1]),
                            result(a=self.LESS, b=self.MORE, c=self.SAME[::-1], d=[7, 8, 9]))
        self.assertEqual(got, {"a": "faster", "b": "slower", "c": "no difference",
                               "d": "too few repetitions, 4 are needed"})

    def test_aggregates_and_errors_are_no_repetitions(self):
        data = result(a=[1])
        data["benchmarks"] += [
            {"run_name": "a", "run_type": "aggregate", "cpu_time": 5},
            {"run_name": "a", "run_type": "iteration", "cpu_time": 5, "error_occurred": True}]
        self.assertEqual(compare.times_of(data), {"a": [1.0]})

    def test_the_exit_status_tells(self):
        with tempfile.TemporaryDirectory() as folder:
            def status(before, after):
                paths = [pathlib.Path(folder) / name for name in ("before", "after")]
                for path, data in zip(paths, (before, after)):
                    path.write_text(json.dumps(data))
                return subprocess.run([sys.executable, compare.__file__, *paths],
                                      capture_output=True, check=False).returncode

            same = result(a=self.SAME)
            self.assertEqual(status(same, result(a=self.MORE)), 1)
            self.assertEqual(status(same, result(a=self.LESS)), 0)
            self.assertEqual(status(same, result(b=self.SAME)), 2)


if __name__ == "__main__":
    unittest.main()
