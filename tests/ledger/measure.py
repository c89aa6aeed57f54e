"""The figures of ADR 0003 and 0004, measured again: ``python -m tests.ledger.measure``.

Not a test: nothing here passes or fails, and no figure is promised.
"""

# ruff: noqa: T201  a program that prints its table

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import rfc8785
from eventsourcing.domain import DomainEvent as LibraryEvent
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, StoredEvent, UUIDAsHex
from eventsourcing.sqlite import SQLiteDatastore

from ledger import sqlite_store as store
from ledger.canonical import canonical_json
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper
from ledger.sqlite_store import SqliteFactory, SqliteRecorder
from ledger.store import Commit
from ledger.writer import GroupWriter
from tests.ledger.scenario import IDENTITY
from tests.ledger.test_credential import ISSUED
from tests.ledger.test_document import document, sign

STATE = b"x" * 400
ROUNDS = 5
ROW_BYTES = (16, 32, 76)


def one(number: int) -> StoredEvent:
    return StoredEvent(UUID(int=number << 20), 1, "credential.issued.v1", STATE)


@contextmanager
def recorder(**pragmas: str) -> Iterator[SqliteRecorder]:
    """A recorder in a fresh directory, with some pragmas set otherwise."""
    usual = store.PRAGMAS
    changed = [f"PRAGMA {name}={pragmas.get(name, value)}" for name, value in (p[7:].split("=") for p in usual)]
    store.PRAGMAS = tuple(changed)  # type: ignore[assignment]  # restored below
    with tempfile.TemporaryDirectory(dir=".") as directory:
        made = SqliteFactory(Path(directory) / "ledger.db", ()).application_recorder()
        try:
            yield made
        finally:
            made.datastore.close()
            store.PRAGMAS = usual


def durability() -> None:
    """Events a second, by what a commit waits for."""
    variants = {
        "synchronous=FULL": {},
        "synchronous=NORMAL": {"synchronous": "NORMAL"},
        "synchronous=OFF": {"synchronous": "OFF"},
        "FULL, secure_delete=OFF": {"secure_delete": "OFF"},
    }
    for batch, events in ((1, 1_000), (1_000, 50_000)):
        rates: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(ROUNDS):
            for name, pragmas in variants.items():
                with recorder(**pragmas) as into:
                    rates[name].append(events / _seconds(partial(_record, into, events, batch)))
        for name, found in rates.items():
            print(f"{name:26} {batch:5} a commit {statistics.median(found):10.0f} events/s  {_spread(found)}")


def _record(into: SqliteRecorder, events: int, batch: int) -> None:
    for first in range(0, events, batch):
        into.record([Commit([one(number) for number in range(first, first + batch)])])


def groups() -> None:
    """64 threads, one durable event each at a time."""
    for name in ("each its own transaction", "group commit"):
        rates = []
        for _ in range(3):
            with recorder() as into:
                writer = GroupWriter(into, lambda _: None)
                write: Callable[[Commit], object] = writer.write
                if name != "group commit":
                    write = lambda commit, into=into: into.record([commit])  # type: ignore[misc]  # noqa: E731  bound in the loop
                rates.append(64 * 100 / _seconds(partial(_crowd, write)))
                writer.close()
        print(f"{name:26} 64 threads    {statistics.median(rates):10.0f} events/s  {_spread(rates)}")


def _crowd(write: Callable[[Commit], object]) -> None:
    def work(thread: int) -> None:
        for number in range(100):
            write(Commit([one(thread * 1_000 + number)]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def stock() -> None:
    """What the library leaves its connections at."""
    with tempfile.TemporaryDirectory() as directory:
        datastore = SQLiteDatastore(f"{directory}/stock.db")
        with datastore.get_connection(commit=False) as connection:
            cursor = connection.cursor()
            for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys"):
                cursor.execute(f"PRAGMA {name}")
                print(f"library, stock: {name} = {cursor.fetchone()[0]}")
            cursor.execute("PRAGMA compile_options")
            options = [row[0] for row in cursor.fetchall()]
        datastore.close()
    print(f"SQLite {sqlite3.sqlite_version}:", *(o for o in options if "SYNCHRONOUS" in o or "SECURE" in o))


def residue() -> None:
    """How many deleted rows can still be found in the file: rows of one size, and rows of many."""
    for secure in ("ON", "OFF"):
        for sizes in ((76,), (60, 300, 2_000, 3_000, 9_000)):
            print(f"secure_delete={secure:3} rows of {sizes}: {_left_behind(secure, sizes)}")


def _left_behind(secure: str, sizes: tuple[int, ...]) -> str:
    choice = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "residue.db"
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", f"secure_delete={secure}", "synchronous=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE row (id BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        live: list[tuple[bytes, bytes]] = []
        gone: list[bytes] = []
        for number in range(20_000 // len(sizes)):
            live.append((choice.randbytes(16), choice.randbytes(choice.choice(sizes))))
            connection.execute("INSERT INTO row VALUES (?,?)", live[-1])
            if number % 2:
                identity, value = live.pop(choice.randrange(len(live)))
                connection.execute("DELETE FROM row WHERE id=?", (identity,))
                gone.append(value[:24])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        held = path.read_bytes()
        connection.close()
    return f"{sum(piece in held for piece in gone)} of {len(gone)}"


class Issued(LibraryEvent):
    """The same facts as an event of the library's own."""

    institution: UUID
    achievement: UUID
    edition: int
    key_id: str
    commitments: dict[str, str]
    status_block: int
    status_index: int
    valid_from: object
    valid_until: object


def mapper() -> None:
    """Encoding and decoding one award."""
    facts = {name: getattr(ISSUED, name) for name in ISSUED.__struct_fields__ if name != "recorded_at"}
    library = Issued(originator_id=IDENTITY, originator_version=1, timestamp=ISSUED.recorded_at, **facts)
    transcoder = JSONTranscoder()
    for kind in (UUIDAsHex(), DatetimeAsISO()):
        transcoder.register(kind)
    default: Mapper[UUID] = Mapper(transcoder)
    strict, own = make_mapper(), DomainEvent(IDENTITY, 1, ISSUED)
    theirs, ours = default.to_stored_event(library), strict.to_stored_event(own)
    for name, act in {
        "default mapper, encode": lambda: default.to_stored_event(library),
        "strict mapper, encode": lambda: strict.to_stored_event(own),
        "default mapper, decode": lambda: default.to_domain_event(theirs),
        "strict mapper, decode": lambda: strict.to_domain_event(ours),
    }.items():
        print(f"{name:26} {_rate(act):10.0f} events/s")
    print(f"bytes of state: default {len(theirs.state)}, strict {len(ours.state)}")


def canonical() -> None:
    """Canonical JSON of a signed document."""
    signed = sign(document())
    print(f"{'rfc8785':26} {_rate(lambda: rfc8785.dumps(signed), 500):10.0f} documents/s")
    print(f"{'guarded fast path':26} {_rate(lambda: canonical_json(signed), 5_000):10.0f} documents/s")
    unsigned = document()
    print(f"{'proof by openvc':26} {_rate(lambda: sign(unsigned), 500):10.0f} documents/s")


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _rate(act: Callable[[], object], times: int = 20_000) -> float:
    return max(times / _seconds(lambda: [act() for _ in range(times)]) for _ in range(ROUNDS))


def _spread(rates: list[float]) -> str:
    return f"({min(rates):.0f} to {max(rates):.0f})"


if __name__ == "__main__":
    for measure in (stock, durability, groups, residue, mapper, canonical):
        measure()
