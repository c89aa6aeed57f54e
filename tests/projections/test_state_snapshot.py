"""The kept copy of the state fold: as good as the fold, or none."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

import projections.state_snapshot as module
from anchoring.error import MalformedError
from projections.state_fold import StateFold
from projections.state_snapshot import SnapshotFile
from tests.projections.history import MAPPER, varied_history
from tests.projections.test_state_fold import VKEY

ENTRIES = varied_history(5, 400).entries()
HALF = 200


def folded(entries: Sequence[bytes]) -> tuple[StateFold, bytes]:
    fold = StateFold(MAPPER, VKEY)
    return fold, fold.commit(entries, len(entries))


def logged(commitment: bytes, at: int = HALF) -> Callable[[int], bytes]:
    def entry(index: int) -> bytes:
        if index != at:
            raise MalformedError("no such entry")
        return commitment

    return entry


@pytest.fixture(autouse=True)
def _small_logs_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_ENTRIES", 50)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, bytes]:
    fold, commitment = folded(ENTRIES[:HALF])
    path = tmp_path / "views" / "state.snapshot"
    assert SnapshotFile(path).keep(fold, closing=True)
    return path, commitment


def test_snapshot_goes_on_as_the_fold_would_when_it_is_loaded(kept: tuple[Path, bytes]) -> None:
    path, commitment = kept
    loaded = SnapshotFile(path).load(MAPPER, logged(commitment))
    assert loaded is not None
    assert loaded.covered() == HALF
    straight, _ = folded(ENTRIES[:HALF])
    assert loaded.committed().records == straight.committed().records
    size = len(ENTRIES) + 1
    assert loaded.commit(ENTRIES[HALF:], size) == straight.commit(ENTRIES[HALF:], size)
    for purpose in ("revocation", "suspension"):
        assert loaded.status_proof(purpose, 0, 7) == straight.status_proof(purpose, 0, 7)


def test_snapshot_is_not_believed_when_any_byte_was_changed_or_cut(kept: tuple[Path, bytes]) -> None:
    path, commitment = kept
    content = path.read_bytes()
    step = max(1, len(content) // 200)
    changed = [content[:n] + bytes([content[n] ^ 1]) + content[n + 1 :] for n in range(0, len(content), step)]
    for broken in (*changed, *(content[:n] for n in range(0, len(content), step)), content + b"\0"):
        path.write_bytes(broken)
        assert SnapshotFile(path).load(MAPPER, logged(commitment)) is None


def test_snapshot_is_not_believed_when_the_log_commits_to_something_else(kept: tuple[Path, bytes]) -> None:
    path, _ = kept
    _, other = folded(ENTRIES[: HALF - 20])
    assert SnapshotFile(path).load(MAPPER, logged(other)) is None
    assert SnapshotFile(path).load(MAPPER, logged(other, at=HALF + 1)) is None


def test_snapshot_is_none_when_there_is_no_file(tmp_path: Path) -> None:
    assert SnapshotFile(tmp_path / "nowhere").load(MAPPER, logged(b"")) is None


def test_snapshot_is_written_when_the_log_has_grown_by_a_quarter(
    tmp_path: Path,
) -> None:
    fold, file = StateFold(MAPPER, VKEY), SnapshotFile(tmp_path / "state.snapshot")
    written = []
    for size in range(10, 401, 10):
        fold.commit(ENTRIES[size - 10 : size], size)
        if file.keep(fold):
            written.append(fold.covered())
    assert written[0] == 50
    assert all(later - earlier >= max(50, earlier // 4) for earlier, later in pairwise(written))
    assert len(written) > 3
    assert file.keep(fold, closing=True) == (written[-1] < fold.covered())
    assert not file.keep(fold, closing=True)


def test_snapshot_is_not_written_when_the_log_is_read_whole_in_no_time(tmp_path: Path) -> None:
    fold, _ = folded(ENTRIES[:49])
    assert not SnapshotFile(tmp_path / "state.snapshot").keep(fold, closing=True)
