#!/usr/bin/env python3
"""The table in the README, from a result: so that nobody types a figure.

    cortado bench --json bench.json
    readme_table.py bench.json            shows it
    readme_table.py bench.json --write    puts it into README.md, between its two marks
"""
import json
import pathlib
import sys

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
SIZES = {16: "16 B", 64: "64 B", 1024: "1 KiB", 65536: "64 KiB", 1048576: "1 MiB"}
LIMITS_LAST = ("cortado", "peer", "limit")


def digits(number):
    """Three that count."""
    if number >= 99.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def cell(summary, scale=1.0):
    """median (lowest-highest)"""
    return "{} ({}-{})".format(*(digits(summary[k] * scale) for k in ("median", "lowest", "highest")))


class Result:
    def __init__(self, data):
        self.data = data
        self.entries = data["entries"]

    def names(self, point):
        """Those who have figures there, cortado first, the limits last."""
        there = [c for c in self.data["contestants"]
                 if any(e["point"] == point and e["contestant"] == c["name"] and e["summary"]
                        for e in self.entries)]
        return [c["name"] for role in LIMITS_LAST for c in there if c["role"] == role]

    def find(self, point, name, **where):
        for entry in self.entries:
            if (entry["point"], entry["contestant"]) == (point, name) and entry["summary"] and all(
                    entry[key] == value for key, value in where.items()):
                return entry["summary"]
        return None

    def role(self, name):
        return next(c["role"] for c in self.data["contestants"] if c["name"] == name)

    def label(self, name):
        role = self.role(name)
        return f"**{name}**" if role == "cortado" else f"*{name}*" if role == "limit" else name

    def rows(self, point, columns, figure, scale=1.0):
        """columns: title -> what the entry must have."""
        yield "| | " + " | ".join(columns) + " |"
        yield "|---|" + "---|" * len(columns)
        for name in self.names(point):
            found = [self.find(point, name, **where) for where in columns.values()]
            if any(found):
                cells = [cell(f[figure], scale) if f else "-" for f in found]
                yield f"| {self.label(name)} | " + " | ".join(cells) + " |"


def sizes_in(result):
    return sorted({e["bytes"] for e in result.entries if e["point"] == "throughput"})


def table(data):
    result = Result(data)
    context = data["context"]
    options = context["options"]
    repetitions = options["repetitions"]
    lines = [f"One writer process to one owner, ns a message (the median of {repetitions}, "
             "lowest-highest):", ""]
    lines += result.rows("throughput", {SIZES.get(size, f"{size} B"): {"bytes": size}
                                        for size in sizes_in(result)}, "ns_per_message")
    for waiting in ("polling", "sleeping"):
        columns = {f"{size} B, p50": {"bytes": size, "waiting": waiting} for size in (16, 64)}
        lines += ["", f"There and back, {waiting}, ns:", ""]
        lines += result.rows("round-trip", columns, "p50_ns")
    writers = sorted({e["writers"] for e in result.entries if e["point"] == "fan-in"})
    lines += ["", "Many writer processes of 64 bytes each, million messages/s in all:", ""]
    lines += result.rows("fan-in", {f"{n} writer{'s' * (n > 1)}": {"writers": n} for n in writers},
                         "per_second", 1e-6)
    lines += ["", "What was aimed at, and where it stands (each figure the median of the ratios of "
              "runs side by side, before which a cache line took about as long; where that leaves "
              "fewer than three, of all):", "", "| goal | beside | figure | |", "|---|---|---|---|"]
    for goal in data["goals"]:
        figure = cell(goal["figure"]) if goal["figure"] else "-"
        for pairs in ("left_out", "unlike"):
            if goal.get(pairs):
                figure += f", {goal[pairs]} {pairs.replace('_', ' ')}"
        verdict = {True: "reached", False: "not reached", None: "not measured"}[goal["reached"]]
        sign = {">=": "at least", "<=": "at most"}[goal["goal"]]
        lines.append(f"| {goal['what']}: {sign} {digits(goal['bound'])} | {goal['against'] or '-'} "
                     f"| {figure} | {verdict} |")
    skipped = [f"{c['name']} ({c['skipped']})" for c in data["contestants"] if c["skipped"]]
    if skipped:
        lines += ["", "Skipped: " + "; ".join(skipped) + "."]
    lines += ["", f"{context['cores']} x {context['cpu']}, {context['kernel']}, "
              f"{context['compiler']}, Boost {context['boost']['version']}, commit "
              f"{context['commit']}. " + bounce(data)]
    return "\n".join(lines) + "\n"


def bounce(data):
    times = sorted(run["bounce_ns"] for e in data["entries"] for run in e["runs"]
                   if run and run["bounce_ns"] > 0)
    if not times:
        return "One processor: nothing was pinned."
    return (f"Before each run a cache line went to the other processor and back in "
            f"{digits(times[len(times) // 2])} ns ({digits(times[0])}-{digits(times[-1])}).")


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--write"]):
        sys.exit(__doc__)
    data = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = table(data)
    if len(sys.argv) == 2:
        print(text, end="")
        return
    readme = README.read_text(encoding="utf-8")
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        sys.exit(f"{README}: the marks {BEGIN} and {END} must stand there once each")
    head, rest = readme.split(BEGIN)
    README.write_text(f"{head}{BEGIN}\n{text}{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
