"""What every scenario shares: the ledger that it is let loose on, visitors who look awards up, and issuers.

Source: the locust documentation (events, ``FastHttpUser``, ``fixed_count``).
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant_pacing, events, task

from loadtests.scenario.record import BEFORE_SHARE, ISSUE, LOOK_UP, MERGE, REFUSED, WAITED, Record
from loadtests.server import award

PUBLISHED_SECONDS = 60.0
"""How long an award is waited for before it counts as lost."""


@dataclass(frozen=True)
class World:
    """What ``loadtests/load.py`` says about the ledger.

    Attributes:
        token: An issuer's bearer key.
        ids: Awards that are there.
        seconds: How long the scenario goes on.
        attackers: Connections of the attack by slow clients.
        record: Where the record goes.
    """

    token: str
    ids: list[str]
    seconds: float
    attackers: int
    record: str


WORLD = World(**json.loads(Path(os.environ["CAIRN_LOAD_WORLD"]).read_text("utf-8")))
RECORD = Record(Path(WORLD.record))
CHOICE = random.Random(17)
BEGUN = time.monotonic()
NEWEST: deque[str] = deque(WORLD.ids[-500:], maxlen=500)
"""Awards that their learners have just been told of."""
_RUN = time.time_ns()
_NUMBERS = itertools.count(_RUN >> 16 & 0xFFFFFFFF)
"""15,000 a second are free: with numbers of the scenario before, a client would get a crawler's address, which is above
its limit."""


def keep(request_type: str, name: str, response_time: float, exception: BaseException | None, **_: object) -> None:
    """Write a request of any user into the record; tells the kinds apart by the name alone."""
    del request_type
    RECORD.add(name, response_time, "" if exception is None else f"{type(exception).__name__}: {exception}")


def finish(**_: object) -> None:
    """Write out the record."""
    RECORD.close()


events.request.add_listener(keep)  # type: ignore[no-untyped-call]  # locust gives no types for it
events.quitting.add_listener(finish)  # type: ignore[no-untyped-call]  # the same


def has_begun() -> bool:
    """Whether the time is over that is kept free of crawlers and attacks."""
    return time.monotonic() - BEGUN > WORLD.seconds * BEFORE_SHARE


def new_address() -> str:
    """An address of the block for documentation (RFC 3849), of a network that no other client has."""
    number = next(_NUMBERS)
    return f"2001:db8:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}::1"


class Client(FastHttpUser):
    """Somebody with an address."""

    abstract = True
    connection_timeout = 10.0
    network_timeout = 30.0
    default_headers: dict[str, str] = {}  # noqa: RUF012  locust reads it off the class

    def on_start(self) -> None:
        """Take an address."""
        self.address = new_address()

    def ask(self, path: str, name: str, *, expected: int = 200, tag: str = "") -> Any:  # noqa: ANN401  locust's answer
        """GET a path; an answer with another status is trouble, but for 429, which is told apart."""
        fields = {"X-Forwarded-For": self.address, **({"If-None-Match": tag} if tag else {})}
        with self.client.get(path, name=LOOK_UP + name, headers=fields, catch_response=True) as answer:
            if answer.status_code == 429:
                answer.request_meta["name"] = REFUSED
                answer.success()
            elif answer.status_code == expected:
                answer.success()
            else:
                answer.failure(f"answered with {answer.status_code}")
        return answer

    def look_up(self, public_id: str) -> Any:  # noqa: ANN401  the same
        """Ask how an award stands."""
        return self.ask(f"/v1/credentials/{public_id}/status", "status")


class Visitor(Client):
    """Somebody who looks up any award, one every half second or so."""

    abstract = True

    def on_start(self) -> None:
        """Come at some moment, and not all at once."""
        super().on_start()
        time.sleep(CHOICE.uniform(0.0, 0.8))

    def wait_time(self) -> float:
        """Seconds until the next question."""
        return CHOICE.uniform(0.2, 0.8)

    @task
    def any_award(self) -> None:
        """Look up an award that has been there for a while."""
        self.look_up(CHOICE.choice(WORLD.ids))


class Issuer(Client):
    """An institution's system: it issues, and then asks for evidence of the last award until there is some.

    Attributes:
        batch: Awards a request.
        pace_seconds: From one request to the next.
    """

    abstract = True
    batch = 1
    pace_seconds = 1.0

    def on_start(self) -> None:
        """Begin somewhere within the pace, so that several do not issue at the same moment."""
        super().on_start()
        time.sleep(CHOICE.uniform(0.0, min(self.pace_seconds, WORLD.seconds / 4)))

    def wait_time(self) -> float:
        """Seconds until the next request is due."""
        return float(constant_pacing(self.pace_seconds)(self))

    @task
    def issue(self) -> None:
        """Issue one award or a batch, and see how long the log takes."""
        number = next(_NUMBERS)
        claims = [award(number * 1_000 + place, 100_000) for place in range(self.batch)]
        body = claims[0] if self.batch == 1 else {"credentials": claims}
        headers = {
            "X-Forwarded-For": self.address,
            "Authorization": f"Bearer {WORLD.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"load-{_RUN}-{number}",
        }
        name = f"{ISSUE}{self.batch}"
        with self.client.post(
            "/v1/credentials", json.dumps(body), name=name, headers=headers, catch_response=True
        ) as answer:
            if answer.status_code != 201:
                answer.failure(f"answered with {answer.status_code}")
                return
            answer.success()
            made = answer.json()
        ids = [made["id"]] if self.batch == 1 else [one["id"] for one in made["credentials"]]
        self.wait_until_published(ids[-1])
        NEWEST.extend(ids)

    def wait_until_published(self, public_id: str) -> None:
        """Ask for an award's evidence until there is some: the server itself waits for a checkpoint."""
        begun = time.perf_counter()
        while True:
            path, fields = f"/v1/credentials/{public_id}/evidence", {"X-Forwarded-For": self.address}
            with self.client.get(path, name=WAITED, headers=fields, catch_response=True) as answer:
                waited = time.perf_counter() - begun
                if answer.status_code == 200:
                    answer.success()
                    RECORD.add(MERGE, waited * 1_000)
                    return
                if answer.status_code != 503 or waited > PUBLISHED_SECONDS:
                    answer.failure(f"answered with {answer.status_code}")
                    RECORD.add(MERGE, waited * 1_000, f"not published: {answer.status_code}")
                    return
                answer.success()
