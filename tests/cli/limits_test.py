#!/usr/bin/env python3
"""No descriptor, memory or disk left: told in one line, by who asked for it."""
import os
import resource
import subprocess

import harness
from harness import CliTest, lines, until


def limit(what, to):
    """For preexec_fn."""
    return lambda: resource.setrlimit(what, (to, to))


class Limits(CliTest):
    def test_an_output_beyond_the_file_size_limit_is_told(self):
        with harness.injects("limits-hit") as fault:
            owner = self.owner("--output", self.folder / "out",
                               preexec_fn=limit(resource.RLIMIT_FSIZE, 1 << 21))
            (self.folder / "text").write_bytes(lines("w", 50000))
            writer = self.writer("--wait", "2s", "--input", self.folder / "text")
            self.assert_refused(owner.end(), 1, "File too large")
            fault.fired()
            self.assert_refused(writer.end(), 69, "applied")

    def test_a_descriptor_limit_that_is_too_low_is_told(self):
        with harness.injects("no-descriptors") as fault:
            got = self.run_it("owner", "log", "--directory", self.directory,
                              preexec_fn=limit(resource.RLIMIT_NOFILE, 6)).end()
            self.assert_refused(got, 73, "ulimit -n")
            fault.fired()

    def test_an_output_that_cannot_be_opened_is_told(self):
        got = self.run_it("owner", "log", "--directory", self.directory, "--output",
                          "/nowhere/out").end()
        self.assert_refused(got, 73, "/nowhere/out")

    def test_a_launcher_with_too_few_descriptors_is_told(self):
        got = self.run_it("launch", "log", "--directory", self.directory, "--input", "/dev/null",
                          preexec_fn=limit(resource.RLIMIT_NOFILE, 20)).end()
        self.assert_refused(got, 73, "ulimit -n")

    def test_a_writer_with_too_few_descriptors_is_told(self):
        with harness.injects("no-descriptors") as fault:
            owner = self.owner()
            got = self.writer(preexec_fn=limit(resource.RLIMIT_NOFILE, 6)).end()
            self.assert_refused(got, 73, "ulimit -n")
            fault.fired()
            self.stop(owner)

    def test_a_writer_too_many_for_the_owners_descriptors_is_told_and_the_others_go_on(self):
        with harness.injects("no-descriptors") as fault:
            owner = self.owner(preexec_fn=limit(resource.RLIMIT_NOFILE, 24))
            writers = []
            while True:
                writer = self.writer("--as", f"w{len(writers)}", stdin=subprocess.PIPE)
                until(lambda: writer.process.poll() is not None or
                      self.has_event(owner, "joined", writer=f"w{len(writers)}"), "joined or refused")
                if writer.process.poll() is not None:
                    break
                writers.append(writer)
            self.assert_refused(writer.end(), 73, "ulimit -n")
            fault.fired()
            self.assertGreater(len(writers), 1)
            for writer in writers:
                self.assertEqual(writer.end(b"text\n")[0], 0)
            self.assertEqual(self.stop(owner), b"text\n" * len(writers))

    def test_a_ring_that_does_not_fit_into_the_owners_memory_is_told_to_the_writer(self):
        with harness.injects("no-memory-for-a-lane") as fault:
            owner = self.owner("--ring", "2G", preexec_fn=limit(resource.RLIMIT_AS, 1 << 29))
            self.assert_refused(self.write(b"text\n"), 73, "memory", "smaller rings")
            fault.fired()
            self.assertEqual(self.stop(owner), b"")

    def test_a_ring_that_does_not_fit_into_the_writers_memory_is_told(self):
        with harness.injects("limits-hit") as fault:
            owner = self.owner("--ring", "128M")
            got = self.writer(preexec_fn=limit(resource.RLIMIT_AS, 1 << 27)).end()
            self.assert_refused(got, 73, "memory")
            fault.fired()
            owner.signal(15)
            self.assertEqual(owner.end()[0], 0)  # it warns of the writer

    def test_a_ring_beyond_the_file_size_limit_is_told(self):
        with harness.injects("limits-hit") as fault:
            owner = self.owner("--ring", "4M", preexec_fn=limit(resource.RLIMIT_FSIZE, 1 << 20))
            self.assert_refused(self.write(b"text\n"), 73, "ulimit -f")
            fault.fired()
            self.stop(owner)

    def test_a_closed_standard_output_takes_no_other_files_place(self):
        owner = self.owner(stdout=None, preexec_fn=lambda: os.close(1))
        writer = self.writer("--wait", "1m", stdin=subprocess.PIPE)
        writer.write(b"text\n")
        self.assert_refused(owner.end(), 1, "standard output", "Bad file descriptor")
        owner = self.owner("--until-idle")
        self.assertEqual(writer.end(b"")[0], 0)
        self.assertEqual(self.assert_ended_in_order(owner), b"text\n")


if __name__ == "__main__":
    harness.main()
