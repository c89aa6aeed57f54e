"""The vault: everything personal, sealed under a key of the learner's own.

Each learner has a random 256-bit key, wrapped under a key-encryption key that lives elsewhere. Documents, salts and
remarks are sealed with AES-256-GCM under it, bound to the aggregate and kind they belong to. Erasing a learner deletes
the wrapped key and every sealed row; the database overwrites what it deletes.

Rows are returned as :class:`~ledger.store.Write`, never written here: they commit together with the events. A sealed
row refers to its learner's row, so an award that was being made while its learner was erased conflicts and is made anew
under a new key; it cannot be committed under the destroyed one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.error import CorruptionError, ErasedError, NotFoundError
from ledger.key_ring import NONCE_BYTES, KeyRing, RandomBytes
from ledger.store import Commit, RowRecorder, Write

LEARNER_KEY_BYTES = 32
HANDLE_BYTES = 16
SECRET_BYTES = 32
CALLED_KIND = "called"
"""The kind of an empty item that a learner has for each further name; its id is the beginning of the name's lookup."""
LOOKUPS_AT_ONCE = 500
"""Parameters of one statement; SQLite takes 32,766, and older ones 999."""

VAULT_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vault_secret (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID",
    (
        "CREATE TABLE IF NOT EXISTS vault_learner ("
        "handle BLOB PRIMARY KEY, lookup BLOB NOT NULL UNIQUE, wrapped BLOB NOT NULL) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE IF NOT EXISTS vault_item ("
        "aggregate_id BLOB NOT NULL, kind TEXT NOT NULL, "
        "learner BLOB NOT NULL REFERENCES vault_learner (handle), sealed BLOB NOT NULL, "
        "PRIMARY KEY (aggregate_id, kind)) WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS vault_item_learner ON vault_item (learner)",
    "CREATE TABLE IF NOT EXISTS vault_answer (submission BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID",
    (
        "CREATE TABLE IF NOT EXISTS vault_spending ("
        "award BLOB NOT NULL, number INTEGER NOT NULL, learner BLOB NOT NULL REFERENCES vault_learner (handle), "
        "stack BLOB NOT NULL, kind TEXT NOT NULL, unit TEXT NOT NULL, amount INTEGER NOT NULL, "
        "whole INTEGER NOT NULL, released INTEGER NOT NULL, PRIMARY KEY (award, number)) WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS vault_spending_learner ON vault_spending (learner)",
    "CREATE INDEX IF NOT EXISTS vault_spending_stack ON vault_spending (stack)",
    (
        "CREATE TABLE IF NOT EXISTS vault_link ("
        "prefix TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, "
        "learner BLOB NOT NULL REFERENCES vault_learner (handle), institution BLOB NOT NULL, "
        "created_at TEXT NOT NULL, expires_at TEXT NOT NULL, revoked_at TEXT) WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS vault_link_learner ON vault_link (learner)",
    "CREATE INDEX IF NOT EXISTS vault_link_institution ON vault_link (institution)",
    (
        "CREATE TABLE IF NOT EXISTS vault_request ("
        "id BLOB PRIMARY KEY, kind TEXT NOT NULL, learner BLOB NOT NULL REFERENCES vault_learner (handle), "
        "institution BLOB NOT NULL, made_at TEXT NOT NULL, outcome TEXT, decided_at TEXT) WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS vault_request_learner ON vault_request (learner)",
    "CREATE INDEX IF NOT EXISTS vault_request_institution ON vault_request (institution)",
)


class Learner(msgspec.Struct, frozen=True, gc=False):
    """A learner's place in the vault; ``row``, for :data:`LEARNER_SQL`, is still to be committed when it is new."""

    handle: bytes
    key: bytes
    row: tuple[bytes, bytes, bytes] | None = None

    @property
    def writes(self) -> tuple[Write, ...]:
        """What is still to be committed."""
        return () if self.row is None else (Write(LEARNER_SQL, [self.row]),)


_NOBODY = Learner(b"", b"")


class Vault:
    """Seals and opens personal data.

    Args:
        recorder: The database that holds the sealed rows.
        key_ring: Key-encryption keys.
        random: Source of randomness.
    """

    def __init__(self, recorder: RowRecorder, key_ring: KeyRing, random: RandomBytes) -> None:
        self._recorder = recorder
        self._key_ring = key_ring
        self._random = random
        self._secrets: dict[str, bytes] = {}

    def secret(self, name: str, make: Callable[[], bytes] | None = None) -> bytes:
        """The named secret of this ledger, made on first use and wrapped under a key-encryption key.

        Args:
            name: Which one.
            make: How to make it; 32 random bytes when not given.
        """
        if name not in self._secrets:
            wrapped = self._wrapped_secret(name)
            if wrapped is None:
                fresh = self._random(SECRET_BYTES) if make is None else make()
                row = (name, self._key_ring.wrap(fresh, vault_context("secret", name.encode())))
                insert = Write("INSERT INTO vault_secret VALUES (?,?) ON CONFLICT DO NOTHING", [row])
                self._recorder.record([_rows_only(insert)])
                wrapped = self._wrapped_secret(name)
            if wrapped is None:
                message = f"the secret {name!r} was written and is not there"
                raise CorruptionError(message)
            self._secrets[name] = self._key_ring.unwrap(wrapped, vault_context("secret", name.encode()))
        return self._secrets[name]

    def has_secret(self, name: str) -> bool:
        """Whether the named secret has been made, and not destroyed."""
        return self._wrapped_secret(name) is not None

    def destroy_secrets(self, names: Sequence[str]) -> Write:
        """The deletion of named secrets; nothing may ask for them again, or they would be made anew."""
        for name in names:
            self._secrets.pop(name, None)
        return Write("DELETE FROM vault_secret WHERE name=?", [(name,) for name in names])

    def _wrapped_secret(self, name: str) -> bytes | None:
        rows = self._recorder.query("SELECT wrapped FROM vault_secret WHERE name=?", (name,))
        return bytes(rows[0][0]) if rows else None

    def learner(self, institution: UUID, reference: str | None) -> Learner:
        """The learner whom *institution* calls *reference*, made when not known; without a reference, a new one.

        Two commands that make the same learner at once conflict, and the later one is tried again.
        """
        if reference is None:
            return self._make_learner(self._random(SECRET_BYTES), self._key_ring.wrapper())
        return self.learners_called(institution, [reference])[reference]

    def learners_called(self, institution: UUID, references: Iterable[str]) -> dict[str, Learner]:
        """The learners whom *institution* calls by *references*, each as :meth:`learner` gives it."""
        lookups = {self._lookup(institution, reference): reference for reference in references}
        found = dict.fromkeys(lookups.values(), _NOBODY)
        waiting = iter(lookups)
        while some := tuple(islice(waiting, LOOKUPS_AT_ONCE)):
            marks = ",".join("?" * len(some))
            sql = f"SELECT lookup, handle, wrapped FROM vault_learner WHERE lookup IN ({marks})"  # noqa: S608  question marks
            for lookup, handle, wrapped in self._recorder.query(sql, some):
                key = self._key_ring.unwrap(wrapped, vault_context("learner", handle))
                found[lookups[lookup]] = Learner(handle, key)
        unknown = [lookup for lookup, reference in lookups.items() if found[reference] is _NOBODY]
        for lookup, handle in self._called(unknown).items():
            found[lookups[lookup]] = self.learner_with(handle)
        wrap = self._key_ring.wrapper()
        for lookup, reference in lookups.items():
            if found[reference] is _NOBODY:
                found[reference] = self._make_learner(lookup, wrap)
        return found

    def _make_learner(self, lookup: bytes, wrap: Callable[[bytes, bytes], bytes]) -> Learner:
        drawn = self._random(HANDLE_BYTES + LEARNER_KEY_BYTES)
        handle, key = drawn[:HANDLE_BYTES], drawn[HANDLE_BYTES:]
        return Learner(handle, key, (handle, lookup, wrap(key, vault_context("learner", handle))))

    def find_learner(self, institution: UUID, reference: str) -> bytes:
        """Handle of the learner whom *institution* calls *reference*.

        Raises:
            NotFoundError: There is none, or the data was erased.
        """
        found = self.find_learners(institution, [reference])
        if not found:
            message = "no learner with this reference; it was corrected since, or the data may have been erased before"
            raise NotFoundError(message)
        return found[reference]

    def find_learners(self, institution: UUID, references: Iterable[str]) -> dict[str, bytes]:
        """Handles of those learners whom *institution* calls by *references* and who are here, by reference."""
        lookups = {self._lookup(institution, reference): reference for reference in references}
        found: dict[str, bytes] = {}
        waiting = iter(lookups)
        while some := tuple(islice(waiting, LOOKUPS_AT_ONCE)):
            marks = ",".join("?" * len(some))
            sql = f"SELECT lookup, handle FROM vault_learner WHERE lookup IN ({marks})"  # noqa: S608  question marks
            found |= {lookups[bytes(lookup)]: bytes(handle) for lookup, handle in self._recorder.query(sql, some)}
        unknown = [lookup for lookup, reference in lookups.items() if reference not in found]
        return found | {lookups[lookup]: handle for lookup, handle in self._called(unknown).items()}

    def _called(self, lookups: Iterable[bytes]) -> dict[bytes, bytes]:
        """Handles of those learners who have one of *lookups* as a further name, by lookup."""
        called = {_item_of(lookup): lookup for lookup in lookups}
        found: dict[bytes, bytes] = {}
        waiting = iter(called)
        while some := tuple(islice(waiting, LOOKUPS_AT_ONCE)):
            marks = ",".join("?" * len(some))
            sql = f"SELECT aggregate_id, learner FROM vault_item WHERE aggregate_id IN ({marks}) AND kind=?"  # noqa: S608  question marks
            rows = self._recorder.query(sql, (*some, CALLED_KIND))
            found |= {called[bytes(item)]: bytes(handle) for item, handle in rows}
        return found

    def rename(self, learner: Learner, institution: UUID, reference: str, freed: Iterable[str]) -> list[Write]:
        """The rows after which *institution* calls *learner* by *reference*, and by none of *freed*.

        What it called them before stays a further name of theirs unless it is among *freed*, until they are erased.
        """
        lookup, gone = self._lookup(institution, reference), {self._lookup(institution, name) for name in freed}
        [(known,)] = self._recorder.query("SELECT lookup FROM vault_learner WHERE handle=?", (learner.handle,))
        before = bytes(known)
        items = [(_item_of(one), CALLED_KIND, learner.handle) for one in sorted({lookup, *gone})]
        writes = [Write("DELETE FROM vault_item WHERE aggregate_id=? AND kind=? AND learner=?", items)]
        if before != lookup:
            writes.append(Write("UPDATE vault_learner SET lookup=? WHERE handle=?", [(lookup, learner.handle)]))
        if before not in {lookup, *gone}:
            writes.append(Write(SEAL_SQL, [self.seal(learner, UUID(bytes=_item_of(before)), CALLED_KIND, b"")]))
        return writes

    def learners(self) -> list[bytes]:
        """The handle of every learner who is here."""
        return [bytes(row[0]) for row in self._recorder.query("SELECT handle FROM vault_learner")]

    def learner_of(self, aggregate_id: UUID) -> Learner:
        """The learner to whom *aggregate_id* belongs.

        Raises:
            ErasedError: The personal data was erased.
        """
        rows = self._recorder.query(
            "SELECT handle, wrapped FROM vault_learner WHERE handle="
            "(SELECT learner FROM vault_item WHERE aggregate_id=? LIMIT 1)",
            (aggregate_id.bytes,),
        )
        if not rows:
            message = "the personal data of this award has been erased"
            raise ErasedError(message)
        handle = bytes(rows[0][0])
        return Learner(handle, self._key_ring.unwrap(rows[0][1], vault_context("learner", handle)))

    def learner_with(self, handle: bytes) -> Learner:
        """The learner with that handle.

        Raises:
            ErasedError: There is none, or the personal data was erased.
        """
        rows = self._recorder.query("SELECT wrapped FROM vault_learner WHERE handle=?", (handle,))
        if not rows:
            message = "the personal data of this learner has been erased"
            raise ErasedError(message)
        return Learner(handle, self._key_ring.unwrap(rows[0][0], vault_context("learner", handle)))

    def items_of(self, handle: bytes, kind: str) -> list[UUID]:
        """The aggregates for which something of *kind* is sealed for a learner, in no particular order."""
        rows = self._recorder.query("SELECT aggregate_id FROM vault_item WHERE learner=? AND kind=?", (handle, kind))
        return [UUID(bytes=bytes(row[0])) for row in rows]

    def items_of_many(self, handles: Iterable[bytes], kind: str) -> dict[bytes, list[UUID]]:
        """The aggregates for which something of *kind* is sealed, by learner; no entry for who has none."""
        found: dict[bytes, list[UUID]] = {}
        waiting = iter(handles)
        while some := tuple(islice(waiting, LOOKUPS_AT_ONCE)):
            marks = ",".join("?" * len(some))
            sql = f"SELECT learner, aggregate_id FROM vault_item WHERE learner IN ({marks}) AND kind=?"  # noqa: S608  question marks
            for handle, aggregate_id in self._recorder.query(sql, (*some, kind)):
                found.setdefault(bytes(handle), []).append(UUID(bytes=bytes(aggregate_id)))
        return found

    def _lookup(self, institution: UUID, reference: str) -> bytes:
        return hmac.digest(self.secret("learner-lookup"), institution.bytes + reference.encode(), "sha256")

    def seal(self, learner: Learner, aggregate_id: UUID, kind: str, plain: bytes) -> tuple[bytes, str, bytes, bytes]:
        """Seal *plain* for :data:`SEAL_SQL`: one row (aggregate id, kind, learner, sealed)."""
        nonce = self._random(NONCE_BYTES)
        context = vault_context(kind, aggregate_id.bytes)
        sealed = nonce + AESGCM(learner.key).encrypt(nonce, plain, context)
        return aggregate_id.bytes, kind, learner.handle, sealed

    def open(self, aggregate_id: UUID, kind: str) -> bytes:
        """Open what was sealed for *aggregate_id* as *kind*.

        Raises:
            ErasedError: It was erased, or there never was any.
            CorruptionError: The sealed bytes were altered.
        """
        rows = self._recorder.query(
            "SELECT i.sealed, l.handle, l.wrapped FROM vault_item i JOIN vault_learner l ON l.handle=i.learner "
            "WHERE i.aggregate_id=? AND i.kind=?",
            (aggregate_id.bytes, kind),
        )
        if not rows:
            message = "the personal data of this award has been erased"
            raise ErasedError(message)
        sealed, handle, wrapped = (bytes(column) for column in rows[0])
        key = self._key_ring.unwrap(wrapped, vault_context("learner", handle))
        context = vault_context(kind, aggregate_id.bytes)
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            message = "a sealed row of the vault was altered"
            raise CorruptionError(message) from error

    def erase(self, handle: bytes) -> list[Write]:
        """The deletions that erase a learner: the wrapped key, the lookup, every sealed row, links, what was spent."""
        return [
            Write("DELETE FROM vault_link WHERE learner=?", [(handle,)]),
            Write("DELETE FROM vault_request WHERE learner=?", [(handle,)]),
            Write("DELETE FROM vault_spending WHERE learner=?", [(handle,)]),
            Write("DELETE FROM vault_item WHERE learner=?", [(handle,)]),
            Write("DELETE FROM vault_learner WHERE handle=?", [(handle,)]),
        ]

    def keep_answer(self, submission: UUID, answer: bytes) -> Write:
        """The row that keeps the answer to a submission."""
        nonce = self._random(NONCE_BYTES)
        sealed = nonce + AESGCM(self.secret("answers")).encrypt(
            nonce, answer, vault_context("answer", submission.bytes)
        )
        return Write("INSERT INTO vault_answer VALUES (?,?)", [(submission.bytes, sealed)])

    def answer(self, submission: UUID) -> bytes:
        """The answer that was kept for a submission.

        Raises:
            ErasedError: It is not there: a restore brought the submission back from the log, and not its answer.
            CorruptionError: It was altered.
        """
        rows = self._recorder.query("SELECT sealed FROM vault_answer WHERE submission=?", (submission.bytes,))
        if not rows:
            message = "this request was carried out, and its answer is no longer here; look up what it made"
            raise ErasedError(message)
        try:
            sealed = bytes(rows[0][0])
            return AESGCM(self.secret("answers")).decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], vault_context("answer", submission.bytes)
            )
        except (InvalidTag, ValueError) as error:
            message = "the kept answer of a submission was altered"
            raise CorruptionError(message) from error


LEARNER_SQL = "INSERT INTO vault_learner VALUES (?,?,?)"
"""Takes the rows of new learners."""
SEAL_SQL = "INSERT INTO vault_item VALUES (?,?,?,?)"
"""Takes the rows that :meth:`Vault.seal` makes."""
RESEAL_SQL = (
    "INSERT INTO vault_item VALUES (?,?,?,?) "
    "ON CONFLICT (aggregate_id, kind) DO UPDATE SET learner=excluded.learner, sealed=excluded.sealed"
)
"""The same rows, in the place of those sealed before, which are overwritten."""


def vault_context(kind: str, identity: bytes) -> bytes:
    """What a sealed or wrapped value of the vault is bound to."""
    return b"cairn/vault/v1\n" + kind.encode() + b"\n" + identity


def _item_of(lookup: bytes) -> bytes:
    """Under which id, of 16 bytes, a learner's further name is an item of theirs."""
    return lookup[:16]


def _rows_only(*writes: Write) -> Commit:
    return Commit((), writes)
