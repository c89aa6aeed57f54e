"""Functions for a worker to be stopped in; a module that is quick to import, since a worker's import counts."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress

from api.cpu_worker import is_second_try
from verifier.error import FormatError


def add(one: int, other: int) -> int:
    return one + other


def spin() -> None:
    while True:
        pass


def spin_in_c() -> None:
    """One call that Python cannot interrupt: only the kernel ends it."""
    hashlib.pbkdf2_hmac("sha256", b"x", b"x", 2**31 - 1)


def backtrack() -> None:
    re.fullmatch(r"(a+)+b", "a" * 64)


def swallow() -> None:
    """Code that catches whatever an exception can be."""
    while True:
        with suppress(Exception):
            spin()


def recurse(depth: int = 0) -> int:
    return recurse(depth + 1) + 1


def complain(kind: str) -> None:
    if kind == "verifier":
        message, place = "not so", "/x"
        raise FormatError(message, place)
    raise KeyError(kind)


def seen_twice() -> bool:
    if is_second_try():
        return True
    spin()
    return False
