#!/usr/bin/env python3
"""Ctrl-C and its kin: in order at the first, at once at the second."""
import os
import pathlib
import re
import select
import signal
import subprocess

import harness
from harness import CliTest, await_read, lines, read_until, until

BIG = lines("w", 200000)


class Signals(CliTest):
    def test_an_owner_that_is_told_to_end_writes_what_is_there_and_ends_with_0(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            owner = self.owner()
            self.assertEqual(self.write(b"text\n"), (0, []))
            self.assertEqual(self.stop(owner, number), b"text\n")

    def test_a_writer_that_is_told_to_end_has_what_it_sent_applied_and_ends_with_0(self):
        owner = self.owner("--until-idle")
        writer = self.writer(stdin=subprocess.PIPE)
        writer.write(b"text\nrest without newline")
        until(lambda: owner.printed() == b"text\n", "the first line")
        self.stop(writer, signal.SIGINT)
        self.assertEqual(self.assert_ended_in_order(owner), b"text\n")

    def test_a_writer_of_a_closing_owner_says_from_which_line_on_to_send_again(self):
        owner = self.owner(stdout=subprocess.PIPE)
        writer = self.writer("--wait", "2s", stdin=subprocess.PIPE)
        writer.write(b"text\n")
        read_until(owner.process.stdout.fileno(), b"text\n")
        self.stop(owner)
        got = writer.end(b"more\n")
        self.assertIn(got[0], (69, 75))  # closing, or gone meanwhile
        self.assert_refused(got, got[0], "cannot send line 2 of standard input", "applied")

    def test_a_second_signal_ends_an_owner_that_nobody_reads(self):
        read_end, write_end = os.pipe()
        owner = self.owner(stdout=write_end)
        (self.folder / "text").write_bytes(lines("w", 5000))  # more than a pipe takes
        writer = self.writer("--wait", "2s", "--input", self.folder / "text")
        until(lambda: not select.select([], [write_end], [], 0)[1], "a full pipe")
        owner.signal(signal.SIGTERM)
        self.await_no_signal_pending(owner)
        owner.signal(signal.SIGTERM)
        self.assert_refused(owner.end(), 1, "cannot write messages", "second signal")
        self.assert_refused(writer.end(), 69, "not applied")
        os.close(read_end)
        os.close(write_end)

    def await_no_signal_pending(self, running):
        """Until it has read the last one: two of a kind are one, as long as they are pending."""
        until(lambda: not self.signals(running, "SigPnd") | self.signals(running, "ShdPnd"),
              "no signal pending")

    def await_blocked(self, running, number):
        """Until it reads that signal instead of being ended by it."""
        until(lambda: self.signals(running, "SigBlk") >> (number - 1) & 1, f"{number} blocked")

    @staticmethod
    def signals(running, key):
        status = pathlib.Path(f"/proc/{running.process.pid}/status").read_text()
        return next(int(line.split()[1], 16) for line in status.splitlines()
                    if line.startswith(key))

    def test_a_writer_of_a_stopped_owner_ends_at_the_second_signal_and_counts(self):
        with harness.injects("owner-stopped") as fault:
            owner = self.owner()
            writer = self.writer(stdin=subprocess.PIPE)
            self.await_event(owner, "joined")
            with owner.stopped():
                writer.write(b"one\ntwo\n")
                await_read(writer.process.stdin)
                writer.signal(signal.SIGINT)
                writer.signal(signal.SIGTERM)  # at once with the first, or after it: two are two
                self.assert_refused(writer.end(), 69, "2 of the 2 lines sent are not applied",
                                    "second signal")
                fault.fired()
            owner.signal(signal.SIGTERM)
            self.assertEqual(owner.end()[:2], (0, b"one\ntwo\n"))

    def test_a_writer_that_is_told_to_end_in_a_big_transfer_leaves_whole_lines(self):
        owner = self.owner()
        (self.folder / "text").write_bytes(BIG)
        writer = self.writer("--input", self.folder / "text")
        until(lambda: len(owner.printed()) > 1000, "the first lines")
        self.stop(writer, signal.SIGINT)
        out = self.stop(owner)
        self.assertTrue(out.endswith(b"\n"))
        self.assertEqual(out, BIG[:len(out)])

    def test_an_owner_that_is_told_to_end_in_a_big_transfer_applies_what_the_writer_counts(self):
        owner = self.owner()
        (self.folder / "text").write_bytes(BIG)
        writer = self.writer("--wait", "2s", "--input", self.folder / "text")
        until(lambda: len(owner.printed()) > 1000, "the first lines")
        out = self.stop(owner, signal.SIGINT)
        self.assertEqual(out, BIG[:len(out)])
        status, _, err = writer.end()
        if status == 0:  # it was faster
            self.assertEqual((out, err), (BIG, []))
            return
        self.assertIn(status, (69, 75))
        self.assertEqual(len(err), 1, err)
        lost, sent = map(int, re.search(r"; (\d+) of the (\d+) lines sent", err[0]).groups()) \
            if "not applied" in err[0] else (0, int(re.search(r"line (\d+)", err[0])[1]) - 1)
        self.assertEqual(out.count(b"\n"), sent - lost, err)

    def test_a_writer_that_waits_for_an_owner_is_told_to_end(self):
        writer = self.writer("--wait", "1h", stdin=subprocess.PIPE)
        self.await_blocked(writer, signal.SIGINT)
        writer.signal(signal.SIGINT)
        self.assert_refused(writer.end(), 69, "'log'", "nothing was sent")


if __name__ == "__main__":
    harness.main()
