"""`cairn fsck` beside a running server: nothing is reported that is not damage, and damage is."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import httpx
import pytest

from api.ledger_node import open_ledger
from api.setting import load_settings
from api.vault_check import VaultCheck
from ledger.access import Actor
from ledger.commitment import DOCUMENT_KIND
from tests.system.school import SLUG, Caller, Json, claim, evidence, loaded, open_school
from tests.system.serving import Serving, cairn, quick_cairn

ROUNDS: Final = 3
MOST_ROUNDS: Final = 20
CLIENTS: Final = 2
BATCH: Final = 20
OPERATOR: Final = Actor(name="test", role="operator")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Serving]:
    """A served ledger of the test's own, which it may damage."""
    serving = Serving(tmp_path / "data", tmp_path / "home")
    serving.start()
    yield serving
    serving.close()


def _write(school: Caller, enough: threading.Event, seed: int) -> int:
    """Issue, revoke and suspend until told that it is enough; return how many requests were answered."""
    random, done = Random(seed), 0
    standing: list[str] = []
    body: Json
    with httpx.Client(base_url=school.serving.url, timeout=30.0) as http:
        while not enough.is_set():
            headers = {"Authorization": f"Bearer {school.key}", "Idempotency-Key": random.randbytes(16).hex()}
            if len(standing) > BATCH and random.randrange(2):
                act = random.choice(["revocation", "suspension"])
                path, body = f"/v1/credentials/{standing.pop()}/{act}", {"reason": "under_review"}
            else:
                path, body = "/v1/credentials", {"credentials": [claim(f"L {number}") for number in range(BATCH)]}
            answered = http.post(path, json=body, headers=headers)
            assert answered.is_success, answered.text
            standing += [one["id"] for one in loaded(answered).get("credentials", [])]
            done += 1
    return done


@contextmanager
def _load(school: Caller) -> Iterator[None]:
    """Write to the ledger as fast as it takes it."""
    enough, done = threading.Event(), [0] * CLIENTS

    def write(number: int) -> None:
        done[number] = _write(school, enough, number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert min(done) > 1, "every client must have been at work, or nothing was tested"


def _fsck(serving: Serving) -> tuple[int, Json]:
    done = quick_cairn(serving.home, "fsck", "--data", serving.data, "--json")
    report: Json = json.loads(done.stdout)
    assert report["served"] == ("A server runs over this ledger" in done.stderr)
    return done.returncode, report


def _has_grown(reports: list[tuple[int, Json]]) -> bool:
    """Whether the log was there at one check, and longer at a later one."""
    seen = [report["entries"] for _, report in reports if report["entries"]]
    return bool(seen) and seen[0] < seen[-1] and reports[-1][1]["documents"] > BATCH


def test_fsck_finds_nothing_when_the_server_writes_meanwhile(ledger: Serving) -> None:
    school = open_school(ledger)
    with _load(school):
        reports = [_fsck(ledger) for _ in range(ROUNDS)]
        while not _has_grown(reports) and len(reports) < MOST_ROUNDS:
            reports.append(_fsck(ledger))
    assert [(code, report["findings"], report["served"]) for code, report in reports] == [(0, [], True)] * len(reports)
    assert _has_grown(reports), "the log must have grown from check to check, or nothing was tested"
    assert ledger.stop() == 0
    code, report = _fsck(ledger)
    assert (code, report["findings"], report["served"]) == (0, [], False)


def test_fsck_names_the_damage_when_the_server_runs(ledger: Serving) -> None:
    school = open_school(ledger)
    evidence(ledger, school.issue()["id"])
    tile = next((ledger.data / "log" / "tile" / "entries").rglob("*.p/*"))
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    with closing(sqlite3.connect(ledger.data / "ledger.db")) as database, database:
        database.execute("UPDATE vault_item SET sealed=zeroblob(length(sealed))")
    code, report = _fsck(ledger)
    assert (code, report["served"]) == (1, True)
    assert "document-unreadable" in {one["code"] for one in report["findings"]}
    assert str(tile.relative_to(ledger.data / "log")) in {one["where"] for one in report["findings"]}


def test_fsck_names_the_checkpoint_when_it_is_gone_while_the_server_runs(ledger: Serving) -> None:
    evidence(ledger, open_school(ledger).issue()["id"])
    (ledger.data / "log" / "checkpoint").unlink()
    code, report = _fsck(ledger)
    assert (code, {one["code"] for one in report["findings"]}) == (1, {"log-checkpoint_missing"})


def test_fsck_says_that_it_left_something_out_when_the_server_runs(ledger: Serving) -> None:
    done = cairn(ledger.home, "fsck", "--data", ledger.data)
    assert done.returncode == 0, done.stdout
    assert "log.db was left out" in done.stderr
    assert "clean" in done.stdout


def test_vault_check_passes_over_what_is_erased_or_signed_anew_while_it_looks(ledger: Serving) -> None:
    school = open_school(ledger)
    for number in range(3):
        school.post("/v1/credentials", {**claim(), "learner": {"name": "A", "reference": f"S-{number}"}})
    ledger.stop()
    settings = load_settings(os.environ, data_dir=ledger.data)
    with closing(open_ledger(settings)) as node, closing(open_ledger(settings)) as other:
        left = [f"S-{number}" for number in range(3)]

        def erase_another(_: UUID) -> dict[str, str]:
            """Called once a document is open; answers as a fold from before it was signed anew would."""
            while len(left) > 1:
                other.erasing.erase_learner(slug=SLUG, reference=left.pop(), actor=OPERATOR)
            return {DOCUMENT_KIND: "0" * 64}

        found: list[tuple[str, str, str]] = []
        listed = VaultCheck(node, erase_another, lambda *one: found.append(one), lambda *_: None).run()
        assert (listed, found) == (3, [])
        with closing(sqlite3.connect(ledger.data / "ledger.db")) as database, database:
            database.execute("UPDATE vault_item SET sealed=zeroblob(length(sealed))")
        VaultCheck(node, erase_another, lambda *one: found.append(one), lambda *_: None).run()
        assert [code for code, _, _ in found] == ["document-unreadable"]
