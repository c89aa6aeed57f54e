"""The form that every award has, printed: what many awards share is made once, and what is each one's own put in.

Awards of one edition differ in a few texts: id, day, learner, grade, place in the status list. Their canonical form
differs in these texts alone, since members are ordered by name and never by value. So the document is made once with
marks in the place of those texts and cut apart at the marks: a plate. A document then costs the joining of its pieces,
two hashes and a signature.

The long way, :mod:`ledger.form.open_badge` and :func:`ledger.document.sign_document`, stays the definition. Whatever a
claim says beyond those texts takes it, and so does the first award of each kind. Before a plate is used, what it prints
for a real award is compared with what the long way makes of it, byte for byte. A mark that happens to stand in the
edition's own text shows there, because no claim can hold a mark; that kind of award takes the long way for good.

Source: RFC 8785, sections 3.2.2 and 3.2.3; W3C VC Data Integrity EdDSA Cryptosuites 1.0, section 3.3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime
from operator import attrgetter, itemgetter
from typing import Final, TypeAlias

import msgspec
import orjson
from openvc.proof.vc_jwt import SigningKey

from ledger.achievement import Template
from ledger.canonical import canonical_json
from ledger.claim import AwardClaim, LearnerClaim
from ledger.detail import Details
from ledger.document import Award, document_form, sign_document
from ledger.form.open_badge import CONTEXT, build_document
from ledger.institution import Institution
from ledger.learner_identity import Identity
from ledger.multibase import encode_multibase
from ledger.status_allocation import StatusPlace

MAX_PLATES: Final = 256
"""Plates that are kept, of some 6 KB each; then the oldest goes."""
_OF_AWARDS: Final = tuple(
    sorted(
        set(Award.__struct_fields__)
        - {"public_id", "aggregate_id", "institution", "achievement_code", "edition", "template", "claim", "key_id"}
        - {"place", "recorded_at", "details", "identities"}
    )
)
_OF_CLAIMS: Final = tuple(
    sorted(
        set(AwardClaim.__struct_fields__) - {"achievement", "learner", "awarded_on", "edition", "grade", "valid_until"}
    )
)
_BEYOND: Final = (attrgetter(*_OF_AWARDS), attrgetter(*_OF_CLAIMS))
"""Members that few awards have (of a part, of a stack) and few claims; with one of them an award takes the long way."""
_NOTHING_BEYOND: Final = (
    (None,) * len(_OF_AWARDS),
    _BEYOND[1](AwardClaim(achievement="", learner=LearnerClaim(name=""), awarded_on=date.min)),
)
_MARK_INDEX: Final = 98_765_432
_MARK_DAY: Final = date.min
_MARK: Final = "\x01{}\x01"
"""No place, no day of an award and no text of a claim is ever like these: claims hold no control characters."""


class _Pieces(msgspec.Struct, frozen=True):
    """Bytes that stand, with a ``%b`` wherever a text belongs: which one, ``pick`` knows."""

    standing: bytes
    pick: Callable[[Sequence[bytes]], tuple[bytes, ...]]

    def filled(self, texts: Sequence[bytes]) -> bytes:
        return self.standing % self.pick(texts)


_Origin: TypeAlias = tuple[Institution, Template, Details | None]


class _Plate(msgspec.Struct, frozen=True):
    """Awards of one kind: what stands before the proof and behind it, and what that was made from."""

    before: _Pieces
    after: _Pieces
    origin: _Origin


class _Proof(msgspec.Struct, frozen=True):
    """A proof but for its value: the bytes before that and behind it, and SHA-256 of its options."""

    start: bytes
    end: bytes
    options_hash: bytes


class PrintedBadges:
    """Signs the form that every award has.

    Concurrency: any thread at any time; the worst that can happen is that a plate is made twice.

    Args:
        base_url: Absolute URL of the ledger, without a trailing slash.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._plates: dict[Hashable, _Plate | None] = {}
        self._proofs: dict[tuple[str, float], _Proof] = {}

    def sign(self, award: Award, key: SigningKey, now: datetime) -> bytes:
        """The signed document of *award*, in the bytes that are committed to.

        Args:
            award: The parts.
            key: The institution's key in force.
            now: Present instant, aware; the proof carries its whole seconds.
        """
        kind = _kind(award)
        if kind is None or key.alg != "EdDSA":  # other signatures differ each time, and could not be compared
            return self._long_way(award, key, now)
        plate = self._plates.get(kind)
        if plate is None:
            if kind not in self._plates:
                self._keep(kind, _Plate(_NOTHING, _NOTHING, _origin(award)))
            return self._long_way(award, key, now)
        if plate.before is _NOTHING:
            return self._make_plate(kind, award, key, now)
        institution, template, details = plate.origin
        if award.institution is not institution or award.template is not template or award.details is not details:
            if plate.origin != _origin(award):
                return self._make_plate(kind, award, key, now)
            # The same, read anew for this batch: its next awards come with these very objects.
            self._keep(kind, msgspec.structs.replace(plate, origin=_origin(award)))
        return self._print(plate, award, key, now)

    def _long_way(self, award: Award, key: SigningKey, now: datetime) -> bytes:
        return document_form(sign_document(build_document(award, self._base_url), key, now))

    def _make_plate(self, kind: Hashable, award: Award, key: SigningKey, now: datetime) -> bytes:
        """Sign *award* the long way, and keep a plate for its kind if that prints the same."""
        document = self._long_way(award, key, now)
        plate = _plate(award, self._base_url)
        same = plate is not None and self._print(plate, award, key, now) == document
        self._keep(kind, plate if same else None)
        return document

    def _print(self, plate: _Plate, award: Award, key: SigningKey, now: datetime) -> bytes:
        texts = _texts(award)
        before, after = plate.before.filled(texts), plate.after.filled(texts)
        proof = self._proof(key, now)
        digest = hashlib.sha256(before)
        digest.update(after)
        value = encode_multibase(key.sign(proof.options_hash + digest.digest()))
        return b"".join((before, proof.start, value.encode("ascii"), proof.end, after))

    def _proof(self, key: SigningKey, now: datetime) -> _Proof:
        moment = key.kid, now.timestamp() // 1
        proof = self._proofs.get(moment)
        if proof is None:
            proof = _unsigned_proof(key, now.replace(microsecond=0))
            self._proofs = {moment: proof}  # one at a time: seconds pass
        return proof

    def _keep(self, kind: Hashable, plate: _Plate | None) -> None:
        kept = {**self._plates, kind: plate}
        self._plates = dict(list(kept.items())[-MAX_PLATES:])  # one assignment: safe for other threads


def _kind(award: Award) -> Hashable | None:
    """What awards that one plate prints have in common; None when it takes the long way."""
    claim = award.claim
    if (_BEYOND[0](award), _BEYOND[1](claim)) != _NOTHING_BEYOND or claim.awarded_on == _MARK_DAY:
        return None
    return (
        award.institution.id,
        award.achievement_code,
        award.edition,
        award.place.block,
        claim.valid_until,
        claim.grade is None,
        claim.learner.id is None,
        *[(identity.kind, identity.salt is None) for identity in award.learner],
    )


def _texts(award: Award) -> list[bytes]:
    """Each award's own texts, as they stand within canonical JSON; in the same order for all of a kind."""
    claim = award.claim
    texts = [b"%d" % award.place.index, claim.awarded_on.isoformat().encode()]
    identities = [part for one in award.learner for part in (one.value, one.salt)]
    told = (award.public_id, claim.grade, claim.learner.id, *identities)
    texts += [orjson.dumps(text)[1:-1] for text in told if text is not None]
    return texts


def _marked(award: Award) -> Award:
    """An award of the same kind with a mark in the place of each of its own texts."""
    claim = award.claim
    learner = LearnerClaim(name="", id=None if claim.learner.id is None else _MARK.format("id"))
    identities = tuple(
        Identity(one.kind, _MARK.format(one.kind), None if one.salt is None else _MARK.format(f"{one.kind} salt"))
        for one in award.learner
    )
    replace = msgspec.structs.replace
    grade = None if claim.grade is None else _MARK.format("grade")
    return replace(
        award,
        public_id=_MARK.format("credential"),
        place=StatusPlace(award.place.block, _MARK_INDEX),
        claim=replace(claim, learner=learner, awarded_on=_MARK_DAY, grade=grade),
        identities=identities,
    )


def _plate(award: Award, base_url: str) -> _Plate | None:
    """A plate for awards of the kind of *award*, not compared with anything yet; None if there can be none."""
    marked = _marked(award)
    document = build_document(marked, base_url)
    before, found, after = document_form({**document, "proof": {}}).partition(b'"proof":{},')
    if not found or before + after != document_form(document):
        return None
    marks = _texts(marked)
    return _Plate(_cut(before, marks), _cut(after, marks), _origin(award))


def _origin(award: Award) -> _Origin:
    return award.institution, award.template, award.details


def _cut(content: bytes, marks: Sequence[bytes]) -> _Pieces:
    parts = re.split(b"(" + b"|".join(map(re.escape, marks)) + b")", content)
    standing = b"%b".join(part.replace(b"%", b"%%") for part in parts[::2])
    numbers = [marks.index(mark) for mark in parts[1::2]]
    if len(numbers) == 1:  # of one number alone, itemgetter would give no tuple
        [number] = numbers
        return _Pieces(standing, lambda texts: (texts[number],))
    return _Pieces(standing, itemgetter(*numbers) if numbers else lambda _: ())


def _unsigned_proof(key: SigningKey, second: datetime) -> _Proof:
    """What the proofs of one key and second share: made by signing a document that has a context and nothing else."""
    proof = sign_document({"@context": list(CONTEXT)}, key, second)["proof"]
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    mark = _MARK.format("proof")
    start, _, end = canonical_json({**options, "proofValue": mark}).partition(canonical_json(mark)[1:-1])
    return _Proof(b'"proof":' + start, end + b",", hashlib.sha256(canonical_json(options)).digest())


_NOTHING: Final = _Pieces(b"", lambda _: ())
"""Of a kind that was seen once and has no plate yet."""
