"""What a scenario has to show, and whether it did: plain comparisons, the same for every run.

The bounds are promises of the documentation where there is one, and else our own choice. They are for a machine that
the server and the clients share, so that they are wide: what a second of a processor does stands in docs/benchmarks.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loadtests.scenario.record import AWARDS_AN_HOUR, BEFORE_SHARE
from loadtests.timeline import Run, percentile

MERGE_MS = 1_000.0
"""Source: docs/api.md, "What an answer promises": in the public log it stands within a second."""
LOOK_UP_P99_MS = 100.0
"""Our own choice: nobody notices."""
KEPT_SHARE = 0.8
"""Part of the look-ups before an attack, or a crawler, that has to be there during it. The rest is noise of a shared
machine: what is to be seen is that they do not stop."""
PACE_SHARE = 0.95
LEAST_SECONDS = 12.0
"""A shorter run has no before and after, and no rate worth the name."""


@dataclass(frozen=True)
class Check:
    """One thing that a scenario has to show: what, what was measured, what was wanted, and whether it was met."""

    what: str
    measured: str
    wanted: str
    met: bool


def checks(run: Run) -> list[Check]:
    """Hold a run against what is wanted of it."""
    own = _OWN.get(run.name, ()) if run.seconds >= LEAST_SECONDS else ()
    return [*_always(run), *(check(run) for check in own)]


def _always(run: Run) -> list[Check]:
    look_ups = run.look_ups()
    delays = sorted(delay for _, delay in run.merges_ms)
    merge = percentile(delays, 0.99) if delays else None
    return [
        Check("look-ups with an error", f"{look_ups.troubles} of {look_ups.count:,}", "0", look_ups.troubles == 0),
        Check("other errors", str(_other_troubles(run)), "0", _other_troubles(run) == 0),
        Check(
            "look-ups, p99",
            f"{look_ups.p99_ms:.1f} ms; a mere sleeper was woken {run.late_p99_ms:.1f} ms late",
            f"at most {LOOK_UP_P99_MS:.0f} ms",
            look_ups.count > 0 and look_ups.p99_ms <= LOOK_UP_P99_MS,
        ),
        Check(
            "merge delay, p99",
            "none measured" if merge is None else f"{merge:.0f} ms of {len(delays)}",
            f"at most {MERGE_MS:,.0f} ms",
            merge is not None and merge <= MERGE_MS,
        ),
    ]


def _other_troubles(run: Run) -> int:
    return sum(run.troubles.values()) - run.look_ups().troubles


def _awards_keep_pace(run: Run) -> Check:
    an_hour = run.awards() / run.seconds * 3_600
    wanted = AWARDS_AN_HOUR * PACE_SHARE
    return Check("awards issued, at this rate an hour", f"{an_hour:,.0f}", f"at least {wanted:,.0f}", an_hour >= wanted)


def _look_ups_go_on(run: Run) -> Check:
    begin = run.seconds * BEFORE_SHARE
    # The first second is not whole: clients are still being made.
    before = [one.look_ups for one in run.timeline if 1.0 <= one.at < begin - 0.5]
    during = [one.look_ups for one in run.timeline if begin + 0.5 <= one.at < run.seconds - 1.0]
    was, is_now = (sum(part) / len(part) if part else 0.0 for part in (before, during))
    share = is_now / was if was else 0.0
    what = "look-ups a second while it goes on, and before"
    return Check(what, f"{is_now:,.0f}; {was:,.0f}", f"at least {KEPT_SHARE:.0%}", share >= KEPT_SHARE)


_OWN: dict[str, tuple[Callable[[Run], Check], ...]] = {
    "graduation": (_awards_keep_pace,),
    "crawler": (_look_ups_go_on,),
    "slow": (_look_ups_go_on,),
}
