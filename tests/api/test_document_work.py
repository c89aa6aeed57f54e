"""Documents of strangers cost 250 ms of processor time at most, and nobody waits for another's."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.cpu_bound import LIMIT_MS, CpuBound
from api.document_work import DocumentWork, Expected
from tests.api.burn import add, backtrack, complain, recurse, seen_twice, spin, spin_in_c, swallow
from tests.jsonld.document import INLINE, V2, badge
from tests.verifier.test_integrity import ED25519, KEYS, NOW, poisoned, signed
from verifier.error import FormatError, JsonLdError, UndefinedTermError, WorkExceededError
from verifier.jsonld.canonical import SHAPES, canonical_nquads
from verifier.report import State

EXPECTED = Expected("assertionMethod", NOW)


@pytest.fixture(scope="module")
def cpu() -> Iterator[CpuBound]:
    bound = CpuBound()
    for start in bound.starts():
        start()
    yield bound
    bound.close()


@pytest.fixture
def work(cpu: CpuBound) -> DocumentWork:
    return DocumentWork(cpu)


def test_cpu_bound_returns_what_a_function_does_when_it_ends_in_time(cpu: CpuBound) -> None:
    assert cpu.run(add, 1, other=2) == 3


@pytest.mark.parametrize("endless", [spin, spin_in_c, backtrack, swallow, recurse])
def test_cpu_bound_stops_a_function_when_it_does_not_end(cpu: CpuBound, endless: Any) -> None:  # noqa: ANN401  a function
    with pytest.raises(WorkExceededError):
        cpu.run(endless)
    assert cpu.run(add, 1, 1) == 2


def test_cpu_bound_gives_a_second_try_when_the_first_was_too_short(cpu: CpuBound) -> None:
    assert cpu.run(seen_twice)


def test_cpu_bound_works_when_more_than_a_thousand_files_are_open() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4_096), hard))
    fresh = CpuBound()
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        opened.callback(fresh.close)
        while opened.enter_context(Path(os.devnull).open("rb")).fileno() < 1_024:
            pass
        assert fresh.run(add, 1, 2) == 3


def test_cpu_bound_hands_on_what_was_raised(cpu: CpuBound) -> None:
    with pytest.raises(FormatError, match="not so"):
        cpu.run(complain, "verifier")
    with pytest.raises(RuntimeError, match="KeyError"):
        cpu.run(complain, "fault")
    assert cpu.run(add, 2, 2) == 4


def test_cpu_bound_takes_no_more_than_the_limit_of_processor_time(cpu: CpuBound) -> None:
    def used() -> float:
        ticks = 0.0
        for lane in (cpu._quick, cpu._slow):
            for worker in lane.workers:
                until = time.monotonic() + 60
                while (child := worker._child) is None:  # the one before it was ended, and another is being made
                    assert time.monotonic() < until
                    time.sleep(0.01)
                with open(f"/proc/{child.pid}/stat") as stat:  # noqa: PTH123  a file of the kernel's
                    fields = stat.read().rsplit(")", 1)[1].split()
                ticks += (int(fields[11]) + int(fields[12])) * 10
        return ticks

    for _ in range(3):
        cpu.run(add, 1, 1)
    with pytest.raises(WorkExceededError):
        cpu.run(spin)
    before = used()
    with pytest.raises(WorkExceededError):
        cpu.run(spin)
    # The kernel counts in hundredths of a second, and three processes are summed.
    assert used() - before <= LIMIT_MS + 150


def award(number: int) -> dict[str, Any]:
    """A signed badge of a shape that no other test uses."""
    return signed(
        "eddsa-rdfc-2022",
        ED25519,
        {**badge(), "id": f"urn:uuid:{number}", "awardedDate": "2026-01-01T00:00:00Z", "description": "of one shape"},
    )


def test_document_is_verified_when_its_shape_is_new_and_when_it_is_known(work: DocumentWork) -> None:
    for number in range(5):
        document = award(number)
        [outcome] = work.verify_proofs(document, KEYS, EXPECTED)
        assert outcome.code == "proof_good"
        [outcome] = work.verify_proofs({**document, "name": "x"}, KEYS, EXPECTED)
        assert outcome.code == "signature_wrong"
    assert SHAPES.knows({name: member for name, member in award(9).items() if name != "proof"})


def test_canonical_nquads_are_the_same_when_they_are_made_elsewhere(work: DocumentWork) -> None:
    document = {**badge(), "id": "urn:uuid:elsewhere", "description": "made in a worker"}
    assert work.canonical_nquads(document) == canonical_nquads(document)
    with pytest.raises(UndefinedTermError):
        work.canonical_nquads({**document, "madeUp": 1})


def linked(size: int) -> dict[str, Any]:
    return poisoned(size)


def wide_context() -> dict[str, Any]:
    terms = {f"t{number}": f"https://terms.example/{number}" for number in range(6_000)}
    nested: Any = {"id": "urn:x:end"}
    for number in range(40):
        nested = {f"t{number}": nested, "@context": terms}
    return {**signed("eddsa-jcs-2022", ED25519), "@context": [V2, terms], "t0": nested}


def graphs(depth: int) -> dict[str, Any]:
    inner: Any = [{"id": "urn:x:y"}]
    for _ in range(depth):
        inner = [{"@graph": inner}, {"@graph": inner}]
    return {"@graph": inner}


def long_list() -> dict[str, Any]:
    return {"@context": [V2, INLINE], "type": ["VerifiableCredential"], "steps": ["same"] * 20_000}


POISON: dict[str, Callable[[], dict[str, Any]]] = {
    "eight linked": lambda: linked(8),
    "thirty linked": lambda: linked(30),
    "wide contexts, nested": wide_context,
    "graphs in graphs": lambda: {**badge(), **graphs(12)},
    "a list of one word": long_list,
    "deep": lambda: {**badge(), **graphs(2)} | {"evidence": _deep(60)},
}


def _deep(depth: int) -> Any:  # noqa: ANN401  any JSON
    nested: Any = {"type": ["Evidence"]}
    for _ in range(depth):
        nested = {"type": ["Evidence"], "evidence": nested}
    return nested


@pytest.mark.parametrize("kind", POISON)
def test_poison_is_told_from_good_documents_within_the_limit(work: DocumentWork, kind: str) -> None:
    document = POISON[kind]()
    proof = {**signed("eddsa-rdfc-2022", ED25519)["proof"]}
    begin = time.monotonic()
    [outcome] = work.verify_proofs({**document, "proof": proof}, KEYS, EXPECTED)
    assert outcome.state is not State.PASSED
    # By the clock on the wall a busy machine takes longer; that it comes to an end is what matters here.
    assert time.monotonic() - begin < 30
    try:
        work.canonical_nquads({name: value for name, value in document.items() if name != "proof"})
    except JsonLdError:
        return


def test_good_document_is_verified_when_many_poisoned_ones_are_there_at_once(work: DocumentWork) -> None:
    good = signed("eddsa-rdfc-2022", ED25519)
    for _ in range(3):
        work.verify_proofs(good, KEYS, EXPECTED)
    with ThreadPoolExecutor(12) as pool:
        poison = [pool.submit(work.verify_proofs, linked(8 + n % 3), KEYS, EXPECTED) for n in range(24)]
        begin = time.monotonic()
        fresh = pool.submit(
            work.verify_proofs,
            signed("eddsa-rdfc-2022", ED25519, {**badge(), "evidence": [{"type": ["Evidence"], "name": "n"}]}),
            KEYS,
            EXPECTED,
        )
        for _ in range(20):
            [outcome] = work.verify_proofs(good, KEYS, EXPECTED)
            assert outcome.code == "proof_good"
        took = time.monotonic() - begin
        assert not all(one.done() for one in poison) or took < 1
        [outcome] = fresh.result()
        assert outcome.code in {"proof_good", "work_exceeded"}
        for one in poison:
            [outcome] = one.result()
            assert (outcome.state, outcome.code) == (State.UNKNOWN, "work_exceeded")
