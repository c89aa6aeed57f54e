"""The command that unpacks a diploma: each module that was completed becomes an award of its own.

The log gets one event (:mod:`ledger.unpacking`). Everything about the parts is in the vault, sealed for the learner,
and in what the learner is handed: documents, salts, leaves and paths.

Credits are conserved. The diploma's are spent on the parts (:mod:`ledger.spending`), so that it can be neither unpacked
again nor stacked; the parts are distinct modules of one edition of the programme, and never worth more than it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from ledger.access import Actor, audit
from ledger.achievement import Achievement
from ledger.application import Decision, Ledger, Outcome, Request, achievement_id
from ledger.award_recall import recall_award
from ledger.claim import AwardClaim
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, commit
from ledger.credential import Credential
from ledger.credential_id import PUBLIC_ID_BYTES, credential_aggregate_id, make_part_id
from ledger.document import Award, Origin
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent
from ledger.form_signing import FormSigner, every_form
from ledger.institution import Institution
from ledger.issuance import SealedDocument
from ledger.learner_identity import identities_of
from ledger.part import PART_KIND, WHOLE_KIND, KeptPart, KeptWhole, Leaf, Opening, write_leaf
from ledger.part_keeping import PartKeeping
from ledger.part_tree import bucket_for, hash_leaf, path_of, root_of
from ledger.programme import MAX_MODULES, Curriculum, Module, Programme
from ledger.signing import KeyStore
from ledger.spending import Amount, SpendingBook, spend
from ledger.status_allocation import StatusAllocator, StatusPlace
from ledger.store import Write
from ledger.unpacking import Unpacking
from ledger.vault import SEAL_SQL, Learner, Vault

UNPACKING_ID_BYTES: Final = 16
HASH_BYTES: Final = 32


class Completed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A module that the learner completed: the programme's code of it, the day, and the grade if there is one."""

    module: str
    completed_on: date
    grade: str | None = None


class Separation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for.

    Attributes:
        diploma: Public id of the diploma, or of what a student holds who left.
        programme: The institution's code of the programme.
        completed: The modules, each once.
        edition: Under which edition of the programme; None for the newest.
    """

    diploma: str
    programme: str
    completed: tuple[Completed, ...]
    edition: int | None = None


class Separating:
    """Unpacks diplomas.

    Args:
        ledger: The event store.
        vault: Where parts are kept.
        keys: Where private keys are.
        places: Gives out places in the status lists.
        base_url: Absolute public URL of the ledger, without a trailing slash.
    """

    def __init__(self, ledger: Ledger, vault: Vault, keys: KeyStore, places: StatusAllocator, base_url: str) -> None:
        self._ledger = ledger
        self._vault = vault
        self._keys = keys
        self._places = places
        self._base_url = base_url
        self._book = SpendingBook(ledger.store)
        self._parts = PartKeeping(ledger, vault)

    def unpack(self, *, slug: str, asked: Separation, actor: Actor, request: Request | None = None) -> Outcome:
        """Unpack a diploma. Answers the unpacking's id, and id and module of each part, in the order asked for.

        Raises:
            ForbiddenError: The actor acts for another institution.
            ErasedError: The learner's data was erased.
            InvalidInputError: A module is unknown, named twice, or its day or grade does not fit.
            NotFoundError: No such institution, diploma or programme.
            RuleError: The diploma does not hold, is no diploma of that programme, was unpacked or stacked before, lacks
                a required module, or is worth less than the parts.
        """

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            whole = self._whole(asked.diploma, institution, now)
            programme = self._ledger.programme(institution.id, asked.programme)
            edition = _edition(programme, asked.edition)
            curriculum = programme.editions[edition - 1]
            learner = self._vault.learner_of(whole.id)
            modules = _modules(curriculum, asked.completed, whole)
            worth = self._worth(whole, curriculum)
            _conserve(curriculum, modules, worth, is_full=self._is_full(whole, curriculum))
            rows = self._book.rows(whole.id)
            _require_unspent([row.kind for row in rows if not row.released])
            batch = _Batch(self._ledger, self._signer(institution), institution, programme, edition, now)
            batch.add(self._claims(whole, institution, modules, asked.completed, now), modules, self._places)
            kept = batch.keep(self._vault, learner, whole.id)
            spent = Amount(unit="ects", amount=worth, whole=worth)
            writes = [
                Write(SEAL_SQL, kept),
                spend(learner, batch.id, "unpacking", [(whole.id, spent, rows)]),
                audit(actor, "credential.unpack", institution.id, len(modules), now),
            ]
            answer = {"unpacking": str(batch.id), "parts": batch.answer()}
            return Decision([batch.event()], writes, answer, [institution, whole, programme])

        return self._ledger.carry_out(self._vault, request, decide)

    def _whole(self, public_id: str, institution: Institution, now: datetime) -> Credential:
        if self._parts.find(public_id) is not None:
            message = "this is a part of a diploma that was unpacked already"
            raise RuleError(message)
        whole = self._ledger.credential(public_id)
        if whole.institution != institution.id:
            message = "another institution awarded this; a diploma is unpacked by who awarded it"
            raise RuleError(message)
        whole.require_award()
        expired = whole.valid_until is not None and whole.valid_until < now
        if whole.state != "active" or expired:
            message = f"this award is {'expired' if expired else whole.state}; only one that holds is unpacked"
            raise RuleError(message)
        return whole

    def _code(self, whole: Credential) -> str:
        assert whole.achievement is not None  # noqa: S101  it is an award
        return self._ledger.load(Achievement, whole.achievement, "such achievement").code

    def _is_full(self, whole: Credential, curriculum: Curriculum) -> bool:
        """Whether it is the diploma, and not what a student holds who left. Raises RuleError when it is neither."""
        code = self._code(whole)
        if code not in {curriculum.achievement, curriculum.partial}:
            message = f"«{code}» is no diploma of this programme, which leads to «{curriculum.achievement}»"
            raise RuleError(message)
        return code == curriculum.achievement

    def _worth(self, whole: Credential, curriculum: Curriculum) -> int:
        """Hundredths of a credit that the parts may come to: what the award says, and never more than the programme."""
        assert whole.achievement is not None  # noqa: S101  it is an award
        assert whole.edition is not None  # noqa: S101  as above
        achievement = self._ledger.load(Achievement, whole.achievement, "such achievement")
        said = achievement.editions[whole.edition - 1].credits_centi
        return min(curriculum.credits_centi, said or curriculum.credits_centi)

    def _claims(
        self,
        whole: Credential,
        institution: Institution,
        modules: Sequence[Module],
        completed: Sequence[Completed],
        now: datetime,
    ) -> list[AwardClaim]:
        kept = msgspec.msgpack.decode(self._vault.open(whole.id, DOCUMENT_KIND), type=SealedDocument)
        learner = recall_award(self._ledger, whole, institution, kept).claim.learner
        claims = []
        for number, (module, done) in enumerate(zip(modules, completed, strict=True)):
            claim = AwardClaim(
                achievement=module.achievement,
                edition=module.edition,
                learner=learner,
                awarded_on=done.completed_on,
                grade=done.grade,
            )
            try:
                claim.check(now)
            except InvalidInputError as error:
                member = error.pointer.replace("awarded_on", "completed_on")
                raise type(error)(error.detail, f"/completed/{number}{member}") from error
            claims.append(claim)
        return claims

    def _signer(self, institution: Institution) -> tuple[str, FormSigner]:
        key = institution.active_key
        if key is None:
            message = f"{institution.name} has no signing key in force; rotate its key first"
            raise RuleError(message)
        return key.key_id, FormSigner(institution, every_form(()), self._keys, self._base_url, None)


class _Batch:
    """Parts in the making."""

    def __init__(
        self,
        ledger: Ledger,
        signer: tuple[str, FormSigner],
        institution: Institution,
        programme: Programme,
        edition: int,
        now: datetime,
    ) -> None:
        self._ledger, self._institution, self._now = ledger, institution, now
        self._programme, self._edition = programme, edition
        self._key_id, self._signer = signer
        self.id = UUID(bytes=ledger.random(UNPACKING_ID_BYTES), version=4)
        self._made: list[tuple[str, Leaf, Module, bytes, bytes, bytes]] = []
        self._place = StatusPlace(0, 0)

    def add(self, claims: Sequence[AwardClaim], modules: Sequence[Module], places: StatusAllocator) -> None:
        """Make the parts: sign a document for each, and commit to it in a leaf."""
        own, *rest = allocate_together(places, self._institution.id, len(claims) + 1)
        self._place = own
        title = self._programme.editions[self._edition - 1].title
        origin = Origin(
            unpacking=self.id, programme=self._programme.code, edition=self._edition, title=title, place=own
        )
        for claim, module, place in zip(claims, modules, rest, strict=True):
            award = self._award(claim, module, place, origin)
            document = self._signer.sign(award, self._now)[self._key_id][DOCUMENT_KIND]
            salt = self._ledger.random(SALT_BYTES)
            leaf = Leaf(
                credential=award.aggregate_id,
                achievement=achievement_id(self._institution.id, module.achievement),
                edition=module.edition,
                credits_centi=module.credits_centi,
                commitments={DOCUMENT_KIND: commit(award.aggregate_id, DOCUMENT_KIND, document, salt)},
                status_index=place.index,
                valid_from=claim.valid_from,
                valid_until=claim.valid_until,
                salt=self._ledger.random(SALT_BYTES).hex(),
            )
            self._made.append((award.public_id, leaf, module, document, salt, msgspec.msgpack.encode(claim)))
        self._grow_tree()

    def _award(self, claim: AwardClaim, module: Module, place: StatusPlace, origin: Origin) -> Award:
        achievement = self._ledger.achievement(self._institution.id, module.achievement)
        public_id = make_part_id(self._now, self._ledger.random(PUBLIC_ID_BYTES))
        return Award(
            public_id=public_id,
            aggregate_id=credential_aggregate_id(public_id),
            institution=self._institution,
            achievement_code=module.achievement,
            edition=module.edition,
            template=achievement.editions[module.edition - 1],
            details=achievement.details[module.edition - 1],
            identities=identities_of(claim.learner, self._ledger.random),
            claim=claim,
            key_id=self._key_id,
            place=place,
            recorded_at=self._now,
            origin=origin,
        )

    def _grow_tree(self) -> None:
        """Put the leaves in random order among random ones."""
        size = bucket_for(len(self._made))
        order = sorted(range(size), key=lambda _: self._ledger.random(HASH_BYTES))
        self._leaves = [write_leaf(leaf) for _, leaf, *_ in self._made]
        self._indexes = order[: len(self._made)]
        self._hashes = [self._ledger.random(HASH_BYTES) for _ in range(size)]
        for index, leaf in zip(self._indexes, self._leaves, strict=True):
            self._hashes[index] = hash_leaf(leaf)

    def event(self) -> DomainEvent:
        """The one event."""
        body = Unpacking.Made(
            institution=self._institution.id,
            programme=self._programme.id,
            edition=self._edition,
            key_id=self._key_id,
            whole=self._whole,
            leaves=len(self._hashes),
            root=root_of(self._hashes).hex(),
            status_block=self._place.block,
            status_index=self._place.index,
            recorded_at=self._now,
        )
        return DomainEvent(self.id, 1, body)

    def keep(self, vault: Vault, learner: Learner, whole: UUID) -> list[tuple[bytes, str, bytes, bytes]]:
        """Rows for the vault: each part, and what the unpacking is of."""
        salt = self._ledger.random(SALT_BYTES)
        self._whole = commit(self.id, WHOLE_KIND, whole.bytes, salt)
        rows = []
        for leaf, index, (_, read, module, document, own, claim) in zip(
            self._leaves, self._indexes, self._made, strict=True
        ):
            opening = Opening(self.id, leaf, index, path_of(self._hashes, index))
            kept = KeptPart(document, own, claim, module.code, opening)
            rows.append(vault.seal(learner, read.credential, PART_KIND, msgspec.msgpack.encode(kept)))
        kept_whole = KeptWhole(whole, salt, tuple(public_id for public_id, *_ in self._made))
        rows.append(vault.seal(learner, self.id, WHOLE_KIND, msgspec.msgpack.encode(kept_whole)))
        return rows

    def answer(self) -> list[dict[str, str]]:
        """Id and module of each part."""
        return [{"id": public_id, "module": module.code} for public_id, _, module, *_ in self._made]


def allocate_together(places: StatusAllocator, institution: UUID, count: int) -> list[StatusPlace]:
    """Take *count* places of one block; what is left of a block that is too full stays unused."""
    while True:
        found = places.allocate(institution, count)
        if len({place.block for place in found}) == 1:
            return found


def _edition(programme: Programme, wanted: int | None) -> int:
    editions = len(programme.editions)
    if wanted is not None and not 0 < wanted <= editions:
        message = f"«{programme.code}» has the editions 1 to {editions}"
        raise InvalidInputError(message, "/edition")
    return wanted or editions


def _modules(curriculum: Curriculum, completed: Sequence[Completed], whole: Credential) -> list[Module]:
    if not 0 < len(completed) <= MAX_MODULES:
        message = f"1 to {MAX_MODULES} modules were completed, not {len(completed)}"
        raise InvalidInputError(message, "/completed")
    found: dict[str, Module] = {}
    for number, done in enumerate(completed):
        module = curriculum.module(done.module)
        if module is None or done.module in found:
            message = "the programme has no such module" if module is None else "this module is named before"
            raise InvalidInputError(message, f"/completed/{number}/module")
        if done.completed_on > whole.valid_from.date():
            message = f"a module is completed before the diploma is awarded, on {whole.valid_from.date()}"
            raise InvalidInputError(message, f"/completed/{number}/completed_on")
        found[done.module] = module
    return list(found.values())


def _conserve(curriculum: Curriculum, modules: Sequence[Module], worth: int, *, is_full: bool) -> None:
    codes = {module.code for module in modules}
    lacking = [module.code for module in curriculum.modules if module.required and module.code not in codes]
    if is_full and lacking:
        message = f"a diploma has every required module, and these are not among those completed: {', '.join(lacking)}"
        raise RuleError(message)
    total = sum(module.credits_centi for module in modules)
    if total > worth:
        message = f"the parts would be worth {total} hundredths of a credit, and the whole is worth {worth}"
        raise RuleError(message)


def _require_unspent(kinds: Sequence[str]) -> None:
    if "unpacking" in kinds:
        message = "this diploma was unpacked before; its parts are there already"
        raise RuleError(message)
    if kinds:
        message = "this award was stacked into another, and its credits cannot be spent twice"
        raise RuleError(message)
