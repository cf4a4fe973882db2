"""What an idle group costs: processor time, and memory."""
import os
import pathlib
import select
import subprocess
import unittest

import harness
from harness import CliTest, until

WRITERS = 8
RING = 256 << 10
REPLY = 4 << 10
MEASURED_SECONDS = 3  # an interval to measure over, not a limit


def status_kib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise AssertionError(f"no {field} in /proc/{pid}/status")


def cpu_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Footprint(CliTest):
    def test_an_idle_owner_with_idle_writers_uses_next_to_nothing(self):
        owner = self.owner("--output", self.folder / "out")
        writers = [self.writer("--as", f"w{i}", stdin=subprocess.PIPE) for i in range(WRITERS)]
        for i, writer in enumerate(writers):
            self.await_event(owner, "joined", writer=f"w{i}")
            writer.write(b"text\n")
        until(lambda: (self.folder / "out").read_bytes() == b"text\n" * WRITERS, "every line")

        pids = [owner.process.pid] + [writer.process.pid for writer in writers]
        before = [cpu_ticks(pid) for pid in pids]
        select.select([], [], [], MEASURED_SECONDS)
        used = [cpu_ticks(pid) - ticks for pid, ticks in zip(pids, before)]
        per_second = os.sysconf("SC_CLK_TCK") * MEASURED_SECONDS
        print(f"idle: owner {used[0] / per_second:.2%}, all {sum(used) / per_second:.2%} of a core")
        self.assertLess(used[0], per_second * 0.01 + 1)

        # A ring is mapped twice, so that each of its pages may count twice.
        owner_own = status_kib(owner.process.pid, "RssAnon")
        owner_shared = status_kib(owner.process.pid, "RssShmem")
        writer_all = status_kib(writers[0].process.pid, "VmRSS")
        print(f"memory: owner {owner_own} KiB its own, {owner_shared} KiB of segments; "
              f"a writer {writer_all} KiB resident")
        self.assertLessEqual(owner_own, 2048 + 16 * WRITERS)
        self.assertLessEqual(owner_shared << 10, WRITERS * (4096 + 2 * (RING + REPLY)))
        self.assertLessEqual(writer_all, 16 << 10)
        for writer in writers:
            self.assertEqual(writer.end(b"")[0], 0)
        self.stop(owner)


if __name__ == "__main__":
    harness.main()
