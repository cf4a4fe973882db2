#!/usr/bin/env python3
"""cortado report: a page of figures, whole in itself, and figures that follow from their runs."""
import html.parser
import json
import re

import harness
from harness import CliTest

NOT_BUILT_IN = 69


class Page(html.parser.HTMLParser):
    """What a structure of elements says, for a test."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), [name for name, _ in self.open]))
        if tag not in ("meta", "br"):
            self.open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.open:
            tag, attributes = self.open[-1]
            key = (tag, attributes.get("id"))
            self.text[key] = self.text.get(key, "") + data

    def all(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


class Report(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.figures = {}

    def setUp(self):
        super().setUp()
        if self.run_it("report", "--output", "-", self.written("faults")).end()[0] == NOT_BUILT_IN:
            self.skipTest("this cortado was built without the library for charts")

    def measured(self, command):
        """The figures of one small run, made once for all tests."""
        if command not in self.figures:
            args = {"compare": ["--writers", "1,2", "--hold", "0ns,1us", "--orders", "2000", "--repeat",
                                "2"],
                    "loads": ["--modes", "thread-mutex,process-ring", "--writers", "1", "--orders",
                              "2000", "--repeat", "2", "--load", "50"],
                    "faults": ["--mode", "thread-mutex,process-ring", "--fault", "none,killed"]}
            path = self.folder / "measured"
            program = "compare" if command == "loads" else command
            self.assert_ended_in_order(self.run_it(program, *args[command], "--json", path))
            Report.figures[command] = json.loads(path.read_text())
        return json.loads(json.dumps(self.figures[command]))

    def written(self, command, figures=None, name=None):
        path = self.folder / (name or f"{command}.json")
        path.write_text(json.dumps(figures or self.measured(command)))
        return path

    def page(self, *files):
        out = self.assert_ended_in_order(self.run_it("report", "-o", self.folder / "page.html", *files))
        self.assertIn(b"page.html: ", out)
        return (self.folder / "page.html").read_text()

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

    def test_it_says_which_mode_to_choose(self):
        text = self.page(self.written("compare"), self.written("faults"))
        for words in ("Which mode for what", "8 writers, 1 us of work", "2 writers, 50 ns of work",
                      "4 writers, 10 ns of work", "Choose process-ring.", "If a writer may crash"):
            self.assertIn(words, text)

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

    def test_what_lies_between_what_was_measured_is_told_by_its_neighbours(self):
        figures = self.measured("compare")
        alone = [p for p in figures["points"] if p["mode"] == "thread-alone"]
        self.assertTrue(alone)
        points = [{**p, "writers": 2 * p["writers"]} for p in figures["points"] if p not in alone]
        # With 4 writers, only without work; with 2 and 8, with 0 and 1000 ns.
        points = [p for p in points if p["writers"] == 2 or p["hold_ns"] == 0]
        points += [{**p, "writers": 8} for p in points if p["writers"] == 2]
        for point in points:
            best = {(4, 0): "process-ring", (8, 0): "process-ring", (8, 1000): "process-ring",
                    (2, 0): "process-ring", (2, 1000): "thread-mutex"}[point["writers"], point["hold_ns"]]
            rate = 9e6 if point["mode"] == best else 1e6
            point["throughput_per_s"] = {"median": rate, "lowest": rate, "highest": rate}
        figures["points"] = points + alone
        card = self.card_of("10 ns of work on each order", self.written("compare", figures))
        self.assertIn("It depends", card)
        self.assertIn("With 2 writers and 1 us of work on each order: thread-mutex.", card)
        self.assertIn("With 8 writers and 1 us of work on each order: process-ring.", card)
        self.assertIn("Not measured itself: these are the nearest.", card)
        self.assertIn("One thread alone, which shares with nobody, does", card)

    def card_of(self, question, *files):
        page = self.page(*files)
        cards = [card for card in page.split("<article>")[1:] if question in card.split("</h3>")[0]]
        self.assertEqual(len(cards), 1, question)
        return cards[0].split("</article>")[0]

    def test_who_is_soonest_follows_the_latencies_under_load(self):
        figures = self.measured("loads")
        for point in figures["points"]:
            ring = point["mode"] == "process-ring"
            for run in point["runs"]:
                run["latency_ns"]["p99"] = 5e3 if ring == bool(point["load"]) else 9e6
        card = self.card_of("must be through soon", self.written("loads", figures))
        self.assertIn("Choose process-ring.", card)
        self.assertIn("process-ring 5.00 us (5.00 us to 5.00 us); thread-mutex 9.00 ms", card)
        for point in figures["points"]:
            for run in point["runs"]:
                run["latency_ns"]["p99"] = 7e3
        card = self.card_of("must be through soon", self.written("loads", figures))
        self.assertIn("Choose thread-mutex, the simplest of 2", card)
        self.assertNotIn("must be through soon", self.page(self.written("compare")))

    def test_where_a_lock_is_enough_is_told(self):
        figures = self.measured("compare")

        def set_rates(ahead):
            for point in figures["points"]:
                rate = 9e6 if point["mode"] in ahead(point) else 1e6
                point["throughput_per_s"] = {"median": rate, "lowest": rate, "highest": rate}

        set_rates(lambda point: ["thread-mutex"] if point["writers"] == 1 else ["process-ring"])
        card = self.card_of("When is a lock enough?", self.written("compare", figures))
        self.assertIn("At 2 of 4 places", card)
        self.assertIn("With 1 writer and 1 us of work, orders of 16 bytes: thread-mutex is the fastest.", card)
        set_rates(lambda point: ["process-ring"])
        card = self.card_of("When is a lock enough?", self.written("compare", figures))
        self.assertIn("At none of 4 places", card)
        set_rates(lambda point: ["process-ring", "thread-mutex"])
        card = self.card_of("When is a lock enough?", self.written("compare", figures))
        self.assertIn("thread-mutex, as none is faster for certain.", card)

    def test_the_rule_follows_the_figures(self):
        figures = self.measured("compare")
        for point in figures["points"]:
            rate = 9e6 if point["mode"] == "thread-mutex" else 1e6
            point["throughput_per_s"] = {"median": rate, "lowest": rate, "highest": rate}
        text = self.page(self.written("compare", figures), self.written("faults"))
        self.assertIn("Choose thread-mutex.", text)
        self.assertIn("Choose process-ring.", text)  # where a writer may crash, nothing else will do
        for point in figures["points"]:
            point["throughput_per_s"] = {"median": 1e6, "lowest": 9e5, "highest": 2e6}
        text = self.page(self.written("compare", figures))
        self.assertIn("none is the faster", text)

    def test_what_survives_is_told_by_what_was_seen(self):
        faults = self.measured("faults")
        faults["cells"] = [cell for cell in faults["cells"] if cell["mode"] == "process-ring"]
        for cell in faults["cells"]:
            cell.update(outcome="garbled", as_theory=False)
        text = self.page(self.written("compare"), self.written("faults", faults))
        self.assertIn("no safe mode came out clean", text)
        self.assertIn("not intact (!)", text)

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
        for name, text in (("empty", ""), ("text", "hello"), ("other", "{}"), ("cut", '{"schema": "co'),
                           ("schema", '{"schema": "cortado-run-1"}'), ("list", "[1]"),
                           ("bare", '{"schema": "cortado-compare-1"}'),
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
