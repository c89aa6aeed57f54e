"""The page of a load test: one file, to be opened anywhere, without a script and with nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from loadtests.plot import Line, plot
from loadtests.timeline import Run, Second
from loadtests.verdict import Check, checks

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
body { color: #222; background: #fff }
table { border-collapse: collapse; margin: .5rem 0 1rem }
td, th { padding: .15rem .7rem .15rem 0; text-align: left; vertical-align: top }
th { border-bottom: 1px solid #999 } td.n, th.n { text-align: right }
.no { color: #b3261e; font-weight: 600 } .yes { color: #2e6b2e }
figure { display: inline-block; margin: .3rem .6rem .3rem 0; width: 36rem; max-width: 100% }
svg { width: 100%; height: auto } svg .grid { stroke: #ddd }
svg .title { font: 600 12px system-ui, sans-serif } svg .small { font: 10px system-ui, sans-serif; fill: #555 }
"""


def as_json(runs: Sequence[Run], facts: dict[str, Any]) -> str:
    """Everything that is on the page, as JSON: `facts`, and `scenarios` with `verdict` beside what was measured."""
    scenarios = [{**asdict(run), "verdict": [asdict(check) for check in checks(run)]} for run in runs]
    return json.dumps({"facts": facts, "scenarios": scenarios}, indent=1)


def all_met(runs: Sequence[Run]) -> bool:
    """Whether every scenario showed all that it has to show."""
    return all(check.met for run in runs for check in checks(run))


def verdict_text(runs: Sequence[Run]) -> str:
    """The verdicts as a Markdown table."""
    lines = ["| scenario | what | measured | wanted | met |", "|---|---|---:|---:|---|"]
    for run in runs:
        lines += [
            f"| {run.name} | {one.what} | {one.measured} | {one.wanted} | {'yes' if one.met else '**no**'} |"
            for one in checks(run)
        ]
    return "\n".join(lines)


def as_page(runs: Sequence[Run], facts: dict[str, Any]) -> str:
    """The page.

    Args:
        runs: The scenarios in the order in which they were run.
        facts: What the machine was and when: names and short values.
    """
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Load on Cairn</title><style>{_STYLE}</style></head><body><h1>Load on Cairn</h1><table>",
        *(f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in facts.items()),
        "</table><h2>Verdict</h2>",
        _verdicts([(run.name, one) for run in runs for one in checks(run)]),
        *(_scenario(run) for run in runs),
        "</body></html>",
    ]
    return "\n".join(parts)


def _verdicts(found: Sequence[tuple[str, Check]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(one.what)}</td><td class=n>{escape(one.measured)}</td>"
        f"<td class=n>{escape(one.wanted)}</td>{_answer(is_met=one.met)}</tr>"
        for name, one in found
    )
    head = "<tr><th>scenario</th><th>what</th><th class=n>measured</th><th class=n>wanted</th><th>met</th></tr>"
    return f"<table>{head}{rows}</table>"


def _answer(*, is_met: bool) -> str:
    word = "yes" if is_met else "no"
    return f"<td class={word}>{word}</td>"


def _scenario(run: Run) -> str:
    used = run.processor_seconds()
    look_ups = run.look_ups()
    rate = f"{look_ups.count / used:,.0f} look-ups and {run.awards() / used:,.1f} awards" if used else "nothing"
    parts = [
        f"<h2>{escape(run.name)}</h2><p>{escape(run.what)}</p>",
        f"<p>{run.seconds:.0f} s; the server used {used:.1f} s of a processor: {rate} for each second of it.</p>",
        *(f"<figure>{drawn}</figure>" for drawn in _plots(run)),
        _kinds(run),
    ]
    if run.troubles:
        listed = "".join(f"<li>{count} × {escape(what)}</li>" for what, count in sorted(run.troubles.items()))
        parts.append(f"<h3>Errors</h3><ul>{listed}</ul>")
    return "\n".join(parts)


def _plots(run: Run) -> list[str]:
    def line(name: str, member: str) -> Line:
        return Line(name, _points(run.timeline, member))

    throughput = [
        line("look-ups", "look_ups"),
        line("all", "requests"),
        line("awards", "awards"),
        line("errors", "troubles"),
    ]
    times = [line("p50", "p50_ms"), line("p95", "p95_ms"), line("p99", "p99_ms")]
    merge = [Line("each", run.merges_ms, is_dotted=True), line("p50", "merge_p50_ms"), line("most", "merge_most_ms")]
    used = [
        (one.at, 100 * (one.processor_seconds - before.processor_seconds) / max(one.at - before.at, 0.001))
        for before, one in zip(run.samples, run.samples[1:], strict=False)
    ]
    held = [(one.at, one.megabytes) for one in run.samples]
    return [
        plot("Throughput", "a second", throughput, run.seconds),
        plot("Look-ups: time to answer", "ms", times, run.seconds),
        plot("Merge delay", "ms", merge, run.seconds),
        plot("The server", "% of a processor, MB", [Line("processor", used), Line("memory", held)], run.seconds),
    ]


def _points(timeline: Sequence[Second], member: str) -> list[tuple[float, float]]:
    return [(one.at, value) for one in timeline if (value := getattr(one, member)) is not None]


def _kinds(run: Run) -> str:
    rows = "".join(
        f"<tr><td>{escape(kind.name)}</td><td class=n>{kind.count:,}</td><td class=n>{kind.troubles:,}</td>"
        f"<td class=n>{kind.p50_ms:.1f}</td><td class=n>{kind.p95_ms:.1f}</td><td class=n>{kind.p99_ms:.1f}</td></tr>"
        for kind in run.kinds
    )
    names = ("count", "errors", "p50 ms", "p95 ms", "p99 ms")
    head = "<tr><th>what</th>" + "".join(f"<th class=n>{name}</th>" for name in names) + "</tr>"
    return f"<table>{head}{rows}</table>"
