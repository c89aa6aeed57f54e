"""A class list between its upload and its issue.

    uploaded ─▶ previewed ─▶ issuing ─▶ issued
                    ▲            │
                    └── failed ◀─┘        it may be tried again

A preview is issued by one command, under an idempotency key that is the preview's own: however often the button is
pressed, and whatever is reloaded, its awards are made once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import msgspec

from api.desk.class_list import ClassList
from api.desk.gate import Visit
from api.desk.job import Job
from api.node import Node
from api.problem_handler import ErrorLog
from ledger.application import Outcome, Request
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists

HELD: Final = "list"
"""Under which name a session holds its preview."""
ID_BYTES: Final = 16


@dataclass(slots=True, eq=False)
class Preview:
    """A class list that may be issued.

    Attributes:
        content: What was read.
        id: 128 random bits as hex, in the form of this preview alone.
        job: The issue, once it has begun.
    """

    content: ClassList
    id: str = field(default_factory=lambda: secrets.token_hex(ID_BYTES))
    job: Job | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_under_way(self) -> bool:
        """Whether it is being issued now."""
        return self.job is not None and not self.job.is_over

    def issue(self, node: Node, visit: Visit, log: ErrorLog) -> Job:
        """Begin to issue it, unless that has begun and not failed.

        Raises:
            ValueError: A row has a problem.
        """
        if self.content.wrong:
            raise ValueError("a class list with problems is not issued")
        with self._lock:
            if self.job is None or self.job.has_failed:
                self.job = Job(self._work(node, visit), len(self.content.rows), log)
            return self.job

    def _work(self, node: Node, visit: Visit) -> Callable[[Callable[[int], None]], list[str]]:
        claims = self.content.claims
        body = hashlib.sha256(msgspec.json.encode(claims)).digest()
        request = Request(f"{visit.institution.id.hex} desk list", self.id, body)
        slug, actor = visit.institution.slug, visit.actor

        def work(told: Callable[[int], None]) -> list[str]:
            outcome: Outcome = node.issuance.issue(slug=slug, claims=claims, actor=actor, request=request, told=told)
            node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
            public_ids: list[str] = outcome.answer
            return public_ids

        return work


def held_preview(visit: Visit) -> Preview | None:
    """The preview that a session holds, or None."""
    found = visit.session.held.get(HELD)
    return found if isinstance(found, Preview) else None
