"""Who asks for a port has it alone, although it listens much later or never."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from itertools import count

import pytest

from loadtests.port import FIRST, HOST, Ports

_DRAWS_THE_SAME = """
import secrets
from itertools import count
numbers = count({start})
secrets.randbelow = lambda _: next(numbers)
from loadtests.port import free_port
print(free_port(), flush=True)
input()
"""


def _draw_from(monkeypatch: pytest.MonkeyPatch, start: int) -> None:
    numbers = count(start)
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(numbers))


def test_port_is_not_given_again_when_another_process_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _draw_from(monkeypatch, 20_000)
    given = Ports().free()
    program = _DRAWS_THE_SAME.format(start=given - FIRST)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        of_other = int(other.stdout.readline())
        assert of_other > given, "what this process was given"
        _draw_from(monkeypatch, of_other - FIRST)
        assert Ports().free() > of_other, "what the other process was given"
        other.communicate("\n")


def test_port_is_not_given_when_this_process_has_it_or_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = Ports()
    _draw_from(monkeypatch, 21_000)
    first = ports.free()
    _draw_from(monkeypatch, first - FIRST)
    second = ports.free()
    assert second > first
    with socket.create_server((HOST, second)):
        _draw_from(monkeypatch, second - FIRST)
        assert Ports().free() > second
