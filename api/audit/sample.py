"""A made-up log of any size that breaks no rule: ``python -m api.audit.sample DIRECTORY --entries 1000000``.

For tests and measurements; nothing in it stands for anybody. The ledger's own aggregates decide what may happen and
its own mapper writes it; the log's own sequencer makes the tiles, checkpoints and commitments. What is left out is
what the log does not show: documents, their signatures, the vault. So commitments are random, and nobody can open
them.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openvc.multibase import encode_multibase

from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.cosignature import Cosigner
from anchoring.entry import Entry
from anchoring.feed import FeedItem
from anchoring.note import NoteSigner
from anchoring.publication import LogKeys
from anchoring.sequencer import Sequencer, SequencerSettings
from anchoring.state import BLOCK_BITS
from anchoring.storage import DirectoryTileStore
from ledger.achievement import Achievement, Outcome, Template
from ledger.application import achievement_id, institution_id
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id, make_public_id
from ledger.document import institution_did
from ledger.erasure import Erasure
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper
from ledger.institution import Institution
from ledger.reason import Reason
from ledger.signing_algorithm import ED25519_MULTICODEC
from ledger.submission import Submission
from projections.state_fold import StateFold

ORIGIN: Final = "sample.cairn.example/log"
START: Final = datetime(2024, 1, 1, 8, tzinfo=UTC)
INSTITUTIONS: Final = 5
ACHIEVEMENTS: Final = 20
BATCH_ITEMS: Final = 5_000
A = TypeVar("A", Institution, Achievement, Credential)
_PLACE_STEP: Final = 48_271  # odd, so that every place of a block comes up once
_CHANGED: Final = 0.04
_WINDOW: Final = 50_000


class SampleHistory:
    """Events that the ledger could have recorded, in order, without end.

    Args:
        seed: The same seed gives the same history.
    """

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)  # noqa: S311  made-up data, the same every time
        self._now = START
        self._schools: list[Institution] = []
        self._offers: list[Achievement] = []
        self._awards: list[Credential] = []
        self._slots: dict[UUID, tuple[int, int]] = {}
        self._blocks = 0

    def __iter__(self) -> Iterator[DomainEvent]:
        """Yield events for ever."""
        for number in range(INSTITUTIONS):
            yield from self._found(number)
        while True:
            self._pass(self._chance.choice([0.05, 2, 40, 600]))
            act = self._chance.choices(
                [self._batch, self._single, self._change, self._revise, self._rotate, self._erase],
                [20, 500, 60, 1, 1, 4],
            )[0]
            yield from act()

    def _pass(self, seconds: float) -> None:
        self._now += timedelta(milliseconds=int(seconds * 1000) + 1)

    def _uuid(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128), version=4)

    def _key(self) -> str:
        private = Ed25519PrivateKey.from_private_bytes(self._chance.randbytes(32))
        return str(encode_multibase(ED25519_MULTICODEC + private.public_key().public_bytes_raw()))

    def _found(self, number: int) -> Iterator[DomainEvent]:
        slug = f"school-{number}"
        event = Institution.register(
            id=institution_id(slug),
            slug=slug,
            name=f"Sample School {number}",
            country="EE",
            kind="university",
            did=institution_did("sample.cairn.example", slug),
            key_multibase=self._key(),
            at=self._now,
        )
        yield event
        school = Institution.begin(event.originator_id, event.body)
        for granted in school.grant_accreditation(
            by="Sample Ministry",
            scope="EQF 5-7",
            valid_from=START - timedelta(days=365),
            valid_until=None,
            at=self._now,
        ):
            yield granted
            school = _after(school, granted)
        self._schools.append(school)
        for code in range(ACHIEVEMENTS):
            event = Achievement.publish(
                id=achievement_id(school.id, f"S-{code}"),
                institution=school.id,
                code=f"S-{code}",
                template=_template(code, 1),
                at=self._now,
            )
            self._offers.append(Achievement.begin(event.originator_id, event.body))
            yield event

    def _batch(self) -> Iterator[DomainEvent]:
        offer = self._chance.choice(self._offers)
        for _ in range(self._chance.randrange(50, 1_000)):
            yield self._award(offer)
        yield self._submission()

    def _single(self) -> Iterator[DomainEvent]:
        yield self._award(self._chance.choice(self._offers))
        yield self._submission()

    def _award(self, offer: Achievement) -> DomainEvent:
        school = next(one for one in self._schools if one.id == offer.institution)
        assert school.active_key is not None  # noqa: S101  keys are rotated, never revoked
        block, slot = self._slots.get(school.id, (-1, BLOCK_BITS))
        if slot == BLOCK_BITS:
            block, slot, self._blocks = self._blocks, 0, self._blocks + 1
        self._slots[school.id] = block, slot + 1
        public_id = make_public_id(self._now, self._chance.randbytes(16))
        body = Credential.Issued(
            institution=school.id,
            achievement=offer.id,
            edition=len(offer.editions),
            key_id=school.active_key.key_id,
            commitments={"vc+jcs": self._chance.randbytes(32).hex()},
            status_block=block,
            status_index=slot * _PLACE_STEP % BLOCK_BITS,
            valid_from=datetime.combine(self._now.date(), datetime.min.time(), UTC),
            valid_until=None,
            recorded_at=self._now,
        )
        event = DomainEvent(credential_aggregate_id(public_id), 1, body)
        if self._chance.random() < _CHANGED:
            self._awards.append(Credential.begin(event.originator_id, body))
        return event

    def _submission(self) -> DomainEvent:
        return Submission.accept(id=self._uuid(), digest=self._chance.randbytes(32).hex(), at=self._now)

    def _change(self) -> Iterator[DomainEvent]:
        if not self._awards:
            return
        number = self._chance.randrange(len(self._awards))
        award, at = self._awards[number], self._now
        if award.state == "suspended":
            [event] = award.reinstate(effective_at=at, at=at)
        elif self._chance.randrange(2):
            [event] = award.suspend(reason=Reason.UNDER_REVIEW, effective_at=at, note=None, at=at)
        elif self._chance.randrange(5):
            [event] = award.revoke(reason=Reason.INCORRECT_DATA, effective_at=award.valid_from, note=None, at=at)
        else:
            [event] = award.replace(reason=Reason.SUPERSEDED, successor=self._chance.randbytes(32).hex(), at=at)
        changed = _after(award, event)
        if changed.state in {"revoked", "replaced"}:
            self._awards[number] = self._awards[-1]
            self._awards.pop()
        else:
            self._awards[number] = changed
        yield event

    def _revise(self) -> Iterator[DomainEvent]:
        number = self._chance.randrange(len(self._offers))
        offer = self._offers[number]
        for event in offer.revise(template=_template(number, len(offer.editions) + 1), at=self._now):
            self._offers[number] = _after(offer, event)
            yield event

    def _rotate(self) -> Iterator[DomainEvent]:
        number = self._chance.randrange(len(self._schools))
        for event in self._schools[number].rotate_key(key_multibase=self._key(), at=self._now):
            self._schools[number] = _after(self._schools[number], event)
            yield event

    def _erase(self) -> Iterator[DomainEvent]:
        yield Erasure.record(handle=self._uuid(), at=self._now)


class _Feed:
    """A history as the sequencer's feed: events are made as they are asked for, and the newest are kept."""

    def __init__(self, events: Iterator[Entry], total: int) -> None:
        self._events = events
        self._kept: list[FeedItem] = []
        self._made = 0
        self._total = total

    def read(self, after: int, limit: int) -> Sequence[FeedItem]:
        """See the port."""
        while self._made < min(after + limit, self._total):
            self._made += 1
            self._kept.append(FeedItem(self._made, next(self._events).encode()))
        if len(self._kept) > _WINDOW:
            del self._kept[: -_WINDOW // 2]
        first = self._kept[0].position if self._kept else 1
        return self._kept[max(after + 1 - first, 0) :][:limit]


def framed(events: Iterator[DomainEvent]) -> Iterator[Entry]:
    """Frame events as the log does."""
    mapper = make_mapper()
    for event in events:
        stored = mapper.to_stored_event(event)
        yield Entry(stored.topic, event.originator_id, event.originator_version, stored.state)


def write_log(directory: Path, entries: Iterator[Entry], total: int, *, batch: int = BATCH_ITEMS) -> str:
    """Publish *total* entries (and the log's own) below *directory*; returns the log's verifier key.

    Args:
        directory: Gets the files of the log, and beside it the sequencer's database.
        entries: The events' entries.
        total: How many of them.
        batch: Entries under one checkpoint.
    """
    keys = LogKeys(
        NoteSigner(ORIGIN, Ed25519PrivateKey.generate()), Cosigner(ORIGIN + "/operator", Ed25519PrivateKey.generate())
    )
    store = SqliteCheckpointStore(directory.with_name(f"{directory.name}.db"))
    sequencer = Sequencer(
        feed=_Feed(entries, total),
        committer=StateFold(make_mapper(), keys.operator.vkey),
        tiles=DirectoryTileStore(directory),
        store=store,
        keys=keys,
        clock=lambda: datetime.now(UTC),
        oldest_unpublished_at=lambda: None,
        settings=SequencerSettings(batch_items=batch, partial_grace=timedelta(0)),
    )
    while sequencer.sequence() is not None:
        pass
    store.close()
    return keys.log.vkey


def _after(aggregate: A, event: DomainEvent) -> A:
    return msgspec.structs.replace(aggregate.evolve(event.body), version=event.originator_version)


def _template(number: int, edition: int) -> Template:
    return Template(
        title=f"Sample Course {number}, edition {edition}",
        language="en",
        description="What nobody ever taught.",
        outcomes=(Outcome(text="Tells a sample from the thing itself."),),
        assessment="Practical assignment",
        participation="Online",
        quality_assurance="None, it is a sample",
        criteria="Being made up.",
        credits_centi=300,
        eqf_level=6,
    )


def main() -> None:
    """Write a sample log and print its verifier key."""
    parser = argparse.ArgumentParser(description="Write a made-up log that breaks no rule.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    vkey = write_log(arguments.directory, framed(iter(SampleHistory(arguments.seed))), arguments.entries)
    sys.stderr.write(f"{arguments.entries:,} events in {time.perf_counter() - begin:.0f} s\n")
    sys.stdout.write(f"{vkey}\n")


if __name__ == "__main__":
    main()
