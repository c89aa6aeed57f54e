"""Which outside witnesses of time a ledger has, by its settings, and the policy that follows for its own answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.anchor_schedule import AnchorSchedule
from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import Cosigner
from anchoring.cosigned_anchor import CosignedAnchor, anchor_name
from anchoring.cosigner_key import CosignerKey
from anchoring.evm import EvmAnchor, Rpc
from anchoring.note import NoteVerifier
from anchoring.publication import LogKeys
from anchoring.reader import LogReader
from anchoring.rfc3161 import Rfc3161Anchor, Transport
from anchoring.time_anchor import TimeAnchor
from anchoring.witness_anchor import WitnessAnchor
from api.ledger_node import LedgerNode
from api.log_node import LogNode, PublicLog
from api.setting import SettingError, Settings
from api.witness_setup import read_witness_policy
from ledger.application import Clock
from ledger.log_key import LogKeys as KeptKeys
from verifier.policy import Authority, Policy, retire_key, trust_key

REQUEST_TYPE: Final = "application/timestamp-query"
TIMEOUT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 65_535
EVM_NAME: Final = "evm"
WITNESS_NAME: Final = "demonstration-witness"
KEPT_INTERVAL: Final = timedelta(minutes=10)
"""Longest pause between two words of a witness that are kept. They cost nobody a fee, and an entry of the log each."""
KEPT_RETRY: Final = timedelta(minutes=1)
"""Longest pause after a failure: nobody is asked, it is only looked whether the witness has signed."""
Sleep = Callable[[float], None]


def http_transport(url: str) -> Transport:
    """Make the way to the time-stamp authority at *url*. Source: RFC 3161, section 3.4."""
    return lambda request: _post(url, request, REQUEST_TYPE)


def evm_rpc(url: str) -> Rpc:
    """Make the way to the node at *url*. Source: JSON-RPC 2.0."""

    def call(method: str, arguments: Sequence[Any]) -> Any:  # noqa: ANN401  what JSON can hold
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(arguments)}
        answer = msgspec.json.decode(_post(url, msgspec.json.encode(body), "application/json"))
        if not isinstance(answer, dict) or "error" in answer or "result" not in answer:
            message = answer.get("error") if isinstance(answer, dict) else "no JSON-RPC answer"
            raise ValueError(message)
        return answer["result"]

    return call


def _post(url: str, content: bytes, kind: str) -> bytes:
    """Post and read the answer: no redirects, no more bytes than any honest answer has, no longer than the time-out.

    Raises:
        httpx.HTTPError: There is no answer in time, or it is no success.
        ValueError: The answer is too long.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    headers = {"Content-Type": kind, "Accept-Encoding": "identity"}
    with httpx.stream(
        "POST", url, content=content, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=False
    ) as answer:
        answer.raise_for_status()
        received = bytearray()
        for part in answer.iter_raw():
            received += part
            if len(received) > MAX_ANSWER_BYTES:
                message = f"an answer of more than {MAX_ANSWER_BYTES} bytes"
                raise ValueError(message)
            if time.monotonic() > deadline:
                message = f"no whole answer in {TIMEOUT_SECONDS:.0f} s"
                raise httpx.ReadTimeout(message)
    return bytes(received)


def time_stamp_anchors(settings: Settings) -> list[tuple[Rfc3161Anchor, Authority]]:
    """The time-stamp authorities of the settings, each with its pinned certificates.

    Raises:
        SettingError: There are not as many certificates as authorities, one cannot be read, or a chain has no end.
    """
    if len(settings.tsa_urls) != len(settings.tsa_certificates):
        message = "CAIRN_TSA_CERTIFICATES names one certificate file for each of CAIRN_TSA_URLS, in the same order"
        raise SettingError(message)
    anchors: list[tuple[Rfc3161Anchor, Authority]] = []
    for url, file in zip(settings.tsa_urls, settings.tsa_certificates, strict=True):
        signer, *chain = _certificates(file)
        name = (urlsplit(url).hostname or "tsa") + (f"-{len(anchors)}" if anchors else "")
        anchor = Rfc3161Anchor(name, http_transport(url), signer, intermediates=chain[:-1], roots=chain[-1:])
        authority = Authority(name, signer, tuple(chain))
        if not authority.is_closed:
            message = f"CAIRN_TSA_CERTIFICATES: {file} needs the issuers too, up to a self-signed certificate"
            raise SettingError(message)
        anchors.append((anchor, authority))
    return anchors


def evm_anchors(settings: Settings, sleep: Sleep = time.sleep) -> list[EvmAnchor]:
    """The anchor on a chain, if the settings have one; it waits for blocks with *sleep*."""
    if settings.evm_rpc_url is None or settings.evm_chain_id is None or settings.evm_account is None:
        return []
    anchor = EvmAnchor(
        f"{EVM_NAME}-{settings.evm_chain_id}",
        evm_rpc(settings.evm_rpc_url),
        chain_id=settings.evm_chain_id,
        account=settings.evm_account,
        confirmations=settings.evm_confirmations,
        sleep=sleep,
    )
    return [anchor]


def demonstration_witness(node: LedgerNode, log: PublicLog, clock: Clock) -> WitnessAnchor:
    """The witness that a demonstration has in place of one outside; its key is in the demonstration's own vault."""

    def prove(old: Checkpoint, new: Checkpoint) -> Sequence[bytes]:
        return LogReader(log.tiles.read, new).consistency_proof(old.size)

    return WitnessAnchor(demonstration_cosigner(node), NoteVerifier(log.keys.log.vkey), prove, clock)


def demonstration_cosigner(node: LedgerNode) -> Cosigner:
    """The key of the demonstration's witness."""
    key = Ed25519PrivateKey.from_private_bytes(node.vault.secret(WITNESS_NAME))
    return Cosigner(WITNESS_NAME, key)


def time_anchors(node: LedgerNode, log: PublicLog, clock: Clock, sleep: Sleep = time.sleep) -> list[TimeAnchor]:
    """Every time anchor of a ledger.

    Args:
        node: The ledger.
        log: Its log.
        clock: Present instant.
        sleep: Waits so many seconds; may raise AnchorError to have a long wait given up.
    """
    anchors: list[TimeAnchor] = [anchor for anchor, _ in time_stamp_anchors(node.settings)]
    anchors += evm_anchors(node.settings, sleep)
    if node.identity.demonstration:
        anchors.append(demonstration_witness(node, log, clock))
    return [*anchors, *cosigned_anchors(log, frozenset(anchor.name for anchor in anchors))]


def anchor_schedules(anchors: Sequence[TimeAnchor], interval: timedelta) -> dict[str, AnchorSchedule]:
    """When each anchor is asked, by its name.

    Args:
        anchors: The anchors.
        interval: What the operator chose; witnesses' words are kept at least every ten minutes all the same.
    """
    usual = AnchorSchedule(interval=interval)
    kept = AnchorSchedule(min(interval, KEPT_INTERVAL), longest_retry=KEPT_RETRY)
    return {anchor.name: kept if isinstance(anchor, CosignedAnchor) else usual for anchor in anchors}


def cosigned_anchors(log: PublicLog, taken: frozenset[str]) -> list[CosignedAnchor]:
    """An anchor for each witness key that is asked over the network; a key of the log's own is no outside word.

    Args:
        log: The log, with its witnesses.
        taken: Names of other anchors.
    """
    anchors: list[CosignedAnchor] = []
    witnesses = log.witnesses if isinstance(log, LogNode) else None
    if witnesses is None:
        return anchors
    for name, key in witnesses.asked():
        if not _is_own(key, log.keys):
            called = anchor_name(key, taken | {anchor.name for anchor in anchors})
            anchors.append(CosignedAnchor(called, partial(witnesses.given, name)))
    return anchors


def _is_own(key: CosignerKey, keys: LogKeys) -> bool:
    return key.name == keys.log.name or key.vkey == keys.operator.vkey


def own_policy(node: LedgerNode, keys: LogKeys) -> Policy:
    """Whose word this server takes when it verifies: its own log's, its witnesses' and its configured anchors'."""
    policy = trust_key(Policy(), keys.log.vkey)
    if keys.successor is not None:
        policy = trust_key(policy, keys.successor.vkey)
    policy = _with_older_keys(policy, node.log_keeping.keys())
    asked = read_witness_policy(node.settings, keys.log.vkey)
    if asked is not None:
        policy = replace(policy, witnesses=asked.witnesses, groups=asked.groups, quorum=asked.quorum)
    if node.identity.demonstration:
        policy = trust_key(policy, demonstration_cosigner(node).vkey)
    authorities = tuple(authority for _, authority in time_stamp_anchors(node.settings))
    return replace(policy, authorities=authorities)


def _with_older_keys(policy: Policy, kept: KeptKeys) -> Policy:
    """Add the keys that the log signed with before, each with the instant from which it counts no more by itself."""
    for one in kept.generations[:-1]:
        for role in ("log", "successor"):
            vkey = one.vkeys.get(role)
            policy = policy if vkey is None else trust_key(policy, vkey)
        if one.ended_at is not None:
            for vkey in one.vkeys.values():
                policy = retire_key(policy, vkey, one.ended_at)
    return policy


def _certificates(file: Path) -> list[x509.Certificate]:
    """The certificates in *file*: the authority's own first, then its chain up to a self-signed one.

    Raises:
        SettingError: The file cannot be read, or the chain does not end in a self-signed certificate.
    """
    try:
        raw = file.read_bytes()
        is_text = raw.startswith(b"-----")
        chain = x509.load_pem_x509_certificates(raw) if is_text else [x509.load_der_x509_certificate(raw)]
    except (OSError, ValueError) as error:
        message = f"CAIRN_TSA_CERTIFICATES: {file} holds no certificates in PEM or DER form"
        raise SettingError(message) from error
    if chain[-1].issuer != chain[-1].subject:
        message = f"CAIRN_TSA_CERTIFICATES: {file} has to end in the self-signed root of the authority's certificate"
        raise SettingError(message)
    return chain
