"""The queues of docs/scale.md: look-ups on many cores, awards on one writer or many, with measured service times.

    make simulate

Everything is drawn from one seed, so that the same program prints the same numbers; a test holds them against the page,
and the queues against theory (M/M/1, M/M/k, M/D/1). What is modelled:

- **look-ups**: requests come at random (Poisson); a core answers one at a time. Either each core has a queue of its own
  and requests are spread at random (processes behind a balancer), or all share one queue (M/G/k);
- **awards**: one process, one interpreter lock: the writer takes all that waits, up to a bound, into one commit (group
  commit); 200 ms after its last look the sequencer publishes what is committed, and the writer waits meanwhile.

Not modelled: networks, disks that are slow for a moment, collections of garbage, clients that try again.
"""

from __future__ import annotations

import heapq
import json
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

SEED = 20_261_126
MEASURED = Path(__file__).with_name("service_times.json")
INTERVAL_MS = 200.0
"""Source: CAIRN_SEQUENCING_INTERVAL_MS."""
GROUP = 64
"""Awards that one commit takes in at most, in the model: as many as were measured together."""
LOOK_UPS_A_SECOND = 100_000.0
AWARDS_A_SECOND = 5_000.0
REQUESTS = 100_000
"""Look-ups that are drawn for each figure: a p99 of so many is good to a few per cent."""
LEDGER_SECONDS = 60.0
LOOK_UP_P99_MS = 10.0
ANSWER_P99_MS = 250.0
MERGE_P99_MS = 1_000.0

Draw = Callable[[random.Random], float]
"""Gives one service time, in milliseconds."""


@dataclass(frozen=True)
class Times:
    """What came of a simulation, in milliseconds."""

    p50: float
    p99: float
    mean: float


def times(values: Iterable[float]) -> Times:
    """Sum up times; at least one."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return Times(ordered[round(last * 0.5)], ordered[round(last * 0.99)], math.fsum(ordered) / len(ordered))


def shaped(mean_ms: float, shape: Sequence[float]) -> Draw:
    """Draw from measured hundredths.

    Args:
        mean_ms: The mean that is to come out.
        shape: 99 hundredths as multiples of some mean; between two of them every value is as likely as another, and the
            first and last hundredth are as wide as the hundredth next to them.
    """
    low = max(0.0, 2 * shape[0] - shape[1])
    high = 2 * shape[-1] - shape[-2]
    corners = [low, *shape, high]
    # The tail beyond the last hundredth is cut, so that the mean of what is drawn has to be put right.
    drawn_mean = math.fsum((one + other) / 2 for one, other in pairwise(corners)) / 100
    scale = mean_ms / drawn_mean

    def draw(chance: random.Random) -> float:
        place = chance.random() * 100
        hundredth = int(place)
        low_corner = corners[hundredth]
        return scale * (low_corner + (corners[hundredth + 1] - low_corner) * (place - hundredth))

    return draw


def poisson(chance: random.Random, per_second: float, count: int) -> list[float]:
    """Instants of arrivals in milliseconds."""
    now, found = 0.0, []
    for _ in range(count):
        now += chance.expovariate(per_second) * 1_000
        found.append(now)
    return found


def queue(arrivals: Sequence[float], draw: Draw, servers: int, chance: random.Random) -> Times:
    """One queue before some servers, first come first served; gives the times from arrival to answer."""
    free = [0.0] * servers
    found = []
    for arrival in arrivals:
        begins = max(arrival, free[0])
        ends = begins + draw(chance)
        heapq.heapreplace(free, ends)
        found.append(ends - arrival)
    return times(found)


def spread(per_second: float, draw: Draw, cores: int, *, seed: int = SEED, count: int = REQUESTS) -> Times:
    """Requests spread at random over so many cores, each with a queue of its own: one of them stands for all."""
    chance = random.Random(seed)
    return queue(poisson(chance, per_second / cores, count), draw, 1, chance)


def shared(per_second: float, draw: Draw, cores: int, *, seed: int = SEED, count: int = REQUESTS) -> Times:
    """Requests that wait in one queue for the first of so many cores."""
    chance = random.Random(seed)
    return queue(poisson(chance, per_second, count), draw, cores, chance)


@dataclass(frozen=True)
class Writer:
    """A process that issues and sequences.

    Attributes:
        commit_ms: What a commit takes whatever it holds.
        award_ms: What each award takes on top.
        checkpoint_ms: What a checkpoint takes whatever it holds.
        entry_ms: What each entry takes on top.
        shape: The commit's measured hundredths, as multiples of their mean.
        group: Awards that a commit takes in at most.
    """

    commit_ms: float
    award_ms: float
    checkpoint_ms: float
    entry_ms: float
    shape: tuple[float, ...]
    group: int = GROUP


@dataclass(frozen=True)
class Written:
    """What came of awards: from request to answer, from answer to publication, and how busy the process was (0 to 1).

    Attributes:
        left: Requests that were not answered when the last had come; many are a queue without an end.
    """

    answer: Times
    merge: Times
    busy: float
    left: int


def write(
    writer: Writer, per_second: float, *, size: int = 1, seconds: float = LEDGER_SECONDS, seed: int = SEED
) -> Written:
    """Let one process issue and publish.

    Args:
        writer: The process.
        per_second: Requests a second.
        size: Awards a request; a commit takes at least one request.
        seconds: How long requests come.
        seed: Of what is drawn.
    """
    chance = random.Random(seed)
    jitter = shaped(1.0, writer.shape)
    arrivals = [at for at in poisson(chance, per_second, int(per_second * seconds * 1.2) + 1) if at < seconds * 1_000]
    taken, now, due, work, left = 0, 0.0, INTERVAL_MS, 0.0, -1
    pending: list[float] = []
    answers: list[float] = []
    merges: list[float] = []
    end = seconds * 1_000
    while taken < len(arrivals) or pending:
        if left < 0 and now >= end:
            left = len(arrivals) - taken
        if not pending and due < now:  # it has looked meanwhile, and found nothing
            due += INTERVAL_MS * math.ceil((now - due) / INTERVAL_MS)
        if pending and now >= due:
            took = writer.checkpoint_ms + writer.entry_ms * len(pending) * size
            now += took
            work += took
            merges += [now - at for at in pending]
            pending.clear()
            due = now + INTERVAL_MS
        elif taken < len(arrivals) and arrivals[taken] <= now:
            waiting = bisect_right(arrivals, now, taken) - taken
            count = min(waiting, max(1, writer.group // size))
            took = (writer.commit_ms + writer.award_ms * count * size) * jitter(chance)
            now += took
            work += took
            answers += [now - at for at in arrivals[taken : taken + count]]
            pending += [now] * count
            taken += count
        else:
            following = arrivals[taken] if taken < len(arrivals) else math.inf
            now = min(following, max(due, now) if pending else math.inf)
    return Written(times(answers), times(merges), work / max(now, end), max(left, 0))


def least(fits: Callable[[int], bool], begin: int) -> int:
    """The smallest number from *begin* on that fits, where every number above one that fits does as well."""
    high = begin
    while not fits(high):
        high *= 2
    low = max(begin, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def kept_share(per_second: float, awards: float, skew: float, seconds: float) -> float:
    """Part of the look-ups that a cache answers which keeps each for *seconds*; the n-th award is asked for as n^-skew.

    An award asked for at random, L times a second, is found in the cache in L*T of 1 + L*T cases. Awards are added up
    in ranges that double, each taken to be asked for as its middle is.
    """
    weights, counts, first = [], [], 1.0
    while first <= awards:
        last = min(2 * first, awards + 1)
        weights.append(math.sqrt(first * last) ** -skew)
        counts.append(last - first)
        first = last
    whole = math.fsum(weight * count for weight, count in zip(weights, counts, strict=True))
    rates = [per_second * weight / whole for weight in weights]
    return math.fsum(
        count * rate / per_second * rate * seconds / (1 + rate * seconds)
        for count, rate in zip(counts, rates, strict=True)
    )


def measured(path: Path = MEASURED) -> dict[str, Any]:
    """What ``loadtests/service_times.py`` measured."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def service(found: dict[str, Any], name: str) -> Draw:
    """The measured service time of that name."""
    return shaped(mean_ms(found, name), found["times"][name]["shape"])


def mean_ms(found: dict[str, Any], name: str) -> float:
    """The mean of a service time, on a busy core where that was measured."""
    one = found["times"][name]
    mean_us: float = one.get("busy_us", one["mean_us"])
    return mean_us / 1_000


def single_writer(found: dict[str, Any]) -> Writer:
    """A process asked for single awards; its commit fits what one client and 64 at once were measured to cost."""
    one, many = (found["times"][name]["mean_us"] / 1_000 for name in ("award", "award_64_clients"))
    each = (many - one / GROUP) / (1 - 1 / GROUP)
    checkpoint = found["checkpoint"]
    shape = tuple(found["times"]["award"]["shape"])
    return Writer(one - each, each, checkpoint["fixed_ms"], checkpoint["entry_ms"], shape)


def batch_writer(found: dict[str, Any]) -> Writer:
    """A process that is asked for batches of 1,000."""
    batch = found["times"]["batch"]
    checkpoint = found["checkpoint"]
    shape = tuple(batch["shape"])
    return Writer(0.0, batch["mean_us"] / 1e6, checkpoint["fixed_ms"], checkpoint["entry_ms"], shape, group=1_000)


def look_up_table(found: dict[str, Any]) -> list[str]:
    """Cores for 100,000 look-ups a second, by where they are answered."""
    shown = f"cores for a p99 of {LOOK_UP_P99_MS:.0f} ms | busy | p50 ms | p99 ms | p99 ms, one queue"
    lines = [
        f"| {LOOK_UPS_A_SECOND:,.0f} look-ups a second | cores at 100 % | {shown} |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, what in (
        ("status_kept", "from nginx's cache"),
        ("status", "from the ledger itself"),
        ("status_mirror", "from mirrors"),
        ("status_not_kept", "through nginx, nothing in its cache"),
        ("evidence", "evidence files"),
    ):
        draw = service(found, name)
        need = LOOK_UPS_A_SECOND * mean_ms(found, name) / 1_000
        whole = math.ceil(need)

        def fits(cores: int, draw: Draw = draw) -> bool:
            return spread(LOOK_UPS_A_SECOND, draw, cores).p99 <= LOOK_UP_P99_MS

        cores = least(fits, whole + 1)
        one, all_ = spread(LOOK_UPS_A_SECOND, draw, cores), shared(LOOK_UPS_A_SECOND, draw, cores)
        busy = need / cores
        lines.append(f"| {what} | {whole} | {cores} | {busy:.0%} | {one.p50:.2f} | {one.p99:.2f} | {all_.p99:.2f} |")
    return lines


def award_table(found: dict[str, Any]) -> list[str]:
    """Ledgers for 5,000 awards a second, one by one and in batches, and how quick they are."""
    shown = "answer p50 ms | p99 ms | merge delay p50 ms | p99 ms | waiting at the end"
    lines = [
        f"| {AWARDS_A_SECOND:,.0f} awards a second | ledgers | busy | {shown} |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for writer, size, what in (
        (single_writer(found), 1, "one by one"),
        (batch_writer(found), 1_000, "1,000 a request"),
    ):

        def on(ledgers: int, writer: Writer = writer, size: int = size) -> Written:
            return write(writer, AWARDS_A_SECOND / size / ledgers, size=size)

        def fits(ledgers: int, on: Callable[[int], Written] = on, size: int = size) -> bool:
            done = on(ledgers)
            answer = ANSWER_P99_MS if size == 1 else 10 * ANSWER_P99_MS
            return done.answer.p99 <= answer and done.merge.p99 <= MERGE_P99_MS

        enough = least(fits, 1)
        for ledgers in sorted({1, enough, 2 * enough}):
            done = on(ledgers)
            lines.append(
                f"| {what} | {ledgers} | {done.busy:.0%} | {done.answer.p50:,.0f} | {done.answer.p99:,.0f} | "
                f"{done.merge.p50:,.0f} | {done.merge.p99:,.0f} | {done.left * size:,} |"
            )
    return lines


def graduation_table(found: dict[str, Any]) -> list[str]:
    """The measured day of ``make load`` in the model: 100,000 awards an hour; and how far one ledger goes."""
    writer = single_writer(found)
    lines = [
        "| awards a second, one by one, one ledger | busy | answer p99 ms | merge delay p50 ms | p99 ms |",
        "|---:|---:|---:|---:|---:|",
    ]
    for rate in (1.0, 100_000 / 3_600, 200.0, 500.0, 1_000.0, 1_200.0, 1_400.0):
        done = write(writer, rate, seconds=600 if rate < 10 else LEDGER_SECONDS)
        merge = f"{done.merge.p50:,.0f} | {done.merge.p99:,.0f}"
        lines.append(f"| {rate:,.0f} | {done.busy:.0%} | {done.answer.p99:,.0f} | {merge} |")
    return lines


def cache_table() -> list[str]:
    """What a cache is worth at 100,000 look-ups a second over a billion awards, by how unevenly they are asked for."""
    lines = ["| the n-th award is asked for as | kept 1 s | kept 15 s | kept 60 s |", "|---|---:|---:|---:|"]
    for skew in (0.6, 0.8, 1.0, 1.2):
        shares = (kept_share(LOOK_UPS_A_SECOND, 1e9, skew, seconds) for seconds in (1, 15, 60))
        lines.append(f"| n^-{skew} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    return lines


def report(found: dict[str, Any]) -> str:
    """Everything that docs/scale.md quotes."""
    tables = (look_up_table(found), cache_table(), award_table(found), graduation_table(found))
    return "\n\n".join("\n".join(table) for table in tables)


def main() -> None:
    """Print the tables."""
    found = measured()
    print(f"Service times of {found['when']}, {found['machine']}; seed {SEED}.\n")
    print(report(found))


if __name__ == "__main__":
    main()
