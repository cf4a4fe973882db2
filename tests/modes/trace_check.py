#!/usr/bin/env python3
"""Checks a timeline (Trace Event JSON) of `cortado run --trace`.

  trace_check.py FILE [--applied N]     N: orders that the run's figures say were applied

Exit status 0: on each track the clock never goes back and slices nest; each order that was applied
has exactly one start and one finish, in that order, each in a slice of that order; the depth of the
queue is never negative and ends at zero; nothing is dropped without being told. 1: not so, and why.
"""
import argparse
import collections
import json
import sys


class Wrong(Exception):
    """What is not as it should be."""


def expect(is_so, *what):
    if not is_so:
        raise Wrong(" ".join(map(str, what)))


def nanoseconds(microseconds):
    return round(microseconds * 1000)


class Slice:
    def __init__(self, event):
        self.name, self.order = event["name"], event["args"]["order"]
        self.begin = nanoseconds(event["ts"])
        self.end = self.begin + nanoseconds(event["dur"])
        self.track = track_of(event)
        expect(event["dur"] >= 0, "a slice of negative length:", event)

    def holds(self, time):
        return self.begin <= time <= self.end


def track_of(event):
    return event["pid"], event["tid"]


def check_tracks(slices):
    """As they stand in the file: the clock of a track never goes back, slices lie in each other or
    behind each other."""
    tracks = collections.defaultdict(list)
    for each in slices:
        tracks[each.track].append(each)
    for track, on_track in tracks.items():
        open_slices, before = [], 0
        for each in on_track:
            expect(each.begin >= before, "the clock of track", track, "goes back at order",
                   each.order)
            before = each.begin
            while open_slices and open_slices[-1].end <= each.begin:
                open_slices.pop()
            expect(not open_slices or each.end <= open_slices[-1].end, "on track", track,
                   "slices of orders", open_slices and open_slices[-1].order, "and", each.order,
                   "overlap")
            open_slices.append(each)


def by_order(events, what):
    found = {}
    for event in events:
        expect(event["id"] not in found, "order", event["id"], "has two", what)
        found[event["id"]] = event
    return found


def check_arrows(events, slices):
    """Returns how many there are."""
    of_order = collections.defaultdict(list)
    applying = {}
    for each in slices:
        of_order[each.order].append(each)
        if each.name == "applying":
            expect(each.order not in applying, "order", each.order, "is applied twice")
            applying[each.order] = each
    starts = by_order((e for e in events if e["ph"] == "s"), "starts")
    finishes = by_order((e for e in events if e["ph"] == "f"), "finishes")
    expect(starts.keys() == applying.keys(), "orders with a start are not those applied:",
           sorted(starts.keys() ^ applying.keys())[:5])
    expect(finishes.keys() == applying.keys(), "orders with a finish are not those applied:",
           sorted(finishes.keys() ^ applying.keys())[:5])
    for order, start in starts.items():
        finish = finishes[order]
        expect(start["ts"] <= finish["ts"], "order", order, "is applied before it was begun")
        at = nanoseconds(start["ts"])
        expect(any(s.track == track_of(start) and s.name != "applying" and s.holds(at)
                   for s in of_order[order]), "the start of order", order, "is in no slice of it")
        target = applying[order]
        expect(track_of(finish) == target.track and target.holds(nanoseconds(finish["ts"])),
               "the finish of order", order, "is not where it is applied")
    return len(applying)


def check_depth(events):
    depth, before = 0, 0
    for event in events:
        expect(event["ts"] >= before, "the clock of the counter goes back")
        depth, before = event["args"]["orders"], event["ts"]
        expect(depth >= 0, "the queue's depth is negative at", event["ts"])
    expect(depth == 0, "the queue's depth ends at", depth)


def check(trace, applied=None):
    events = trace["traceEvents"]
    expect({e["ph"] for e in events} <= set("MXsfC"), "events of another kind")
    expect(all(e.get("ts", 0) >= 0 for e in events), "a time before the start")
    slices = [Slice(e) for e in events if e["ph"] == "X"]
    named = {track_of(e) for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    expect({s.track for s in slices} <= named, "a track without a name")
    check_tracks(slices)
    count = check_arrows(events, slices)
    check_depth([e for e in events if e["ph"] == "C"])
    told = trace["otherData"]
    expect(count == told["applied"], count, "orders are applied in it, told are", told["applied"])
    if applied is not None:
        expect(count <= applied, "more orders in it than were applied:", count, "of", applied)
        expect(count == applied or told["dropped"] > 0, count, "of", applied,
               "applied orders are in it, and none is told as dropped")
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--applied", type=int)
    options = parser.parse_args()
    with open(options.file, encoding="utf-8") as file:
        trace = json.load(file)
    try:
        print(check(trace, options.applied), "orders, each with one start and one finish")
    except Wrong as wrong:
        print(f"{options.file}: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
