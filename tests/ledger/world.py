"""A small ledger to test with: a set clock, seeded randomness, one institution with one achievement."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.access import ACCESS_SCHEMA, Access, Actor
from ledger.achievement import Outcome, Template
from ledger.agreeing import Agreeing
from ledger.application import Ledger
from ledger.attesting import ATTESTED_SCHEMA, Attesting
from ledger.cascade import Cascade
from ledger.catalogue import Catalogue
from ledger.claim import AwardClaim, LearnerClaim
from ledger.component_reading import ComponentReading
from ledger.erasing import Erasing
from ledger.form_adding import FormAdding
from ledger.issuance import Issuance
from ledger.key_ring import KeyRing, RandomBytes, open_key_ring
from ledger.lifecycle import Lifecycle
from ledger.part_keeping import PartKeeping
from ledger.pathway_publishing import PathwayPublishing
from ledger.pathway_trial import PathwayTrial
from ledger.prospectus import Prospectus
from ledger.recognised_component import RecognisedComponents
from ledger.recognising import Recognising
from ledger.record_keeping import RecordKeeping
from ledger.registry import Registry
from ledger.reissuance import Reissuance
from ledger.reviewing import Reviewing
from ledger.separating import Separating
from ledger.signing import SIGNING_SCHEMA, SealedKeyStore
from ledger.spending import SpendingBook
from ledger.stacking_up import StackingUp
from ledger.status_allocation import ALLOCATION_SCHEMA, StatusAllocator
from ledger.vault import VAULT_SCHEMA, Vault
from tests.ledger.storage import Database, SqliteDatabase
from verifier.jsonld.canonical import canonical_nquads

SCHEMA = (*VAULT_SCHEMA, *ATTESTED_SCHEMA, *SIGNING_SCHEMA, *ALLOCATION_SCHEMA, *ACCESS_SCHEMA)
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
BASE_URL = "https://ledger.example"
SLUG = "north"
CODE = "DATA-1"
OPERATOR = Actor(name="test", role="operator")
TEMPLATE = Template(
    title="Data Analysis Basics",
    language="en",
    description="Reads, cleans and plots tabular data.",
    outcomes=(
        Outcome(
            text="cleans a table",
            skill_uri="http://data.europa.eu/esco/skill/2b92a5b2-6758-4ee3-9fb4-b6387a55cc8f",
            skill_name="perform data cleansing",
        ),
        Outcome(text="plots a distribution"),
    ),
    assessment="supervised written exam",
    participation="online",
    quality_assurance="internal review every year",
    criteria="Pass the exam.",
    credits_centi=250,
    eqf_level=6,
)


def canonicalise(document: Mapping[str, Any], hash_name: str) -> bytes:
    """RDF as the composition root makes it for proofs."""
    return canonical_nquads(document, hash_name="sha384" if hash_name == "sha384" else "sha256")


class SetClock:
    """Stands still until it is moved; may be read from any thread."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> datetime:
        self.now += timedelta(**duration)
        return self.now


class SeededRandom:
    """Bytes that are the same in every run; may be asked from any thread."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, count: int) -> bytes:
        with self._lock:
            return self._random.randbytes(count)


@dataclass(frozen=True)
class World:
    """A ledger with every command, as the composition root builds it."""

    directory: Path
    database: Database
    clock: SetClock
    random: RandomBytes
    ledger: Ledger
    key_ring: KeyRing
    vault: Vault
    keys: SealedKeyStore
    places: StatusAllocator
    access: Access
    registry: Registry
    catalogue: Catalogue
    issuance: Issuance
    lifecycle: Lifecycle
    erasing: Erasing
    reissuance: Reissuance
    form_adding: FormAdding
    records: RecordKeeping
    attesting: Attesting
    prospectus: Prospectus
    separating: Separating
    parts: PartKeeping
    pathways: PathwayPublishing
    book: SpendingBook
    stacking: StackingUp
    trial: PathwayTrial
    cascade: Cascade
    reviewing: Reviewing
    recognising: Recognising
    agreeing: Agreeing

    def issue(self, *claims: AwardClaim) -> list[str]:
        answer: list[str] = self.issuance.issue(slug=SLUG, claims=claims, actor=OPERATOR).answer
        return answer

    def events(self) -> list[tuple[str, bytes]]:
        return [(event.topic, event.state) for event in self.ledger.read(0, 100_000)]

    def alter(self, sql: str, parameters: tuple[object, ...] = ()) -> None:
        """Change stored rows behind the ledger's back."""
        self.database.alter(sql, parameters)

    def close(self) -> None:
        self.ledger.close()


def claim(name: str = "Ada Example", **changes: object) -> AwardClaim:
    """A claim; learner fields (reference, email, id) may be given beside the claim's own."""
    personal = [key for key in ("reference", "email", "id", "hashed") if key in changes]
    learner = {"name": name} | {key: changes.pop(key) for key in personal}
    members = {"achievement": CODE, "awarded_on": date(2026, 2, 1)} | changes
    return AwardClaim(learner=LearnerClaim(**learner), **members)  # type: ignore[arg-type]  # passed through as given


def open_world(
    directory: Path, *, seed: int = 1, random_bytes: RandomBytes | None = None, database: Database | None = None
) -> World:
    """Open (or make) a ledger in *directory*/data, or in *database*, with its keys beside it."""
    source = SeededRandom(seed) if random_bytes is None else random_bytes
    data = directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    clock = SetClock()
    place = SqliteDatabase(data / "ledger.db") if database is None else database
    ledger = Ledger(place.factory(SCHEMA), clock=clock, random=source, on_commit=lambda _: None)
    key_ring = open_key_ring(directory / "data.keys", source)
    vault = Vault(ledger.rows, key_ring, source)
    keys = SealedKeyStore(ledger.store, key_ring, source)
    places = StatusAllocator(ledger.rows, vault.secret("status-places"))
    issuance = Issuance(ledger, vault, keys, places, BASE_URL, canonicalise=canonicalise)
    book = SpendingBook(ledger.store)
    reading = ComponentReading(ledger, vault, book, RecognisedComponents(ledger, vault))
    attesting = Attesting(ledger, vault, keys, places, BASE_URL)
    return World(
        directory=data,
        database=place,
        clock=clock,
        random=source,
        ledger=ledger,
        key_ring=key_ring,
        vault=vault,
        keys=keys,
        places=places,
        access=Access(ledger.rows, source),
        registry=Registry(ledger, vault, keys, "ledger.example"),
        catalogue=Catalogue(ledger, vault),
        issuance=issuance,
        lifecycle=Lifecycle(ledger, vault),
        erasing=Erasing(ledger, vault),
        reissuance=Reissuance(ledger, vault, keys, BASE_URL, canonicalise=canonicalise),
        form_adding=FormAdding(ledger, vault, keys, BASE_URL, canonicalise=canonicalise),
        attesting=attesting,
        pathways=PathwayPublishing(ledger, vault),
        book=book,
        stacking=StackingUp(ledger, vault, issuance, reading),
        trial=PathwayTrial(ledger, vault, reading),
        cascade=Cascade(ledger, vault, book),
        reviewing=Reviewing(ledger, vault),
        records=RecordKeeping(ledger, vault, attesting, BASE_URL),
        prospectus=Prospectus(ledger, vault),
        separating=Separating(ledger, vault, keys, places, BASE_URL),
        parts=PartKeeping(ledger, vault),
        recognising=Recognising(ledger, vault),
        agreeing=Agreeing(ledger, vault),
    )


def settle(world: World) -> World:
    """Register the institution and publish the achievement."""
    world.registry.register(slug=SLUG, name="Northern University", country="EE", kind="university", actor=OPERATOR)
    world.catalogue.publish(slug=SLUG, code=CODE, template=TEMPLATE, actor=OPERATOR)
    return world
