"""The state fold: from framed log entries to the state commitment that ends a checkpoint, and to proofs under it.

The sequencer and the auditor run this same class. It is deterministic: the same entries in the same order give the same
commitment bytes. Its version is the commitment's: another fold would be a new version of the commitment.

Each commitment is an immutable :class:`CommittedState`; the newest two are kept. A checkpoint is published a moment
after its commitment was made, so whoever serves proofs names the commitment that its checkpoint ends with and gets
bytes, proofs and roots of exactly that one, whatever the sequencer is doing.

Source: docs/spec/state-commitment.md, docs/spec/directory.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec

from anchoring.entry import split_entry
from anchoring.error import AnchoringError
from anchoring.state import BLOCK_BYTES, CHUNK_BYTES, CHUNKS_PER_BLOCK, StateCommitment, status_leaf
from anchoring.tree import leaf_hash
from ledger.event import EventMapper
from ledger.log_key import LogKeys
from projections.error import CorruptionError, NotCommittedError
from projections.fold import read_body
from projections.institution_directory import InstitutionDirectory
from projections.place_table import PlaceTable
from projections.source import Notification
from projections.status_lists import REVOCATION, SUSPENSION, StatusListReader, StatusLists
from projections.table import MemoryTable, Overlay
from projections.versioned_tree import VersionedTree

Purpose = Literal["revocation", "suspension"]
KEPT_STATES: Final = 2
"""The commitment of the published checkpoint, and the one that is about to be published."""
_PREFIXES: Final[Mapping[Purpose, bytes]] = MappingProxyType({"revocation": REVOCATION, "suspension": SUSPENSION})
_EMPTY_BLOCK: Final = bytes(BLOCK_BYTES)
_EMPTY_CHUNK_HASH: Final = leaf_hash(bytes(CHUNK_BYTES))
_TOPICS: Final = StatusLists.TOPICS | InstitutionDirectory.TOPICS | {LogKeys.Introduced.TOPIC}
_CHUNKS: Final = tuple(range(0, BLOCK_BYTES, CHUNK_BYTES))


class StatusProof(msgspec.Struct, frozen=True):
    """The chunk of 1,024 bytes that holds a status bit, its leaf number and audit path."""

    leaf: int
    chunk: bytes
    proof: tuple[bytes, ...]


class DirectoryProof(msgspec.Struct, frozen=True):
    """An institution's record (JCS bytes), its leaf number and audit path."""

    leaf: int
    record: bytes
    proof: tuple[bytes, ...]


class StatusState(msgspec.Struct, frozen=True):
    """One purpose's blocks, 16,384 bytes each, and the tree over their chunks."""

    blocks: tuple[bytes, ...] = ()
    tree: VersionedTree = VersionedTree()

    def changed(self, count: int, blocks: Iterable[tuple[int, bytes]]) -> StatusState:
        """Return the state of *count* blocks in which some have other bytes; only other chunks are hashed anew."""
        grown = [*self.blocks, *[_EMPTY_BLOCK] * (count - len(self.blocks))]
        leaves = dict.fromkeys(range(len(self.tree), count * CHUNKS_PER_BLOCK), _EMPTY_CHUNK_HASH)
        for number, block in blocks:
            old, first = grown[number], number * CHUNKS_PER_BLOCK
            for offset, at in enumerate(_CHUNKS):
                chunk = block[at : at + CHUNK_BYTES]
                if chunk != old[at : at + CHUNK_BYTES]:
                    leaves[first + offset] = leaf_hash(chunk)
            grown[number] = block
        return StatusState(tuple(grown), self.tree.with_leaves(leaves))


class CommittedState(msgspec.Struct, frozen=True):
    """What the log's first ``covered_size`` entries add up to. Nothing about it changes.

    Attributes:
        covered_size: Entries folded; the commitment's own index in the log.
        revocation: Blocks and tree of the revocations.
        suspension: Blocks and tree of the suspensions.
        records: JCS bytes of every institution, by number.
        directory: The tree over the records.
        numbers: Number of each institution.
    """

    covered_size: int = 0
    revocation: StatusState = StatusState()
    suspension: StatusState = StatusState()
    records: tuple[bytes, ...] = ()
    directory: VersionedTree = VersionedTree()
    numbers: Mapping[UUID, int] = MappingProxyType({})

    def commitment(self, cosigner: str) -> StateCommitment:
        """Return the commitment to this state, naming the operator's cosigner (vkey of type 04)."""
        return StateCommitment(
            covered_size=self.covered_size,
            status_lists=len(self.revocation.blocks),
            revocation_root=self.revocation.tree.root(),
            suspension_root=self.suspension.tree.root(),
            directory_size=len(self.records),
            directory_root=self.directory.root(),
            cosigner=cosigner,
        )

    def status_proof(self, purpose: Purpose, block: int, index: int) -> StatusProof:
        """Prove a status bit, set or not.

        Raises:
            NotCommittedError: This state has no such place.
        """
        status = self.revocation if purpose == "revocation" else self.suspension
        try:
            leaf = status_leaf(block, index)
            proof = tuple(status.tree.inclusion_proof(leaf))
        except ValueError as error:
            message = f"status place {index} of block {block} is not part of the state of {self.covered_size} entries"
            raise NotCommittedError(message) from error
        at = leaf % CHUNKS_PER_BLOCK * CHUNK_BYTES
        return StatusProof(leaf, status.blocks[block][at : at + CHUNK_BYTES], proof)

    def directory_proof(self, institution: UUID) -> DirectoryProof:
        """Prove an institution's record.

        Raises:
            NotCommittedError: This state does not have the institution.
        """
        number = self.numbers.get(institution)
        if number is None:
            message = f"institution {institution} is not part of the state of {self.covered_size} entries"
            raise NotCommittedError(message)
        return DirectoryProof(number, self.records[number], tuple(self.directory.inclusion_proof(number)))


class StateFold:
    """Folds log entries and commits to what they add up to; anchoring's ``StateCommitter``.

    :meth:`commit` belongs to one thread at a time; everything else may be called from any thread at any time.

    Args:
        mapper: Decodes event bodies.
        cosigner: vkey (type 04) of the operator's first heartbeat key; a later one follows from the entries.
    """

    VERSION: ClassVar[int] = 1

    def __init__(self, mapper: EventMapper, cosigner: str) -> None:
        self._mapper = mapper
        self._cosigner = cosigner
        self._lists = StatusLists(mapper)
        self._directory = InstitutionDirectory(mapper)
        self._tables = (PlaceTable(), MemoryTable())
        self._states: tuple[CommittedState, ...] = (CommittedState(),)

    @classmethod
    def restored(
        cls,
        mapper: EventMapper,
        cosigner: str,
        covered_size: int,
        places: PlaceTable,
        lists: Iterable[tuple[bytes, bytes]],
        directory: Iterable[tuple[bytes, bytes]],
    ) -> StateFold:
        """Make the fold whose tables were kept after a commitment; what follows from them is computed anew.

        Args:
            mapper: Decodes event bodies.
            cosigner: vkey (type 04) of the operator's heartbeat key after those entries.
            covered_size: Entries that were folded.
            places: The places of the credentials, without the other rows.
            lists: Those other rows.
            directory: The rows of the directory.
        """
        fold = cls(mapper, cosigner)
        fold._tables = (places, MemoryTable())
        overlays = tuple(Overlay(table) for table in fold._tables)
        for overlay, rows in zip(overlays, (lists, directory), strict=True):
            for key, value in rows:
                overlay.put(key, value)
        fold._states = (_advance(CommittedState(), covered_size, *overlays),)
        for overlay in overlays:
            overlay.merge()
        return fold

    def tables(self) -> tuple[PlaceTable, MemoryTable]:
        """Return the rows that the newest commitment follows from: status lists and directory. Not to be changed."""
        return self._tables

    def covered(self) -> int:
        """Return the covered size of the newest commitment: the log's entries below that index are folded."""
        return self._states[-1].covered_size

    def commit(self, entries: Sequence[bytes], covered_size: int) -> bytes:
        """Fold further entries and return the framed commitment to the state after them.

        All entries are taken in, or if it raises, none.

        Args:
            entries: Framed entries in log order, all since the last commitment. Entries that the log itself made
                (commitments, anchors) may be among them and change nothing.
            covered_size: Entries of the log before the commitment, which is also its index.

        Raises:
            CorruptionError: An entry cannot be read or cannot have happened, or the size is not past the last one.
        """
        events = _parse(entries, covered_size - len(entries))
        cosigner = self._cosigner_after(events)
        before = self._states[-1]
        if covered_size <= before.covered_size:
            message = f"a commitment at {covered_size} cannot follow one at {before.covered_size}"
            raise CorruptionError(message)
        lists, directory = (Overlay(table) for table in self._tables)
        self._lists.apply(events, lists)
        self._directory.apply(events, directory)
        after = _advance(before, covered_size, lists, directory)
        entry = after.commitment(cosigner).entry()
        for overlay in (lists, directory):
            overlay.merge()
        self._states = (*self._states, after)[-KEPT_STATES:]
        self._cosigner = cosigner
        return entry

    def _cosigner_after(self, events: Sequence[Notification]) -> str:
        """The operator's key after further events: the log itself says when it changes its keys."""
        cosigner = self._cosigner
        for event in events:
            if event.topic == LogKeys.Introduced.TOPIC:
                body = read_body(self._mapper, event)
                assert isinstance(body, LogKeys.Introduced)  # noqa: S101  the topic says so
                cosigner = body.vkeys.get("operator", cosigner)
        return cosigner

    def committed(self, covered_size: int | None = None) -> CommittedState:
        """Return the state of a commitment: the newest, or the kept one that covers *covered_size* entries.

        Raises:
            NotCommittedError: It is not among those kept.
        """
        for state in reversed(self._states):
            if covered_size is None or state.covered_size == covered_size:
                return state
        message = f"the state of {covered_size} entries is not at hand"
        raise NotCommittedError(message)

    def status_proof(self, purpose: Purpose, block: int, index: int, covered_size: int | None = None) -> StatusProof:
        """Prove a status bit under the commitment of *covered_size* (default: the newest). Raises NotCommittedError."""
        return self.committed(covered_size).status_proof(purpose, block, index)

    def directory_proof(self, institution: UUID, covered_size: int | None = None) -> DirectoryProof:
        """Prove a record under the commitment of *covered_size* (default: the newest). Raises NotCommittedError."""
        return self.committed(covered_size).directory_proof(institution)


def _parse(entries: Sequence[bytes], start: int) -> list[Notification]:
    """Read the frames of all entries; return those of the topics that the state follows from."""
    events = []
    for index, framed in enumerate(entries, start):
        try:
            topic, originator, version, body = split_entry(framed)
        except AnchoringError as error:
            message = f"log entry {index} cannot be read: {error}"
            raise CorruptionError(message) from error
        if topic in _TOPICS:
            events.append(Notification(index, originator, version, topic, body))
    return events


def _advance(before: CommittedState, covered_size: int, lists: Overlay, directory: Overlay) -> CommittedState:
    """Carry the changed rows of both projections over into a new state."""
    count = StatusListReader(lists).blocks()
    records = {int.from_bytes(key[1:]): record for key, record in directory.changed(b"n")}
    numbers = {UUID(bytes=key[1:]): int.from_bytes(number) for key, number in directory.changed(b"i")}
    kept = [*before.records, *[b""] * (len(before.numbers) + len(numbers) - len(before.records))]
    for number, record in records.items():
        kept[number] = record
    return CommittedState(
        covered_size,
        _status(before.revocation, "revocation", count, lists),
        _status(before.suspension, "suspension", count, lists),
        tuple(kept),
        before.directory.with_leaves({number: leaf_hash(record) for number, record in records.items()}),
        MappingProxyType({**before.numbers, **numbers}) if numbers else before.numbers,
    )


def _status(before: StatusState, purpose: Purpose, count: int, lists: Overlay) -> StatusState:
    changed = lists.changed(_PREFIXES[purpose])
    return before.changed(count, ((int.from_bytes(key[1:]), block) for key, block in changed))
