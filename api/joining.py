"""What several processes of one ledger have to agree on before any of them signs: its public address and its origin.

Each has a data directory of its own, or shares one. The first to come writes to the database what its settings say; all
others take it from there, and one whose settings say something else is refused.
"""

from __future__ import annotations

from typing import Final

import msgspec

from api.identity import FILE_NAME, Identity, IdentityError, settle_identity, write_durably
from api.setting import Settings, env_name
from ledger.postgres_connection import storage_errors
from ledger.postgres_schema import MAKING_LOCK
from ledger.postgres_store import PostgresRecorder

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS cairn_identity (only_row BOOLEAN PRIMARY KEY CHECK (only_row), "
    "base_url TEXT NOT NULL, origin TEXT NOT NULL, demonstration BOOLEAN NOT NULL)"
)


def join(settings: Settings, recorder: PostgresRecorder) -> Identity:
    """The identity of the ledger in a database, kept in ``settings.data_dir`` as well.

    Raises:
        IdentityError: The directory, or an explicit setting, says something else.
        StorageError: The database failed.
    """
    file = settings.data_dir / FILE_NAME
    kept = settle_identity(settings) if file.exists() else None
    shared = _shared(recorder, kept or _chosen(settings))
    if kept is not None and kept != shared:
        message = f"{settings.data_dir} is of the ledger at {kept.base_url}; the database has that at {shared.base_url}"
        raise IdentityError(message)
    for name, said, known in (
        ("base_url", settings.base_url, shared.base_url),
        ("origin", settings.log_origin, shared.origin),
    ):
        if name in settings.model_fields_set and said != known:
            message = f"{env_name(name)} is {said}, and the ledger in the database has {known}; set it to that, or not"
            raise IdentityError(message)
    if kept is None:
        write_durably(file, msgspec.json.format(msgspec.json.encode(shared)) + b"\n")
    return shared


def _chosen(settings: Settings) -> Identity | None:
    """What a new ledger would be called; None when nobody has said under which address the public will reach it."""
    if "base_url" not in settings.model_fields_set:
        return None
    return Identity(base_url=settings.base_url, origin=settings.log_origin, demonstration=settings.demonstration)


def _shared(recorder: PostgresRecorder, offered: Identity | None) -> Identity:
    with storage_errors(), recorder.connections.writing() as connection, connection.transaction():
        connection.execute(f"SELECT pg_advisory_xact_lock({MAKING_LOCK})")
        connection.execute(_TABLE)
        if offered is not None:
            row = (offered.base_url, offered.origin, offered.demonstration)
            connection.execute("INSERT INTO cairn_identity VALUES (true, $1, $2, $3) ON CONFLICT DO NOTHING", row)
        found = connection.execute("SELECT base_url, origin, demonstration FROM cairn_identity").fetchone()
    if found is None:
        message = "this ledger is new: say in CAIRN_BASE_URL at which address the public will reach it"
        raise IdentityError(message)
    return Identity(base_url=found[0], origin=found[1], demonstration=found[2])
