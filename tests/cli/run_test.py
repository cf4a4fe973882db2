#!/usr/bin/env python3
"""cortado run: each mode, its figures, what cannot be run, and what ends it."""
import json
import os
import pathlib
import resource
import signal
import subprocess

import harness
from harness import CliTest, read_until, until

ORDERS = ["Choca", "Mocha with Milk", "Banana Shake", "Tea no sugar"]
RACES = ["thread-race", "process-race"]
SAFE = ["thread-mutex", "thread-ring", "process-mutex", "process-ring"]
LEDGER = {"sent", "applied", "rejected", "dropped", "abandoned", "unread", "redelivered",
          "forgotten", "lost", "duplicated", "reordered", "torn", "balances"}
KEYS = {  # of each part of the figures, at least
    "": {"schema", "context", "mode", "writers", "outcome", "workload", "ledger", "buffer",
         "wall_ns", "throughput_per_s", "latency_ns", "cpu_ns", "context_switches",
         "fairness_jain", "blocked_ns", "blocked_ns_per_order", "queue_depth_mean",
         "queue_depth_max", "queue_depth_samples", "per_writer"},
    "context": {"cores", "cpu", "kernel", "compiler", "boost", "version", "commit",
                "command_line", "seed", "options"},
    "ledger": LEDGER,
    "buffer": {"length", "bytes", "is_whole", "count", "digest", "address", "pid"},
    "latency_ns": {"samples", "p50", "p99", "p99_9", "max"},
    "cpu_ns": {"user", "system"},
    "context_switches": {"voluntary", "involuntary"},
}
WRITER = {"sent", "applied", "throughput_per_s", "pid", "failure", "signal", "blocked_ns"}


def children(pid):
    """Ids of the processes below it, and their children."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def is_there(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class RunTest(CliTest):
    def setUp(self):
        super().setUp()
        self.orders = self.folder / "orders"
        self.orders.write_text("".join(order + "\n" for order in ORDERS))

    def run_mode(self, mode, *args, **more):
        return self.run_it("run", "--mode", mode, *args, **more)

    def figures(self, mode, *args, status=0, **more):
        got, out, err = self.run_mode(mode, *args, "--json", "-", **more).end()
        self.assertEqual(got, status, err)
        return json.loads(out)


class Modes(RunTest):
    def test_each_mode_runs_the_four_orders_and_tells_all_its_figures(self):
        for mode in RACES + SAFE:
            figures = self.figures(mode, "--input", self.orders, "--letter-delay", "1ms")
            for part, keys in KEYS.items():
                there = figures[part] if part else figures
                self.assertLessEqual(keys, there.keys(), f"{mode} {part}")
            self.assertEqual((figures["schema"], figures["mode"]), ("cortado-run-2", mode))
            self.assertEqual(figures["context"]["boost"].keys(), {"version", "robust_mutex"})
            self.assertEqual(len(figures["per_writer"]), 4)
            for writer in figures["per_writer"]:
                self.assertLessEqual(WRITER, writer.keys())
                self.assertEqual((writer["sent"], writer["applied"]), (1, 1), mode)
            for figure in ("queue_depth_mean", "queue_depth_max", "queue_depth_samples"):
                self.assertEqual(figures[figure] is not None, "ring" in mode, f"{mode} {figure}")
            self.assertEqual(figures["blocked_ns"],
                             sum(writer["blocked_ns"] for writer in figures["per_writer"]))
            ledger = figures["ledger"]
            # In a race two may also lose each other's count.
            self.assertEqual((ledger["sent"], ledger["applied"] + ledger["lost"]), (4, 4), mode)
            self.assertEqual(ledger["balances"], ledger["lost"] == 0, mode)
            if mode in SAFE:
                self.assertEqual(ledger["lost"], 0, mode)
            cup = figures["buffer"]["bytes"]
            self.assertEqual(cup in ORDERS, mode in SAFE, f"{mode}: {cup}")
            self.assertEqual(figures["buffer"]["is_whole"], mode in SAFE, mode)

    def test_safe_modes_keep_every_order(self):
        digests = set()
        for mode in SAFE:
            figures = self.figures(mode, "--orders", "20000")
            ledger = figures["ledger"]
            self.assertEqual((ledger["sent"], ledger["applied"]), (20000, 20000), mode)
            self.assertTrue(ledger["balances"])
            for kind in ("lost", "duplicated", "reordered", "torn", "rejected", "dropped"):
                self.assertEqual(ledger[kind], 0, f"{mode} {kind}")
            self.assertEqual(figures["buffer"]["count"], 20000)
            digests.add(figures["buffer"]["digest"])
        self.assertEqual(len(digests), 1, "the same orders, the same digest")

    def test_the_seed_draws_the_same_garble_every_time(self):
        def cup(mode, seed):
            figures = self.figures(mode, "--input", self.orders, "--letter-delay", "1ms",
                                   "--seed", seed)
            return figures["buffer"]["bytes"]

        cups = [cup("thread-race", 7), cup("process-race", 7), cup("thread-race", 7)]
        self.assertEqual(len(set(cups)), 1, cups)
        self.assertNotEqual(cups[0], cup("thread-race", 8))

    def test_time_repeats_the_lines_and_repeat_the_run(self):
        figures = self.figures("thread-ring", "--input", self.orders, "--time", "50ms", "--writers",
                               "2", "--repeat", "3")
        self.assertEqual(len(figures["runs"]), 3)
        self.assertTrue(all(run["ledger"]["sent"] > 4 for run in figures["runs"]))
        rates = sorted(run["throughput_per_s"] for run in figures["runs"])
        self.assertEqual(figures["summary"]["throughput_per_s"],
                         {"lowest": rates[0], "median": rates[1], "highest": rates[2]})

    def test_empty_lines_are_orders_and_longer_ones_than_the_buffer_are_rejected(self):
        figures = self.figures("process-ring", "--input", "-", "--writers", "2", "--buffer", "5",
                               stdin=self.stream(b"\nChoca\nMocha with Milk"))
        ledger = figures["ledger"]
        self.assertEqual((ledger["sent"], ledger["applied"], ledger["rejected"]), (3, 2, 1))
        self.assertTrue(ledger["balances"])

    def stream(self, data):
        read_end, write_end = os.pipe()
        os.write(write_end, data)
        os.close(write_end)
        self.addCleanup(os.close, read_end)
        return read_end

    def test_a_writer_that_is_killed_leaves_the_others_complete(self):
        figures = self.figures("process-ring", "--orders", "4000", "--fault", "killed:1@10")
        ledger = figures["ledger"]
        self.assertEqual((ledger["abandoned"], ledger["lost"], ledger["torn"]), (1, 0, 0))
        self.assertTrue(ledger["balances"])
        self.assertEqual([w["applied"] for w in figures["per_writer"]], [1000, 10, 1000, 1000])
        self.assertEqual([w["signal"] for w in figures["per_writer"]], [0, signal.SIGKILL, 0, 0])

    def test_a_thread_that_crashes_takes_the_buffer_along(self):
        got = self.run_mode("thread-mutex", "--orders", "4000", "--fault", "crashed:1@10").end()
        self.assert_refused(got, 1, "thread-mutex", "--fault")
        self.assertNotIn("process-ring", got[-1][0])

    def test_a_writer_that_somebody_else_ends_is_told(self):
        """Not of its own doing: a run without it is not what was asked for."""
        running = self.run_mode("process-ring", "--time", "5s")
        until(lambda: self.writer_at_work(running, "2"), "a writer at work")
        os.kill(self.writer_at_work(running, "2"), signal.SIGKILL)
        got = running.end()
        self.assert_refused(got, 1, "process-ring", "writer 2", "signal 9")
        self.assertNotIn("writer 1", got[-1][0])

    @staticmethod
    def writer_at_work(running, index):
        """Its id, once it has had the processor for longer than it takes to get ready."""
        for pid in children(running.process.pid):
            try:
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            is_it = (words[0].endswith(b"cortado-member") and words[1] == b"writer"
                     and words[3] == index.encode())
            ticks = int(stat[11]) + int(stat[12])
            if is_it and ticks > 0.2 * os.sysconf("SC_CLK_TCK"):
                return pid
        return None

    def test_what_hung_has_no_rate_and_who_died_before_is_told(self):
        figures = self.folder / "figures"
        running = self.run_mode("process-ring", "--time", "5s", "--watchdog", "300ms", "--json",
                                figures)
        for index, number in (("1", signal.SIGSTOP), ("2", signal.SIGKILL)):
            until(lambda: self.writer_at_work(running, index), "a writer at work")
            os.kill(self.writer_at_work(running, index), number)
        status, out, err = running.end()
        self.assert_refused((status, err), 1, "process-ring hung")
        self.assertNotIn("take process-ring", err[0])
        self.assertRegex(out.decode(), r"writer 2 +died of signal 9")
        self.assertNotRegex(out.decode(), r"writer [013] ")
        run = json.loads(figures.read_text())
        self.assertEqual(run["outcome"], "hung")
        self.assertEqual([run[key] for key in ("wall_ns", "throughput_per_s", "latency_ns")],
                         [None] * 3)

    def test_with_a_load_orders_count_from_when_they_were_due(self):
        figures = self.figures("thread-mutex", "--writers", "2", "--load", "2k", "--orders", "100")
        self.assertEqual(figures["workload"]["load_per_s"], 2000)
        self.assertEqual(figures["latency_ns"]["samples"], 100)
        sent = figures["as_closed_loop"]["latency_ns"]
        for part in ("p50", "p99", "max"):
            self.assertGreaterEqual(figures["latency_ns"][part], sent[part])
        out = self.run_mode("process-pipe", "--load", "2k", "--orders", "100").end()[1].decode()
        for words in ("offered     2.00 k orders/s", "from when each was due", "by its send"):
            self.assertIn(words, out)

    def test_of_runs_that_all_died_there_is_no_median(self):
        args = ["--orders", "400", "--fault", "crashed:1@10", "--repeat", "2"]
        self.assertIn("no run finished", self.run_mode("thread-ring", *args).end()[1].decode())
        figures = self.figures("thread-ring", *args, status=1)
        self.assertIsNone(figures["summary"]["throughput_per_s"])

    def test_timed_runs_of_slow_orders_are_timed_too(self):
        figures = self.figures("process-ring", "--time", "200ms", "--hold", "1ms")
        self.assertEqual(figures["workload"]["sample_shift"], 0)
        self.assertGreater(figures["latency_ns"]["samples"], 0)
        out = self.run_mode("process-ring", "--orders", "50").end()[1].decode()
        self.assertIn("(50 orders timed)", out)
        self.assertNotIn("99 %", out)

    def test_a_person_reads_what_came_out(self):
        got, out, err = self.run_mode("process-ring", "--input", self.orders, "--letter-delay",
                                      "1ms").end()
        self.assertEqual((got, err), (0, []))
        text = out.decode()
        for words in ("process-ring", "ledger", "4 sent, 4 applied", "it balances", "orders/s",
                      "latency", "processors"):
            self.assertIn(words, text)
        self.assertTrue(any(f"'{order}'" in text for order in ORDERS), text)


class Refusals(RunTest):
    def assert_not_run(self, status, *words, args=(), **more):
        self.assert_refused(self.run_it("run", *args, **more).end(), status, *words)

    def test_command_lines_that_cannot_be_are_refused(self):
        ring = ["--mode", "process-ring"]
        self.assert_not_run(64, *RACES, *SAFE)
        self.assert_not_run(64, "no-such", *RACES, *SAFE, args=["--mode", "no-such"])
        for args in (["--writers", "0"], ["--writers", "4097"], ["--writers", "-1"],
                     ["--writers", "5", "--orders", "4"], ["--writers", "5", "--input", self.orders],
                     ["--payload", "1048577"], ["--orders", "0"], ["--orders", "-1"],
                     ["--orders", "1e3"], ["--time", "1s", "--orders", "4"], ["--time", "-1s"],
                     ["--time", "0s"], ["--time", "1e99h"], ["--time", "1"], ["--hold", "-1ns"],
                     ["--hold", "infs"], ["--hold", "1"], ["--hold", "1h"], ["--watchdog", "0s"],
                     ["--letter-delay", "1m"], ["--repeat", "0"],
                     ["--load", "0"], ["--load", "2x"], ["--load", "2G"], ["--load", "0.1"], ["--buffer", "2M"]):
            self.assert_not_run(64, args=ring + args)
        for fault in ("killed", "killed:1", "killed:1@", "killed:@1", "1@killed", "burnt:1@1",
                      "killed:1@1x", "killed:-1@1", "killed:4@1", "killed:1@1000"):
            self.assert_not_run(64, "--fault", fault,
                                args=[*ring, "--orders", "4000", "--fault", fault])

    def test_turns_that_cannot_be_drawn_are_refused(self):
        drawn = ["--mode", "process-ring", "--input", self.orders, "--letter-delay", "1ms"]
        self.assert_not_run(64, "--fault", "--live", args=[*drawn, "--fault", "killed:1@0"])
        self.assert_not_run(64, "--live",
                            args=[*drawn, "--buffer", "0", "--orders", "1000000000000"])

    def test_input_that_holds_no_orders_is_refused(self):
        def refused(*words, path, **more):
            self.assert_not_run(65, *words, args=["--mode", "thread-ring", "--input", path], **more)

        refused("/nowhere/file", path="/nowhere/file")
        refused(str(self.folder), path=self.folder)
        refused("no lines", path="/dev/null")
        refused("standard input", "no lines", path="-")
        binary = self.folder / "binary"
        binary.write_bytes(b"text\nmore\nze\0ro\n")
        refused("line 3", "zero byte", path=binary)
        refused("line 1", path="/dev/zero")
        long = self.folder / "long"
        long.write_bytes(b"text\n" + b"x" * (1 << 20) + b"\n" + b"x" * ((1 << 20) + 1) + b"\n")
        refused("line 3", "1048576", path=long)

    def test_a_place_for_figures_that_cannot_be_written_is_told_before_the_run(self):
        args = ["--mode", "thread-ring", "--time", "1h", "--json"]
        self.assert_not_run(73, "/nowhere/figures", args=[*args, "/nowhere/figures"])
        self.assert_not_run(73, str(self.folder), args=[*args, self.folder])
        if os.geteuid() != 0:
            locked = self.folder / "locked"
            locked.touch(mode=0o400)
            self.assert_not_run(77, str(locked), args=[*args, locked])

    def test_output_that_nobody_takes_is_told(self):
        with open("/dev/full", "wb") as full:
            self.assert_not_run(1, "standard output", stdout=full,
                                args=["--mode", "thread-ring", "--orders", "100"])
        read_end, write_end = os.pipe()
        os.close(read_end)
        self.assert_not_run(1, "standard output", stdout=write_end,
                            args=["--mode", "thread-ring", "--orders", "100", "--json", "-"])
        os.close(write_end)

    def test_a_run_that_is_refused_leaves_no_file(self):
        figures = self.folder / "figures"
        self.assert_not_run(64, args=["--mode", "thread-ring", "--orders", "1", "--json", figures])
        self.assertFalse(figures.exists())

    def test_too_few_descriptors_are_told(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6))

        self.assert_not_run(73, "ulimit -n", args=["--mode", "process-ring", "--orders", "100"],
                            preexec_fn=few)


class Signals(RunTest):
    def await_members(self, running, count):
        """Until its processes are there; their ids."""
        until(lambda: len(children(running.process.pid)) >= count, f"{count} processes")
        return children(running.process.pid)

    def test_a_host_that_cannot_do_its_part_says_why_in_one_line(self):
        def little_memory():
            resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))

        got = self.run_mode("thread-mutex", "--writers", "200", "--orders", "200",
                            preexec_fn=little_memory).end()
        self.assert_refused(got, 69, "thread-mutex", "200 threads", "ulimit")

    def test_a_signal_ends_a_long_run_at_once_and_leaves_nothing(self):
        figures = self.folder / "figures"
        for number, mode in ((signal.SIGINT, "process-ring"), (signal.SIGTERM, "process-mutex"),
                             (signal.SIGINT, "thread-race")):
            running = self.run_mode(mode, "--time", "1h", "--json", figures)
            members = self.await_members(running, 5 if mode.startswith("process") else 1)
            running.signal(number)
            self.assert_refused(running.end(), 128 + number, "signal")
            for pid in members:
                self.assertFalse(is_there(pid), f"{mode}: {pid}")
            self.assertFalse(figures.exists())

    def test_a_signal_ends_the_reading_of_orders(self):
        running = self.run_mode("thread-ring", "--input", "-", stdin=subprocess.PIPE)
        running.write(b"text\n")
        harness.await_read(running.process.stdin)
        running.signal(signal.SIGINT)
        self.assert_refused(running.end(), 128 + signal.SIGINT, "signal")

    def test_a_killed_program_leaves_no_process(self):
        running = self.run_mode("process-ring", "--time", "1h")
        members = self.await_members(running, 5)
        running.kill()
        until(lambda: not any(map(is_there, members)), "all gone")

    def test_progress_and_time_left_are_shown_on_a_terminal(self):
        terminal, end = os.openpty()
        running = self.run_mode("thread-ring", "--time", "1h", stderr=end)
        os.close(end)
        read_until(terminal, b"left")
        running.signal(signal.SIGINT)
        read_until(terminal, b"\r\x1b[K")  # its line is gone in the end
        self.assertEqual(running.end()[0], 128 + signal.SIGINT)
        os.close(terminal)

    def test_without_a_terminal_there_is_no_progress(self):
        got, out, err = self.run_mode("thread-ring", "--time", "1500ms").end()
        self.assertEqual((got, err), (0, []))
        self.assertNotIn(b"left", out)


if __name__ == "__main__":
    harness.main()
