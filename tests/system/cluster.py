"""A grown ledger on one machine: processes of every role over one database and one store of tiles."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from tests.object_store import FileObjectStore
from tests.postgres import PostgresServer
from tests.system.serving import CAIRN, Serving

BASE_URL: Final = "https://ledger.example.edu"
PATIENCE_SECONDS: Final = 60.0
QUICK: Final = {"CAIRN_FOLLOW_POLL_SECONDS": "0.1"}


class RoleProcess(Serving):
    """One `cairn serve --role …` on a free port; it can be paused, killed and started again.

    Args:
        role: Its role.
        data: Its data directory.
        settings: `CAIRN_` variables.
    """

    def __init__(self, role: str, data: Path, settings: dict[str, str]) -> None:
        super().__init__(data, data.with_name(f"{data.name}.home"), settings)
        self.role = role

    def command(self) -> list[str | Path]:
        """Return what is run."""
        return [CAIRN, "serve", "--role", self.role, "--data", self.data, "--port", str(self.port)]

    def ready(self) -> None:
        """Wait until it is ready."""
        self._wait_until_ready()

    def pause(self) -> None:
        """Stop the process in the middle of whatever it does, without its knowledge."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a paused process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def said(self) -> str:
        """What `/readyz` says of each part, ready or not; empty when nobody answers."""
        try:
            answered = self.http.get("/readyz").json()
        except httpx.TransportError:
            return ""
        return " ".join(f"{check['name']}: {check['detail']}" for check in answered.get("checks", ()))

    def until_said(self, words: str) -> None:
        """Wait until `/readyz` says some words."""
        until(lambda: words in self.said(), lambda: f"{self.role} says {self.said()!r}, not {words!r}")


def until(holds: Callable[[], object], words: Callable[[], str], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, words()
        time.sleep(0.05)


class Cluster:
    """The processes of one ledger.

    Args:
        place: Where everything is.
        database: Address of the database.
        objects: The server of the tiles, running.
        bucket: The bucket for them.
    """

    def __init__(self, place: Path, database: str, objects: FileObjectStore, bucket: str) -> None:
        self.place = place
        self.objects = objects
        self.bucket = bucket
        self.settings = {
            "CAIRN_DATABASE": database,
            "CAIRN_BASE_URL": BASE_URL,
            "CAIRN_KEK_DIR": str(place / "keys"),
            **objects.settings(bucket),
        }
        self.processes: list[Serving] = []

    def process(self, role: str, name: str, **settings: str) -> RoleProcess:
        """A process that shares the database; it is not started."""
        made = RoleProcess(role, self.place / name, {**self.settings, **settings})
        self.processes.append(made)
        return made

    def verifier(self, name: str, ledger: str) -> RoleProcess:
        """A verification node: it knows the ledger's address and where the tiles are, and nothing of the database."""
        tiles = {name: value for name, value in self.objects.settings(self.bucket).items() if name != "CAIRN_TILES"}
        followed = {"CAIRN_FOLLOW_URL": ledger, "CAIRN_FOLLOW_LOG": f"s3://{self.bucket}/log", **tiles, **QUICK}
        made = RoleProcess("verifier", self.place / name, followed)
        self.processes.append(made)
        return made

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            process.close()


def make_cluster(place: Path, postgres: PostgresServer, objects: FileObjectStore) -> Cluster:
    """A cluster over a fresh schema and a fresh bucket."""
    return Cluster(place, postgres.fresh_schema(), objects, objects.fresh_address().bucket)
