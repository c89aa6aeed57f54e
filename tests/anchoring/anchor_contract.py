"""What every kind of time anchor keeps: the contract that its adapter's tests run against the real thing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anchoring.anchor_record import AnchorRecord, parse_anchor_record
from anchoring.anchorer import Anchorer
from anchoring.checkpoint import parse_checkpoint
from anchoring.entry import parse_entry
from anchoring.error import AnchorError, AnchoringError
from anchoring.fsck import check
from anchoring.note import NoteVerifier, parse_note
from anchoring.reader import LogReader
from anchoring.tile import CHECKPOINT_PATH
from anchoring.time_anchor import TimeAnchor
from tests.anchoring.doubles import Log, make_log

Verify = Callable[[bytes, bytes], datetime]
"""Checks a token over a note, as anyone can later; returns its time, raises AnchoringError."""


@dataclass(frozen=True)
class Adapter:
    """One kind of anchor with the real thing behind it.

    Attributes:
        anchor: The adapter.
        verify: How its tokens are checked later.
        broken: The same adapter with nobody, or with nonsense, at the other end.
    """

    anchor: TimeAnchor
    verify: Verify
    broken: tuple[TimeAnchor, ...]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log with one checkpoint."""
    log = make_log(tmp_path)
    log.clock.now = datetime.now(UTC).replace(microsecond=0)
    log.feed.add(5)
    log.start().sequence()
    return log


def signed_note(log: Log) -> bytes:
    published = log.store.load()
    assert published is not None
    return published.note


class AnchorContract:
    """Subclasses give the fixture ``adapter``."""

    def test_stamp_gives_a_proof_that_verifies_later(self, adapter: Adapter, log: Log) -> None:
        note = signed_note(log)
        proof = adapter.anchor.stamp(note)
        assert (proof.kind, proof.name) == (adapter.anchor.kind, adapter.anchor.name)
        assert proof.at.tzinfo is not None
        assert abs(proof.at - datetime.now(UTC)) < timedelta(minutes=5)
        assert adapter.verify(proof.token, note) == proof.at

    def test_stamp_may_be_repeated(self, adapter: Adapter, log: Log) -> None:
        note = signed_note(log)
        one, two = adapter.anchor.stamp(note), adapter.anchor.stamp(note)
        assert one.token != two.token
        assert adapter.verify(one.token, note) <= adapter.verify(two.token, note)

    def test_verify_refuses_a_token_when_the_note_is_another(self, adapter: Adapter, log: Log) -> None:
        token = adapter.anchor.stamp(signed_note(log)).token
        log.feed.add(1)
        log.start().sequence()
        with pytest.raises(AnchoringError):
            adapter.verify(token, signed_note(log))

    def test_verify_never_gives_another_time_when_a_byte_is_changed_or_cut(self, adapter: Adapter, log: Log) -> None:
        note = signed_note(log)
        token = adapter.anchor.stamp(note).token
        at = adapter.verify(token, note)
        places = range(0, len(token), max(1, len(token) // 60))
        changed = [token[:n] + bytes([token[n] ^ 1]) + token[n + 1 :] for n in places]
        for broken in (*changed, *(token[:n] for n in places), token + b"\0", b""):
            try:
                found = adapter.verify(broken, note)
            except AnchoringError:
                continue
            assert found == at

    def test_stamp_fails_softly_when_there_is_nothing_usable_at_the_other_end(self, adapter: Adapter, log: Log) -> None:
        for broken in adapter.broken:
            with pytest.raises(AnchorError):
                broken.stamp(signed_note(log))

    def test_proof_is_logged_under_the_next_checkpoint(self, adapter: Adapter, log: Log) -> None:
        sequencer = log.start()
        note = signed_note(log)
        [attempt] = Anchorer([adapter.anchor], log.store, log.clock).run_once()
        assert attempt.proof is not None
        sequencer.sequence()
        public = log.tiles.read(CHECKPOINT_PATH)
        assert public is not None
        checkpoint = parse_checkpoint(parse_note(public).text)
        record = parse_anchor_record(parse_entry(LogReader(log.tiles.read, checkpoint).entry(checkpoint.size - 2)))
        stamped = parse_checkpoint(parse_note(note).text)
        assert record == AnchorRecord(
            kind=adapter.anchor.kind,
            name=adapter.anchor.name,
            checkpoint_size=stamped.size,
            checkpoint_root=stamped.root,
            token_sha256=attempt.proof.digest,
            time=attempt.proof.at.replace(microsecond=0),
        )
        assert check(log.tiles, log.store, NoteVerifier(log.keys.log.vkey)).findings == ()
