"""What a start refuses when storage was tampered with between a crash and it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from anchoring.checkpoint import Checkpoint
from anchoring.error import ConflictError, CorruptionError
from anchoring.fsck import check
from anchoring.note import NoteVerifier, format_note
from anchoring.publication import publish_checkpoint, stage_entries
from anchoring.state import StateCommitment
from anchoring.storage import Placement, Published, Staged
from anchoring.tile import CHECKPOINT_PATH, TileId
from anchoring.tree import EMPTY_ROOT, CompactRange, leaf_hash
from tests.anchoring.doubles import Log, MemoryTileStore, event, make_log


class CrashError(Exception):
    """The process died."""


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Return a log that was cut off between its second commit and its tiles."""
    log = make_log(tmp_path)
    log.feed.add(300)
    sequencer = log.start()
    sequencer.sequence()
    log.feed.add(300)
    swap = log.store.compare_and_swap

    def swap_and_die(old: Published | None, new: Published, **more: object) -> None:
        swap(old, new, **more)  # type: ignore[arg-type]  # the test reaches into the part
        raise CrashError

    log.store.compare_and_swap = swap_and_die  # type: ignore[method-assign]  # the test reaches into the part
    with pytest.raises(CrashError):
        sequencer.sequence()
    log.store.compare_and_swap = swap  # type: ignore[method-assign]  # the test reaches into the part
    return log


def change_staged(log: Log, change: Callable[[tuple[tuple[TileId, bytes], ...]], Staged]) -> None:
    staged = log.store.staged()
    assert staged is not None
    log.store.stage(change(staged.bundles))


def test_recover_finishes_the_step_when_it_was_committed(log: Log) -> None:
    report = check(log.tiles, log.store, NoteVerifier(log.keys.log.vkey))
    assert {finding.code for finding in report.findings} >= {"checkpoint_behind", "publication_unfinished"}
    checkpoint = log.start().recover()
    assert checkpoint is not None
    assert checkpoint.size == 602
    assert check(log.tiles, log.store, NoteVerifier(log.keys.log.vkey)).clean
    assert log.store.staged() is None


def test_recover_publishes_nothing_when_the_store_cannot_say_that_the_step_is_safe(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(log.tiles, MemoryTileStore)
    before = dict(log.tiles.files)

    def crash() -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(log.store, "confirm", crash)
        with pytest.raises(CrashError):
            log.start().recover()
        assert log.tiles.files == before
    log.start().recover()
    assert log.tiles.files != before


CHANGES: list[tuple[str, Callable[[tuple[tuple[TileId, bytes], ...]], Staged]]] = [
    ("is damaged", lambda bundles: Staged(301, 602, (*bundles[:-1], (bundles[-1][0], b"\x00")))),
    ("other entries", lambda bundles: Staged(301, 602, ((bundles[0][0], b"\x00\x00" * 256), *bundles[1:]))),
    ("do not continue", lambda bundles: Staged(301, 602, bundles[:-1])),
    ("committed root", lambda bundles: Staged(301, 602, (*bundles[:-1], (bundles[-1][0], b"\x00\x00" * 90)))),
]


@pytest.mark.parametrize("message,change", CHANGES)
def test_recover_writes_nothing_when_the_staged_bundles_are_wrong(
    log: Log, message: str, change: Callable[[tuple[tuple[TileId, bytes], ...]], Staged]
) -> None:
    assert isinstance(log.tiles, MemoryTileStore)
    before = dict(log.tiles.files)
    change_staged(log, change)
    with pytest.raises(CorruptionError, match=message):
        log.start().recover()
    assert log.tiles.files == before


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"a\n1\nAAAA\n\n"])
def test_recover_refuses_when_the_public_checkpoint_is_damaged(log: Log, content: bytes) -> None:
    log.tiles.replace(CHECKPOINT_PATH, content)
    with pytest.raises(CorruptionError, match="public checkpoint is damaged"):
        log.start().recover()


def test_recover_refuses_when_another_tree_of_the_size_is_public(log: Log) -> None:
    text = Checkpoint(log.keys.log.name, 602, bytes(32)).text()
    note = format_note(text, [log.keys.log.sign(text)])
    publish_checkpoint(log.tiles, note, log.keys, None)
    with pytest.raises(CorruptionError, match="another tree of size 602"):
        log.start().recover()


def test_recover_refuses_when_log_db_contradicts_its_checkpoint(log: Log) -> None:
    log.store._db.execute("UPDATE published SET size = 601")  # type: ignore[attr-defined]  # the test reaches into the part
    with pytest.raises(CorruptionError, match="contradicts its own checkpoint"):
        log.start().recover()


def test_recover_refuses_when_the_state_has_run_but_the_log_is_empty(tmp_path: Path) -> None:
    sequencer = make_log(tmp_path).start()
    sequencer._committer.commit((), 5)
    with pytest.raises(ConflictError, match="covers 5"):
        sequencer.recover()


def commit_by_hand(log: Log, entries: list[bytes]) -> None:
    """Commit entries of any kind, as a broken sequencer with the right key would."""
    grown = CompactRange()
    grown.extend(map(leaf_hash, entries))
    text = Checkpoint(log.keys.log.name, len(entries), grown.root()).text()
    note = format_note(text, [log.keys.log.sign(text)])
    log.store.stage(stage_entries(0, [], entries))
    placements = [Placement(1, 0, 1)]
    log.store.compare_and_swap(None, Published(note, len(entries), 1, 1, 0), placements=placements)


def state(log: Log, covered_size: int) -> bytes:
    empty = (EMPTY_ROOT, EMPTY_ROOT, 0, EMPTY_ROOT, log.keys.operator.vkey)
    return StateCommitment(covered_size, 0, *empty).entry()


def test_recover_refuses_when_the_last_entry_is_no_commitment(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.feed.add(1)
    commit_by_hand(log, [event(1), event(2)])
    with pytest.raises(CorruptionError, match="entry 1, the last, is no state commitment"):
        log.start().recover()


def test_recover_refuses_when_the_last_commitment_is_for_another_place(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.feed.add(1)
    commit_by_hand(log, [event(1), state(log, 7)])
    with pytest.raises(CorruptionError, match="entry 1 commits to 7 entries"):
        log.start().recover()
    report = check(log.tiles, log.store, NoteVerifier(log.keys.log.vkey))
    assert ("entry_malformed", 1) in {(finding.code, finding.index) for finding in report.findings}


def test_sequence_signs_nothing_when_the_committer_commits_to_another_size(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.feed.add(1)
    sequencer = log.start()
    sequencer._committer.commit = lambda *_: state(log, 9)  # type: ignore[method-assign]  # the test reaches into the part
    with pytest.raises(CorruptionError, match="does not cover 1 entries"):
        sequencer.sequence()
    assert log.store.load() is None


def test_garbage_stays_when_the_full_tile_is_missing(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    assert isinstance(log.tiles, MemoryTileStore)
    sequencer = log.start()
    for count in (100, 200):
        log.feed.add(count)
        sequencer.sequence()
    full = log.tiles.files.pop("tile/0/000")
    log.clock.advance(3600)
    with pytest.raises(CorruptionError, match="tile/0/000 is missing"):
        sequencer.sequence()
    assert log.tiles.partials(TileId(0, 0))
    log.tiles.files["tile/0/000"] = full
    sequencer.sequence()
    assert not log.tiles.partials(TileId(0, 0))
