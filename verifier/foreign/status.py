"""Group `status` of a foreign credential: what do the status lists say that it names?

A list is a document like any other: it has a signature, an issuer, a time in which it holds. It counts only if all of
them are good and the issuer is the credential's own; whoever takes over the address where a list is served cannot sign
one. (The lists of 1EdTech have no signature; see `revocation_list`.) A list that cannot be had, or is not good, says
nothing: `unknown`. A bit that is set counts even if another list is not to be had.

Lists speak of the present. A bit that is set today does not say since when, so about an earlier day it is `unknown`; a
credential that is not revoked today was not revoked then, because a revocation is not taken back.

Source: W3C Bitstring Status List v1.0 sections 3.1 to 3.5; IETF Token Status List sections 4, 5, 8 and 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from openvc.errors import OpenvcError
from openvc.status.bitstring import decode_bitstring, get_status_bit
from openvc.status.token_status_list import decode_status_list, get_status, parse_token_status_ref

from verifier.checks.time import CLOCK_SKEW
from verifier.error import InputError
from verifier.foreign.credential import Credential, entries, types_of
from verifier.foreign.plan import LIST, REVOCATION, SUSPENSION
from verifier.foreign.revocation_list import REVOCATION_LIST, is_listed
from verifier.foreign.source import SourceMissingError, missing_case
from verifier.foreign.status_list import ListError, Lists
from verifier.foreign.vc_jwt import claimed, token_window
from verifier.report import Check, failed, not_judged, passed, skipped, unknown

ENTRY_TYPES: Final = frozenset({"BitstringStatusListEntry", "StatusList2021Entry"})
LIST_TYPES: Final = frozenset({"BitstringStatusListCredential", "StatusList2021Credential"})
SUBJECT_TYPES: Final = frozenset({"BitstringStatusList", "StatusList2021"})
TOKEN_TYPE: Final = "statuslist+jwt"  # noqa: S105  (a media type)
LIST_BYTES_MIN: Final = 16_384
"""Shortest list: 131,072 entries. Source: Bitstring Status List section 3.4 (herd privacy)."""
MAX_STATUS_BITS: Final = 8
"""Most bits of one entry that are read."""
MILLISECONDS: Final = 1_000
_PURPOSES: Final = {"revocation": REVOCATION, "suspension": SUSPENSION}
_SET: Final = {1: "revocation", 2: "suspension"}


@dataclass(frozen=True, slots=True)
class _Word:
    """What one entry comes to.

    Attributes:
        purpose: What the entry is for; None if there is no telling.
        is_set: Whether the list says so; None if the list is of no use.
        case: The reason code for that, or `list_good`.
        detail: For those who want to know.
        url: Where the list is.
    """

    purpose: str | None
    is_set: bool | None
    case: str
    detail: str
    url: str = ""


def judge_status(credential: Credential, lists: Lists, at: datetime | None) -> list[Check]:
    """Judge the three status checks of a credential whose own signature is good.

    Args:
        credential: The credential.
        lists: What is needed to read lists.
        at: The instant asked about, or None for the present.
    """
    words = [_read_entry(entry, credential, lists) for entry in entries(credential.members, "credentialStatus")]
    words += _token_words(credential, lists)
    return [_judge_list(words), *(_judge_purpose(words, purpose, at) for purpose in _PURPOSES)]


def unjudged_status(because: str) -> list[Check]:
    """Return the three status checks for a credential whose ground did not pass: no list is asked for."""
    return [not_judged(code, because) for code in (LIST, REVOCATION, SUSPENSION)]


def _judge_list(words: Sequence[_Word]) -> Check:
    place = "document/credentialStatus"
    if not words:
        return skipped(LIST, "no_status", looked_at=place)
    wrong = next((word for word in words if word.is_set is None), None)
    if wrong is not None:
        return unknown(LIST, wrong.case, detail=f"{wrong.url}: {wrong.detail}", looked_at=(place, wrong.url))
    detail = "; ".join(word.detail for word in words)
    return passed(LIST, "list_good", detail=detail, looked_at=(place, *(word.url for word in words)))


def _judge_purpose(words: Sequence[_Word], purpose: str, at: datetime | None) -> Check:
    code, place = _PURPOSES[purpose], "document/credentialStatus"
    said = [word for word in words if word.purpose in {purpose, None}]
    if not said:
        return skipped(code, f"no_{purpose}_entry", looked_at=place)
    marked = next((word for word in said if word.is_set and word.purpose == purpose), None)
    if marked is not None and at is None:
        return failed(code, f"list_{purpose}", detail=marked.detail, looked_at=(place, marked.url))
    if any(word.is_set is None for word in said):
        return not_judged(code, LIST)
    if marked is not None or (at is not None and purpose == "suspension"):
        return unknown(code, "list_says_now", looked_at=place)
    return passed(code, f"list_no_{purpose}", looked_at=place)


def _read_entry(entry: Any, credential: Credential, lists: Lists) -> _Word:  # noqa: ANN401  (untrusted JSON)
    if isinstance(entry, dict) and REVOCATION_LIST in types_of(entry):
        return _read_plain(entry, credential, lists)
    if not isinstance(entry, dict) or ENTRY_TYPES.isdisjoint(types_of(entry)):
        kind = ", ".join(sorted(types_of(entry))) if isinstance(entry, dict) else "no object"
        return _Word(None, None, "status_kind_unknown", f"a status of the kind {kind[:100]}")
    purpose, url = entry.get("statusPurpose", "revocation"), entry.get("statusListCredential")
    if not isinstance(purpose, str) or not isinstance(url, str):
        return _Word(None, None, "list_unusable", "an entry without its purpose or its list")
    if purpose not in _PURPOSES:
        return _Word(purpose, False, "list_good", f"{purpose[:40]}: says nothing about validity", url)
    try:
        is_set = _read_bit(entry, purpose, url, lists)
    except (SourceMissingError, ListError, InputError, OpenvcError) as error:
        return _Word(purpose, None, _case(error), str(error), url)
    return _Word(purpose, is_set, "list_good", f"{purpose} {int(is_set)}", url)


def _read_plain(entry: dict[str, Any], credential: Credential, lists: Lists) -> _Word:
    url = str(entry.get("id", ""))
    try:
        is_set = is_listed(entry, credential, lists)
    except (SourceMissingError, ListError, InputError) as error:
        return _Word("revocation", None, _case(error), str(error), url)
    return _Word("revocation", is_set, "list_good", f"revocation {int(is_set)}, by a list that nobody signed", url)


def _case(error: Exception) -> str:
    """Return the reason code of what went wrong with a list."""
    if isinstance(error, SourceMissingError):
        return missing_case("list", error)
    return error.case if isinstance(error, ListError) else "list_unusable"


def _read_bit(entry: dict[str, Any], purpose: str, url: str, lists: Lists) -> bool:
    found = lists.credential(url)
    if found.issuer != lists.issuer:
        raise ListError(f"the list is of another issuer: {found.issuer[:200]}")
    if found.id is not None and found.id != url:
        raise ListError(f"another list than the one that the credential names: {found.id[:200]}")
    _require_window(found.valid_from, found.valid_until, lists.now)
    subject = found.members.get("credentialSubject")
    if LIST_TYPES.isdisjoint(types_of(found.members)) or not isinstance(subject, dict):
        raise ListError("not a status list")
    lists.require_age(url, subject.get("ttl"), MILLISECONDS)
    _require_subject(subject, purpose)
    bits = decode_bitstring(subject["encodedList"])
    size = _size(entry.get("statusSize", 1))
    if len(bits) < LIST_BYTES_MIN * size:
        raise ListError(f"a list of {len(bits)} bytes, too short to hide anybody in")
    first = _index(entry.get("statusListIndex")) * size
    return any(get_status_bit(bits, first + offset) for offset in range(size))


def _require_subject(subject: dict[str, Any], purpose: str) -> None:
    purposes = subject.get("statusPurpose")
    listed = purposes if isinstance(purposes, list) else [purposes]
    if SUBJECT_TYPES.isdisjoint(types_of(subject)) or purpose not in listed:
        raise ListError(f"a list for another purpose: {str(purposes)[:100]}")
    if not isinstance(subject.get("encodedList"), str):
        raise ListError("a list without a list")


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_STATUS_BITS:
        raise ListError("a status size that is not read here")
    return value


def _index(value: object) -> int:
    """Read an index: a decimal number in a string, as the specification has it, or a number."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len("9007199254740991"):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ListError("an index that is no number")


def _token_words(credential: Credential, lists: Lists) -> list[_Word]:
    """Read the token status that a credential refers to, if it does; it says both things at once."""
    claims = credential.members if credential.jws is None else {**credential.jws.payload, **credential.members}
    if "status" not in claims or "status_list" not in (claims["status"] if isinstance(claims["status"], dict) else {}):
        return []
    url = ""
    try:
        reference = parse_token_status_ref(claims)
        if reference is None:
            raise ListError("a reference that is no object")  # noqa: TRY301  (one place where errors become words)
        url = reference.uri
        value = _read_token(reference.uri, reference.index, lists)
    except (SourceMissingError, ListError, InputError, OpenvcError) as error:
        return [_Word(None, None, _case(error), str(error), url)]
    if value not in {0, *_SET}:
        return [_Word(None, None, "list_unusable", f"a status of the issuer's own, {value}", url)]
    return [_Word(purpose, _SET.get(value) == purpose, "list_good", f"status {value}", url) for purpose in _PURPOSES]


def _read_token(url: str, index: int, lists: Lists) -> int:
    jws = lists.token(url)
    issuer = jws.payload.get("iss", lists.issuer)
    if jws.typ != TOKEN_TYPE or jws.payload.get("sub") != url or issuer != lists.issuer:
        raise ListError("a token of another type, list or issuer")
    if "iat" not in jws.payload:
        raise ListError("a list without a date")
    _, ends = token_window(jws)
    _require_window(claimed(jws.payload, "iat"), ends, lists.now)
    lists.require_age(url, jws.payload.get("ttl"), 1)
    packed = jws.payload.get("status_list")
    if not isinstance(packed, dict):
        raise ListError("a list without a list")
    text, bits = packed.get("lst"), packed.get("bits")
    if not isinstance(text, str) or not isinstance(bits, int):
        raise ListError("a list without a list, or without its bits")
    return get_status(decode_status_list(text), index, bits=bits)


def _require_window(starts: datetime | None, ends: datetime | None, now: datetime) -> None:
    if starts is not None and starts > now + CLOCK_SKEW:
        raise ListError(f"a list that holds from {starts.isoformat()} only")
    if ends is not None and ends < now - CLOCK_SKEW:
        raise ListError(f"a list that held until {ends.isoformat()}")
