"""Awards are made all or none, once per request, under the key in force."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from ledger.access import Actor
from ledger.achievement import Template
from ledger.application import Request
from ledger.claim import AwardClaim
from ledger.commitment import NOTE_KIND, SUCCESSOR_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import (
    ConflictError,
    ErasedError,
    ForbiddenError,
    IdempotencyError,
    InvalidInputError,
    LedgerError,
    MissingElementError,
    NotFoundError,
    OutdatedError,
    RuleError,
)
from ledger.issuance import MAX_BATCH
from ledger.reason import Reason
from tests.ledger.world import CODE, OPERATOR, SLUG, TEMPLATE, World, claim, open_world, settle

STRANGER = Actor(name="stranger", role="issuer", institution=UUID(int=9))
REQUEST = Request("north", "key-1", b"body")
WAIT_SECONDS = 20


def counts(world: World) -> list[int]:
    """Rows in every table that issuing writes, leases of status places excepted."""
    tables = ("stored_events", "vault_item", "vault_learner", "vault_answer", "access_audit")
    return [world.ledger.store.query(f"SELECT COUNT(*) FROM {table}")[0][0] for table in tables]  # noqa: S608  our own names


def test_issuing_makes_one_event_and_one_sealed_document_per_claim(world: World) -> None:
    before = counts(world)
    ids = world.issue(claim("Ada", reference="S-1"), claim("Ada", reference="S-1"), claim("Bo"))
    assert [after - was for after, was in zip(counts(world), before, strict=True)] == [3, 3, 2, 0, 1]
    assert len({world.ledger.credential(public_id).status_index for public_id in ids}) == 3
    assert {world.ledger.credential(public_id).state for public_id in ids} == {"active"}
    holders = [world.vault.learner_of(credential_aggregate_id(public_id)).handle for public_id in ids]
    assert holders[0] == holders[1] != holders[2]


@pytest.mark.parametrize(
    "bad, error, pointer",
    [
        (claim(" "), MissingElementError, "/credentials/2/learner/name"),
        (claim(grade=""), InvalidInputError, "/credentials/2/grade"),
        (claim(edition=0), InvalidInputError, "/credentials/2/edition"),
        (claim(edition=2), InvalidInputError, "/credentials/2/edition"),
        (claim("\ud800"), InvalidInputError, "/credentials/2"),
        (claim(achievement="NONE-1"), NotFoundError, None),
    ],
)
def test_issuing_is_all_or_nothing_when_one_claim_of_a_batch_is_bad(
    world: World, bad: AwardClaim, error: type[LedgerError], pointer: str | None
) -> None:
    before = counts(world)
    with pytest.raises(error) as caught:
        world.issue(claim("a"), claim("b"), bad, claim("d"))
    assert getattr(caught.value, "pointer", None) == pointer
    assert counts(world) == before
    assert world.ledger.store.query("SELECT COUNT(*) FROM status_lease")[0][0] == 0, "refused before places are taken"


def test_issuing_is_refused_when_the_batch_is_empty_or_too_large(world: World) -> None:
    for claims in ([], [claim()] * (MAX_BATCH + 1)):
        with pytest.raises(InvalidInputError, match="split it"):
            world.issuance.issue(slug=SLUG, claims=claims, actor=OPERATOR)


def test_issuing_is_refused_when_the_actor_or_the_institution_is_another(world: World) -> None:
    with pytest.raises(ForbiddenError):
        world.issuance.issue(slug=SLUG, claims=[claim()], actor=STRANGER)
    with pytest.raises(NotFoundError, match="south"):
        world.issuance.issue(slug="south", claims=[claim()], actor=OPERATOR)


def test_issuing_is_refused_when_no_key_is_in_force(world: World) -> None:
    world.registry.revoke_key(slug=SLUG, key_id="key-1", reason=Reason.OTHER, effective_at=None, actor=OPERATOR)
    with pytest.raises(RuleError, match="no signing key in force"):
        world.issue(claim())
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
    [public_id] = world.issue(claim())
    assert b"#key-2" in world.issuance.sealed_document(public_id).document


def test_issuing_names_the_edition_asked_for(world: World) -> None:
    world.catalogue.publish(slug=SLUG, code=CODE, template=_retitled("Second"), actor=OPERATOR)
    first, newest = world.issue(claim(edition=1), claim())
    assert (world.ledger.credential(first).edition, world.ledger.credential(newest).edition) == (1, 2)
    assert b"Second" not in world.issuance.sealed_document(first).document
    assert b"Second" in world.issuance.sealed_document(newest).document


def test_nothing_signed_with_a_key_is_logged_after_the_key_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is rotated while a batch that was signed with it waits to be committed."""
    allocate = world.places.allocate
    rotated: list[bool] = []

    def rotate_meanwhile(institution: UUID, count: int) -> object:
        if not rotated:
            rotated.append(True)
            world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
        return allocate(institution, count)

    monkeypatch.setattr(world.places, "allocate", rotate_meanwhile)
    [public_id] = world.issue(claim())
    body = world.ledger.event_mapper.to_domain_event(
        world.ledger.store.select_events(credential_aggregate_id(public_id))[0]
    ).body
    assert isinstance(body, Credential.Issued)
    assert body.key_id == "key-2"


def test_award_is_made_under_a_new_key_when_its_learner_is_erased_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    [old] = world.issue(claim("Ada", reference="S-1"))
    seal = world.vault.seal
    done: list[bool] = []

    def erase_meanwhile(*arguments: object) -> object:
        if not done:
            done.append(True)
            world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
        return seal(*arguments)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(world.vault, "seal", erase_meanwhile)
    [fresh] = world.issue(claim("Ada", reference="S-1"))
    with pytest.raises(ErasedError):
        world.issuance.sealed_document(old)
    assert b"Ada" in world.issuance.sealed_document(fresh).document


def test_repeated_request_gets_the_same_answer_and_makes_nothing(world: World) -> None:
    first = world.issuance.issue(slug=SLUG, claims=[claim(), claim()], actor=OPERATOR, request=REQUEST)
    before = counts(world)
    again = world.issuance.issue(slug=SLUG, claims=[claim(), claim()], actor=OPERATOR, request=REQUEST)
    assert (again.answer, again.repeated, again.position) == (first.answer, True, 0)
    assert (first.repeated, first.position) == (False, world.ledger.newest())
    assert counts(world) == before


def test_repeated_request_gets_the_same_answer_after_a_restart(tmp_path: Path) -> None:
    world = settle(open_world(tmp_path))
    first = world.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=REQUEST)
    world.close()
    restarted = open_world(tmp_path, seed=2)
    again = restarted.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=REQUEST)
    restarted.close()
    assert (again.answer, again.repeated) == (first.answer, True)


def test_repeated_request_is_refused_when_the_body_is_another(world: World) -> None:
    world.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=REQUEST)
    before = counts(world)
    with pytest.raises(IdempotencyError, match="new key"):
        world.issuance.issue(
            slug=SLUG, claims=[claim()], actor=OPERATOR, request=Request(REQUEST.scope, REQUEST.key, b"other")
        )
    assert counts(world) == before


def test_one_key_in_two_scopes_is_two_requests(world: World) -> None:
    for scope in ("north", "south"):
        outcome = world.issuance.issue(
            slug=SLUG, claims=[claim()], actor=OPERATOR, request=Request(scope, "key", b"body")
        )
        assert not outcome.repeated


def test_refused_request_may_be_repeated_with_another_body(world: World) -> None:
    with pytest.raises(MissingElementError):
        world.issuance.issue(slug=SLUG, claims=[claim(" ")], actor=OPERATOR, request=REQUEST)
    corrected = Request(REQUEST.scope, REQUEST.key, b"corrected")
    assert not world.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=corrected).repeated


def test_one_award_is_made_when_one_request_comes_many_times_at_once(world: World) -> None:
    barrier = threading.Barrier(8, timeout=WAIT_SECONDS)

    def issue(_: int) -> list[str]:
        barrier.wait()
        answer: list[str] = world.issuance.issue(
            slug=SLUG, claims=[claim(reference="S-1")], actor=OPERATOR, request=REQUEST
        ).answer
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(issue, range(8)))
    assert len({tuple(answer) for answer in answers}) == 1
    assert [topic for topic, _ in world.events()].count("credential.issued.v1") == 1


def test_one_learner_is_made_when_two_batches_name_a_new_one_at_once(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: world.issue(claim(reference="S-1")), range(16)))
    holders = {world.vault.learner_of(credential_aggregate_id(public_id)).handle for [public_id] in made}
    assert len(holders) == 1


def test_conflicts_end_in_an_error_when_others_are_always_faster(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    allocate = world.places.allocate

    def meddle(institution: UUID, count: int) -> object:
        world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
        return allocate(institution, count)

    monkeypatch.setattr(world.places, "allocate", meddle)
    with pytest.raises(ConflictError, match="try again"):
        world.issue(claim())
    assert "credential.issued.v1" not in [topic for topic, _ in world.events()]


def test_replacement_ends_the_old_award_and_commits_to_the_new_one(world: World) -> None:
    [old] = world.issue(claim("Ada Exmaple", reference="S-1"))
    world.clock.advance(days=1)
    [new] = world.issuance.replace(
        public_id=old, claim=claim("Ada Example"), reason=Reason.INCORRECT_DATA, actor=OPERATOR
    ).answer
    assert world.ledger.credential(old).state == "replaced"
    assert world.ledger.credential(new).state == "active"
    successor = world.issuance.successor(old)
    assert successor is not None
    assert successor.credential == new
    identity = credential_aggregate_id(old)
    body = world.ledger.event_mapper.to_domain_event(world.ledger.store.select_events(identity)[-1]).body
    assert body.successor == commit(identity, SUCCESSOR_KIND, new.encode("ascii"), successor.salt)
    assert world.issuance.successor(new) is None
    holders = {world.vault.learner_of(credential_aggregate_id(public_id)).handle for public_id in (old, new)}
    assert len(holders) == 1, "erasing the learner erases both"


def test_replacement_is_refused_when_the_award_ended_or_was_erased_or_the_claim_is_bad(world: World) -> None:
    ended, erased, good = world.issue(claim("a"), claim("b", reference="S-1"), claim("c"))
    world.lifecycle.revoke(public_id=ended, reason=Reason.OTHER, actor=OPERATOR)
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    before = counts(world)

    def replace(public_id: str, claimed: AwardClaim) -> None:
        world.issuance.replace(public_id=public_id, claim=claimed, reason=Reason.OTHER, actor=OPERATOR)

    for public_id, claimed, error in (
        (ended, claim(), RuleError),
        (erased, claim(), ErasedError),
        (good, claim(" "), MissingElementError),
        (good, claim(edition=7), InvalidInputError),
    ):
        with pytest.raises(error):
            replace(public_id, claimed)
    with pytest.raises(ForbiddenError):
        world.issuance.replace(public_id=good, claim=claim(), reason=Reason.OTHER, actor=STRANGER)
    assert counts(world) == before


def test_status_changes_are_recorded_with_a_commitment_to_the_note(world: World) -> None:
    [public_id] = world.issue(claim())
    world.clock.advance(days=1)
    world.lifecycle.suspend(public_id=public_id, reason=Reason.UNDER_REVIEW, note="жалоба", actor=OPERATOR)
    world.clock.advance(days=1)
    world.lifecycle.reinstate(public_id=public_id, actor=OPERATOR)
    world.clock.advance(days=1)
    world.lifecycle.revoke(public_id=public_id, reason=Reason.ACADEMIC_MISCONDUCT, note="copied", actor=OPERATOR)
    identity = credential_aggregate_id(public_id)
    bodies = [
        world.ledger.event_mapper.to_domain_event(stored).body for stored in world.ledger.store.select_events(identity)
    ]
    assert [type(body).__name__ for body in bodies] == ["Issued", "Suspended", "Reinstated", "Revoked"]
    for version, note in ((2, "жалоба"), (4, "copied")):
        kept = world.vault.open(identity, f"{NOTE_KIND}-{version}")
        assert kept[32:].decode() == note
        assert bodies[version - 1].note == commit(identity, NOTE_KIND, note.encode(), kept[:32])
    stored = b"".join(state for _, state in world.events())
    assert "жалоба".encode() not in stored
    assert b"copied" not in stored


@pytest.mark.parametrize("note", ["", "x" * 2_001, "\ud800"])
def test_status_change_is_refused_when_the_note_is_ill_formed(world: World, note: str) -> None:
    [public_id] = world.issue(claim())
    with pytest.raises(InvalidInputError):
        world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, note=note, actor=OPERATOR)


def test_status_change_is_refused_when_the_actor_or_the_award_is_another(world: World) -> None:
    [public_id] = world.issue(claim())
    with pytest.raises(ForbiddenError):
        world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=STRANGER)
    other = public_id[:-3] + ("000" if public_id[-3:] != "000" else "100")
    with pytest.raises(NotFoundError, match="no such credential"):
        world.lifecycle.revoke(public_id=other, reason=Reason.OTHER, actor=OPERATOR)
    with pytest.raises(InvalidInputError):
        world.lifecycle.revoke(public_id="nonsense", reason=Reason.OTHER, actor=OPERATOR)


def test_one_revocation_holds_when_two_come_at_once(world: World) -> None:
    [public_id] = world.issue(claim())

    def revoke(_: int) -> str:
        try:
            world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=OPERATOR)
        except RuleError as error:
            return str(error)
        return "done"

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(revoke, range(6)))
    assert results.count("done") == 1
    assert world.ledger.credential(public_id).version == 2


def test_events_hold_nothing_personal(world: World) -> None:
    claimed = claim("Ада Пример", reference="S-777", email="ada@example.org", id="did:example:ada", grade="отлично")
    [public_id] = world.issue(claimed)
    world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, note="secret remark", actor=OPERATOR)
    logged = b"\n".join(state for _, state in world.events())
    for plain in ("Ада Пример", "S-777", "ada@example.org", "did:example:ada", "отлично", "secret remark", public_id):
        assert plain.encode() not in logged
    handle = world.vault.find_learner(world.ledger.institution(SLUG).id, "S-777")
    assert handle.hex().encode() not in logged
    assert str(UUID(bytes=handle)).encode() not in logged


def test_institution_is_registered_once_and_by_the_operator_alone(world: World) -> None:
    def register(actor: Actor, slug: str) -> object:
        return world.registry.register(slug=slug, name="X", country="EE", kind="other", actor=actor)

    with pytest.raises(ConflictError, match="choose another slug"):
        register(OPERATOR, SLUG)
    with pytest.raises(ForbiddenError):
        register(STRANGER, "south")
    register(OPERATOR, "south")
    assert world.ledger.institution("south").id != world.ledger.institution(SLUG).id


def test_accreditations_are_entered_by_the_operator_alone(world: World) -> None:
    now = world.ledger.now()
    own = Actor(name="own", role="issuer", institution=world.ledger.institution(SLUG).id)
    for actor in (own, STRANGER):
        with pytest.raises(ForbiddenError):
            world.registry.grant_accreditation(
                slug=SLUG, by="Ministry", scope="all", valid_from=now, valid_until=None, actor=actor
            )
    answer = world.registry.grant_accreditation(
        slug=SLUG, by="Ministry", scope="all", valid_from=now, valid_until=None, actor=OPERATOR
    ).answer
    assert answer == {"accreditation": "accreditation-1"}
    with pytest.raises(ForbiddenError):
        world.registry.withdraw_accreditation(
            slug=SLUG, accreditation_id="accreditation-1", reason=Reason.OTHER, effective_at=None, actor=own
        )


def test_keys_are_the_affair_of_their_institution_alone(world: World) -> None:
    with pytest.raises(ForbiddenError):
        world.registry.rotate_key(slug=SLUG, actor=STRANGER)
    with pytest.raises(ForbiddenError):
        world.registry.revoke_key(slug=SLUG, key_id="key-1", reason=Reason.OTHER, effective_at=None, actor=STRANGER)
    own = Actor(name="own", role="issuer", institution=world.ledger.institution(SLUG).id)
    assert world.registry.rotate_key(slug=SLUG, actor=own).answer == {"key": "key-2"}


def test_achievement_is_published_by_its_institution_alone(world: World) -> None:
    with pytest.raises(ForbiddenError):
        world.catalogue.publish(slug=SLUG, code="NEW-1", template=TEMPLATE, actor=STRANGER)
    with pytest.raises(RuleError, match="nothing differs"):
        world.catalogue.publish(slug=SLUG, code=CODE, template=TEMPLATE, actor=OPERATOR)
    answer = world.catalogue.publish(slug=SLUG, code=CODE, template=_retitled("B"), actor=OPERATOR).answer
    assert answer == {"institution": SLUG, "code": CODE, "edition": 2}


def test_edition_is_refused_when_it_was_not_made_from_the_newest(world: World) -> None:
    publish = partial(world.catalogue.publish, slug=SLUG, actor=OPERATOR)
    asked = Request("s", "k", b"B")
    for _ in range(2):  # the same request again has the same answer
        second = publish(code=CODE, template=_retitled("B"), after=1, request=asked)
        assert second.answer["edition"] == 2
    for after in (0, 1, 3):
        with pytest.raises(OutdatedError, match=f"made from edition {after}, and the newest is 2"):
            publish(code=CODE, template=_retitled("C"), after=after)
    assert publish(code=CODE, template=_retitled("C"), after=2).answer["edition"] == 3
    assert publish(code=CODE, template=_retitled("D")).answer["edition"] == 4
    with pytest.raises(OutdatedError, match="the newest is 0"):
        publish(code="NEW-1", template=TEMPLATE, after=1)
    assert publish(code="NEW-1", template=TEMPLATE, after=0).answer["edition"] == 1


def _retitled(title: str) -> Template:
    return msgspec.structs.replace(TEMPLATE, title=title)
