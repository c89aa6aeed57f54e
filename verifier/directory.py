"""An institution's record in the directory: who it is, its keys and its accreditation with dates.

The record is a leaf of the tree whose root the state commitment holds. Whose key signed, from when
to when, and who accredited the institution: all of it is taken from here and nothing from the
document, which could claim anything.

Source: docs/spec/evidence.md, "The directory record".
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec
import rfc8785

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


class Accreditation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who entitled an institution to award what, from when to when."""

    accreditation_id: str
    by: str
    scope: str
    valid_from: Instant
    valid_until: Instant | None
    withdrawn_at: Instant | None


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An institution as the log's state commitment has it."""

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

    def key(self, key_id: str) -> Key | None:
        """Return the key of that id, or None; `parse_record` has refused two of one id."""
        return next((key for key in self.keys if key.key_id == key_id), None)


def parse_record(data: bytes) -> Record:
    """Read a directory record.

    Raises:
        InputError: Not strict JSON, not a record, not in its RFC 8785 form, or two keys of one id.

    Not checked: that the record is in anybody's directory.
    """
    value = parse_json(data, max_bytes=MAX_RECORD_BYTES)
    record = convert_loosely(value, Record)
    if rfc8785.dumps(value) != data:
        raise FormatError("a directory record that is not in its canonical form")
    if len({key.key_id for key in record.keys}) != len(record.keys):
        raise FormatError("two keys of one id", "/keys")
    return record
