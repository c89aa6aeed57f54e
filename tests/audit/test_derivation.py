"""Stacked awards derived again from disclosures: nothing to find in an honest ledger, and every change is found."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent

from api.audit.disclosure import DisclosureError, Disclosures
from api.audit.disclosure_check import DisclosureCheck
from api.audit.finding import Findings
from api.audit.history import AwardHistory
from api.audit.replay import Replay
from api.audit.report import DisclosureReport
from api.disclosing import disclose
from api.ledger_node import LedgerNode, open_ledger
from api.setting import Settings
from ledger.claim import LearnerClaim
from ledger.commitment import DERIVATION_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper
from ledger.reason import Reason
from tests.audit.made_log import framed
from tests.ledger.stack_world import (
    MASTER,
    MASTER_PATHWAY,
    MODULES,
    award,
    publish,
    rules,
    settle_stacks,
    stack,
    with_bundle,
)
from tests.ledger.world import OPERATOR, SLUG, SeededRandom, SetClock, World, claim, open_world, settle

MAPPER = make_mapper()
Line = dict[str, Any]


class ListHistory(AwardHistory):
    """Reads entries that lie in a list."""

    def __init__(self, entries: list[bytes]) -> None:
        super().__init__(None, MAPPER)  # type: ignore[arg-type]  # entries come from the list
        self._entries = entries

    def entry(self, index: int) -> bytes:
        return self._entries[index]


@dataclass
class Audited:
    """A ledger's log and its disclosures, which may be changed before they are audited."""

    events: list[DomainEvent]
    lines: list[Line]
    directory: Path

    def _text(self, line: Line) -> str:
        if line.get("stack") is not None:  # a derivation has one spelling
            derivation = json.loads(json.dumps(line["stack"]["derivation"], sort_keys=True))
            line = {**line, "stack": {**line["stack"], "derivation": derivation}}
        return json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n"

    def run(self) -> tuple[DisclosureReport, list[tuple[str, str]]]:
        entries = [framed(event) for event in self.events]
        findings = Findings()
        replay = Replay(MAPPER, findings)
        replay.take_entries(entries, lambda first, end: entries[first:end])
        path = self.directory / "disclosed.jsonl"
        path.write_text("".join(map(self._text, self.lines)))
        report = DisclosureCheck(replay, ListHistory(entries), findings).run(Disclosures(path), lambda _: None)
        return report, [(one.code, one.what) for one in findings.kept]

    def stacked(self, public_id: str) -> Line:
        identity = credential_aggregate_id(public_id).hex
        return next(line for line in self.lines if line.get("aggregate") == identity)

    def reopen(self, public_id: str) -> None:
        """Commit to the derivation of a line anew, as an operator would who has the keys and no scruples."""
        line = self.stacked(public_id)
        identity = UUID(hex=line["aggregate"])
        form = json.dumps(
            line["stack"]["derivation"], separators=(",", ":"), sort_keys=True, ensure_ascii=False
        ).encode()
        made = commit(identity, DERIVATION_KIND, form, base64.b64decode(line["stack"]["salt"]))
        for number, event in enumerate(self.events):
            if event.originator_id == identity and isinstance(event.body, Credential.Stacked):
                body = msgspec.structs.replace(event.body, derivation=made)
                self.events[number] = DomainEvent(event.originator_id, event.originator_version, body)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = settle_stacks(settle(open_world(tmp_path / "world")))
    yield made
    made.close()


def audited(world: World, directory: Path) -> Audited:
    """What an auditor is given of *world*: its log, and a file of disclosures that the command itself wrote."""
    world.ledger.close()
    settings = Settings(
        data_dir=world.directory, base_url="https://ledger.example", kek_dir=world.directory.parent / "data.keys"
    )
    node: LedgerNode = open_ledger(settings, clock=SetClock(world.clock.now), random=SeededRandom(9))
    try:
        events = [MAPPER.to_domain_event(_stored(event)) for event in node.ledger.read(0, 1_000_000)]
        disclose(node, None, directory / "made.jsonl", OPERATOR)
    finally:
        node.close()
    lines = [json.loads(line) for line in (directory / "made.jsonl").read_text().splitlines()]
    return Audited(events, lines, directory)


def _stored(notification: Any) -> Any:  # noqa: ANN401  the library's types

    return StoredEvent(
        notification.originator_id, notification.originator_version, notification.topic, notification.state
    )


def learner(world: World, number: int) -> tuple[str, list[str]]:
    """A learner with two modules, one of them graded, and the certificate that they stack into."""
    reference = f"S-{number}"
    used = [award(world, code, reference=reference, grade="B" if code == "MOD-1" else None) for code in MODULES[:2]]
    return stack(world, *(with_bundle(world, one) for one in used)), used


def test_honest_ledger_is_derived_again_without_a_difference(world: World, tmp_path: Path) -> None:
    made = [learner(world, number) for number in range(5)]
    world.lifecycle.revoke(public_id=made[0][0], reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR)
    stack(world, *(with_bundle(world, one) for one in made[0][1]))  # its credits are free again
    capped = rules(overlap={"rule": "overlap", "id": "overlap", "caps": [{"targets": ["Certificate"], "credits": 500}]})
    publish(world, capped, code=MASTER_PATHWAY, to=MASTER)
    more = award(world, "MOD-3", reference="S-1")
    stack(world, *(with_bundle(world, one) for one in (*made[1][1], more)), pathway=MASTER_PATHWAY)
    world.lifecycle.revoke(public_id=made[2][1][0], reason=Reason.ACADEMIC_MISCONDUCT, actor=OPERATOR)
    world.clock.advance(days=1)
    world.cascade.run()
    report, found = audited(world, tmp_path).run()
    assert found == []
    assert report.derived == 7
    assert report.opened == report.read == 5 * 2 + 5 + 1 + 1 + 1


def _used(derivation: Line) -> Line:
    first: Line = derivation["components"][0]
    return first


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda line: _used(line).update(credits_centi=501), "credits_centi"),
        (lambda line: _used(line).update(eqf_level=7), "eqf_level"),
        (lambda line: _used(line).update(awarded_on="2026-02-02"), "awarded_on"),
        (lambda line: _used(line).update(institution="south"), "institution"),
        (lambda line: _used(line).update(accredited=True), "accredited"),
        (lambda line: _used(line).update(grade="A"), "grade"),
        (lambda line: line["uses"][0].update(credits=499), ""),
        (lambda line: line["uses"].pop(), ""),
        (lambda line: line.update(version=2), "other rules"),
        (lambda line: line.update(day="2026-03-02"), "day"),
    ],
)
def test_derivation_that_was_made_otherwise_is_found(
    world: World, tmp_path: Path, change: Callable[[Line], object], what: str
) -> None:
    """The operator commits to the false derivation, so the commitment opens: what it says is what gives it away."""
    made, _ = learner(world, 1)
    learner(world, 2)
    given = audited(world, tmp_path)
    change(given.stacked(made)["stack"]["derivation"])
    given.reopen(made)
    _, found = given.run()
    assert found
    assert {code for code, _ in found} == {"derivation-differs"}
    assert any(what in said for _, said in found), found


def test_derivation_that_was_changed_in_a_copy_is_found(world: World, tmp_path: Path) -> None:
    made = [learner(world, number)[0] for number in range(4)]
    given = audited(world, tmp_path)
    given.stacked(made[2])["stack"]["derivation"]["components"][0]["grade"] = "A"
    report, found = given.run()
    assert [code for code, _ in found] == ["derivation-differs"]
    assert "do not open the commitment" in found[0][1]
    assert report.derived == 3


def test_derivation_that_is_withheld_is_found(world: World, tmp_path: Path) -> None:
    made, _ = learner(world, 1)
    given = audited(world, tmp_path)
    del given.stacked(made)["stack"]
    _, found = given.run()
    assert found == [("derivation-differs", "it was stacked, and what it was made of is not disclosed")]


def test_credits_that_are_spent_twice_are_found(world: World, tmp_path: Path) -> None:
    """The vault's rows are gone for a moment, and with them the memory of what was spent."""
    made, used = learner(world, 1)
    world.alter("DELETE FROM vault_spending")
    again = stack(world, *(with_bundle(world, one) for one in used))
    assert again != made
    _, found = audited(world, tmp_path).run()
    assert {code for code, _ in found} == {"credits-spent-twice"}
    assert len(found) == len(used)


def test_disclosures_of_the_former_format_are_read_without_derivations(world: World, tmp_path: Path) -> None:
    made, _ = learner(world, 1)
    given = audited(world, tmp_path)
    given.lines[0]["format"] = given.lines[-1]["end"] = "cairn/disclosures/v1"
    with pytest.raises(DisclosureError, match="no place for"):
        given.run()
    del given.stacked(made)["stack"]
    report, found = given.run()
    assert (report.derived, report.opened, found) == (0, 3, [])


def many(world: World, learners: int) -> str:
    """A certificate of two modules for each of *learners*; returns the id of one in the middle."""
    middle = ""
    for first in range(0, learners, 2_500):
        numbers = range(first, min(first + 2_500, learners))
        claims = [claim(achievement=code, reference=f"S-{n}", grade="B") for n in numbers for code in MODULES[:2]]
        made = world.issuance.issue(slug=SLUG, claims=claims, actor=OPERATOR).answer
        for place, number in enumerate(numbers):
            learner_claim = LearnerClaim(name="Ada Example", reference=f"S-{number}")
            public_id = stack(world, *made[2 * place : 2 * place + 2], learner=learner_claim)
            middle = public_id if number == learners // 2 else middle
    return middle


def derive_many(world: World, directory: Path, learners: int) -> None:
    """No difference in a ledger of three awards for each learner; one derivation changed in a copy is found."""
    middle = many(world, learners)
    given = audited(world, directory)
    begun = time.process_time()
    report, found = given.run()
    took = time.process_time() - begun
    assert found == []
    assert (report.derived, report.opened) == (learners, 3 * learners)
    given.stacked(middle)["stack"]["derivation"]["components"][1]["grade"] = "A"
    _, found = given.run()
    assert [code for code, _ in found] == ["derivation-differs"]
    said = f"{3 * learners:,} awards, {learners:,} stacks: derived in {took:.1f} s of processor time"
    logging.getLogger(__name__).info(said)  # shown with --log-cli-level=INFO


def test_every_stack_of_a_ledger_is_derived_again(world: World, tmp_path: Path) -> None:
    derive_many(world, tmp_path, 50)


@pytest.mark.soak
def test_every_stack_of_a_ledger_of_a_hundred_thousand_awards_is_derived_again(world: World, tmp_path: Path) -> None:
    derive_many(world, tmp_path, 33_334)
