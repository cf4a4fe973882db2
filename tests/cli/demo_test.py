#!/usr/bin/env python3
"""cortado demo: the story that it tells, and that it holds."""
import json
import os
import pathlib
import re
import signal
import subprocess
import unicodedata

import harness
from harness import CliTest, read_until, until

# The intruder is to be ended by the kernel, also where a sanitizer would explain its signal away.
for sanitizer in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
    os.environ[sanitizer] = ":".join(filter(None, (os.environ.get(sanitizer), "handle_segv=0")))

MODES = ["thread-race", "process-race", "thread-mutex", "process-mutex", "thread-ring",
         "process-ring"]
RACES = MODES[:2]
ORDERS = ["Choca", "Mocha with Milk", "Banana Shake", "Tea no sugar"]
FAST = ("--letter-delay", "1ms")


def chapters(text):
    """Mode: its lines."""
    found = {}
    for part in text.split("\n\n"):
        name = part.split(":")[0]
        if name in MODES:
            found[name] = part.splitlines()
    return found


def row(lines, label):
    """What stands between the bars behind that label."""
    line = next(line for line in lines if line.startswith(f"  {label} "))
    return re.search(r"\|(.*)\|", line).group(1)


def masked(text):
    """Without pids and addresses, and without the line breaks that depend on their length."""
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r"\(pids? [0-9,\s]+\)", "(PIDS)", text)
    return " ".join(re.sub(r"pid \d+", "PID", text).split())


def descendants(pid):
    """Of a process, by their pids."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if parent == pid:
            found += [int(folder.name), *descendants(int(folder.name))]
    return found


def is_member(pid):
    try:
        return b"cortado-member" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


class DemoTest(CliTest):
    def demo(self, *args, **more):
        return self.run_it("demo", *args, **more)

    def told(self, *args, status=0):
        got, out, err = self.demo(*FAST, *args).end()
        self.assertEqual((got, err), (status, []), out)
        return out.decode()


class Story(DemoTest):
    def test_the_six_modes_are_told_and_the_end_is_a_question(self):
        text = self.told()
        self.assertEqual(list(chapters(text)), MODES)
        self.assertIn("cortado compare --writers 1,2,4,8", text)
        for order in ORDERS:
            self.assertIn(order, text)

    def test_races_are_garbled_and_the_others_are_whole(self):
        for mode, lines in chapters(self.told()).items():
            cup = row(lines, "cup")
            self.assertEqual(len(cup), 16)
            self.assertEqual(cup.rstrip() in ORDERS, mode not in RACES, lines)
            self.assertIn("garbled" if mode in RACES else "whole: dino's order", lines[1])
            self.assertIn("applied 4, rejected 0", lines[-1])
            self.assertIn("torn 1" if mode in RACES else "torn 0, lost 0", lines[-1])

    def test_every_letter_has_its_writer(self):
        for lines in chapters(self.told()).values():
            cup, by, over = (row(lines, label) for label in ("cup", "by", "over"))
            for cell, writer in enumerate(by):
                order = ORDERS["abcd".index(writer)].ljust(16)
                self.assertEqual(cup[cell], order[cell])
                self.assertIn(over[cell], "abcd")
                self.assertNotEqual(over[cell], writer)

    def test_the_same_seed_tells_the_same_story(self):
        first, second = self.told("--seed", 7), self.told("--seed", 7)
        self.assertEqual(masked(first), masked(second))
        rows = [[(row(lines, "cup"), row(lines, "by"), row(lines, "over"))
                 for lines in chapters(text).values()] for text in (first, second)]
        self.assertEqual(rows[0], rows[1])
        self.assertEqual(rows[0][0], rows[0][1])  # both races

    def test_another_seed_garbles_otherwise(self):
        cups = {row(chapters(self.told("--seed", seed, "--modes", "thread-race"))["thread-race"],
                    "cup") for seed in range(5)}
        self.assertEqual(len(cups), 5)

    def test_modes_can_be_chosen(self):
        text = self.told("--modes", "process-ring,thread-race,thread-race")
        self.assertEqual(list(chapters(text)), ["thread-race", "process-ring"])

    def test_help_teaches(self):
        text = self.told("--help")
        for word in ("cortado demo", "--live", "Exit status: 0 ", "Examples:", "Ctrl-C", *MODES):
            self.assertIn(word, text)


class Place(DemoTest):
    def test_a_race_of_processes_has_one_buffer_at_many_addresses(self):
        lines = chapters(self.told("--modes", "process-race"))["process-race"]
        found = [re.match(r"\s+(\w+), pid (\d+), at 0x[0-9a-f]+$", line) for line in lines]
        writers = {match.group(1): match.group(2) for match in found if match}
        self.assertEqual(list(writers), ["anna", "ben", "carla", "dino"])
        self.assertEqual(len(set(writers.values())), 4)

    def test_threads_are_all_in_one_process(self):
        for mode in ("thread-mutex", "thread-ring"):
            text = masked(self.told("--modes", mode))
            self.assertRegex(text, "PID, at ADDRESS; all 4 writers are threads")

    def test_an_intruder_is_ended_by_the_kernel(self):
        text = self.told("--modes", "process-ring")
        plain = " ".join(text.split())
        self.assertRegex(masked(text), r"in the owner's process, PID, at ADDRESS, alone; "
                                       r"the writers \(PIDS\) have it nowhere")
        self.assertRegex(plain, r"intruder a process, pid \d+, that reads at this address")
        self.assertIn("its own memory map has nothing there, so the kernel ended it by SIGSEGV",
                      plain)
        self.assertIn("all 4 writers finished", plain)


class Orders(DemoTest):
    def test_what_is_longer_than_the_buffer_is_rejected_first(self):
        text = self.told("--buffer", 8)
        self.assertIn("Rejected before the first letter", text)
        for who in ("ben (15)", "carla (12)", "dino (12)"):
            self.assertIn(who, text)
        for lines in chapters(text).values():
            self.assertEqual((row(lines, "cup"), row(lines, "by"), row(lines, "over")),
                             ("Choca   ", "a" * 8, "." * 8))
            self.assertIn("applied 1, rejected 3; torn 0, lost 0", lines[-1])

    def test_if_nothing_fits_the_cup_stays_blank(self):
        for lines in chapters(self.told("--buffer", 4)).values():
            self.assertEqual((row(lines, "cup"), row(lines, "by")), (" " * 4, "." * 4))
            self.assertIn("applied 0, rejected 4", lines[-1])

    def test_empty_orders_are_blank_cups_and_whole(self):
        for lines in chapters(self.told("--order", "", "--order", "")).values():
            self.assertEqual(row(lines, "cup"), " " * 16)
            self.assertIn("whole", lines[1])

    def test_one_writer_has_nobody_to_race_with(self):
        for lines in chapters(self.told("--order", "Flat White")).values():
            self.assertEqual(row(lines, "cup"), "Flat White".ljust(16))

    def test_an_order_is_taken_as_it_is(self):
        text = self.told("--order", "[x,y]", "--order", "{}", "--order=--seed", "--order", "a,b",
                         "--order", "%%", "--modes", "thread-mutex")
        for line in ("a  anna       [x,y]", "b  ben        {}", "c  carla      --seed",
                     "d  dino       a,b", "e  writer-5   %%"):
            self.assertIn(line, text)

    def test_characters_of_several_bytes_are_letters_of_a_byte_each(self):
        text = self.told("--order", "Caffè", "--order", "ßüß", "--buffer", 6)
        self.assertIn("Caffè", text)
        for mode, lines in chapters(text).items():
            cup, by, over = (row(lines, label) for label in ("cup", "by", "over"))
            self.assertEqual(len(by), len(cup))
            self.assertEqual(len(over), len(cup))
            letters = re.findall(r"\\x[0-9a-f]{2}|.", cup)
            self.assertEqual(len(letters), 6)
            self.assertTrue(cup.isascii(), cup)
            at = 0
            for letter in letters:  # initials stand below the first column of theirs
                self.assertIn(by[at], "ab")
                at += len(letter)
            if mode not in RACES:
                self.assertIn(cup, ("Caff\\xc3\\xa8", "\\xc3\\x9f\\xc3\\xbc\\xc3\\x9f"))

    def test_nothing_in_an_order_steers_a_terminal(self):
        text = self.told("--order", "\x1b[2J\a\n\r", "--order", "\u009b2J\u202e",
                         "--order", b"\xff\xc3\x7f", "--modes", "thread-race,thread-mutex")
        steering = [letter for letter in text
                    if unicodedata.category(letter) in ("Cc", "Cf") and letter != "\n"]
        self.assertEqual(steering, [])
        self.assertIn("\\x1b[2J\\x07\\x0a\\x0d", text)


class Live(DemoTest):
    def test_runs_are_counted_and_their_rate_is_told(self):
        for mode, lines in chapters(self.told("--live", 5)).items():
            text = " ".join(" ".join(lines).split())
            if mode in RACES:
                # How many is up to the scheduler, and the digits follow from that.
                self.assertRegex(text, r"garbled in \d of 5 runs: (between [\d.]+ % and [\d.]+ % "
                                       r"of all runs, )?with 95 % confidence")
            else:
                self.assertIn("garbled in 0 of 5 runs: with 95 % confidence at most 45.1 %", text)

    def test_a_seed_has_no_say_in_it(self):
        self.assert_refused(self.demo("--live", 5, "--seed", 1).end(), 64, "--live", "--seed")


class Figures(DemoTest):
    def check(self, text, runs):
        figures = json.loads(text)
        self.assertEqual(figures["schema"], "cortado-demo-1")
        self.assertEqual(figures["context"]["options"]["orders"], ORDERS)
        self.assertEqual(len(figures["runs"]), runs)
        for run in figures["runs"]:
            self.assertTrue(run["story"]["as_told"])
            self.assertEqual(run["story"]["whole"] is None, run["mode"] in RACES)
            self.assertEqual(len(run["story"]["by"]), 16)
            self.assertEqual(run["ledger"]["sent"], 4)
            self.assertEqual(run["intruder"] is not None, run["mode"] == "process-ring")

    def test_go_to_a_file_beside_the_story(self):
        path = self.folder / "figures.json"
        self.assertIn("garbled", self.told("--json", path))
        self.check(path.read_text(), 6)

    def test_or_to_standard_output_instead_of_it(self):
        self.check(self.told("--json", "-", "--live", 2, "--modes", "thread-mutex"), 2)

    def test_are_refused_where_they_cannot_be_written(self):
        got = self.demo("--json", self.folder / "none" / "x").end()
        self.assert_refused(got, 73, "none/x")


class Terminal(DemoTest):
    def shown(self, **environment):
        """What a terminal shows, and nothing is on standard error."""
        terminal, end = os.openpty()
        running = self.demo(*FAST, "--modes", "thread-race,process-ring", stdout=end,
                            environment={"NO_COLOR": "", "TERM": "xterm", **environment})
        os.close(end)
        text = b""
        while True:
            try:
                more = os.read(terminal, 4096)
            except OSError:  # everybody has closed it
                break
            if not more:
                break
            text += more
        os.close(terminal)
        status, _, err = running.end()
        self.assertEqual((status, err), (0, []))
        return text

    def test_each_writer_has_a_colour(self):
        text = self.shown()
        colours = set(re.findall(rb"\x1b\[(\d+)m[abcd]\x1b\[0m", text))
        self.assertEqual(len(colours), 4, text)

    def test_progress_is_shown_while_a_mode_takes_long(self):
        terminal, end = os.openpty()
        running = self.demo("--modes", "thread-ring", "--letter-delay", "30ms", stderr=end)
        os.close(end)
        read_until(terminal, b"thread-ring")
        read_until(terminal, b"\r\x1b[K")  # its line is gone in the end
        self.assertEqual(running.end()[0], 0)
        os.close(terminal)

    def test_no_colour_if_it_is_not_wanted(self):
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            text = self.shown(**environment)
            self.assertNotIn(b"\x1b", text)
            self.assertIn(b"thread-race", text)

    def test_a_pipe_gets_plain_text(self):
        running = self.demo(*FAST, stdout=subprocess.PIPE,
                            environment={"NO_COLOR": "", "TERM": "xterm"})
        status, out, err = running.end()
        self.assertEqual((status, err), (0, []))
        self.assertNotIn(b"\x1b", out)
        self.assertNotIn(b"\r", out)


class Refused(DemoTest):
    def test_bad_options(self):
        for args, words in ((("--modes", "thread-lock"), ["thread-lock", "process-mutex"]),
                            (("--buffer", 0), ["--buffer"]), (("--buffer", 257), ["--buffer"]),
                            (("--letter-delay", "10"), ["10", "ms"]),
                            (("--letter-delay", "0ms"), ["0ms"]), (("--live", 0), ["--live"]),
                            (("--seed", "x"), ["--seed"]), (("--seed", -1), ["--seed"]),
                            (("--order",), ["--order"]), (("--ordre", "x"), ["--ordre"]),
                            (("--order", "a", "b"), ["b"]), (("more",), ["more"]),
                            (["--order=x"] * 27, ["27", "26"])):
            self.assert_refused(self.demo(*args).end(), 64, *words)

    def test_output_that_nobody_takes(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open("/dev/full", "wb") as full, os.fdopen(writer, "wb") as gone:
            for running in (self.demo(stdout=full), self.demo(stdout=gone),
                            self.demo(stdout=full, preexec_fn=lambda: os.close(1))):
                self.assert_refused(running.end(), 1, "standard output")

    def test_a_program_that_is_not_there(self):
        running = self.demo(environment={"CORTADO_MEMBER": "/none"}, stdout=subprocess.DEVNULL)
        status, _, err = running.end()
        self.assertEqual(status, 69)
        self.assertIn("/none", " ".join(err))


class Stopped(DemoTest):
    def members(self, running):
        found = []

        def there():
            found[:] = [pid for pid in descendants(running.process.pid) if is_member(pid)]
            return len(found) >= 5  # a host and four writers

        until(there, "members")
        return found

    def stop_midway(self, number, send):
        running = self.demo("--modes", "process-race", "--letter-delay", "10s",
                            start_new_session=True)
        members = self.members(running)
        send(running.process.pid, number)
        self.assert_refused(running.end(), 128 + number, "stopped by a signal")
        until(lambda: not any(map(is_member, members)), "the end of all members")

    def test_a_signal_ends_it_and_all_members(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.stop_midway(number, os.kill)

    def test_so_does_control_c_which_everybody_gets(self):
        self.stop_midway(signal.SIGINT, os.killpg)

    def test_a_signal_ends_it_while_nobody_reads(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"." * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)
        with os.fdopen(writer, "wb") as full:
            running = self.demo(stdout=full)
        self.await_sleep(running)
        running.signal(signal.SIGINT)
        self.assert_refused(running.end(), 130, "stopped by a signal")
        os.close(reader)

    @staticmethod
    def await_sleep(running):
        """Until it watches for signals; soon after, it waits for somebody who reads."""
        path = pathlib.Path(f"/proc/{running.process.pid}/status")

        def watches():  # its signals are blocked by then
            blocked = int(re.search(r"SigBlk:\s*(\w+)", path.read_text()).group(1), 16)
            return blocked >> (signal.SIGINT - 1) & 1

        until(watches, "a story that waits")


if __name__ == "__main__":
    harness.main()
