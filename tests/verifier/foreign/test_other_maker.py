"""Documents made with the JavaScript libraries of the field are judged here like any other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openvc.multibase import encode_multibase

from tests.node.processor import Processor
from tests.verifier.foreign.maker import ISSUED, badge, did_key, instant, judge, seed
from verifier.report import Verdict


@pytest.fixture(scope="module")
def processor() -> Iterator[Processor]:
    one = Processor()
    yield one
    one.close()


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022", "ecdsa-rdfc-2019"])
def test_document_is_valid_when_digitalbazaar_signed_it_and_not_when_it_was_changed(
    processor: Processor, suite: str
) -> None:
    kind = "EdDSA" if suite.startswith("eddsa") else "ES256"
    issuer = did_key(kind)
    secret = seed("alice") if kind == "EdDSA" else (int.from_bytes(seed("alice")) % 2**250 + 1).to_bytes(32)
    prefix = b"\x80\x26" if kind == "EdDSA" else b"\x86\x26"
    pair = {
        "type": "Multikey",
        "id": issuer.method,
        "controller": issuer.did,
        "publicKeyMultibase": issuer.did.removeprefix("did:key:"),
        "secretKeyMultibase": encode_multibase(prefix + secret),
    }
    answer = processor.ask(sign=badge(issuer), suite=suite, key=pair, date=instant(ISSUED))
    assert "signed" in answer, answer
    signed = answer["signed"]
    assert judge(signed).verdict is Verdict.VALID
    signed["credentialSubject"]["achievement"]["name"] += "!"
    assert judge(signed).verdict is Verdict.INVALID
    assert judge(signed).reason == "proof_wrong"
