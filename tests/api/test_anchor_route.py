"""What anyone is told of time anchors, while the log is being published."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from anchoring.checkpoint import Checkpoint
from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.note import Note, NoteSigner, parse_signature_line
from anchoring.storage import DirectoryTileStore, Published
from anchoring.tile import CHECKPOINT_PATH
from anchoring.time_anchor import AnchorProof
from api.lookup import Lookup
from api.published_log import PublishedLog
from api.route.anchor import read_router
from tests.anchoring.doubles import START
from tests.api.client import send

ORIGIN: Final = "ledger.test/log"
SIGNER: Final = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())


def note(size: int) -> bytes:
    text = Checkpoint(ORIGIN, size, bytes([size]) * 32).text()
    return Note(text, (parse_signature_line(SIGNER.sign(text)[:-1]),)).encode()


def test_nothing_is_said_of_an_anchor_before_the_checkpoint_that_it_rests_on_is_served(tmp_path: Path) -> None:
    store = SqliteCheckpointStore(tmp_path / "log.db")
    tiles = DirectoryTileStore(tmp_path / "tiles")
    tiles.replace(CHECKPOINT_PATH, note(4))
    app = FastAPI()
    # Of a look-up the route asks for the published log alone.
    app.include_router(read_router(cast("Lookup", SimpleNamespace(published=PublishedLog(tiles, store)))))

    def told() -> dict[str, Any]:
        body: dict[str, Any] = send(app, "GET", "/v1/anchors").json()
        return {
            "size": body["log_size"],
            "index": body["anchors"][0]["log_index"],
            "anchored": body["anchored_size"],
            "unanchored": (body["unanchored"]["from"], body["unanchored"]["to"], body["unanchored_entries"]),
        }

    store.compare_and_swap(None, Published(note(4), 4, 3, 3, 0))
    store.add_anchor(AnchorProof("rfc3161", "a", START, b"token"), note(4), 4)
    assert told() == {"size": 4, "index": None, "anchored": 4, "unanchored": (4, 4, 0)}
    # The sequencer commits to the next head before it serves it.
    store.compare_and_swap(store.load(), Published(note(5), 5, 3, 3, 1), anchors={1: 4})
    store.add_anchor(AnchorProof("rfc3161", "b", START + timedelta(seconds=1), b"other token"), note(5), 5)
    assert told() == {"size": 4, "index": None, "anchored": 4, "unanchored": (4, 4, 0)}
    tiles.replace(CHECKPOINT_PATH, note(5))
    assert told() == {"size": 5, "index": 4, "anchored": 5, "unanchored": (5, 5, 0)}
    store.close()
