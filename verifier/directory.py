"""An institution's record in the directory: who it is, its keys and its accreditation with dates.

The record is a leaf of the tree whose root the state commitment holds. Whose key signed, from when
to when, and who accredited the institution: all of it is taken from here and nothing from the
document, which could claim anything.

Source: docs/spec/evidence.md, "The directory record".
"""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

import msgspec
import rfc8785
from msgspec import UNSET, UnsetType

from verifier.error import FormatError
from verifier.strict_json import parse_json
from verifier.wire import Count, Instant, convert_loosely

MAX_RECORD_BYTES: Final = 262_144
"""Longest record that is looked at; one key and one accreditation take about 500 bytes."""


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One signing key of an institution and when it might be used."""

    key_id: str
    multibase: str
    valid_from: Instant
    retired_at: Instant | None
    revoked_at: Instant | None
    compromised_at: Instant | None


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """To what an accreditation extends; what is empty or null does not limit it."""

    levels: list[int]
    fields: list[str]
    kinds: list[str]
    country: str | None


class Accreditation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who entitled an institution to award what, from when to when; `limits` in records of version 2 alone."""

    accreditation_id: str
    by: str
    scope: str
    valid_from: Instant
    valid_until: Instant | None
    withdrawn_at: Instant | None
    limits: Limits | UnsetType | None = UNSET


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An institution as the log's state commitment has it. The first version of the form does not name itself."""

    institution: UUID
    number: Count
    slug: str
    name: str
    country: str
    kind: str
    did: str
    registered_at: Instant
    keys: list[Key]
    accreditations: list[Accreditation]
    version: Literal[2] | UnsetType = UNSET

    def key(self, key_id: str) -> Key | None:
        """Return the key of that id, or None; `parse_record` has refused two of one id."""
        return next((key for key in self.keys if key.key_id == key_id), None)


def parse_record(data: bytes) -> Record:
    """Read a directory record.

    Raises:
        InputError: Not strict JSON, not a record, not in its RFC 8785 form, two keys of one id, or members of another
            version than its own.

    Not checked: that the record is in anybody's directory.
    """
    value = parse_json(data, max_bytes=MAX_RECORD_BYTES)
    record = convert_loosely(value, Record)
    if rfc8785.dumps(value) != data:
        raise FormatError("a directory record that is not in its canonical form")
    if len({key.key_id for key in record.keys}) != len(record.keys):
        raise FormatError("two keys of one id", "/keys")
    for place, accreditation in enumerate(record.accreditations):
        if (accreditation.limits is UNSET) != (record.version is UNSET):
            raise FormatError("limits are in records of version 2 and in no others", f"/accreditations/{place}")
    return record
