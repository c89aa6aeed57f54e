"""Statuses by prefix: the same as the ordinary ones, shared by enough awards, and of one length."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.mirror.status import MirroredStatuses
from api.route.credential import PUBLIC_CACHE
from api.status import Brief
from api.status_prefix import AWARD_BYTES, answer_bytes, longest_prefix
from tests.api.diploma import award as diploma
from tests.api.diploma import publish_programme, unpack
from tests.api.served import CODE, SLUG, Served, open_school, serving

FEWEST = 4
AWARDS = 90


def client_of_the_docs() -> dict[str, Callable[..., str]]:
    """What docs/api.md tells clients to do, run as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    names: dict[str, Callable[..., str]] = {}
    exec(found[1], names)  # noqa: S102  our own page
    return names


CLIENT = client_of_the_docs()
look_up_hash, bits = CLIENT["look_up_hash"], CLIENT["prefix"]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("prefix") / "data", status_prefix_awards=FEWEST) as served:
        yield served


@pytest.fixture(scope="module")
def key(ledger: Served) -> str:
    return open_school(ledger)


@pytest.fixture(scope="module")
def awards(ledger: Served, key: str) -> list[str]:
    claims = [{"achievement": CODE, "learner": {"name": "A. Learner"}, "awarded_on": "2026-01-31"}] * AWARDS
    made = ledger.write("POST", "/v1/credentials", {"credentials": claims}, key)
    assert made.status_code == httpx.codes.CREATED, made.text
    return [one["id"] for one in made.json()["credentials"]]


def longest(ledger: Served) -> int:
    told: int = ledger.http.get("/v1/status-prefixes").json()["longest_bits"]
    return told


def in_short(ledger: Served, public_id: str) -> list[Any] | None:
    answered = ledger.http.get(f"/v1/status-prefixes/{bits(public_id, longest(ledger))}")
    assert answered.status_code == httpx.codes.OK, answered.text
    found: list[Any] | None = answered.json()["awards"].get(look_up_hash(public_id))
    return found


def ordinary(ledger: Served, public_id: str) -> list[Any]:
    answered = ledger.http.get(f"/v1/credentials/{public_id}/status").json()
    return [answered["verdict"], answered["state"], answered["since"]]


def test_prefix_tells_the_same_as_the_ordinary_status_in_every_state(
    ledger: Served, key: str, awards: list[str]
) -> None:
    path = "/v1/credentials/{}/{}".format
    replacement = {"reason": "incorrect_data", "credential": {"achievement": CODE, "learner": {"name": "A. Learner"}}}
    replacement["credential"]["awarded_on"] = "2026-01-31"  # type: ignore[index]  # of the credential
    changes = [
        ("POST", path(awards[1], "suspension"), {"reason": "under_review"}, "suspended"),
        ("POST", path(awards[2], "revocation"), {"reason": "other"}, "revoked"),
        ("POST", path(awards[3], "replacement"), replacement, "replaced"),
        ("POST", path(awards[4], "suspension"), {"reason": "under_review"}, "suspended"),
        ("DELETE", path(awards[4], "suspension"), {}, "active"),
    ]
    for method, place, body, state in changes:
        public_id = place.split("/")[3]
        assert ledger.write(method, place, body, key).is_success
        found = in_short(ledger, public_id)  # at once: no staler than the ordinary answer
        assert found is not None
        assert found[1] == state
        assert found == ordinary(ledger, public_id)
    expired = ledger.issue(key, valid_until="2026-02-01T00:00:00Z")["id"]
    for public_id in [*awards, expired]:
        assert in_short(ledger, public_id) == ordinary(ledger, public_id)
    assert in_short(ledger, expired) == ["invalid", "expired", "2026-02-01T00:00:00Z"]


def test_award_is_found_at_once_when_it_is_made(ledger: Served, key: str, awards: list[str]) -> None:
    del awards
    for _ in range(5):
        made = ledger.issue(key)["id"]
        assert in_short(ledger, made) == ordinary(ledger, made)


def test_answers_at_one_length_have_one_number_of_bytes(ledger: Served, awards: list[str]) -> None:
    del awards
    most = longest(ledger)
    assert most >= 2
    answers = [ledger.http.get(f"/v1/status-prefixes/{number:0{most}b}") for number in range(1 << most)]
    assert {len(one.content) for one in answers} == {answer_bytes(FEWEST, 0)}
    assert len({one.headers["etag"] for one in answers}) == len(answers)
    assert min(len(one.json()["awards"]) for one in answers) >= FEWEST
    shorter = ledger.http.get(f"/v1/status-prefixes/{'0' * (most - 1)}")
    assert len(shorter.content) == answer_bytes(FEWEST, 1)
    halves = answers[0].json()["awards"] | answers[1].json()["awards"]
    assert shorter.json()["awards"] == halves


@pytest.mark.parametrize("change", [1, 20, -2])
def test_prefix_is_refused_when_too_few_or_too_many_awards_share_it(
    ledger: Served, awards: list[str], change: int
) -> None:
    most = longest(ledger)
    answered = ledger.http.get(f"/v1/status-prefixes/{bits(awards[0], most + change)}")
    assert answered.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    problem = answered.json()
    assert problem["type"].endswith("/problems/invalid-request")
    assert (problem["longest_bits"], problem["shortest_bits"]) == (most, most - 1)
    assert problem["errors"][0]["parameter"] == "prefix"
    assert f"send {most - 1} or {most}" in problem["detail"]


@pytest.mark.parametrize("prefix", ["2", "0x1", "01 ", "０1", "0" * 129, "%00", "ALL", "-1", "0%0A"])
def test_prefix_is_refused_when_it_is_none(ledger: Served, prefix: str) -> None:
    answered = ledger.http.get(f"/v1/status-prefixes/{prefix}")
    assert answered.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answered.json()["errors"][0]["parameter"] == "prefix"


def test_answer_is_kept_by_caches_until_something_changes(ledger: Served, key: str) -> None:
    public_id = ledger.issue(key)["id"]
    path = f"/v1/status-prefixes/{bits(public_id, longest(ledger))}"
    first = ledger.http.get(path)
    assert first.headers["cache-control"] == f"{PUBLIC_CACHE}, no-transform"
    again = ledger.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (httpx.codes.NOT_MODIFIED, b"")
    ledger.write("POST", f"/v1/credentials/{public_id}/suspension", {"reason": "under_review"}, key)
    changed = ledger.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == httpx.codes.OK
    assert changed.json()["awards"][look_up_hash(public_id)][1] == "suspended"


def test_every_award_is_listed_when_there_are_few(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("few") / "data") as served:
        lengths = served.http.get("/v1/status-prefixes").json()
        assert lengths == {"awards": 0, "shared_by": 1_000, "shortest_bits": 0, "longest_bits": 0}
        assert served.http.get("/v1/status-prefixes/all").json()["awards"] == {}
        made = served.issue(open_school(served))["id"]
        assert list(served.http.get("/v1/status-prefixes/all").json()["awards"]) == [look_up_hash(made)]
        stolen = {"compromised_at": "2026-01-01T00:00:00Z"}
        place = f"/v1/institutions/{SLUG}/keys/key-1/compromise"
        assert served.write("POST", place, stolen, served.key()).is_success
        assert in_short(served, made) == ordinary(served, made)
        assert ordinary(served, made)[:2] == ["unknown", "active"]
        refused = served.http.get("/v1/status-prefixes/0")
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert refused.json()["detail"].endswith("send all")


def test_parts_of_a_diploma_are_not_listed(ledger: Served, key: str) -> None:
    publish_programme(ledger, key, SLUG, modules=2, withdrawal="stand", review_days=None)
    before = ledger.http.get("/v1/status-prefixes").json()["awards"]
    parts = [one["id"] for one in unpack(ledger, key, diploma(ledger, key), 1, 2).json()["parts"]]
    assert ledger.http.get("/v1/status-prefixes").json()["awards"] == before + 1  # the diploma
    ledger.write("POST", f"/v1/credentials/{parts[0]}/suspension", {"reason": "under_review"}, key)
    assert [in_short(ledger, part) for part in parts] == [None, None]


def test_request_counts_as_many(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = {"rate_limit_per_minute": 50, "rate_limit_burst": 0}
    with serving(tmp_path_factory.mktemp("counted") / "data", **limits) as served:
        codes = [served.http.get("/v1/status-prefixes/all").status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]


@pytest.mark.parametrize("awards", [0, 1, 999, 1_253, 2_505, 2_506, 2_507, 10_000, 1_000_000, 123_456_789])
def test_prefix_is_as_long_as_it_may_be(awards: int) -> None:
    longest_bits, mean = longest_prefix(awards, 1_000), 1_000 + 8 * math.sqrt(1_000)
    assert longest_bits == 0 or awards / 2**longest_bits >= mean
    assert awards / 2 ** (longest_bits + 1) < mean


def test_filling_is_enough_for_the_fullest_prefix() -> None:
    """The chance that a Poisson number is above what there is room for, summed from there on."""
    mean = 2 * (1_000 + 8 * math.sqrt(1_000))
    room = (answer_bytes(1_000, 0) - 4_096) // AWARD_BYTES
    first = math.exp(room * math.log(mean) - mean - math.lgamma(room + 1))
    assert first / (1 - mean / room) < 1e-12


def test_bucket_is_hardly_ever_smaller_than_promised() -> None:
    mean, total = 1_000 + 8 * math.sqrt(1_000), 0.0
    for count in range(1_000):
        total += math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    assert total < 1e-11


def test_mirror_never_says_valid_when_it_knows_too_little() -> None:
    """As for the ordinary answer; the whole mirror is tested in tests/system."""
    since = datetime(2026, 1, 31, tzinfo=UTC)

    class Inner:
        def briefs(self, found: object) -> Iterator[Brief]:
            del found
            yield Brief("valid", "active", since)
            yield Brief("invalid", "revoked", since)

    class Head:
        is_too_old = True

    told = MirroredStatuses(Inner(), Head(), "http://ledger.test").briefs([])  # type: ignore[arg-type]  # stand-ins
    assert [one.verdict for one in told] == ["unknown", "invalid"]
