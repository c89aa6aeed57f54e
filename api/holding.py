"""What a learner holds at an institution: each award as the learner sees it, and how they are stacked.

The vault says which awards there are and what was made of what; the views say how each stands now.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.error import NotReadyError, UnknownResourceError
from api.node import Node
from api.route.document import PICTURES
from ledger.claim import AwardClaim, LearnerClaim
from ledger.commitment import DERIVATION_KIND, DOCUMENT_KIND
from ledger.component_reading import RECOGNITION
from ledger.error import ErasedError, LedgerError
from ledger.form.kind import FORMS
from ledger.issuance import SealedDocument
from ledger.part import PART_KIND, KeptPart
from ledger.skill import skills_of
from ledger.stacking.component import Component
from ledger.stacking.derivation import Derivation

MAX_DEPTH: Final = 12
"""Stacks upon stacks that are drawn."""
BUNDLE: Final = "bundle"


@dataclass(frozen=True, slots=True)
class Holding:
    """One award.

    Attributes:
        credential: Public id.
        identity: Aggregate id.
        title: Of the edition that was awarded, in *language*.
        issuer: Name of the institution.
        verdict: valid, invalid or unknown, as the public is told now.
        state: What the issuer's events say; see :mod:`projections.status_answer`.
        reason: Code of why, if there is one.
        valid_from, valid_until: When it begins and ends; None: never.
        credits_centi: Hundredths of an ECTS credit, if it states credits.
        grade: As awarded.
        forms: Names of what can be downloaded.
        skills: What it certifies: URI and label.
        components: Of a stacked award, what it was made of.
        parts: Of an unpacked diploma, ids of its parts.
        whole: Of a part, the aggregate id of the diploma.
        pathway: Of a stacked award, id of the pathway, 32 hexadecimal digits.
        can_appeal: Whether a review is open in which the learner may still appeal.
        appeal_until: Until when, in an open review.
        review_due: Until when an open review is to be decided; None: no review is open.
        learner: Who it was awarded to, as it was claimed; None where only the document says so.
        in_wallets: When it was signed for keys of wallets, oldest first.
    """

    credential: str
    identity: UUID
    title: str
    language: str
    code: str
    issuer: str
    verdict: str
    state: str
    reason: str | None
    valid_from: datetime
    valid_until: datetime | None
    credits_centi: int | None = None
    level: int | None = None
    grade: str | None = None
    forms: tuple[str, ...] = ()
    skills: Mapping[str, str] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    pathway: str | None = None
    parts: tuple[str, ...] = ()
    whole: UUID | None = None
    can_appeal: bool = False
    appeal_until: datetime | None = None
    review_due: datetime | None = None
    learner: LearnerClaim | None = None
    in_wallets: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Stone:
    """One award in the picture of a stack, with those below it.

    Attributes:
        holding: The learner's own award; None for one of elsewhere.
        component: What the stack says of it; None at the top.
        below: What it was made of, or unpacked into.
        is_unpacked: Whether *below* are parts of a diploma.
    """

    holding: Holding | None
    component: Component | None = None
    below: tuple[Stone, ...] = ()
    is_unpacked: bool = False

    @property
    def credits_centi(self) -> int:
        """Its size; 0 where none is stated."""
        size = self.component.credits_centi if self.holding is None and self.component else None
        return (self.holding.credits_centi if self.holding else size) or 0


class Holdings:
    """Reads what learners hold.

    Args:
        node: The process's parts.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._vault = node.parts.vault

    def of(self, learner: bytes, only: Container[str] | None = None) -> list[Holding]:
        """Awards of a learner, newest first. Empty for one who was erased meanwhile.

        Args:
            learner: The learner's handle.
            only: Public ids of those that are wanted; None: every one.
        """
        stacked = set(self._vault.items_of(learner, DERIVATION_KIND))
        kept = (one for one in self._kept(learner) if only is None or one[0] in only)
        found = [self._one(*one, is_stacked=one[1] in stacked) for one in kept]
        parts: dict[UUID, list[str]] = {}
        for one in found:
            if one.whole is not None:
                parts.setdefault(one.whole, []).append(one.credential)
        whole = [replace(one, parts=tuple(parts.get(one.identity, ()))) for one in found]
        return sorted(whole, key=lambda one: (one.valid_from, one.credential), reverse=True)

    def ids(self, learner: bytes) -> list[str]:
        """Public ids of every award of a learner, in the order in which they were made."""
        return sorted(public_id for public_id, _, _ in self._kept(learner))

    def content(self, public_id: str, form: str) -> tuple[bytes, str] | None:
        """A download of an award, and its media type; None when there is none of that name.

        Raises:
            ErasedError, NotReadyError: It was erased, or no checkpoint covers it yet.
        """
        if form == BUNDLE:
            return msgspec.json.encode(self._node.bundles.bundle(public_id)), "application/json"
        kept = self._node.parts.parts.find(public_id) or self._node.issuance.sealed_document(public_id)
        return document_in(self._node, public_id, form, kept)

    def _kept(self, learner: bytes) -> Iterable[tuple[str, UUID, SealedDocument | KeptPart]]:
        for kind, shape in ((DOCUMENT_KIND, SealedDocument), (PART_KIND, KeptPart)):
            for identity in self._vault.items_of(learner, kind):
                try:
                    kept: Any = msgspec.msgpack.decode(self._vault.open(identity, kind), type=shape)
                except ErasedError:
                    continue
                document = msgspec.json.decode(kept.document, type=_Named)
                yield document.id.rpartition("/")[2], identity, kept

    def _one(self, public_id: str, identity: UUID, kept: SealedDocument | KeptPart, *, is_stacked: bool) -> Holding:
        holding = self._holding(public_id, identity, kept)
        if isinstance(kept, KeptPart):
            whole = self._node.parts.parts.whole(kept.opening.unpacking)
            forms = (FORMS[0].name, *PICTURES, BUNDLE)
            return replace(holding, forms=forms, whole=None if whole is None else whole.whole)
        named = [form.name for form in FORMS if kept.form(form.kind) is not None]
        components, pathway = self._components(public_id) if is_stacked else ((), None)
        taken = tuple(copy.made_at for copy in kept.copies)
        forms = (*named, *PICTURES, BUNDLE)
        return replace(holding, forms=forms, components=components, pathway=pathway, in_wallets=taken)

    def _components(self, public_id: str) -> tuple[tuple[Component, ...], str | None]:
        try:
            kept = self._node.parts.stacking.derivation(public_id)
        except ErasedError:
            return (), None
        derivation = msgspec.json.decode(kept.derivation, type=Derivation)
        return derivation.components, derivation.pathway

    def _holding(self, public_id: str, identity: UUID, kept: SealedDocument | KeptPart) -> Holding:
        claim = msgspec.msgpack.decode(kept.claim, type=AwardClaim) if kept.claim else None
        try:
            facts = self._node.lookup.evidences.facts(public_id)
            edition = self._node.views.edition(facts)
            status = self._node.lookup.statuses.status(public_id, at=None, known_at=None)
        except (UnknownResourceError, NotReadyError):  # recorded, and this process has not caught up with it
            return _pending(public_id, identity, kept, claim)
        template = None if edition is None else edition.template
        can_appeal, until, due = self._review(public_id)
        return Holding(
            credential=public_id,
            identity=identity,
            title=public_id if template is None else template.title,
            language="en" if template is None else template.language,
            code="" if edition is None else edition.code,
            issuer=status["issuer"]["name"],
            verdict=status["verdict"],
            state=status["state"],
            reason=status["reason"],
            valid_from=facts.valid_from,
            valid_until=facts.valid_until,
            credits_centi=None if template is None else template.credits_centi,
            level=None if template is None else template.eqf_level,
            grade=None if claim is None else claim.grade,
            skills={} if edition is None else skills_of(edition.template, edition.details),
            can_appeal=can_appeal,
            appeal_until=until,
            review_due=due,
            learner=None if claim is None else claim.learner,
        )

    def _review(self, public_id: str) -> tuple[bool, datetime | None, datetime | None]:
        """Whether an appeal can be made, until when, and until when the review is to be decided."""
        now = self._node.ledger.now()
        try:
            review = self._node.parts.parts.under_review(public_id, now).review
        except LedgerError:
            return False, None, None
        if review is None:
            return False, None, None
        can_appeal = now <= review.appeal_until and review.appealed_at is None and review.decided is None
        return can_appeal, review.appeal_until, review.due_at


class _Named(msgspec.Struct):
    """The one member of a document that says whose id it is."""

    id: str


def document_in(node: Node, public_id: str, form: str, kept: SealedDocument | KeptPart) -> tuple[bytes, str] | None:
    """A document of an award in a form, or a picture with it baked in, and its media type; None when there is none."""
    if form in PICTURES:
        media_type, bake = PICTURES[form]
        return bake(node.links(public_id)["url"], kept.document), media_type
    known = next((one for one in FORMS if one.name == form), None)
    if known is None:
        return None
    if isinstance(kept, KeptPart):
        return (kept.document, known.media_type) if known is FORMS[0] else None
    found = kept.form(known.kind)
    return None if found is None else (found.form, known.media_type)


def stones(holdings: Sequence[Holding]) -> list[Stone]:
    """The stacks and unpacked diplomas among *holdings*, each from the top down; not those that are within another."""
    by_id = {one.credential: one for one in holdings}
    within = {component.award for one in holdings for component in one.components}
    within |= {part for one in holdings for part in one.parts}
    tops = [one for one in holdings if (one.components or one.parts) and one.credential not in within]
    return [_stone(one, None, by_id, MAX_DEPTH) for one in tops]


def _stone(holding: Holding, component: Component | None, by_id: Mapping[str, Holding], depth: int) -> Stone:
    if depth == 0:
        return Stone(holding, component)
    below = [
        _stone(by_id[one.award], one, by_id, depth - 1) if one.award in by_id else Stone(None, one)
        for one in holding.components
    ]
    parts = [_stone(by_id[part], None, by_id, depth - 1) for part in holding.parts]
    return Stone(holding, component, (*below, *parts), is_unpacked=bool(parts))


def is_recognised(component: Component) -> bool:
    """Whether a component counts by a decision on an award of elsewhere."""
    return component.award.startswith(RECOGNITION)


def _pending(public_id: str, identity: UUID, kept: SealedDocument | KeptPart, claim: AwardClaim | None) -> Holding:
    shown = msgspec.json.decode(kept.document, type=_Shown)
    return Holding(
        credential=public_id,
        identity=identity,
        title=shown.name or public_id,
        language="en",
        code="",
        issuer="",
        verdict="unknown",
        state="unknown",
        reason=None,
        valid_from=shown.validFrom,
        valid_until=None,
        learner=None if claim is None else claim.learner,
    )


class _Shown(msgspec.Struct):
    """What is shown of an award that the views do not know yet."""

    validFrom: datetime  # noqa: N815  the document's own word
    name: str | None = None


def learner_of(holdings: Sequence[Holding]) -> LearnerClaim | None:
    """Who the awards are of, as the newest says it."""
    return next((one.learner for one in holdings if one.learner is not None), None)


def own(holdings: Sequence[Holding], public_id: str) -> Holding:
    """The award of that id.

    Raises:
        UnknownResourceError: It is none of these.
    """
    for one in holdings:
        if one.credential == public_id:
            return one
    message = "there is no such award among yours"
    raise UnknownResourceError(message)
