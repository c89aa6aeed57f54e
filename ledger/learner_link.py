"""Links that learners hold: one that opens their own page, and those by which they share some of their awards.

A link is a prefix that may be shown and 256 random bits that are shown once. The store keeps the SHA-256 of both, which
suffices because the bits cannot be guessed; so a stolen database opens no page. Rows stand beside the learner's other
rows in the vault and go with them. What a share shows is sealed under the learner's key.

A link that is unknown, expired, revoked or of an erased learner is refused with one error and after one look-up, so
that nobody can tell which it was.

Source: OWASP ASVS 5.0, 6.5.2 (secrets of at least 112 bits of entropy may be stored as a plain hash).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger
from ledger.error import InvalidInputError, NotFoundError, RuleError
from ledger.part_keeping import PartKeeping
from ledger.store import Write
from ledger.text import check_text
from ledger.vault import SEAL_SQL, Vault

PREFIX_BYTES: Final = 10
SECRET_BYTES: Final = 32
MAX_DAYS: Final = 365
"""Longest life of a link."""
MAX_SHARES: Final = 50
"""Shares of one learner that are open at once."""
MAX_SHARED: Final = 200
"""Awards in one share."""
MAX_LABEL_CHARS: Final = 80
SHARE_KIND: Final = "share"
"""What the vault calls the contents of a share; it is never a kind of commitment."""
LINK: Final = re.compile(r"[a-v0-9]{16}_[A-Za-z0-9_-]{43}")
"""What a link's secret part looks like: the prefix, and 32 bytes in base64url."""
PREFIX: Final = re.compile(r"[a-v0-9]{16}")
_COLUMNS: Final = "prefix, kind, learner, institution, created_at, expires_at, revoked_at"

LinkKind = Literal["page", "share"]


class LearnerLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it may be listed: without its secret.

    Attributes:
        prefix: 16 characters that name it.
        kind: Whether it opens the learner's page, or a share.
        learner: The learner's handle in the vault.
        institution: Whose awards it shows.
        created_at: When it was made.
        expires_at: From when on it opens nothing.
        revoked_at: When it was revoked; None: it was not.
    """

    prefix: str
    kind: LinkKind
    learner: bytes
    institution: UUID
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and now < self.expires_at


class Shared(msgspec.Struct, frozen=True):
    """What a share shows.

    Attributes:
        awards: Public ids, in the learner's order.
        documents: Whether the signed documents can be fetched as well.
        label: What the learner calls it; shown to the learner alone.
    """

    awards: tuple[str, ...]
    documents: bool
    label: str = ""


class MadeLink(msgspec.Struct, frozen=True):
    """A link that was just made, with its secret part, which is kept nowhere."""

    link: LearnerLink
    secret: str


class LearnerLinks:
    """Makes, opens, lists and revokes links.

    Args:
        ledger: The event store, whose database the links are in.
        vault: Where learners are.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._parts = PartKeeping(ledger, vault)

    def make(self, *, slug: str, reference: str | None, credential: str | None, days: int, actor: Actor) -> MadeLink:
        """Make a link to the page of a learner of an institution.

        Args:
            slug: The institution.
            reference: What it calls the learner; or:
            credential: Public id of an award that the learner holds.
            days: How long it lasts, 1 to 365.
            actor: Who asks.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: Neither or both were given, or the days are out of range.
            NotFoundError, ErasedError: No such institution, learner or award; or it was erased.
        """
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        if (reference is None) == (credential is None):
            message = "name the learner by reference or by an award, and not by both"
            raise InvalidInputError(message, "/reference")
        if reference is not None:
            learner = self._vault.find_learner(institution.id, reference)
        else:
            learner = self._holder(str(credential), institution.id)
        return self._add("page", learner, institution.id, days, [], actor)

    def share(
        self, page: LearnerLink, *, awards: Sequence[str], documents: bool, label: str, days: int, actor: Actor
    ) -> MadeLink:
        """Make a link that shows some awards of whoever holds *page*.

        Args:
            page: The link to the learner's page.
            awards: Public ids of awards that the learner holds; the caller has made sure of that.
            documents: Whether signed documents can be fetched by it.
            label: What the learner calls it.
            days: How long it lasts, 1 to 365.
            actor: Who asks.

        Raises:
            InvalidInputError: No award or too many, a label that is too long, or the days are out of range.
            RuleError: Too many shares are open.
            ErasedError: The learner was erased.
        """
        if not 0 < len(awards) <= MAX_SHARED:
            message = f"a share shows 1 to {MAX_SHARED} awards"
            raise InvalidInputError(message, "/awards")
        if len(label) > MAX_LABEL_CHARS:
            message = f"a share's name has at most {MAX_LABEL_CHARS} characters"
            raise InvalidInputError(message, "/label")
        check_text(label, "/label")
        now = self._ledger.now()
        if sum(link.is_open(now) for link in self.shares(page.learner)) >= MAX_SHARES:
            message = f"at most {MAX_SHARES} shares are open at once; end one first"
            raise RuleError(message)
        shown = msgspec.msgpack.encode(Shared(tuple(awards), documents, label))
        return self._add("share", page.learner, page.institution, days, [shown], actor)

    def open(self, secret: str, kind: LinkKind, now: datetime) -> LearnerLink:
        """The link that somebody holds.

        Raises:
            NotFoundError: It is no link, or opens nothing any more.
        """
        column = _digest(secret) if LINK.fullmatch(secret) else b""
        return self._open("digest=? AND kind=?", (column, kind), now)

    def known(self, prefix: str, now: datetime, kind: LinkKind = "page") -> LearnerLink:
        """The link that is called *prefix*, if it is still open; for whoever has opened it with its secret before.

        Raises:
            NotFoundError: It opens nothing any more.
        """
        return self._open("prefix=? AND kind=?", (prefix, kind), now)

    def shared(self, share: LearnerLink) -> Shared:
        """What a share shows. Raises ErasedError."""
        return msgspec.msgpack.decode(self._vault.open(_identity(share.prefix), SHARE_KIND), type=Shared)

    def pages(self, institution: UUID) -> list[LearnerLink]:
        """Every link to a learner's page that the institution has made, oldest first."""
        return self._select("institution=? AND kind='page'", (institution.bytes,))

    def shares(self, learner: bytes) -> list[LearnerLink]:
        """Every share of a learner, oldest first."""
        return self._select("learner=? AND kind='share'", (learner,))

    def revoke(self, prefix: str, *, actor: Actor) -> LearnerLink:
        """Revoke a link to a learner's page: whoever is there is shown out at once.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: There is none.
        """
        return self._revoke("prefix=? AND kind='page'", (prefix,), actor)

    def end_share(self, page: LearnerLink, prefix: str, *, actor: Actor) -> LearnerLink:
        """End a share of whoever holds *page*. Raises NotFoundError when there is no such share."""
        return self._revoke("prefix=? AND kind='share' AND learner=?", (prefix, page.learner), actor)

    def _holder(self, credential: str, institution: UUID) -> bytes:
        award, _ = self._parts.credential(credential, self._ledger.now())
        if award.institution != institution:
            message = "another institution awarded this"
            raise NotFoundError(message)
        return self._vault.learner_of(award.id).handle

    def _add(
        self, kind: LinkKind, learner: bytes, institution: UUID, days: int, shown: Sequence[bytes], actor: Actor
    ) -> MadeLink:
        if not 0 < days <= MAX_DAYS:
            message = f"a link lasts 1 to {MAX_DAYS} days"
            raise InvalidInputError(message, "/days")

        def decide(now: datetime) -> Decision:
            owner = self._vault.learner_with(learner)
            prefix = base64.b32hexencode(self._ledger.random(PREFIX_BYTES)).decode("ascii").lower()
            bits = base64.urlsafe_b64encode(self._ledger.random(SECRET_BYTES)).decode("ascii").rstrip("=")
            link = LearnerLink(
                prefix=prefix,
                kind=kind,
                learner=learner,
                institution=institution,
                created_at=now,
                expires_at=now + timedelta(days=days),
                revoked_at=None,
            )
            made = MadeLink(link, f"{prefix}_{bits}")
            sealed = [self._vault.seal(owner, _identity(prefix), SHARE_KIND, one) for one in shown]
            writes = [
                Write("INSERT INTO vault_link VALUES (?,?,?,?,?,?,?,?)", [_row(made)]),
                Write(SEAL_SQL, sealed),
                audit(actor, f"link.make_{kind}", institution, 1, now),
            ]
            return Decision([], writes, None, made=made)

        made: MadeLink = self._ledger.carry_out(self._vault, None, decide).made
        return made

    def _revoke(self, where: str, parameters: tuple[Any, ...], actor: Actor) -> LearnerLink:
        found = self._select(where, parameters)
        if not found:
            message = "there is no such link"
            raise NotFoundError(message)
        link = found[0]
        actor.require_institution(link.institution)
        if link.revoked_at is not None:
            return link
        now = self._ledger.now()
        update = "UPDATE vault_link SET revoked_at=? WHERE prefix=? AND revoked_at IS NULL"
        writes = [
            Write(update, [(now.isoformat(), link.prefix)]),
            audit(actor, f"link.revoke_{link.kind}", link.institution, 1, now),
        ]
        self._ledger.carry_out(self._vault, None, lambda _: Decision([], writes, None))
        return msgspec.structs.replace(link, revoked_at=now)

    def _open(self, where: str, parameters: tuple[Any, ...], now: datetime) -> LearnerLink:
        found = self._select(where, parameters)
        if not found or not found[0].is_open(now):
            message = "this link does not open anything, or not any more"
            raise NotFoundError(message)
        return found[0]

    def _select(self, where: str, parameters: tuple[Any, ...]) -> list[LearnerLink]:
        sql = f"SELECT {_COLUMNS} FROM vault_link WHERE {where} ORDER BY created_at, prefix"  # noqa: S608  no text of others
        return [_read(row) for row in self._ledger.store.query(sql, parameters)]


def _row(made: MadeLink) -> tuple[Any, ...]:
    link = made.link
    dates = (link.created_at.isoformat(), link.expires_at.isoformat(), None)
    return link.prefix, _digest(made.secret), link.kind, link.learner, link.institution.bytes, *dates


def _read(row: Sequence[Any]) -> LearnerLink:
    prefix, kind, learner, institution, created, expires, revoked = row
    return LearnerLink(
        prefix=prefix,
        kind=kind,
        learner=bytes(learner),
        institution=UUID(bytes=bytes(institution)),
        created_at=datetime.fromisoformat(created),
        expires_at=datetime.fromisoformat(expires),
        revoked_at=None if revoked is None else datetime.fromisoformat(revoked),
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _identity(prefix: str) -> UUID:
    """What the vault calls a share: its prefix has 16 characters, as many as such an id has bytes."""
    return UUID(bytes=prefix.encode("ascii"))
