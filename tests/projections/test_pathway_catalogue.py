"""Projection of pathways: every version as it was published, in turn, and nothing after the end."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ledger.event import DomainEvent, Event
from ledger.event_catalogue import make_mapper
from ledger.pathway import Pathway, rule_text
from projections.error import CorruptionError
from projections.pathway_catalogue import PathwayCatalogue, PathwayReader
from projections.source import Notification
from projections.table import MemoryTable
from tests.ledger.stack_world import rules

MAPPER = make_mapper()
PATHWAY, INSTITUTION = UUID(int=5), UUID(int=1)
T0, T1 = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
FIRST = Pathway.Published(
    institution=INSTITUTION,
    code="P-1",
    number=1,
    achievement="CERT",
    edition=None,
    rules=rule_text(rules()),
    recorded_at=T0,
)
SECOND = Pathway.Revised(
    institution=INSTITUTION,
    code="P-1",
    number=2,
    achievement="CERT",
    edition=2,
    rules=rule_text(rules(credits_centi=1_500)),
    changes=("Fifteen credits.",),
    recorded_at=T1,
)
END = Pathway.Retired(recorded_at=T1)


def folded(*bodies: Event) -> PathwayReader:
    table = MemoryTable()
    stored = [MAPPER.to_stored_event(DomainEvent(PATHWAY, n, body)) for n, body in enumerate(bodies, 1)]
    events = [
        Notification(10 + n, PATHWAY.bytes, one.originator_version, one.topic, one.state)
        for n, one in enumerate(stored)
    ]
    PathwayCatalogue(MAPPER).apply(events, table)
    return PathwayReader(table)


def test_catalogue_keeps_every_version_as_it_was_published() -> None:
    reader = folded(FIRST, SECOND)
    versions = reader.versions(PATHWAY)
    assert [(one.version, one.edition, one.changes, one.position) for one in versions] == [
        (1, None, (), 10),
        (2, 2, ("Fifteen credits.",), 11),
    ]
    assert [one.rules for one in versions] == [FIRST.rules, SECOND.rules]
    assert reader.versions(PATHWAY)[0] == folded(FIRST).versions(PATHWAY)[0]
    assert (reader.version(PATHWAY, 0), reader.version(PATHWAY, 3), reader.listing(UUID(int=6))) == (None, None, None)


def test_catalogue_knows_when_a_pathway_was_retired() -> None:
    listing = folded(FIRST, END).listing(PATHWAY)
    assert listing is not None
    assert (listing.versions, listing.retired_at) == (1, T1)


@pytest.mark.parametrize("bodies", [(SECOND,), (END,), (FIRST, FIRST), (FIRST, END, SECOND), (FIRST, SECOND, SECOND)])
def test_catalogue_refuses_events_out_of_turn(bodies: tuple[Event, ...]) -> None:
    with pytest.raises(CorruptionError, match="out of turn"):
        folded(*bodies)
