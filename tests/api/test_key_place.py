"""Key-encryption keys of a ledger that has begun: they are found, or asked for, and never made a second time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.ledger_node import LedgerNode, open_ledger
from api.setting import Settings
from ledger.error import KeyEncryptionError
from ledger.key_ring import ID_BYTES
from tests.postgres import PostgresServer

BASE_URL = "https://ledger.example"


def machine(place: Path, name: str, database: str) -> Settings:
    """A machine of its own, with its own directory for keys."""
    return Settings(
        data_dir=place / name,
        kek_dir=place / f"{name}.keys",
        database=SecretStr(database),
        tiles=str(place / "tiles"),
        base_url=BASE_URL,
    )


def keys(settings: Settings) -> list[str]:
    return sorted(file.name for file in settings.key_dir.iterdir())


def begin(settings: Settings) -> None:
    open_ledger(settings).close()


def test_key_is_not_made_when_the_ledger_has_begun_and_the_directory_of_keys_is_empty(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    database = postgres_server.fresh_schema()
    first, second = (machine(tmp_path, name, database) for name in ("first", "second"))
    begin(first)
    second.key_dir.mkdir()
    with pytest.raises(KeyEncryptionError, match="copy its key files"):
        open_ledger(second)
    assert keys(second) == []
    shutil.copytree(first.key_dir, second.key_dir, dirs_exist_ok=True)
    begin(second)
    assert keys(second) == keys(first)


def test_keys_are_found_where_they_were_last_when_the_directory_beside_the_data_is_empty(tmp_path: Path) -> None:
    begin(Settings(data_dir=tmp_path / "old"))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    copied = Settings(data_dir=tmp_path / "new")
    copied.key_dir.mkdir()
    begin(copied)
    assert keys(copied) == []


def test_key_of_a_machine_that_began_the_ledger_too_late_does_not_stay(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    database = postgres_server.fresh_schema()
    first, second = (machine(tmp_path, name, database) for name in ("first", "second"))

    with pytest.raises(KeyEncryptionError, match="begun elsewhere"):
        open_ledger(second, random=overtaken_by(first))
    assert keys(second) == []
    shutil.copytree(first.key_dir, second.key_dir, dirs_exist_ok=True)
    with closing(open_ledger(second)) as opened:
        assert ids(opened) == ids_of(first)


def test_key_stays_when_another_process_over_the_same_directory_may_use_it(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    database = postgres_server.fresh_schema()
    first, second = (machine(tmp_path, name, database) for name in ("first", "second"))

    def make_another() -> None:
        (second.key_dir / "kek-01020304.key").write_text("00" * 32, "ascii")

    with pytest.raises(KeyEncryptionError, match="restore its file"):
        open_ledger(second, random=overtaken_by(first, make_another))
    assert len(keys(second)) == 2


def overtaken_by(other: Settings, meanwhile: Callable[[], object] = lambda: None) -> Callable[[int], bytes]:
    """Randomness of a machine during whose draw of its key's name the *other* begins the ledger."""

    def draw(count: int) -> bytes:
        if count == ID_BYTES and not other.key_dir.exists():
            begin(other)
            meanwhile()
        return os.urandom(count)

    return draw


def ids(node: LedgerNode) -> list[str]:
    return node.key_ring.ids


def ids_of(settings: Settings) -> list[str]:
    with closing(open_ledger(settings)) as opened:
        return ids(opened)
