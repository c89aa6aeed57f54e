"""Evidence of a part of an unpacked diploma: one bit anywhere, one member exchanged, and it is never `valid`."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest

from api.anchor_setup import own_policy
from tests.api.diploma import award, publish_programme, unpack
from tests.api.served import SLUG, Served
from tests.verifier.test_mutation import EVERY
from verifier import InputError, Policy, Report, Verdict, parse_bundle, parse_evidence, verify_bundle, verify_evidence

SHARES: Final = 4
ALL: Final = (1, 2, 3)
Json = dict[str, Any]


class Shown:
    """Files of parts, and how they are judged."""

    def __init__(self, served: Served, key: str) -> None:
        self._served, self._key = served, key
        publish_programme(served, key, SLUG)
        self.parts, diploma = self._unpack()
        self.others, _ = self._unpack()
        for place, method in (
            (self.parts[0], "POST"),
            (diploma, "POST"),
            (self.parts[0], "DELETE"),
            (diploma, "DELETE"),
        ):
            served.write(
                method, f"/v1/credentials/{place}/suspension", {"reason": "other"} if method == "POST" else {}, key
            )
        self.policy: Policy = own_policy(served.node.parts, served.node.log.keys)
        self.bundle = self._bundle(self.parts[0])
        self.evidence = compact(json.loads(self.bundle)["evidence"])
        self.sibling, self.stranger = (json.loads(self._bundle(one)) for one in (self.parts[1], self.others[0]))
        self.now = datetime.now(UTC)

    def _unpack(self) -> tuple[list[str], str]:
        """Unpack diplomas until two parts of one have places in chunks of their own: places are drawn by lot."""
        for _ in range(20):
            diploma = award(self._served, self._key)
            answered = unpack(self._served, self._key, diploma, *ALL)
            assert answered.status_code == httpx.codes.CREATED, answered.text
            parts = [part["id"] for part in answered.json()["parts"]]
            seen: list[Json] = []
            apart: list[str] = []
            for part in parts:
                evidence = json.loads(self._bundle(part))["evidence"]
                if evidence["status"] not in [*seen, evidence["part"]["status"]]:
                    seen.append(evidence["status"])
                    apart.append(part)
            if len(apart) > 1:
                return [*apart, *(part for part in parts if part not in apart)], diploma
        pytest.fail("of twenty diplomas none had two parts with places apart")

    def _bundle(self, part: str) -> bytes:
        headers = {"Authorization": f"Bearer {self._key}"}
        return compact(self._served.http.get(f"/v1/credentials/{part}/bundle", headers=headers).json())

    def judge_evidence(self, data: bytes) -> Report:
        return verify_evidence(parse_evidence(data), self.policy, now=self.now, max_age=None)

    def judge_bundle(self, data: bytes) -> Report:
        return verify_bundle(parse_bundle(data), self.policy, now=self.now, max_age=None)


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def shown(served: Served, school_key: str) -> Shown:
    return Shown(served, school_key)


def survivors(data: bytes, places: range, judge: Callable[[bytes], Report]) -> Iterator[int]:
    """Flip one bit of each byte in turn and yield where the file was still `valid`."""
    rng = random.Random(places.start)
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        try:
            if judge(bytes(changed)).verdict is Verdict.VALID:
                yield place
        except InputError:
            continue


def test_files_of_a_part_are_valid_as_they_are(shown: Shown) -> None:
    assert shown.judge_evidence(shown.evidence).verdict is Verdict.VALID
    assert shown.judge_bundle(shown.bundle).verdict is Verdict.VALID
    assert len(json.loads(shown.evidence)["entries"]) == 8


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("share", range(SHARES))
def test_evidence_of_a_part_is_never_valid_when_one_bit_is_changed(shown: Shown, share: int, every: int) -> None:
    length = len(shown.evidence)
    places = range(length * share // SHARES, length * (share + 1) // SHARES, every)
    assert list(survivors(shown.evidence, places, shown.judge_evidence)) == []


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("share", range(SHARES))
def test_bundle_of_a_part_is_never_valid_when_one_bit_outside_the_evidence_is_changed(
    shown: Shown, share: int, every: int
) -> None:
    start = shown.bundle.index(b'"evidence"')
    places = range(start * share // SHARES, start * (share + 1) // SHARES, every)
    assert list(survivors(shown.bundle, places, shown.judge_bundle)) == []


def changed(file: Json, **members: object) -> Json:
    return {**file, **members}


def drop_history(file: Json, *indexes: int) -> Json:
    return changed(file, entries=[one for at, one in enumerate(file["entries"]) if at not in indexes])


def leaf_with(file: Json, **members: object) -> Json:
    raw = base64.b64decode(file["part"]["leaf"])
    head, _, body = raw.partition(b"\n")
    leaf = head + b"\n" + compact({**json.loads(body), **members})
    return changed(file, part={**file["part"], "leaf": base64.b64encode(leaf).decode()})


EXCHANGES: Final[dict[str, Callable[[Json, Json, Json], Json]]] = {
    "a sibling's id": lambda file, sibling, _: changed(file, credential=sibling["credential"]),
    "a sibling's leaf": lambda file, sibling, _: changed(file, part=sibling["part"]),
    "a sibling's place": lambda file, sibling, _: changed(
        file, part={**file["part"], "index": sibling["part"]["index"]}
    ),
    "a sibling's status": lambda file, sibling, _: changed(file, status=sibling["status"]),
    "its own status for the shared one": lambda file, _, __: changed(
        file, part={**file["part"], "status": file["status"]}
    ),
    "another unpacking's leaf": lambda file, _, stranger: changed(file, part=stranger["part"]),
    "another unpacking": lambda file, _, stranger: changed(
        file, entries=[stranger["entries"][0], *file["entries"][1:]]
    ),
    "no unpacking": lambda file, _, __: drop_history(file, 0),
    "no programme": lambda file, _, __: drop_history(file, 6),
    "the achievement for the programme": lambda file, _, __: changed(
        file, entries=[*file["entries"][:-2], file["entries"][-1], file["entries"][-1]]
    ),
    "a sibling's achievement": lambda file, sibling, _: changed(
        file, entries=[*file["entries"][:-1], sibling["entries"][-1]]
    ),
    "the histories exchanged": lambda file, _, __: changed(
        file, entries=[file["entries"][at] for at in (0, 3, 4, 5, 1, 2, 6, 7)]
    ),
    "no beginning of its own history": lambda file, _, __: drop_history(file, 3),
    "half of the shared history": lambda file, _, __: drop_history(file, 2),
    "half of its own history": lambda file, _, __: drop_history(file, 5),
    "more credits": lambda file, _, __: leaf_with(file, credits_centi=60_000),
    "another day": lambda file, _, __: leaf_with(file, valid_from="2020-01-01T00:00:00Z"),
    "no part": lambda file, _, __: {name: value for name, value in file.items() if name != "part"},
    "version 1": lambda file, _, __: changed(file, format="cairn/evidence/v1"),
    "version 1 without a part": lambda file, _, __: {
        name: value for name, value in changed(file, format="cairn/evidence/v1").items() if name != "part"
    },
}


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_part_is_not_valid_when_something_in_its_evidence_is_exchanged(
    shown: Shown, exchange: Callable[[Json, Json, Json], Json]
) -> None:
    file = json.loads(shown.evidence)
    altered = exchange(file, shown.sibling["evidence"], shown.stranger["evidence"])
    assert altered != file
    try:
        report = shown.judge_evidence(compact(altered))
    except InputError:
        return
    assert report.verdict is not Verdict.VALID


@pytest.mark.parametrize("other", ["sibling", "stranger"])
def test_document_of_a_part_is_refused_under_the_evidence_of_another(shown: Shown, other: str) -> None:
    bundle, another = json.loads(shown.bundle), getattr(shown, other)
    for mixed in ({**bundle, "evidence": another["evidence"]}, {**another, "evidence": bundle["evidence"]}):
        assert shown.judge_bundle(compact(mixed)).verdict is Verdict.INVALID


def test_award_in_evidence_of_version_2_is_refused(served: Served, school_key: str, shown: Shown) -> None:
    made = served.issue(school_key)
    file = served.http.get(f"/v1/credentials/{made['id']}/evidence").json()
    for altered in (
        changed(file, format="cairn/evidence/v2"),
        changed(file, part=shown.sibling["evidence"]["part"]),
        changed(file, format="cairn/evidence/v2", part=shown.sibling["evidence"]["part"]),
    ):
        try:
            report = shown.judge_evidence(compact(altered))
        except InputError:
            continue
        assert report.verdict is not Verdict.VALID
