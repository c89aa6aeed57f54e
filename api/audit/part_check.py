"""Parts of unpacked diplomas, disclosed: opened under the log's event, held against the programme, and added up.

The log has one event for all parts of a diploma. A disclosed part shows its leaf, the path to the root, and which
diploma it is of. What the auditor makes of them:

1. The leaf is under the root of the unpacking and is the part's; the document opens the leaf's commitment.
2. The diploma is the one that the event commits to: an award of the institution, made before, of the programme's own
   achievement or of what is had without it.
3. The part is a module of that edition of the programme, and worth what that says.
4. No other part or award has its place in the status lists, and what the log has of it is of that place.
5. The parts of a diploma are different modules and together worth no more than it is; and no diploma is unpacked
   twice while the parts of both hold.

Not checked: parts that nobody disclosed. They may have been erased.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from anchoring.error import ProofError
from anchoring.tree import verify_inclusion
from api.audit.finding import Findings
from api.audit.history import AwardHistory
from api.audit.replay import Replay
from ledger.application import achievement_id
from ledger.commitment import commit
from ledger.credential import Credential
from ledger.part import LEAF_TAG, WHOLE_KIND, Leaf, read_leaf
from ledger.part_tree import hash_leaf
from ledger.programme import Curriculum, Module
from ledger.unpacking import Unpacking
from projections.credential_status import CredentialFacts, PartFacts, StatusEvent


class DisclosedPart(msgspec.Struct, frozen=True, kw_only=True):
    """What is disclosed of a part beside its document; bytes, already decoded.

    Attributes:
        part: Its aggregate id.
        unpacking: The unpacking's.
        whole: The diploma's.
        whole_salt: Opens the commitment to it.
        leaf: The leaf's bytes.
        index: Its place among the leaves.
        proof: Siblings on the way to the root, leaf side first.
    """

    part: UUID
    unpacking: UUID
    whole: UUID
    whole_salt: bytes
    leaf: bytes
    index: int
    proof: tuple[bytes, ...]


class OpenedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part that opens under its unpacking: where in the log that is, and what an issuance would say of it.

    ``facts`` and ``issued`` are the same, as a view and as an event.
    """

    entry: int
    facts: CredentialFacts
    issued: Credential.Issued
    unpacking: UUID


@dataclass
class _Sum:
    """What has been disclosed of one unpacking."""

    whole: UUID
    entry: int
    worth: int
    credits: int = 0
    modules: set[UUID] = field(default_factory=set)
    indexes: set[int] = field(default_factory=set)


class PartCheck:
    """Checks disclosed parts against a log that was replayed.

    Args:
        replay: The log, replayed to its end.
        history: Reads its entries.
        findings: Where differences go.
    """

    def __init__(self, replay: Replay, history: AwardHistory, findings: Findings) -> None:
        self._replay = replay
        self._history = history
        self._findings = findings
        self._sums: dict[bytes, _Sum] = {}
        self._places: dict[tuple[int, int], UUID] = {}
        self.opened: dict[bytes, OpenedPart] = {}

    def open(self, shown: DisclosedPart, commitment: str, kind: str) -> OpenedPart | None:
        """Open a part (1 to 4); None when it does not open.

        Args:
            shown: What was disclosed.
            commitment: What the disclosed document and its salt commit to.
            kind: Kind of that commitment.
        """
        found = self._made(shown)
        if found is None:
            self._findings.add("disclosure-unlogged", shown.part.hex, "the log has no such unpacking")
            return None
        entry, made = found
        leaf = _leaf(shown, made)
        if leaf is None or leaf.commitments.get(kind) != commitment:
            self._find(entry, f"part {shown.part} and its document do not open under the root of the unpacking")
            return None
        for what in (*self._whole(shown, entry, made), *self._module(leaf, made), *self._place(leaf, made)):
            self._find(entry, f"part {shown.part}: {what}")
        self._add(shown, entry, made, leaf)
        issued = Credential.Issued(
            institution=made.institution,
            achievement=leaf.achievement,
            edition=leaf.edition,
            key_id=made.key_id,
            commitments=leaf.commitments,
            status_block=made.status_block,
            status_index=leaf.status_index,
            valid_from=leaf.valid_from,
            valid_until=leaf.valid_until,
            recorded_at=made.recorded_at,
        )
        facts = _facts(shown, made, issued)
        self.opened[shown.part.bytes] = OpenedPart(entry=entry, facts=facts, issued=issued, unpacking=shown.unpacking)
        return self.opened[shown.part.bytes]

    def finish(self) -> None:
        """Add up what was disclosed (5)."""
        for total in self._sums.values():
            if total.credits > total.worth:
                what = f"its parts are worth {total.credits} hundredths of a credit, and the diploma {total.worth}"
                self._find(total.entry, what)
        for whole, entries in self.wholes().items():
            for entry in sorted(entries)[1:]:
                self._find(entry, f"diploma {whole} was unpacked before, and its parts hold")

    def wholes(self) -> dict[UUID, list[int]]:
        """The diplomas whose parts hold, each with the entries that unpacked it."""
        living: dict[UUID, list[int]] = {}
        for unpacking, total in self._sums.items():
            changed = self._replay.changed.get(unpacking)
            if changed is None or changed.state not in {"revoked", "replaced"}:
                living.setdefault(total.whole, []).append(total.entry)
        return living

    def _made(self, shown: DisclosedPart) -> tuple[int, Unpacking.Made] | None:
        place = self._replay.awards.find(shown.unpacking.bytes)
        if place is None:
            return None
        body = self._history.events(place, None)[0]
        return (place.entry, body) if isinstance(body, Unpacking.Made) else None

    def _curriculum(self, made: Unpacking.Made) -> Curriculum | None:
        programme = self._replay.registry.programmes.get(made.programme.bytes)
        editions = () if programme is None else programme.editions[made.edition - 1 : made.edition]
        return editions[0] if editions else None

    def _whole(self, shown: DisclosedPart, entry: int, made: Unpacking.Made) -> Iterator[str]:
        if commit(shown.unpacking, WHOLE_KIND, shown.whole.bytes, shown.whole_salt) != made.whole:
            yield "the diploma is not the one that the event commits to"
            return
        place, curriculum = self._replay.awards.find(shown.whole.bytes), self._curriculum(made)
        if place is None or place.entry >= entry or curriculum is None:
            yield "the diploma was not awarded before it was unpacked"
            return
        facts = self._history.facts(shown.whole, place, self._replay.changed.get(shown.whole.bytes))
        codes = [code for code in (curriculum.achievement, curriculum.partial) if code is not None]
        if facts.institution != made.institution or facts.achievement not in {
            achievement_id(made.institution, code) for code in codes
        }:
            yield "the diploma is none of that programme"

    def _module(self, leaf: Leaf, made: Unpacking.Made) -> Iterator[str]:
        module = self._taught(leaf, made)
        if module is None or (module.edition, module.credits_centi) != (leaf.edition, leaf.credits_centi):
            yield "it is no module of that programme, or worth something else"

    def _taught(self, leaf: Leaf, made: Unpacking.Made) -> Module | None:
        curriculum = self._curriculum(made)
        modules = () if curriculum is None else curriculum.modules
        wanted = leaf.achievement
        return next((one for one in modules if achievement_id(made.institution, one.achievement) == wanted), None)

    def _place(self, leaf: Leaf, made: Unpacking.Made) -> Iterator[str]:
        place = made.status_block, leaf.status_index
        if self._places.setdefault(place, leaf.credential) != leaf.credential:
            yield f"another part has its status place {leaf.status_index} in block {made.status_block}"
        own, used = self._replay.awards.find(leaf.credential.bytes), self._replay.places.used.get(place[0], b"")
        is_used = bool(used) and bool(used[leaf.status_index])
        if (own is None and is_used) or (own is not None and (own.block, own.index) != place):
            yield f"its status place {leaf.status_index} in block {made.status_block} is another award's"

    def _add(self, shown: DisclosedPart, entry: int, made: Unpacking.Made, leaf: Leaf) -> None:
        total = self._sums.get(shown.unpacking.bytes)
        if total is None:
            total = self._sums[shown.unpacking.bytes] = _Sum(shown.whole, entry, self._worth(shown, made))
        if shown.index in total.indexes or leaf.achievement in total.modules:
            self._find(entry, f"part {shown.part}: the module was disclosed as another part of the diploma")
            return
        total.indexes.add(shown.index)
        total.modules.add(leaf.achievement)
        total.credits += leaf.credits_centi

    def _worth(self, shown: DisclosedPart, made: Unpacking.Made) -> int:
        curriculum, place = self._curriculum(made), self._replay.awards.find(shown.whole.bytes)
        if curriculum is None or place is None:
            return 0
        facts = self._history.facts(shown.whole, place, None)
        achievement = (
            None if facts.achievement is None else self._replay.registry.achievements.get(facts.achievement.bytes)
        )
        said = None if achievement is None or facts.edition is None else achievement.editions[facts.edition - 1]
        return min(curriculum.credits_centi, (said and said.credits_centi) or curriculum.credits_centi)

    def _find(self, index: int, what: str) -> None:
        self._findings.at(index, "disclosure-differs", what)


def _leaf(shown: DisclosedPart, made: Unpacking.Made) -> Leaf | None:
    """The leaf, if it is under the root, is one, and is the part's."""
    try:
        verify_inclusion(
            leaf=hash_leaf(shown.leaf),
            index=shown.index,
            size=made.leaves,
            proof=shown.proof,
            root=bytes.fromhex(made.root),
        )
        leaf = read_leaf(shown.leaf)
    except (ProofError, ValueError, msgspec.MsgspecError):
        return None
    return leaf if shown.leaf.startswith(LEAF_TAG) and leaf.credential == shown.part else None


def _facts(shown: DisclosedPart, made: Unpacking.Made, issued: Credential.Issued) -> CredentialFacts:
    return CredentialFacts(
        issued.institution,
        issued.achievement,
        issued.edition,
        issued.key_id,
        issued.commitments,
        issued.status_block,
        issued.status_index,
        issued.valid_from,
        issued.valid_until,
        issued.recorded_at,
        (StatusEvent("issued", None, issued.valid_from, issued.recorded_at, 0),),
        nature="part",
        part=PartFacts(shown.unpacking, made.status_index, None, ()),
    )
