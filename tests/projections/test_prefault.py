"""Short rows are in memory before anybody asks, and walking over them stops where it should."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import lmdb
import pytest

from projections.error import ViewError, ViewNotReadyError
from projections.prefault import AGAIN_SECONDS, FEW_ROWS, LOOK_SECONDS, STEP_ROWS, Prefault
from projections.short_row import TOUCHED, short_key
from projections.source import Notification
from projections.table import Table
from projections.view import View
from tests.projections.counting import Numbers, open_view
from tests.projections.test_view import swap

AWARDS = FEW_ROWS + STEP_ROWS + 345
MUCH = 1 << 40
_MAPPED = """
import re
import sys
from pathlib import Path
from projections.prefault import Prefault
from projections.view import View

def resident():
    maps = Path("/proc/self/smaps").read_text()
    return sum(map(int, re.findall(r"data[.]mdb\\nSize:.*?Rss: +([0-9]+) kB", maps, re.S)))

view = View(Path(sys.argv[1]), "counting", 1, writable=False)
before = resident()
walked = Prefault(view).look()
print(walked, before, resident())
"""


def record(view: View, awards: int, after: int = 0) -> None:
    """Record awards, each with a row and a short one, as one event at the position *after* + 1."""

    def fold(_: Sequence[Notification], table: Table) -> None:
        for number in range(after * awards, (after + 1) * awards):
            identity = (number * 0x9E3779B97F4A7C15 % (1 << 64)).to_bytes(16)
            table.put(identity, b"a row" * 100)
            table.put(short_key(identity), b"a short row" * 9)
        table.put(TOUCHED, bytes(8))

    view.apply(Numbers(after + 1).read(after, 1), fold, after=after)


def made(view: View, *, memory: int = MUCH) -> Prefault:
    """Who walks over a view, without pauses."""
    return Prefault(view, memory=lambda: memory, pause=lambda _: False)


def test_every_short_row_is_walked_over_once_and_again_when_there_are_many_more(tmp_path: Path) -> None:
    view = open_view(tmp_path, map_bytes=1 << 28)
    record(view, AWARDS)
    prefault = made(view)
    assert [prefault.look(), prefault.look()] == [AWARDS + 1, 0]
    record(view, AWARDS, after=1)
    assert [prefault.look(), prefault.look()] == [2 * AWARDS + 1, 0]


def test_few_rows_more_are_not_walked_over(tmp_path: Path) -> None:
    view = open_view(tmp_path, map_bytes=1 << 28)
    record(view, 10)
    prefault = made(view)
    assert prefault.look() == 10 + 1
    record(view, FEW_ROWS // 2 - 10, after=1)
    assert prefault.look() == 0


def test_view_that_was_built_anew_is_walked_over(tmp_path: Path) -> None:
    view = open_view(tmp_path, map_bytes=1 << 28)
    record(view, AWARDS)
    prefault = made(view)
    assert prefault.look() == AWARDS + 1
    swap(view, Numbers(3 * FEW_ROWS))
    assert prefault.look() == 0, "it has no short rows"
    record(view, AWARDS, after=3 * FEW_ROWS)
    assert prefault.look() == AWARDS + 1


def test_nothing_is_walked_over_that_memory_has_no_room_for(tmp_path: Path) -> None:
    view = open_view(tmp_path, map_bytes=1 << 28)
    record(view, AWARDS)
    assert [made(view, memory=bytes_).look() for bytes_ in (AWARDS * 100, MUCH)] == [0, AWARDS + 1]


def test_walk_ends_after_a_step_when_it_is_told(tmp_path: Path) -> None:
    view = open_view(tmp_path, map_bytes=1 << 28)
    record(view, AWARDS)
    assert Prefault(view, memory=lambda: MUCH, pause=lambda _: True).look() == STEP_ROWS


def test_thread_walks_and_ends_although_the_view_is_closed(tmp_path: Path) -> None:
    view = open_view(tmp_path, map_bytes=1 << 28)
    record(view, AWARDS)
    looks: list[float] = []

    def pause(seconds: float) -> bool:
        looks.append(seconds)
        view.close()
        return len(looks) > 1

    prefault = Prefault(view, memory=lambda: MUCH, pause=pause)
    prefault.start()
    prefault.close()
    with pytest.raises(ViewNotReadyError):
        prefault.look()
    assert len(looks) >= 2


@pytest.mark.parametrize("trouble", [lmdb.ReadersFullError("all taken"), OSError("too many files"), ViewError("none")])
def test_thread_looks_again_when_the_view_could_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    view = open_view(tmp_path, map_bytes=1 << 28)
    record(view, AWARDS)
    looks: list[float] = []

    def fail() -> int:
        raise trouble

    def pause(seconds: float) -> bool:
        looks.append(seconds)
        monkeypatch.undo()
        return LOOK_SECONDS in looks

    monkeypatch.setattr(view, "rows", fail)
    prefault = Prefault(view, memory=lambda: MUCH, pause=pause)
    prefault.start()
    prefault.close()
    assert (looks[0], len(looks)) == (AGAIN_SECONDS, AWARDS // STEP_ROWS + 2)


def test_one_that_was_never_started_ends(tmp_path: Path) -> None:
    made(open_view(tmp_path)).close()


def test_pages_of_short_rows_are_in_the_memory_of_the_process(tmp_path: Path) -> None:
    record(open_view(tmp_path, map_bytes=1 << 28), AWARDS)
    done = subprocess.run([sys.executable, "-c", _MAPPED, tmp_path], check=True, capture_output=True, text=True)
    walked, before, after = map(int, re.findall("[0-9]+", done.stdout))
    assert walked == AWARDS + 1
    assert after - before > AWARDS * 120 // 1024, "kilobytes"
