#!/usr/bin/env python3
"""cortado launch: groups that cannot be, told in one line before anything runs."""
import os

import harness
from harness import CliTest


class Refused(CliTest):
    def refused(self, args, status, *words):
        self.assert_refused(self.launch(*args).end(), status, *words)
        self.assertEqual(list(self.directory.glob("*.sock")), [])

    def test_command_lines_that_cannot_be(self):
        good = ["--input", "/dev/null"]
        for args, words in (
                (["--unknown", *good], ["--unknown"]),
                ([], ["'log'", "--input", "--writer"]),
                (["--writers", "0", *good], ["--writers"]),
                (["--writers", "65537", *good], ["--writers"]),
                (["--restart", "always", *good], ["--restart", "always"]),
                (["--max-restarts", "-1", *good], ["--max-restarts"]),
                (["--writer", "a 'b"], ["a 'b", "quote"]),
                (["--owner", 'a "b', *good], ['a "b', "quote"]),
                (["--writer", " "], ["empty command"]),
                (["--input", "-", "--writers", "2"], ["--input -", "one writer"])):
            self.refused(args, 64, *words)

    def test_durations_that_cannot_be(self):
        for option in ("--within", "--grace"):
            for value in ("-1s", "1e99h", "x", "5", "1y", "nans", "9000000h"):
                self.refused([option, value, "--input", "/dev/null"], 64, option, value)
        self.refused(["--within", "0s", "--input", "/dev/null"], 64, "--within")

    def test_names_that_cannot_be(self):
        for name in ("a/b", "", ".hidden", "x" * 65):
            got = self.run_it("launch", "--name", name, "--directory", self.directory, "--input",
                              "/dev/null").end()
            self.assert_refused(got, 64)

    def test_events_and_messages_cannot_share_standard_output(self):
        got = self.run_it("launch", "log", "--directory", self.directory, "--events", "-",
                          "--input", "/dev/null").end()
        self.assert_refused(got, 64, "--output")

    def test_input_that_cannot_be_read(self):
        self.refused(["--input", "/nowhere/file"], 65, "/nowhere/file", "No such file")
        self.refused(["--input", self.folder], 65, str(self.folder), "Is a directory")

    def test_files_that_cannot_be_written(self):
        self.refused(["--input", "/dev/null", "--output", "/nowhere/out"], 73, "/nowhere/out")
        got = self.run_it("launch", "log", "--directory", self.directory, "--events",
                          "/nowhere/events", "--input", "/dev/null").end()
        self.assert_refused(got, 73, "/nowhere/events")

    def test_programs_that_are_not_there(self):
        self.refused(["--writer", "no-such-program"], 69, "writer-1", "no-such-program")
        self.refused(["--owner", "no-such-program", "--input", "/dev/null"], 69, "owner",
                     "no-such-program")
        self.refused(["--writer", "/dev/null"], 69, "/dev/null", "Permission denied")
        got = self.launch("--input", "/dev/null", environment={"CORTADO_SHIM": "/nowhere/shim"})
        self.assert_refused(got.end(), 69, "/nowhere/shim")

    def test_a_name_that_is_taken_by_an_owner_or_a_group_awake_or_stopped(self):
        read_end, write_end = os.pipe()
        for taker in (self.owner(), None):
            if taker is None:  # the second time: a group
                taker = self.launch("--input", "-", stdin=read_end)
                self.await_event(taker, "started", role="writer")
            args = ("launch", "log", "--directory", self.directory, "--input", "/dev/null")
            self.assert_refused(self.run_it(*args).end(), 73, "log")
            with taker.stopped():
                self.assert_refused(self.run_it(*args).end(), 73, "log")
            self.stop(taker)
        os.close(read_end)
        os.close(write_end)

    def test_a_directory_that_others_can_write_to(self):
        self.directory.chmod(0o777)
        self.refused(["--input", "/dev/null"], 77, str(self.directory))

    def test_standard_input_from_a_terminal(self):
        terminal, end = os.openpty()
        got = self.launch("--input", "-", stdin=end).end()
        self.assert_refused(got, 64, "--input -")
        os.close(terminal)
        os.close(end)


if __name__ == "__main__":
    harness.main()
