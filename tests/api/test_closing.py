"""A ledger that was closed keeps nothing open: no file, no database, no thread of its own."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from api.cpu_bound import BusyError, CpuBound
from tests.api.served import open_school, serving
from tests.processes import open_below

_OF_THE_FRAMEWORK = ("AnyIO worker thread", "asyncio_")


def test_ledger_keeps_no_file_and_no_thread_when_it_was_closed(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with serving(tmp_path / "data") as served:
        key = open_school(served)
        public_id = served.issue(key)["id"]
        assert served.http.get(f"/v1/credentials/{public_id}/status").status_code == httpx.codes.OK
        headers = {"Content-Type": "application/x-ndjson"}
        answered = served.http.post("/v1/verify/batch", content=f'"{public_id}"\n', headers=headers)
        assert answered.text.count("\n") == len(("the report", "the end"))
        assert open_below(tmp_path)
    assert open_below(tmp_path) == []
    left = [one for one in set(threading.enumerate()) - before if not one.name.startswith(_OF_THE_FRAMEWORK)]
    for one in left:  # a thread that was told to end may need a moment for it
        one.join(10)
    assert [one.name for one in left if one.is_alive()] == []


def test_worker_is_not_started_again_when_it_was_closed() -> None:
    cpu = CpuBound(quick=1, slow=1)
    assert cpu.run(len, b"four") == len(b"four")
    cpu.close()
    starts = cpu.starts()
    assert len(starts) == 2  # of both lanes
    for start in starts:
        start()
    with pytest.raises(BusyError):
        cpu.run(len, b"four")


def test_worker_that_is_started_first_is_asked_first() -> None:
    cpu = CpuBound(quick=2, slow=1)
    cpu.starts()[0]()
    assert cpu.run(len, b"four") == len(b"four")
    assert [worker._child is not None for worker in cpu._quick.workers] == [True, False]
    cpu.close()
