"""How fast this machine decides whether awards stack, and checks what was decided.

One thread, on the corpus of :mod:`api.stacking_corpus`; times are processor times, whatever else the machine does.
Beside them stands the writing of the same awards and rules as canonical JSON.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from api.stacking_corpus import DAY, KINDS, Case, corpus
from ledger.stacking.check import check_derivation
from ledger.stacking.evaluate import Budget, evaluate
from ledger.stacking.evaluation import Evaluation
from ledger.stacking.text_form import canonical

PATHWAY: Final = "0" * 32
ROUNDS: Final = 3
"""Each case is measured so often, and the least time is taken: whatever else the machine does only ever adds to it."""


class KindFigures(msgspec.Struct, frozen=True):
    """What was measured of one kind of case, or of all.

    Attributes:
        kind: Of the corpus, or ``all``.
        cases: How many.
        met: Stacks that were found.
        unmet: Proofs that there is none.
        undecided: Where the budget ran out.
        median_ms: Of one evaluation.
        p99_ms: Of one evaluation.
        most_ms: Of one evaluation.
    """

    kind: str
    cases: int
    met: int
    unmet: int
    undecided: int
    median_ms: float
    p99_ms: float
    most_ms: float


class StackingFigures(msgspec.Struct, frozen=True):
    """Figures of the whole corpus.

    Attributes:
        kinds: By kind, and of all at the end.
        awards: Most of one learner.
        rules: Most of one pathway.
        steps: The budget of each search.
        evaluated_per_second: Mean, one core.
        checked_per_second: Pinned derivations, mean, one core.
        written_per_second: The same rules and awards as canonical JSON, mean, one core.
    """

    kinds: tuple[KindFigures, ...]
    awards: int
    rules: int
    steps: int
    evaluated_per_second: float
    checked_per_second: float
    written_per_second: float


def measure_stacking(cases: int) -> StackingFigures:
    """Evaluate a corpus of so many *cases*."""
    every = list(corpus(cases))
    answers = [_evaluated(case) for case in every]
    times = [
        min(answer[1], *(_evaluated(case)[1] for _ in range(ROUNDS - 1)))
        for case, answer in zip(every, answers, strict=True)
    ]
    kinds = [case.kind for case in every]
    found = [answer for answer, _ in answers]
    stacks = [(case, one.derivation) for case, one in zip(every, found, strict=True) if one.derivation is not None]
    begin = time.process_time()
    problems = [problem for case, derivation in stacks for problem in check_derivation(case.rules, derivation)]
    checking = time.process_time() - begin
    if problems:
        message = f"a derivation was not accepted: {problems[0]}"
        raise RuntimeError(message)
    return StackingFigures(
        kinds=tuple(_figures(kind, kinds, found, times) for kind in (*KINDS, "all")),
        awards=max(len(case.components) for case in every),
        rules=max(sum(1 for _ in case.rules.every_rule()) for case in every),
        steps=Budget().steps,
        evaluated_per_second=len(times) / sum(times),
        checked_per_second=len(stacks) / checking,
        written_per_second=len(every) / sum(map(_written, every)),
    )


def _evaluated(case: Case) -> tuple[Evaluation, float]:
    begin = time.process_time()
    answer = evaluate(case.rules, case.components, pathway=PATHWAY, version=1, day=DAY)
    return answer, time.process_time() - begin


def _written(case: Case) -> float:
    def once() -> float:
        begin = time.process_time()
        case.rules.canonical()
        for component in case.components:
            canonical(component)
        return time.process_time() - begin

    return min(once() for _ in range(ROUNDS))


def _figures(kind: str, kinds: list[str], answers: list[Evaluation], times: list[float]) -> KindFigures:
    mine = [at for at, other in enumerate(kinds) if kind in {other, "all"}]
    states = [answers[at].state for at in mine]
    took = sorted(times[at] * 1e3 for at in mine)
    return KindFigures(
        kind=kind,
        cases=len(mine),
        met=states.count("met"),
        unmet=states.count("unmet"),
        undecided=states.count("undecided"),
        median_ms=took[len(took) // 2],
        p99_ms=took[min(len(took) - 1, len(took) * 99 // 100)],
        most_ms=took[-1],
    )
