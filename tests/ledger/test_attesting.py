"""Documents that an institution signs of its own making: committed before they leave, kept sealed, with status."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.access import Actor
from ledger.attesting import MAX_FORM_BYTES, Attestable
from ledger.commitment import commit
from ledger.credential import Credential
from ledger.error import ErasedError, ForbiddenError, InvalidInputError, NotFoundError, RuleError
from ledger.reason import Reason
from tests.ledger.world import BASE_URL, OPERATOR, SLUG, START, World, open_world, settle

NAME = "urn:uuid:0f1e2d3c-4b5a-4678-9abc-def012345678"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return settle(open_world(tmp_path))


def form(about: Attestable) -> dict[str, bytes]:
    """A form that shows everything that it was made of."""
    shown = {"who": about.institution.did, "with": about.key.kid, "status": about.entries, "id": about.public_id}
    return {"vc+jcs": json.dumps(shown).encode()}


def attested(world: World) -> tuple[str, Credential.Attested]:
    """Attest one document; its public id and its event."""
    public_id = world.attesting.attest(slug=SLUG, make=form, actor=OPERATOR, name=NAME).answer
    [stored] = [state for topic, state in world.events() if topic == Credential.Attested.TOPIC]
    body = world.ledger.event_mapper.decode(Credential.Attested.TOPIC, stored, "test")
    assert isinstance(body, Credential.Attested)
    return public_id, body


def test_document_is_committed_to_and_kept_when_it_is_attested(world: World) -> None:
    public_id, body = attested(world)
    kept = world.attesting.document(public_id)
    credential = world.ledger.credential(public_id)
    assert body.commitments == {"vc+jcs": commit(credential.id, "vc+jcs", kept.forms["vc+jcs"], kept.salt)}
    assert (credential.achievement, credential.edition, credential.state) == (None, None, "active")
    shown = json.loads(kept.forms["vc+jcs"])
    number = 2 * body.status_block
    assert shown["id"] == public_id == kept.public_id
    assert [entry["statusListCredential"] for entry in shown["status"]] == [
        f"{BASE_URL}/status-lists/{number + purpose}" for purpose in (0, 1)
    ]
    assert {entry["statusListIndex"] for entry in shown["status"]} == {str(body.status_index)}
    world.close()


def test_nothing_of_the_document_is_in_an_event_when_it_is_attested(world: World) -> None:
    public_id, _ = attested(world)
    logged = b"".join(state for _, state in world.events())
    assert public_id.encode() not in logged
    assert NAME.encode() not in logged
    world.close()


def test_document_is_found_by_the_id_in_it_until_it_is_erased(world: World) -> None:
    public_id, _ = attested(world)
    assert world.attesting.find(SLUG, NAME) == public_id
    newer = world.attesting.attest(slug=SLUG, make=form, actor=OPERATOR, name=NAME).answer
    assert world.attesting.find(SLUG, NAME) == newer
    with pytest.raises(NotFoundError):
        world.attesting.find(SLUG, NAME + "0")
    world.erasing.erase_holder(public_id=newer, actor=OPERATOR)
    with pytest.raises(ErasedError):
        world.attesting.find(SLUG, NAME)
    world.close()


def test_document_is_suspended_and_revoked_like_an_award(world: World) -> None:
    public_id, _ = attested(world)
    world.lifecycle.suspend(public_id=public_id, reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    world.lifecycle.reinstate(public_id=public_id, actor=OPERATOR)
    world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=OPERATOR)
    assert world.ledger.credential(public_id).state == "revoked"
    with pytest.raises(RuleError):
        world.lifecycle.suspend(public_id=public_id, reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    world.close()


def test_document_can_be_revoked_when_it_comes_into_force_later(world: World) -> None:
    later = START + timedelta(days=30)
    public_id = world.attesting.attest(slug=SLUG, make=form, actor=OPERATOR, valid_from=later).answer
    assert world.ledger.credential(public_id).valid_from == START
    world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=OPERATOR)
    world.close()


def test_document_is_refused_when_its_dates_or_forms_do_not_fit(world: World) -> None:
    before = len(world.events())
    with pytest.raises(InvalidInputError, match="ends after it begins"):
        world.attesting.attest(slug=SLUG, make=form, actor=OPERATOR, valid_until=START)
    for forms in ({}, {str(number): b"" for number in range(9)}, {"vc+jcs": bytes(MAX_FORM_BYTES + 1)}):
        with pytest.raises(InvalidInputError, match="forms"):
            world.attesting.attest(slug=SLUG, make=lambda _, forms=forms: forms, actor=OPERATOR)  # type: ignore[misc]  # bound per turn
    assert len(world.events()) == before
    world.close()


def test_document_is_signed_with_the_key_that_is_asked_for_when_it_is_in_force(world: World) -> None:
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm="P-256")
    public_id = world.attesting.attest(slug=SLUG, make=form, actor=OPERATOR, key_id="key-2").answer
    assert json.loads(world.attesting.document(public_id).forms["vc+jcs"])["with"].endswith("#key-2")
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm="P-256")
    with pytest.raises(RuleError, match="in force"):
        world.attesting.attest(slug=SLUG, make=form, actor=OPERATOR, key_id="key-2")
    with pytest.raises(NotFoundError):
        world.attesting.attest(slug=SLUG, make=form, actor=OPERATOR, key_id="key-9")
    world.close()


def test_document_is_refused_when_another_institution_asks(world: World) -> None:
    other = world.registry.register(slug="other", name="Other", country="EE", kind="other", actor=OPERATOR)
    assert other.answer["institution"] == "other"
    stranger = Actor(name="stranger", role="issuer", institution=world.ledger.institution("other").id)
    with pytest.raises(ForbiddenError):
        world.attesting.attest(slug=SLUG, make=form, actor=stranger)
    world.close()


def test_document_is_not_issued_again_when_it_is_no_award(world: World) -> None:
    public_id, body = attested(world)
    with pytest.raises(RuleError, match="made by the institution itself"):
        world.ledger.credential(public_id).reissue(key_id="key-2", commitments=dict(body.commitments), at=START)
    world.close()
