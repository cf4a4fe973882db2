#!/usr/bin/env python3
"""cortado compare: all points in the table and in the figures, and what cannot be compared."""
import json
import os
import signal

import harness
from harness import CliTest, read_until

MODES = ["thread-race", "thread-mutex", "thread-ring", "process-race", "process-mutex",
         "process-ring"]
SAFE = [mode for mode in MODES if not mode.endswith("race")]


class Compare(CliTest):
    def compare(self, *args, **more):
        return self.run_it("compare", *args, **more)

    def compared(self, *args):
        """Table and figures."""
        figures = self.folder / "figures"
        status, out, err = self.compare(*args, "--json", figures).end()
        self.assertEqual((status, err), (0, []))
        return out.decode(), json.loads(figures.read_text())

    def test_table_and_figures_have_all_points(self):
        table, figures = self.compared("--writers", "1,2", "--hold", "0ns,1us", "--orders", "2000",
                                       "--repeat", "2")
        self.assertEqual(figures["schema"], "cortado-compare-2")
        self.assertIn("command_line", figures["context"])
        points = [(p["mode"], p["writers"], p["hold_ns"]) for p in figures["points"]]
        self.assertEqual(points, [point for hold in (0, 1000) for point in
                                  [("thread-alone", 1, hold),
                                   *((mode, writers, hold) for mode in MODES
                                     for writers in (1, 2))]])
        for mode in ["thread-alone", *MODES]:
            self.assertEqual(sum(line.startswith(mode) for line in table.splitlines()), 2, table)
        for words in ("1 writer ", "2 writers", "1 us of work", "orders/s", "cortado "):
            self.assertIn(words, table)
        for point in figures["points"]:
            self.assertEqual(len(point["runs"]), 2)
            for run in point["runs"]:
                self.assertEqual(run["outcome"], "finished")
                self.assertEqual(run["ledger"]["sent"], 2000)
                self.assertIn("p99", run["latency_ns"])
            self.assertEqual(point["sum"]["sent"], 4000)
            for name in ("blocked_ns_per_order", "queue_depth_mean"):
                of_runs = sorted(run[name] for run in point["runs"] if run[name] is not None)
                if not of_runs:
                    self.assertIsNone(point[name])
                    continue
                self.assertEqual([point[name][bound] for bound in ("lowest", "highest")], of_runs)
            self.assertEqual(point["queue_depth_mean"] is not None, "ring" in point["mode"])
            if point["mode"] in SAFE:
                self.assertTrue(point["clean"], point)

    def test_a_ratio_is_to_thread_mutex_in_the_same_repetition(self):
        _, figures = self.compared("--modes", "process-ring,thread-mutex", "--writers", "2",
                                   "--orders", "2000", "--repeat", "3")
        _, ring, mutex = figures["points"]
        ratios = sorted(r["throughput_per_s"] / m["throughput_per_s"]
                        for r, m in zip(ring["runs"], mutex["runs"]))
        got = ring["ratio_to_thread_mutex"]
        for value, name in zip(ratios, ("lowest", "median", "highest")):
            self.assertAlmostEqual(got[name], value)
        self.assertEqual(mutex["ratio_to_thread_mutex"], {"median": 1, "lowest": 1, "highest": 1})

    def test_without_thread_mutex_there_is_no_ratio(self):
        table, figures = self.compared("--modes", "process-ring", "--writers", "1", "--orders",
                                       "1000", "--repeat", "1")
        self.assertIsNone(figures["points"][1]["ratio_to_thread_mutex"])
        self.assertNotRegex(table, r"process-ring +\S+ x")

    def test_safe_leaves_out_the_races_and_nothing_is_run_twice(self):
        _, figures = self.compared("--modes", "safe,thread-ring", "--writers", "2,2", "--orders",
                                   "1000", "--repeat", "1")
        self.assertEqual([p["mode"] for p in figures["points"]], ["thread-alone", *SAFE])

    def test_the_lines_of_a_file_are_repeated(self):
        orders = self.folder / "orders"
        orders.write_text("Choca\nTea no sugar\n")
        _, figures = self.compared("--modes", "thread-mutex", "--writers", "4", "--input", orders,
                                   "--time", "50ms", "--repeat", "1")
        self.assertGreater(figures["points"][1]["sum"]["sent"], 2)
        self.assertEqual(figures["context"]["options"]["buffer"], len("Tea no sugar"))

    def test_it_advises_on_short_runs_and_marks_what_is_oversubscribed(self):
        many = len(os.sched_getaffinity(0)) + 1
        table, figures = self.compared("--modes", "thread-mutex", "--writers", f"1,{many}",
                                       "--orders", "1000", "--repeat", "1")
        self.assertEqual([p["oversubscribed"] for p in figures["points"]], [False, False, True])
        self.assertTrue(any(line.startswith("too short") for line in figures["advice"]))
        self.assertTrue(any(line.startswith("oversubscribed") for line in figures["advice"]))
        for line in figures["advice"]:
            self.assertIn(line, table)
        self.assertRegex(table, r"thread-mutex .*\*")

    def test_figures_on_standard_output_stand_alone(self):
        status, out, err = self.compare("--modes", "thread-mutex", "--writers", "1", "--orders",
                                        "1000", "--repeat", "1", "--json", "-").end()
        self.assertEqual((status, err), (0, []))
        self.assertEqual(len(json.loads(out)["points"]), 2)

    def test_what_cannot_be_compared_is_refused(self):
        for status, *args in ((64, "--modes", "no-such"), (64, "--writers", "0"),
                              (64, "--writers", "1,0"), (64, "--writers", "x"),
                              (64, "--writers", "1,4", "--orders", "2"), (64, "--hold", "1"),
                              (64, "--hold", "0ns,1h"), (64, "--repeat", "0"),
                              (64, "--time", "1s", "--orders", "4"), (64, "--payload", "1M1"),
                              (64, "--load", "0"), (64, "--load", "50%"),
                              (65, "--input", "/nowhere/file"), (65, "--input", "/dev/null"),
                              (73, "--json", "/nowhere/figures")):
            self.assert_refused(self.compare(*args).end(), status)
        self.assert_refused(self.compare("--modes", "no-such").end(), 64, *MODES)

    def test_a_signal_ends_it_and_progress_tells_the_time_left(self):
        terminal, end = os.openpty()
        running = self.compare("--time", "10m", "--writers", "1,2,4,8", stderr=end)
        os.close(end)
        read_until(terminal, b"0 of 125 runs, ")
        read_until(terminal, b"left")
        running.signal(signal.SIGINT)
        read_until(terminal, b"stopped by a signal")
        self.assertEqual(running.end()[0], 128 + signal.SIGINT)
        os.close(terminal)

    def test_orders_written_letter_by_letter_are_compared_too(self):
        orders = self.folder / "four"
        orders.write_text("Choca\nMocha with Milk\nBanana Shake\nTea no sugar\n")
        got = self.run_it("compare", "--modes", "safe", "--writers", "2", "--input", orders,
                          "--letter-delay", "1ms", "--orders", "4", "--repeat", "1")
        out = self.assert_ended_in_order(got).decode()
        self.assertIn("orders/s", out)

    def test_a_load_is_a_part_of_what_the_same_point_can_do(self):
        table, figures = self.compared("--modes", "process-ring", "--writers", "2", "--hold", "20us",
                                       "--load", "50,110", "--time", "50ms", "--repeat", "2")
        closed, *loads = figures["points"][1:]
        self.assertIsNone(closed["load"])
        self.assertEqual([p["load"]["part"] for p in loads], [0.5, 1.1])
        first = closed["runs"][0]["throughput_per_s"]
        for point in loads:
            self.assertAlmostEqual(point["load"]["per_s"] / (first * point["load"]["part"]), 1)
            self.assertTrue(point["clean"], point)
            for run in point["runs"]:
                self.assertGreaterEqual(run["latency_ns"]["max"],
                                        run["as_closed_loop"]["latency_ns"]["max"])
        self.assertIn("Latency under load", table)

    def test_the_fastest_is_named_only_if_it_can_be_told(self):
        _, figures = self.compared("--modes", "safe", "--writers", "2", "--orders", "1000",
                                   "--repeat", "2")
        self.assertEqual(figures["winners"],
                         [{"writers": 2, "hold_ns": 0, "payload": 16, "mode": None}])
        table, figures = self.compared("--modes", "thread-mutex,process-pipe", "--writers", "2",
                                       "--orders", "20000", "--repeat", "5")
        low, high = sorted((p["throughput_per_s"]["interval"] for p in figures["points"][1:]))
        name = figures["winners"][0]["mode"]
        self.assertEqual(name is None, low[1] >= high[0])
        self.assertRegex(table, f"fastest +{name or 'nobody'}")

    def test_a_histogram_has_every_figure_of_the_latency(self):
        _, figures = self.compared("--modes", "thread-mutex", "--writers", "1", "--orders", "1000",
                                   "--repeat", "1")
        for run in figures["points"][1]["runs"]:
            histogram = run["histogram_ns"]
            self.assertEqual(sum(histogram["count"]), run["latency_ns"]["samples"])
            self.assertEqual(histogram["longest"], run["latency_ns"]["max"])

    def test_quick_is_for_itself(self):
        self.assert_refused(self.compare("--quick", "--writers", "2").end(), 64, "--quick")


if __name__ == "__main__":
    harness.main()
