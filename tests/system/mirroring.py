"""A real `cairn follow` process on a free loopback port."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from tests.system.school import Json, loaded
from tests.system.serving import CAIRN, Serving

PATIENCE_SECONDS: Final = 60.0


class Mirror(Serving):
    """One `cairn follow` over one directory.

    Args:
        data: The mirror's directory.
        home: Where its output goes and its user's configuration lies.
        upstream: Address that it follows.
        settings: `CAIRN_` variables.
        options: Further words of the command.
    """

    def __init__(
        self,
        data: Path,
        home: Path,
        upstream: str,
        settings: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        super().__init__(data, home, settings or {})
        self.upstream = upstream
        self._options = options

    def command(self) -> list[str | Path]:
        """Return what is run."""
        place: list[str | Path] = ["--data", self.data, "--port", str(self.port)]
        return [CAIRN, "follow", self.upstream, *place, *self._options]

    def following(self) -> Json:
        """Return how the mirror says that it follows; empty while it does not answer."""
        try:
            found: Json = loaded(self.http.get("/v1/ledger"))["mirror"]
        except httpx.TransportError:
            return {}
        return found

    def until(self, holds: Callable[[Json], object]) -> Json:
        """Wait until what the mirror says of itself fits; return it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        said: Json = {}
        while time.monotonic() < deadline:
            said = self.following()
            if said and holds(said):
                return said
            time.sleep(0.05)
        raise AssertionError(f"it came to {said}; it said:\n{self.output_file.read_text()[-3_000:]}")

    def catch_up(self, ledger: Serving) -> int:
        """Wait until the mirror has everything that the ledger has published; return how much."""
        size = log_size(ledger)
        self.until(lambda said: (said["checkpoint_size"] or 0) >= size and said["following"] == "going")
        return size


def log_size(ledger: Serving) -> int:
    """Return the size of the published checkpoint."""
    return int(ledger.http.get("/log/checkpoint").text.split("\n")[1])
