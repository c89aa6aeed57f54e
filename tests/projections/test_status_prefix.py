import hashlib
from pathlib import Path
from uuid import UUID

import pytest

from ledger.credential_id import LOOKUP_HASH_BYTES, credential_aggregate_id, lookup_hash
from projections.error import CorruptionError
from projections.projector import Projector, Track
from projections.status_prefix import HASH_BITS, MAX_PREFIX_BITS, StatusPrefixes, StatusPrefixReader
from projections.table import MemoryTable
from projections.view import View
from tests.projections.history import MAPPER, History, day, issued, suspended

INSTITUTION = UUID(int=1)
CREDENTIAL = UUID("019ca8a0-3f7a-815c-9e2d-e9c36f50cb55")


def credential(number: int) -> UUID:
    return UUID(bytes=hashlib.sha256(number.to_bytes(4)).digest()[:16], version=4)


def test_lookup_hash_is_the_documented_one() -> None:
    assert credential_aggregate_id("06eah81vf80020g30g2gc1o81450m30d1o7g") == CREDENTIAL
    expected = hashlib.sha256(b"cairn/status-prefix/v1\n" + CREDENTIAL.bytes).digest()[:LOOKUP_HASH_BYTES]
    assert lookup_hash(CREDENTIAL.bytes) == expected
    shown = (Path(__file__).parents[2] / "docs" / "spec" / "identifiers.md").read_text("utf-8")
    assert f"look-up hash     {expected.hex()}" in shown


def test_status_prefix_stores_these_very_rows_when_an_award_is_issued_and_changes() -> None:
    history, table = History(), MemoryTable()
    history.add(CREDENTIAL, issued(INSTITUTION, at=day(2)), suspended(day(3)))
    StatusPrefixes(MAPPER).apply(history.events, table)
    assert table.items() == [(b"h" + lookup_hash(CREDENTIAL.bytes), CREDENTIAL.bytes), (b"n", bytes(7) + b"\x01")]


def test_status_prefix_refuses_when_an_award_is_issued_twice() -> None:
    history = History()
    history.add(CREDENTIAL, issued(INSTITUTION), issued(INSTITUTION, index=1))
    with pytest.raises(CorruptionError, match="issued before"):
        StatusPrefixes(MAPPER).apply(history.events, MemoryTable())


def test_reader_finds_exactly_what_begins_with_a_prefix(tmp_path: Path) -> None:
    history, everything = History(), {}
    for number in range(300):
        identity = credential(number)
        everything[lookup_hash(identity.bytes)] = identity.bytes
        history.add(identity, issued(INSTITUTION, index=number))
    view = View(tmp_path, StatusPrefixes.NAME, StatusPrefixes.VERSION, writable=True)
    Projector(history, [Track(view, StatusPrefixes(MAPPER))]).catch_up()
    reader = StatusPrefixReader(view)
    assert reader.count() == len(everything)
    one = format(int.from_bytes(next(iter(everything))), f"0{HASH_BITS}b")
    prefixes = [
        "",
        "0",
        "1",
        "01",
        "1111111",
        "10110011",
        "101100111",
        *(one[:length] for length in range(1, MAX_PREFIX_BITS + 1)),
    ]
    for prefix in prefixes:
        expected = [
            item
            for item in sorted(everything.items())
            if format(int.from_bytes(item[0]), f"0{HASH_BITS}b").startswith(prefix)
        ]
        assert list(reader.under(prefix)) == expected
