"""Where the public log is to be had after the ledger's own directory is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from anchoring.storage import DirectoryTileStore
from anchoring.tile import CHECKPOINT_PATH
from api.backup.error import BackupError
from api.log_place import LOG_DIRECTORY
from api.mirror.upstream import MAX_DOCUMENT_BYTES, Upstream


class SurvivingLog(Protocol):
    """The public log as it is now: a served ledger's, a mirror's, or a directory of tiles."""

    def checkpoint(self) -> bytes:
        """Return its newest signed note."""

    def tile(self, path: str) -> bytes | None:
        """Return a tile or bundle, None when there is none."""

    def anchors(self) -> Iterator[dict[str, Any]]:
        """Yield what it serves of time anchors, tokens included; nothing if it has none."""


class DirectoryLog:
    """A surviving `log/` directory, or a data directory that has one."""

    def __init__(self, directory: Path) -> None:
        inner = directory / LOG_DIRECTORY
        self._tiles = DirectoryTileStore(inner if inner.is_dir() else directory)

    def checkpoint(self) -> bytes:
        """Return its newest signed note. Raises BackupError."""
        note = self._tiles.read(CHECKPOINT_PATH)
        if note is None:
            message = "there is no checkpoint in that directory; name the one with checkpoint and tile/ in it"
            raise BackupError(message)
        return note

    def tile(self, path: str) -> bytes | None:
        """Return a tile or bundle, None when there is none."""
        return self._tiles.read(path)

    def anchors(self) -> Iterator[dict[str, Any]]:
        """Yield nothing: tokens lie elsewhere."""
        return iter(())


class ServedLog:
    """The log that a ledger or a mirror serves."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def checkpoint(self) -> bytes:
        """Return its newest signed note."""
        return self._upstream.checkpoint()

    def tile(self, path: str) -> bytes | None:
        """Return a tile or bundle, None when there is none."""
        return self._upstream.tile(path)

    def anchors(self) -> Iterator[dict[str, Any]]:
        """Yield its time anchors, page by page."""
        after: object = 0
        while after is not None:
            raw = self._upstream.document(f"/v1/anchors?after={after}", MAX_DOCUMENT_BYTES)
            page = {} if raw is None else json.loads(raw)
            yield from page.get("anchors", [])
            after = page.get("next")
