"""Where a ledger's events, vault and access are: in ``ledger.db``, or in PostgreSQL when ``CAIRN_DATABASE`` says so.

A directory whose ledger is in PostgreSQL has ``database.json`` in it, with a random name that stands in the database as
well. Neither can be taken for another's: not by a setting that was forgotten, nor by an address that was mistyped. The
address itself, and what lets one in, is nowhere but in the setting.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from api.backup.manifest import sync
from api.identity import IdentityError, write_durably
from api.setting import Settings
from ledger.access import ACCESS_SCHEMA
from ledger.attesting import ATTESTED_SCHEMA
from ledger.signing import SIGNING_SCHEMA
from ledger.sqlite_store import SqliteFactory
from ledger.status_allocation import ALLOCATION_SCHEMA
from ledger.vault import VAULT_SCHEMA

if TYPE_CHECKING:
    from ledger.postgres_standby import StandbyWatch
    from ledger.postgres_store import PostgresFactory
    from ledger.store import LedgerRecorder

SCHEMA: Final = (*VAULT_SCHEMA, *ATTESTED_SCHEMA, *SIGNING_SCHEMA, *ALLOCATION_SCHEMA, *ACCESS_SCHEMA)
SQLITE_FILE: Final = "ledger.db"
NOTE_FILE: Final = "database.json"
LOG_FILE: Final = "log.db"
NAME_BYTES: Final = 16


class DatabaseNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``database.json`` says.

    Attributes:
        kind: What sort of database it is.
        ledger: The ledger's random name in it.
    """

    kind: Literal["postgresql"]
    ledger: str


def ledger_is_there(data: Path) -> bool:
    """Whether *data* is the directory of a ledger that has begun."""
    return (data / SQLITE_FILE).exists() or (data / NOTE_FILE).exists()


def open_factory(settings: Settings, random: Callable[[int], bytes] = os.urandom) -> SqliteFactory | PostgresFactory:
    """What opens the ledger's database.

    Raises:
        IdentityError: The setting contradicts where this directory's ledger has been so far.
    """
    data = settings.data_dir
    note = read_note(data)
    if settings.tiles is not None:
        return _shared_factory(settings, note, random)
    if settings.database is None:
        if note is not None:
            message = f"the ledger of {data} is in PostgreSQL; name its database in CAIRN_DATABASE"
            raise IdentityError(message)
        return SqliteFactory(data / SQLITE_FILE, SCHEMA)
    has_begun = (data / LOG_FILE).exists()
    if note is None:
        if has_begun or (data / SQLITE_FILE).exists():
            message = (
                f"the ledger of {data} is in {SQLITE_FILE} there and not in PostgreSQL; `cairn backup`, and `cairn "
                "restore` with CAIRN_DATABASE into another directory, take it there"
            )
            raise IdentityError(message)
        note = write_note(data, random(NAME_BYTES).hex())
    return postgres_factory(_address(settings), note.ledger, may_be_new=not has_begun)


def _shared_factory(settings: Settings, note: DatabaseNote | None, random: Callable[[int], bytes]) -> PostgresFactory:
    """What opens the database of a ledger of several processes; a directory without a note joins whatever is there."""
    if settings.database is None:
        message = (
            "CAIRN_TILES is for a ledger in PostgreSQL, where processes share what the log has: set CAIRN_DATABASE"
        )
        raise IdentityError(message)
    data = settings.data_dir
    for file in (SQLITE_FILE, LOG_FILE):
        if (data / file).exists():
            message = (
                f"{data} has a {file}: this ledger has been one process so far; `cairn log share` takes its log to "
                "where CAIRN_TILES says"
            )
            raise IdentityError(message)
    if note is not None:
        return postgres_factory(_address(settings), note.ledger)
    return postgres_factory(_address(settings), random(NAME_BYTES).hex(), joins=True)


def standby_watch(recorder: LedgerRecorder, settings: Settings) -> StandbyWatch | None:
    """What looks whether the database has its synchronous standby; None for a ledger in a file."""
    if settings.database is None:
        return None
    from ledger.postgres_standby import StandbyWatch  # noqa: PLC0415  loads the driver
    from ledger.postgres_store import PostgresRecorder  # noqa: PLC0415  the same

    assert isinstance(recorder, PostgresRecorder)  # noqa: S101  open_factory makes no other for a database
    return StandbyWatch(recorder.connections, settings.standby_lost)


def copy_ledger(settings: Settings, target: Path) -> None:
    """Copy a ledger's database into the new SQLite file *target*, as it is at one moment; others go on writing.

    Raises:
        IdentityError: The setting contradicts where the ledger is.
        StorageError: PostgreSQL cannot be reached, or failed.
        sqlite3.Error: A file cannot be read or written.
    """
    factory = open_factory(settings)
    try:
        if isinstance(factory, SqliteFactory):
            copy_file(settings.data_dir / SQLITE_FILE, target)
        else:
            from ledger.postgres_transfer import copy_out  # noqa: PLC0415  loads the driver

            copy_out(factory.application_recorder(), target, SCHEMA)
    finally:
        factory.close()


def move_ledger(source: Path, data: Path, settings: Settings) -> None:
    """Move the ledger in the SQLite file *source* into PostgreSQL, and note in *data* that it is there.

    A crash before the end leaves the file; the database is empty, or has all of it and has to be emptied by hand.

    Raises:
        StorageError: PostgreSQL cannot be reached, is not empty, or failed.
    """
    from ledger.postgres_transfer import copy_in_whole  # noqa: PLC0415  loads the driver

    note = write_note(data, os.urandom(NAME_BYTES).hex())
    copy_in_whole(postgres_factory(_address(settings), note.ledger), source)
    for file in source.parent.glob(f"{source.name}*"):
        file.unlink()


def require_free(settings: Settings) -> None:
    """Check that the database of *settings*, if they name one, has room for a ledger that is restored.

    Raises:
        StorageError: It cannot be reached, or is not empty.
    """
    if settings.database is not None:
        postgres_factory(_address(settings), "").require_free()


def copy_file(source: Path, target: Path) -> None:
    """Copy an SQLite file that may be in use; one that is not there is not copied."""
    if not source.exists():
        return
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)  # all pages at once: one consistent moment
        here.execute("PRAGMA journal_mode=DELETE")
    sync(target)


def _address(settings: Settings) -> str:
    assert settings.database is not None  # noqa: S101  the caller looked
    return settings.database.get_secret_value()


def postgres_factory(address: str, ledger: str, *, may_be_new: bool = True, joins: bool = False) -> PostgresFactory:
    """What opens a ledger in PostgreSQL; the driver is loaded here and for no other ledger."""
    from ledger.postgres_store import PostgresFactory  # noqa: PLC0415  see above

    return PostgresFactory(address, SCHEMA, ledger=ledger, may_be_new=may_be_new, joins=joins)


def read_note(data: Path) -> DatabaseNote | None:
    """What ``database.json`` in *data* says; None when there is none.

    Raises:
        IdentityError: It cannot be read.
    """
    file = data / NOTE_FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=DatabaseNote)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        message = f"{file} cannot be read ({error}); its member «ledger» is what the table cairn_ledger says"
        raise IdentityError(message) from error


def write_note(data: Path, ledger: str) -> DatabaseNote:
    """Write ``database.json``; a crash after this leaves a name that the database is given at the next start."""
    note = DatabaseNote(kind="postgresql", ledger=ledger)
    write_durably(data / NOTE_FILE, msgspec.json.format(msgspec.json.encode(note)) + b"\n")
    return note
