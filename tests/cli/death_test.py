#!/usr/bin/env python3
"""Owners and writers that end in the middle: nothing is lost, and repeats are marked."""
import os
import signal
import subprocess

import harness
from harness import CliTest, lines, until


class Death(CliTest):
    def test_an_owner_that_cannot_write_ends_and_the_next_one_gets_everything(self):
        full = self.owner("--output", "/dev/full")
        writer = self.writer("--wait", "1m", stdin=subprocess.PIPE)
        writer.write(b"text\n")
        self.assert_refused(full.end(), 1, "/dev/full", "No space left", "start an owner")
        owner = self.owner("--until-idle", "--mark-redelivered")
        self.assertEqual(writer.end(b"more\n")[0], 0)
        self.assertEqual(self.assert_ended_in_order(owner), b"again\ttext\nnew\tmore\n")

    def test_a_closed_standard_output_ends_the_owner_and_the_next_one_gets_everything(self):
        read_end, write_end = os.pipe()
        closed = self.owner(stdout=write_end)
        os.close(write_end)
        os.close(read_end)
        writer = self.writer("--wait", "1m", stdin=subprocess.PIPE)
        writer.write(b"text\n")
        self.assert_refused(closed.end(), 1, "standard output", "Broken pipe")
        owner = self.owner("--until-idle")
        self.assertEqual(writer.end(b"")[0], 0)
        self.assertEqual(self.assert_ended_in_order(owner), b"text\n")

    def test_an_owner_that_is_killed_leaves_nothing_lost_and_repeats_only_what_is_marked(self):
        with harness.injects("owner-killed-alone") as fault:
            out = self.folder / "out"
            text = lines("w", 200000)
            (self.folder / "text").write_bytes(text)
            owner = self.owner("--mark-redelivered", "--output", out)
            writer = self.writer("--wait", "1m", "--input", self.folder / "text")
            for _ in range(5):
                size = out.stat().st_size
                until(lambda: out.stat().st_size > size + 100000 or writer.process.poll() is not None,
                      "100,000 bytes more")
                owner.kill()
                fault.fired()
                with open(out, "ab") as file:
                    file.write(b"\ncut\n")
                owner = self.owner("--mark-redelivered", "--output", out)
            self.assert_ended_in_order(writer)
            self.stop(owner)
            self.assertEqual(self.effect(out.read_bytes()), text.splitlines())

    def effect(self, printed):
        """What was sent, from what a row of owners wrote. Only `again` may repeat a line."""
        sent, seen_by = [], {}
        for owner, life in enumerate(printed.split(b"\ncut\n")):
            for line in life.split(b"\n")[:-1]:  # behind the last newline: cut in the middle
                mark, _, text = line.partition(b"\t")
                if text not in seen_by:
                    sent.append(text)
                else:
                    self.assertEqual((mark, owner), (b"again", seen_by[text] + 1), text)
                seen_by[text] = owner
        return sent

    def test_an_idle_writer_finds_the_next_owner_without_being_asked(self):
        owner = self.owner()
        writer = self.writer("--as", "idle", "--wait", "1m", stdin=subprocess.PIPE)
        self.await_event(owner, "joined", writer="idle")
        owner.kill()
        owner = self.owner("--until-idle")
        self.await_event(owner, "joined", writer="idle")
        self.assertEqual(writer.end(b"text\n")[0], 0)
        self.assertEqual(self.assert_ended_in_order(owner), b"text\n")

    def test_an_owner_that_is_gone_for_good_is_told_with_the_count(self):
        owner = self.owner("--output", "/dev/full")
        writer = self.writer("--wait", "2s", stdin=subprocess.PIPE)
        writer.write(b"one\ntwo\n")
        self.assertEqual(owner.end()[0], 1)
        self.assert_refused(writer.end(b""), 69, "2 of the 2 lines sent are not applied")

    def test_a_second_run_reclaims_what_a_killed_one_left(self):
        with harness.injects("stale-rendezvous") as fault:
            self.owner().kill()
            fault.fired()
            self.assertTrue(any(self.directory.iterdir()))
            owner = self.owner("--until-idle")
            self.assertEqual(self.write(b"text\n"), (0, []))
            self.assertEqual(self.assert_ended_in_order(owner), b"text\n")

    def test_a_writer_that_is_killed_leaves_a_prefix(self):
        out = self.folder / "out"
        owner = self.owner("--output", out)
        writer = self.writer("--as", "dead", "--input", "/dev/stdin", stdin=subprocess.PIPE)
        writer.write(b"one\ntwo\nhal")
        until(lambda: out.read_bytes() == b"one\ntwo\n", "two lines")
        writer.kill()
        self.await_event(owner, "left", writer="dead", how="died", messages=2)
        owner.signal(signal.SIGTERM)
        status, _, err = owner.end()
        self.assertEqual((status, len(err)), (0, 1), err)  # the warning that a writer died
        self.assertEqual(out.read_bytes(), b"one\ntwo\n")


if __name__ == "__main__":
    harness.main()
