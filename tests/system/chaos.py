"""Load on a grown ledger through its front, and a count of what went wrong, held against the log itself.

What a verification node answers is judged by the size of the log that it says it has verified (``Cairn-Log-Size``):
what is in the log below that has to show in the answer. What is beyond may show already, if it is true.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import httpx

from tests.system.school import Json, claim

READ_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 8.0
PAUSE_SECONDS: Final = 0.03
REVOKED_SHARE: Final = 0.3
FRESH: Final = 40
"""Readers ask for the newest awards as often as for all others: there a wrong answer is likeliest."""


@dataclass(frozen=True)
class Read:
    """One answer of a verification node."""

    award: str
    code: int
    state: str | None
    log_size: int
    at: float


@dataclass
class Count:
    """What the load has seen; shared by its threads.

    Attributes:
        acknowledged: Awards by the key that they were asked for with.
        revoked: Awards whose revocation was acknowledged.
        asked: Awards whose revocation was asked for, acknowledged or not.
        reads: Every answer to a question.
        failed_reads: What kept a question from being answered.
        failed_writes: When an attempt to write failed.
        writes: How many attempts there were.
        waits: When a write was acknowledged, and how many seconds after it was first asked for.
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    reads: list[Read] = field(default_factory=list)
    failed_reads: list[str] = field(default_factory=list)
    failed_writes: list[float] = field(default_factory=list)
    writes: int = 0
    waits: list[tuple[float, float]] = field(default_factory=list)

    def failed_write_seconds(self, since: float = 0.0, until: float = float("inf")) -> int:
        """Seconds of the clock in which an attempt to write failed."""
        return len({int(at) for at in self.failed_writes if since <= at < until})

    def longest_wait(self, since: float) -> float:
        """The longest time, in seconds, that a write took which was acknowledged from an instant on."""
        return max((took for at, took in self.waits if at >= since), default=0.0)


class _AbandonedError(Exception):
    """Nobody wants the load any more."""


class Load:
    """Writers and readers that never give up.

    Args:
        url: Address of the front.
        key: Bearer key of an institution.
        writers: Threads that issue and revoke.
        readers: Threads that ask.
    """

    def __init__(self, url: str, key: str, *, writers: int = 2, readers: int = 2) -> None:
        self.count = Count()
        self._url = url
        self._key = key
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._random = random.Random(7)
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(writers)]
        self._threads += [threading.Thread(target=self._read, daemon=True) for _ in range(readers)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop; each write that was begun is tried until it is acknowledged."""
        self._closing.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def abandon(self) -> None:
        """Stop, whatever becomes of what was begun: for a test that has failed, and takes the servers down."""
        self._abandoned.set()
        self.close()

    def _write(self) -> None:
        with suppress(_AbandonedError), httpx.Client(base_url=self._url, timeout=WRITE_SECONDS) as http:
            while not self._closing.is_set():
                key = uuid4().hex
                made = self._insist(http, "/v1/credentials", claim(f"Learner {key}"), key)["id"]
                self.count.acknowledged[key] = made
                if self._random.random() < REVOKED_SHARE:
                    self.count.asked.add(made)
                    self._insist(http, f"/v1/credentials/{made}/revocation", {"reason": "other"}, uuid4().hex)
                    self.count.revoked.add(made)
                time.sleep(PAUSE_SECONDS)

    def _insist(self, http: httpx.Client, path: str, body: Json, key: str) -> Json:
        """Write until it is acknowledged, under one key."""
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": key}
        began = time.monotonic()
        while not self._abandoned.is_set():
            self.count.writes += 1
            try:
                answered = http.post(path, json=body, headers=headers)
                if answered.status_code in {httpx.codes.OK, httpx.codes.CREATED}:
                    self.count.waits.append((time.monotonic(), time.monotonic() - began))
                    answer: Json = answered.json()
                    return answer
                assert answered.is_server_error, answered.text
            except httpx.TransportError:
                pass
            self.count.failed_writes.append(time.monotonic())
            time.sleep(0.2)
        raise _AbandonedError

    def _read(self) -> None:
        with httpx.Client(base_url=self._url, timeout=READ_SECONDS) as http:
            while not self._closing.is_set():
                known = list(self.count.acknowledged.values())
                if known:
                    some = known[-FRESH:] if self._random.random() < 0.5 else known
                    self._ask(http, self._random.choice(some))
                time.sleep(PAUSE_SECONDS)

    def _ask(self, http: httpx.Client, award: str) -> None:
        at = time.monotonic()
        try:
            answered = http.get(f"/v1/credentials/{award}/status")
        except httpx.TransportError as error:
            self.count.failed_reads.append(f"{type(error).__name__}: {error}")
            return
        if answered.status_code not in {httpx.codes.OK, httpx.codes.NOT_FOUND}:
            self.count.failed_reads.append(f"{answered.status_code}: {answered.text[:200]}")
            return
        state = answered.json()["state"] if answered.status_code == httpx.codes.OK else None
        size = int(answered.headers["Cairn-Log-Size"])
        self.count.reads.append(Read(award, answered.status_code, state, size, at))


def wrong_answers(reads: list[Read], issued: dict[str, int], revoked: dict[str, int], asked: set[str]) -> list[Read]:
    """The answers that contradict the log as the node had verified it, or the truth.

    Args:
        reads: The answers.
        issued: Log index of each award's issuance.
        revoked: Log index of its revocation.
        asked: Awards that somebody wanted revoked.
    """
    wrong = []
    for read in reads:
        is_missing = read.code == httpx.codes.NOT_FOUND and issued[read.award] < read.log_size
        is_stale = read.state == "active" and revoked.get(read.award, read.log_size) < read.log_size
        is_invented = read.state not in {None, "active"} and (read.state != "revoked" or read.award not in asked)
        if is_missing or is_stale or is_invented:
            wrong.append(read)
    return wrong
