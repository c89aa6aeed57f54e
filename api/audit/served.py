"""Comparing what a server answers with what its log adds up to."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

import msgspec
from openvc.did.base import multikey_to_jwk
from openvc.errors import OpenvcError
from openvc.proof.di_jcs import EddsaJcsProofSuite
from openvc.status.bitstring import StatusListError, decode_bitstring

from api.audit.fold import AuditFold
from api.audit.report import Finding
from ledger.document import PURPOSES
from projections.credential_status import CredentialFacts, parse_facts
from projections.directory_record import parse_record
from projections.state_fold import CommittedState

Fetch = Callable[[str], "bytes | None"]
PAGE: Final = 1_000


class ServedComparison:
    """Compares served answers with the auditor's fold.

    Args:
        fetch: Body of a path below the server's address, None when there is nothing.
        fold: The auditor's own copy.
        state: Its newest state.
        difference: Told of each finding.
    """

    def __init__(
        self, fetch: Fetch, fold: AuditFold, state: CommittedState, difference: Callable[[Finding], None]
    ) -> None:
        self._fetch = fetch
        self._fold = fold
        self._state = state
        self._difference = difference
        self.records = [parse_record(record) for record in state.records]

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
        for offset, status in enumerate((self._state.revocation, self._state.suspension)):
            for block, bits in enumerate(status.blocks):
                self._status_list(2 * block + offset, PURPOSES[offset], bits)
                compared += 1
        return compared

    def _status_list(self, number: int, purpose: str, bits: bytes) -> None:
        where = f"/status-lists/{number}"
        served = self._json(where)
        try:
            subject = (served or {})["credentialSubject"]
            decoded = decode_bitstring(subject["encodedList"])
        except (KeyError, TypeError, StatusListError):
            self._find("status-list-unreadable", where, "the served list is missing or not a status list")
            return
        if subject.get("statusPurpose") != purpose or decoded != bits:
            wrong = next((n for n in range(len(bits) * 8) if _bit(bits, n) != _bit(decoded, n)), None)
            self._find("status-list-differs", where, f"the served bits are not the log's, first at position {wrong}")
        self._list_signature(where, served or {})

    def _list_signature(self, where: str, served: dict[str, Any]) -> None:
        method = str((served.get("proof") or {}).get("verificationMethod", ""))
        did, _, key_id = method.partition("#")
        for record in self.records:
            for key in record.keys:
                if record.did == did and key.key_id == key_id:
                    try:
                        EddsaJcsProofSuite().verify(
                            served, public_key_jwk=multikey_to_jwk(key.multibase), check_temporal=False
                        )
                    except OpenvcError as error:
                        self._find("status-list-signature", where, f"the signature is not good: {error}")
                    return
        self._find("status-list-signature", where, "it is signed by a key that no institution of the log has")

    def statuses(self, progress: Callable[[int], None]) -> int:
        """Compare the served facts of every award; returns how many."""
        ours = dict(self._fold.statuses.items())
        compared = 0
        for line in self._pages():
            key = UUID(hex=line["aggregate"]).bytes
            logged = ours.pop(key, None)
            compared += 1
            if logged is None:
                self._find("award-unlogged", line["aggregate"], "a served award is not in the log")
            elif facts_of(parse_facts(logged)) != {name: line[name] for name in line if name != "aggregate"}:
                self._find("award-differs", line["aggregate"], "the served status is not what the log adds up to")
            if compared % PAGE == 0:
                progress(compared)
        for key in ours:
            self._find("award-missing", UUID(bytes=key).hex, "an award of the log is not served")
        progress(compared)
        return compared

    def _pages(self) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            page = self._json(f"/v1/audit/statuses?after={after}&limit={PAGE}")
            items = (page or {}).get("statuses", [])
            yield from items
            if not items or not (page or {}).get("next"):
                return
            after = str((page or {})["next"])

    def anchors(self) -> int:
        """Compare the tokens that are served with the digests that are logged; returns how many."""
        digests = {hashlib.sha256(base64.b64decode(str(one.get("token", "")))).digest() for one in self._anchors()}
        for number, record in enumerate(self._fold.anchors, start=1):
            if record.token_sha256 not in digests:
                self._find("anchor-missing", f"anchor {number}", "the token of a logged time anchor is not served")
        return len(self._fold.anchors)

    def _anchors(self) -> Iterator[dict[str, Any]]:
        after: object = 0
        while after is not None:
            page = self._json(f"/v1/anchors?after={after}") or {}
            items = page.get("anchors", [])
            yield from items
            after = page.get("next") if items else None

    def _json(self, path: str) -> dict[str, Any] | None:
        body = self._fetch(path)
        try:
            value = None if body is None else json.loads(body)
        except ValueError:
            value = None
        return value if isinstance(value, dict) else None

    def _find(self, code: str, where: str, what: str) -> None:
        self._difference(Finding(code=code, where=where, what=what))


def facts_of(facts: CredentialFacts) -> dict[str, Any]:
    """The facts of an award as they are served to auditors: without positions, which are the server's own."""
    members: dict[str, Any] = json.loads(msgspec.json.encode(facts))
    for event in [*members["events"], *members.get("reissues", ())]:
        event.pop("position")
    return members


def _bit(bits: bytes, index: int) -> int:
    return bits[index >> 3] >> (7 - (index & 7)) & 1 if index >> 3 < len(bits) else -1
