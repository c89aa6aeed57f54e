"""The log as the public sees it: anchors that are logged are read once, whoever logged them."""

from datetime import timedelta
from pathlib import Path

from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.storage import Published, StoredAnchor
from anchoring.time_anchor import AnchorProof
from api.published_log import OwnLogIndex
from tests.anchoring.doubles import START

FIRST = Published(b"note 1", 4, 3, 3, 0)
SECOND = Published(b"note 2", 6, 4, 5, 0)


class Counting(SqliteCheckpointStore):
    """A store that remembers from where on its anchors were read."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.read_after: list[int] = []

    def anchors(self, *, pending: bool = False, after: int = 0) -> list[StoredAnchor]:
        self.read_after.append(after)
        return super().anchors(pending=pending, after=after)


def proof(number: int) -> AnchorProof:
    return AnchorProof("rfc3161", "a", START + timedelta(seconds=number), b"t%d" % number)


def test_logged_anchors_are_read_once_and_what_another_process_logs_is_found(tmp_path: Path) -> None:
    store = Counting(tmp_path / "log.db")
    index = OwnLogIndex(store)
    assert index.anchors() == []
    for number in range(4):
        store.add_anchor(proof(number), b"note", number + 1)
    store.compare_and_swap(None, FIRST, anchors={1: 12, 2: 13, 4: 14})
    assert [(kept.serial, kept.log_index) for kept in index.anchors()] == [(1, 12), (2, 13), (3, None), (4, 14)]
    other = SqliteCheckpointStore(tmp_path / "log.db")
    other.add_anchor(proof(4), b"note", 5)
    other.compare_and_swap(FIRST, SECOND, anchors={3: 15})
    assert index.anchors() == other.anchors()
    assert [(kept.serial, kept.log_index) for kept in index.anchors()[2:]] == [(3, 15), (4, 14), (5, None)]
    assert store.read_after == [0, 0, 2, 4]
    store.close()
    other.close()
