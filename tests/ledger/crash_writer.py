"""A process that issues and revokes in several threads until it is killed, and says what was acknowledged.

Run as ``python -m tests.ledger.crash_writer DIRECTORY SEED [DATABASE]``. It prints ``ready``, then a line for
each acknowledged command: ``issued KEY ID…`` or ``revoked ID``. A line is one write of less than a pipe's buffer, so no
line is ever torn or mixed.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from pathlib import Path

from ledger.application import Request
from ledger.error import NotFoundError
from ledger.reason import Reason
from tests.ledger.storage import named
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle

THREADS = 4
LEARNERS = 40
NOTE = "seen by the crash test"


def say(*words: str) -> None:
    os.write(sys.stdout.fileno(), (" ".join(words) + "\n").encode("ascii"))


def work(world: World, choice: random.Random) -> None:
    """Issue one to three awards; revoke one in three of them."""
    while True:
        key = f"{choice.getrandbits(64):016x}"
        claims = [claim(f"Learner {choice.random()}", reference=f"S-{choice.randrange(LEARNERS)}")] * choice.randint(
            1, 3
        )
        request = Request("crash", key, key.encode())
        answer = world.issuance.issue(slug=SLUG, claims=claims, actor=OPERATOR, request=request).answer
        say("issued", key, *answer)
        if choice.random() < 1 / 3:
            world.lifecycle.revoke(public_id=answer[0], reason=Reason.OTHER, note=NOTE, actor=OPERATOR)
            say("revoked", answer[0])


def main(directory: Path, seed: int, *database: str) -> None:
    place = named(database[0]) if database else None
    world = open_world(directory, random_bytes=os.urandom, database=place)
    try:
        world.ledger.achievement(world.ledger.institution(SLUG).id, "DATA-1")
    except NotFoundError:
        settle(world)
    say("ready")
    threads = [
        threading.Thread(target=work, args=(world, random.Random(seed * THREADS + number)), daemon=True)
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
