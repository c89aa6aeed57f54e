"""Fsck names the file and the entry, and nothing else, whatever is damaged."""

from pathlib import Path

import pytest

from anchoring.cosignature import CosignatureVerifier
from anchoring.fsck import FsckReport, check
from anchoring.note import NoteVerifier, format_note, parse_note
from anchoring.storage import Placement
from anchoring.tile import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    TileId,
    decode_bundle,
    encode_bundle,
    parse_path,
)
from anchoring.time_anchor import AnchorProof
from anchoring.tree import HASH_BYTES
from tests.anchoring.doubles import Log, MemoryTileStore, log_keys, make_log

SIZE = 700 + 3  # three tiles at level 0, one at level 1


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = make_log(tmp_path)
    sequencer = log.start()
    for count in (300, 200, 200):
        log.feed.add(count)
        sequencer.sequence()
    return log


def files(log: Log) -> dict[str, bytes]:
    assert isinstance(log.tiles, MemoryTileStore)
    return log.tiles.files


def fsck(log: Log, *, store: bool = True) -> FsckReport:
    return check(
        log.tiles,
        log.store if store else None,
        NoteVerifier(log.keys.log.vkey),
        [CosignatureVerifier(log.keys.operator.vkey)],
    )


def codes(report: FsckReport) -> set[str]:
    return {finding.code for finding in report.findings}


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :]


def test_fsck_is_clean_when_nothing_is_damaged(log: Log) -> None:
    seen: list[tuple[int, int]] = []
    report = check(log.tiles, log.store, NoteVerifier(log.keys.log.vkey), progress=lambda *at: seen.append(at))
    assert report.clean
    assert (report.entries, report.size) == (SIZE, SIZE)
    assert seen == [(256, SIZE), (512, SIZE), (SIZE, SIZE)]


def test_fsck_is_clean_when_the_log_is_empty(tmp_path: Path) -> None:
    report = fsck(make_log(tmp_path))
    assert report == FsckReport((), 0, 0)


def test_fsck_is_clean_when_a_mirror_has_no_log_db(log: Log) -> None:
    assert fsck(log, store=False).clean


def test_fsck_reports_a_missing_checkpoint_when_a_mirror_is_empty(tmp_path: Path) -> None:
    assert codes(fsck(make_log(tmp_path), store=False)) == {"checkpoint_missing"}


@pytest.mark.parametrize("index", [0, 255, 256, 300, 511, 512, SIZE - 2, SIZE - 1])
def test_fsck_names_the_entry_when_one_of_its_bytes_flips(log: Log, index: int) -> None:
    number, at = divmod(index, TILE_WIDTH)
    tile = TileId(None, number, min(TILE_WIDTH, SIZE - number * TILE_WIDTH))
    entries = decode_bundle(files(log)[tile.path], tile.width)
    entries[at] = entries[at][:-1] + b"?"
    files(log)[tile.path] = encode_bundle(entries)
    damaged = [f for f in fsck(log).findings if f.code == "entry_damaged"]
    assert [(finding.where, finding.index) for finding in damaged] == [(tile.path, index)]
    assert codes(fsck(log)) <= {"entry_damaged", "entry_malformed", "partial_differs"}


@pytest.mark.parametrize("slot", [0, 1, 100])
def test_fsck_names_the_tile_when_a_hash_flips(log: Log, slot: int) -> None:
    hash_tiles = [
        path
        for path, content in files(log).items()
        if path.startswith(("tile/0/", "tile/1/")) and len(content) > slot * HASH_BYTES
    ]
    assert hash_tiles
    for path in hash_tiles:
        good = files(log)[path]
        files(log)[path] = flip(good, slot * HASH_BYTES)
        report = fsck(log)
        assert {finding.where for finding in report.findings} == {path}, report.findings
        assert codes(report) <= {"tile_damaged", "partial_differs"}
        files(log)[path] = good
    assert fsck(log).clean


def test_fsck_finds_every_file_when_any_byte_of_it_flips(log: Log) -> None:
    for path, good in list(files(log).items()):
        for at in range(0, len(good), max(1, len(good) // 13)):
            files(log)[path] = flip(good, at)
            assert path in {finding.where for finding in fsck(log).findings}, (path, at)
        files(log)[path] = good


def test_fsck_names_the_file_when_it_is_gone(log: Log) -> None:
    newest = {f"tile/0/002.p/{SIZE - 512}", f"tile/entries/002.p/{SIZE - 512}", "tile/1/000.p/2"}
    for path, good in list(files(log).items()):
        if path == CHECKPOINT_PATH or (".p/" in path and path not in newest):
            continue  # an older partial tile may be deleted at any time
        del files(log)[path]
        report = fsck(log)
        assert {finding.where for finding in report.findings} == {path}, report.findings
        assert codes(report) <= {"tile_missing", "bundle_missing"}
        files(log)[path] = good


def test_fsck_names_both_when_two_files_are_damaged(log: Log) -> None:
    tile = "tile/0/000"
    files(log)[tile] = flip(files(log)[tile], 5)
    bundle = "tile/entries/001"
    files(log)[bundle] = flip(files(log)[bundle], 30)
    found = {(finding.code, finding.where, finding.index) for finding in fsck(log).findings}
    assert ("tile_damaged", tile, None) in found
    assert ("entry_damaged", bundle, 256) in found


def test_fsck_reports_a_cut_file_when_its_tail_is_lost(log: Log) -> None:
    for path, code in (("tile/0/000", "tile_damaged"), ("tile/entries/000", "bundle_damaged")):
        good = files(log)[path]
        files(log)[path] = good[:-1]
        assert codes(fsck(log)) == {code}
        files(log)[path] = good


def test_fsck_reports_the_root_when_entries_and_tiles_agree_on_another_history(log: Log, tmp_path: Path) -> None:
    (tmp_path / "forged").mkdir()
    forged = make_log(tmp_path / "forged")
    forged.keys = log_keys(seed=9)
    sequencer = forged.start()
    for count in (300, 200, 200):
        forged.feed.add(count, size=41)
        sequencer.sequence()
    for path, content in files(forged).items():
        if path != CHECKPOINT_PATH:
            files(log)[path] = content
    assert "root_differs" in codes(fsck(log, store=False))


@pytest.mark.parametrize("wanted", ["checkpoint_refused"])
def test_fsck_reports_the_checkpoint_when_the_operator_did_not_cosign(log: Log, wanted: str) -> None:
    note = parse_note(files(log)[CHECKPOINT_PATH])
    files(log)[CHECKPOINT_PATH] = format_note(note.text, [note.signatures[0].line])
    assert codes(fsck(log)) == {wanted}


def test_fsck_reports_the_public_checkpoint_when_it_is_behind_or_absent(log: Log) -> None:
    current = files(log)[CHECKPOINT_PATH]
    log.feed.add(1)
    log.start().sequence()
    files(log)[CHECKPOINT_PATH] = current
    assert codes(fsck(log)) == {"checkpoint_behind"}
    del files(log)[CHECKPOINT_PATH]
    assert codes(fsck(log)) == {"checkpoint_behind"}


def test_fsck_reports_log_db_when_the_public_checkpoint_is_ahead(log: Log, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    log.store = make_log(tmp_path / "other").store
    assert codes(fsck(log)) == {"checkpoint_ahead"}


def test_fsck_reports_two_trees_when_the_log_signed_twice(log: Log) -> None:
    text = parse_note(files(log)[CHECKPOINT_PATH]).text
    lines = text.split("\n")
    forked = "\n".join([lines[0], lines[1], "A" * 43 + "=", ""])
    signatures = [log.keys.log.sign(forked), log.keys.operator.cosign(forked, log.clock())]
    files(log)[CHECKPOINT_PATH] = format_note(forked, signatures)
    assert codes(fsck(log)) == {"checkpoint_differs"}


def test_fsck_reports_log_db_when_its_rows_are_changed(log: Log) -> None:
    database = log.store._db  # type: ignore[attr-defined]  # the test reaches into the part
    for change, code in (
        ("UPDATE placement SET first_index = first_index + 1 WHERE first_position > 500",
         "placement_wrong"),
        ("UPDATE published SET position = position + 1", "placement_wrong"),
        ("UPDATE published SET size = size - 1", "committed_refused"),
        ("UPDATE published SET note = CAST('x' AS BLOB)", "committed_refused"),
    ):  # fmt: skip
        database.execute("BEGIN")
        database.execute(change)
        assert code in codes(fsck(log)), change
        database.execute("ROLLBACK")
    assert fsck(log).clean


def test_fsck_reports_overlapping_runs_when_positions_repeat(log: Log) -> None:
    published = log.store.load()
    assert published is not None
    log.store.compare_and_swap(published, published, placements=[Placement(2, 9999, 1)])
    assert codes(fsck(log)) == {"placement_wrong"}


def test_fsck_reports_the_anchor_when_its_token_is_not_what_was_logged(log: Log) -> None:
    published = log.store.load()
    assert published is not None
    proof = AnchorProof("rfc3161", "tsa", log.clock.now, b"token")
    log.store.add_anchor(proof, published.note, published.size)
    log.start().sequence()
    assert fsck(log).clean
    database = log.store._db  # type: ignore[attr-defined]  # the test reaches into the part
    database.execute("UPDATE anchor SET token = CAST('other' AS BLOB)")
    (finding,) = fsck(log).findings
    assert (finding.code, finding.index) == ("anchor_differs", SIZE)
    database.execute("DELETE FROM anchor")
    assert codes(fsck(log)) == {"anchor_differs"}


def test_fsck_paths_are_canonical_when_findings_name_tiles(log: Log) -> None:
    path = "tile/entries/001"
    files(log)[path] = b""
    for finding in fsck(log).findings:
        assert parse_path(finding.where).path == finding.where
