#!/usr/bin/env python3
"""cortado run --trace: the timeline of each mode, by the checker; and the checker by what is wrong."""
import copy
import json
import pathlib
import subprocess
import sys

import harness
from harness import CliTest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "modes"))
import trace_check  # noqa: E402

MODES = ["thread-race", "thread-mutex", "thread-ring", "process-race", "process-mutex",
         "process-ring"]
PROGRAM = pathlib.Path(trace_check.__file__)


class TraceTest(CliTest):
    def trace(self, mode, *args, status=0):
        """The timeline, and the figures of its run."""
        path, figures = self.folder / "trace.json", self.folder / "figures.json"
        got, _, err = self.run_it("run", "--mode", mode, *args, "--trace", path,
                                  "--json", figures).end()
        self.assertEqual(got, status, err)
        return json.loads(path.read_text()), json.loads(figures.read_text())

    def names(self, trace, kind="X"):
        return {e["name"] for e in trace["traceEvents"] if e["ph"] == kind}


class Timelines(TraceTest):
    def test_each_mode_has_one_start_and_one_finish_for_each_order(self):
        for mode in MODES:
            trace, figures = self.trace(mode, "--orders", 2000, "--writers", 3)
            self.assertEqual((figures["ledger"]["sent"], trace["otherData"]["mode"]), (2000, mode))
            # In a race two may also lose each other's count; both have been applied.
            self.assertEqual(trace_check.check(trace, 2000), 2000, mode)
            self.assertEqual(trace["otherData"]["dropped"], 0)
            main = "locking" if mode.endswith("mutex") else "writing"
            self.assertLessEqual({main, "applying"}, self.names(trace), mode)
            tracks = {e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"}
            owner = {"owner"} if mode.endswith("ring") else set()
            self.assertEqual(tracks, {"writer 1", "writer 2", "writer 3"} | owner, mode)

    def test_the_checker_as_a_program_says_the_same(self):
        self.trace("process-ring", "--orders", 100)
        path = self.folder / "trace.json"
        done = subprocess.run([sys.executable, PROGRAM, path, "--applied", "100"], text=True,
                              stdout=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, done.stdout.split()[0]), (0, "100"))
        path.write_text(path.read_text().replace('"ph":"f"', '"ph":"s"', 1))
        done = subprocess.run([sys.executable, PROGRAM, path], text=True, stderr=subprocess.PIPE,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("two starts", done.stderr)

    def test_waiting_is_seen_where_the_owner_is_slow(self):
        trace, _ = self.trace("process-ring", "--orders", 400, "--hold", "1ms")
        self.assertIn("waiting", self.names(trace))
        depths = [e["args"]["orders"] for e in trace["traceEvents"] if e["ph"] == "C"]
        self.assertGreater(max(depths), 1)

    def test_what_has_no_room_is_told(self):
        trace, figures = self.trace("thread-mutex", "--orders", 100_000)
        told = trace["otherData"]
        self.assertGreater(told["dropped"], 0)
        self.assertEqual(told["applied"] + told["dropped"], 100_000)
        trace_check.check(trace, figures["ledger"]["applied"])
        got, out, _ = self.run_it("run", "--mode", "thread-mutex", "--orders", 100_000, "--trace",
                                  self.folder / "again.json").end()
        self.assertEqual(got, 0)
        self.assertIn(b"dropped", out)

    def test_a_writer_that_dies_has_its_orders_up_to_then(self):
        for mode in ("process-ring", "process-race"):
            trace, _ = self.trace(mode, "--orders", 1000, "--fault", "killed:0@50")
            trace_check.check(trace)
            self.assertGreater(trace["otherData"]["unfinished"], 0, mode)

    def refused(self, *args):
        status, _, err = self.run_it("run", "--mode", "thread-ring", "--orders", 10, *args).end()
        self.assertEqual(len(err), 1, err)
        return status, err[0]

    def test_what_cannot_be_traced_is_one_line(self):
        path = self.folder / "trace.json"
        status, why = self.refused("--trace", path, "--repeat", 2)
        self.assertEqual((status, "--repeat" in why, path.exists()), (64, True, False), why)
        status, why = self.refused("--trace", "-", "--json", "-")
        self.assertEqual((status, "both" in why), (64, True), why)
        status, why = self.refused("--trace", self.folder / "no" / "where")
        self.assertEqual((status, "the trace" in why), (73, True), why)


class Corrupted(TraceTest):
    """Each change of one event of a good timeline is found."""

    def setUp(self):
        super().setUp()
        self.good, _ = self.trace("process-ring", "--orders", 200)

    def assert_found(self, word, change):
        bad = copy.deepcopy(self.good)
        change(bad["traceEvents"])
        with self.assertRaises(trace_check.Wrong) as found:
            trace_check.check(bad, 200)
        self.assertIn(word, str(found.exception))

    @staticmethod
    def place(events, **fields):
        """Of the last event that has these."""
        return max(i for i, e in enumerate(events) if all(e.get(k) == v for k, v in fields.items()))

    def test_a_missing_or_doubled_end_of_an_arrow(self):
        for phase, ends in (("s", "a start"), ("f", "a finish")):
            self.assert_found(ends, lambda events, phase=phase: events.pop(
                self.place(events, ph=phase)))
            self.assert_found("two " + ends.split()[1], lambda events, phase=phase: events.append(
                events[self.place(events, ph=phase)]))

    def test_an_arrow_that_ends_elsewhere(self):
        def later(events):
            events[self.place(events, ph="f")]["ts"] += 1e6
        def on_another_track(events):
            events[self.place(events, ph="f")]["tid"] = 1
        def earlier(events):
            events[self.place(events, ph="s")]["ts"] = 0
        self.assert_found("not where it is applied", later)
        self.assert_found("not where it is applied", on_another_track)
        self.assert_found("in no slice", earlier)

    def test_a_clock_that_goes_back(self):
        def back(events):
            events[self.place(events, ph="X", name="applying")]["ts"] = 0
        self.assert_found("goes back", back)

    def test_a_message_that_is_not_there(self):
        def vanish(events):
            order = events[self.place(events, ph="X", name="applying")]["args"]["order"]
            events[:] = [e for e in events if e.get("id") != order and
                         not (e["name"] == "applying" and e["args"]["order"] == order)]
        self.assert_found("told are 200", vanish)

    def test_a_depth_that_cannot_be(self):
        def negative(events):
            events[self.place(events, ph="C")]["args"]["orders"] = -1
        self.assert_found("negative", negative)


if __name__ == "__main__":
    harness.main()
