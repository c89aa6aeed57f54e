"""Commands that make awards: one, many at once, or one in the place of another.

Everything that can be refused is refused before anything is signed. Signing happens before the commit, and a document
leaves only afterwards: what is signed is logged, and what is not committed has never been seen by anyone.

Longer than other modules because one, many and a replacement are made by the same steps, in the one order that keeps
that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from ledger.access import Actor, audit
from ledger.achievement import Achievement
from ledger.application import Decision, Ledger, Outcome, Request, Task, institution_id
from ledger.claim import AwardClaim
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, SUCCESSOR_KIND, commit
from ledger.consequence import Consequences
from ledger.credential import Credential
from ledger.credential_id import RANDOM_BYTES, credential_aggregate_id, make_credential_id
from ledger.document import Award, StackedUnder
from ledger.error import ErasedError, InvalidInputError, LedgerError, NotFoundError, RuleError
from ledger.event import DomainEvent
from ledger.form.kind import form_named
from ledger.form.printed_badge import PrintedBadges
from ledger.form_signing import FormSigner, committed_part, every_form
from ledger.institution import Institution
from ledger.integrity_proof import Canonicalise
from ledger.learner_identity import identities_of
from ledger.part_keeping import PartKeeping
from ledger.performance import check_results
from ledger.reason import Reason
from ledger.renaming import Renaming, called
from ledger.signing import KeyStore
from ledger.spending import carry_over
from ledger.status_allocation import StatusAllocator, StatusPlace
from ledger.store import Write
from ledger.text import certainly_clean
from ledger.vault import LEARNER_SQL, SEAL_SQL, Learner, Vault

_LEARNERS, _SIGNER, _MADE = "learners", "signer", "made"
"""What is noted of several commands that are decided on together; see :attr:`ledger.application.Ledger.noted`."""
MAX_BATCH = 10_000
"""Awards in one request. Source: the project's own limit, one request commits atomically."""
AT_ONCE = 200
"""Awards of which each step is done before the next: a processor that stays at one thing is a tenth quicker."""


class SealedForm(msgspec.Struct, frozen=True):
    """A further form of an award's document: its exact bytes, and the salt of its commitment."""

    form: bytes
    salt: bytes


class SealedCopy(msgspec.Struct, frozen=True):
    """What the vault keeps of a document that was signed for a key of the holder's; the document itself is with them.

    Attributes:
        digest: SHA-256 of the bytes that are committed to.
        salt: 32 bytes, which open the commitment.
        form: What the form is called.
        made_at: When it was signed.
    """

    digest: bytes
    salt: bytes
    form: str
    made_at: datetime


class SealedDocument(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the vault keeps of an award: the exact bytes of the signed document, and the salt of its commitment.

    Attributes:
        document: The form that every award has.
        salt: 32 bytes.
        forms: Further forms by their kinds of commitment.
        claim: What was claimed, as MessagePack; empty for awards from before there were further forms.
        copies: What is in wallets, oldest first.
    """

    document: bytes
    salt: bytes
    forms: dict[str, SealedForm] = {}
    claim: bytes = b""
    copies: tuple[SealedCopy, ...] = ()

    def form(self, kind: str) -> SealedForm | None:
        """The form of a kind, or None when the award does not have it."""
        return SealedForm(self.document, self.salt) if kind == DOCUMENT_KIND else self.forms.get(kind)


class Successor(msgspec.Struct, frozen=True):
    """What the vault keeps of a replacement: the id of the new award, and the salt of the commitment to it."""

    credential: str
    salt: bytes


class Stack(msgspec.Struct, frozen=True):
    """What makes an award a stacked one: what its documents say of it, and the event that follows its issue.

    The event's body is asked for when the award's aggregate id is known.
    """

    under: StackedUnder
    body: Callable[[UUID], Credential.Stacked]


class StackedAward(msgspec.Struct, frozen=True):
    """A stacked award in the making: its id, and what is to be committed with it."""

    public_id: str
    events: Sequence[DomainEvent]
    writes: Sequence[Write]


class _Issue(msgspec.Struct, frozen=True):
    """What a task of :meth:`Issuance.issuing` wants: for whom, what, and who asks for it."""

    slug: str
    claims: Sequence[AwardClaim]
    actor: Actor


class _Made(msgspec.Struct, frozen=True, gc=False):
    """One of several awards that were made together: its own share of events and rows.

    Attributes:
        public_id: Its id.
        events: That it was issued, and what else is to be said at once.
        learner: The row of a learner who is new.
        sealed: The row of the document.
        kept: What the vault keeps of it.
    """

    public_id: str
    events: Sequence[DomainEvent]
    learner: tuple[bytes, bytes, bytes] | None
    sealed: tuple[bytes, str, bytes, bytes]
    kept: SealedDocument


class Issuance:
    """Makes awards.

    Args:
        ledger: The event store.
        vault: Where documents, salts and learners' keys are kept.
        keys: Where private keys are.
        places: Gives out places in the status lists.
        base_url: Absolute public URL of the ledger, without a trailing slash.
        canonicalise: For proofs over RDF; see :func:`ledger.integrity_proof.add_proof`.
    """

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        keys: KeyStore,
        places: StatusAllocator,
        base_url: str,
        *,
        canonicalise: Canonicalise | None = None,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._places = places
        self._signing = _Signing(keys, base_url, canonicalise)
        self._parts = PartKeeping(ledger, vault)
        self._consequences = Consequences(ledger, self._parts)
        self._renaming = Renaming(ledger, vault)

    def issue(
        self,
        *,
        slug: str,
        claims: Sequence[AwardClaim],
        actor: Actor,
        request: Request | None = None,
        told: Callable[[int], None] | None = None,
    ) -> Outcome:
        """Make awards, all or none. The answer is the list of their public ids, in the order of *claims*.

        What the outcome names as made are their :class:`SealedDocument`, in the same order. *told* hears how many have
        been signed so far, which are committed with the last; it hears it from the beginning when another command was
        faster.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: A claim cannot be accepted; the pointer says which and where.
            NotFoundError: No such institution or achievement.
            RuleError: The institution has no key in force.
        """
        task = self.issuing(slug=slug, claims=claims, actor=actor, request=request, told=told)
        return self._ledger.carry_out(self._vault, task.request, task.decide)

    def refusals(self, *, slug: str, claims: Sequence[AwardClaim], actor: Actor) -> list[tuple[int, InvalidInputError]]:
        """What :meth:`issue` would refuse, without making anything: of each claim the first thing.

        Returns:
            The number of each claim that would be refused, from 0, with the error, whose pointer starts at the claim.

        Raises:
            ForbiddenError, NotFoundError, RuleError: See :meth:`issue`; an unknown achievement is a claim's own error.
        """
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        batch = _Batch(self._ledger, self._vault, self._signing, institution, self._ledger.now())
        return batch.refusals(claims)

    def issue_together(self, tasks: Sequence[Task]) -> list[Outcome | Exception]:
        """Carry out several of :meth:`issuing`, each by itself; see :meth:`Ledger.carry_out_together`.

        Whoever is to be told how many are signed hears it of those alone that are not made together with others.
        """
        return self._ledger.carry_out_together(self._vault, tasks, self._foresee if len(tasks) > 1 else None)

    def _foresee(self, tasks: Sequence[Task], now: datetime) -> None:
        """Make the awards of several tasks at once, as far as nothing is to be said against a task."""
        wanted: dict[str, list[_Issue]] = {}
        for task in tasks:
            wanted.setdefault(task.subject.slug, []).append(task.subject)
        noted = self._ledger.noted
        for slug, issues in wanted.items():
            with suppress(Exception):  # whatever it is, each task meets it by itself and is told of its own
                references = {reference for issue in issues for reference in _references(issue.claims)}
                learners = self._vault.learners_called(institution_id(slug), sorted(references))
                noted[_LEARNERS, institution_id(slug)] = learners
                self._make_together(slug, issues, now)

    def _make_together(self, slug: str, issues: Sequence[_Issue], now: datetime) -> None:
        """Make what several tasks of one institution want, one step of all after the other, and note each one's."""
        institution = self._ledger.institution(slug)
        batch = _Batch(self._ledger, self._vault, self._signing, institution, now)
        granted = []
        for issue in issues:
            with suppress(LedgerError):  # said when it is decided on
                issue.actor.require_institution(institution.id)
                batch.check(issue.claims)
                granted.append(issue)
        claims = [claim for issue in granted for claim in issue.claims]
        if len(granted) < 2 or len(claims) > AT_ONCE:  # noqa: PLR2004  one alone gains nothing
            return
        batch.know_learners(claims)
        made = batch.share(list(batch.add_all(claims, self._places.allocate(institution.id, len(claims)))))
        for issue in granted:
            self._ledger.noted[_MADE, id(issue)] = [next(made) for _ in issue.claims]

    def issuing(
        self,
        *,
        slug: str,
        claims: Sequence[AwardClaim],
        actor: Actor,
        request: Request | None = None,
        told: Callable[[int], None] | None = None,
    ) -> Task:
        """What :meth:`issue` carries out.

        Raises:
            InvalidInputError: Too many claims or none. The rest is refused when it is carried out.
        """
        if not 0 < len(claims) <= MAX_BATCH:
            message = f"one request makes 1 to {MAX_BATCH} awards, not {len(claims)}; split it"
            raise InvalidInputError(message, "/credentials")

        issue = _Issue(slug, claims, actor)

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            acted = audit(actor, "credential.issue", institution.id, len(claims), now)
            made: list[_Made] | None = self._ledger.noted.get((_MADE, id(issue)))
            if made is not None:
                events = [event for one in made for event in one.events]
                learners = {one.learner: None for one in made if one.learner is not None}
                writes = [
                    Write(LEARNER_SQL, sorted(learners)),
                    Write(SEAL_SQL, sorted(one.sealed for one in made)),
                    acted,
                ]
                return Decision(
                    events, writes, [one.public_id for one in made], [institution], [one.kept for one in made]
                )
            actor.require_institution(institution.id)
            batch = _Batch(self._ledger, self._vault, self._signing, institution, now)
            batch.check(claims)
            places = self._places.allocate(institution.id, len(claims))
            batch.know_learners(claims)
            public_ids: list[str] = []
            for public_id in batch.add_all(claims, places):
                public_ids.append(public_id)
                if told is not None:
                    told(len(public_ids))
            return Decision(batch.events, [*batch.writes(), acted], public_ids, [institution], batch.made)

        return Task(request, decide, issue)

    def make_stacked(
        self, institution: Institution, claim: AwardClaim, learner: Learner, stack: Stack, now: datetime
    ) -> StackedAward:
        """Make a stacked award for a command that commits it together with more.

        Args:
            institution: Who awards; the command names it as unchanged.
            claim: What is awarded.
            learner: To whom; new rows of it are the command's to commit.
            stack: By which rules.
            now: Present instant.

        Raises:
            InvalidInputError: The claim cannot be accepted.
            NotFoundError: No such achievement.
            RuleError: The institution has no key in force.
        """
        batch = _Batch(self._ledger, self._vault, self._signing, institution, now)
        batch.check_one(claim)
        [place] = self._places.allocate(institution.id, 1)
        public_id = batch.add(claim, place, learner, stack)
        return StackedAward(public_id, batch.events, batch.writes())

    def replace(
        self,
        *,
        public_id: str,
        claim: AwardClaim,
        reason: Reason,
        actor: Actor,
        request: Request | None = None,
        trial: bool = False,
    ) -> Outcome:
        """Make a corrected award in the place of another. The answer is the list of its one public id.

        The learner stays the same, and is found by what the corrected award calls them; who had been called nothing may
        become one who is known already; see :mod:`ledger.renaming`. On *trial* nothing is made, and what it would be
        refused with is raised.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such credential.
            RuleError: It was revoked or replaced before, or is to go by another learner's reference or e-mail.
            ErasedError: Its learner's data was erased.
        """

        def decide(now: datetime) -> Decision:
            old, learner, batch = self._replaceable(public_id, claim, actor, now)
            owner, renaming = self._renaming.follow(old, learner, claim)
            institution = batch.institution
            [place] = self._places.allocate(institution.id, 1)
            successor = batch.add(claim, place, owner)
            salt = self._ledger.random(SALT_BYTES)
            commitment = commit(old.id, SUCCESSOR_KIND, successor.encode("ascii"), salt)
            replaced = old.replace(reason=reason, successor=commitment, at=now)
            kept = msgspec.msgpack.encode(Successor(successor, salt))
            row = self._vault.seal(learner, old.id, SUCCESSOR_KIND, kept)
            following, freed = self._consequences.follow(old.id, replaced, now)
            writes = [
                *batch.writes(),
                *renaming,
                Write(SEAL_SQL, [row]),
                *freed,
                # What was spent stays spent: the successor is the same achievement of the same learner.
                carry_over(old.id, credential_aggregate_id(successor)),
                audit(actor, "credential.replace", institution.id, 1, now),
            ]
            return Decision([*batch.events, *replaced, *following], writes, [successor], [institution])

        if trial:
            old, learner, _ = self._replaceable(public_id, claim, actor, self._ledger.now())
            self._renaming.follow(old, learner, claim)
            return Outcome([], 0, repeated=False)
        return self._ledger.carry_out(self._vault, request, decide)

    def _replaceable(
        self, public_id: str, claim: AwardClaim, actor: Actor, now: datetime
    ) -> tuple[Credential, Learner, _Batch]:
        """An award that may be replaced, whose it is, and the batch that makes its successor. Raises as `replace`."""
        old, _ = self._parts.credential(public_id, now)
        institution = self._ledger.load(Institution, old.institution, "such institution")
        actor.require_institution(institution.id)
        old.require_replaceable()
        if old.pathway is not None:
            message = "this award was stacked; revoke it and stack it again with the corrected facts"
            raise RuleError(message)
        learner = self._vault.learner_of(old.id)
        batch = _Batch(self._ledger, self._vault, self._signing, institution, now)
        batch.check_one(claim)
        return old, learner, batch

    def sealed_document(self, public_id: str) -> SealedDocument:
        """The signed document of an award and the salt that opens its commitment.

        Raises:
            InvalidInputError: The id is malformed.
            ErasedError: The personal data was erased, or there is no such award.
        """
        opened = self._vault.open(credential_aggregate_id(public_id), DOCUMENT_KIND)
        return msgspec.msgpack.decode(opened, type=SealedDocument)

    def successor(self, public_id: str) -> Successor | None:
        """What replaced an award, or None when nothing did or the pointer was erased."""
        try:
            opened = self._vault.open(credential_aggregate_id(public_id), SUCCESSOR_KIND)
        except ErasedError:
            return None
        return msgspec.msgpack.decode(opened, type=Successor)


class _Batch:
    """Awards in the making: their events, and the rows for the vault.

    It rests on the institution's key in force; a command that commits it names the institution as unchanged, so that
    nothing signed with a key is logged after the key's end.
    """

    def __init__(
        self, ledger: Ledger, vault: Vault, signing: _Signing, institution: Institution, now: datetime
    ) -> None:
        key = institution.active_key
        if key is None:
            message = f"{institution.name} has no signing key in force; rotate its key first"
            raise RuleError(message)
        self.events: list[DomainEvent] = []
        self._ledger, self._vault, self.institution = ledger, vault, institution
        self._now, self._key_id = now, key.key_id
        self._signer = signing.form_signer(institution, ledger.noted)
        self._achievements: dict[str, Achievement] = {}
        self._learners: dict[str, Learner] = {}
        self._new_learners: list[tuple[bytes, bytes, bytes]] = []
        self.made: list[SealedDocument] = []
        self._owners: list[Learner] = []
        self._sealed: list[tuple[bytes, str, bytes, bytes]] = []

    def check(self, claims: Sequence[AwardClaim]) -> None:
        """Refuse what can be refused, before anything is signed; the error's pointer says which claim it is about."""
        clean = certainly_clean(claims)
        for number, claim in enumerate(claims):
            try:
                self.check_one(claim, clean=clean)
            except InvalidInputError as error:
                raise type(error)(error.detail, f"/credentials/{number}{error.pointer}") from error

    def refusals(self, claims: Sequence[AwardClaim]) -> list[tuple[int, InvalidInputError]]:
        """What :meth:`check` refuses, of every claim."""
        clean = certainly_clean(claims)
        found = []
        for number, claim in enumerate(claims):
            try:
                self.check_one(claim, clean=clean)
            except InvalidInputError as error:
                found.append((number, error))
            except NotFoundError as error:
                found.append((number, InvalidInputError(str(error), "/achievement")))
        return found

    def check_one(self, claim: AwardClaim, *, clean: bool = False) -> None:
        """Refuse a claim that is not well formed or asks for an edition that is not there.

        Args:
            claim: The claim.
            clean: Whether its text is known to be clean.
        """
        if clean:
            claim.check_elements(self._now)
        else:
            claim.check(self._now)
        achievement = self._achievement(claim.achievement)
        editions = len(achievement.editions)
        if claim.edition is not None and not 0 < claim.edition <= editions:
            message = f"«{claim.achievement}» has the editions 1 to {editions}"
            raise InvalidInputError(message, "/edition")
        if claim.results:
            check_results(claim.results, achievement.details[(claim.edition or editions) - 1])

    def know_learners(self, claims: Sequence[AwardClaim]) -> None:
        """Look up the learners of all *claims* at once."""
        references = _references(claims)
        foreseen = self._ledger.noted.get((_LEARNERS, self.institution.id), {})
        if all(reference in foreseen for reference in references):
            self._learners = {reference: foreseen[reference] for reference in references}
        else:
            self._learners = self._vault.learners_called(self.institution.id, references)
        self._new_learners = [learner.row for learner in self._learners.values() if learner.row is not None]

    def add(
        self, claim: AwardClaim, place: StatusPlace, learner: Learner | None = None, stack: Stack | None = None
    ) -> str:
        """Sign one award, commit to it and seal it for *learner*, or for whoever the claim names; its public id.

        What a stacked award's documents say follows *stack*, whose event comes after the issue.
        """
        award = self._award(claim, place)
        following: list[DomainEvent] = []
        if stack is not None:
            award = msgspec.structs.replace(award, stacked=stack.under)
            following = [DomainEvent(award.aggregate_id, 2, stack.body(award.aggregate_id))]
        self._make([award], [learner or self._learner(claim)], following)
        return award.public_id

    def add_all(self, claims: Sequence[AwardClaim], places: Sequence[StatusPlace]) -> Iterator[str]:
        """Make an award of each of *claims*, :data:`AT_ONCE` at a time, and give their public ids."""
        claimed = zip(claims, places, strict=True)
        while some := list(islice(claimed, AT_ONCE)):
            awards = [self._award(claim, place) for claim, place in some]
            self._make(awards, [self._learner(claim) for claim, _ in some])
            yield from [award.public_id for award in awards]

    def _make(self, awards: Sequence[Award], owners: Sequence[Learner], following: Sequence[DomainEvent] = ()) -> None:
        """Sign *awards*, commit to them and seal them for *owners*, one step of all after the other.

        *following* are the events that come after the issue of an award that is made by itself.
        """
        encode = msgspec.msgpack.encode
        signed = [self._signer.sign(award, self._now) for award in awards]
        salts = [self._ledger.random(SALT_BYTES) for _ in awards]
        for award, forms, salt in zip(awards, signed, salts, strict=True):
            commitments = commit_forms(award.aggregate_id, forms, salt)
            achievement = self._achievement(award.claim.achievement).id
            self.events.append(_issued(award, achievement, commitments.pop(self._key_id)))
            self.events += following
            if commitments:
                self.events += added_forms(award.aggregate_id, 2 + len(following), commitments, self._now)
        kept = [
            sealed_forms(forms, salt, encode(award.claim))
            for award, forms, salt in zip(awards, signed, salts, strict=True)
        ]
        self._sealed += [
            self._vault.seal(owner, award.aggregate_id, DOCUMENT_KIND, encode(one))
            for owner, award, one in zip(owners, awards, kept, strict=True)
        ]
        self.made += kept
        self._owners += owners

    def share(self, public_ids: Sequence[str]) -> Iterator[_Made]:
        """What was made, award by award, in the order of *public_ids*, in which it was added."""
        events: dict[UUID, list[DomainEvent]] = {}
        for event in self.events:
            events.setdefault(event.originator_id, []).append(event)
        for public_id, own, owner, sealed, kept in zip(
            public_ids, events.values(), self._owners, self._sealed, self.made, strict=True
        ):
            yield _Made(public_id, own, owner.row, sealed, kept)

    def writes(self) -> list[Write]:
        """Rows to commit with the events.

        They are in the order of their keys, so that the pages of a table are filled one after the other.
        """
        return [Write(LEARNER_SQL, sorted(self._new_learners)), Write(SEAL_SQL, sorted(self._sealed))]

    def _award(self, claim: AwardClaim, place: StatusPlace) -> Award:
        achievement = self._achievement(claim.achievement)
        edition = claim.edition or len(achievement.editions)
        public_id, aggregate_id = make_credential_id(self._now, self._ledger.random(RANDOM_BYTES))
        return Award(
            public_id=public_id,
            aggregate_id=aggregate_id,
            institution=self.institution,
            achievement_code=achievement.code,
            edition=edition,
            template=achievement.editions[edition - 1],
            details=achievement.details[edition - 1],
            identities=identities_of(claim.learner, self._ledger.random),
            claim=claim,
            key_id=self._key_id,
            place=place,
            recorded_at=self._now,
        )

    def _achievement(self, code: str) -> Achievement:
        if code not in self._achievements:
            self._achievements[code] = self._ledger.achievement(self.institution.id, code)
        return self._achievements[code]

    def _learner(self, claim: AwardClaim) -> Learner:
        reference = called(claim.learner)
        known = None if reference is None else self._learners.get(reference)
        if known is not None:
            return known
        learner = self._vault.learner(self.institution.id, reference)
        if learner.row is not None:
            self._new_learners.append(learner.row)
        if reference is not None:
            self._learners[reference] = learner
        return learner


class _Signing:
    """Signs the forms of awards, whoever's they are."""

    def __init__(self, keys: KeyStore, base_url: str, canonicalise: Canonicalise | None) -> None:
        self._keys, self._base_url, self._canonicalise = keys, base_url, canonicalise
        self._badges = PrintedBadges(base_url)

    def form_signer(self, institution: Institution, noted: dict[Any, Any]) -> FormSigner:
        """What signs for *institution* as it is now: one for all commands that are decided on together, and no longer.

        It holds private keys, which are not to outlive their destruction.

        Raises:
            RuleError, NotFoundError: A key is not in force, or not here.
        """
        known: FormSigner | None = noted.get((_SIGNER, institution.id, institution.version))
        if known is not None:
            return known
        forms = every_form([form_named(name) for name in institution.forms])
        signer = FormSigner(institution, forms, self._keys, self._base_url, self._canonicalise, self._badges)
        noted[_SIGNER, institution.id, institution.version] = signer
        return signer


Signed: TypeAlias = Mapping[str, Mapping[str, bytes]]
"""The id of each key that signed, with the forms that it signed by their kinds."""


def commit_forms(award: UUID, signed: Signed, salt: bytes) -> dict[str, dict[str, str]]:
    """Commit to each form, under the key that signed it; the form that every award has comes first."""
    return {
        key_id: {kind: commit(award, kind, committed_part(kind, form), salt) for kind, form in forms.items()}
        for key_id, forms in signed.items()
    }


def added_forms(
    award: UUID, version: int, commitments: Mapping[str, dict[str, str]], now: datetime
) -> list[DomainEvent]:
    """Events for forms that other keys signed than the one that the issuance names, from *version* on."""
    return [
        DomainEvent(award, number, Credential.FormAdded(key_id=key_id, commitments=kinds, recorded_at=now))
        for number, (key_id, kinds) in enumerate(commitments.items(), version)
    ]


def _references(claims: Sequence[AwardClaim]) -> list[str]:
    return [reference for claim in claims if (reference := called(claim.learner)) is not None]


def sealed_forms(signed: Signed, salt: bytes, claim: bytes) -> SealedDocument:
    """What the vault keeps of an award that was signed just now in all of its forms."""
    forms = {kind: form for by_key in signed.values() for kind, form in by_key.items()}
    document = forms.pop(DOCUMENT_KIND)
    others = {kind: SealedForm(form, salt) for kind, form in forms.items()}
    return SealedDocument(document, salt, others, claim)


def _issued(award: Award, achievement: UUID, commitments: dict[str, str]) -> DomainEvent:
    body = Credential.Issued(
        institution=award.institution.id,
        achievement=achievement,
        edition=award.edition,
        key_id=award.key_id,
        commitments=commitments,
        status_block=award.place.block,
        status_index=award.place.index,
        valid_from=award.claim.valid_from,
        valid_until=award.claim.valid_until,
        recorded_at=award.recorded_at,
    )
    return DomainEvent(award.aggregate_id, 1, body)
