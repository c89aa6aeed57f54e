"""The contract against real time-stamp authorities and a real chain, and what is each adapter's own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from anchoring.anchorer import Anchorer
from anchoring.error import AnchorError, MalformedError, SignatureError
from anchoring.evm import EvmAnchor, EvmToken, Rpc, calldata, parse_evm_token, verify_evm
from anchoring.rfc3161 import MAX_TOKEN_BYTES, Rfc3161Anchor, verify_rfc3161
from loadtests.port import free_port
from tests.anchoring.anchor_contract import Adapter, AnchorContract, log, signed_note
from tests.anchoring.chain import ACCOUNT, CHAIN_ID, local_chain, rpc_to
from tests.anchoring.doubles import Log
from tests.anchoring.tsa import Authority, certomancer_responder, make_authority, openssl_responder, served

__all__ = ["log"]


def nobody(_: bytes) -> bytes:
    raise ConnectionRefusedError("nobody listens")


def stamp_adapter(authority: Authority, transport: Callable[[bytes], bytes]) -> Adapter:
    def anchor(way: Callable[[bytes], bytes]) -> Rfc3161Anchor:
        return Rfc3161Anchor("tsa.example", way, authority.certificate, roots=[authority.root])

    def verify(token: bytes, note: bytes) -> datetime:
        return verify_rfc3161(token, note, authority.certificate, roots=[authority.root])

    ways = (nobody, lambda _: b"", lambda _: b"<html>", lambda _: bytes(MAX_TOKEN_BYTES + 1))
    return Adapter(anchor(transport), verify, tuple(anchor(way) for way in ways))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority("contract", datetime.now(UTC))


class TestOpensslAuthority(AnchorContract):
    """`openssl ts` behind HTTP."""

    @pytest.fixture
    def adapter(self, authority: Authority, tmp_path: Path) -> Iterator[Adapter]:
        with served(openssl_responder(authority, tmp_path)) as transport:
            yield stamp_adapter(authority, transport)


class TestCertomancerAuthority(AnchorContract):
    """certomancer behind HTTP."""

    @pytest.fixture
    def adapter(self, authority: Authority) -> Iterator[Adapter]:
        with served(certomancer_responder(authority)) as transport:
            yield stamp_adapter(authority, transport)


@pytest.fixture(scope="module")
def chain() -> Iterator[Rpc]:
    with local_chain() as port:
        yield rpc_to(port)


def evm(rpc: Rpc, **changes: Any) -> EvmAnchor:  # noqa: ANN401  passed through as given
    settings: dict[str, Any] = {"chain_id": CHAIN_ID, "account": ACCOUNT, "sleep": lambda _: None}
    return EvmAnchor("evm-31337", rpc, **{**settings, **changes})


def answering(rpc: Rpc, method: str, answer: object) -> Rpc:
    """A node that lies about one thing."""
    return lambda name, arguments: answer if name == method else rpc(name, arguments)


class TestChain(AnchorContract):
    """anvil, from npm."""

    @pytest.fixture
    def adapter(self, chain: Rpc) -> Adapter:
        def verify(token: bytes, note: bytes) -> datetime:
            return verify_evm(token, note, chain, chain_id=CHAIN_ID)

        broken = (
            evm(rpc_to(free_port())),
            evm(lambda _, __: None),
            evm(answering(chain, "eth_chainId", "0x1")),
            evm(answering(chain, "eth_sendTransaction", "0x12")),
            evm(answering(chain, "eth_getTransactionByHash", {"blockHash": None}), patience_seconds=1),
            evm(answering(chain, "eth_getBlockByHash", [])),
            evm(answering(chain, "eth_blockNumber", "soon")),
            evm(chain, account="0x" + "12" * 20),
            evm(chain, confirmations=1_000, patience_seconds=1),
        )
        return Adapter(evm(chain), verify, broken)

    def test_transaction_carries_root_and_digest_when_it_is_read_from_the_chain(self, chain: Rpc, log: Log) -> None:
        note = signed_note(log)
        token = parse_evm_token(evm(chain).stamp(note).token)
        sent = chain("eth_getTransactionByHash", [token.transaction])
        assert (sent["input"], sent["to"], sent["from"], sent["value"]) == (calldata(note), ACCOUNT, ACCOUNT, "0x0")
        assert len(bytes.fromhex(calldata(note)[2:])) == 16 + 32 + 32

    def test_stamp_waits_until_the_transaction_is_deep_enough(self, chain: Rpc, log: Log) -> None:
        mined: list[int] = []

        def mine(_: float) -> None:
            mined.append(1)
            chain("evm_mine", [])

        proof = evm(chain, confirmations=4, sleep=mine).stamp(signed_note(log))
        assert len(mined) in {3, 4}  # the block of the transaction itself may come after the first question for it
        assert verify_evm(proof.token, signed_note(log), chain, chain_id=CHAIN_ID, confirmations=4) == proof.at
        with pytest.raises(SignatureError, match="confirmations"):
            verify_evm(proof.token, signed_note(log), chain, chain_id=CHAIN_ID, confirmations=5)

    @pytest.mark.parametrize(
        "method, change",
        [
            ("eth_getTransactionByHash", {"input": "0x"}),
            ("eth_getTransactionByHash", {"blockHash": "0x" + "11" * 32}),
            ("eth_getBlockByHash", {"timestamp": "0x1"}),
            ("eth_getBlockByHash", {"transactions": []}),
            ("eth_getBlockByHash", {"transactions": 7}),
            ("eth_getBlockByHash", {"transactions": None}),
            ("eth_getBlockByNumber", {"hash": "0x" + "11" * 32}),
        ],
    )
    def test_verify_refuses_when_the_chain_has_it_otherwise(
        self, chain: Rpc, log: Log, method: str, change: dict[str, object]
    ) -> None:
        note = signed_note(log)
        token = evm(chain).stamp(note).token

        def other(name: str, arguments: Sequence[Any]) -> object:
            answer = chain(name, arguments)
            return {**answer, **change} if name == method else answer

        with pytest.raises(SignatureError):
            verify_evm(token, note, other, chain_id=CHAIN_ID)
        with pytest.raises(SignatureError):
            verify_evm(token, note, chain, chain_id=1)

    def test_anchor_is_refused_when_its_account_is_none(self, chain: Rpc) -> None:
        for account in (ACCOUNT.upper(), ACCOUNT[2:], ACCOUNT + "\n", ""):
            with pytest.raises(MalformedError):
                evm(chain, account=account)


GOLDEN = (
    b'{"version":1,"chain_id":31337,"transaction":"0x' + b"11" * 32 + b'","block":"0x' + b"22" * 32 + b'",'
    b'"number":7,"timestamp":1767225600}'
)


def test_evm_token_has_golden_bytes_when_written() -> None:
    token = EvmToken(CHAIN_ID, "0x" + "11" * 32, "0x" + "22" * 32, 7, 1_767_225_600)
    assert token.encode() == GOLDEN
    assert parse_evm_token(GOLDEN) == token


@pytest.mark.parametrize(
    "old, new",
    [
        (b'"version":1', b'"version":2'),
        (b":7,", b":07,"),
        (b":7,", b":-7,"),
        (b":7,", b":7.0,"),
        (b":7,", b":true,"),
        (b":7,", b': "7",'),
        (b"0x11", b"0X11"),
        (b"0x11", b"0x1"),
        (b"1767225600", b"253402300800"),
        (b"}", b',"more":1}'),
        (b"{", b" {"),
        (b'"number"', b'"Number"'),
        (GOLDEN, b"[]"),
        (GOLDEN, b"\xff"),
        (GOLDEN, GOLDEN + b" " * 2_000),
    ],
)
def test_evm_token_is_refused_when_not_in_its_one_form(old: bytes, new: bytes) -> None:
    assert old in GOLDEN
    with pytest.raises(MalformedError):
        parse_evm_token(GOLDEN.replace(old, new, 1))


def test_anchors_are_asked_at_the_same_time_and_one_that_hangs_holds_up_none(log: Log) -> None:
    authority = make_authority("parallel", datetime.now(UTC))
    responder, together = certomancer_responder(authority), threading.Barrier(3, timeout=20)

    def answer(request: bytes) -> bytes:
        together.wait()
        return responder(request)

    anchors = [
        Rfc3161Anchor(name, answer, authority.certificate, roots=[authority.root]) for name in ("one", "two", "three")
    ]
    attempts = Anchorer(anchors, log.store, log.clock).run_once()
    assert [(one.name, one.error) for one in attempts] == [("one", None), ("two", None), ("three", None)]


def test_failures_are_remembered_when_the_process_starts_again(log: Log) -> None:
    down = Rfc3161Anchor("down", nobody, make_authority("down", datetime.now(UTC)).certificate)
    for _ in range(40):  # a day and a half of failures
        [attempt] = Anchorer([down], log.store, log.clock).run_once(at_once=True)
        assert attempt.error is not None
        log.clock.advance(3600)
    again = Anchorer([down], log.store, log.clock)
    assert again.standing()[0].history.failures == 40
    log.clock.advance(-3000)
    assert again.run_once() == []  # its pause goes on
    log.clock.advance(3001)
    assert len(again.run_once()) == 1
    with pytest.raises(AnchorError):
        down.stamp(signed_note(log))
