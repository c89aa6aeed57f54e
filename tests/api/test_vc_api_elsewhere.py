"""What is fetched for the VC-API and the DID resolver: DID documents of other hosts, status lists of other issuers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from openvc.did.base import DidResolutionError

from api.did_resolution import NOT_FOUND, DidError, DidResolution, web_documents
from api.fetching import Fetching
from api.foreign import ForeignVerification
from api.setting import Settings, load_settings
from api.vc_api.elsewhere import read_foreign_lists
from api.vc_api.keys import DidKeys
from api.vc_api.listed_status import Word
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
