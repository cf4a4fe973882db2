#!/usr/bin/env python3
"""What somebody sees who meets the program for the first time."""
import os
import signal
import subprocess

import harness
from harness import CliTest, read_until, until


COMMANDS = ("bench", "compare", "demo", "faults", "launch", "owner", "report", "run", "verdict", "write")


class Terminal(CliTest):
    def test_progress_is_shown_on_a_terminal_when_it_takes_long(self):
        owner = self.owner()
        terminal, end = os.openpty()
        writer = self.writer("--input", "/dev/stdin", stdin=subprocess.PIPE, stderr=end)
        os.close(end)
        self.await_event(owner, "joined")
        with owner.stopped():  # so that it takes long
            writer.write(b"text\n")
            writer.close_input()
            read_until(terminal, b"0 lines applied")
        read_until(terminal, b"\r\x1b[K")  # its line is gone in the end
        self.assertEqual(writer.end()[0], 0)
        os.close(terminal)
        self.stop(owner)

    def test_progress_of_an_owner_is_shown_on_a_terminal(self):
        terminal, end = os.openpty()
        owner = self.owner(stderr=end)
        os.close(end)
        writer = self.writer(stdin=subprocess.PIPE)
        writer.write(b"text\n")
        until(lambda: owner.printed() == b"text\n", "the line")
        read_until(terminal, b"1 messages")
        self.assertEqual(writer.end(b"")[0], 0)
        owner.signal(signal.SIGTERM)
        self.assertEqual(owner.end()[0], 0)
        os.close(terminal)


class NewUser(CliTest):
    def shown(self, *args):
        status, out, err = self.run_it(*args).end()
        self.assertEqual((status, err), (0, []))
        return out.decode()

    def test_help_names_every_command_and_each_has_its_own(self):
        self.assertTrue(all(word in self.shown("--help") for word in COMMANDS))
        for command in COMMANDS:
            text = self.shown(command, "--help")
            for word in (f"cortado {command}", "Exit status: 0 ", "Examples:", "Ctrl-C"):
                self.assertIn(word, text)

    def test_an_unknown_option_is_named_whatever_stands_beside_it(self):
        for command in (["owner", "log"], ["run", "--mode", "thread-race"], ["compare"], ["demo"]):
            got = self.run_it(*command, "--wrters", "3").end()
            self.assert_refused(got, 64, "unknown option --wrters", f"cortado {command[0]} --help")
        self.assert_refused(self.run_it("demo", "x").end(), 64, "one argument too many: x")

    def test_version(self):
        self.assertRegex(self.shown("--version"), r"^cortado \d+\.\d+\.\d+\n$")

    def test_help_that_cannot_be_shown_is_an_error(self):
        with open("/dev/full", "wb") as full:
            got = self.run_it("--help", stdout=full).end()
        self.assert_refused(got, 1, "standard output")

    def test_a_slip_of_the_pen_is_what_is_told(self):
        for args, words in (((), ["no command", "--help"]), (("ownr",), ["unknown command ownr"]),
                            (("--versoin",), ["--versoin"]), (("owner",), ["NAME is missing"]),
                            (("write", "--inptu", "x"), ["--inptu", "cortado write --help"]),
                            (("owner", "log", "more"), ["more", "cortado owner --help"])):
            self.assert_refused(self.run_it(*args).end(), 64, *words)


if __name__ == "__main__":
    harness.main()
