"""One bit of one byte, anywhere in a file: never `valid`, never an error of another kind.

Exempt, and told apart by name below: bytes of a time-stamp token that its authority did not sign
(the envelope around the signed part). Such a token says the same time by the same authority over
the same checkpoint, and the report is the same to the last letter.

Signatures and anchors by keys that the policy does not name are not exempt here, because the
policy of this test names them all.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.note import NoteSigner, signature_line
from tests.verifier.small_log import ISSUED, NOW, SmallLog, compact
from verifier import (
    InputError,
    Policy,
    Report,
    Verdict,
    parse_bundle,
    parse_evidence,
    verify_bundle,
    verify_evidence,
)

PARTS = 4
EVERY = [pytest.param(5, id="one in five"), pytest.param(1, id="each", marks=pytest.mark.soak)]
"""Which bytes are changed; five is no multiple of the four characters that base64 writes together."""


@cache
def files() -> tuple[bytes, bytes, Policy]:
    """An evidence file with every member in use, the bundle around it, and a policy for all."""
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    log.stamp(ISSUED + timedelta(minutes=2))
    log.cosign_anchor(ISSUED + timedelta(minutes=3))
    log.change(award, "suspended", ISSUED + timedelta(days=1))
    log.change(award, "reinstated", ISSUED + timedelta(days=2))
    log.publish(NOW, witnessed=NOW)
    policy = log.policy(witness=True, tsa=True)
    return compact(log.evidence(award)), compact(log.bundle(award)), policy


def judge_evidence(data: bytes) -> Report:
    return verify_evidence(parse_evidence(data), files()[2], now=NOW)


def judge_bundle(data: bytes) -> Report:
    return verify_bundle(parse_bundle(data), files()[2], now=NOW)


def survivors(data: bytes, places: range, judge: Callable[[bytes], Report]) -> Iterator[tuple[int, Report]]:
    """Flip one bit of each byte in turn and yield where the file was still `valid`."""
    rng = random.Random(places.start)
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        try:
            report = judge(bytes(changed))
        except InputError:
            continue
        if report.verdict is Verdict.VALID:
            yield place, report


def token_places(data: bytes) -> range:
    """The RFC 3161 token in an evidence file."""
    start = data.index(b'"token":"MII') + len(b'"token":"')
    return range(start, data.index(b'"', start))


@pytest.mark.slow
@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("part", range(PARTS))
def test_evidence_is_never_valid_when_any_byte_is_changed(part: int, every: int) -> None:
    data = files()[0]
    honest = judge_evidence(data)
    assert honest.verdict is Verdict.VALID
    step = len(data) // PARTS + 1
    token = token_places(data)

    for place, report in survivors(data, range(len(data))[part * step : (part + 1) * step : every], judge_evidence):
        assert place in token, data[place - 40 : place + 20]
        assert report == honest


@pytest.mark.slow
@pytest.mark.parametrize("every", EVERY)
def test_bundle_is_never_valid_when_any_byte_of_document_or_salt_is_changed(every: int) -> None:
    data = files()[1]
    assert judge_bundle(data).verdict is Verdict.VALID
    places = range(0, data.index(b'"evidence":'), every)

    assert [place for place, _ in survivors(data, places, judge_bundle)] == []


@pytest.mark.slow
def test_evidence_is_never_valid_when_it_is_cut_anywhere() -> None:
    data = files()[0]
    for length in range(0, len(data), 7):
        with pytest.raises(InputError):
            parse_evidence(data[:length])


def test_evidence_says_the_same_when_a_line_by_a_key_that_nobody_named_is_altered() -> None:
    """C2SP signed-note: such a line is passed over, so that nobody can break a file by adding one."""
    data = json.loads(files()[0])
    honest = judge_evidence(compact(data))
    stranger = NoteSigner("stranger.example/w", Ed25519PrivateKey.generate())
    line = stranger.sign(data["checkpoint"].partition("\n\n")[0] + "\n")
    for extra in (line, line.replace("stranger", "strange"), signature_line(stranger.name, stranger.key_id, bytes(64))):
        assert judge_evidence(compact({**data, "checkpoint": data["checkpoint"] + extra})) == honest
