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
from api.audit.recognised_check import PREFIX
from api.audit.replay import Replay
from api.audit.report import DisclosureReport
from api.disclosing import disclose
from api.ledger_node import LedgerNode, open_ledger
from api.setting import Settings
from ledger.access import Actor
from ledger.agreement import Terms
from ledger.application import institution_id
from ledger.claim import LearnerClaim
from ledger.commitment import DERIVATION_KIND, RECOGNITION_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.decision import DecisionClaim, SubstantialDifference
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper
from ledger.limit import NO_LIMITS
from ledger.reason import Reason
from ledger.recognised_award import HeldAward, PaperAward
from ledger.recognition import Recognition
from tests.audit.made_log import framed
from tests.ledger import diploma
from tests.ledger.stack_world import (
    FOREIGN_MODULE,
    MASTER,
    MASTER_PATHWAY,
    MODULES,
    OTHER,
    award,
    publish,
    rules,
    settle_stacks,
    stack,
    template,
    with_bundle,
)
from tests.ledger.test_recognised_component import FULL, PAPER
from tests.ledger.world import OPERATOR, SLUG, SeededRandom, SetClock, World, claim, open_world, settle

MAPPER = make_mapper()
EVERYTHING = Terms(awards_of="both", achievements=(), limits=NO_LIMITS, share_percent=80, cap_centi=None)
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


def recognised(world: World, shown: HeldAward | PaperAward, claimed: DecisionClaim | None, **members: object) -> str:
    """A decision of the university about an award of S-1; returns the component that counts by it."""
    facts: dict[str, Any] = {"slug": SLUG, "learner": "S-1", "actor": OPERATOR} | members
    answer = world.recognising.decide(shown=shown, decision=claimed, **facts).answer
    return f"{PREFIX}{UUID(answer['recognition']).hex}"


def shown_award(world: World, public_id: str) -> HeldAward:
    kept = world.issuance.sealed_document(public_id)
    salt = base64.b64encode(kept.salt).decode()
    return HeldAward(credential=public_id, document=msgspec.json.decode(kept.document), salt=salt)


def with_recognitions(world: World) -> tuple[str, list[str]]:
    """A certificate of 24 credits: on paper, foreign awards whole, in part and by agreement, part of a diploma."""
    publish(world, rules(2_400), code="WIDE")
    diploma.publish(world)
    whole = diploma.award(world, reference="S-1")
    [part_of_it, *_] = diploma.unpack(world, whole, 1, 2, 3)
    world.catalogue.publish(slug=OTHER, code="MOD-8", template=template("Another of the south"), actor=OPERATOR)
    codes = (FOREIGN_MODULE, FOREIGN_MODULE, "MOD-8")  # of one achievement, one in full
    foreign = [award(world, code, slug=OTHER, reference="C-1", grade="B") for code in codes]
    agreement = world.agreeing.propose(slug=SLUG, partner=OTHER, terms=EVERYTHING, actor=OPERATOR).answer
    world.agreeing.accept(
        agreement=UUID(agreement["agreement"]),
        slug=None,
        actor=Actor(name="south", role="issuer", institution=institution_id(OTHER)),
    )
    world.clock.advance(hours=1)
    in_part = DecisionClaim(decision="partial", reasons=(SubstantialDifference.WORKLOAD,), credits_centi=400)
    used = [
        recognised(world, PAPER, FULL),
        recognised(world, shown_award(world, foreign[0]), FULL),
        recognised(world, shown_award(world, foreign[1]), in_part),
        recognised(world, shown_award(world, foreign[2]), None),
        recognised(world, HeldAward(credential=part_of_it), FULL),
    ]
    world.clock.advance(hours=1)
    made = stack(world, *used, pathway="WIDE")
    world.clock.advance(days=1)
    for late in used[:2]:  # what became known later changes nothing of what was decided on that day
        world.recognising.withdraw(
            recognition=UUID(hex=late.removeprefix(PREFIX)), reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR
        )
    changed = UUID(hex=used[2].removeprefix(PREFIX))
    world.recognising.appeal(recognition=changed, actor=OPERATOR)
    world.recognising.decide_appeal(recognition=changed, result="changed", decision=FULL, actor=OPERATOR)
    world.lifecycle.suspend(public_id=foreign[1], reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    return made, used


def test_recognitions_in_an_honest_ledger_are_opened_and_counted_again(world: World, tmp_path: Path) -> None:
    made, used = with_recognitions(world)
    given = audited(world, tmp_path)
    shown = given.stacked(made)["stack"]["recognitions"]
    assert sorted(f"{PREFIX}{one['recognition']}" for one in shown) == sorted(used)
    report, found = given.run()
    assert found == []
    assert report.derived == 1


def _counted(number: int, used: list[str], line: Line) -> Line:
    found: Line = next(one for one in line["stack"]["derivation"]["components"] if one["award"] == used[number])
    return found


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "change, what",
    [
        ({"credits_centi": 9_000}, "credits_centi"),
        ({"eqf_level": 8}, "eqf_level"),
        ({"fields": ["0613", "0001"]}, "fields"),
        ({"grade": "A"}, "grade"),
        ({"awarded_on": "2024-01-01"}, "awarded_on"),
        ({"accredited": True}, "accredited"),
        ({"stands_for": [{"code": "MOD-1", "institution": SLUG}]}, "stands_for"),
        ({"source": "sha256:" + "0" * 64}, "source"),
        ({"origin": "0" * 32}, "origin"),
        ({"recognised_by": "south"}, "recognised_by"),
    ],
)
def test_component_that_is_more_than_was_recognised_is_found(
    world: World, tmp_path: Path, number: int, change: Line, what: str
) -> None:
    made, used = with_recognitions(world)
    given = audited(world, tmp_path)
    _counted(number, used, given.stacked(made)).update(change)
    given.reopen(made)
    _, found = given.run()
    assert ("derivation-differs", f"a component's {what} is not what was recognised") in found


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize(
    "change, what",
    [
        ({"stands_for": [{"code": "MOD-3", "institution": SLUG}]}, "stands_for"),
        ({"source": "sha256:" + "0" * 64}, "source"),
        ({"origin": "0" * 32}, "origin"),
        ({"unpacked": "0" * 32}, "unpacked"),
    ],
)
def test_award_that_claims_to_be_more_than_itself_is_found(
    world: World, tmp_path: Path, number: int, change: Line, what: str
) -> None:
    made, _ = learner(world, 1)
    given = audited(world, tmp_path)
    given.stacked(made)["stack"]["derivation"]["components"][number].update(change)
    given.reopen(made)
    _, found = given.run()
    assert ("derivation-differs", f"a component's {what} is not what the log or its document says") in found


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda shown: shown.pop(), "not disclosed"),
        (lambda shown: shown[0].update(salt=base64.b64encode(bytes(32)).decode()), "does not open"),
        (lambda shown: shown[0].update(salt="?"), "cannot be read"),
        (lambda shown: shown[0]["details"].update(effective_at="2020-01-01T00:00:00Z"), "does not open"),
        (lambda shown: shown[0].update(recognition="0" * 32), "not disclosed"),
    ],
)
def test_decision_that_is_not_shown_as_it_was_made_is_found(
    world: World, tmp_path: Path, change: Callable[[list[Line]], object], what: str
) -> None:
    made, _ = with_recognitions(world)
    given = audited(world, tmp_path)
    change(given.stacked(made)["stack"]["recognitions"])
    _, found = given.run()
    assert found
    assert all(code == "derivation-differs" and what in said for code, said in found), found


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda details: details["award"].update(credits_centi=9_000), "the recognised award's credits_centi"),
        (lambda details: details["award"].update(title="Another"), "the recognised award's title"),
        (lambda details: details["award"].update(grade="A"), "the recognised award's grade"),
        (lambda details: details["award"].update(credential="0" * 36), "no such award"),
        (lambda details: details["decision"].update(decision="refused"), "not of the decision in the log"),
        (lambda details: details["decision"].update(outcomes=["x"]), "such a decision cannot be made"),
        (lambda details: details.update(institution="south"), "not of the decision in the log"),
        (lambda details: details.update(agreement=str(UUID(int=7))), "no such agreement"),
    ],
)
def test_decision_about_what_never_was_is_found(
    world: World, tmp_path: Path, change: Callable[[Line], object], what: str
) -> None:
    """The operator commits to false details, so the commitment opens: what they say is what gives it away."""
    made, used = with_recognitions(world)
    given = audited(world, tmp_path)
    identity = UUID(hex=used[1].removeprefix(PREFIX))
    shown = next(one for one in given.stacked(made)["stack"]["recognitions"] if one["recognition"] == identity.hex)
    change(shown["details"])
    form = json.dumps(shown["details"], separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    committed = commit(identity, RECOGNITION_KIND, form, base64.b64decode(shown["salt"]))
    for number, event in enumerate(given.events):
        if event.originator_id == identity and isinstance(event.body, Recognition.Decided):
            body = msgspec.structs.replace(event.body, details=committed)
            given.events[number] = DomainEvent(event.originator_id, event.originator_version, body)
    _, found = given.run()
    assert any(code == "derivation-differs" and what in said for code, said in found), found


def test_award_that_is_counted_by_itself_and_by_a_recognition_is_found(world: World, tmp_path: Path) -> None:
    foreign = award(world, FOREIGN_MODULE, slug=OTHER, reference="C-1")
    by_recognition = recognised(world, shown_award(world, foreign), FULL)
    stack(world, award(world, "MOD-1"), by_recognition)
    world.alter("DELETE FROM vault_spending")
    stack(world, award(world, "MOD-2"), with_bundle(world, foreign))
    _, found = audited(world, tmp_path).run()
    assert [code for code, _ in found] == ["credits-spent-twice"]


def test_disclosures_of_the_second_format_are_read_without_recognitions(world: World, tmp_path: Path) -> None:
    made, used = with_recognitions(world)
    given = audited(world, tmp_path)
    given.lines[0]["format"] = given.lines[-1]["end"] = "cairn/disclosures/v2"
    with pytest.raises(DisclosureError, match="no place for"):
        given.run()
    del given.stacked(made)["stack"]["recognitions"]
    report, found = given.run()
    assert (report.derived, found) == (1, [])
    _counted(0, used, given.stacked(made)).update(eqf_level=8)
    given.reopen(made)
    assert given.run()[1] == []
