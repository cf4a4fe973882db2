#!/usr/bin/env python3
"""cortado report: a page of figures, whole in itself, and figures that follow from their runs."""
import json
import re

import harness
from report_page import Page, ReportTest


class Report(ReportTest):
    def test_it_is_one_file_that_asks_for_nothing(self):
        text = self.page(self.written("compare"), self.written("faults"))
        page = Page(text)
        for tag, attributes, _ in page.elements:
            for name in ("src", "srcset", "data", "action", "poster"):
                self.assertNotIn(name, attributes, (tag, attributes))
            self.assertRegex(attributes.get("href", "#"), r"^#", (tag, attributes))
        self.assertEqual(page.all("link"), [])
        own = re.sub(r"/\*!.*?\*/", "", text, flags=re.S)  # the library's notice names its home
        own = re.sub(r"http://www\.w3\.org/\d+/\w+", "", own)  # a name, nowhere to go to
        self.assertNotRegex(own.replace("https://www.chartjs.org", ""), r"https?://")
        self.assertNotRegex(own, r"@import|url\(\s*['\"]?(?!#|data:)[a-z/]")
        policy = [m["content"] for m in page.all("meta") if m.get("http-equiv")]
        self.assertEqual(len(policy), 1)
        self.assertIn("default-src 'none'", policy[0])

    def test_each_chart_has_a_label_and_its_table(self):
        page = Page(self.page(self.written("compare"), self.written("faults")))
        charts = json.loads(page.text[("script", "charts")])
        canvases = page.all("canvas")
        self.assertEqual([int(c["data-chart"]) for c in canvases], list(range(len(charts))))
        self.assertGreater(len(charts), 5)
        for canvas in canvases:
            self.assertEqual(canvas["role"], "img")
            self.assertGreater(len(canvas["aria-label"]), 40)
        in_details = [1 for tag, _, above in page.elements if tag == "table" and "details" in above]
        self.assertEqual(len(in_details), len(charts))
        headings = [a for tag, a, above in page.elements if tag == "th" and "thead" in above]
        self.assertTrue(all(a.get("scope") == "col" for a in headings))
        self.assertTrue(page.all("details"))
        self.assertEqual(page.all("html")[0].get("lang"), "en")

    def test_it_says_how_long_writers_are_blocked_and_how_full_the_queue_is(self):
        figures = self.measured("compare")
        for point in figures["points"]:
            for run in point["runs"]:
                run["blocked_ns_per_order"] = 12345.0
                if run["queue_depth_mean"] is not None:
                    run["queue_depth_mean"] = 67.0
        text = self.page(self.written("compare", figures))
        self.assertIn("Blocked time of an order, and queue depth", text)
        self.assertIn("12.3 us blocked; queue depth 67.0", text)
        for point in figures["points"]:  # as an earlier version left them
            for run in point["runs"]:
                for figure in [name for name in run if name.startswith(("blocked", "queue"))]:
                    del run[figure]
        self.assertNotIn("Blocked time", self.page(self.written("compare", figures)))

    def test_each_mode_and_word_is_explained_and_has_a_look_of_its_own(self):
        refused = self.run_it("compare", "--modes", "no-such").end()[2]
        modes = set(re.findall(r"(?:thread|process)-[a-z-]+", refused[0]))
        self.assertGreaterEqual(len(modes), 10)
        figures = self.measured("compare")
        like = figures["points"][0]
        for mode in modes:
            if mode not in [point["mode"] for point in figures["points"]]:
                figures["points"].append({**like, "mode": mode})
        text = self.page(self.written("compare", figures))
        words = text.split('id="words"')[1].split("</section>")[0]
        for mode in modes:
            self.assertRegex(words, rf"<th[^>]*>{mode}</th>\s*<td[^>]*>[^<]{{30,}}")
            self.assertIn(f'"{mode}": ["#', text)
        for word in ("order", "closed loop", "offered load, capacity", "p50, p99, p99.9"):
            self.assertRegex(words, rf"<th[^>]*>{word}</th>")
        self.assertNotIn(">process-pipe</th>", self.page(self.written("compare")).split('id="words"')[1])

    def test_a_mode_that_was_not_measured_there_is_not_in_the_legend(self):
        figures = self.measured("compare")
        figures["points"] = [point for point in figures["points"]
                             if point["mode"] != "thread-race" or point["hold_ns"] == 0]
        charts = json.loads(Page(self.page(self.written("compare", figures))).text[("script", "charts")])
        named = [[series["name"] for series in chart["series"]] for chart in charts
                 if chart["y"]["label"] == "orders/s"]
        self.assertEqual(["thread-race" in names for names in named], [True, False])

    def test_orders_of_other_lengths_have_a_chart_of_their_own(self):
        figures = self.measured("compare")
        longer = [{**point, "payload": 4096, "throughput_per_s": {"median": 7e5, "lowest": 6e5, "highest": 8e5}}
                  for point in figures["points"] if (point["writers"], point["hold_ns"]) == (2, 0)]
        short = self.page(self.written("compare", figures))
        self.assertNotIn("against their length", short)
        figures["points"] += longer
        text = self.page(self.written("compare", figures))
        self.assertIn("Orders per second against their length, with 2 writers and no further work", text)
        self.assertIn(">4096 bytes</th>", text)
        self.assertIn("700 k (600 k to 800 k)", text)
        cards = [page.split("When is a lock enough?")[0] for page in (short, text)]
        self.assertEqual(*cards)  # they are not compared with the others

    def test_texts_of_a_file_stay_texts(self):
        figures = self.measured("compare")
        evil = "</script><script>alert('&')</script><!--"
        figures["context"]["cpu"] = evil
        figures["advice"] = [evil]
        for point in figures["points"]:
            if point["mode"] == "process-ring":
                point["mode"] = evil
        page = Page(self.page(self.written("compare", figures)))
        self.assertEqual(len(page.all("script")), 3)
        charts = json.loads(page.text[("script", "charts")])
        self.assertIn(evil, [series["name"] for series in charts[0]["series"]])

    def test_files_of_different_machines_are_said_to_be(self):
        other = self.measured("compare")
        other["context"]["cpu"] = "Another One"
        one = self.written("compare")
        self.assertNotIn("different machines", self.page(one, self.written("faults")))
        text = self.page(one, self.written("compare", other, "other.json"))
        self.assertIn("different machines", text)
        self.assertIn("Another One", text)
        self.assertIn("other.json", text)

    def test_report_of_a_run_is_the_report_of_its_figures(self):
        page, figures = self.folder / "page.html", self.folder / "figures"
        self.assert_ended_in_order(self.run_it(
            "compare", "--modes", "thread-race,process-ring", "--writers", "1", "--orders", "1000", "--repeat", "1",
            "--json", figures, "--report", page))
        again = self.page(figures)
        self.assertEqual(page.read_text().replace(">compare<", f">{figures}<"), again)
        cups = json.loads(figures.read_text())["cups"]
        self.assertEqual([(c["mode"], c["is_whole"]) for c in cups],
                         [("thread-race", False), ("process-ring", True)])
        self.assertIn("Tea no sugar", again)
        self.assert_ended_in_order(self.run_it("faults", "--mode", "process-ring", "--fault", "none",
                                               "--report", page))
        self.assertIn("Who survives what", page.read_text())

    def test_check_computes_every_figure_again(self):
        files = [self.written(command) for command in ("compare", "faults", "loads")]
        out = self.assert_ended_in_order(self.run_it("report", "--check", *files)).decode()
        counts = [int(n) for n in re.findall(r": (\d+) figures computed again from its runs, 0 differ", out)]
        self.assertEqual(len(counts), 3)
        self.assertGreater(counts[0], 24 * 20)

    def test_check_finds_what_was_changed(self):
        def changed(change):
            figures = self.measured("compare")
            change(figures["points"][1])
            return self.written("compare", figures)

        def median(point):
            point["throughput_per_s"]["median"] *= 1.01

        def ratio(point):
            point["ratio_to_thread_mutex"]["highest"] *= 1.01

        def ledger(point):
            point["sum"]["applied"] += 1

        def run(point):
            point["runs"][0]["throughput_per_s"] *= 1.01

        def blocked(point):
            point["runs"][0]["blocked_ns"] += 1000000

        for change in (median, ratio, ledger, run, blocked):
            status, out, err = self.run_it("report", "--check", changed(change)).end()
            self.assertEqual((status, len(err)), (1, 1), change)
            self.assertIn(b"follows from the runs", out)

    def test_check_finds_percentiles_that_are_not_those_of_the_histograms(self):
        def first_run(point, *keys):
            part = point["runs"][0]
            for key in keys:
                part = part[key]
            return part

        def assert_found(command, change, where):
            figures = self.measured(command)
            points = [p for p in figures["points"] if command == "compare" or p["load"]]
            change(points[-1])
            path = self.written(command, figures)
            status, out, err = self.run_it("report", "--check", path).end()
            self.assertEqual((status, len(err)), (1, 1), where)
            self.assertIn(where.encode(), out)
            self.assertIn(b"follows from the runs", out)

        for figure in ("p50", "p99", "p99_9", "max", "samples"):
            def of_run(point, figure=figure):
                first_run(point, "latency_ns")[figure] += 1

            def of_point(point, figure=figure):
                point["latency_ns"][figure] -= 1

            assert_found("compare", of_run, f"latency_ns.{figure}: ")
            assert_found("compare", of_point, f"latency_ns.{figure}: ")

        def count(point):
            first_run(point, "histogram_ns", "count")[0] += 1000

        def no_bucket(point):
            first_run(point, "histogram_ns", "from")[-1] += 1000001

        def longest(point):
            first_run(point, "histogram_ns")["longest"] *= 3
            first_run(point, "latency_ns")["max"] *= 3

        assert_found("compare", count, "latency_ns.samples: ")
        assert_found("compare", no_bucket, "histogram_ns")
        assert_found("compare", longest, "histogram_ns.longest is in the last bucket: ")

        def closed(point):
            point["load"]["as_closed_loop_ns"]["p99"] += 1

        def closed_run(point):
            first_run(point, "as_closed_loop", "latency_ns")["p50"] += 1

        assert_found("loads", closed, "load.as_closed_loop_ns.p99: ")
        assert_found("loads", closed_run, "as_closed_loop latency_ns.p50: ")

    def test_check_refuses_a_run_without_its_histogram(self):
        figures = self.measured("compare")
        del figures["points"][0]["runs"][0]["histogram_ns"]
        self.assert_refused(self.run_it("report", "--check", self.written("compare", figures)).end(), 65,
                            "histogram_ns")

    def test_what_is_no_file_of_figures_is_refused(self):
        nothing = {**self.measured("compare"), "points": []}
        for name, text in (("empty", ""), ("text", "hello"), ("other", "{}"), ("cut", '{"schema": "co'),
                           ("schema", '{"schema": "cortado-run-1"}'), ("list", "[1]"),
                           ("bare", '{"schema": "cortado-compare-1"}'), ("none", json.dumps(nothing)),
                           ("wrong", '{"schema": "cortado-faults-1", "context": {}, "faults": 3, "cells": 1}')):
            path = self.folder / name
            path.write_text(text)
            for more in ([], ["--check"]):
                self.assert_refused(self.run_it("report", path, *more).end(), 65, str(path))
        self.assert_refused(self.run_it("report", "/nowhere").end(), 65, "/nowhere")
        self.assert_refused(self.run_it("report").end(), 64)
        got = self.run_it("report", self.written("faults"), "-o", "/nowhere/page").end()
        self.assert_refused(got, 73, "/nowhere/page")
        got = self.run_it("faults", "--json", "-", "--report", "-").end()
        self.assert_refused(got, 64, "--json and --report")


if __name__ == "__main__":
    harness.main()
