"""What a request to the VC-API asks for. Members and options that are not known here are not looked at.

Source: VC-API 1.0, sections 3.2.1, 3.2.2, 3.3.1 and 3.3.2.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from api.error import RefusedDocumentError
from api.strict_json import JsonValue
from ledger.integrity_proof import ALGORITHMS
from verifier.data_model import DataProblem
from verifier.data_model.problem import MALFORMED_VALUE, PARSING
from verifier.data_model.status_entry import BITSTRING_ENTRY

PURPOSES: Final = ("revocation", "suspension")
MAX_NAME_CHARS: Final = 2_000
STATUS_CHECKS: Final = frozenset({"status", "credentialStatus"})
"""What callers call the check of the status in `options.checks`."""


class IssueRequest(msgspec.Struct, frozen=True):
    """A credential to be signed.

    Attributes:
        credential: As it was sent.
        cryptosuite: The suite that is asked for, or None for the issuer's own.
        name: What it is to be found by later, or None for its id.
        purposes: What its status may come to: some of :data:`PURPOSES`.
    """

    credential: dict[str, Any]
    cryptosuite: str | None
    name: str | None
    purposes: tuple[str, ...]


class VerifyRequest(msgspec.Struct, frozen=True):
    """A document to be verified.

    Attributes:
        document: As it was sent: an object, or a token in a string.
        challenge: What the proof of a presentation has to answer; None: anything.
        domain: Whom it has to be for; None: anybody.
        needs_status: Whether a status that cannot be had speaks against the document.
        purpose: What the caller expects the proof to be for; None: what documents of this kind are signed for.
    """

    document: JsonValue
    challenge: str | None
    domain: str | None
    needs_status: bool
    purpose: str | None = None


class StatusRequest(msgspec.Struct, frozen=True):
    """A change of status.

    Attributes:
        name: The credential's id, or what it was to be found by.
        purpose: One of :data:`PURPOSES`.
        is_set: Whether the status is to be so, or no longer.
    """

    name: str
    purpose: str
    is_set: bool


def read_issue_request(body: JsonValue) -> IssueRequest:
    """Read a body of `/credentials/issue`.

    Raises:
        RefusedDocumentError: There is no credential, it is secured already, or the suite is none of ours.
    """
    members = _object(body, "")
    credential = _object(members.get("credential"), "/credential")
    options = _options(members)
    suite, name = _text(options, "cryptosuite"), _text(options, "credentialId")
    if suite is not None and suite not in ALGORITHMS:
        raise _malformed(f"the cryptosuites here are {', '.join(ALGORITHMS)}", "/options/cryptosuite")
    if "proof" in credential:
        raise _malformed("the credential has a proof already", "/credential/proof")
    return IssueRequest(credential, suite, name, _purposes(options))


def _purposes(options: dict[str, Any]) -> tuple[str, ...]:
    """Read which statuses the credential is to have; revocation alone if nothing is said."""
    given = options.get("statusPurpose", [PURPOSES[0]])
    listed = given if isinstance(given, list) else [given]
    if not listed or any(one not in PURPOSES for one in listed):
        raise _malformed("the purposes here are revocation and suspension", "/options/statusPurpose")
    return tuple(purpose for purpose in PURPOSES if purpose in listed)


def read_verify_request(body: JsonValue, member: str) -> VerifyRequest:
    """Read a body of `/credentials/verify` or `/presentations/verify`; *member* holds the document.

    Raises:
        RefusedDocumentError: There is no document.
    """
    members = _object(body, "")
    if members.get(member) is None:
        raise _refused(PARSING, f"the body has no {member}", f"/{member}")
    options = _options(members)
    checks = options.get("checks")
    named = {check for check in checks if isinstance(check, str)} if isinstance(checks, list) else set()
    return VerifyRequest(
        document=members[member],
        challenge=_text(options, "challenge"),
        domain=_text(options, "domain"),
        purpose=_text(options, "expectedProofPurpose"),
        needs_status=not named or bool(named & STATUS_CHECKS),
    )


def read_status_request(body: JsonValue) -> StatusRequest:
    """Read a body of `/credentials/status`.

    Raises:
        RefusedDocumentError: It names no credential, or no status that is kept here.
    """
    members = _object(body, "")
    name = _text(members, "credentialId")
    if name is None:
        raise _malformed("a credentialId is missing", "/credentialId")
    listed = members.get("credentialStatus")
    entry = _object(listed[0] if isinstance(listed, list) and len(listed) == 1 else listed, "/credentialStatus")
    if entry.get("type") != BITSTRING_ENTRY:
        raise _malformed(f"the type of a status here is {BITSTRING_ENTRY}", "/credentialStatus/type")
    purpose, is_set = entry.get("statusPurpose"), members.get("status", True)
    if purpose not in PURPOSES:
        raise _malformed("the purposes here are revocation and suspension", "/credentialStatus/statusPurpose")
    if not isinstance(is_set, bool):
        raise _malformed("a status is true or false", "/status")
    return StatusRequest(name, str(purpose), is_set)


def _object(value: JsonValue, pointer: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(PARSING, "a JSON object belongs here", pointer)
    return value


def _options(members: dict[str, Any]) -> dict[str, Any]:
    options = members.get("options")
    return {} if options is None else _object(options, "/options")


def _text(members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARS:
        raise _malformed(f"{name} is a text of 1 to {MAX_NAME_CHARS} characters", f"/{name}")
    return value


def _malformed(detail: str, pointer: str) -> RefusedDocumentError:
    return _refused(MALFORMED_VALUE, detail, pointer)


def _refused(kind: str, detail: str, pointer: str) -> RefusedDocumentError:
    return RefusedDocumentError.of(DataProblem(kind, detail, pointer).to_json())
