#!/usr/bin/env python3
"""Directories and files that belong to somebody else."""
import os
import subprocess
import unittest

import harness
from harness import CliTest


class Places(CliTest):
    def refused_in(self, directory):
        self.assert_refused(self.run_it("owner", "log", "--directory", directory).end(), 77,
                            str(directory))

    def test_a_directory_that_others_can_write_to_is_refused(self):
        self.directory.chmod(0o777)
        self.refused_in(self.directory)

    def test_a_symlink_in_place_of_the_directory_is_refused(self):
        with harness.injects("squatted-rendezvous") as fault:
            link = self.folder / "link"
            link.symlink_to(self.directory)
            self.refused_in(link)
            fault.fired()

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_another_users_directory_is_refused(self):
        with harness.injects("squatted-rendezvous") as fault:
            self.folder.chmod(0o711)
            os.chown(self.directory, 65534, 65534)
            self.refused_in(self.directory)
            fault.fired()

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_writer_of_another_user_is_refused(self):
        with harness.injects("no-permission") as fault:
            self.folder.chmod(0o711)
            owner = self.owner()
            try:
                writer = self.writer(stdin=subprocess.PIPE, user=65534, group=65534, extra_groups=[])
            except PermissionError:
                self.skipTest("the build folder is closed to other users")
            self.assert_refused(writer.end(b"text\n"), 77, str(self.directory))
            fault.fired()
            self.stop(owner)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_an_output_or_events_file_that_another_user_closed_is_told(self):
        self.folder.chmod(0o711)
        os.chown(self.directory, 65534, 65534)
        closed = self.folder / "closed"
        closed.mkdir(mode=0o700)
        text = self.folder / "text"
        text.write_bytes(b"")
        text.chmod(0o644)
        for args in (["owner"], ["launch", "--input", text]):
            for option in ("--output", "--events"):
                try:
                    got = self.run_it(*args, "log", "--directory", self.directory, option,
                                      closed / "file", user=65534, group=65534, extra_groups=[])
                except PermissionError:
                    self.skipTest("the build folder is closed to other users")
                self.assert_refused(got.end(), 77, str(closed / "file"), "Permission denied")


if __name__ == "__main__":
    harness.main()
