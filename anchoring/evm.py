r"""Time anchors by a transaction on an Ethereum-like chain.

The transaction goes from an account to itself, moves nothing, and carries

    "cairn/anchor/v1\n" || root of the checkpoint (32 bytes) || SHA-256 of the signed note (32 bytes)

The account's key is not here: the node, or a signer in front of it (Clef, Web3Signer), signs what
`eth_sendTransaction` asks for. The token kept is JSON that names the chain, the transaction and its block; who can ask
a node of that chain checks it again, and for who cannot it counts for nothing.

What it proves: the note existed when the block was made, as far as that chain's time and finality can be believed.
What it does not: that the log showed everybody the same note.

Source: Ethereum JSON-RPC specification (eth_chainId, eth_sendTransaction, eth_getTransactionByHash,
eth_getBlockByHash, eth_blockNumber).
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from anchoring.anchor_record import require_anchor_name
from anchoring.checkpoint import parse_checkpoint
from anchoring.error import AnchorError, AnchoringError, MalformedError, SignatureError
from anchoring.note import parse_note
from anchoring.time_anchor import AnchorProof

KIND: Final = "evm"
TAG: Final = b"cairn/anchor/v1\n"
MAX_TOKEN_BYTES: Final = 1024
POLL_SECONDS: Final = 0.5
_HASH: Final = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}", re.ASCII)
_QUANTITY: Final = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,15})", re.ASCII)
_MAX_POSIX: Final = 253_402_300_799  # the year 9999

Rpc = Callable[[str, Sequence[Any]], Any]
"""Calls a method of a node and returns its result; raises whatever it likes, and sets its own time-out."""


@dataclass(frozen=True, slots=True)
class EvmToken:
    """Where an anchor's transaction is.

    Attributes:
        chain_id: Number of the chain.
        transaction: Hash of the transaction, `0x` and 64 lower-case hex digits.
        block: Hash of its block, in the same form.
        number: Number of the block.
        timestamp: POSIX seconds, as the block says.
    """

    chain_id: int
    transaction: str
    block: str
    number: int
    timestamp: int

    def encode(self) -> bytes:
        """Write the token: JSON in one fixed order, without spaces."""
        members = {
            "version": 1,
            "chain_id": self.chain_id,
            "transaction": self.transaction,
            "block": self.block,
            "number": self.number,
            "timestamp": self.timestamp,
        }
        return json.dumps(members, separators=(",", ":")).encode()


def parse_evm_token(token: bytes) -> EvmToken:
    """Read a token; MalformedError unless it is byte for byte what `EvmToken.encode` writes."""
    try:
        parsed = _token_of(json.loads(token[: MAX_TOKEN_BYTES + 1].decode("ascii")))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise MalformedError("a transaction token that cannot be read") from error
    if parsed.encode() != token:
        raise MalformedError("a transaction token that is not in its one form")
    return parsed


def _token_of(members: dict[str, Any]) -> EvmToken:
    numbers = [members[name] for name in ("chain_id", "number", "timestamp")]
    hashes = [members["transaction"], members["block"]]
    if any(type(one) is not int or one < 0 for one in numbers) or numbers[2] > _MAX_POSIX:
        raise ValueError(numbers)
    if any(_HASH.fullmatch(one) is None for one in hashes):
        raise ValueError(hashes)
    return EvmToken(numbers[0], hashes[0], hashes[1], numbers[1], numbers[2])


def calldata(checkpoint_note: bytes) -> str:
    """Return what the transaction of a note carries, as `0x` and hex digits. Raises MalformedError: it is no note."""
    root = parse_checkpoint(parse_note(checkpoint_note).text).root
    return "0x" + (TAG + root + sha256(checkpoint_note).digest()).hex()


def verify_evm(token: bytes, checkpoint_note: bytes, rpc: Rpc, *, chain_id: int, confirmations: int = 1) -> datetime:
    """Check a token with a node of its chain, which is believed about its chain.

    Args:
        token: See `EvmToken`.
        checkpoint_note: What was anchored.
        rpc: The way to the node.
        chain_id: The chain that counts; a token of any other is refused.
        confirmations: How many blocks there have to be from the transaction's own on.

    Returns:
        The time of the block, aware UTC.

    Raises:
        MalformedError: The token or the note is not in its form.
        SignatureError: The chain does not have it so: another chain, content, block or time, or too few blocks.
        AnchorError: The node cannot be asked, or answers with nonsense.

    Not checked: who sent the transaction; whether the node tells the truth.
    """
    said = parse_evm_token(token)
    wanted = calldata(checkpoint_note)
    if said.chain_id != chain_id or _number(_ask(rpc, "eth_chainId")) != chain_id:
        raise SignatureError(f"a transaction on chain {said.chain_id}, and chain {chain_id} counts")
    found = _object(_ask(rpc, "eth_getTransactionByHash", said.transaction))
    if (found.get("hash"), found.get("input"), found.get("blockHash")) != (said.transaction, wanted, said.block):
        raise SignatureError("the chain holds another transaction than the token says")
    block = _object(_ask(rpc, "eth_getBlockByHash", said.block, False))
    there = (block.get("hash"), _number(block.get("number")), _number(block.get("timestamp")))
    listed = block.get("transactions")
    is_listed = isinstance(listed, list) and said.transaction in listed
    if there != (said.block, said.number, said.timestamp) or not is_listed:
        raise SignatureError("the chain holds another block than the token says")
    by_number = _object(_ask(rpc, "eth_getBlockByNumber", hex(said.number), False))
    if by_number.get("hash") != said.block:
        raise SignatureError("the block is no longer part of the chain")
    newest = _number(_ask(rpc, "eth_blockNumber"))
    if newest - said.number + 1 < confirmations:
        raise SignatureError(f"{newest - said.number + 1} confirmations, and {confirmations} are wanted")
    return datetime.fromtimestamp(said.timestamp, UTC)


class EvmAnchor:
    """A `TimeAnchor` that sends a transaction through one node."""

    kind: Final = KIND

    def __init__(
        self,
        name: str,
        rpc: Rpc,
        *,
        chain_id: int,
        account: str,
        confirmations: int = 1,
        patience_seconds: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the anchor's name, the way to its node, and what is expected of the chain.

        Args:
            name: 1..128 printable characters.
            rpc: The way to the node.
            chain_id: Nothing is sent if the node is of another chain.
            account: The sender, `0x` and 40 lower-case hex digits; the node or its signer holds the key.
            confirmations: Blocks to wait for, the transaction's own counted.
            patience_seconds: How long to wait for them.
            sleep: Waits for some seconds.

        Raises:
            MalformedError: The name or the account is not in its form.
        """
        require_anchor_name(name)
        if not _ADDRESS.fullmatch(account):
            raise MalformedError("an account that is not 0x and 40 lower-case hex digits")
        self.name: Final = name
        self._rpc, self._chain_id, self._account = rpc, chain_id, account
        self._confirmations, self._patience, self._sleep = confirmations, patience_seconds, sleep

    def stamp(self, checkpoint_note: bytes) -> AnchorProof:
        """Send a transaction, wait until it is in a block deep enough, and check it; see `TimeAnchor.stamp`."""
        try:
            transaction = self._send(calldata(checkpoint_note))
            # A crash from here on loses the transaction, which then has cost its fee for nothing.
            token = self._mined(transaction).encode()
            at = verify_evm(
                token, checkpoint_note, self._rpc, chain_id=self._chain_id, confirmations=self._confirmations
            )
        except AnchoringError as error:
            raise AnchorError(f"{self.name} gave no usable transaction: {error}") from error
        return AnchorProof(KIND, self.name, at, token)

    def _send(self, data: str) -> str:
        if _number(_ask(self._rpc, "eth_chainId")) != self._chain_id:
            raise AnchorError(f"the node is not of chain {self._chain_id}")
        request = {"from": self._account, "to": self._account, "value": "0x0", "data": data}
        transaction = _ask(self._rpc, "eth_sendTransaction", request)
        if not isinstance(transaction, str) or not _HASH.fullmatch(transaction):
            raise AnchorError("the node answered with no transaction hash")
        return transaction

    def _mined(self, transaction: str) -> EvmToken:
        waited = 0.0
        while True:
            found = _object(_ask(self._rpc, "eth_getTransactionByHash", transaction))
            if found.get("blockHash") is not None:
                number = _number(found.get("blockNumber"))
                if _number(_ask(self._rpc, "eth_blockNumber")) - number + 1 >= self._confirmations:
                    block = _object(_ask(self._rpc, "eth_getBlockByHash", found["blockHash"], False))
                    stamp = _number(block.get("timestamp"))
                    return EvmToken(self._chain_id, transaction, str(found["blockHash"]), number, stamp)
            if waited >= self._patience:
                raise AnchorError(f"the transaction was not deep enough in the chain after {self._patience:.0f} s")
            self._sleep(POLL_SECONDS)
            waited += POLL_SECONDS


def _ask(rpc: Rpc, method: str, *arguments: Any) -> Any:  # noqa: ANN401  what JSON can hold
    try:
        return rpc(method, arguments)
    except Exception as error:
        raise AnchorError(f"the node does not answer {method}: {error}") from error


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise AnchorError("the node does not know what was asked for")
    return answer


def _number(answer: object) -> int:
    if not isinstance(answer, str) or not _QUANTITY.fullmatch(answer):
        raise AnchorError("the node answered with no number")
    return int(answer, 16)
