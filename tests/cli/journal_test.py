#!/usr/bin/env python3
"""An owner with a journal: what stands in the file, whoever dies, and while nothing can be written."""
import contextlib
import ctypes
import os
import resource
import signal
import sqlite3
import subprocess
import unittest

import harness
from harness import CliTest, lines, until

UNLIMITED = resource.RLIM_INFINITY


def reading(file):
    return contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True))


class Mount:
    """A small filesystem of its own; `taken` is what fills it."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"cortado-test", bytes(folder), b"tmpfs", 0, b"size=1m") != 0:
            raise unittest.SkipTest(f"cannot mount: {os.strerror(ctypes.get_errno())}")
        self.umount = lambda: libc.umount2(bytes(folder), 2)
        self.taken = folder / "taken"

    def fill(self, but):
        """Until so many bytes are left."""
        left = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
        with open(self.taken, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, left - but)

    def make_room(self):
        self.taken.unlink()


class Journal(CliTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "log.db"

    def rows(self, file=None):
        """[(writer, sequence, text)] in order."""
        with reading(file or self.file) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            return database.execute("SELECT name, sequence, bytes FROM message m JOIN writer w "
                                    "ON w.id = m.writer ORDER BY m.id").fetchall()

    def assert_each_once(self, sent, file=None):
        """`sent`: {writer: bytes}. Each line stands there once, in its writer's order."""
        rows = self.rows(file)
        for name, data in sent.items():
            mine = [(sequence, text) for writer, sequence, text in rows if writer == name]
            self.assertEqual(mine, list(enumerate(data.splitlines())), name)
        self.assertEqual(len(rows), sum(len(data.splitlines()) for data in sent.values()))

    def start_writers(self, count, number):
        """They send so many lines each; {name: (running, bytes)}."""
        writers = {}
        for i in range(count):
            name = f"w{i}"
            data = lines(name, number)
            (self.folder / name).write_bytes(data)
            writers[name] = (self.writer("--as", name, "--wait", "1m", "--input",
                                         self.folder / name), data)
        return writers

    def assert_ended(self, writers):
        for running, _ in writers.values():
            self.assert_ended_in_order(running)
        return {name: data for name, (_, data) in writers.items()}

    def test_has_each_line_and_prints_nothing(self):
        for survives in ("power-loss", "process-death"):
            self.file = self.folder / f"{survives}.db"
            owner = self.owner("--journal", self.file, "--journal-survives", survives)
            sent = self.assert_ended(self.start_writers(3, 2000))
            self.assertEqual(self.stop(owner), b"")
            for companion in ("-wal", "-shm", "-lock"):
                self.assertFalse((self.folder / f"{survives}.db{companion}").exists())
            self.assert_each_once(sent)

    def test_prints_too_if_told_where(self):
        owner = self.owner("--journal", self.file, "--output", "-", "--tag")
        self.assertEqual(self.write(b"one\ntwo\n", "--as", "w")[0], 0)
        self.assertEqual(self.stop(owner), b"w\tone\nw\ttwo\n")
        self.assertEqual(self.rows(), [("w", 0, b"one"), ("w", 1, b"two")])

    def test_is_read_by_others_while_it_is_written(self):
        owner = self.owner("--journal", self.file)
        writer = self.writer("--as", "w", stdin=subprocess.PIPE)
        for number in range(1, 4):
            writer.write(b"line\n")
            until(lambda: len(self.rows()) == number, f"{number} rows")
        self.assertEqual(writer.end(b"")[0], 0)
        self.stop(owner)

    def test_has_each_line_once_though_its_owners_are_killed(self):
        with harness.injects("killed-in-journal") as fault:
            out = self.folder / "out"
            arguments = ("--journal", self.file, "--journal-survives", "process-death", "--output",
                         out)
            owner = self.owner(*arguments)
            writers = self.start_writers(2, 60000)

            def count():
                with reading(self.file) as database:
                    return database.execute("SELECT max(id) FROM message").fetchone()[0] or 0

            for _ in range(4):
                before = count()
                until(lambda: count() > before or
                      all(running.process.poll() is not None for running, _ in writers.values()),
                      "more rows")
                owner.kill()
                fault.fired()
                owner = self.owner(*arguments)
            sent = self.assert_ended(writers)
            self.stop(owner)
            self.assert_each_once(sent)
            # What is printed may come twice, and is never missing.
            self.assertLessEqual(set(b"".join(sent.values()).splitlines()),
                                 set(out.read_bytes().splitlines()))

    def test_of_a_killed_group_owner_goes_on_under_the_launcher(self):
        program = f"{harness.cortado} owner {{name}} --journal {self.file}"
        data = lines("w", 50000)
        (self.folder / "w").write_bytes(data)
        group = self.launch("--owner", program, "--input", self.folder / "w", "--restart",
                            "on-failure")
        self.await_event(group, "started", role="owner")
        until(lambda: self.file.exists() and self.count_now() > 0, "the first rows")
        owner = next(e["pid"] for e in self.events(group)
                     if e["event"] == "started" and e.get("role") == "owner")
        os.kill(owner, signal.SIGKILL)
        status, _, err = group.end()
        self.assertEqual(status, 0, err)
        rows = self.rows()
        self.assertEqual([(s, t) for _, s, t in rows], list(enumerate(data.splitlines())))

    def count_now(self):
        try:
            return len(self.rows())
        except sqlite3.OperationalError:  # not made yet
            return 0

    def goes_on_after(self, owner, writers, file, make_room):
        """The disk is full: nothing is lost, the writers wait, and it goes on."""
        self.await_event(owner, "journal_waits")
        # Each has more to send than its ring holds.
        until(lambda: all(self.sleeps(running) for running, _ in writers.values()),
              "writers that wait for room")
        self.assertIsNone(owner.process.poll())
        before = len(self.rows(file))
        # Others join meanwhile, and wait like these.
        late = self.writer("--as", "late", "--wait", "1m", stdin=subprocess.PIPE)
        late.write(b"late\n")
        self.await_event(owner, "joined", writer="late")
        self.assertEqual(len(self.rows(file)), before)
        make_room()
        self.await_event(owner, "journal_resumed")
        self.assertEqual(late.end(b"")[0], 0)
        sent = self.assert_ended(writers)
        owner.signal(signal.SIGTERM)
        status, _, err = owner.end()
        self.assertEqual(status, 0, err)
        self.assertEqual(len(err), 2, err)  # one warning, and one when it works again
        self.assertIn("every second", err[0])
        self.assertIn("again", err[1])
        self.assert_each_once({**sent, "late": b"late\n"}, file)

    @staticmethod
    def sleeps(running):
        with open(f"/proc/{running.process.pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "S"

    def test_on_a_full_disk_holds_the_writers_up_and_goes_on_when_there_is_room(self):
        with harness.injects("journal-disk-full") as fault:
            disk = Mount(self.folder / "disk")
            try:
                file = disk.folder / "log.db"
                owner = self.owner("--journal", file)
                disk.fill(but=200_000)
                writers = self.start_writers(2, 20000)
                self.await_event(owner, "journal_waits")
                fault.fired()

                def make_room():
                    # At once: with a little room first, it could be full once more.
                    subprocess.run(["mount", "-o", "remount,size=64m", disk.folder], check=True)
                    disk.make_room()

                self.goes_on_after(owner, writers, file, make_room)
            finally:
                disk.umount()

    def test_that_may_not_grow_holds_the_writers_up_and_goes_on_when_it_may(self):
        with harness.injects("journal-disk-full") as fault:
            limit = 600_000
            owner = self.owner("--journal", self.file, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (limit, UNLIMITED)))
            writers = self.start_writers(2, 20000)
            self.await_event(owner, "journal_waits")
            fault.fired()
            self.goes_on_after(owner, writers, self.file, lambda: resource.prlimit(
                owner.process.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED)))

    def test_whose_owner_is_killed_while_it_may_not_grow_has_each_line_once(self):
        with harness.injects("journal-disk-full") as fault:
            owner = self.owner("--journal", self.file, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (600_000, UNLIMITED)))
            writers = self.start_writers(2, 20000)
            self.await_event(owner, "journal_waits")
            fault.fired()
            late = self.writer("--as", "late", "--wait", "1m", stdin=subprocess.PIPE)
            self.await_event(owner, "joined", writer="late")  # it has tried again
            owner.kill()
            owner = self.owner("--journal", self.file)
            self.assertEqual(late.end(b"")[0], 0)
            sent = self.assert_ended(writers)
            self.stop(owner)
            self.assert_each_once(sent)

    def test_that_is_locked_is_tried_again(self):
        owner = self.owner("--journal", self.file)
        other = sqlite3.connect(self.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writer = self.writer("--as", "w", "--wait", "1m", stdin=subprocess.PIPE)
        writer.write(b"line\n")
        self.await_event(owner, "journal_waits")
        other.execute("ROLLBACK")
        self.await_event(owner, "journal_resumed")
        other.close()
        self.assertEqual(writer.end(b"")[0], 0)
        owner.signal(signal.SIGTERM)
        self.assertEqual(owner.end()[0], 0)
        self.assertEqual(self.rows(), [("w", 0, b"line")])

    def test_that_cannot_be_written_to_does_not_keep_its_owner_from_ending(self):
        owner = self.owner("--journal", self.file)
        other = sqlite3.connect(self.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writer = self.writer("--as", "w", "--wait", "1m", stdin=subprocess.PIPE)
        writer.write(b"one\ntwo\n")
        self.await_event(owner, "journal_waits")
        owner.signal(signal.SIGINT)
        status, out, err = owner.end()
        self.assertEqual((status, out, len(err)), (1, b"", 2), err)
        for word in ("locked", "not in the journal", "start an owner of 'log'"):
            self.assertIn(word, err[1])
        other.close()
        self.assertEqual(self.rows(), [])
        owner = self.owner("--journal", self.file, "--until-idle")
        self.assertEqual(writer.end(b"")[0], 0)
        self.assert_ended_in_order(owner)
        self.assertEqual(self.rows(), [("w", 0, b"one"), ("w", 1, b"two")])

    def refused(self, status, *words, file=None, **more):
        got = self.run_it("owner", "log", "--directory", self.directory, "--journal",
                          file or self.file, **more).end()
        self.assert_refused(got, status, *words)

    def test_that_is_unusable_is_refused_in_one_line(self):
        with harness.injects("journal-unusable") as fault:
            self.file.write_bytes(b"a shopping list\n" * 100)
            self.refused(65, str(self.file), "no SQLite database")
            self.assertEqual(self.file.read_bytes(), b"a shopping list\n" * 100)
            self.file.unlink()
            with sqlite3.connect(self.file) as other:
                other.execute("CREATE TABLE recipe(name)")
            self.refused(65, "another application")
            other.execute("PRAGMA application_id = 0x636f6a6f")
            other.execute("PRAGMA user_version = 99")
            other.close()
            self.refused(65, "version 99")
            self.refused(73, "its directory", file=self.folder / "missing" / "log.db")
            self.refused(73, file=self.folder)
            fault.fired(5)

    def test_of_another_owner_is_refused(self):
        with harness.injects("journal-unusable") as fault:
            owner = self.owner("--journal", self.file)
            got = self.run_it("owner", "other", "--directory", self.directory, "--journal",
                              self.file).end()
            self.assert_refused(got, 73, f"process {owner.process.pid}")
            fault.fired()
            self.stop(owner)

    def test_that_may_not_be_written_to_is_refused(self):
        if os.geteuid() == 0:
            as_user = {"preexec_fn": lambda: (os.setgid(65534), os.setuid(65534))}
            os.chmod(self.folder, 0o755)
            os.chown(self.directory, 65534, 65534)
        else:
            as_user = {}
        with harness.injects("journal-unusable") as fault:
            self.file.write_bytes(b"")
            os.chmod(self.file, 0o444)
            self.refused(77, "EACCES", **as_user)
            fault.fired()

    def test_options_that_do_not_fit_are_refused(self):
        got = self.run_it("owner", "log", "--journal", self.file, "--ring", "1G").end()
        self.assert_refused(got, 64, "--ring")
        got = self.run_it("owner", "log", "--journal", self.file, "--journal-survives",
                          "meteorites").end()
        self.assert_refused(got, 64, "meteorites")


if __name__ == "__main__":
    harness.main()
