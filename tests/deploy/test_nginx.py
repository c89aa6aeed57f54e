"""The nginx sample in front of a real ledger and a real mirror: what is kept, what is not, and who answers instead."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from loadtests.front import configured, nginx_program, running_front
from loadtests.port import free_port
from tests.system.mirroring import Mirror
from tests.system.school import Caller, claim, evidence, open_school
from tests.system.serving import Serving

TILED: Final = 300
"""Awards: more than the 256 entries of one tile."""
KEPT_SECONDS: Final = 0.9
EXPIRED_SECONDS: Final = 2.1
"""nginx counts in whole seconds, so that one second may last two."""
STALE_SECONDS: Final = 7.1
"""After these a status may not be given without asking, unless nobody answers."""


@dataclass
class Fronted:
    """A ledger, a mirror of it, and nginx before both."""

    ledger: Serving
    mirror: Mirror
    school: Caller
    ids: list[str]
    http: httpx.Client

    def status(self, number: int, **headers: str) -> httpx.Response:
        return self.http.get(f"/v1/credentials/{self.ids[number]}/status", headers=headers)


def asked_twice(
    fronted: Fronted, numbers: Iterable[int], *, is_known: bool = False
) -> tuple[httpx.Response, httpx.Response]:
    """Ask for an award and again within the second for which an answer is kept; for another one if that went wrong."""
    for number in numbers:
        begun = time.monotonic()
        first = fronted.status(number)
        second = fronted.status(number, **({"If-None-Match": first.headers["ETag"]} if is_known else {}))
        if time.monotonic() - begun < KEPT_SECONDS:
            return first, second
    raise AssertionError("this machine stands still")


def cached(answered: httpx.Response) -> str:
    """What nginx says that it did."""
    found: str = answered.headers["Cairn-Cache"]
    return found


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    place = tmp_path_factory.mktemp("fronted")
    ledger = Serving(place / "data", place / "home", {"CAIRN_TRUSTED_PROXY_COUNT": "1"})
    ledger.start()
    school = open_school(ledger)
    answered = school.post("/v1/credentials", {"credentials": [claim(f"Learner {n}") for n in range(TILED)]})
    ids = [award["id"] for award in answered.json()["credentials"]]
    evidence(ledger, ids[-1])
    mirror = Mirror(place / "mirror", place / "mirror-home", ledger.url)
    mirror.start()
    mirror.catch_up(ledger)
    with running_front(place / "nginx", ledger=ledger.port, mirrors=[mirror.port], root=ledger.data) as front:
        client = httpx.Client(base_url=f"http://127.0.0.1:{front.port}", timeout=30)
        yield Fronted(ledger, mirror, school, ids, client)
        client.close()
    mirror.close()
    ledger.close()


def test_sample_is_accepted_when_nginx_checks_it(tmp_path: Path) -> None:
    main = configured(tmp_path, port=free_port(), ledger=8000, mirrors=[8001, 8002], root=tmp_path)
    done = subprocess.run([nginx_program(), "-t", "-c", str(main)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_status_is_answered_from_the_cache_when_it_was_asked_a_moment_ago(fronted: Fronted) -> None:
    first, second = asked_twice(fronted, range(100, 110))
    assert (first.status_code, second.status_code) == (200, 200)
    assert (cached(first), cached(second)) == ("MISS", "HIT")
    assert first.content == second.content
    assert "RateLimit" not in first.headers


def test_status_is_answered_with_304_when_the_client_has_it(fronted: Fronted) -> None:
    first, again = asked_twice(fronted, range(110, 120), is_known=True)
    tag = first.headers["ETag"]
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert cached(again) == "HIT"


def test_status_is_given_once_more_while_it_is_asked_again_when_its_second_is_over(fronted: Fronted) -> None:
    before = fronted.status(2)
    time.sleep(EXPIRED_SECONDS)
    stale, asked = fronted.status(2), time.monotonic()
    assert (cached(stale), stale.content) == ("STALE", before.content)
    while fronted.status(2).content == before.content:
        assert time.monotonic() < asked + 5
        time.sleep(0.02)


def test_revocation_shows_within_seven_seconds_when_a_cache_is_in_front(fronted: Fronted) -> None:
    assert fronted.status(3).json()["verdict"] == "valid"
    path = f"/v1/credentials/{fronted.ids[3]}/revocation"
    key = {"Authorization": f"Bearer {fronted.school.key}", "Idempotency-Key": "revoked-through-nginx"}
    done = fronted.http.post(path, json={"reason": "incorrect_data"}, headers=key)
    assert done.status_code == 200, done.text
    assert "Cairn-Cache" not in done.headers
    recorded = time.monotonic()
    while fronted.status(3).json()["verdict"] == "valid":
        assert time.monotonic() < recorded + STALE_SECONDS
        time.sleep(0.1)
    assert fronted.status(3).json()["verdict"] == "invalid"


def test_award_is_made_once_and_not_kept_when_it_is_written_through_nginx(fronted: Fronted) -> None:
    key = {"Authorization": f"Bearer {fronted.school.key}", "Idempotency-Key": "made-through-nginx"}
    made = [fronted.http.post("/v1/credentials", json=claim("Through nginx"), headers=key) for _ in range(2)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].json()["id"] == made[1].json()["id"]
    assert not any("Cairn-Cache" in one.headers for one in made)


def test_bundle_is_not_kept_when_its_issuer_fetches_it(fronted: Fronted) -> None:
    path = f"/v1/credentials/{fronted.ids[0]}/bundle"
    with_key = fronted.http.get(path, headers={"Authorization": f"Bearer {fronted.school.key}"})
    without = fronted.http.get(path)
    assert (with_key.status_code, without.status_code) == (200, 401)
    assert "Cairn-Cache" not in with_key.headers


def test_what_is_not_there_is_asked_again_when_it_was_not_there_before(fronted: Fronted) -> None:
    path = f"/v1/credentials/{'0' * 36}/status"
    assert [cached(fronted.http.get(path)) for _ in range(2)] == ["MISS", "MISS"]
    assert fronted.http.get("/log/tile/0/999").status_code == 404


def test_tile_is_the_file_itself_when_the_log_is_read(fronted: Fronted) -> None:
    for path in ("tile/0/000", "tile/entries/000"):
        through, direct = fronted.http.get(f"/log/{path}"), fronted.ledger.http.get(f"/log/{path}")
        stored = (fronted.ledger.data / "log" / path).read_bytes()
        assert through.content == direct.content == stored
        for name in ("Cache-Control", "Content-Type", "Access-Control-Allow-Origin"):
            assert through.headers[name] == direct.headers[name], (path, name)
        assert "Cairn-Cache" not in through.headers  # no location that asks anybody
        again = fronted.http.get(f"/log/{path}", headers={"If-None-Match": through.headers["ETag"]})
        assert again.status_code == 304


def test_tile_is_found_at_its_own_spelling_alone_when_others_are_tried(fronted: Fronted) -> None:
    for path in (
        "/log/tile/0/0",
        "/log/tile/00/000",
        "/log/tile/0/000.p/0x",
        "/log/../ledger.db",
        "/log/tile/../../ledger.db",
    ):
        assert fronted.http.get(path).status_code in {400, 404}, path
    assert fronted.http.post("/log/tile/0/000").status_code in {403, 405}


def test_checkpoint_is_never_kept_when_the_log_is_read(fronted: Fronted) -> None:
    through = fronted.http.get("/log/checkpoint")
    assert through.headers["Cache-Control"] == "no-store"
    assert through.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert not {"ETag", "Last-Modified"} & set(through.headers)
    assert int(through.text.split("\n")[1]) >= TILED
    assert fronted.http.get("/log/vkey").text == fronted.ledger.http.get("/log/vkey").text


def test_metrics_stay_inside_when_somebody_outside_asks(fronted: Fronted) -> None:
    assert fronted.http.get("/metrics").status_code == 403


def test_mirror_answers_when_the_ledger_is_stopped(fronted: Fronted) -> None:
    """It stops the ledger and then the mirror; the ledger is back at its end."""
    path = "/log/tile/0/000"
    tile = fronted.http.get(path).content
    fronted.mirror.catch_up(fronted.ledger)
    fronted.ledger.stop()
    try:
        answered = fronted.status(10)
        assert answered.status_code == 200
        assert answered.json()["verdict"] == "valid"
        assert answered.headers["Cairn-Following"] in {"going", "waiting"}
        assert fronted.http.get(path).content == tile
        refused = fronted.http.post("/v1/credentials", json=claim(), headers={"Authorization": "Bearer x"})
        assert refused.status_code == 502  # and not the mirror's 421: who writes asks the ledger again
        fronted.status(11)
        fronted.mirror.stop()
        time.sleep(STALE_SECONDS)
        kept = fronted.status(11)
        assert (kept.status_code, cached(kept)) == (200, "STALE")  # for a minute, and no longer
    finally:
        fronted.ledger.start()
    time.sleep(2.1)  # fail_timeout
    again = fronted.status(12)
    assert (again.status_code, "Cairn-Following" in again.headers) == (200, False)


def test_client_is_told_429_when_it_asks_more_than_its_share(fronted: Fronted, tmp_path: Path) -> None:
    text = Path(configured(tmp_path, port=1, ledger=2, mirrors=[], root=tmp_path).parent / "cairn.conf").read_text()
    assert "limit_req zone=cairn_look_ups burst=400 nodelay;" in text
    codes = []
    for number in range(900):
        codes.append(fronted.status(number % 20).status_code)
        if codes[-1] == 429:
            break
    assert codes[-1] == 429 or len(codes) == 900  # a machine slower than 200 a second never gets there
    assert set(codes) <= {200, 429}
    assert fronted.http.get("/log/tile/0/000").status_code == 200
