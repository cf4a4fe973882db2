"""Runs the program: each process under a watchdog, in a private directory, without a terminal."""
import contextlib
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

WATCHDOG = 60  # seconds; only a hang takes that long
cortado = ""  # path of the program


class Running:
    """One process of the program."""

    def __init__(self, args, cwd, stdin=subprocess.DEVNULL, environment=None, **more):
        more.setdefault("stderr", subprocess.PIPE)
        self.output = None
        if "stdout" not in more:  # a file: a pipe that nobody reads would hold the owner up
            self.output = more["stdout"] = tempfile.TemporaryFile(dir=cwd)
        environment = {**os.environ, "CORTADO_LOG": "warning", **(environment or {})}
        self.process = subprocess.Popen(
            [cortado, *map(str, args)], cwd=cwd, stdin=stdin, env=environment, **more)

    def end(self, data=None):
        """Waits for it. Its exit status, standard output, and lines on standard error."""
        try:
            out, err = self.process.communicate(data, timeout=WATCHDOG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"{self.process.args} hangs; it said: {err.decode()}")
        return self.process.returncode, out or self.printed(), (err or b"").decode().splitlines()

    def printed(self):
        """What is on standard output by now."""
        if not self.output:
            return b""
        # As much as there is: under meson's MALLOC_PERTURB_ a roomy buffer takes a second to fill.
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0)

    def signal(self, number):
        self.process.send_signal(number)

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_input(self):
        self.process.stdin.close()
        self.process.stdin = None

    @contextlib.contextmanager
    def stopped(self):
        """It stands still meanwhile."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
        yield
        self.signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.communicate()


def until(condition, what):
    """Looks again until it holds: for what nothing can be waited on. The watchdog is the only limit."""
    end = time.monotonic() + WATCHDOG
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}")
        select.select([], [], [], 0.002)


def read_until(descriptor, end):
    """What comes, up to and including `end`."""
    got = b""
    while end not in got:
        if not select.select([descriptor], [], [], WATCHDOG)[0]:
            raise AssertionError(f"never came: {end} behind {got}")
        more = os.read(descriptor, 4096)
        if not more:
            raise AssertionError(f"it ended before {end}: {got}")
        got += more
    return got


def await_read(pipe):
    """Until whoever reads the other end has taken all of it."""
    def unread():
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]

    until(lambda: unread() == 0, "an empty pipe")


def lines(name, count):
    return "".join(f"{name} line {i} {'x' * (i % 97)}\n" for i in range(count)).encode()


def of_writer(name, tagged):
    start = name.encode() + b"\t"
    return b"".join(line[len(start):] for line in tagged.splitlines(keepends=True)
                    if line.startswith(start))


class Fault:
    """What a test injects, by its name in ../faults/list.toml; see `injects`."""

    def __init__(self, name):
        self.name, self.count = name, 0

    def fired(self, times=1):
        self.count += times


@contextlib.contextmanager
def injects(name):
    """For the body of a test; fails if the injector did not fire. table.py reads the name."""
    fault = Fault(name)
    yield fault
    if fault.count == 0:
        raise AssertionError(f"the fault '{name}' was declared and not injected")


def main():
    """FILE PATH-OF-CORTADO [unittest arguments]"""
    global cortado
    cortado = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cortado-cli-"))
        self.directory = self.folder / "run"
        self.directory.mkdir(mode=0o700)
        self.started = []
        self.owners = 0

    def tearDown(self):
        for running in self.started:
            if running.process.poll() is None:
                running.kill()
            for stream in (running.output, running.process.stdin, running.process.stdout,
                           running.process.stderr):
                if stream:
                    stream.close()
        shutil.rmtree(self.folder)

    def run_it(self, *args, stdin=subprocess.DEVNULL, **more):
        running = Running(args, self.folder, stdin=stdin, **more)
        self.started.append(running)
        return running

    def owner(self, *args, **more):
        """An owner of `log` that has taken its name."""
        self.owners += 1
        events = self.folder / f"events-{self.owners}"
        running = self.run_it("owner", "log", "--directory", self.directory, "--events", events,
                              *args, **more)
        running.events = events
        self.await_event(running, "opened")
        return running

    def writer(self, *args, **more):
        return self.run_it("write", "log", "--directory", self.directory, *args, **more)

    def write(self, data, *args):
        """A writer that sends `data` and ends: its exit status, and its lines on standard error."""
        status, _, err = self.writer(*args, stdin=subprocess.PIPE).end(data)
        return status, err

    def launch(self, *args, **more):
        """A group `log`."""
        events = self.folder / "group-events"
        running = self.run_it("launch", "log", "--directory", self.directory, "--events", events,
                              *args, **more)
        running.events = events
        return running

    @staticmethod
    def events(running):
        text = running.events.read_text() if running.events.exists() else ""
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def has_event(self, running, kind, **fields):
        wanted = {"event": kind, **fields}
        return any(wanted.items() <= event.items() for event in self.events(running))

    def await_event(self, running, kind, **fields):
        def there():
            ended = running.process.poll() is not None  # before the look, which is then the last
            if self.has_event(running, kind, **fields):
                return True
            if ended:
                raise AssertionError(f"it ended before {kind} {fields}: {running.end()}")
            return False

        until(there, f"{kind} {fields}")

    def assert_refused(self, result, status, *words):
        """It ended with that exit status, and one line that has these words."""
        got, err = result[0], result[-1]
        self.assertEqual((got, len(err)), (status, 1), err)
        for word in words:
            self.assertIn(word, err[0])

    def assert_ended_in_order(self, running):
        status, out, err = running.end()
        self.assertEqual((status, err), (0, []))
        return out

    def stop(self, running, number=signal.SIGTERM):
        running.signal(number)
        return self.assert_ended_in_order(running)
