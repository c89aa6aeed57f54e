"""What a scenario's record comes to: second by second, and as a whole."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.scenario.record import ATTACK, ISSUE, LOOK_UP, MERGE


@dataclass(frozen=True)
class Ended:
    """One line of a record: seconds since the beginning, what it was, its milliseconds, and its trouble or nothing."""

    at: float
    name: str
    milliseconds: float
    trouble: str


@dataclass(frozen=True)
class Sample:
    """What the server's process held and had used: seconds since the beginning, processor seconds, megabytes, files."""

    at: float
    processor_seconds: float
    megabytes: float
    open_files: int


@dataclass(frozen=True)
class Kind:
    """All requests of one name."""

    name: str
    count: int
    troubles: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Second:
    """One slice of time. Percentiles are of look-ups and None where there were none; so is the merge delay.

    Attributes:
        at: Its beginning, seconds since the scenario's.
        look_ups: Look-ups answered a second.
        requests: All requests answered a second.
        awards: Awards issued a second.
        troubles: Requests with trouble a second.
    """

    at: float
    look_ups: float
    requests: float
    awards: float
    troubles: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    merge_p50_ms: float | None
    merge_most_ms: float | None


@dataclass(frozen=True)
class Run:
    """A scenario that has been run.

    Attributes:
        name: Its name.
        what: Its first sentence.
        seconds: How long it was to go on.
        kinds: Requests by name.
        timeline: Slices of time in order.
        merges_ms: Merge delays: (seconds since the beginning, milliseconds).
        samples: What the server used.
        late_p99_ms: How late this machine woke somebody who only slept, all but one time in a hundred within: what is
            measured by the clock cannot be better than that.
        troubles: What was wrong, with how often.
    """

    name: str
    what: str
    seconds: float
    kinds: list[Kind]
    timeline: list[Second]
    merges_ms: list[tuple[float, float]]
    samples: list[Sample]
    late_p99_ms: float
    troubles: dict[str, int] = field(default_factory=dict)

    def look_ups(self) -> Kind:
        """All look-ups together."""
        return next(kind for kind in self.kinds if kind.name == "look-ups, all")

    def processor_seconds(self) -> float:
        """Processor seconds that the server used."""
        return self.samples[-1].processor_seconds - self.samples[0].processor_seconds if self.samples else 0.0

    def awards(self) -> float:
        """Awards issued."""
        return sum(_batch(kind.name) * (kind.count - kind.troubles) for kind in self.kinds if _batch(kind.name))


def read_record(path: Path, begun: float) -> list[Ended]:
    """Read the record of a run that began at *begun* (seconds since 1970)."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        at, name, milliseconds, trouble = line.split("\t")
        found.append(Ended(float(at) - begun, name, float(milliseconds), trouble))
    return sorted(found, key=lambda one: one.at)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of *values*, in order, that at least *share* of them do not exceed; at least one value."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def summarise(
    name: str, what: str, seconds: float, ended: Sequence[Ended], samples: list[Sample], late_ms: Sequence[float] = ()
) -> Run:
    """Add up a record.

    Args:
        name: The scenario.
        what: Its first sentence.
        seconds: How long it was to go on.
        ended: Its record.
        samples: What the server used.
        late_ms: How late a sleeper was woken, again and again.
    """
    requests = [one for one in ended if one.name != MERGE]
    by_name: defaultdict[str, list[Ended]] = defaultdict(list)
    for one in ended:
        by_name[one.name].append(one)
    look_ups = [one for one in requests if one.name.startswith(LOOK_UP)]
    kinds = [_kind(kind, found) for kind, found in sorted(by_name.items())]
    troubles = Counter(f"{one.name}: {one.trouble}" for one in ended if one.trouble)
    merges = [(one.at, one.milliseconds) for one in by_name[MERGE]]
    timeline = _timeline(ended, seconds)
    listed = [_kind("look-ups, all", look_ups), *kinds]
    late = percentile(sorted(late_ms), 0.99) if late_ms else 0.0
    return Run(name, what, seconds, listed, timeline, merges, samples, late, dict(troubles))


def _kind(name: str, found: Iterable[Ended]) -> Kind:
    listed = list(found)
    times = sorted(one.milliseconds for one in listed) or [0.0]
    wrong = sum(bool(one.trouble) for one in listed)
    return Kind(name, len(listed), wrong, *(percentile(times, share) for share in (0.5, 0.95, 0.99)))


def _batch(name: str) -> int:
    return int(name.removeprefix(ISSUE)) if name.startswith(ISSUE) else 0


def _timeline(ended: Sequence[Ended], seconds: float) -> list[Second]:
    step = max(seconds / 60, 0.5)
    slices: defaultdict[int, list[Ended]] = defaultdict(list)
    for one in ended:
        slices[int(one.at / step)].append(one)
    return [_second(number * step, step, slices[number]) for number in range(math.ceil(seconds / step))]


def _second(at: float, step: float, found: list[Ended]) -> Second:
    counted = [one for one in found if one.name != MERGE and not one.name.startswith(ATTACK)]
    look_ups = sorted(one.milliseconds for one in counted if one.name.startswith(LOOK_UP))
    merges = sorted(one.milliseconds for one in found if one.name == MERGE)
    p50, p95, p99 = (percentile(look_ups, share) if look_ups else None for share in (0.5, 0.95, 0.99))
    return Second(
        at,
        len(look_ups) / step,
        len(counted) / step,
        sum(_batch(one.name) for one in counted if not one.trouble) / step,
        sum(bool(one.trouble) for one in counted) / step,
        p50,
        p95,
        p99,
        percentile(merges, 0.5) if merges else None,
        merges[-1] if merges else None,
    )
