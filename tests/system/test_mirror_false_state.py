"""A log that signs a state which its own entries do not add up to: a mirror takes nothing of it and says why."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.audit.made_log import SIGNER, LogMaker, made_log
from tests.system.school import Json
from tests.system.serving import cairn


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the files below `tmp_path / "www"` are served."""
    (tmp_path / "www").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "www"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _commit(maker: LogMaker) -> None:
    maker.commit()


def _set_a_bit(maker: LogMaker) -> None:
    places = maker.places()
    places.revocation.set_bit(0, 77, value=not places.revocation.bit(0, 77))
    maker.commit(places)


def _follow(address: str, place: Path) -> tuple[int, Json]:
    (place / "policy").write_text(f"log {SIGNER.vkey}\n")
    done = cairn(place, "follow", address, "--once", "--data", place / "data", "--policy", place / "policy")
    said: Json = json.loads(done.stdout)["mirror"]
    return done.returncode, said


def test_mirror_takes_nothing_when_the_log_signed_a_state_that_its_entries_do_not_add_up_to(
    address: str, tmp_path: Path
) -> None:
    made_log(tmp_path / "www" / "log", _set_a_bit)
    code, said = _follow(address, tmp_path)
    assert (code, said["following"], said["checkpoint_size"]) == (1, "stopped", None)
    assert "that the entries before it do not add up to" in said["detail"]
    assert not (tmp_path / "data" / "log" / "checkpoint").exists()
    assert _follow(address, tmp_path)[0] == 1


def test_mirror_takes_the_log_when_the_same_state_is_true(address: str, tmp_path: Path) -> None:
    made_log(tmp_path / "www" / "log", _commit)
    code, said = _follow(address, tmp_path)
    assert (code, said["following"], said["checkpoint_size"]) == (2, "waiting", 703)
    assert "the ledger does not serve it" in said["detail"]  # its status lists, which files alone do not have
