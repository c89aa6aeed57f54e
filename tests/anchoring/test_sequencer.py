"""The sequencer on a healthy day, and what it refuses."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from anchoring.anchor_record import parse_anchor_record
from anchoring.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from anchoring.cosignature import CosignatureVerifier
from anchoring.entry import parse_entry
from anchoring.error import (
    ClockError,
    ConflictError,
    CorruptionError,
    MalformedError,
    SignatureError,
)
from anchoring.feed import FeedItem
from anchoring.fsck import check
from anchoring.lock import SequencerLock
from anchoring.note import NoteVerifier, parse_note
from anchoring.reader import LogReader
from anchoring.recovery import REPLAY_ENTRIES
from anchoring.sequencer import SequencerSettings
from anchoring.state import parse_state_commitment
from anchoring.storage import DirectoryTileStore
from anchoring.tile import CHECKPOINT_PATH, TileId
from anchoring.time_anchor import AnchorProof
from tests.anchoring.doubles import (
    START,
    Log,
    MemoryTileStore,
    RollingCommitter,
    event,
    log_keys,
    make_log,
)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return make_log(tmp_path)


def fsck_clean(log: Log) -> None:
    report = check(
        log.tiles,
        log.store,
        NoteVerifier(log.keys.log.vkey),
        [CosignatureVerifier(log.keys.operator.vkey)],
    )
    assert report.findings == ()


def public_checkpoint(log: Log) -> Checkpoint:
    content = log.tiles.read(CHECKPOINT_PATH)
    assert content is not None
    return verify_checkpoint(parse_note(content), NoteVerifier(log.keys.log.vkey))


def logged(log: Log) -> list[bytes]:
    return list(LogReader(log.tiles.read, public_checkpoint(log)).entries())


def cosigned_at(log: Log) -> float:
    content = log.tiles.read(CHECKPOINT_PATH)
    assert content is not None
    at = CosignatureVerifier(log.keys.operator.vkey).verify(parse_note(content))
    return (at - START).total_seconds()


def test_sequence_publishes_nothing_when_the_feed_is_empty(log: Log) -> None:
    assert log.start().sequence() is None
    assert log.tiles.read(CHECKPOINT_PATH) is None


def test_sequence_logs_the_feed_then_a_commitment_when_items_arrive(log: Log) -> None:
    log.feed.add(3)
    checkpoint = log.start().sequence()
    assert checkpoint == public_checkpoint(log)
    entries = logged(log)
    assert entries[:3] == [item.entry for item in log.feed.items]
    assert parse_state_commitment(parse_entry(entries[3])).covered_size == 3
    fsck_clean(log)


def test_sequence_returns_nothing_when_all_is_published(log: Log) -> None:
    log.feed.add(3)
    sequencer = log.start()
    sequencer.sequence()
    assert sequencer.sequence() is None
    assert public_checkpoint(log).size == 4


def test_sequence_takes_several_steps_when_the_backlog_exceeds_a_batch(log: Log) -> None:
    log.settings = SequencerSettings(batch_items=100)
    log.feed.add(250)
    sequencer = log.start()
    sizes = [checkpoint.size for _ in range(3) if (checkpoint := sequencer.sequence())]
    assert sizes == [101, 202, 253]
    fsck_clean(log)


def test_sequence_places_items_when_positions_have_gaps(log: Log) -> None:
    log.feed.add(3)
    log.feed.add(2, gap=4)
    sequencer = log.start()
    sequencer.sequence()
    log.feed.add(2)
    sequencer.sequence()
    entries = logged(log)
    for item in log.feed.items:
        index = log.store.index_of(item.position)
        assert index is not None
        assert entries[index] == item.entry
    assert [log.store.index_of(absent) for absent in (0, 4, 5, 99)] == [None] * 4


def test_sequence_leaves_the_same_log_when_restarted_between_all_steps(log: Log) -> None:
    for count in (1, 254, 1, 2, 300, 1):
        log.feed.add(count)
        assert log.start().sequence() is not None
    fsck_clean(log)
    assert public_checkpoint(log).size == 559 + 6


def test_sequence_keeps_every_old_root_when_growing_over_tile_boundaries(log: Log) -> None:
    sequencer, published = log.start(), []
    for count in (200, 54, 1, 1, 255, 300):
        log.feed.add(count)
        checkpoint = sequencer.sequence()
        assert checkpoint is not None
        published.append(checkpoint)
    reader = LogReader(log.tiles.read, published[-1])
    assert [reader.root(old.size) for old in published] == [old.root for old in published]


def test_publication_carries_log_signature_and_cosignature_when_sequenced(log: Log) -> None:
    log.feed.add(1)
    log.clock.advance(5)
    log.start().sequence()
    content = log.tiles.read(CHECKPOINT_PATH)
    assert content is not None
    assert len(parse_note(content).signatures) == 2
    assert cosigned_at(log) == 5


def test_heartbeat_moves_the_cosignature_when_nothing_waits(log: Log) -> None:
    log.feed.add(1)
    sequencer = log.start()
    sequencer.sequence()
    before = public_checkpoint(log)
    log.clock.advance(30)
    assert sequencer.heartbeat() == START + timedelta(seconds=30)
    assert cosigned_at(log) == 30
    assert public_checkpoint(log) == before


@pytest.mark.parametrize("age,given", [(9, True), (10, True), (11, False)])
def test_heartbeat_waits_when_a_commit_is_unpublished_too_long(log: Log, age: int, *, given: bool) -> None:
    log.feed.add(1)
    sequencer = log.start()
    sequencer.sequence()
    log.clock.advance(100)
    waiting_since = log.clock.now - timedelta(seconds=age)
    log.oldest = lambda: waiting_since
    assert (sequencer.heartbeat() is not None) is given
    assert cosigned_at(log) == (100 if given else 0)


def cosigned(log: Log) -> datetime | None:
    note = log.tiles.read(CHECKPOINT_PATH)
    assert note is not None
    try:
        return CosignatureVerifier(log.keys.operator.vkey).verify(parse_note(note))
    except SignatureError:
        return None


@pytest.mark.parametrize("restarted", [False, True])
def test_no_cosignature_is_older_than_one_before_when_the_clock_jumps_back(log: Log, *, restarted: bool) -> None:
    sequencer = log.start()
    log.feed.add(3)
    sequencer.sequence()
    given = cosigned(log)
    assert given is not None
    log.clock.advance(-3600)
    if restarted:
        sequencer = log.start()
        sequencer.recover()
    with pytest.raises(ClockError, match="set the clock right"):
        sequencer.heartbeat()
    assert cosigned(log) == given
    log.feed.add(2)
    assert sequencer.sequence() is not None  # the log goes on, and nobody vouches for a wrong time
    assert cosigned(log) is None
    log.clock.advance(3601)
    assert sequencer.heartbeat() == log.clock.now
    assert cosigned(log) == given + timedelta(seconds=1)


def test_heartbeat_gives_nothing_when_the_log_is_empty(log: Log) -> None:
    assert log.start().heartbeat() is None


def test_publication_is_not_cosigned_when_older_commits_still_wait(log: Log) -> None:
    log.feed.add(5)
    log.oldest = lambda: START - timedelta(minutes=1)
    log.start().sequence()
    content = log.tiles.read(CHECKPOINT_PATH)
    assert content is not None
    with pytest.raises(SignatureError):
        CosignatureVerifier(log.keys.operator.vkey).verify(parse_note(content))


def test_heartbeat_refuses_when_another_sequencer_moved_the_log(log: Log) -> None:
    log.feed.add(1)
    first, second = log.start(), log.start()
    first.sequence()
    second.recover()
    log.feed.add(1)
    second.sequence()
    with pytest.raises(ConflictError):
        first.heartbeat()


def test_sequence_refuses_when_another_sequencer_moved_the_log(log: Log) -> None:
    log.feed.add(1)
    first, second = log.start(), log.start()
    first.sequence()
    second.recover()
    log.feed.add(1)
    second.sequence()
    log.feed.add(1)
    with pytest.raises(ConflictError):
        first.sequence()
    with pytest.raises(ConflictError):
        first.sequence()
    assert public_checkpoint(log).size == 4
    fsck_clean(log)


def test_sequence_refuses_when_the_feed_is_shorter_than_the_log(log: Log) -> None:
    log.feed.add(3)
    log.start().sequence()
    del log.feed.items[2]
    with pytest.raises(CorruptionError, match="lacks position 3"):
        log.start().sequence()


def test_sequence_refuses_when_the_feed_shrinks_under_a_running_sequencer(log: Log) -> None:
    log.feed.add(3)
    sequencer = log.start()
    sequencer.sequence()
    del log.feed.items[2]
    with pytest.raises(CorruptionError, match="lacks position 3"):
        sequencer.sequence()


def test_sequence_refuses_when_the_feed_holds_another_last_item(log: Log) -> None:
    log.feed.add(3)
    log.start().sequence()
    log.feed.items[2] = FeedItem(3, event(99))
    with pytest.raises(CorruptionError, match="other bytes at position 3"):
        log.start().sequence()


@pytest.mark.parametrize("positions", [(1, 1), (2, 1), (0,)])
def test_sequence_refuses_when_positions_do_not_increase(log: Log, positions: tuple[int, ...]) -> None:
    class Unsorted:
        def read(self, after: int, limit: int) -> list[FeedItem]:
            del after, limit
            return [FeedItem(position, event(position)) for position in positions]

    sequencer = log.start()
    sequencer._feed = Unsorted()
    with pytest.raises(CorruptionError, match="feed position"):
        sequencer.sequence()


def test_sequence_refuses_when_an_item_claims_a_topic_of_the_log(log: Log) -> None:
    log.feed.items.append(FeedItem(1, RollingCommitter(log.keys.operator.vkey).commit((), 1)))
    with pytest.raises(MalformedError, match="claims a topic"):
        log.start().sequence()
    assert log.store.load() is None


def test_sequence_signs_nothing_when_a_staged_byte_flips(log: Log) -> None:
    log.feed.add(3)
    sequencer = log.start()
    stage = log.store.stage

    def stage_with_a_flip(staged: object) -> None:
        stage(staged)  # type: ignore[arg-type]  # the test reaches into the part
        log.store._db.execute(  # type: ignore[attr-defined]  # the test reaches into the part
            "UPDATE staged SET content = CAST(replace(content, CAST('number' AS BLOB), CAST('numbex' AS BLOB)) AS BLOB)"
        )

    log.store.stage = stage_with_a_flip  # type: ignore[method-assign]  # the test reaches into the part
    with pytest.raises(CorruptionError, match="nothing is signed"):
        sequencer.sequence()
    assert log.store.load() is None
    log.store.stage = stage  # type: ignore[method-assign]  # the test reaches into the part
    assert sequencer.sequence() is not None
    fsck_clean(log)


def test_recover_refuses_when_the_state_folds_to_something_else(log: Log) -> None:
    log.feed.add(3)
    log.start().sequence()

    class Other(RollingCommitter):
        def commit(self, entries: object, covered_size: int) -> bytes:
            del entries
            return super().commit([b"other"], covered_size)

    sequencer = log.start()
    sequencer._committer = Other(log.keys.operator.vkey)
    with pytest.raises(CorruptionError, match="folded again differs from entry 3"):
        sequencer.recover()


def test_recover_refuses_when_the_state_is_ahead_of_the_log(log: Log) -> None:
    log.feed.add(3)
    log.start().sequence()
    sequencer = log.start()
    sequencer._committer.commit((), 10)
    with pytest.raises(ConflictError, match="covers 10"):
        sequencer.recover()


def test_recover_replays_in_portions_when_the_log_is_long(log: Log) -> None:
    log.settings = SequencerSettings(batch_items=REPLAY_ENTRIES // 2)
    log.feed.add(REPLAY_ENTRIES * 2 + 10)
    sequencer = log.start()
    while sequencer.sequence():
        pass
    restarted = log.start()
    handed: list[int] = []
    commit = restarted._committer.commit

    def count(entries: tuple[bytes, ...], covered_size: int) -> bytes:
        handed.append(len(entries))
        return commit(entries, covered_size)

    restarted._committer.commit = count  # type: ignore[method-assign,assignment]  # the test reaches into the part
    restarted.recover()
    assert handed == [REPLAY_ENTRIES, REPLAY_ENTRIES, 10]


def test_recover_refuses_when_another_key_signed_the_log(log: Log) -> None:
    log.feed.add(1)
    log.start().sequence()
    log.keys = log_keys(seed=7)
    with pytest.raises(SignatureError):
        log.start().recover()


def test_recover_refuses_when_log_db_is_gone_but_a_log_is_public(log: Log, tmp_path: Path) -> None:
    log.feed.add(1)
    log.start().sequence()
    (tmp_path / "other").mkdir()
    log.store = make_log(tmp_path / "other").store
    with pytest.raises(CorruptionError, match="knows of none"):
        log.start().recover()


def test_recover_refuses_when_log_db_is_an_older_copy(log: Log) -> None:
    log.feed.add(1)
    sequencer = log.start()
    sequencer.sequence()
    older = log.store.load()
    assert older is not None
    log.feed.add(1)
    sequencer.sequence()
    newer = log.store.load()
    log.store.compare_and_swap(newer, older)
    with pytest.raises(CorruptionError, match=r"size 4 is public, but log\.db stops at 2"):
        log.start().recover()


@pytest.mark.parametrize("count", [3, 255, 300])
def test_recover_refuses_when_any_file_is_damaged(log: Log, count: int) -> None:
    assert isinstance(log.tiles, MemoryTileStore)
    log.feed.add(count)
    log.start().sequence()
    for path, good in list(log.tiles.files.items()):
        log.tiles.files[path] = good[:-1] + bytes([good[-1] ^ 1])
        with pytest.raises(CorruptionError):
            log.start().recover()
        log.tiles.files[path] = good
    assert log.start().recover() is not None


def test_recover_cosigns_the_checkpoint_when_started_again(log: Log) -> None:
    log.feed.add(1)
    log.start().sequence()
    log.clock.advance(60)
    log.start().recover()
    assert cosigned_at(log) == 60


def test_anchor_records_are_logged_when_proofs_arrived(log: Log) -> None:
    log.feed.add(2)
    sequencer = log.start()
    sequencer.sequence()
    published = log.store.load()
    assert published is not None
    proof = AnchorProof("rfc3161", "tsa", START, b"token")
    log.store.add_anchor(proof, published.note, published.size)
    checkpoint = sequencer.sequence()
    assert checkpoint is not None
    assert checkpoint.size == 5
    entry = parse_entry(logged(log)[3])
    record = parse_anchor_record(entry)
    assert (record.checkpoint_size, record.token_sha256, entry.version) == (3, proof.digest, 1)
    assert record.checkpoint_root == parse_checkpoint(parse_note(published.note).text).root
    (kept,) = log.store.anchors()
    assert kept.log_index == 3
    assert sequencer.sequence() is None
    fsck_clean(log)


def test_anchor_records_stand_after_events_when_both_are_new(log: Log) -> None:
    log.feed.add(1)
    sequencer = log.start()
    sequencer.sequence()
    published = log.store.load()
    assert published is not None
    for name in ("a", "b"):
        log.store.add_anchor(AnchorProof("rfc3161", name, START, b"t"), published.note, 2)
    log.feed.add(2)
    sequencer.sequence()
    topics = [(parse_entry(e).topic, parse_entry(e).version) for e in logged(log)[2:]]
    assert topics == [
        ("thing.happened.v1", 1),
        ("thing.happened.v1", 1),
        ("log.anchor_recorded.v1", 1),
        ("log.anchor_recorded.v1", 2),
        ("log.state_committed.v1", 6),
    ]
    assert log.store.load().event_size == 4  # type: ignore[union-attr]  # the test reaches into the part
    fsck_clean(log)


def test_partial_tiles_are_deleted_when_the_grace_is_over(log: Log) -> None:
    sequencer = log.start()
    for count in (100, 100, 100):
        log.feed.add(count)
        sequencer.sequence()
    tile, bundle = TileId(0, 0), TileId(None, 0)
    assert list(log.tiles.partials(tile)) == [101, 202]
    log.clock.advance(599)
    sequencer.sequence()
    assert list(log.tiles.partials(tile)) == [101, 202]
    log.clock.advance(2)
    sequencer.sequence()
    assert list(log.tiles.partials(tile)) == list(log.tiles.partials(bundle)) == []
    assert list(log.tiles.partials(TileId(0, 1))) == [47]
    fsck_clean(log)


def test_sequence_works_when_called_by_several_threads(log: Log) -> None:
    log.settings = SequencerSettings(batch_items=10)
    log.feed.add(200)
    sequencer = log.start()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while sequencer.sequence():
                sequencer.heartbeat()
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert public_checkpoint(log).size == 220
    fsck_clean(log)


def test_sequence_writes_a_servable_directory_when_tiles_are_files(tmp_path: Path) -> None:
    log = make_log(tmp_path, DirectoryTileStore(tmp_path / "log"))
    log.feed.add(300)
    log.start().sequence()
    names = sorted(str(p.relative_to(tmp_path / "log")) for p in tmp_path.rglob("log/**/*"))
    assert [name for name in names if (tmp_path / "log" / name).is_file()] == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/45",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/45",
    ]
    fsck_clean(log)


def test_lock_refuses_when_another_holds_it(tmp_path: Path) -> None:
    with (
        SequencerLock(tmp_path / "lock"),
        pytest.raises(ConflictError, match="another sequencer holds lock"),
        SequencerLock(tmp_path / "lock"),
    ):
        pass
    with SequencerLock(tmp_path / "lock"):
        pass


def test_lock_refuses_when_acquired_twice(tmp_path: Path) -> None:
    lock = SequencerLock(tmp_path / "lock")
    with lock, pytest.raises(ConflictError, match="already held here"):
        lock.acquire()
    lock.release()


def test_lock_says_whether_a_process_sequences_and_takes_nothing_by_asking(tmp_path: Path) -> None:
    asked, held = SequencerLock(tmp_path / "lock"), SequencerLock(tmp_path / "lock")
    assert not asked.is_held()
    assert not (tmp_path / "lock").exists()
    with held:
        assert asked.is_held()
        assert held.is_held()
    assert not asked.is_held()
    with held:
        pass
