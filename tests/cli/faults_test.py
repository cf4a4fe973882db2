#!/usr/bin/env python3
"""cortado faults: who survives what, as a table and as figures, and nothing left behind."""
import json
import os
import pathlib
import signal

import harness
from harness import CliTest, read_until, until

MODES = ["thread-race", "thread-mutex", "thread-ring", "process-race", "process-mutex",
         "process-ring", "process-robust-mutex", "process-message-queue", "process-pipe"]
OWNED = ["thread-ring", "process-ring", "process-message-queue", "process-pipe"]
FAULTS = ["none", "throws", "segfault", "killed", "stopped", "scribbles", "slow", "owner-killed"]


class Faults(CliTest):
    def faults(self, *args, **more):
        return self.run_it("faults", *args, **more)

    def tried(self, *args):
        """Table and figures."""
        figures = self.folder / "figures"
        status, out, err = self.faults(*args, "--json", figures).end()
        self.assertEqual((status, err), (0, []))
        return out.decode(), json.loads(figures.read_text())

    def test_table_and_figures_have_every_cell(self):
        table, figures = self.tried("--fault", "none,throws,killed,owner-killed")
        self.assertEqual(figures["schema"], "cortado-faults-1")
        self.assertIn("command_line", figures["context"])
        faults = ["none", "throws", "killed", "owner-killed"]
        self.assertEqual([(c["fault"], c["mode"]) for c in figures["cells"]],
                         [(fault, mode) for fault in faults for mode in MODES])
        self.assertEqual([f["name"] for f in figures["faults"]], faults)
        for cell in figures["cells"]:
            if cell["fault"] == "owner-killed" and cell["mode"] not in OWNED:
                self.assertIsNone(cell["outcome"], cell)
                continue
            self.assertEqual(cell["outcome"], cell["theory"])
            self.assertTrue(cell["as_theory"])
            went_on = cell["outcome"] in ("intact", "garbled")
            self.assertEqual(cell["went_on_ns"] is not None, went_on, cell)
        for word in (*MODES, *faults, "intact", "garbled", "hung", "all dead", "On "):
            self.assertIn(word, table)
        self.assertNotIn("(!)", table)

    def test_the_outcome_is_the_same_twice(self):
        def outcomes():
            _, figures = self.tried("--mode", "process-ring,process-race", "--fault",
                                    "killed,scribbles,throws,none,killed")
            return [(c["mode"], c["fault"], c["outcome"]) for c in figures["cells"]]

        once = outcomes()
        self.assertEqual(len(once), 8)
        self.assertEqual(once, outcomes())

    def test_whoever_dies_is_named(self):
        _, figures = self.tried("--mode", "process-ring,thread-ring", "--fault", "segfault")
        thread, process = figures["cells"]
        self.assertEqual(thread["host_signal"], signal.SIGSEGV)
        self.assertEqual(process["host_signal"], 0)
        self.assertEqual(process["writer_signals"], [signal.SIGSEGV, 0, 0, 0])
        self.assertEqual(process["ledger"]["abandoned"], 1)

    def test_figures_on_standard_output_stand_alone(self):
        status, out, err = self.faults("--mode", "thread-ring", "--fault", "none", "--json",
                                       "-").end()
        self.assertEqual((status, err), (0, []))
        self.assertEqual(len(json.loads(out)["cells"]), 1)

    def test_what_cannot_be_tried_is_refused(self):
        for status, *args in ((64, "--mode", "no-such"), (64, "--fault", "no-such"),
                              (64, "--watchdog", "200ms"), (64, "--watchdog", "5"),
                              (73, "--json", "/nowhere/figures")):
            self.assert_refused(self.faults(*args).end(), status)
        self.assert_refused(self.faults("--mode", "no-such").end(), 64, *MODES)
        self.assert_refused(self.faults("--fault", "no-such").end(), 64, *FAULTS)

    def test_a_signal_ends_it_and_leaves_nobody(self):
        terminal, end = os.openpty()
        # It hangs, so that the signal comes while somebody stands still.
        running = self.faults("--mode", "process-mutex", "--fault", "stopped", "--watchdog", "10m",
                              "--json", self.folder / "figures", stderr=end)
        os.close(end)
        read_until(terminal, b"0 of 1 tried")
        members = self.members_of(running)
        self.assertEqual(len(members), 5)
        running.signal(signal.SIGINT)
        read_until(terminal, b"stopped by a signal")
        self.assertEqual(running.end()[0], 128 + signal.SIGINT)
        os.close(terminal)
        until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in members),
              "the end of all members")
        self.assertFalse((self.folder / "figures").exists())

    @staticmethod
    def members_of(running):
        found = []
        for children in pathlib.Path(f"/proc/{running.process.pid}/task").glob("*/children"):
            for pid in children.read_text().split():
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"cortado-member" in command.split(b"\0")[0]:
                    found.append(int(pid))
        return found


if __name__ == "__main__":
    harness.main()
