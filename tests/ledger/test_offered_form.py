"""Forms that an institution offers: signed at issuance, committed before they leave, added, signed anew, erased."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from openvc.proof.di_jcs import EddsaJcsProofSuite
from openvc.proof.sd_jwt import SdJwtVcProofSuite

from ledger.access import Actor
from ledger.achievement import Achievement
from ledger.attesting import AttestedDocument
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.detail import Details, Part
from ledger.error import (
    ErasedError,
    ForbiddenError,
    InvalidInputError,
    LedgerError,
    MissingElementError,
    NotFoundError,
    RuleError,
)
from ledger.event import Event
from ledger.form.kind import CHOICES, form_named
from ledger.form.learner_record import Association
from ledger.form_signing import committed_part
from ledger.institution import Institution
from ledger.signing import SealedKeyStore
from tests.ledger.full_award import DETAILS, FULL_CLAIM, FULL_TEMPLATE
from tests.ledger.scenario import IDENTITY, Scenario
from tests.ledger.test_institution import REGISTERED, T1
from tests.ledger.world import BASE_URL, CODE, OPERATOR, SLUG, START, World, claim

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
ED25519 = ("open-badge-rdfc", "vc-jwt", "sd-jwt", "elm")
ALL = tuple(form.name for form in CHOICES)
STRANGER = Actor(name="x", role="issuer", institution=IDENTITY)


def offer(world: World, *forms: str) -> None:
    """Make the keys that forms need, and offer them."""
    institution = world.ledger.institution(SLUG)
    for name in forms:
        algorithm = form_named(name).algorithm
        if algorithm not in {None, "Ed25519"} and institution.active_key_of(algorithm) is None:
            world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm=algorithm)
    world.registry.choose_forms(slug=SLUG, forms=forms, actor=OPERATOR)


def bodies(world: World, public_id: str) -> list[Event]:
    stored = world.ledger.store.select_events(credential_aggregate_id(public_id))
    return [world.ledger.event_mapper.to_domain_event(event).body for event in stored]


def require_logged(world: World, public_id: str) -> dict[str, str]:
    """Every form that the vault holds opens the newest commitment to its kind; returns kinds and keys."""
    identity, kept = credential_aggregate_id(public_id), world.issuance.sealed_document(public_id)
    logged: dict[str, tuple[str, str]] = {}
    for body in bodies(world, public_id):
        if isinstance(body, Credential.Issued | Credential.Reissued | Credential.FormAdded):
            logged |= {kind: (made, body.key_id) for kind, made in body.commitments.items()}
    assert set(logged) == {DOCUMENT_KIND, *kept.forms}
    for kind, (made, _) in logged.items():
        form = kept.form(kind)
        assert form is not None
        assert made == commit(identity, kind, committed_part(kind, form.form), form.salt)
    return {kind: key_id for kind, (_, key_id) in logged.items()}


def public_jwk(world: World, key_id: str = "key-1") -> dict[str, Any]:
    institution = world.ledger.institution(SLUG)
    signer: Any = world.keys.signing_key(institution.id, key_id, "x")
    jwk: dict[str, Any] = signer.public_jwk()
    return jwk


def test_award_has_one_form_when_none_is_offered(world: World) -> None:
    [public_id] = world.issue(claim())
    assert require_logged(world, public_id) == {DOCUMENT_KIND: "key-1"}


def test_award_has_every_offered_form_and_each_is_in_the_log(world: World) -> None:
    offer(world, *ED25519)
    ids = world.issue(claim("Ada"), claim("Ben"))
    for public_id in ids:
        assert set(require_logged(world, public_id)) == {
            DOCUMENT_KIND, "vc+rdfc", "vc+jwt", "vc+sd-jwt", "elm",
        }  # fmt: skip
        assert [type(body) for body in bodies(world, public_id)] == [Credential.Issued]


def test_award_has_an_event_for_each_further_key_that_signs(world: World) -> None:
    offer(world, *ALL)
    [public_id] = world.issue(claim())
    keys = require_logged(world, public_id)
    assert (keys["vc+jwt-es256"], keys["vc+jwt-rs256"]) == ("key-2", "key-3")
    assert {keys[kind] for kind in (DOCUMENT_KIND, "vc+rdfc", "vc+jwt", "vc+sd-jwt", "elm")} == {"key-1"}
    kinds = [type(body) for body in bodies(world, public_id)]
    assert kinds == [Credential.Issued, Credential.FormAdded, Credential.FormAdded]
    kept = world.issuance.sealed_document(public_id)
    assert len({kept.salt, *(form.salt for form in kept.forms.values())}) == 1


def test_every_form_verifies_with_the_key_that_the_log_names(world: World) -> None:
    offer(world, *ALL)
    world.catalogue.publish(slug=SLUG, code=CODE, template=FULL_TEMPLATE, details=DETAILS, actor=OPERATOR)
    [public_id] = world.issue(FULL_CLAIM)
    kept, institution = world.issuance.sealed_document(public_id), world.ledger.institution(SLUG)
    badge = json.loads(kept.document)
    assert isinstance(world.keys, SealedKeyStore)
    for kind, key_id, algorithm, reader in (
        ("vc+jwt", "key-1", "EdDSA", OKPKey),
        ("vc+jwt-es256", "key-2", "ES256", ECKey),
    ):
        token = jwt.decode(kept.forms[kind].form.decode(), reader.import_key(public_jwk(world, key_id)), [algorithm])
        assert token.header["kid"] == f"{institution.did}#{key_id}"
        assert token.claims["credentialSubject"] == badge["credentialSubject"]
    rsa: Any = world.keys.signing_key(institution.id, "key-3", "x")
    numbers = RSAKey.import_key(rsa.private.public_key())
    jwt.decode(kept.forms["vc+jwt-rs256"].form.decode(), numbers, ["RS256"])
    told = SdJwtVcProofSuite().verify(kept.forms["vc+sd-jwt"].form.decode(), public_key_jwk=public_jwk(world))
    assert told.claims["grade"] == FULL_CLAIM.grade
    elm = json.loads(kept.forms["elm"].form)
    EddsaJcsProofSuite().verify(elm, public_key_jwk=public_jwk(world), now=START)
    ids = {badge["id"], elm["id"], told.claims["jti"], json.loads(kept.forms["vc+rdfc"].form)["id"]}
    assert ids == {f"{BASE_URL}/verify/{public_id}"}


def test_form_that_is_added_later_is_an_event_of_its_own(world: World) -> None:
    [public_id] = world.issue(claim("Ада Пример", email="ada@example.org", hashed=True))
    before = world.issuance.sealed_document(public_id)
    offer(world, "elm", "sd-jwt")
    outcome = world.form_adding.add(public_id=public_id, forms=["elm", "sd-jwt"], actor=OPERATOR)
    assert outcome.answer == ["elm", "sd-jwt"]
    assert [type(body) for body in bodies(world, public_id)] == [Credential.Issued, Credential.FormAdded]
    assert set(require_logged(world, public_id)) == {DOCUMENT_KIND, "elm", "vc+sd-jwt"}
    after = world.issuance.sealed_document(public_id)
    assert (after.document, after.salt) == (before.document, before.salt)
    hashed = json.loads(before.document)["credentialSubject"]["identifier"][0]["identityHash"]
    assert hashed in after.forms["elm"].form.decode(), "the same salted hash in every document"
    assert "Ада" not in after.forms["elm"].form.decode()


def test_form_is_added_to_an_award_from_before_there_were_forms(world: World) -> None:
    [public_id] = world.issue(claim("Ада Пример", email="ada@example.org", id="did:example:ada", grade="A"))
    kept = world.issuance.sealed_document(public_id)
    offer(world, "vc-jwt", "elm")
    learner = world.vault.learner_of(credential_aggregate_id(public_id))
    old = msgspec.msgpack.encode({"document": kept.document, "salt": kept.salt})
    _, _, _, sealed = world.vault.seal(learner, credential_aggregate_id(public_id), DOCUMENT_KIND, old)
    world.alter("UPDATE vault_item SET sealed=? WHERE kind=?", (sealed, DOCUMENT_KIND))
    world.form_adding.add(public_id=public_id, forms=["vc-jwt", "elm"], actor=OPERATOR)
    forms = world.issuance.sealed_document(public_id).forms
    claims = jwt.decode(forms["vc+jwt"].form.decode(), OKPKey.import_key(public_jwk(world)), ["EdDSA"]).claims
    unsigned = {name: value for name, value in json.loads(kept.document).items() if name != "proof"}
    assert {name: claims[name] for name in unsigned} == unsigned
    elm = json.loads(forms["elm"].form)
    assert elm["credentialSubject"]["fullName"] == {"en": "Ада Пример"}
    assert elm["credentialSubject"]["hasClaim"][0]["provenBy"][0]["grade"]["noteLiteral"] == {"en": "A"}


@pytest.mark.parametrize(
    "forms, error, match",
    [
        ([], InvalidInputError, "at least one"),
        (["paper"], InvalidInputError, "no such form"),
        (["elm"], RuleError, "does not offer"),
        (["vc-jwt"], RuleError, "already"),
        (["open-badge"], RuleError, "does not offer"),
    ],
)
def test_form_is_not_added_when_a_rule_is_against_it(
    world: World, forms: list[str], error: type[Exception], match: str
) -> None:
    offer(world, "vc-jwt")
    [public_id] = world.issue(claim())
    with pytest.raises(error, match=match):
        world.form_adding.add(public_id=public_id, forms=forms, actor=OPERATOR)


def test_form_is_not_added_by_another_institution_nor_to_what_has_ended_or_is_no_award(world: World) -> None:
    [public_id, ended] = world.issue(claim(), claim())
    offer(world, "elm")
    with pytest.raises(ForbiddenError):
        world.form_adding.add(public_id=public_id, forms=["elm"], actor=STRANGER)
    world.lifecycle.revoke(public_id=ended, reason="other", effective_at=None, note=None, actor=OPERATOR)  # type: ignore[arg-type]  # a reason's code
    with pytest.raises(RuleError, match="revoked"):
        world.form_adding.add(public_id=ended, forms=["elm"], actor=OPERATOR)
    endorsement = world.records.endorse(slug=SLUG, subject="did:web:x.example", comment=None, actor=OPERATOR).answer
    with pytest.raises(RuleError, match="made by the institution itself"):
        world.form_adding.add(public_id=endorsement, forms=["elm"], actor=OPERATOR)


def test_every_form_by_a_stolen_key_is_signed_anew(world: World) -> None:
    offer(world, *ALL)
    [public_id] = world.issue(claim())
    before = world.issuance.sealed_document(public_id)
    world.registry.declare_compromised(slug=SLUG, key_id="key-1", compromised_at=START, actor=OPERATOR)
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
    awards = [one.award for one in world.reissuance.affected(SLUG, "key-1", after=0)]
    world.reissuance.reissue(slug=SLUG, key_id="key-1", awards=awards, actor=OPERATOR)
    keys = require_logged(world, public_id)
    assert {kind for kind, key_id in keys.items() if key_id == "key-4"} == {
        DOCUMENT_KIND, "vc+rdfc", "vc+jwt", "vc+sd-jwt", "elm",
    }  # fmt: skip
    after = world.issuance.sealed_document(public_id)
    assert after.forms["vc+jwt-es256"] == before.forms["vc+jwt-es256"]
    assert after.salt != before.salt
    assert list(world.reissuance.affected(SLUG, "key-1", after=0)) == []


def test_award_is_signed_anew_once_when_forms_by_the_stolen_key_were_added_later(world: World) -> None:
    [public_id] = world.issue(claim())
    offer(world, "elm")
    world.form_adding.add(public_id=public_id, forms=["elm"], actor=OPERATOR)
    world.registry.declare_compromised(slug=SLUG, key_id="key-1", compromised_at=START, actor=OPERATOR)
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
    awards = [one.award for one in world.reissuance.affected(SLUG, "key-1", after=0)]
    answer = world.reissuance.reissue(slug=SLUG, key_id="key-1", awards=awards, actor=OPERATOR).answer
    assert (answer["credentials"], answer["passed_over"]) == ([public_id], 0)
    assert require_logged(world, public_id) == {DOCUMENT_KIND: "key-2", "elm": "key-2"}


def test_a_form_alone_is_signed_anew_when_only_its_key_was_stolen(world: World) -> None:
    offer(world, "vc-jwt-es256")
    [public_id] = world.issue(claim())
    before = world.issuance.sealed_document(public_id)
    world.registry.declare_compromised(slug=SLUG, key_id="key-2", compromised_at=START, actor=OPERATOR)
    with pytest.raises(RuleError, match="no P-256 key in force"):
        world.issue(claim())
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm="P-256")
    awards = [one.award for one in world.reissuance.affected(SLUG, "key-2", after=0)]
    assert awards == [credential_aggregate_id(public_id)]
    world.reissuance.reissue(slug=SLUG, key_id="key-2", awards=awards, actor=OPERATOR)
    assert require_logged(world, public_id) == {DOCUMENT_KIND: "key-1", "vc+jwt-es256": "key-3"}
    after = world.issuance.sealed_document(public_id)
    assert (after.document, after.salt) == (before.document, before.salt)
    assert after.forms["vc+jwt-es256"].form != before.forms["vc+jwt-es256"].form


def test_erasure_destroys_every_form_and_every_record_of_the_learner(world: World) -> None:
    offer(world, *ED25519)
    [public_id] = world.issue(claim(reference="S-1"))
    record = world.records.make_record(
        slug=SLUG, reference="S-1", credentials=(), associations=(), actor=OPERATOR
    ).answer
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    with pytest.raises(ErasedError):
        world.issuance.sealed_document(public_id)
    with pytest.raises(ErasedError):
        world.records.document(record)
    with pytest.raises(ErasedError):
        world.form_adding.add(public_id=public_id, forms=["elm"], actor=OPERATOR)


@pytest.mark.parametrize(
    "forms, error, match",
    [
        (["paper"], InvalidInputError, "forms are some of"),
        (["open-badge"], InvalidInputError, "forms are some of"),
        (["elm", "elm"], InvalidInputError, "once"),
        (["vc-jwt-es256"], RuleError, "no P-256 key in force"),
        ([], RuleError, "offered now"),
    ],
)
def test_institution_refuses_forms_that_cannot_be_offered(
    forms: list[str], error: type[LedgerError], match: str
) -> None:
    Scenario(Institution, _registered()).when(lambda one: one.choose_forms(forms=forms, at=T1)).then_refused(
        error,
        match,
    )


def test_institution_offers_forms_in_the_order_of_the_table() -> None:
    chosen = Institution.FormsChosen(forms=("vc-jwt", "elm"), recorded_at=T1)
    after = Scenario(Institution, _registered()).when(lambda one: one.choose_forms(forms=["elm", "vc-jwt"], at=T1))
    assert after.then(chosen).forms == ("vc-jwt", "elm")


def _registered() -> Institution.Registered:
    return msgspec.structs.replace(REGISTERED, key_multibase="z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH")


# ── Learner records and endorsements ─────────────────────────────────────────────────────────────────


def require_attested(world: World, public_id: str) -> dict[str, Any]:
    """The document verifies, and opens the commitment in the log."""
    kept: AttestedDocument = world.records.document(public_id)
    [body] = bodies(world, public_id)
    assert isinstance(body, Credential.Attested)
    identity, form = credential_aggregate_id(public_id), kept.forms[DOCUMENT_KIND]
    assert body.commitments == {DOCUMENT_KIND: commit(identity, DOCUMENT_KIND, form, kept.salt)}
    document: dict[str, Any] = json.loads(form)
    EddsaJcsProofSuite().verify(document, public_key_jwk=public_jwk(world), now=START)
    return document


def test_record_holds_all_that_a_learner_holds_as_it_was_signed(world: World) -> None:
    whole = f"{BASE_URL}/institutions/{SLUG}/achievements/WHOLE/1"
    part = f"{BASE_URL}/institutions/{SLUG}/achievements/{CODE}/1"
    details = Details(parts=(Part(title="Data", id=part),))
    world.catalogue.publish(slug=SLUG, code="WHOLE", template=FULL_TEMPLATE, details=details, actor=OPERATOR)
    mine = world.issue(claim(reference="S-1"), claim(reference="S-1", achievement="WHOLE"))
    [other, revoked] = world.issue(claim(reference="S-2"), claim(reference="S-1"))
    world.lifecycle.revoke(public_id=revoked, reason="other", effective_at=None, note=None, actor=OPERATOR)  # type: ignore[arg-type]  # a reason's code
    wanted = (Association(type="precedes", source=part, target=whole),)
    outcome = world.records.make_record(slug=SLUG, reference="S-1", credentials=(), associations=wanted, actor=OPERATOR)
    document = require_attested(world, outcome.answer)
    assert document["type"] == ["VerifiableCredential", "ClrCredential"]
    assert document["partial"] is False
    held = document["credentialSubject"]["verifiableCredential"]
    signed = [json.loads(world.issuance.sealed_document(one).document) for one in sorted(mine)]
    assert sorted(held, key=lambda one: str(one["id"])) == sorted(signed, key=lambda one: str(one["id"]))
    assert f"/verify/{other}" not in json.dumps(held)
    for one in held:
        EddsaJcsProofSuite().verify(one, public_key_jwk=public_jwk(world), now=START)
    told = [
        (one["associationType"], one["sourceId"], one["targetId"])
        for one in document["credentialSubject"]["association"]
    ]
    assert told == [("isPartOf", part, whole), ("precedes", part, whole)]


def test_record_is_partial_when_some_are_chosen(world: World) -> None:
    first, _ = world.issue(claim(reference="S-1"), claim(reference="S-1"))
    outcome = world.records.make_record(
        slug=SLUG, reference="S-1", credentials=[first], associations=(), actor=OPERATOR
    )
    document = require_attested(world, outcome.answer)
    assert document["partial"] is True
    assert len(document["credentialSubject"]["verifiableCredential"]) == 1


def test_record_is_refused_when_it_cannot_be_made(world: World) -> None:
    [mine, other] = world.issue(claim(reference="S-1"), claim(reference="S-2"))

    def make(reference: str = "S-1", credentials: tuple[str, ...] = (), **more: Any) -> None:  # noqa: ANN401  passed on as given
        world.records.make_record(
            slug=SLUG,
            reference=reference,
            credentials=credentials,
            associations=more.get("associations", ()),
            actor=more.get("actor", OPERATOR),
        )

    with pytest.raises(NotFoundError):
        make("S-3")
    with pytest.raises(NotFoundError, match="does not hold"):
        make(credentials=(other,))
    with pytest.raises(ForbiddenError):
        make(actor=STRANGER)
    with pytest.raises(InvalidInputError, match="achievements of the record") as caught:
        make(associations=(Association(type="isPeerOf", source="urn:a", target="urn:b"),))
    assert caught.value.pointer == "/associations/0/source"
    world.lifecycle.revoke(public_id=mine, reason="other", effective_at=None, note=None, actor=OPERATOR)  # type: ignore[arg-type]  # a reason's code
    with pytest.raises(MissingElementError, match="verifiableCredential"):
        make()


def test_endorsement_is_signed_logged_and_carried_in_an_award(world: World) -> None:
    achievement = f"{BASE_URL}/institutions/south/achievements/X/1"
    outcome = world.records.endorse(slug=SLUG, subject=achievement, comment="We count it.", actor=OPERATOR)
    document = require_attested(world, outcome.answer)
    assert document["type"] == ["VerifiableCredential", "EndorsementCredential"]
    assert document["credentialSubject"] == {
        "id": achievement,
        "type": ["EndorsementSubject"],
        "endorsementComment": "We count it.",
    }
    [public_id] = world.issue(claim(endorsements=(document,)))
    assert json.loads(world.issuance.sealed_document(public_id).document)["endorsement"] == [document]


@pytest.mark.parametrize(
    "subject, comment, pointer", [("South", None, "/subject"), ("did:web:x.example", " ", "/comment")]
)
def test_endorsement_is_refused_when_it_is_ill_formed(
    world: World, subject: str, comment: str | None, pointer: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        world.records.endorse(slug=SLUG, subject=subject, comment=comment, actor=OPERATOR)
    assert caught.value.pointer == pointer


def test_details_come_back_with_the_editions(world: World) -> None:
    world.catalogue.publish(slug=SLUG, code=CODE, template=FULL_TEMPLATE, details=DETAILS, actor=OPERATOR)
    achievement = world.ledger.achievement(world.ledger.institution(SLUG).id, CODE)
    assert isinstance(achievement, Achievement)
    assert achievement.details == (None, DETAILS)
