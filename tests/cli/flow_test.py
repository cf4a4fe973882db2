#!/usr/bin/env python3
"""cortado owner and cortado write: what is sent is what is printed."""
import subprocess

import harness
from harness import CliTest, lines, of_writer


class Flow(CliTest):
    def test_every_line_of_several_writers_arrives_whole_once_and_in_order(self):
        owner = self.owner("--tag", "--until-idle")
        texts = {f"w{i}": lines(f"w{i}", 20000) for i in range(4)}
        files = {name: self.folder / name for name in texts}
        for name, text in texts.items():
            files[name].write_bytes(text)
        gate = self.writer("--as", "gate", stdin=subprocess.PIPE)  # holds --until-idle back
        self.await_event(owner, "joined", writer="gate")
        writers = [self.writer("--as", name, "--input", path) for name, path in files.items()]
        for writer in writers:
            self.assert_ended_in_order(writer)
        self.assertEqual(gate.end(b"")[0], 0)
        out = self.assert_ended_in_order(owner)
        for name, text in texts.items():
            self.assertEqual(of_writer(name, out), text)
        self.assertEqual(out.count(b"\n"), 80000)

    def test_bytes_that_are_no_text_and_a_last_line_without_newline_arrive(self):
        owner = self.owner("--until-idle")
        data = bytes(range(256)) * 300 + b"\n\n\n\0\xff"
        self.assertEqual(self.write(data), (0, []))
        self.assertEqual(self.assert_ended_in_order(owner), data + b"\n")

    def test_no_input_is_no_message(self):
        owner = self.owner("--until-idle")
        self.assertEqual(self.write(b""), (0, []))
        self.assertEqual(self.assert_ended_in_order(owner), b"")

    def test_lines_longer_than_what_is_read_at_once_arrive(self):
        owner = self.owner("--until-idle", "--ring", "4M")
        data = (b"a" * (1 << 20) + b"\n") * 5
        self.assertEqual(self.write(data), (0, []))
        self.assertEqual(self.assert_ended_in_order(owner), data)

    def test_output_is_appended_to_the_file(self):
        out = self.folder / "out"
        for text in (b"one\n", b"two\n"):
            owner = self.owner("--until-idle", "--output", out)
            self.assertEqual(self.write(text), (0, []))
            self.assertEqual(self.assert_ended_in_order(owner), b"")
        self.assertEqual(out.read_bytes(), b"one\ntwo\n")

    def test_half_a_line_of_an_owner_that_was_killed_is_ended_first(self):
        out = self.folder / "out"
        out.write_bytes(b"whole\nha")
        owner = self.owner("--until-idle", "--output", out)
        self.assertEqual(self.write(b"half\n", "--as", "w")[0], 0)
        self.assert_ended_in_order(owner)
        self.assertEqual(out.read_bytes(), b"whole\nha\nhalf\n")

    def test_a_writer_waits_for_an_owner_that_comes_later(self):
        writer = self.writer("--wait", "1m", stdin=subprocess.PIPE)
        owner = self.owner("--until-idle")
        self.assertEqual(writer.end(b"early\n")[0], 0)
        self.assertEqual(self.assert_ended_in_order(owner), b"early\n")


if __name__ == "__main__":
    harness.main()
