#!/usr/bin/env python3
"""Names, options and input that cannot be: one line that says so, and an exit status."""
import os
import subprocess

import harness
from harness import CliTest


class BadInput(CliTest):
    def test_a_name_that_is_taken_is_refused(self):
        with harness.injects("owner-stopped-second-starts") as fault:
            owner = self.owner()
            second = self.run_it("owner", "log", "--directory", self.directory)
            self.assert_refused(second.end(), 73, "log")
            with owner.stopped():  # a stopped owner is no dead owner
                second = self.run_it("owner", "log", "--directory", self.directory)
                self.assert_refused(second.end(), 73, "log")
            self.stop(owner)
            fault.fired()

    def test_no_owner_there_is_told(self):
        self.assert_refused(self.write(b"text\n", "--wait", "50ms"), 69, "log")

    def test_an_owner_that_does_not_answer_is_told(self):
        owner = self.owner()
        with owner.stopped():
            self.assert_refused(self.write(b"text\n", "--wait", "50ms"), 75, "log", "stopped")
        self.stop(owner)

    def test_names_that_cannot_be_are_refused(self):
        for name in ("a/b", "../log", "", ".hidden", "x" * 65, "a\nb"):
            for command in ("owner", "write"):
                got = self.run_it(command, "--directory", self.directory, "--name", name).end()
                self.assert_refused(got, 64)

    def test_command_lines_that_cannot_be_are_refused(self):
        for args in (["--unknown"], ["--ring", "5000"], ["--ring", "1T"], ["--ring", "x"],
                     ["--max-writers", "0"], ["--max-writers", "65537"], ["--events", "-"]):
            got = self.run_it("owner", "log", "--directory", self.directory, *args).end()
            self.assert_refused(got, 64)
        for args in (["--unknown"], ["--wait", "5"], ["--wait", "x"], ["--wait", "-1s"],
                     ["--wait", "1e99h"], ["--wait", "infs"], ["--wait", ""]):
            self.assert_refused(self.write(b"", *args), 64)
        owner = self.owner()
        for name in ("x" * 64, "a\tb", "a\n"):  # a tab could forge a column
            self.assert_refused(self.write(b"", "--as", name), 64, "name")
        self.stop(owner)
        self.assert_refused(self.run_it("unheard-of").end(), 64)
        self.assert_refused(self.run_it().end(), 64)

    def test_input_that_cannot_be_read_is_told(self):
        self.assert_refused(self.write(b"", "--input", "/nowhere/file"), 65, "/nowhere/file")
        owner = self.owner()
        self.assert_refused(self.write(b"", "--input", self.folder), 65, str(self.folder))
        got = self.writer(stdin=None, preexec_fn=lambda: os.close(0)).end()
        self.assert_refused(got, 65, "standard input", "Bad file descriptor")
        self.stop(owner)

    def test_a_line_that_is_too_long_is_told_with_number_length_and_limit(self):
        owner = self.owner("--ring", "4K")
        data = b"good\n" + b"b" * 5000 + b"\nnever sent\n"
        self.assert_refused(self.write(data), 65, "line 2 ", "5000 bytes", "4080", "--ring 8192",
                            "all lines before it are applied")
        self.assertEqual(self.stop(owner), b"good\n")

    def test_a_line_without_end_is_told_in_bounded_memory(self):
        owner = self.owner("--ring", "4K")
        self.assert_refused(self.write(b"", "--input", "/dev/zero"), 65, "line 1 ", "at least")
        self.stop(owner)

    def test_a_writer_name_in_use_is_refused(self):
        with harness.injects("name-taken-twice") as fault:
            owner = self.owner()
            first = self.writer("--as", "anna", stdin=subprocess.PIPE)
            self.await_event(owner, "joined", writer="anna")
            self.assert_refused(self.write(b"text\n", "--as", "anna"), 73, "anna")
            fault.fired()
            self.assertEqual(first.end(b"")[0], 0)
            self.stop(owner)

    def test_one_writer_too_many_is_refused(self):
        with harness.injects("too-many-writers") as fault:
            owner = self.owner("--max-writers", "1")
            first = self.writer(stdin=subprocess.PIPE)
            self.await_event(owner, "joined")
            self.assert_refused(self.write(b"text\n"), 75, "1 writers")
            fault.fired()
            self.assertEqual(first.end(b"")[0], 0)
            self.stop(owner)


if __name__ == "__main__":
    harness.main()
