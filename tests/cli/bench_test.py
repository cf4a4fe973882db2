#!/usr/bin/env python3
"""cortado bench: everybody takes part or is skipped with a reason, and nothing is left behind."""
import json
import os
import pathlib
import signal

import harness
from harness import CliTest, read_until, until

harness.WATCHDOG = 250  # it polls: on a busy machine it waits for its processors again and again
QUICK = ("--repetitions", "1", "--duration", "1ms")


def running_with(text):
    """Pids of the processes whose command line has it, but for those that only wait for their end."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


class Bench(CliTest):
    def setUp(self):
        super().setUp()
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir()

    def bench(self, *args, **more):
        return self.run_it("bench", *args, environment={"TMPDIR": str(self.temporary)}, **more)

    def measured(self, *args):
        """Table and figures."""
        path = self.folder / "figures"
        status, out, err = self.bench(*args, "--json", path).end()
        self.assertEqual((status, err), (0, []))
        self.assert_nothing_is_left()
        return out.decode(), json.loads(path.read_text())

    def assert_nothing_is_left(self):
        self.assertEqual(list(self.temporary.iterdir()), [])
        for folder in ("/dev/shm", "/dev/mqueue"):
            if os.path.isdir(folder):
                self.assertEqual([n for n in os.listdir(folder) if "cortado-bench" in n], [])

    def assert_entries_are_sound(self, figures):
        for entry in figures["entries"]:
            self.assertEqual(entry["wrong"], 0, entry)
            if entry["role"] == "cortado":
                self.assertIsNone(entry["error"], entry)
            if entry["error"] is None and entry["point"] != "idle":
                self.assertGreater(entry["validated"], 0, entry)
                for run in entry["runs"]:
                    self.assertEqual(run["validated"], run["sent"], entry)
                    self.assertGreater(run["ns_per_message"], 0)

    def test_everybody_takes_part_or_is_skipped_with_a_reason(self):
        table, figures = self.measured(*QUICK, "--points", "throughput,round-trip,fan-in",
                                       "--size", "64", "--writers", "3")
        self.assertEqual(figures["schema"], "cortado-bench-1")
        for key in ("cores", "cpu", "kernel", "compiler", "command_line", "options"):
            self.assertIn(key, figures["context"])
        self.assert_entries_are_sound(figures)
        took_part = {entry["contestant"] for entry in figures["entries"]}
        listed = self.assert_ended_in_order(self.bench("--list")).decode()
        names = [line.split()[0] for line in listed.splitlines()]
        self.assertEqual([c["name"] for c in figures["contestants"]], names)
        for contestant in figures["contestants"]:
            name, skipped = contestant["name"], contestant["skipped"]
            if name == "thread-mutex":  # it has orders to apply, at another point
                continue
            self.assertEqual(name in took_part, skipped is None, contestant)
            self.assertIn(name, table)
            if skipped:
                self.assertIn(f"skipped: {name}: {skipped}", table)

    def test_an_entry_has_all_that_a_reader_needs(self):
        _, figures = self.measured("--repetitions", "2", "--duration", "1ms", "--points",
                                   "throughput", "--size", "1K", "--peers", "none")
        for entry in figures["entries"]:
            self.assertEqual((entry["bytes"], entry["writers"]), (1024, 1))
            self.assertGreaterEqual(entry["ring_bytes"], 4096)
            self.assertEqual(len(entry["runs"]), 2)
            for run in entry["runs"]:
                for key in ("bounce_ns", "batch", "per_second", "mb_per_second",
                            "cpu_ns_per_million", "fairness_jain"):
                    self.assertIn(key, run)
            summary = entry["summary"]["ns_per_message"]
            self.assertLessEqual(summary["lowest"], summary["median"])
            self.assertLessEqual(summary["median"], summary["highest"])

    def test_all_points_and_how_it_stands(self):
        table, figures = self.measured(*QUICK, "--size", "16", "--writers", "1,4", "--peers",
                                       "thread-mutex")
        self.assert_entries_are_sound(figures)
        self.assertEqual({entry["point"] for entry in figures["entries"]},
                         {"throughput", "round-trip", "fan-in", "idle", "lock"})
        self.assertEqual({entry["waiting"] for entry in figures["entries"]
                          if entry["point"] == "round-trip"},
                         {"polling", "sleeping", "spin-then-sleep"})
        self.assertIn("How cortado stands", table)
        for goal in figures["goals"]:
            self.assertIn(goal["what"], table)
            self.assertIn(goal["goal"], (">=", "<="))
            if goal["figure"]:
                reached = (goal["figure"]["median"] >= goal["bound"] if goal["goal"] == ">="
                           else goal["figure"]["median"] <= goal["bound"])
                self.assertEqual(goal["reached"], reached)
        orders = [g for g in figures["goals"] if "orders applied" in g["what"]]
        self.assertEqual([g["against"] for g in orders], ["thread-mutex"])

    def test_figures_on_standard_output_stand_alone(self):
        out = self.assert_ended_in_order(self.bench(
            *QUICK, "--points", "throughput", "--size", "16", "--peers", "pipe", "--json", "-"))
        self.assertIn("pipe", [c["name"] for c in json.loads(out)["contestants"]])
        self.assertNotIn("nng", [c["name"] for c in json.loads(out)["contestants"]])

    def test_what_cannot_be_measured_is_refused(self):
        for status, words, *args in (
                (64, ("no peer 'no-such'", "pipe"), "--peers", "no-such"),
                (64, ("no point 'no-such'", "fan-in"), "--points", "no-such"),
                (64, ("multiple of 8",), "--size", "20"), (64, ("--size",), "--size", "8"),
                (64, ("--size",), "--size", "2M"), (64, ("--writers",), "--writers", "0"),
                (64, ("--duration",), "--duration", "1"),
                (64, ("nothing is left",), "--points", "lock", "--writers", "2"),
                (73, ("/nowhere",), "--json", "/nowhere/figures")):
            self.assert_refused(self.bench(*args).end(), status, *words)

    def begun(self, mark, **more):
        """One whose first run goes on."""
        running = self.bench("--duration", "10m", "--points", "throughput", "--json", mark, **more)
        until(lambda: list(self.temporary.iterdir()) and len(running_with(str(mark))) >= 3,
              "an owner and a writer")
        return running

    def test_a_signal_ends_it_and_nothing_is_left(self):
        mark = self.folder / "mark-of-this-run"
        terminal, end = os.openpty()
        running = self.begun(mark, stderr=end)
        os.close(end)
        read_until(terminal, b"0 of ")
        running.signal(signal.SIGINT)
        read_until(terminal, b"stopped by a signal")
        self.assertEqual(running.end()[0], 128 + signal.SIGINT)
        os.close(terminal)
        self.assertEqual(running_with(str(mark)), [])
        self.assert_nothing_is_left()
        self.assertFalse(mark.exists())

    def test_killed_it_leaves_no_process(self):
        mark = self.folder / "mark-of-this-run"
        running = self.begun(mark)
        running.kill()
        until(lambda: not running_with(str(mark)), "the end of all processes")


if __name__ == "__main__":
    harness.main()
