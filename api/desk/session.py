"""Who has signed in at the desk. Kept in this process's memory alone: a restart signs everybody out.

A session is found by 256 random bits that the browser holds in a cookie; here stands only their SHA-256. The bearer key
itself is not kept: of it there is the shown prefix, by which every request asks anew whether the key is still good. Who
signed in with an account (`api.desk.account`) is kept by name, and for a shorter time, since nobody can be asked anew.

Source: OWASP ASVS 5.0, 7.2 (tokens of at least 128 bits), 7.3 (inactivity and absolute lifetime), 7.4 (ending).
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from uuid import UUID

from ledger.access import Actor

ID_BYTES: Final = 32
IDLE_SECONDS: Final = 30 * 60
"""After so long without a request a session ends. Source: our own choice; docs/adr/0033."""
ABSOLUTE_SECONDS: Final = 10 * 60 * 60
"""A session never lasts longer: a working day."""
MAX_SESSIONS: Final = 1_000
MAX_PER_KEY: Final = 8
"""Whoever signs in more often with one key, or one account, signs its oldest session out, and nobody else's."""
MAX_HELD: Final = 24
"""Sessions that hold a class list or a choice of awards, which may be some 20 MiB each."""


@dataclass(slots=True, eq=False)
class Session:
    """One sign-in.

    Attributes:
        actor: Who acts: by the shown part of the bearer key, or an officer by name.
        institution: Whom it acts for.
        token: 256 bits as hex, which every form of this session carries.
        ends: When it ends at the latest, by the sessions' clock, in seconds.
        used: When it was used last.
        held: What is being worked on, by what it is.
    """

    actor: Actor
    institution: UUID
    token: str
    ends: float
    used: float
    held: dict[str, Any] = field(default_factory=dict)

    @property
    def is_at_work(self) -> bool:
        """Whether something that it holds is being carried out; what can be says so by ``is_under_way``."""
        return any(getattr(one, "is_under_way", False) for one in list(self.held.values()))


class Sessions:
    """Every session of one process. Safe for threads.

    Args:
        clock: Seconds that never run backwards.
        max_sessions: How many there may be; the one unused for longest makes room.
    """

    def __init__(self, clock: Callable[[], float], max_sessions: int = MAX_SESSIONS) -> None:
        self._clock = clock
        self._max_sessions = max_sessions
        self._sessions: dict[bytes, Session] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, actor: Actor, institution: UUID, seconds: float = ABSOLUTE_SECONDS) -> str:
        """Begin a session of so many seconds at most, and return its id, which is nowhere else."""
        identity = secrets.token_urlsafe(ID_BYTES)
        now = self._clock()
        with self._lock:
            self._end_old(now)
            # Two institutions may have an account of one name.
            who = (actor.name, institution)
            own = [digest for digest, one in self._sessions.items() if (one.actor.name, one.institution) == who]
            for digest in own[: max(0, len(own) + 1 - MAX_PER_KEY)]:
                del self._sessions[digest]
            while len(self._sessions) >= self._max_sessions:
                del self._sessions[min(self._sessions, key=lambda digest: self._sessions[digest].used)]
            token = secrets.token_hex(ID_BYTES)
            self._sessions[_digest(identity)] = Session(
                actor, institution, token, now + min(seconds, ABSOLUTE_SECONDS), now
            )
        return identity

    def find(self, identity: str) -> Session | None:
        """Return the session with that id, which is used by this; None when it ended or never was."""
        now = self._clock()
        with self._lock:
            self._end_old(now)
            found = self._sessions.get(_digest(identity))
            if found is not None:
                found.used = now
            return found

    def end(self, identity: str) -> None:
        """End a session, with all that it holds."""
        with self._lock:
            self._sessions.pop(_digest(identity), None)

    def hold(self, session: Session, name: str, value: object) -> None:
        """Keep something for a session, in the place of what it had under that name.

        When too many sessions hold something, one loses it: of the institution that has the most of them (of two that
        have as many, *session*'s own), the one unused for longest. So no institution takes anything from one that has
        less. What is being carried out stays, for its memory would not be free before it ends.
        """
        with self._lock:
            session.held[name] = value
            holding = [one for one in self._sessions.values() if one.held]
            while len(holding) > MAX_HELD and (one := _loser(holding, session)) is not None:
                one.held.clear()
                holding.remove(one)

    def _end_old(self, now: float) -> None:
        for digest, one in list(self._sessions.items()):
            if now - one.used >= IDLE_SECONDS or now >= one.ends:
                del self._sessions[digest]


def _loser(holding: Sequence[Session], keeper: Session) -> Session | None:
    """Which session makes room for *keeper*; None when all the others are at work."""
    counts = Counter(one.institution for one in holding)
    return min(
        (one for one in holding if one is not keeper and not one.is_at_work),
        key=lambda one: (-counts[one.institution], one.institution != keeper.institution, one.used),
        default=None,
    )


def _digest(identity: str) -> bytes:
    return hashlib.sha256(identity.encode("utf-8", "replace")).digest()
