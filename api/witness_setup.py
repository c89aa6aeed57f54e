"""Whom a log asks to cosign, by its settings: the policy file, and the way to each witness over HTTP."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx

from anchoring.add_checkpoint import Outcome
from anchoring.anchor_record import require_anchor_name
from anchoring.checkpoint import Checkpoint
from anchoring.cosigned_anchor import full_name
from anchoring.cosigner_key import CosignerKey
from anchoring.error import MalformedError, WitnessError
from anchoring.reader import LogReader
from anchoring.storage import TileStore
from anchoring.tlog_policy import TlogPolicy, parse_tlog_policy
from anchoring.witness_client import Ask, Prover, WitnessClient
from anchoring.witnesses import Witnesses
from api.setting import SettingError, Settings
from ledger.application import Clock

TIMEOUT_SECONDS: Final = 5.0
MAX_ANSWER_BYTES: Final = 65_536
"""16 lines of ML-DSA-44 take some 53,000 bytes."""
MAX_WITNESS_KEYS: Final = 12
"""A verifier reads 16 lines of a checkpoint; three are the log's own, and one is left for its next key."""

OUTCOMES: Final = {
    HTTPStatus.OK: Outcome.COSIGNED,
    HTTPStatus.BAD_REQUEST: Outcome.MALFORMED,
    HTTPStatus.FORBIDDEN: Outcome.UNTRUSTED,
    HTTPStatus.NOT_FOUND: Outcome.UNKNOWN_LOG,
    HTTPStatus.CONFLICT: Outcome.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY: Outcome.INCONSISTENT,
}
"""What each status of the protocol means; any other: the witness cannot answer. Source: C2SP tlog-witness."""


def read_witness_policy(settings: Settings, log_vkey: str) -> TlogPolicy | None:
    """Read the policy that ``CAIRN_WITNESS_POLICY`` names; None when none is named.

    Args:
        settings: What the operator decided.
        log_vkey: This log's own key.

    Raises:
        SettingError: The file cannot be read, is no tlog-policy, is of another log, or has a witness without a URL
            or with a key whose name is too long to be recorded.
    """
    if settings.witness_policy is None:
        return None
    try:
        policy = parse_tlog_policy(settings.witness_policy.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("CAIRN_WITNESS_POLICY: the file cannot be read") from error
    except MalformedError as error:
        raise SettingError(f"CAIRN_WITNESS_POLICY: {error}") from error
    _check_policy(policy, log_vkey)
    return policy


def _check_policy(policy: TlogPolicy, log_vkey: str) -> None:
    if policy.logs and log_vkey not in {log.vkey for log in policy.logs}:
        raise SettingError("CAIRN_WITNESS_POLICY: its log lines are of other logs than this one")
    if len(policy.witnesses) > MAX_WITNESS_KEYS:
        raise SettingError(f"CAIRN_WITNESS_POLICY: more than {MAX_WITNESS_KEYS} witness keys")
    urls = dict(policy.urls)
    for name, key in policy.witnesses:
        try:
            require_anchor_name(full_name(key))
        except MalformedError as error:
            raise SettingError(f"CAIRN_WITNESS_POLICY: the key of {name} has a name that cannot be recorded") from error
        parts = urlsplit(urls.get(name, ""))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise SettingError(f"CAIRN_WITNESS_POLICY: the witness {name} needs the http or https URL to ask it at")


def open_witnesses(settings: Settings, log_vkey: str, tiles: TileStore, clock: Clock) -> Witnesses | None:
    """Start asking the witnesses of the settings; None when there are none.

    Raises:
        SettingError: See :func:`read_witness_policy`.
    """
    policy = read_witness_policy(settings, log_vkey)
    if policy is None:
        return None

    def prove(checkpoint: Checkpoint, old_size: int) -> list[bytes]:
        return LogReader(tiles.read, checkpoint).consistency_proof(old_size)

    clients = witness_clients(policy, prove, clock)
    witnesses = Witnesses(policy, clients, time.monotonic, settings.witness_wait_ms / 1000)
    witnesses.start()
    return witnesses


def witness_clients(policy: TlogPolicy, prove: Prover, clock: Clock) -> list[WitnessClient]:
    """Make a client for each URL of a policy: keys at one URL are one witness's, asked for at once."""
    keys: dict[str, list[tuple[str, CosignerKey]]] = {}
    urls = dict(policy.urls)
    for name, key in policy.witnesses:
        keys.setdefault(urls[name], []).append((name, key))
    return [_client(url, named, prove, clock) for url, named in keys.items()]


def _client(url: str, named: list[tuple[str, CosignerKey]], prove: Prover, clock: Clock) -> WitnessClient:
    """Make the client of one witness, over connections that are kept until it is closed."""
    session = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
    return WitnessClient(named, _http_ask(session, url), prove, clock, session.close)


def _http_ask(session: httpx.Client, url: str) -> Ask:
    """Make the way to the witness whose submission prefix is *url*; redirects are not followed."""
    address = f"{url.rstrip('/')}/add-checkpoint"

    def ask(body: bytes) -> tuple[Outcome, bytes]:
        try:
            with session.stream("POST", address, content=body) as answer:
                return OUTCOMES.get(HTTPStatus(answer.status_code), Outcome.UNAVAILABLE), _body(answer)
        except ValueError as error:
            raise WitnessError("answered with an unknown status") from error
        except httpx.TimeoutException as error:
            raise WitnessError(f"did not answer within {TIMEOUT_SECONDS:g} s") from error
        except httpx.HTTPError as error:
            raise WitnessError(f"cannot be reached ({type(error).__name__})") from error

    return ask


def _body(answer: httpx.Response) -> bytes:
    """Read a body of bounded length in bounded time."""
    deadline, body = time.monotonic() + TIMEOUT_SECONDS, b""
    for part in answer.iter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise WitnessError(f"answered with more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise WitnessError(f"did not end its answer within {TIMEOUT_SECONDS:g} s")
    return body
