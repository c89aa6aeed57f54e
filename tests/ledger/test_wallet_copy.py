"""Awards signed for keys of their holders: bound, committed, few, and gone with the learner."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

import msgspec
import pytest
from openvc.proof.sd_jwt import SdJwtVcProofSuite

from ledger.access import Actor
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import ErasedError, ForbiddenError, InvalidInputError, NotFoundError, RuleError
from ledger.form.kind import HOLDER_FORMS, HOLDER_KINDS, Form, holder_kind
from ledger.form_signing import committed_part
from ledger.issuance import SealedDocument
from ledger.reason import Reason
from ledger.wallet_copy import MAX_COPIES, Holder, WalletCopies
from tests.ledger.full_award import HOLDER_JWK
from tests.ledger.scenario import IDENTITY
from tests.ledger.test_offered_form import ALL, bodies, offer, public_jwk, require_logged
from tests.ledger.world import BASE_URL, OPERATOR, SLUG, START, World, claim

HOLDER: Final = Holder(HOLDER_JWK, "did:key:z6MkHolder")
STRANGER: Final = Actor(name="x", role="issuer", institution=IDENTITY)


def copies_of(world: World) -> WalletCopies:
    return WalletCopies(world.ledger, world.vault, world.keys, BASE_URL)


def make(world: World, public_id: str, form: str = "sd-jwt", holder: Holder = HOLDER, actor: Actor = OPERATOR) -> bytes:
    made: bytes = copies_of(world).make(public_id=public_id, form=form, holder=holder, actor=actor).made
    return made


def claims_in(token: bytes) -> dict[str, Any]:
    payload = token.split(b".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    return read


@pytest.mark.parametrize("form", HOLDER_FORMS, ids=[form.name for form in HOLDER_FORMS])
def test_copy_opens_a_commitment_of_its_own_kind_with_the_salt_that_the_vault_keeps(world: World, form: Form) -> None:
    offer(world, *ALL)
    [public_id] = world.issue(claim())
    before = require_logged(world, public_id)
    document = make(world, public_id, form.name)
    [copy] = copies_of(world).kept(public_id)
    event = bodies(world, public_id)[-1]
    assert isinstance(event, Credential.FormAdded)
    kind = holder_kind(form.kind)
    committed = committed_part(kind, document)
    assert event.commitments == {kind: commit(credential_aggregate_id(public_id), kind, committed, copy.salt)}
    assert (copy.digest, copy.form, copy.made_at) == (hashlib.sha256(committed).digest(), form.name, START)
    after = world.ledger.credential(public_id).forms
    assert {kind: key for kind, key in after.items() if kind not in HOLDER_KINDS} == before


def test_sd_jwt_copy_is_bound_to_the_key_and_says_what_the_award_says(world: World) -> None:
    offer(world, "sd-jwt")
    [public_id] = world.issue(claim(grade="A", id="did:example:ada"))
    document = make(world, public_id).decode()
    told = SdJwtVcProofSuite().verify(document, public_key_jwk=public_jwk(world)).claims
    plain = world.issuance.sealed_document(public_id).forms["vc+sd-jwt"].form.decode()
    expected = SdJwtVcProofSuite().verify(plain, public_key_jwk=public_jwk(world)).claims
    assert told["cnf"] == {"jwk": HOLDER_JWK}
    assert {name: value for name, value in told.items() if name != "cnf"} == expected


def test_vc_jwt_copy_names_the_learner_by_the_did_of_the_key(world: World) -> None:
    offer(world, "vc-jwt")
    [public_id] = world.issue(claim(id="did:example:ada"))
    told = claims_in(make(world, public_id, "vc-jwt"))
    assert (told["sub"], told["credentialSubject"]["id"]) == (HOLDER.did, HOLDER.did)
    plain = claims_in(world.issuance.sealed_document(public_id).forms["vc+jwt"].form)
    assert plain["sub"] == "did:example:ada"
    del told["sub"], told["credentialSubject"]["id"], plain["sub"], plain["credentialSubject"]["id"]
    assert told == plain


def test_award_has_as_many_copies_as_are_allowed_and_no_more(world: World) -> None:
    offer(world, "sd-jwt", "vc-jwt")
    [public_id] = world.issue(claim())
    for number in range(MAX_COPIES):
        make(world, public_id, ("sd-jwt", "vc-jwt")[number % 2])
    assert len({copy.salt for copy in copies_of(world).kept(public_id)}) == MAX_COPIES
    with pytest.raises(RuleError, match=f"at most {MAX_COPIES}"):
        make(world, public_id)


@pytest.mark.parametrize(
    "form, holder, error, match",
    [
        ("paper", HOLDER, InvalidInputError, "no such form"),
        ("elm", HOLDER, RuleError, "nobody's key"),
        ("open-badge", HOLDER, RuleError, "nobody's key"),
        ("vc-jwt", HOLDER, RuleError, "does not offer"),
        ("sd-jwt", Holder({**HOLDER_JWK, "d": "x" * 43}, "did:x:y"), InvalidInputError, "public JWK"),
        ("sd-jwt", Holder({"kty": "RSA"}, "did:x:y"), InvalidInputError, "public JWK"),
    ],
)
def test_copy_is_refused_when_a_rule_is_against_it(
    world: World, form: str, holder: Holder, error: type[Exception], match: str
) -> None:
    offer(world, "sd-jwt", "elm")
    [public_id] = world.issue(claim())
    with pytest.raises(error, match=match):
        make(world, public_id, form, holder)
    assert copies_of(world).kept(public_id) == ()


def test_copy_is_refused_to_strangers_of_what_has_ended_is_erased_or_never_was(world: World) -> None:
    offer(world, "sd-jwt")
    public_id, ended = world.issue(claim(reference="S-1"), claim())
    with pytest.raises(ForbiddenError):
        make(world, public_id, actor=STRANGER)
    world.lifecycle.suspend(public_id=public_id, reason=Reason.OTHER, effective_at=None, note=None, actor=OPERATOR)
    assert make(world, public_id)
    world.lifecycle.revoke(public_id=ended, reason=Reason.OTHER, effective_at=None, note=None, actor=OPERATOR)
    with pytest.raises(RuleError, match="revoked"):
        make(world, ended)
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    with pytest.raises(ErasedError):
        make(world, public_id)
    with pytest.raises(NotFoundError):
        make(world, "0" * 36)


def test_copy_leaves_forms_by_a_stolen_key_to_be_signed_anew_and_is_not_signed_itself(world: World) -> None:
    offer(world, "sd-jwt")
    [public_id] = world.issue(claim())
    make(world, public_id)
    world.registry.declare_compromised(slug=SLUG, key_id="key-1", compromised_at=START, actor=OPERATOR)
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
    make(world, public_id)  # by the new key, before the old one's forms are signed anew
    awards = [one.award for one in world.reissuance.affected(SLUG, "key-1", after=0)]
    assert awards == [credential_aggregate_id(public_id)]
    world.reissuance.reissue(slug=SLUG, key_id="key-1", awards=awards, actor=OPERATOR)
    assert list(world.reissuance.affected(SLUG, "key-1", after=0)) == []
    keys = world.ledger.credential(public_id).forms
    assert keys == {DOCUMENT_KIND: "key-2", "vc+sd-jwt": "key-2", "vc+sd-jwt-holder": "key-2"}
    assert len(copies_of(world).kept(public_id)) == 2


def test_vault_row_from_before_there_were_copies_is_read(world: World) -> None:
    offer(world, "sd-jwt")
    [public_id] = world.issue(claim())
    kept = msgspec.to_builtins(world.issuance.sealed_document(public_id))
    assert "copies" not in kept, "what is not there takes no room"
    assert msgspec.convert(kept, SealedDocument).copies == ()
