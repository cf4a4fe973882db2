#!/usr/bin/env python3
"""cortado verdict: from a measurement, the same from its file, and from files of every kind."""
import json

import harness
from harness import CliTest

STATUS = {"supported": 0, "refuted": 1, "inconclusive": 2}


class Verdict(CliTest):
    def verdict(self, *args):
        return self.run_it("verdict", "mutex-high-load", *args)

    def from_file(self, figures, *args):
        path = self.folder / "given.json"
        path.write_text(figures if isinstance(figures, str) else json.dumps(figures))
        return self.verdict("--from", path, *args).end()

    def measured(self):
        """Figures of a real, short measurement."""
        path = self.folder / "figures.json"
        status, out, err = self.verdict("--quick", "--time", "5ms", "--repeat", "5", "--json",
                                        path).end()
        self.assertEqual(err, [])
        return status, out.decode(), json.loads(path.read_text())

    @staticmethod
    def with_rates(figures, rates):
        """The same figures, with other rates: mode -> rate, times what each repetition adds."""
        changed = json.loads(json.dumps(figures))
        for point in changed["points"]:
            for repetition, run in enumerate(point["runs"]):
                if point["mode"] in rates:
                    run["throughput_per_s"] = rates[point["mode"]][repetition]
        return changed

    def test_what_it_says_is_what_its_file_says(self):
        status, text, figures = self.measured()
        self.assertEqual(figures["schema"], "cortado-verdict-2")
        verdict = figures["verdict"]
        self.assertEqual(status, STATUS[verdict["finding"]])
        self.assertEqual(text.splitlines()[0], verdict["sentence"])
        for key in ("ratio", "interval", "n", "cores", "cells", "crossovers", "margin"):
            self.assertIn(key, verdict)
        again = self.folder / "again.json"
        got = self.from_file(figures, "--json", again)
        self.assertEqual(got, (status, text.encode(), []))
        self.assertEqual(json.loads(again.read_text()), figures)

        steady, noisy = [1e6, 1.1e6, 0.9e6, 1e6, 1e6], [3e6, 0.2e6, 4e6, 0.1e6, 1e6]
        slower = [rate / 2 for rate in steady]
        for finding, ring, mutex in (("supported", steady, slower), ("refuted", slower, steady),
                                     ("refuted", steady, steady),
                                     ("inconclusive", noisy, steady)):
            data = self.with_rates(figures, {"process-ring": ring, "thread-mutex": mutex})
            status, out, err = self.from_file(data)
            self.assertEqual((status, err), (STATUS[finding], []), out)
            self.assertIn(f"is {finding} here", out.decode())

    def test_figures_that_cannot_be_used_are_refused_in_one_line(self):
        for text, word in (("", "empty"), ("{", "cut off"), ("hello", "no JSON"), ("{}", "schema"),
                           ('{"schema": "cortado-compare-1"}', "cortado-compare-1"),
                           ('{"schema": "cortado-verdict-2"}', "points"),
                           ('{"schema": "cortado-verdict-2", "points": []}', "cores")):
            self.assert_refused(self.from_file(text), 65, word, "given.json")
        self.assert_refused(self.verdict("--from", "/nowhere/file").end(), 65, "/nowhere/file")

    def test_what_holds_no_high_load_is_inconclusive(self):
        figures = {"schema": "cortado-verdict-2", "context": {"cores": 2}, "points": []}
        status, out, err = self.from_file(figures)
        self.assertEqual((status, err), (2, []))
        self.assertIn("nothing was measured", out.decode())

    def test_command_lines_that_cannot_be_are_refused(self):
        self.assert_refused(self.run_it("verdict").end(), 64)
        self.assert_refused(self.run_it("verdict", "no-such").end(), 64, "no-such")
        for args in (("--repeat", "0"), ("--from", "x", "--quick"), ("--from", "x", "--repeat", "5"),
                     ("--time", "5")):
            self.assert_refused(self.verdict(*args).end(), 64)
        self.assert_refused(self.verdict("--json", "/nowhere/figures").end(), 73)


if __name__ == "__main__":
    harness.main()
