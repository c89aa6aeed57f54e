"""Tokens of time anchors that a mirror passes on: those that the log recorded, and no others."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from anchoring.anchor_record import AnchorRecord
from anchoring.checkpoint import Checkpoint
from anchoring.note import format_note
from anchoring.storage import DirectoryTileStore
from api.mirror.attachment import MirroredAnchors
from api.mirror.directory import MirrorDirectory
from api.mirror.error import UpstreamError
from api.mirror.head import Head, ServedHead
from api.mirror.upstream import MAX_DOCUMENT_BYTES, Upstream
from projections.state_fold import CommittedState
from tests.anchoring.doubles import log_keys

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = b"what the authority signed"
STAMPED = Checkpoint("test.cairn.example/log", 5, bytes(32))
RECORD = AnchorRecord("rfc3161", "tsa", 5, STAMPED.root, sha256(TOKEN).digest(), AT)
ITEM: dict[str, Any] = {
    "kind": "rfc3161",
    "name": "tsa",
    "time": "2026-03-01T12:00:00.250000Z",
    "size": 5,
    "checkpoint": format_note(STAMPED.text(), [log_keys().log.sign(STAMPED.text())]).decode(),
    "token": base64.b64encode(TOKEN).decode(),
    "log_index": 7,
}


class Saying(Upstream):
    """An upstream whose list of anchors is given."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__("http://127.0.0.1:9")
        self.items = items

    def document(self, path: str, limit: int = MAX_DOCUMENT_BYTES) -> bytes | None:
        del path, limit
        return json.dumps({"anchors": self.items}).encode()


def served(directory: Path) -> ServedHead:
    """Return a head that covers the record."""
    head = ServedHead(DirectoryTileStore(directory), lambda: AT, timedelta(minutes=10))
    head.serve(Head(b"", Checkpoint("test.cairn.example/log", 9, bytes(32)), CommittedState(), AT))
    return head


def test_mirror_offers_a_token_when_the_log_recorded_it(tmp_path: Path) -> None:
    head, directory = served(tmp_path), MirrorDirectory(tmp_path)
    MirroredAnchors(directory, Saying([ITEM]), head).refresh({7: RECORD})
    assert [anchor.proof.token for anchor in head.anchors()] == [TOKEN]
    again = served(tmp_path)
    MirroredAnchors(directory, Saying([]), again).recall({7: RECORD})
    assert [anchor.log_index for anchor in again.anchors()] == [7]


@pytest.mark.parametrize(
    "change",
    [
        {"token": base64.b64encode(b"another").decode()},
        {"token": "not base64"},
        {"name": "other"},
        {"kind": "cosignature"},
        {"time": "2026-02-28T12:00:00Z"},
        {"time": 5},
        {"size": 6},
        {"log_index": 8},
        {"log_index": [7]},
        {"checkpoint": "nothing"},
    ],
    ids=lambda change: f"{change}"[:40],
)
def test_mirror_offers_no_token_when_it_is_not_the_one_recorded(tmp_path: Path, change: dict[str, Any]) -> None:
    head = served(tmp_path)
    with pytest.raises(UpstreamError, match="1 time anchors"):
        MirroredAnchors(MirrorDirectory(tmp_path), Saying([{**ITEM, **change}, "noise"]), head).refresh({7: RECORD})
    assert list(head.anchors()) == []
