"""What the figures are compared with: the same durable inserts on the raw engine, plain hashing, another verifier."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import time
from pathlib import Path

NODE_PARTS = Path(__file__).parent.parent / "tests" / "node"
ROW_BYTES = 650
ENTRY_BYTES = 700


def sqlite_rows_per_second(directory: Path, rows: int, batch: int) -> float:
    """Durable inserts of rows the size of an award event, *batch* rows a transaction."""
    connection = sqlite3.connect(directory / f"raw-{batch}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE e (p INTEGER PRIMARY KEY, o BLOB, v INTEGER, t TEXT, s BLOB, UNIQUE (o, v))")
    values = [(number.to_bytes(16, "big"), 1, "credential.issued.v1", os.urandom(ROW_BYTES)) for number in range(rows)]
    begin = time.perf_counter()
    for start in range(0, rows, batch):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO e (o, v, t, s) VALUES (?,?,?,?)", values[start : start + batch])
        connection.execute("COMMIT")
    took = time.perf_counter() - begin
    connection.close()
    return rows / took


def hashes_per_second(entries: int) -> float:
    """SHA-256 of buffers the size of a log entry."""
    buffers = [os.urandom(ENTRY_BYTES) for _ in range(1000)]
    begin = time.perf_counter()
    for number in range(entries):
        hashlib.sha256(buffers[number % 1000]).digest()
    return entries / (time.perf_counter() - begin)


def digitalbazaar_per_second(file: Path, seconds: int) -> dict[str, float]:
    """Credentials that ``@digitalbazaar/vc`` verifies in a second of processor time, by suite."""
    command = ["node", "bench.mjs", str(file), str(seconds)]
    done = subprocess.run(command, cwd=NODE_PARTS, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
