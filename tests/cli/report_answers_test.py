#!/usr/bin/env python3
"""The answers on top of a report follow from its figures, and from nothing else."""
import harness
from report_page import ReportTest


class Answers(ReportTest):
    def test_it_says_which_mode_to_choose(self):
        text = self.page(self.written("compare"), self.written("faults"))
        for words in ("Which mode for what", "8 writers, 1 us of work", "2 writers, 50 ns of work",
                      "4 writers, 10 ns of work", "Choose process-ring.", "If a writer may crash"):
            self.assertIn(words, text)

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

    def test_who_is_soonest_is_asked_at_one_place_and_of_those_that_are_to_choose(self):
        figures = self.measured("loads")
        loaded = [point for point in figures["points"] if point["load"]]
        for point in loaded:
            for run in point["runs"]:
                run["latency_ns"]["p99"] = 4e3 if point["mode"] == "thread-mutex" else 9e3
        twice = [{**point, "writers": 2, "runs": [{**run, "latency_ns": {**run["latency_ns"], "p99": 6e3}}
                                                  for run in point["runs"]]} for point in loaded]
        others = [{**loaded[0], "mode": "thread-alone"}, {**loaded[0], "mode": "process-mutex", "runs": []}]
        for point in others[:1]:
            point["runs"] = [{**run, "latency_ns": {**run["latency_ns"], "p99": 1.0}} for run in point["runs"]]
        figures["points"] += twice + others
        card = self.card_of("must be through soon", self.written("loads", figures))
        self.assertIn("Choose thread-mutex.", card)
        self.assertIn("thread-mutex 4.00 us (4.00 us to 4.00 us); process-ring 9.00 us", card)
        self.assertNotIn("thread-alone", card)
        self.assertNotIn("process-mutex", card)
        for point in figures["points"]:
            if point["load"]:
                point["load"]["part"] = 1.1
        self.assertNotIn("must be through soon", self.page(self.written("loads", figures)))

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
        set_rates(lambda point: ["process-ring", "process-mutex"])
        card = self.card_of("When is a lock enough?", self.written("compare", figures))
        self.assertIn("process-mutex, as none is faster for certain.", card)
        figures["points"] = [p for p in figures["points"] if "mutex" not in p["mode"]]
        self.assertNotIn("When is a lock enough?", self.page(self.written("compare", figures)))

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
        self.assertIn("no mode that may be chosen came out clean", text)
        self.assertIn("not intact (!)", text)


if __name__ == "__main__":
    harness.main()
