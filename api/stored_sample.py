"""Records awards as events alone, without the documents that the vault would have: for measuring what reads them.

    python -m api.stored_sample DIRECTORY --base-url URL --institution SLUG --achievement CODE --awards 1000000

The ledger in the directory must not be served meanwhile. Written out are ids of awards, one a line, drawn from all that
were recorded, each as likely as every other.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from api.ledger_node import LedgerNode, open_ledger
from api.setting import Settings
from ledger.application import achievement_id
from ledger.credential import Credential
from ledger.credential_id import RANDOM_BYTES, credential_aggregate_id, make_public_id
from ledger.event import DomainEvent
from ledger.status_allocation import StatusAllocator
from ledger.store import Commit

BATCH = 5_000


def record(node: LedgerNode, slug: str, code: str, awards: int) -> Iterator[str]:
    """Record so many awards of the first edition of a micro-credential; yields their ids.

    Args:
        node: The ledger.
        slug: Of the institution.
        code: Of the micro-credential.
        awards: How many.
    """
    places = StatusAllocator(node.ledger.store, node.vault.secret("status-places"))
    for first in range(0, awards, BATCH):
        yield from _record_batch(node, places, slug, code, min(BATCH, awards - first))


def _record_batch(node: LedgerNode, places: StatusAllocator, slug: str, code: str, count: int) -> list[str]:
    ledger = node.ledger
    now, institution = ledger.now(), ledger.institution(slug)
    key = institution.active_key
    assert key is not None  # noqa: S101  a ledger that is made for this has one
    achievement, ids, events = achievement_id(institution.id, code), [], []
    for place in places.allocate(institution.id, count):
        public_id = make_public_id(now, os.urandom(RANDOM_BYTES))
        body = Credential.Issued(
            institution=institution.id,
            achievement=achievement,
            edition=1,
            key_id=key.key_id,
            commitments={"vc+jcs": os.urandom(32).hex()},
            status_block=place.block,
            status_index=place.index,
            valid_from=datetime(now.year, 1, 1, tzinfo=UTC),
            valid_until=None,
            recorded_at=now,
        )
        event = DomainEvent(credential_aggregate_id(public_id), 1, body)
        events.append(ledger.event_mapper.to_stored_event(event))
        ids.append(public_id)
    [positions] = ledger.store.record([Commit(events, [])])
    if isinstance(positions, Exception):
        raise positions
    return ids


def drawn(ids: Iterator[str], count: int) -> list[str]:
    """Draw so many of *ids*, without knowing how many there are."""
    chosen = random.Random(1)  # noqa: S311  made-up data, the same every time
    kept: list[str] = []
    for number, public_id in enumerate(ids, start=1):
        if len(kept) < count:
            kept.append(public_id)
        elif (place := chosen.randrange(number)) < count:
            kept[place] = public_id
    return kept


def main() -> None:
    """Record awards and write out some of their ids."""
    parser = argparse.ArgumentParser(description="Record awards as events alone, for measuring.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--institution", required=True)
    parser.add_argument("--achievement", required=True)
    parser.add_argument("--awards", type=int, required=True)
    parser.add_argument("--kept", type=int, default=100_000)
    arguments = parser.parse_args()
    node = open_ledger(Settings(data_dir=arguments.directory, base_url=arguments.base_url))
    try:
        made = record(node, arguments.institution, arguments.achievement, arguments.awards)
        sys.stdout.writelines(f"{public_id}\n" for public_id in drawn(made, arguments.kept))
    finally:
        node.close()


if __name__ == "__main__":
    main()
