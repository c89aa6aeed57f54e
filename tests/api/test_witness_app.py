"""A witness over HTTP: every status of C2SP tlog-witness, types, limits, and a store that fails."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from anchoring.add_checkpoint import MAX_REQUEST_BYTES
from anchoring.witness import origin_digest
from api.access_log import make_log
from api.ledger_node import system_clock
from api.witness_app import make_witness_app
from tests.anchoring.doubles import ORIGIN
from tests.anchoring.witness_world import KEYS, Tree, WitnessWorld, make_world
from tests.api.client import send, stream


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WitnessWorld]:
    made = make_world(tmp_path)
    yield made
    made.store.close()


def served(world: WitnessWorld, log: io.StringIO | None = None) -> ASGIApp:
    vkeys = [one.vkey for one in KEYS.cosigners()]
    return make_witness_app(world.start(), KEYS.name, vkeys, make_log(log or io.StringIO(), system_clock))


def post(app: ASGIApp, body: bytes) -> tuple[int, str, str]:
    answer = send(app, "POST", "/add-checkpoint", content=body)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer.status_code, answer.headers["content-type"], answer.text


def test_witness_answers_every_status_of_the_protocol(world: WitnessWorld) -> None:
    app, log, text = served(world), world.log, "text/plain; charset=utf-8"
    status, kind, lines = post(app, log.request(0, 300))
    assert (status, kind, lines.count("\n")) == (200, text, 2)
    assert post(app, b"old\n")[:2] == (400, text)
    assert post(app, log.request(300, 200))[:2] == (400, text)
    assert post(app, Tree(seed=2).request(300, 400))[:2] == (403, text)
    assert post(app, Tree(origin="other.example/log").request(0, 300))[:2] == (404, text)
    assert post(app, log.request(0, 400)) == (409, "text/x.tlog.size", "300\n")
    assert post(app, Tree(branch="other").request(300, 400))[:2] == (422, text)


def test_witness_shows_its_newest_checkpoint_to_anyone(world: WitnessWorld) -> None:
    app = served(world)
    address = f"/{origin_digest(ORIGIN)}/checkpoint"
    assert send(app, "GET", address).status_code == 404
    lines = post(app, world.log.request(0, 300))[2]
    shown = send(app, "GET", address)
    assert shown.content == world.log.note(300) + lines.encode()
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.headers["cache-control"] == "no-store"
    assert send(app, "HEAD", address).status_code == 200
    for wrong in (f"/{ORIGIN}/checkpoint", f"/{origin_digest(ORIGIN).upper()}/checkpoint", f"{address}/", "/x"):
        assert send(app, "GET", wrong).status_code == 404


def test_witness_reads_no_more_than_a_request_may_have(world: WitnessWorld) -> None:
    app = served(world)
    parts = [bytes(65_536)] * (MAX_REQUEST_BYTES // 65_536 + 1)
    answer = send(app, "POST", "/add-checkpoint", content=stream(parts))
    assert answer.status_code == 400
    assert "more than 131072 bytes" in answer.text


def test_witness_takes_checkpoints_by_post_alone(world: WitnessWorld) -> None:
    assert send(served(world), "GET", "/add-checkpoint").status_code == 405


def test_witness_says_who_it_is(world: WitnessWorld) -> None:
    shown = send(served(world), "GET", "/").text
    for vkey in (one.vkey for one in KEYS.cosigners()):
        assert vkey in shown


def test_witness_answers_503_and_gives_nothing_away_when_its_store_fails(
    world: WitnessWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    app = served(world, log)

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(world.store, "compare_and_swap", fail)
        status, _, text = post(app, world.log.request(0, 300))
        assert (status, text) == (503, "this witness's store failed; ask again later\n")
        broken.setattr(world.store, "seen_by_digest", fail)
        assert send(app, "GET", f"/{origin_digest(ORIGIN)}/checkpoint").status_code == 503
    assert "store_failed" in log.getvalue()
    assert post(app, world.log.request(0, 300))[0] == 200


def test_witness_records_outcomes_and_neither_origins_nor_bodies(world: WitnessWorld) -> None:
    log = io.StringIO()
    app = served(world, log)
    post(app, world.log.request(0, 300))
    assert '"outcome": "cosigned"' in log.getvalue()
    assert ORIGIN not in log.getvalue()
