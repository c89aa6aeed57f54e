"""What is remembered of other credentials changes nothing in what is said of one."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.cpu_bound import CpuBound
from api.document_work import DocumentWork, Expected
from api.vc_api.judging import Judging
from api.vc_api.listed_status import ListedStatus
from api.vc_api.request import VerifyRequest
from tests.jsonld.document import mutated
from tests.verifier.test_familiar import ODD, another, leaves
from tests.verifier.test_integrity import ED25519, KEYS, NOW, resigned, signed
from verifier.error import JsonLdError
from verifier.integrity.proof import KeySource
from verifier.public_key import PublicKey

BASE = "https://ledger.example.edu"
ISSUER = ED25519.kid.partition("#")[0]
EXPECTED = Expected("assertionMethod", NOW)


@pytest.fixture(scope="module")
def cpu() -> Iterator[CpuBound]:
    bound = CpuBound()
    for start in bound.starts():
        start()
    yield bound
    bound.close()


class Counting:
    """A key source that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        self.asked += 1
        return KEYS.verification_key(method, purpose)


def judging(cpu: CpuBound, now: datetime = NOW, keys: KeySource = KEYS) -> Judging:
    """Make one that has met no make; shapes are known to the whole process."""
    lists = ListedStatus(BASE, lambda _: (ISSUER, bytes(16_384)))
    return Judging(DocumentWork(cpu), keys, lists, lambda: now)


def asked(document: Any, challenge: str | None = None, purpose: str | None = None) -> VerifyRequest:  # noqa: ANN401  any JSON
    return VerifyRequest(document, challenge, None, needs_status=True, purpose=purpose)


def badge(number: int, suite: str = "eddsa-jcs-2022", **members: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    return signed(suite, ED25519, {**another(number), "issuer": {"id": ISSUER, "type": ["Profile"]}, **members})


def warmed(cpu: CpuBound, suite: str) -> Judging:
    """Make one that has met a make, and knows others of it again."""
    warm = judging(cpu)
    for number in range(6):
        assert warm.credential(asked(badge(number, suite))).verified
    assert warm._work.verify_familiar(badge(7, suite), KEYS, EXPECTED) is not None
    return warm


def require_same(warm: Judging, cpu: CpuBound, request: VerifyRequest, now: datetime = NOW) -> bool:
    judged = warm.credential(request)
    assert judged == judging(cpu, now).credential(request)
    return judged.verified


@pytest.mark.parametrize("suite", ["eddsa-jcs-2022", "eddsa-rdfc-2022"])
def test_judging_answers_alike_when_a_make_is_known(cpu: CpuBound, suite: str) -> None:
    warm = warmed(cpu, suite)
    good = badge(8, suite)
    assert require_same(warm, cpu, asked(good))
    assert require_same(warm, cpu, asked(good, purpose="assertionMethod"))
    for request in (
        asked(good, challenge="abc"),
        asked(good, purpose="authentication"),
        asked({**good, "name": "other"}),
        asked(badge(8, suite, issuer={"id": "did:example:other", "type": ["Profile"]})),
        asked(badge(8, suite, validUntil="2026-11-25T11:59:59Z")),
        asked(badge(8, suite, validFrom="2026-11-25T12:00:01Z")),
        asked(badge(8, suite, validFrom="2031-03-01T10:00:01Z")),
        asked({**good, "proof": {**good["proof"], "created": "2026-11-25T12:10:00Z"}}),
        asked([good]),
    ):
        assert not require_same(warm, cpu, request)


def test_judging_answers_alike_when_a_status_is_set_or_malformed(cpu: CpuBound) -> None:
    warm, good = warmed(cpu, "eddsa-jcs-2022"), badge(8)
    for change in (
        {"statusListIndex": "200000"},
        {"statusListIndex": "07"},
        {"statusListIndex": "x"},
        {"statusPurpose": ""},
        {"statusListCredential": "nowhere"},
        {"statusListCredential": "https://other.example/1"},
        {"id": f"{BASE}/status-lists/0"},
        {"id": "no url"},
    ):
        changed = copy.deepcopy(good)
        changed["credentialStatus"][0] |= change
        assert not require_same(warm, cpu, asked(resigned(changed)))


@pytest.mark.parametrize("seed", range(2))
def test_judging_answers_alike_when_anything_differs(cpu: CpuBound, seed: int) -> None:
    warm, chance, good = warmed(cpu, "eddsa-jcs-2022"), random.Random(seed), badge(8)
    verified = 0
    for _ in range(50):
        changed = copy.deepcopy(good)
        for parent, key in chance.sample(list(leaves(changed)), 2):
            parent[key] = chance.choice(ODD) if chance.random() < 0.5 else f"{parent[key]}{chance.choice('0 xé')}"
        verified += require_same(warm, cpu, asked(resigned(changed)))
        require_same(warm, cpu, asked(resigned(mutated(good, chance) | {"proof": good["proof"]})))
    assert verified


def test_judging_answers_alike_when_rdf_that_differs_is_signed(cpu: CpuBound) -> None:
    warm, chance, signed_any = warmed(cpu, "eddsa-rdfc-2022"), random.Random(3), 0
    for number in range(40):
        changed = mutated({**another(number), "issuer": {"id": ISSUER, "type": ["Profile"]}}, chance)
        try:
            document = signed("eddsa-rdfc-2022", ED25519, changed)
        except (JsonLdError, ValueError):
            continue
        signed_any += 1
        require_same(warm, cpu, asked(document))
    assert signed_any


def test_judging_asks_once_for_a_key_when_a_signature_is_wrong(cpu: CpuBound) -> None:
    keys = Counting()
    warm = judging(cpu, keys=keys)
    for number in range(6):
        assert warm.credential(asked(badge(number))).verified
    keys.asked = 0
    assert not warm.credential(asked({**badge(8), "name": "other"})).verified
    assert keys.asked == 1


def test_judging_judges_by_the_instant_when_a_make_is_known(cpu: CpuBound) -> None:
    warm = warmed(cpu, "eddsa-jcs-2022")
    late = NOW + timedelta(days=3_000)
    warm._now = lambda: late
    assert not require_same(warm, cpu, asked(badge(8)), late)
