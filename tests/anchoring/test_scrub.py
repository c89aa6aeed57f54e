"""The scrub reads everything, and finds what was damaged behind the log's back."""

from datetime import timedelta
from pathlib import Path

import pytest

from anchoring.checkpoint import parse_checkpoint
from anchoring.error import CorruptionError
from anchoring.note import parse_note
from anchoring.reader import LogReader
from anchoring.scrub import BUNDLES_A_STEP, Scrub
from anchoring.tile import CHECKPOINT_PATH, TILE_WIDTH
from tests.anchoring.doubles import Log, MemoryTileStore, make_log

SIZE = 5 * BUNDLES_A_STEP * TILE_WIDTH // 2


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    log = make_log(tmp_path_factory.mktemp("scrub"))
    log.feed.add(SIZE - 1)
    log.start().sequence()
    return log


def scrub(log: Log, **changes: bytes) -> Scrub:
    def open_reader() -> LogReader | None:
        note = log.tiles.read(CHECKPOINT_PATH)
        if note is None:
            return None
        return LogReader(lambda path: changes.get(path, log.tiles.read(path)), parse_checkpoint(parse_note(note).text))

    return Scrub(open_reader, log.clock)


def read_on(at_work: Scrub) -> None:
    while at_work.step():
        pass


def test_scrub_reads_every_entry_once_and_rests_until_the_next_pass(log: Log) -> None:
    at_work = scrub(log)
    step = BUNDLES_A_STEP * TILE_WIDTH
    assert [at_work.step() for _ in range(5)] == [step, step, step // 2, 0, 0]
    log.clock.advance(timedelta(hours=1).total_seconds())
    assert at_work.step() == step


def test_scrub_names_the_place_when_a_byte_was_flipped(log: Log) -> None:
    assert isinstance(log.tiles, MemoryTileStore)
    for path, content in log.tiles.files.items():
        if path == CHECKPOINT_PATH or ".p/" in path:
            continue
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        at_work = scrub(log, **{path: flipped})
        with pytest.raises(CorruptionError, match=path):
            read_on(at_work)
        with pytest.raises(CorruptionError, match=path):
            at_work.step()


def test_scrub_waits_when_there_is_no_log_yet(tmp_path: Path) -> None:
    empty = make_log(tmp_path)
    at_work = scrub(empty)
    assert at_work.step() == 0
    empty.feed.add(3)
    empty.start().sequence()
    assert at_work.step() == 4
