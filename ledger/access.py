"""Who may call what: bearer keys, and a record of every act.

This is not history that the world needs, so it is a private store and not events. A key is a prefix that may be shown
and 256 random bits that are shown once; the store keeps their SHA-256, which suffices because the bits cannot be
guessed. Every act leaves an audit row in the very transaction of the act.

Source: OWASP ASVS 5.0, 6.5.2 (secrets of at least 112 bits of entropy may be stored as a plain hash), 16.3.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from ledger.error import AuthenticationError, ForbiddenError, InvalidInputError, NotFoundError
from ledger.event import check_instant
from ledger.key_ring import RandomBytes
from ledger.store import Commit, RowRecorder, Write

PREFIX_BYTES = 5
SECRET_BYTES = 32
_HOLDER = "SELECT prefix, role, institution, expires_at, revoked_at FROM access_key WHERE"
KNOWN_SECONDS: Final = 0.05
"""How long a key that was good is taken to be what it was without another look. What another process changes, such as
``cairn access revoke``, holds after that."""
MAX_KNOWN: Final = 4_096
"""Keys that are remembered so."""
_NO_NUMBER = 2**63 - 1
_TOKEN = re.compile(r"cairn_([a-v0-9]{8})_([A-Za-z0-9_-]{43})")

Role = Literal["operator", "issuer"]

ACCESS_SCHEMA = (
    (
        "CREATE TABLE IF NOT EXISTS access_key ("
        "digest BLOB PRIMARY KEY, prefix TEXT NOT NULL UNIQUE, role TEXT NOT NULL, institution BLOB, "
        "label TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL, revoked_at TEXT) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE IF NOT EXISTS access_audit ("
        "number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, "
        "institution BLOB, items INTEGER NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS access_audit_institution ON access_audit (institution, number)",
)


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts: the shown part of a bearer key, or the name of a command run on the machine itself."""

    name: str
    role: Role
    institution: UUID | None = None

    def require_institution(self, institution: UUID) -> None:
        """Check that the actor may act for *institution*.

        Raises:
            ForbiddenError: It may not.
        """
        if self.role != "operator" and self.institution != institution:
            message = "this key acts for another institution"
            raise ForbiddenError(message)

    def require_operator(self) -> None:
        """Check that the actor is the operator.

        Raises:
            ForbiddenError: It is not.
        """
        if self.role != "operator":
            message = "only the operator may do this; use an operator key"
            raise ForbiddenError(message)


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer key as it may be listed: without its secret."""

    prefix: str
    role: str
    institution: UUID | None
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """An act as it was recorded; ``items`` is how many things it concerned, ``actor`` the prefix of a key or a name."""

    number: int
    at: datetime
    actor: str
    act: str
    items: int


_Holder = tuple[Actor, datetime]
"""Who acts with a key, and when it expires."""


class Access:
    """The private store of keys and acts.

    Args:
        recorder: The database.
        random: Source of randomness.
        monotonic: Seconds that never run backwards.
    """

    def __init__(
        self, recorder: RowRecorder, random: RandomBytes, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._recorder = recorder
        self._random = random
        self._monotonic = monotonic
        self._known: dict[bytes, tuple[float, _Holder]] = {}

    @property
    def is_local(self) -> bool:
        """Whether finding out who calls takes microseconds; see :class:`ledger.store.LedgerRecorder`."""
        return self._recorder.is_local

    def grant(
        self, *, role: Role, institution: UUID | None, label: str, expires_at: datetime, actor: Actor, at: datetime
    ) -> str:
        """Make a bearer key and return it; it cannot be shown again.

        Raises:
            ForbiddenError: The actor is not the operator.
            InvalidInputError: The key would act for nobody, or the instants are not in UTC.
        """
        actor.require_operator()
        check_instant(expires_at, "/expires_at")
        check_instant(at, "")
        if (role == "issuer") != (institution is not None):
            message = "an issuer's key names its institution, and an operator's key names none"
            raise InvalidInputError(message, "/institution")
        prefix = base64.b32hexencode(self._random(PREFIX_BYTES)).decode("ascii").lower()
        secret = base64.urlsafe_b64encode(self._random(SECRET_BYTES)).decode("ascii").rstrip("=")
        token = f"cairn_{prefix}_{secret}"
        owner = None if institution is None else institution.bytes
        row = (_digest(token), prefix, role, owner, label, at.isoformat(), expires_at.isoformat(), None)
        insert = Write("INSERT INTO access_key VALUES (?,?,?,?,?,?,?,?)", [row])
        self._recorder.record([Commit((), [insert, audit(actor, "key.granted", institution, 1, at)])])
        return token

    def authenticate(self, token: str, now: datetime) -> Actor:
        """Find out who holds *token*; of a key that was good a moment ago, from memory (:data:`KNOWN_SECONDS`).

        Raises:
            AuthenticationError: It is malformed, unknown, revoked or expired.
        """
        if not _TOKEN.fullmatch(token):
            return _good(None, now)
        digest, known, moment = _digest(token), self._known, self._monotonic()
        seen = known.get(digest)
        if seen is not None and moment < seen[0]:
            return _good(seen[1], now)
        holder = _holder(self._recorder.query(f"{_HOLDER} digest=?", (digest,)))
        actor = _good(holder, now)
        if holder is not None:
            if len(known) >= MAX_KNOWN:
                known.clear()
            known[digest] = moment + KNOWN_SECONDS, holder
        return actor

    def holder(self, prefix: str, now: datetime) -> Actor:
        """Find out whether the key with *prefix* is still good, and for whom: of a caller who has shown it before.

        Raises:
            AuthenticationError: It is unknown, revoked or expired.
        """
        return _good(_holder(self._recorder.query(f"{_HOLDER} prefix=?", (prefix,))), now)

    def note(self, actor: Actor, act: str, at: datetime) -> None:
        """Record an act that changes nothing else, such as signing in."""
        self._recorder.record([Commit((), [audit(actor, act, actor.institution, 1, at)])])

    def acts(self, institution: UUID, before: int | None, limit: int) -> list[Act]:
        """Acts that concern an institution, newest first.

        Args:
            institution: Whose.
            before: Only acts with a lower number; None: from the newest.
            limit: How many at most, above 0.
        """
        rows = self._recorder.query(
            "SELECT number, at, actor, act, items FROM access_audit WHERE institution=? AND number<? "
            "ORDER BY number DESC LIMIT ?",
            (institution.bytes, _NO_NUMBER if before is None else before, limit),
        )
        return [
            Act(number=number, at=datetime.fromisoformat(at), actor=actor, act=act, items=items)
            for number, at, actor, act, items in rows
        ]

    def revoke(self, prefix: str, *, actor: Actor, at: datetime) -> None:
        """Revoke the key with *prefix*.

        Raises:
            ForbiddenError: The actor is not the operator.
            NotFoundError: There is none.
        """
        actor.require_operator()
        if not any(key.prefix == prefix for key in self.list()):
            message = f"there is no key with the prefix {prefix!r}"
            raise NotFoundError(message)
        row = (at.isoformat(), prefix)
        update = Write("UPDATE access_key SET revoked_at=? WHERE prefix=? AND revoked_at IS NULL", [row])
        try:
            self._recorder.record([Commit((), [update, audit(actor, "key.revoked", None, 1, at)])])
        finally:
            self._known = {}  # a new one: who is looking a key up at this moment remembers it in the old one

    def list(self) -> list[AccessKey]:
        """Every key that was ever granted, oldest first."""
        rows = self._recorder.query(
            "SELECT prefix, role, institution, label, created_at, expires_at, revoked_at FROM access_key "
            "ORDER BY created_at, prefix"
        )
        return [
            AccessKey(
                prefix=prefix,
                role=role,
                institution=None if owner is None else UUID(bytes=owner),
                label=label,
                created_at=datetime.fromisoformat(created),
                expires_at=datetime.fromisoformat(expires),
                revoked_at=None if revoked is None else datetime.fromisoformat(revoked),
            )
            for prefix, role, owner, label, created, expires, revoked in rows
        ]


def audit(actor: Actor, act: str, institution: UUID | None, items: int, at: datetime) -> Write:
    """The row that records an act; it commits together with the act."""
    owner = None if institution is None else institution.bytes
    return Write(
        "INSERT INTO access_audit (at, actor, act, institution, items) VALUES (?,?,?,?,?)",
        [(at.isoformat(), actor.name, act, owner, items)],
    )


def _holder(rows: Sequence[Sequence[Any]]) -> _Holder | None:
    """Who holds the key that was found, and until when; None when none was, or it was revoked."""
    if not rows or rows[0][4] is not None:
        return None
    prefix, role, owner, expires, _ = rows[0]
    actor = Actor(name=prefix, role=role, institution=None if owner is None else UUID(bytes=owner))
    return actor, datetime.fromisoformat(expires)


def _good(holder: _Holder | None, now: datetime) -> Actor:
    """Who acts, if there is somebody and the key has not expired."""
    if holder is None or holder[1] <= now:
        message = "the bearer key is unknown, revoked or expired; ask the operator for a new one"
        raise AuthenticationError(message)
    return holder[0]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
