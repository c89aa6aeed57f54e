"""What a ledger takes of the disk is added up by part, and nothing is left out."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from loadtests.front import MIRROR_PLACES, configured
from loadtests.sizes import Memory, Size, disk_by_part, memory, table


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory laid out like a ledger's."""
    for path, length in {
        "log/tile/entries/000": 100_000,
        "log/tile/0/000": 8_192,
        "log/checkpoint": 300,
        "log.db": 4_096,
        "views/credential_status/v5-000001/data.mdb": 40_960,
        "views/status_lists/v1-000001/data.mdb": 8_192,
        "views/skill_index/v1-000001/data.mdb": 4_096,
    }.items():
        file = tmp_path / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\1" * length)
    connection = sqlite3.connect(tmp_path / "data" / "ledger.db")
    connection.execute("CREATE TABLE stored_events (state BLOB)")
    connection.execute("CREATE TABLE vault_item (sealed BLOB)")
    connection.execute("CREATE TABLE access_key (hash BLOB)")
    connection.executemany("INSERT INTO vault_item VALUES (?)", [(os.urandom(3_000),)] * 100)
    connection.execute("INSERT INTO stored_events VALUES (?)", (os.urandom(300),))
    connection.commit()
    connection.close()
    return tmp_path / "data"


def test_disk_is_told_by_part_when_a_ledger_is_added_up(data: Path) -> None:
    parts, files = disk_by_part(data)
    assert files == 8
    assert parts["log: entry bundles"] >= 100_000
    assert parts["log: hash tiles"] == 8_192
    assert parts["log: sequencer's database"] == 4_096
    assert parts["view: status of awards"] == 40_960
    assert parts["view: status lists"] == 8_192
    assert parts["views: all others"] == 4_096
    assert parts["event store"] == 4_096
    assert parts["vault"] > 300_000
    whole = sum(file.stat().st_blocks * 512 for file in data.rglob("*") if file.is_file())
    assert sum(parts.values()) == pytest.approx(whole, abs=16_384)  # SQLite may keep pages free


def test_table_shows_bytes_an_award_when_two_sizes_were_measured() -> None:
    held = Memory(100.0, 50.0, 160.0)
    sizes = [Size(count, {"vault": 5_000 * count}, 9, held, held, 1.5, 2_000, 4_000, 100, 900) for count in (10, 1_000)]
    lines = table(sizes).splitlines()
    assert lines[0] == "| what, for each award | 10 awards | 1,000 awards |"
    assert "| vault, bytes | 5,000 | 5,000 |" in lines
    assert "| disk in all, bytes | 5,000 | 5,000 |" in lines


def test_memory_is_told_when_a_process_is_looked_at() -> None:
    held = memory(os.getpid())
    assert 1 < held.own < held.most
    assert held.files > 1


def test_front_refuses_when_the_sample_lacks_what_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = tmp_path / "cairn.conf"
    sample.write_text(f"listen 80 ; server 127.0.0.1:8000; server {MIRROR_PLACES[0]};", "utf-8")
    monkeypatch.setattr("loadtests.front.SAMPLE", sample)
    with pytest.raises(LookupError, match=r"cairn\.conf has no"):
        configured(tmp_path / "front", port=1, ledger=2, mirrors=[], root=tmp_path)
