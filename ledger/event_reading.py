"""Reading stored events: the statements, the same on every database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from ledger.store import raw

KNOWN_AT_ONCE: Final = 500


class EventReading:
    """The reading half of a recorder, over the adapter's :meth:`query`."""

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Run one reading statement and return its rows; see :meth:`ledger.store.LedgerRecorder.query`."""
        raise NotImplementedError

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of one aggregate by version."""
        statement = "SELECT originator_id, originator_version, topic, state FROM stored_events WHERE originator_id=? "
        parameters: list[Any] = [raw(originator_id)]
        for comparison, bound in ((">", gt), ("<=", lte)):
            if bound is not None:
                statement += f"AND originator_version{comparison}? "
                parameters.append(bound)
        statement += f"ORDER BY originator_version {'DESC' if desc else 'ASC'} "
        if limit is not None:
            statement += "LIMIT ? "
            parameters.append(limit)
        return [
            StoredEvent(UUID(bytes=row[0]), row[1], row[2], row[3]) for row in self.query(statement, tuple(parameters))
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events of the whole ledger by position."""
        first = 0 if start is None else start + (not inclusive_of_start)
        statement = (
            "SELECT position, originator_id, originator_version, topic, state FROM stored_events WHERE position>=? "
        )
        parameters: list[Any] = [first]
        if stop is not None:
            statement += "AND position<=? "
            parameters.append(stop)
        if topics:
            statement += f"AND topic IN ({','.join('?' * len(topics))}) "
            parameters.extend(topics)
        rows = self.query(statement + "ORDER BY position LIMIT ?", (*parameters, limit))
        return [Notification(UUID(bytes=raw), version, topic, state, id=n) for n, raw, version, topic, state in rows]

    def max_notification_id(self) -> int | None:
        """Position of the newest event, None when there is none."""
        newest: int | None = self.query("SELECT MAX(position) FROM stored_events")[0][0]
        return newest

    def known(self, originators: Iterable[UUID]) -> set[UUID]:
        """Which of some aggregates have events."""
        found: set[UUID] = set()
        waiting = iter(originators)
        while some := [one.bytes for one in islice(waiting, KNOWN_AT_ONCE)]:
            marks = ",".join("?" * len(some))
            sql = f"SELECT originator_id FROM stored_events WHERE originator_version=1 AND originator_id IN ({marks})"  # noqa: S608  question marks
            found |= {UUID(bytes=row[0]) for row in self.query(sql, tuple(some))}
        return found

    def select_rows(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """At most *limit* events with a position above *after*, as stored: position, id, version, topic, state."""
        return self.query(
            "SELECT position, originator_id, originator_version, topic, state FROM stored_events "
            "WHERE position>? ORDER BY position LIMIT ?",
            (after, limit),
        )
