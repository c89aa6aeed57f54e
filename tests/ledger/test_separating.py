"""Diplomas unpacked into parts: what the log gets, what is refused, and what follows when a diploma is withdrawn."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from anchoring.tree import leaf_hash, verify_inclusion
from ledger.application import Request
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import ErasedError, ForbiddenError, InvalidInputError, LedgerError, NotFoundError, RuleError
from ledger.form.open_badge import PART_TERM
from ledger.part import WHOLE_KIND, KeptPart, read_leaf
from ledger.part_tree import BUCKETS, bucket_for, hash_leaf, path_of, root_of
from ledger.reason import Reason
from ledger.separating import Completed, Separation, allocate_together
from ledger.spending import SpendingBook
from ledger.status_allocation import StatusPlace
from ledger.unpacking import Unpacking
from tests.ledger.diploma import CREDITS, DIPLOMA, PARTIAL, PROGRAMME, award, completed, draft, publish, unpack
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = settle(open_world(tmp_path))
    publish(opened)
    yield opened
    opened.close()


def made(world: World) -> tuple[UUID, Unpacking.Made]:
    """The one unpacking of a world."""
    [event] = [one for one in world.ledger.read(0, 10_000) if one.topic == Unpacking.Made.TOPIC]
    body = world.ledger.event_mapper.decode(event.topic, event.state, "made")
    assert isinstance(body, Unpacking.Made)
    return UUID(str(event.originator_id)), body


def kept(world: World, part: str) -> KeptPart:
    found = world.parts.find(part)
    assert found is not None
    return found


def state_of(world: World, aggregate: UUID) -> str:
    return world.ledger.load(Credential, aggregate, "such credential").state


# ── what the log gets ─────────────────────────────────────────────────────────────────────────────────────────


def test_log_gets_one_event_when_a_diploma_is_unpacked(world: World) -> None:
    diploma = award(world)
    before = len(world.events())
    unpack(world, diploma, 1, 2, 3)
    assert [topic for topic, _ in world.events()[before:]] == [Unpacking.Made.TOPIC]


def test_log_links_nothing_when_a_diploma_is_unpacked(world: World) -> None:
    diploma = award(world, reference="S-1")
    before = len(world.events())
    request = Request("test", "key", b"{}")
    asked = Separation(diploma=diploma, programme=PROGRAMME, completed=completed(1, 2, 3))
    answer = world.separating.unpack(slug=SLUG, asked=asked, actor=OPERATOR, request=request).answer
    new = world.ledger.read(0, 10_000)[before:]
    beside = b"\n".join(str(one.originator_id).encode() + b" " + one.state for one in new)
    assert len(new) == 2  # the unpacking, and the submission that asked for it
    unpacking, body = made(world)
    secrets: list[str] = [diploma, str(credential_aggregate_id(diploma)), credential_aggregate_id(diploma).hex]
    for part in answer["parts"]:
        found = kept(world, part["id"])
        leaf = read_leaf(found.opening.leaf)
        secrets += [part["id"], str(leaf.credential), leaf.credential.hex, leaf.salt, *leaf.commitments.values()]
        secrets += [hash_leaf(found.opening.leaf).hex(), found.salt.hex()]
        # The log's ids begin with a time; a part's is not the time of the unpacking, nor another part's.
        assert leaf.credential.bytes[:6] != credential_aggregate_id(diploma).bytes[:6]
    assert len({credential_aggregate_id(part["id"]).bytes[:6] for part in answer["parts"]}) == 3
    for secret in secrets:
        assert secret.encode() not in beside
    assert body.leaves == BUCKETS[0]  # three parts or thirty: the number is the same
    assert unpacking.version == 4


def test_part_is_under_the_root_when_it_is_opened(world: World) -> None:
    parts = unpack(world, award(world), 1, 2, 3)
    _, body = made(world)
    indexes = set()
    for part in parts:
        opening = kept(world, part).opening
        verify_inclusion(
            leaf=leaf_hash(opening.leaf),
            index=opening.index,
            size=body.leaves,
            proof=opening.path,
            root=bytes.fromhex(body.root),
        )
        indexes.add(opening.index)
    assert len(indexes) == 3


def test_whole_is_committed_to_and_opens_with_what_the_vault_keeps(world: World) -> None:
    diploma = award(world)
    parts = unpack(world, diploma, 1, 2, 3)
    identity, body = made(world)
    whole = world.parts.whole(identity)
    assert whole is not None
    assert whole.whole == credential_aggregate_id(diploma)
    assert commit(identity, WHOLE_KIND, whole.whole.bytes, whole.salt) == body.whole
    assert list(whole.parts) == parts


def test_part_has_a_document_of_its_own_that_its_leaf_commits_to(world: World) -> None:
    diploma = award(world, email="ada@example.org", hashed=True)
    parts = unpack(world, diploma, 1, 2, 3)
    unpacking, _ = made(world)
    salts = set()
    for number, part in enumerate(parts, 1):
        found = kept(world, part)
        leaf, document = read_leaf(found.opening.leaf), json.loads(found.document)
        assert leaf.commitments == {DOCUMENT_KIND: commit(leaf.credential, DOCUMENT_KIND, found.document, found.salt)}
        assert document["id"].endswith(part)
        assert document["name"] == f"Title of MOD-{number}"
        assert document[PART_TERM]["@value"]["unpacking"] == str(unpacking)
        assert diploma not in found.document.decode()
        assert not any(other in found.document.decode() for other in parts if other != part)
        assert len(document["credentialStatus"]) == 4
        salts |= {one["salt"] for one in document["credentialSubject"]["identifier"]}
    assert len(salts) == 6  # hashed names are salted anew in each, so that they tie no two together


def test_places_of_parts_are_nobody_elses(world: World) -> None:
    parts = unpack(world, award(world), 1, 2, 3)
    _, body = made(world)
    taken = {read_leaf(kept(world, part).opening.leaf).status_index for part in parts} | {body.status_index}
    issued = world.issue(*(claim() for _ in range(200)))
    places = {(one.status_block, one.status_index) for one in map(world.ledger.credential, issued)}
    assert len(taken) == 4
    assert not places & {(body.status_block, index) for index in taken}


def test_places_are_of_one_block_when_the_old_one_is_nearly_full() -> None:
    class Places:
        def __init__(self) -> None:
            self.given = [
                [StatusPlace(0, 1), StatusPlace(1, 2)],
                [StatusPlace(1, 3), StatusPlace(1, 4)],
            ]

        def allocate(self, _institution: UUID, count: int) -> list[StatusPlace]:
            assert count == 2
            return self.given.pop(0)

    found = allocate_together(Places(), UUID(int=1), 2)  # type: ignore[arg-type]  # it only allocates
    assert found == [StatusPlace(1, 3), StatusPlace(1, 4)]


@pytest.mark.parametrize("size", BUCKETS)
def test_tree_is_that_of_rfc_6962_when_every_leaf_is_proved(size: int) -> None:
    leaves = [f"leaf {number}".encode() for number in range(size)]
    hashes = [hash_leaf(leaf) for leaf in leaves]
    for index, leaf in enumerate(leaves):
        proof = path_of(hashes, index)
        verify_inclusion(leaf=leaf_hash(leaf), index=index, size=size, proof=proof, root=root_of(hashes))


def test_bucket_tells_little_of_how_many_parts_there_are() -> None:
    assert [bucket_for(parts) for parts in (1, 40, 64, 65, 256)] == [64, 64, 64, 256, 256]
    with pytest.raises(ValueError, match="more than 256"):
        bucket_for(257)
    with pytest.raises(ValueError, match="leaves, not 3"):
        root_of([bytes(32)] * 3)


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────


def test_diploma_is_refused_when_it_was_unpacked_before(world: World) -> None:
    diploma = award(world)
    parts = unpack(world, diploma, 1, 2, 3)
    with pytest.raises(RuleError, match="unpacked before"):
        unpack(world, diploma, 1, 2, 3)
    with pytest.raises(RuleError, match="part of a diploma"):
        unpack(world, parts[0], 1)


def test_diploma_is_refused_when_a_required_module_is_lacking(world: World) -> None:
    with pytest.raises(RuleError, match="every required module, and these are not among those completed: M2, M3"):
        unpack(world, award(world), 1)


def test_partial_diploma_unpacks_to_what_was_completed(world: World) -> None:
    parts = unpack(world, award(world, PARTIAL), 2)
    assert len(parts) == 1
    assert read_leaf(kept(world, parts[0]).opening.leaf).credits_centi == CREDITS


def test_parts_are_refused_when_they_exceed_the_whole(world: World) -> None:
    electives = tuple(msgspec.structs.replace(module, required=False) for module in draft().modules)
    template = msgspec.structs.replace(
        world.ledger.achievement(world.ledger.institution(SLUG).id, DIPLOMA).editions[-1], credits_centi=2 * CREDITS
    )
    world.catalogue.publish(slug=SLUG, code=DIPLOMA, template=template, actor=OPERATOR)
    elective = draft(credits_centi=2 * CREDITS, modules=electives)
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=elective, actor=OPERATOR)
    diploma = award(world)
    with pytest.raises(RuleError, match="worth 1800 hundredths of a credit, and the whole is worth 1200"):
        unpack(world, diploma, 1, 2, 3)
    assert len(unpack(world, diploma, 1, 2)) == 2


def test_whole_is_never_worth_more_than_the_edition_it_is_unpacked_under(world: World) -> None:
    """A partial diploma's own template may say more than was ever on offer."""
    template = msgspec.structs.replace(
        world.ledger.achievement(world.ledger.institution(SLUG).id, PARTIAL).editions[-1], credits_centi=CREDITS
    )
    world.catalogue.publish(slug=SLUG, code=PARTIAL, template=template, actor=OPERATOR)
    with pytest.raises(RuleError, match="worth 1200 hundredths of a credit, and the whole is worth 600"):
        unpack(world, award(world, PARTIAL), 1, 2)


@pytest.mark.parametrize(
    "asked, pointer",
    [
        ((), "/completed"),
        ((Completed(module="M9", completed_on=date(2025, 1, 1)),), "/completed/0/module"),
        (completed(1, 1), "/completed/1/module"),
        (completed(1, completed_on=date(2026, 2, 2)), "/completed/0/completed_on"),
        (completed(1, grade=" "), "/completed/0/grade"),
    ],
)
def test_modules_are_refused_when_they_do_not_fit(world: World, asked: tuple[Completed, ...], pointer: str) -> None:
    diploma = award(world, PARTIAL)
    with pytest.raises(InvalidInputError) as refused:
        world.separating.unpack(
            slug=SLUG, asked=Separation(diploma=diploma, programme=PROGRAMME, completed=asked), actor=OPERATOR
        )
    assert refused.value.pointer == pointer


def test_unpacking_is_refused_when_the_award_is_no_diploma_of_the_programme_or_does_not_hold(world: World) -> None:
    with pytest.raises(RuleError, match="«DATA-1» is no diploma of this programme"):
        unpack(world, award(world, "DATA-1"), 1, 2, 3)
    with pytest.raises(NotFoundError):
        unpack(world, "0" * 36, 1)
    diploma = award(world)
    with pytest.raises(InvalidInputError, match="editions 1 to 1"):
        unpack(world, diploma, 1, 2, 3, edition=2)
    world.lifecycle.suspend(public_id=diploma, reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    with pytest.raises(RuleError, match="suspended; only one that holds"):
        unpack(world, diploma, 1, 2, 3)


def test_unpacking_is_refused_when_another_institution_asks(world: World) -> None:
    world.registry.register(slug="south", name="South", country="EE", kind="university", actor=OPERATOR)
    south = msgspec.structs.replace(OPERATOR, role="issuer", institution=world.ledger.institution("south").id)
    asked = Separation(diploma=award(world), programme=PROGRAMME, completed=completed(1, 2, 3))
    with pytest.raises(ForbiddenError):
        world.separating.unpack(slug=SLUG, asked=asked, actor=south)
    with pytest.raises(RuleError, match="another institution awarded this"):
        world.separating.unpack(slug="south", asked=asked, actor=south)


def test_unpacking_is_refused_when_the_learner_was_erased(world: World) -> None:
    diploma = award(world, reference="S-1")
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    with pytest.raises(ErasedError):
        unpack(world, diploma, 1, 2, 3)


def test_one_of_two_wins_when_a_diploma_is_unpacked_twice_at_once(world: World) -> None:
    diploma = award(world)
    gate = threading.Barrier(4)

    def attempt(_: int) -> list[str] | LedgerError:
        gate.wait()
        try:
            return unpack(world, diploma, 1, 2, 3)
        except LedgerError as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, range(4)))
    won = [outcome for outcome in outcomes if isinstance(outcome, list)]
    assert len(won) == 1
    assert {str(one) for one in outcomes if isinstance(one, LedgerError)} == {
        "this diploma was unpacked before; its parts are there already"
    }
    assert len(SpendingBook(world.ledger.store).rows(credential_aggregate_id(diploma))) == 1


def test_same_parts_are_answered_when_the_request_is_repeated(world: World) -> None:
    asked = Separation(diploma=award(world), programme=PROGRAMME, completed=completed(1, 2, 3))
    request = Request("test", "key", b"{}")
    first = world.separating.unpack(slug=SLUG, asked=asked, actor=OPERATOR, request=request)
    again = world.separating.unpack(slug=SLUG, asked=asked, actor=OPERATOR, request=request)
    assert (again.answer, again.repeated) == (first.answer, True)


# ── one part by itself ────────────────────────────────────────────────────────────────────────────────────────


def test_part_begins_a_history_that_names_no_unpacking_when_its_status_changes(world: World) -> None:
    parts = unpack(world, award(world), 1, 2, 3)
    before = len(world.events())
    world.lifecycle.suspend(public_id=parts[0], reason=Reason.UNDER_REVIEW, actor=OPERATOR, note="why")
    world.lifecycle.reinstate(public_id=parts[0], actor=OPERATOR)
    world.lifecycle.revoke(public_id=parts[0], reason=Reason.OTHER, actor=OPERATOR)
    topics = [topic for topic, _ in world.events()[before:]]
    assert topics == [
        "credential.parted.v1",
        "credential.suspended.v1",
        "credential.reinstated.v1",
        "credential.revoked.v1",
    ]
    unpacking, _ = made(world)
    assert not any(unpacking.hex in state.decode() or str(unpacking) in state.decode() for _, state in world.events())
    assert state_of(world, credential_aggregate_id(parts[0])) == "revoked"
    with pytest.raises(NotFoundError):
        world.ledger.credential(parts[1])


def test_part_is_refused_what_only_an_award_may_be(world: World) -> None:
    [part, *_] = unpack(world, award(world), 1, 2, 3)
    with pytest.raises(RuleError, match="nothing takes its place"):
        world.issuance.replace(public_id=part, claim=claim(), reason=Reason.OTHER, actor=OPERATOR)
    early = world.clock().replace(year=2024)
    with pytest.raises(RuleError, match="before 2025-02-15"):
        world.lifecycle.revoke(public_id=part, reason=Reason.OTHER, effective_at=early, actor=OPERATOR)


def test_part_is_not_changed_any_more_when_all_parts_are_revoked(world: World) -> None:
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=draft(withdrawal="revoke"), actor=OPERATOR)
    whole = award(world)
    parts = unpack(world, whole, 1, 2, 3)
    world.lifecycle.suspend(public_id=parts[1], reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    world.clock.advance(seconds=1)
    world.lifecycle.revoke(public_id=whole, reason=Reason.OTHER, actor=OPERATOR)
    world.clock.advance(seconds=1)
    before = len(world.events())
    for act in (
        partial(world.lifecycle.revoke, public_id=parts[0], reason=Reason.OTHER, actor=OPERATOR),
        partial(world.lifecycle.suspend, public_id=parts[0], reason=Reason.OTHER, actor=OPERATOR),
        partial(world.lifecycle.reinstate, public_id=parts[1], actor=OPERATOR),
    ):
        with pytest.raises(RuleError, match="all parts of this diploma are revoked"):
            act()
    assert len(world.events()) == before


def test_one_birth_is_recorded_when_two_change_a_part_at_once(world: World) -> None:
    [part, *_] = unpack(world, award(world), 1, 2, 3)
    gate = threading.Barrier(2)

    def suspend(_: int) -> LedgerError | None:
        gate.wait()
        try:
            world.lifecycle.suspend(public_id=part, reason=Reason.UNDER_REVIEW, actor=OPERATOR)
        except LedgerError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(suspend, range(2)))
    assert [type(one) for one in outcomes if one is not None] == [RuleError]
    stored = world.ledger.store.select_events(credential_aggregate_id(part))
    assert [event.topic for event in stored] == ["credential.parted.v1", "credential.suspended.v1"]


def test_parts_are_erased_with_their_learner(world: World) -> None:
    parts = unpack(world, award(world, reference="S-1"), 1, 2, 3)
    unpacking, _ = made(world)
    world.erasing.erase_holder(public_id=parts[0], actor=OPERATOR)
    assert [world.parts.find(part) for part in parts] == [None] * 3
    assert world.parts.whole(unpacking) is None
    assert world.ledger.store.query("SELECT * FROM vault_spending") == []


# ── the diploma withdrawn ─────────────────────────────────────────────────────────────────────────────────────

Act = Callable[[World, str], object]


def suspend(world: World, diploma: str) -> object:
    return world.lifecycle.suspend(public_id=diploma, reason=Reason.UNDER_REVIEW, actor=OPERATOR)


def reinstate(world: World, diploma: str) -> object:
    world.clock.advance(minutes=1)
    return world.lifecycle.reinstate(public_id=diploma, actor=OPERATOR)


def revoke(world: World, diploma: str) -> object:
    world.clock.advance(minutes=1)
    return world.lifecycle.revoke(public_id=diploma, reason=Reason.ACADEMIC_MISCONDUCT, actor=OPERATOR)


def replace(world: World, diploma: str) -> object:
    world.clock.advance(minutes=1)
    again = claim(achievement=DIPLOMA)
    return world.issuance.replace(public_id=diploma, claim=again, reason=Reason.INCORRECT_DATA, actor=OPERATOR)


@pytest.mark.parametrize(
    "policy, acts, topics",
    [
        ("stand", (suspend, reinstate, revoke), []),
        ("stand", (replace,), ["revoked"]),
        ("suspend", (suspend, reinstate), ["suspended", "reinstated"]),
        ("suspend", (revoke,), ["suspended"]),
        ("suspend", (suspend, revoke), ["suspended"]),
        ("suspend", (replace,), ["revoked"]),
        ("revoke", (suspend, reinstate), ["suspended", "reinstated"]),
        ("revoke", (suspend, revoke), ["suspended", "revoked"]),
        ("revoke", (revoke,), ["revoked"]),
        ("review", (suspend, reinstate), ["review_opened", "review_closed"]),
        ("review", (suspend, revoke), ["review_opened"]),
        ("review", (revoke,), ["review_opened"]),
        ("review", (replace,), ["revoked"]),
    ],
)
def test_parts_follow_the_policy_when_the_diploma_is_withdrawn(
    world: World, policy: str, acts: tuple[Act, ...], topics: list[str]
) -> None:
    days = 30 if policy == "review" else None
    world.prospectus.publish(
        slug=SLUG, code=PROGRAMME, draft=draft(title="B", withdrawal=policy, review_days=days), actor=OPERATOR
    )
    diploma = award(world)
    parts = unpack(world, diploma, 1, 2, 3)
    unpacking, _ = made(world)
    for act in acts:
        act(world, diploma)
    events = world.ledger.store.select_events(unpacking)
    assert [event.topic for event in events[1:]] == [f"credential.{topic}.v1" for topic in topics]
    # What becomes of all parts is one event; nothing in the log is any part's own.
    for part in parts:
        assert world.ledger.store.select_events(credential_aggregate_id(part)) == []


def test_policy_is_that_of_the_edition_when_the_programme_was_revised_since(world: World) -> None:
    diploma = award(world)
    unpack(world, diploma, 1, 2, 3)
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=draft(withdrawal="revoke"), actor=OPERATOR)
    revoke(world, diploma)
    assert state_of(world, made(world)[0]) == "suspended"


def test_corrected_diploma_is_unpacked_anew_when_it_took_the_place_of_one_that_was(world: World) -> None:
    diploma = award(world)
    unpack(world, diploma, 1, 2, 3)
    [successor] = replace(world, diploma).answer  # type: ignore[attr-defined]  # an Outcome
    assert len(unpack(world, successor, 1, 2, 3)) == 3


def test_withdrawal_takes_effect_when_the_diploma_was_revoked_back_dated(world: World) -> None:
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=draft(withdrawal="revoke"), actor=OPERATOR)
    diploma = award(world)
    unpack(world, diploma, 1, 2, 3)
    since = world.ledger.credential(diploma).valid_from
    world.lifecycle.revoke(public_id=diploma, reason=Reason.ACADEMIC_MISCONDUCT, effective_at=since, actor=OPERATOR)
    parts = world.ledger.load(Credential, made(world)[0], "such unpacking")
    assert (parts.state, parts.since) == ("revoked", since)


def test_review_of_all_parts_is_decided_by_the_id_of_any(world: World) -> None:
    world.prospectus.publish(
        slug=SLUG, code=PROGRAMME, draft=draft(withdrawal="review", review_days=30), actor=OPERATOR
    )
    diploma = award(world)
    parts = unpack(world, diploma, 1, 2, 3)
    revoke(world, diploma)
    reviewing = world.reviewing
    reviewing.appeal(public_id=parts[1], statement="I did the work.", actor=OPERATOR)
    reviewing.decide_appeal(public_id=parts[2], outcome="dismissed", note=None, actor=OPERATOR)
    reviewing.close(public_id=parts[0], outcome="revoked", actor=OPERATOR)
    assert state_of(world, made(world)[0]) == "revoked"
