#!/usr/bin/env python3
"""cortado launch: a group from its start to its end, whoever is killed."""
import json
import os
import re
import select
import signal

import harness
from harness import CliTest, lines, until


class Group(CliTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def input(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def endless(self, name):
        """A pipe to give as --input, and a descriptor that keeps it without an end."""
        path = self.folder / name
        os.mkfifo(path)
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, descriptor)
        return path, descriptor

    def printed(self):
        return self.out.read_bytes() if self.out.exists() else b""

    def lines_of(self, name, printed):
        return b"".join(line for line in printed.splitlines(keepends=True)
                        if line.startswith(name.encode() + b" "))

    def places(self, running, **fields):
        """Where the events with these fields stand."""
        return [at for at, event in enumerate(self.events(running))
                if fields.items() <= event.items()]


class Flow(Group):
    def test_every_line_of_several_inputs_arrives_once_and_in_order(self):
        texts = {name: lines(name, 20000) for name in ("anna", "ben", "carla")}
        inputs = [word for name, text in texts.items()
                  for word in ("--input", self.input(name, text))]
        group = self.launch(*inputs, "--output", self.out)
        self.assertEqual(self.assert_ended_in_order(group), b"")
        for name, text in texts.items():
            self.assertEqual(self.lines_of(name, self.printed()), text)
        self.assertEqual(self.printed().count(b"\n"), 60000)

    def test_output_is_emptied_first_so_a_second_run_is_as_the_first(self):
        text = self.input("anna", b"text\n")
        for _ in range(2):
            self.assert_ended_in_order(self.launch("--input", text, "--output", self.out))
            self.assertEqual(self.printed(), b"text\n")

    def test_a_files_name_names_its_writer_made_unique_and_printable(self):
        text = self.input("a\tb", b"text\n")
        group = self.launch("--input", text, "--input", text, "--output", self.out)
        self.assert_ended_in_order(group)
        self.assertEqual(self.printed(), b"text\n" * 2)
        for label in ("a?b", "a?b-2"):
            self.assertTrue(self.has_event(group, "ended", label=label, exit_status=0))

    def test_standard_input_and_output_are_a_writers_and_the_owners(self):
        with open(self.input("anna", b"text\n"), "rb") as text:
            group = self.launch("--input", "-", stdin=text)
        self.assertEqual(self.assert_ended_in_order(group), b"text\n")

    def test_foreign_programs_get_name_number_and_this_program(self):
        group = self.launch(
            "--owner", "sh -c 'exec {self} owner {name} --directory \"$CORTADO_DIRECTORY\" --tag'",
            "--writer", "sh -c 'echo {name} {n} | {self} write {name} --as \"$CORTADO_WRITER\" "
            "--directory \"$CORTADO_DIRECTORY\"'", "--writers", "3")
        out = self.assert_ended_in_order(group)
        self.assertEqual(sorted(out.splitlines()),
                         [b"writer-%d\tlog %d" % (n, n) for n in (1, 2, 3)])

    def test_events_are_json_one_a_line_with_the_documented_keys(self):
        status, out, err = self.run_it(
            "launch", "log", "--directory", self.directory, "--input",
            self.input("anna", b"text\n"), "--output", self.out, "--events", "-").end()
        self.assertEqual((status, err), (0, []))
        events = [json.loads(line) for line in out.splitlines()]
        for event in events:
            self.assertLessEqual({"event", "at_ns", "role", "generation", "expected"},
                                 event.keys())
            self.assertIn(event["role"], ("group", "owner", "writer"))
            self.assertEqual("label" in event, event["role"] != "group")
            self.assertTrue(event["expected"], event)
            if event["event"] == "ended":
                self.assertEqual(event["exit_status"], 0)
        at = [event["at_ns"] for event in events]
        self.assertEqual(at, sorted(at))
        kinds = [(event["event"], event.get("label")) for event in events]
        self.assertEqual(kinds[0], ("started", "owner"))
        self.assertEqual(kinds[-1], ("stopped", None))
        for kind in (("started", "anna"), ("ended", "anna"), ("stopping", None),
                     ("ended", "owner")):
            self.assertIn(kind, kinds)


class Failure(Group):
    def assert_group_failed(self, group, *words):
        """Exit status 1; one line by the launcher itself; the rest is its log."""
        status, _, err = group.end()
        own = [line for line in err if line.startswith("cortado launch: ")]
        self.assertEqual((status, len(own), err[-1:]), (1, 1, own), err)
        for word in words:
            self.assertIn(word, own[0])

    def test_a_writer_that_fails_is_named(self):
        group = self.launch("--writer", "sh -c 'exit 3'", "--writer", "true")
        self.assert_group_failed(group, "'log'", "writer 'writer-1' ended with exit status 3")
        self.assertTrue(self.has_event(group, "ended", label="writer-1", exit_status=3,
                                       expected=False))
        self.assertTrue(self.has_event(group, "gave_up", label="writer-1"))
        self.assertTrue(self.has_event(group, "ended", label="writer-2", expected=True))

    def test_a_writer_that_is_killed_is_named_with_its_signal(self):
        group = self.launch("--writer", "sh -c 'kill -KILL $$'")
        self.assert_group_failed(group, "writer 'writer-1' was ended by SIGKILL")
        self.assertTrue(self.has_event(group, "ended", label="writer-1", signal=9))

    def test_an_owner_that_cannot_write_ends_the_group(self):
        group = self.launch("--input", self.input("anna", b"text\n"), "--output", "/dev/full",
                            "--grace", "1s")
        self.assert_group_failed(group, "owner 'owner' ended with exit status 1")

    def test_a_program_that_fails_too_often_is_given_up(self):
        group = self.launch("--writer", "sh -c 'exit 3'", "--restart", "on-failure",
                            "--max-restarts", "2", "--within", "1h")
        self.assert_group_failed(group, "writer-1")
        self.assertEqual(len(self.places(group, event="restarted", label="writer-1")), 2)
        self.assertTrue(self.has_event(group, "gave_up", label="writer-1"))

    def test_a_program_that_fails_once_is_started_again_and_all_is_well(self):
        flag = self.folder / "flag"
        group = self.launch("--writer", f"sh -c 'test -e {flag} || {{ touch {flag}; exit 3; }}'",
                            "--restart", "on-failure")
        status, _, err = group.end()
        self.assertEqual((status, len(err)), (0, 1), err)  # the warning that it failed
        self.assertEqual(len(self.places(group, event="restarted")), 1)


class Death(Group):
    def test_an_owner_that_is_killed_has_a_successor_and_nothing_is_lost(self):
        with harness.injects("owner-killed-alone") as fault:
            text = lines("w", 200000)
            pipe, descriptor = self.endless("last")  # so that there is an owner to kill each time
            kills = 5
            group = self.launch("--input", self.input("text", text), "--input", pipe, "--output",
                                self.out, "--restart", "on-failure", "--max-restarts", kills, "--owner",
                                f"{{self}} owner {{name}} --directory {self.directory} "
                                "--mark-redelivered")
            self.await_event(group, "started", role="owner")
            for generation in range(1, kills + 1):
                size = len(self.printed())
                until(lambda: len(self.printed()) > size + 100000 or
                      self.has_event(group, "ended", label="text"), "100,000 bytes more")
                owner = [event for event in self.events(group)
                         if event["event"] in ("started", "restarted") and event["role"] == "owner"]
                os.kill(owner[-1]["pid"], signal.SIGKILL)
                fault.fired()
                self.await_event(group, "restarted", role="owner", generation=generation + 1)
            self.await_event(group, "ended", label="text")
            os.write(descriptor, b"last\n")
            until(lambda: self.printed().endswith(b"\tlast\n"), "the last line")
            group.signal(signal.SIGTERM)
            status, _, err = group.end()
            self.assertEqual(status, 0, err)
            self.assertEqual(self.effect(self.printed(), b"last"), text.splitlines())

    def effect(self, printed, besides):
        """What was sent. Only `again` may repeat a line; a line that a kill cut is no line."""
        sent, seen = [], set()
        for line in printed.split(b"\n"):
            mark, tab, text = re.split(rb"(?=again\t|new\t)", line)[-1].partition(b"\t")
            if not tab or text == besides:
                continue
            if text not in seen:
                sent.append(text)
                seen.add(text)
            else:
                self.assertEqual(mark, b"again", text)
        return sent

    def test_nobody_outlives_a_launcher_that_is_killed(self):
        with harness.injects("keeper-killed") as fault:
            pid = self.folder / "pid"
            pipe, _ = self.endless("anna")
            group = self.launch("--input", pipe, "--writer",
                                f"sh -c 'sleep 1000 & echo $! >{pid}.new; mv {pid}.new {pid}; wait'")
            until(pid.exists, "a writer's own child")
            pids = [event["pid"] for event in self.events(group) if event["event"] == "started"]
            self.assertEqual(len(pids), 3)
            processes = [os.pidfd_open(each) for each in (*pids, int(pid.read_text()))]
            group.kill()
            fault.fired()
            for process in processes:
                self.assertTrue(select.select([process], [], [], harness.WATCHDOG)[0], "an orphan")
                os.close(process)


class Signals(Group):
    def test_the_first_signal_stops_writers_first_then_the_owner(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            pipe, descriptor = self.endless(f"anna-{number}")
            group = self.launch("--input", pipe, "--output", self.out)
            os.write(descriptor, b"text\n")
            until(lambda: self.printed() == b"text\n", "the line")
            group.signal(number)
            self.assert_ended_in_order(group)
            order = [self.places(group, **fields) for fields in (
                {"event": "stopping"}, {"event": "ended", "role": "writer", "exit_status": 0},
                {"event": "ended", "role": "owner", "exit_status": 0}, {"event": "stopped"})]
            self.assertEqual([len(each) for each in order], [1] * 4)
            self.assertEqual(order, sorted(order))
            self.out.unlink()

    def test_a_signal_in_a_big_transfer_leaves_whole_lines_from_the_start(self):
        text = lines("w", 200000)
        group = self.launch("--input", self.input("text", text), "--output", self.out)
        until(lambda: len(self.printed()) > 1000, "the first lines")
        group.signal(signal.SIGINT)
        self.assert_ended_in_order(group)
        self.assertTrue(self.printed().endswith(b"\n"))
        self.assertEqual(self.printed(), text[:len(self.printed())])

    def test_a_second_signal_kills(self):
        ready = self.folder / "ready"
        group = self.launch("--grace", "1h", "--writer",
                            f"sh -c 'trap \"\" TERM; touch {ready}; sleep 1000'")
        until(ready.exists, "a writer that does not care")
        group.signal(signal.SIGINT)
        self.await_event(group, "stopping")
        group.signal(signal.SIGINT)
        status, _, err = group.end()
        self.assertEqual(status, 1)
        self.assertIn("second signal", err[-1])
        self.assertTrue(self.has_event(group, "ended", label="writer-1", signal=9))
        self.assertEqual(self.events(group)[-1]["event"], "stopped")

    def test_a_writer_that_does_not_end_is_killed_after_its_grace(self):
        ready = self.folder / "ready"
        group = self.launch("--grace", "100ms", "--writer",
                            f"sh -c 'trap \"\" TERM; touch {ready}; sleep 1000'")
        until(ready.exists, "a writer that does not care")
        group.signal(signal.SIGTERM)
        status, _, err = group.end()
        self.assertEqual(status, 1)
        self.assertIn("writer 'writer-1' was ended by SIGKILL", err[-1])


if __name__ == "__main__":
    harness.main()
