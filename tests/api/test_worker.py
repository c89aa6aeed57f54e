"""What a sequencer says of itself while it cannot sequence, and that it goes on when it can."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from anchoring.lock import SequencerLock
from api.access_log import make_log
from api.health import Health
from api.ledger_node import open_ledger, system_clock
from api.log_node import LOCK_FILE
from api.log_place import LOG_DIRECTORY
from api.setting import Settings
from api.worker import SequencingWorker
from tests.anchoring.tsa import make_authority
from tests.api.served import BASE

PATIENCE_SECONDS: Final = 30.0


@contextmanager
def sequencing(data: Path, **settings: Any) -> Iterator[SequencingWorker]:  # noqa: ANN401  settings by their names
    """A sequencer over the ledger in *data*, running."""
    parts = open_ledger(Settings(data_dir=data, base_url=BASE, **settings))
    worker = SequencingWorker(parts, system_clock, make_log(io.StringIO(), system_clock))
    worker.start()
    try:
        yield worker
    finally:
        worker.close()
        parts.close()


def until(worker: SequencingWorker, holds: Callable[[Health], bool]) -> Health:
    """Wait until readiness is as it should be; return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds(found := worker.check().look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def test_sequencer_is_not_ready_and_tries_again_when_its_background_cannot_be_made(tmp_path: Path) -> None:
    certificates = tmp_path / "authority.pem"
    settings = {"tsa_urls": ("http://127.0.0.1:9/tsa",), "tsa_certificates": (certificates,)}
    with sequencing(tmp_path / "data", **settings) as worker:
        found = until(worker, lambda health: certificates.name in health.detail)
        assert (found.ok, worker.is_active) == (False, False)
        lock = SequencerLock(tmp_path / "data" / LOCK_FILE)
        until(worker, lambda _: not lock.is_held())
        authority = make_authority("authority", datetime.now(UTC))
        chain = (authority.certificate, authority.root)
        certificates.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        until(worker, lambda _: worker.is_active)


def test_sequencer_is_not_ready_when_what_it_needs_refuses(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / LOG_DIRECTORY).write_bytes(b"no directory")
    with sequencing(tmp_path / "data") as worker:
        assert not until(worker, lambda health: "NotADirectoryError" in health.detail).ok


def test_sequencer_is_not_ready_before_it_knows_that_another_one_sequences(tmp_path: Path) -> None:
    parts = open_ledger(Settings(data_dir=tmp_path / "data", base_url=BASE))
    assert not SequencingWorker(parts, system_clock, make_log(io.StringIO(), system_clock)).check().look().ok
    parts.close()


def test_sequencer_that_waits_is_ready_while_another_one_sequences(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with SequencerLock(tmp_path / "data" / LOCK_FILE), sequencing(tmp_path / "data") as worker:
        assert until(worker, lambda health: "another sequencer" in health.detail).ok
