import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.place_table import PlaceTable
from projections.table import MemoryTable, Overlay

keys = st.binary(min_size=16, max_size=16) | st.integers(0, 40).map(lambda number: number.to_bytes(16))
values = st.integers(0, 2**64 - 1).map(lambda number: number.to_bytes(8))


@given(st.dictionaries(keys, values, max_size=60), st.lists(keys, max_size=20), st.integers(1, 7))
def test_place_table_gives_what_was_put_when_frozen_into_many_runs(
    places: dict[bytes, bytes], others: list[bytes], run_rows: int
) -> None:
    table = PlaceTable(run_rows)
    for key, value in places.items():
        table.put(b"p" + key, value)
    for key in [*places, *others]:
        assert table.get(b"p" + key) == places.get(key)


def test_place_table_keeps_other_keys_as_a_dict_does_when_they_change() -> None:
    table = PlaceTable(1)
    for value in (b"a", b"longer than a place"):
        table.put(b"r\x00\x00\x00\x01", value)
    assert table.get(b"r\x00\x00\x00\x01") == b"longer than a place"
    assert table.get(b"r\x00\x00\x00\x02") is None


@pytest.mark.parametrize("key, value", [(b"p" + bytes(16), bytes(8)), (b"p123", b"12345678"), (b"p" + b"1" * 16, b"")])
def test_place_table_refuses_when_a_place_moves_or_has_another_size(key: bytes, value: bytes) -> None:
    table = PlaceTable(1)
    table.put(b"p" + bytes(16), b"12345678")
    with pytest.raises(ValueError, match="no place can be kept"):
        table.put(key, value)


def test_place_table_takes_no_notice_when_the_same_place_is_put_again() -> None:
    table = PlaceTable(1)
    for _ in range(2):
        table.put(b"p" + bytes(16), b"12345678")
    assert table.get(b"p" + bytes(16)) == b"12345678"


def test_overlay_leaves_the_table_below_alone_when_it_is_not_merged() -> None:
    table = MemoryTable()
    table.put(b"a1", b"old")
    overlay = Overlay(table)
    overlay.put(b"a1", b"new")
    overlay.put(b"b1", b"x")
    assert (overlay.get(b"a1"), overlay.get(b"a2"), table.get(b"a1")) == (b"new", None, b"old")
    assert list(overlay.changed(b"a")) == [(b"a1", b"new")]
    overlay.merge()
    assert table.items() == [(b"a1", b"new"), (b"b1", b"x")]
    assert list(overlay.changed(b"")) == []
