"""What is fetched for the VC-API and the DID resolver: DID documents of other hosts, status lists of other issuers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from openvc.did.base import DidResolutionError

from api.cpu_bound import CpuBound
from api.did_resolution import NOT_FOUND, DidError, DidResolution, web_documents
from api.document_work import DocumentWork
from api.fetching import Fetching
from api.foreign import ForeignVerification
from api.route.vc_api import verify_router
from api.setting import Settings, load_settings
from api.vc_api.elsewhere import read_foreign_lists
from api.vc_api.judging import Judging
from api.vc_api.keys import DidKeys
from api.vc_api.listed_status import ListedStatus, Word
from tests.api.client import send
from tests.verifier.foreign.maker import (
    LIST_URL,
    NOW,
    badge,
    did_document,
    did_key,
    did_web,
    encode,
    sign,
    status_entry,
    status_list,
)
from verifier.error import KeyRefusedError, KeyUnavailableError
from verifier.foreign.source import Answer, Found, Missing
from verifier.public_key import PublicKey

JSON_TYPE = {"content-type": "application/json"}
ISSUER, WEB = did_key(name="alice"), did_web()


class Known(Fetching):
    """A network that holds a few documents."""

    def __init__(self, settings: Settings, held: Mapping[str, bytes]) -> None:
        super().__init__(settings)
        self.held = held

    def answer(self, name: str, *, fresh: bool = False) -> Answer:
        del fresh
        return Found(self.held[name]) if name in self.held else Missing("unreachable", "nothing there")


class Nothing:
    """A ledger that has none of it itself."""

    def own(self, name: str) -> bytes | None:
        del name
        return None

    def is_own(self, name: str) -> bool:
        del name
        return False

    def listed(self, issuer: str) -> str | None:
        del issuer
        return None


def network(held: Mapping[str, bytes]) -> Known:
    return Known(load_settings({}), held)


def resolution(held: Mapping[str, bytes]) -> DidResolution:
    return DidResolution(lambda _: None, web_documents(network(held).answer))


def test_document_of_another_host_is_resolved_when_it_may_be_asked() -> None:
    document = did_document(WEB)
    found = resolution({WEB.did: encode(document)})
    assert found.document(WEB.did) == document
    assert DidKeys(found).verification_key(WEB.method, "assertionMethod") == PublicKey.from_jwk(WEB.jwk)
    with pytest.raises(KeyRefusedError):
        DidKeys(found).verification_key(WEB.method, "keyAgreement")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"{}", encode(did_document(WEB, id="did:web:other.example")), b'{"id":"a","id":"b"}'],
    ids=["nothing", "a list", "no JSON", "no id", "another's", "a name twice"],
)
def test_document_of_another_host_is_not_found_when_it_is_none(body: bytes) -> None:
    with pytest.raises(DidError) as raised:
        resolution({WEB.did: body}).document(WEB.did)
    assert raised.value.code == NOT_FOUND
    with pytest.raises(KeyUnavailableError):
        DidKeys(resolution({})).verification_key(WEB.method, "assertionMethod")


def test_document_that_could_not_be_fetched_is_said_to_be_so() -> None:
    with pytest.raises(DidResolutionError, match="nothing there"):
        web_documents(network({}).answer)(WEB.did)


@pytest.mark.parametrize(
    "held, word",
    [
        ({LIST_URL: status_list(ISSUER)}, Word.CLEAR),
        ({LIST_URL: status_list(ISSUER, 94_567)}, Word.SET),
        ({LIST_URL: status_list(did_key(name="mallory"), 94_567)}, Word.UNKNOWN),
        ({LIST_URL: b"{}"}, Word.UNKNOWN),
        ({}, Word.UNKNOWN),
    ],
    ids=["clear", "set", "another issuer's", "no list", "nothing"],
)
def test_status_list_of_another_issuer_is_read_when_it_may_be_asked(held: Mapping[str, bytes], word: Word) -> None:
    foreign = ForeignVerification(network(held), Nothing(), None)
    document: dict[str, Any] = sign(badge(ISSUER, credentialStatus=status_entry()), ISSUER)
    said = read_foreign_lists(foreign, lambda: NOW)(document)
    assert said.word is word
    assert (said.problem is None) == (word is Word.CLEAR)


def test_status_of_what_cannot_be_read_is_unknown() -> None:
    foreign = ForeignVerification(network({}), Nothing(), None)
    assert read_foreign_lists(foreign, lambda: NOW)({"type": []}).word is Word.UNKNOWN


def test_request_is_answered_by_its_deadline_when_every_host_is_slow() -> None:
    release = threading.Event()

    def slow(url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        del url, timeout_seconds, max_bytes
        release.wait(30)
        return b""

    fetching = Fetching(Settings(fetch=True, fetch_timeout_seconds=10, fetch_deadline_seconds=2), slow)
    signed = [sign(badge(did_web(f"h{number}.example")), did_web(f"h{number}.example")) for number in range(8)]
    shown = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": signed,
    }
    keys = DidKeys(DidResolution(lambda _: None, web_documents(fetching.answer)))
    presentation = sign(shown, ISSUER, proof_purpose="authentication")
    cpu = CpuBound()
    try:
        judging = Judging(
            DocumentWork(cpu), keys, ListedStatus("https://here.example", lambda _: None), lambda: NOW, None
        )
        app = FastAPI()
        app.include_router(verify_router(judging, 1_000_000, fetching.one_request))
        content = encode({"verifiablePresentation": presentation})
        begin = time.monotonic()
        answer = send(app, "POST", "/vc-api/presentations/verify", headers=JSON_TYPE, content=content)
        took = time.monotonic() - begin
    finally:
        release.set()
        cpu.close()
    assert (answer.status_code, answer.json()["verified"]) == (400, False)
    assert took < 40  # eight times ten seconds without a deadline, and much time for the processor
    assert len(answer.json()["problemDetails"]) >= 8
