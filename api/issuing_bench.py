"""How fast this machine makes a batch of awards, beside what nobody could leave out: signatures, hashes, and the disk.

The batch goes through the command as it would over HTTP, on a ledger of its own: claims are checked, learners looked up
or made, documents signed, committed to and sealed, and all of it is recorded in one transaction. Beside it stand the
same number of Ed25519 signatures, the SHA-256 of the same documents, and the very rows of the batch, put into an empty
database of the same tables in one durable transaction.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.garbage import keep_all
from api.ledger_node import LedgerNode, open_ledger
from api.log_bench import CODE, MEASURER, SLUG, TEMPLATE
from api.setting import Settings
from ledger.claim import AwardClaim, LearnerClaim
from ledger.error import LedgerError
from ledger.signing_algorithm import SodiumSigningKey

BATCHES: Final = 3
"""Measured one after the other; the quickest counts. One goes before them."""
DATABASE: Final = "ledger.db"
_TABLES: Final = ("vault_learner", "stored_events", "vault_item")
"""Tables of which a batch fills many rows, in the order in which they may be filled."""
_DIGEST_BYTES: Final = 64


class IssuingFigures(msgspec.Struct, frozen=True):
    """What was measured, by processor time and by the clock.

    Attributes:
        awards: In a batch.
        document_bytes: Of one signed document.
        row_bytes: What one award has in the database.
        issued_per_second: Awards, for each second of processor time.
        issued_per_second_by_clock: Awards, until they are durable.
        signed_per_second: Ed25519 signatures alone, for each second of processor time.
        least_per_second: Signatures, hashes and rows alone, for each second of processor time.
        least_per_second_by_clock: The same until they are durable.
    """

    awards: int
    document_bytes: int
    row_bytes: int
    issued_per_second: float
    issued_per_second_by_clock: float
    signed_per_second: float
    least_per_second: float
    least_per_second_by_clock: float


def measure_issuing(directory: Path, awards: int) -> IssuingFigures:
    """Make batches of so many awards.

    Args:
        directory: Where the ledger may be made; it is left there.
        awards: How many a batch has.
    """
    node = open_ledger(Settings(data_dir=directory / "ledger"))
    try:
        node.registry.register(slug=SLUG, name=SLUG, country="EE", kind="other", actor=MEASURER)
        node.catalogue.publish(slug=SLUG, code=CODE, template=TEMPLATE, actor=MEASURER)
        keep_all()  # as a process that serves does
        taken = [_issue(node, awards, number) for number in range(1 + BATCHES)][1:]
        documents = _documents(node, awards)
    finally:
        node.close()
    signing = _signed(awards)
    rows = _newest_rows(directory / "ledger" / DATABASE, awards)
    least = [_least(directory, number, rows, documents) for number in range(BATCHES)]
    size = sum(len(value) if isinstance(value, bytes | str) else 1 for some in rows[1] for row in some for value in row)
    return IssuingFigures(
        awards,
        sum(map(len, documents)) // awards,
        size // awards,
        awards / min(processor for processor, _ in taken),
        awards / min(clock for _, clock in taken),
        awards / signing,
        awards / min(processor for processor, _ in least),
        awards / min(clock for _, clock in least),
    )


class _Watch:
    """Takes the time of a piece of work."""

    def __init__(self) -> None:
        self._processor, self._clock = time.process_time(), time.perf_counter()

    def stop(self) -> tuple[float, float]:
        """Seconds of processor time, and by the clock."""
        return time.process_time() - self._processor, time.perf_counter() - self._clock


def _claims(awards: int, learners: str) -> list[AwardClaim]:
    """An award for each of so many new learners, whose references begin with *learners*."""
    return [
        AwardClaim(
            achievement=CODE,
            learner=LearnerClaim(name=f"Learner {number}", reference=f"{learners}-{number}"),
            awarded_on=date(2026, 1, 31),
            grade="passed",
        )
        for number in range(awards)
    ]


def _issue(node: LedgerNode, awards: int, batch: int) -> tuple[float, float]:
    claims = _claims(awards, f"L-{batch}")
    watch = _Watch()
    [outcome] = node.issuance.issue_together([node.issuance.issuing(slug=SLUG, claims=claims, actor=MEASURER)])
    taken = watch.stop()
    if isinstance(outcome, LedgerError):
        raise outcome
    return taken


def _documents(node: LedgerNode, awards: int) -> list[bytes]:
    """The signed documents of one batch more."""
    outcome = node.issuance.issue(slug=SLUG, claims=_claims(awards, "D"), actor=MEASURER)
    return [sealed.document for sealed in outcome.made]


def _signed(count: int) -> float:
    """Seconds of processor time for so many signatures over two digests each."""
    key = SodiumSigningKey(Ed25519PrivateKey.generate(), "")
    inputs = [os.urandom(_DIGEST_BYTES) for _ in range(count)]
    watch = _Watch()
    for one in inputs:
        key.sign(one)
    return watch.stop()[0]


Rows = tuple[list[str], list[list[tuple[bytes | str | int, ...]]]]


def _newest_rows(database: Path, awards: int) -> Rows:
    """How the tables are made, and the newest rows of each."""
    with closing(sqlite3.connect(database)) as connection:
        made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        tables = [sql for (sql,) in made]
        found = []
        for table in _TABLES:
            order = "position DESC" if table == "stored_events" else "1"
            found.append(connection.execute(f"SELECT * FROM {table} ORDER BY {order} LIMIT ?", (awards,)).fetchall())  # noqa: S608  names of our own
    return tables, found


def _least(directory: Path, number: int, rows: Rows, documents: list[bytes]) -> tuple[float, float]:
    """Sign, hash and write, and nothing else."""
    tables, values = rows
    key = SodiumSigningKey(Ed25519PrivateKey.generate(), "")
    with closing(sqlite3.connect(directory / f"least-{number}.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        for sql in tables:
            connection.execute(sql)
        watch = _Watch()
        for document in documents:
            digest = hashlib.sha256(document).digest()
            key.sign(digest + digest)
        connection.execute("BEGIN IMMEDIATE")
        for table, some in zip(_TABLES, values, strict=True):
            marks = ",".join("?" * len(some[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", some)  # noqa: S608  names of our own
        connection.execute("COMMIT")
        return watch.stop()
