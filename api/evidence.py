"""Puts together what a verifier needs to check an award without this server: evidence files.

Everything in a file is read as of one published checkpoint. A checkpoint may be replaced between two reads; then the
attempt is made again.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from anchoring.storage import StoredAnchor
from anchoring.tlog_proof import TlogProof
from api.error import RETRY_AFTER, NotReadyError, UnknownResourceError
from api.published_log import OFFLINE_KINDS, LogSnapshot, PublishedLog, signing_key
from ledger.part import Opening
from projections.credential_status import CredentialFacts, PartFacts
from projections.error import NotCommittedError
from projections.state_fold import CommittedState, Purpose

T = TypeVar("T")

EVIDENCE_FORMAT: Final = "cairn/evidence/v1"
PART_FORMAT: Final = "cairn/evidence/v2"
"""Format of the files of parts of unpacked diplomas."""
WAIT_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.02
_PURPOSES: Final[tuple[Purpose, ...]] = ("revocation", "suspension")
MAX_ANCHORS: Final = 16
"""Anchors in one file. Source: docs/spec/report.md, Limits."""


class CommittedStates(Protocol):
    """Where the states are that published checkpoints commit to; :class:`projections.state_fold.StateFold` is one."""

    def committed(self, covered_size: int | None = None) -> CommittedState:
        """The state that a commitment covers. Raises NotCommittedError when it is not at hand."""


class PartSource(Protocol):
    """How parts of unpacked diplomas are looked up; :class:`api.part.Parts` is one."""

    def opening(self, public_id: str) -> Opening | None:
        """What opens a part; None when there is no such part here."""

    def facts(self, opening: Opening) -> CredentialFacts:
        """The facts of a part that was opened. Raises UnknownResourceError."""

    def programme_position(self, facts: CredentialFacts) -> int | None:
        """Position of the event that published the part's programme. Raises UnknownResourceError."""


class Evidences:
    """Makes evidence files.

    Args:
        log: The published log.
        state: The state that checkpoints commit to.
        facts: Looks up an award by public id; raises when there is none.
        edition_position: Position of the event that published an achievement's edition; None for what is no award.
        parts: How parts of unpacked diplomas are looked up; None where there are none to be found.
        record: The present record of the institution with that number, as the directory has it.
        vkeys: The log's Ed25519 verifier keys, of which a file names one that signed its checkpoint: who follows a
            log that changes its keys knows several.
        catch_up: Lets *facts* and *record* have all that is recorded now, by whichever process; nothing to do where
            whoever reads also projects.
    """

    def __init__(
        self,
        log: PublishedLog,
        state: CommittedStates,
        facts: Callable[[str], CredentialFacts],
        edition_position: Callable[[CredentialFacts], int | None],
        record: Callable[[int], bytes | None],
        vkeys: Sequence[str],
        catch_up: Callable[[], object] = lambda: None,
        parts: PartSource | None = None,
    ) -> None:
        self._log = log
        self._state = state
        self._facts = facts
        self._edition_position = edition_position
        self._record = record
        self._vkeys = vkeys
        self._catch_up = catch_up
        self._parts = parts

    def facts(self, public_id: str) -> CredentialFacts:
        """What is stored of an award. Raises UnknownResourceError."""
        return self._facts(public_id)

    def knows(self, public_id: str, opening: Opening | None = None) -> bool:
        """Whether there is such an award, or such a part of an unpacked diploma, shown here or kept."""
        try:
            self._look_up(public_id, opening)
        except UnknownResourceError:
            return False
        return True

    def evidence(self, public_id: str, opening: Opening | None = None) -> dict[str, Any]:
        """The evidence file of an award, as of the newest checkpoint. Nothing in it is personal.

        Waits until a checkpoint covers everything that was recorded of the award, and of the institution that made it,
        when it was asked for: evidence must not call good what a stolen key signed a moment after that was declared.

        Args:
            public_id: The award.
            opening: What opens a part, where somebody has shown it; else it is looked for.

        Raises:
            UnknownResourceError: There is no such award.
            NotReadyError: No checkpoint covered it within :data:`WAIT_SECONDS`.
        """
        return self._until_published(lambda: self._attempt(public_id, opening))

    def with_stack(
        self,
        public_id: str,
        components: Sequence[str],
        pathway_position: int | None,
        openings: Mapping[str, Opening] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The evidence file of a stacked award, and under the same checkpoint what proves its stack.

        Args:
            public_id: The award.
            components: Public ids of what it was made of; those that are no awards of this ledger are left out.
            pathway_position: Position of the event that published its rules.
            openings: What opens components that are parts, where somebody has shown it; else it is looked for.

        Returns:
            The file, and the members `pathway` and `components` of a bundle's `stack`.

        Raises:
            UnknownResourceError: There is no such award.
            NotReadyError: No checkpoint covered all of it within :data:`WAIT_SECONDS`.
        """
        return self._until_published(
            lambda: self._attempt_stack(public_id, components, pathway_position, openings or {})
        )

    def _until_published(self, attempt: Callable[[], T | None]) -> T:
        """What *attempt* makes as soon as it makes something. Raises NotReadyError when that takes too long."""
        deadline = time.monotonic() + WAIT_SECONDS
        self._catch_up()
        while True:
            made = attempt()
            if made is not None:
                return made
            if time.monotonic() > deadline:
                message = "the award is recorded, and the log has not published it yet; try again in a second"
                raise NotReadyError(message, headers=RETRY_AFTER)
            time.sleep(_PAUSE_SECONDS)

    def _attempt_stack(
        self,
        public_id: str,
        components: Sequence[str],
        pathway_position: int | None,
        openings: Mapping[str, Opening],
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        evidence = self._attempt(public_id, None)
        if evidence is None:
            return None
        parts = []
        for component in components:
            part = self._attempt(component, openings.get(component), anchored=False)
            if part is None or part["checkpoint"] != evidence["checkpoint"]:
                return None
            members = ("credential", "entries", "status", "directory", "part")
            parts.append({name: part[name] for name in members if name in part})
        pathway = None
        if pathway_position is not None:
            snapshot = self._log.snapshot()
            index = self._log.index_of(pathway_position)
            if snapshot.note.decode() != evidence["checkpoint"] or index is None or index >= snapshot.checkpoint.size:
                return None
            pathway = _proved_entry(snapshot, index)
        return evidence, {"pathway": pathway, "components": parts}

    def receipt(self, public_id: str) -> bytes:
        """The proof that the award's issue event is in the log, as a C2SP tlog-proof file with the event in it.

        Raises:
            UnknownResourceError: There is no such award.
            NotReadyError: No checkpoint covered it within :data:`WAIT_SECONDS`.
        """
        made = self.evidence(public_id)
        issued = made["entries"][0]
        proof = tuple(base64.b64decode(one) for one in issued["proof"])
        entry = base64.b64decode(issued["entry"])
        return TlogProof(issued["index"], proof, made["checkpoint"].encode(), entry).encode()

    def _attempt(self, public_id: str, opening: Opening | None, *, anchored: bool = True) -> dict[str, Any] | None:
        """Make the file, or None when the log is not (or no longer) where it has to be."""
        facts, opening = self._look_up(public_id, opening)
        try:
            snapshot = self._log.snapshot()
        except NotReadyError:  # the very first checkpoint is still to come
            return None
        positions = self._positions(facts)
        indices = [self._log.index_of(position) for position in positions]
        placed = [index for index in indices if index is not None and index < snapshot.checkpoint.size]
        if len(placed) != len(positions):
            return None
        parts = self._state_parts(facts, opening, snapshot)
        if parts is None:
            return None
        signed = [placed[positions.index(one.position)] for one in facts.signings]
        return {
            "format": EVIDENCE_FORMAT if opening is None else PART_FORMAT,
            "credential": public_id,
            "log": {"origin": snapshot.checkpoint.origin, "vkey": signing_key(snapshot.note, self._vkeys)},
            "checkpoint": snapshot.note.decode(),
            "entries": [_proved_entry(snapshot, index) for index in placed],
            **parts,
            **(self._anchor_parts(snapshot, signed) if anchored else {}),
        }

    def _look_up(self, public_id: str, opening: Opening | None) -> tuple[CredentialFacts, Opening | None]:
        """The facts of an award; of a part, with what opens it. Raises UnknownResourceError."""
        if self._parts is not None and (opening := opening or self._parts.opening(public_id)) is not None:
            return self._parts.facts(opening), opening
        return self._facts(public_id), None

    def _positions(self, facts: CredentialFacts) -> list[int]:
        """Positions of the events that a file shows, in its order."""
        issued, *changes = (event.position for event in facts.events)
        edition = self._edition_position(facts)
        editions = [] if edition is None else [edition]
        if facts.part is None or self._parts is None:
            return [issued, *changes, *editions]
        shared = [event.position for event in facts.part.shared]
        own = [] if facts.part.parted is None else [facts.part.parted]
        programme = self._parts.programme_position(facts)
        return [issued, *shared, *own, *changes, *([] if programme is None else [programme]), *editions]

    def _state_parts(
        self, facts: CredentialFacts, opening: Opening | None, snapshot: LogSnapshot
    ) -> dict[str, Any] | None:
        last = snapshot.checkpoint.size - 1
        try:
            state = self._state.committed(last)
            directory = state.directory_proof(facts.institution)
            status = _status(state, facts.status_block, facts.status_index)
            part = {} if facts.part is None or opening is None else {"part": _part(state, facts, facts.part, opening)}
        except NotCommittedError:
            return None
        if directory.record != self._record(directory.leaf):
            return None
        return {
            **part,
            "state": _proved_entry(snapshot, last),
            "status": status,
            "directory": {
                "leaf": directory.leaf,
                "record": _text(directory.record),
                "proof": _texts(directory.proof),
            },
        }

    def _anchor_parts(self, snapshot: LogSnapshot, signed: Sequence[int]) -> dict[str, Any]:
        """Choose among the anchors that cover the issuance.

        By each name that an anchor is known under, since a verifier may know one name alone: the earliest over each
        signature, and the newest.

        Args:
            snapshot: The published log.
            signed: Where the award was signed, the issuance first.
        """
        anchors = [
            anchor
            for anchor in self._log.anchors()
            if signed[0] < anchor.size <= snapshot.checkpoint.size and anchor.proof.kind in OFFLINE_KINDS
        ]
        earliest = {
            (anchor.proof.name, at): anchor for at in signed for anchor in reversed(anchors) if anchor.size > at
        }
        newest = {anchor.proof.name: anchor for anchor in anchors}
        wanted = {anchor.serial for anchor in (*anchors[-1:], *earliest.values(), *newest.values())}
        chosen = _limited([anchor for anchor in anchors if anchor.serial in wanted])
        return {
            "anchors": [_anchor(snapshot, anchor, signed[0]) for anchor in chosen],
            "anchored_size": max((anchor.size for anchor in chosen), default=None),
        }


def _status(state: CommittedState, block: int, index: int) -> dict[str, Any]:
    proofs = {purpose: state.status_proof(purpose, block, index) for purpose in _PURPOSES}
    return {
        purpose: {"leaf": one.leaf, "chunk": _text(one.chunk), "proof": _texts(one.proof)}
        for purpose, one in proofs.items()
    }


def _part(state: CommittedState, facts: CredentialFacts, part: PartFacts, opening: Opening) -> dict[str, Any]:
    return {
        "leaf": _text(opening.leaf),
        "index": opening.index,
        "proof": _texts(opening.path),
        "status": _status(state, facts.status_block, part.status_index),
    }


def _limited(anchors: Sequence[StoredAnchor]) -> Sequence[StoredAnchor]:
    """At most :data:`MAX_ANCHORS`: the earliest, and the newest, without which nothing says what is not anchored."""
    return anchors if len(anchors) <= MAX_ANCHORS else [*anchors[: MAX_ANCHORS - 1], anchors[-1]]


def _anchor(snapshot: LogSnapshot, anchor: StoredAnchor, index: int) -> dict[str, Any]:
    return {
        "kind": anchor.proof.kind,
        "name": anchor.proof.name,
        "time": msgspec.to_builtins(anchor.proof.at),
        "checkpoint": anchor.checkpoint.decode(),
        "token": _text(anchor.proof.token),
        "index": index,
        "proof": _texts(snapshot.reader.inclusion_proof(index, anchor.size)),
        "consistency": _texts(snapshot.reader.consistency_proof(anchor.size)),
    }


def _proved_entry(snapshot: LogSnapshot, index: int) -> dict[str, Any]:
    return {
        "index": index,
        "entry": _text(snapshot.reader.entry(index)),
        "proof": _texts(snapshot.reader.inclusion_proof(index)),
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [_text(one) for one in hashes]
