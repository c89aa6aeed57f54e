"""Time anchors beside the log: the schedule, the anchorer, the witness, the records."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from anchoring.anchor_record import AnchorRecord, parse_anchor_record
from anchoring.anchor_schedule import AnchorHistory, AnchorSchedule, is_due, next_try
from anchoring.anchorer import Anchorer
from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.cosignature import CosignatureVerifier, Cosigner
from anchoring.entry import Entry, parse_entry
from anchoring.error import AnchorError, MalformedError, SignatureError
from anchoring.fsck import check
from anchoring.note import NoteVerifier, format_note, parse_note
from anchoring.reader import LogReader
from anchoring.rfc3161 import Rfc3161Anchor, verify_rfc3161
from anchoring.time_anchor import AnchorProof
from anchoring.tree import EMPTY_ROOT
from anchoring.witness_anchor import WitnessAnchor, verify_cosignature_token
from tests.anchoring.doubles import START, Clock, Log, make_log
from tests.anchoring.tsa import certomancer_responder, make_authority, served

SECOND = timedelta(seconds=1)


class FakeAnchor:
    """A `TimeAnchor` that works or is down, as told."""

    kind = "rfc3161"

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.down = False
        self.stamped: list[bytes] = []
        self._clock = clock

    def stamp(self, checkpoint_note: bytes) -> AnchorProof:
        if self.down:
            raise AnchorError(f"{self.name} is down")
        self.stamped.append(checkpoint_note)
        return AnchorProof("rfc3161", self.name, self._clock(), b"token %d" % len(self.stamped))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return make_log(tmp_path)


# ── the schedule ─────────────────────────────────────────────────────────────────────────────────


def test_schedule_asks_at_once_when_never_asked() -> None:
    assert next_try(AnchorSchedule(), AnchorHistory()) is None
    assert is_due(AnchorSchedule(), AnchorHistory(), START)


def test_schedule_waits_an_interval_when_the_last_try_succeeded() -> None:
    schedule = AnchorSchedule(interval=timedelta(seconds=100))
    history = AnchorHistory().succeeded(START)
    assert not is_due(schedule, history, START + 99 * SECOND)
    assert is_due(schedule, history, START + 100 * SECOND)


def test_schedule_doubles_the_delay_up_to_the_ceiling_when_tries_fail() -> None:
    schedule = AnchorSchedule(first_retry=30 * SECOND, longest_retry=200 * SECOND)
    history, delays = AnchorHistory(), []
    for _ in range(6):
        history = history.failed(START, "down")
        at = next_try(schedule, history)
        assert at is not None
        delays.append((at - START).total_seconds())
    assert delays == [30, 60, 120, 200, 200, 200]


def test_schedule_forgets_failures_when_a_try_succeeds() -> None:
    history = AnchorHistory().failed(START, "down").failed(START, "down").succeeded(START)
    assert history == AnchorHistory(tried_at=START)


@given(st.integers(1, 10**9), st.integers(1, 3600), st.integers(1, 10**6))
def test_schedule_never_exceeds_the_ceiling_when_failures_pile_up(failures: int, first: int, longest: int) -> None:
    schedule = AnchorSchedule(first_retry=first * SECOND, longest_retry=longest * SECOND)
    at = next_try(schedule, AnchorHistory(START, failures, "down"))
    assert at is not None
    assert min(first, longest) * SECOND <= at - START <= longest * SECOND


# ── the anchorer ─────────────────────────────────────────────────────────────────────────────────


def test_anchorer_does_nothing_when_the_log_is_empty(log: Log) -> None:
    assert Anchorer([FakeAnchor("a", log.clock)], log.store, log.clock).run_once() == []


def test_anchorer_stops_when_only_anchor_records_are_new(log: Log) -> None:
    anchors = [FakeAnchor("a", log.clock), FakeAnchor("b", log.clock)]
    anchorer, sequencer = Anchorer(anchors, log.store, log.clock), log.start()
    log.feed.add(3)
    sequencer.sequence()
    for _ in range(10):
        anchorer.run_once()
        sequencer.sequence()
        log.clock.advance(10_000)
    published = log.store.load()
    assert published is not None
    assert [len(anchor.stamped) for anchor in anchors] == [1, 1]
    assert (published.size, published.anchors) == (4 + 3, 2)
    assert check(log.tiles, log.store, NoteVerifier(log.keys.log.vkey)).clean


def test_anchorer_stamps_again_when_new_events_came_and_the_interval_is_over(log: Log) -> None:
    anchor = FakeAnchor("a", log.clock)
    anchorer, sequencer = Anchorer([anchor], log.store, log.clock), log.start()
    for _ in range(3):
        log.feed.add(1)
        sequencer.sequence()
        anchorer.run_once()
        log.clock.advance(599)
        assert anchorer.run_once() == []
        log.clock.advance(1)
    assert len(anchor.stamped) == 3
    assert [kept.size for kept in log.store.anchors()] == [2, 5, 8]
    assert anchorer.anchored_size() == 8


def test_anchorer_keeps_the_good_ones_going_when_one_is_down(log: Log) -> None:
    good, bad = FakeAnchor("good", log.clock), FakeAnchor("bad", log.clock)
    bad.down = True
    anchorer, sequencer = Anchorer([bad, good], log.store, log.clock), log.start()
    log.feed.add(1)
    sequencer.sequence()
    attempts = anchorer.run_once()
    assert [(a.name, a.error) for a in attempts] == [("bad", "bad is down"), ("good", None)]
    assert anchorer.histories()["bad"].failures == 1
    assert anchorer.run_once() == []
    assert sequencer.sequence() is not None
    bad.down = False
    log.clock.advance(30)
    assert [attempt.name for attempt in anchorer.run_once()] == ["bad"]
    assert anchorer.histories()["bad"].failures == 0


def test_anchorer_pauses_an_anchor_when_its_adapter_breaks_and_reports_the_others(log: Log) -> None:
    class Broken(FakeAnchor):
        def stamp(self, checkpoint_note: bytes) -> AnchorProof:
            raise TypeError(f"no {len(checkpoint_note):d}")

    good = FakeAnchor("good", log.clock)
    anchorer = Anchorer([Broken("broken", log.clock), good], log.store, log.clock)
    log.feed.add(1)
    log.start().sequence()
    attempts = anchorer.run_once()
    assert [(one.name, (one.error or "")[:9]) for one in attempts] == [("broken", "TypeError"), ("good", "")]
    assert log.store.histories()["broken"].failures == 1
    assert anchorer.run_once() == []


def test_anchorer_asks_by_a_schedule_of_its_own_when_an_anchor_has_one(log: Log) -> None:
    anchors = [FakeAnchor("often", log.clock), FakeAnchor("rarely", log.clock)]
    often = {"often": AnchorSchedule(interval=timedelta(seconds=10))}
    anchorer, sequencer = Anchorer(anchors, log.store, log.clock, schedules=often), log.start()
    asked = []
    for _ in range(4):
        log.feed.add(1)
        sequencer.sequence()
        asked.append([one.name for one in anchorer.run_once()])
        log.clock.advance(10)
    assert asked == [["often", "rarely"], ["often"], ["often"], ["often"]]
    at = log.clock.now
    assert [one.next_try for one in anchorer.standing()] == [at, at + timedelta(seconds=560)]


def test_anchorer_goes_on_with_the_others_when_one_hangs(log: Log) -> None:
    class Hanging(FakeAnchor):
        begun, go = threading.Event(), threading.Event()

        def stamp(self, checkpoint_note: bytes) -> AnchorProof:
            self.begun.set()
            self.go.wait(30)
            return super().stamp(checkpoint_note)

    hanging, good = Hanging("hanging", log.clock), FakeAnchor("good", log.clock)
    anchorer, sequencer = Anchorer([hanging, good], log.store, log.clock), log.start()
    log.feed.add(1)
    sequencer.sequence()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(anchorer.run_once, only="hanging")
        assert hanging.begun.wait(30)
        for _ in range(3):
            assert [one.name for one in anchorer.run_once(only="good")] == ["good"]
            log.clock.advance(600)
            log.feed.add(1)
            sequencer.sequence()
        second = threads.submit(anchorer.run_once, at_once=True, only="hanging")
        hanging.go.set()
        assert [one.size for one in first.result()] == [2]
        assert [one.size for one in second.result()] == [log.store.load().size]  # type: ignore[union-attr]  # there is one
    assert len(good.stamped) == 3


def test_anchor_is_asked_again_when_the_clock_was_set_back_behind_its_last_try() -> None:
    schedule, history = AnchorSchedule(), AnchorHistory(tried_at=START)
    assert not is_due(schedule, history, START - timedelta(minutes=4))  # an authority's clock may be ahead
    assert is_due(schedule, history, START - timedelta(days=300))
    assert is_due(schedule, history.failed(START, "down"), START - timedelta(days=300))


def test_anchorer_knows_what_it_did_when_started_again(log: Log) -> None:
    anchor = FakeAnchor("a", log.clock)
    log.feed.add(1)
    log.start().sequence()
    Anchorer([anchor], log.store, log.clock).run_once()
    assert Anchorer([anchor], log.store, log.clock).run_once() == []
    log.feed.add(1)
    log.start().sequence()
    again = Anchorer([anchor], log.store, log.clock)
    assert again.run_once() == []
    log.clock.advance(600)
    assert len(again.run_once()) == 1


def test_anchorer_refuses_when_two_anchors_share_a_name(log: Log) -> None:
    anchors = [FakeAnchor("a", log.clock), FakeAnchor("a", log.clock)]
    with pytest.raises(ValueError, match="same name"):
        Anchorer(anchors, log.store, log.clock)


def test_log_goes_from_event_to_logged_anchor_when_a_real_authority_answers(log: Log) -> None:
    authority = make_authority("TSA", datetime.now(UTC))
    log.feed.add(5)
    sequencer = log.start()
    sequencer.sequence()
    with served(certomancer_responder(authority)) as transport:
        anchor = Rfc3161Anchor("tsa", transport, authority.certificate, roots=[authority.root])
        (attempt,) = Anchorer([anchor], log.store, log.clock).run_once()
    assert attempt.error is None
    checkpoint = sequencer.sequence()
    assert checkpoint is not None
    (kept,) = log.store.anchors()
    assert kept.log_index is not None
    reader = LogReader(log.tiles.read, checkpoint)
    record = parse_anchor_record(parse_entry(reader.entry(kept.log_index)))
    assert record.token_sha256 == kept.proof.digest
    token, note = kept.proof.token, kept.checkpoint
    at = verify_rfc3161(token, note, authority.certificate, roots=[authority.root])
    assert record.time == at.replace(microsecond=0)


# ── the witness ──────────────────────────────────────────────────────────────────────────────────


def witness_key(name: str = "witness.example") -> Cosigner:
    return Cosigner(name, Ed25519PrivateKey.from_private_bytes(bytes([5] * 32)))


def make_witness(log: Log) -> WitnessAnchor:
    def prove(old: Checkpoint, new: Checkpoint) -> Sequence[bytes]:
        return LogReader(log.tiles.read, new).consistency_proof(old.size)

    return WitnessAnchor(witness_key(), NoteVerifier(log.keys.log.vkey), prove, log.clock)


def note_of(log: Log) -> bytes:
    published = log.store.load()
    assert published is not None
    return published.note


def test_witness_cosigns_when_each_checkpoint_extends_the_last(log: Log) -> None:
    witness, sequencer = make_witness(log), log.start()
    for count in (3, 300, 1):
        log.feed.add(count)
        sequencer.sequence()
        log.clock.advance(60.5)
        proof = witness.stamp(note_of(log))
        assert proof.kind == "cosignature"
        key = CosignatureVerifier(witness_key().vkey)
        assert verify_cosignature_token(proof.token, note_of(log), key) == proof.at
        assert proof.at == log.clock.now.replace(microsecond=0)
    assert witness.stamp(note_of(log)).name == "witness.example"


def test_witness_refuses_when_the_log_shrinks_or_forks(log: Log) -> None:
    witness, sequencer = make_witness(log), log.start()
    log.feed.add(3)
    sequencer.sequence()
    old = note_of(log)
    log.feed.add(3)
    sequencer.sequence()
    witness.stamp(note_of(log))
    with pytest.raises(AnchorError, match="size 4 after size 8"):
        witness.stamp(old)
    for size in (8, 9):
        text = Checkpoint(log.keys.log.name, size, bytes(32)).text()
        forked = format_note(text, [log.keys.log.sign(text)])
        lying = WitnessAnchor(
            witness_key(),
            NoteVerifier(log.keys.log.vkey),
            lambda old, new: [old.root, new.root],
            log.clock,
            seen=parse_checkpoint(parse_note(note_of(log)).text),
        )
        with pytest.raises(AnchorError, match="refuses to cosign"):
            lying.stamp(forked)


def test_witness_refuses_when_the_log_did_not_sign(log: Log) -> None:
    witness = make_witness(log)
    text = Checkpoint(log.keys.log.name, 0, EMPTY_ROOT).text()
    stranger = witness_key(log.keys.log.name).cosign(text, START)
    with pytest.raises(AnchorError):
        witness.stamp(format_note(text, [stranger]))
    with pytest.raises(AnchorError):
        witness.stamp(b"no note")


def test_cosignature_token_is_refused_when_any_byte_changes(log: Log) -> None:
    log.feed.add(1)
    log.start().sequence()
    token = make_witness(log).stamp(note_of(log)).token
    key = CosignatureVerifier(witness_key().vkey)
    for at in range(len(token)):
        for bit in (0x01, 0x80):
            changed = token[:at] + bytes([token[at] ^ bit]) + token[at + 1 :]
            with pytest.raises((MalformedError, SignatureError)):
                verify_cosignature_token(changed, note_of(log), key)


# ── the records ──────────────────────────────────────────────────────────────────────────────────

RECORD = AnchorRecord("rfc3161", "dfn", 70_000, bytes(32), bytes([7] * 32), START)
GOLDEN = (
    b'{"version":1,"kind":"rfc3161","name":"dfn","checkpoint_size":70000,"checkpoint_root":"'
    + b"00" * 32
    + b'","token_sha256":"'
    + b"07" * 32
    + b'","time":"2026-03-01T12:00:00Z"}'
)


def test_anchor_record_has_golden_bytes_when_written() -> None:
    assert RECORD.body() == GOLDEN
    assert parse_anchor_record(parse_entry(RECORD.entry(3))) == RECORD
    assert parse_entry(RECORD.entry(3)).version == 3


REFUSED = [
    b"",
    b"{}",
    b"[]",
    b"null",
    GOLDEN + b"\n",
    GOLDEN.replace(b'"version":1', b'"version":2'),
    GOLDEN.replace(b":1,", b": 1,"),
    GOLDEN.replace(b"rfc3161", b"blockchain"),
    GOLDEN.replace(b"dfn", b""),
    GOLDEN.replace(b"dfn", b"d\\u0066n"),
    GOLDEN.replace(b"70000", b"0"),
    GOLDEN.replace(b"70000", b"7e4"),
    GOLDEN.replace(b"70000", b"true"),
    GOLDEN.replace(b"70000", b"9007199254740992"),
    GOLDEN.replace(b"07" * 32, b"07" * 31),
    GOLDEN.replace(b"07" * 32, b"0A" * 32),
    GOLDEN.replace(b"12:00:00Z", b"12:00:00+00:00"),
    GOLDEN.replace(b"03-01", b"3-1"),
    GOLDEN.replace(b"03-01", b"02-30"),
    GOLDEN[:-1] + b',"kind":"rfc3161"}',
    b"[" * 3000,
    b" " * 5000,
    b"\xff",
]


@pytest.mark.parametrize("body", REFUSED)
def test_anchor_record_is_refused_when_not_in_its_one_form(body: bytes) -> None:
    entry = parse_entry(RECORD.entry(1))
    with pytest.raises(MalformedError):
        parse_anchor_record(Entry(entry.topic, entry.originator, 1, body))


def test_anchor_record_is_refused_when_the_topic_is_another() -> None:
    entry = parse_entry(RECORD.entry(1))
    with pytest.raises(MalformedError, match="no anchor record"):
        parse_anchor_record(Entry("credential.issued.v1", entry.originator, 1, entry.body))


def test_anchor_record_members_are_those_of_the_page_when_read_as_json() -> None:
    assert list(json.loads(GOLDEN)) == [
        "version",
        "kind",
        "name",
        "checkpoint_size",
        "checkpoint_root",
        "token_sha256",
        "time",
    ]
