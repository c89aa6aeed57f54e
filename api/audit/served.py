"""Comparing what a server answers with what its log adds up to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

import msgspec
from openvc.status.bitstring import StatusListError, decode_bitstring
from openvc.status.token_status_list import decode_status_list, get_status

from api.audit.finding import Findings
from api.audit.history import AwardHistory
from api.audit.replay import Replay
from api.status_token import BITS, packed_statuses
from ledger.document import PURPOSES, STATUS_TOKENS_PATH
from projections.directory_record import KeyRecord, parse_record
from verifier.error import VerifierError
from verifier.foreign.jws import parse_jws
from verifier.integrity.proof import require_proof
from verifier.public_key import PublicKey

Fetch = Callable[[str], "bytes | None"]
PAGE: Final = 1_000
BITS_NAMED: Final = 100
"""Differing bits of one list that are named one by one."""


class ServedComparison:
    """Compares served answers with the auditor's replay.

    Args:
        fetch: Body of a path below the server's address, None when there is nothing.
        replay: The auditor's own.
        history: What the log says of single awards.
        findings: Where differences go.
    """

    def __init__(self, fetch: Fetch, replay: Replay, history: AwardHistory, findings: Findings) -> None:
        self._fetch = fetch
        self._replay = replay
        self._history = history
        self._findings = findings
        self.records = [parse_record(record) for record in replay.registry.records]

    def institutions(self) -> int:
        """Compare the served institution records; returns how many."""
        served = self._json("/v1/institutions")
        by_id = {one.get("institution"): one for one in (served or {}).get("institutions", [])}
        for record in self.records:
            ours = json.loads(msgspec.json.encode(record))
            if by_id.pop(ours["institution"], None) != ours:
                self._find("institution-differs", record.slug, "the served record is not what the log adds up to")
        for extra in by_id:
            self._find("institution-unlogged", str(extra), "a served institution is not in the log")
        return len(self.records)

    def status_lists(self) -> int:
        """Compare the served status lists and verify their signatures; returns how many."""
        compared = 0
        for offset, tree in enumerate((self._replay.places.revocation, self._replay.places.suspension)):
            for block in range(tree.blocks):
                self._status_list(2 * block + offset, PURPOSES[offset], tree.block(block))
                compared += 1
        return compared

    def status_tokens(self) -> int:
        """Compare the status list tokens that are served and verify their signatures; returns how many.

        A mirror has none, since it has nobody's key; then there is nothing to compare.
        """
        places, compared = self._replay.places, 0
        for block in range(places.revocation.blocks):
            where = f"{STATUS_TOKENS_PATH}{block}"
            body = self._fetch(where)
            if body is None:
                continue
            due = packed_statuses(places.revocation.block(block), places.suspension.block(block))
            self._status_token(where, body, due)
            compared += 1
        return compared

    def _status_token(self, where: str, body: bytes, due: bytes) -> None:
        try:
            jws = parse_jws(body.decode("ascii", "replace").strip())
            packed: Any = jws.payload["status_list"]
            bits, decoded = packed["bits"], decode_status_list(packed["lst"])
        except (KeyError, TypeError, StatusListError, VerifierError) as error:
            self._find("status-list-unreadable", where, f"the served token is not a status list token: {error}")
            return
        if bits != BITS or len(decoded) != len(due):
            self._find("status-list-differs", where, "it is a list of another kind or length")
        elif decoded != due:
            for place in _places_differing(due, decoded)[:BITS_NAMED]:
                ours, theirs = get_status(due, place, bits=BITS), get_status(decoded, place, bits=BITS)
                self._find("status-list-differs", where, f"place {place} says {theirs}, and the log adds up to {ours}")
        did, _, key_id = (jws.kid or "").partition("#")
        key = self._key(did, key_id)
        if key is None or not PublicKey.from_multibase(key.multibase).verify(jws.signed, jws.signature, jws.alg):
            self._find("status-list-signature", where, "it is not signed by a key that an institution of the log has")

    def _status_list(self, number: int, purpose: str, bits: bytes) -> None:
        where = f"/status-lists/{number}"
        served = self._json(where)
        try:
            subject = (served or {})["credentialSubject"]
            decoded = decode_bitstring(subject["encodedList"])
        except (KeyError, TypeError, StatusListError):
            self._find("status-list-unreadable", where, "the served list is missing or not a status list")
            return
        if subject.get("statusPurpose") != purpose or len(decoded) != len(bits):
            self._find("status-list-differs", where, "it is a list of another purpose or length")
        elif decoded != bits:
            for bit in _differing(bits, decoded)[:BITS_NAMED]:
                what = "is set, and no event explains it" if _bit(decoded, bit) else "is not set, and an event sets it"
                self._find("status-list-differs", where, f"bit {bit} {what}")
        self._list_signature(where, served or {})

    def _list_signature(self, where: str, served: dict[str, Any]) -> None:
        method = str((served.get("proof") or {}).get("verificationMethod", ""))
        did, _, key_id = method.partition("#")
        key = self._key(did, key_id)
        if key is None:
            self._find("status-list-signature", where, "it is signed by a key that no institution of the log has")
            return
        try:
            require_proof(served, PublicKey.from_multibase(key.multibase))
        except VerifierError as error:
            self._find("status-list-signature", where, f"the signature is not good: {error}")

    def _key(self, did: str, key_id: str) -> KeyRecord | None:
        """Find a key of an institution of the log."""
        keys = [key for record in self.records if record.did == did for key in record.keys]
        return next((key for key in keys if key.key_id == key_id), None)

    def statuses(self, progress: Callable[[int], None]) -> int:
        """Compare the served facts of every award; returns how many."""
        ours = self._replay.awards.items()
        due, compared = next(ours, None), 0
        for key, served in self._lines():
            while due is not None and due[0] < key:
                self._find("award-missing", due[0].hex(), "an award of the log is not served")
                due = next(ours, None)
            compared += 1
            if due is None or due[0] != key:
                self._find("award-unlogged", key.hex(), "a served award is not in the log")
                continue
            if self._history.served_facts(UUID(bytes=key), due[1], self._replay.changed.get(key)) != served:
                what = "the served status is not what the log adds up to"
                self._findings.add("award-differs", key.hex(), what, due[1].entry)
            due = next(ours, None)
            if compared % PAGE == 0:
                progress(compared)
        while due is not None:
            self._find("award-missing", due[0].hex(), "an award of the log is not served")
            due = next(ours, None)
        progress(compared)
        return compared

    def _lines(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield the served facts; the pages must be in order of id, so that no server can keep an auditor for ever."""
        after: str | None = ""
        last = b""
        while after is not None:
            page = self._json(f"/v1/audit/statuses?after={after}&limit={PAGE}") or {}
            try:
                lines = [(UUID(hex=line.pop("aggregate")).bytes, line) for line in page["statuses"]]
                after = page["next"] if lines else None
            except (KeyError, TypeError, ValueError, AttributeError):
                self._find(
                    "statuses-unreadable", "/v1/audit/statuses", f"the page after {after or 'nothing'} cannot be read"
                )
                return
            for key, line in lines:
                if key <= last:
                    self._find("statuses-unreadable", "/v1/audit/statuses", f"{key.hex()} is out of order")
                    return
                last = key
                yield key, line

    def _json(self, path: str) -> dict[str, Any] | None:
        body = self._fetch(path)
        try:
            value = None if body is None else json.loads(body)
        except ValueError:
            value = None
        return value if isinstance(value, dict) else None

    def _find(self, code: str, where: str, what: str) -> None:
        self._findings.add(code, where, what)


def _differing(ours: bytes, theirs: bytes) -> list[int]:
    octets = (at for at in range(len(ours)) if ours[at] != theirs[at])
    return [
        number for at in octets for number in range(8 * at, 8 * at + 8) if _bit(ours, number) != _bit(theirs, number)
    ]


def _places_differing(ours: bytes, theirs: bytes) -> list[int]:
    octets = (at for at in range(len(ours)) if ours[at] != theirs[at])
    per_octet = 8 // BITS
    places = (place for at in octets for place in range(per_octet * at, per_octet * (at + 1)))
    return [place for place in places if get_status(ours, place, bits=BITS) != get_status(theirs, place, bits=BITS)]


def _bit(bits: bytes, index: int) -> int:
    return bits[index >> 3] >> (7 - (index & 7)) & 1 if index >> 3 < len(bits) else -1
