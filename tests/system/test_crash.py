"""`kill -9` under load: what was acknowledged is there, what was not can be asked for again, and fsck finds nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final
from uuid import uuid4

import httpx
import pytest

from tests.system.school import Caller, claim, evidence, loaded, open_school, status
from tests.system.serving import Serving, cairn, quick_cairn

CYCLES: Final = 6
SOAK_CYCLES: Final = 200
CLIENTS: Final = 4
BATCH: Final = 5
LONGEST_LOAD_SECONDS: Final = 0.6


@dataclass
class Acknowledged:
    """What clients were told, and what they asked for without being told anything. Safe from any thread."""

    awards: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    unanswered: list[tuple[str, str, object]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, answered: httpx.Response) -> None:
        """Note what an answer promises."""
        assert answered.is_success, answered.text
        body = loaded(answered)
        with self.lock:
            if path.endswith("/revocation"):
                self.revoked.add(body["credential"])
            else:
                self.awards += [one["id"] for one in body.get("credentials", [body])]

    def victim(self, random: Random) -> str | None:
        """An award that stands, to be revoked by this client alone."""
        with self.lock:
            standing = [one for one in self.awards if one not in self.asked]
            chosen = random.choice(standing) if standing else None
            self.asked |= {chosen} if chosen else set()
        return chosen


def _requests(told: Acknowledged, random: Random) -> Iterator[tuple[str, object]]:
    """Requests of one client without end: single awards, batches, revocations."""
    while True:
        kind = random.randrange(3)
        victim = told.victim(random) if kind == 2 else None
        if victim is not None:
            yield f"/v1/credentials/{victim}/revocation", {"reason": "incorrect_data"}
        elif kind == 1:
            yield "/v1/credentials", {"credentials": [claim(f"Learner {random.random()}") for _ in range(BATCH)]}
        else:
            yield "/v1/credentials", claim(f"Learner {random.random()}")


def _load(school: Caller, told: Acknowledged, seed: int) -> None:
    """Send requests until the server is gone."""
    http = httpx.Client(base_url=school.serving.url, timeout=10.0)
    with http:
        for path, body in _requests(told, Random(seed)):
            key = uuid4().hex
            headers = {"Authorization": f"Bearer {school.key}", "Idempotency-Key": key}
            try:
                answered = http.post(path, json=body, headers=headers)
            except httpx.TransportError:
                with told.lock:
                    told.unanswered.append((key, path, body))
                return
            told.take(path, answered)


def _kill_under_load(school: Caller, told: Acknowledged, random: Random) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(_load, school, told, random.randrange(2**32)) for _ in range(CLIENTS)]
        time.sleep(random.uniform(0.05, LONGEST_LOAD_SECONDS))
        school.serving.kill()
        for one in running:
            one.result()


def _repeat_unanswered(school: Caller, told: Acknowledged) -> None:
    """Ask again for what was not answered, with the same keys: it is done once, whether it had been done or not."""
    for key, path, body in told.unanswered:
        answered = school.post(path, body, idempotency=key)
        told.take(path, answered)
    told.unanswered.clear()


def _assert_clean(data: Path) -> None:
    done = quick_cairn(data.with_name("home"), "fsck", "--data", data, "--json")
    assert done.returncode == 0, done.stdout


def _assert_kept(serving: Serving, told: Acknowledged, awards: list[str]) -> None:
    doubtful = {path.split("/")[3] for _, path, _ in told.unanswered if path.endswith("/revocation")}
    for public_id in awards:
        allowed = {"revoked"} if public_id in told.revoked else {"active"}
        if public_id in doubtful:
            allowed.add("revoked")  # done or not: nobody was told
        assert status(serving, public_id)["state"] in allowed


def _assert_issued_once(serving: Serving, told: Acknowledged) -> None:
    """Every award in the log was acknowledged once, and the audit agrees with every answer."""
    audited = cairn(serving.home, "audit", serving.url, "--json")
    report = json.loads(audited.stdout)
    assert (audited.returncode, report["findings"]) == (0, [])
    assert len(told.awards) == len(set(told.awards))
    assert report["events"]["credential.issued.v1"] == len(told.awards)
    assert report["events"].get("credential.revoked.v1", 0) == len(told.revoked)


def _cycle(serving: Serving, school: Caller, told: Acknowledged, random: Random) -> None:
    known = len(told.awards)
    _kill_under_load(school, told, random)
    _assert_clean(serving.data)
    serving.start()
    _assert_kept(serving, told, told.awards[known:])
    _repeat_unanswered(school, told)
    if told.awards:
        evidence(serving, told.awards[-1])


@pytest.mark.parametrize("cycles", [CYCLES, pytest.param(SOAK_CYCLES, marks=pytest.mark.soak)])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_under_load(tmp_path: Path, cycles: int) -> None:
    serving = Serving(tmp_path / "data", tmp_path / "home")
    told, random = Acknowledged(), Random(cycles)
    serving.start()
    try:
        school = open_school(serving)
        for _ in range(cycles):
            _cycle(serving, school, told, random)
        assert len(told.awards) > cycles
        _assert_kept(serving, told, told.awards)
        for public_id in random.sample(told.awards, 10):
            evidence(serving, public_id)
        answered = school.post("/v1/credentials", claim())
        told.take("/v1/credentials", answered)
        evidence(serving, told.awards[-1])  # and so there is of whatever came before it
        _assert_issued_once(serving, told)
        assert serving.stop() == 0
        _assert_clean(serving.data)
    finally:
        serving.close()
