"""A cohort: who of a team has given which share links, as an officer has entered them.

Of a link the prefix is kept, and never the secret: it was shown once, and from then on the share is looked up by its
prefix at every look. So a share that has ended, by its date or by its learner, shows nothing from that moment.

    Mari Maasikas, https://ledger.example/shared/0123456789abcdef_…
    https://ledger.example/shared/…  Jaan Tamm

A link without a name keeps the one that it has, or gets the first number that nobody has: links under one name are one
person's, so nobody is called as another is.

Between sessions the officer keeps the cohort as a file that nobody can read but this ledger, for this institution:

    cairn/cohort/v1 LF  Fernet token over MessagePack {institution, entries, role}, under a secret of the vault  LF

Source: Fernet specification 0x80 (pyca/cryptography); docs/adr/0041.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Final, Literal
from uuid import UUID

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from ledger.claim import MAX_NAME_CHARS
from ledger.error import InvalidInputError, NotFoundError
from ledger.learner_link import LINK, MAX_DAYS, PREFIX, LearnerLink
from ledger.text import check_text

HELD: Final = "cohort"
"""What a session calls it."""
SECRET_NAME: Final = "cohort-files"  # noqa: S105  what the vault calls it
MAX_LINKS: Final = 200
"""Links of one cohort. Source: our own choice; with five awards each they are looked at in about a second."""
MAX_LINE_CHARS: Final = 1_000
"""A name and a link or two."""
MAX_FILE_BYTES: Final = 262_144
HEAD: Final = b"cairn/cohort/v1\n"
FILE_SECONDS: Final = MAX_DAYS * 24 * 3_600
"""Older than any share that could be in it, a file opens nothing."""
_LINE: Final = re.compile(rf"(?P<place>https?://\S{{0,200}}?/shared/)?(?P<secret>{LINK.pattern})")
_AROUND: Final = " \t,;:|\"'«»<>()–—-"

Trouble = Literal["no_link", "elsewhere", "opens_nothing", "name", "too_many"]


class SkillRole(msgspec.Struct, frozen=True, tag="skills"):
    """A role as the skills that it takes, by their URIs."""

    skills: tuple[str, ...]


class PathwayRole(msgspec.Struct, frozen=True, tag="pathway"):
    """A role as a pathway of the institution, by its code."""

    pathway: str


Role = SkillRole | PathwayRole


@dataclass(frozen=True, slots=True)
class LineNote:
    """A pasted line that was not taken."""

    line: int
    trouble: Trouble


@dataclass(slots=True)
class Cohort:
    """One cohort.

    Attributes:
        entries: Prefixes of shares, each with whose it is in the officer's words.
        role: What it is held against.
        notes: What was wrong with the lines that were pasted last.
        gone: Whose shares were found to have ended since the page was last shown.
    """

    entries: dict[str, str] = field(default_factory=dict)
    role: Role | None = None
    notes: tuple[LineNote, ...] = ()
    gone: tuple[str, ...] = ()


Open = Callable[[str], LearnerLink]
"""Opens a share by the secret part of its link. Raises NotFoundError."""


def add_lines(cohort: Cohort, text: str, base_url: str, open_share: Open) -> int:
    """Add what was pasted, line by line; returns how many links were taken, and notes those that were not.

    Args:
        cohort: To which.
        text: A link a line, with whose it is before or after it.
        base_url: Of this ledger.
        open_share: Opens a share.
    """
    notes: list[LineNote] = []
    taken = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = [*_LINE.finditer(line)] if len(line) <= MAX_LINE_CHARS else []
        name = _name(_LINE.sub(" ", line)) if found else None
        trouble: Trouble | None = None
        if not found:
            trouble = "no_link"
        elif any(one["place"] not in {None, f"{base_url}/shared/"} for one in found):
            trouble = "elsewhere"
        elif name is None:
            trouble = "name"
        if name is not None and trouble is None:
            spare = _free_number(cohort)
            for one in found:
                trouble = _enter(cohort, one["secret"], name, spare, open_share) or trouble
                taken += trouble is None
        if trouble is not None:
            notes.append(LineNote(number, trouble))
    cohort.notes = tuple(notes)
    return taken


def _enter(cohort: Cohort, secret: str, name: str, spare: str, open_share: Open) -> Trouble | None:
    """Take a link into a cohort, without a *name* under the one it has or *spare*; says why not, when it does not."""
    try:
        prefix = open_share(secret).prefix
    except NotFoundError:
        return "opens_nothing"
    if prefix not in cohort.entries and len(cohort.entries) >= MAX_LINKS:
        return "too_many"
    cohort.entries[prefix] = name or cohort.entries.get(prefix, spare)
    return None


def _free_number(cohort: Cohort) -> str:
    """What to call somebody without a name: the first number that nobody is called by."""
    taken = set(cohort.entries.values())
    return next(name for name in map("№ {}".format, count(1)) if name not in taken)


def _name(text: str) -> str | None:
    """Whose a line is, empty when it does not say; None when that is no text that could be shown."""
    name = " ".join(text.strip(_AROUND).split())
    try:
        check_text(name, "")
    except InvalidInputError:
        return None
    return name if len(name) <= MAX_NAME_CHARS else None


class _Sealed(msgspec.Struct, frozen=True):
    institution: bytes
    entries: tuple[tuple[str, str], ...]
    role: Role | None = None


class CohortFiles:
    """Seals cohorts, and opens them again.

    Args:
        secret: 32 bytes, of the vault.
    """

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(secret))

    def seal(self, cohort: Cohort, institution: UUID, now: datetime) -> bytes:
        """The cohort as a file."""
        held = _Sealed(institution.bytes, tuple(cohort.entries.items()), cohort.role)
        return HEAD + self._fernet.encrypt_at_time(msgspec.msgpack.encode(held), int(now.timestamp())) + b"\n"

    def open(self, file: bytes, institution: UUID, now: datetime) -> Cohort:
        """The cohort that a file holds.

        Raises:
            InvalidInputError: It is no such file, was altered, is too old, or is another institution's or ledger's.
        """
        message = "this is no cohort of this institution, or it was altered"
        if len(file) > MAX_FILE_BYTES or not file.startswith(HEAD):
            raise InvalidInputError(message)
        try:
            opened = self._fernet.decrypt_at_time(file[len(HEAD) :].strip(), FILE_SECONDS, int(now.timestamp()))
            held = msgspec.msgpack.decode(opened, type=_Sealed)
        except (InvalidToken, msgspec.MsgspecError) as error:
            raise InvalidInputError(message) from error
        if held.institution != institution.bytes:
            raise InvalidInputError(message)
        return Cohort(dict(_readable(held.entries)), held.role)


def _readable(entries: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((prefix, name) for prefix, name in entries if PREFIX.fullmatch(prefix))
