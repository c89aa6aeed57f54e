"""Made-up histories: events as the ledger stores them, in a source that can have gaps, be cut off or fail."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from anchoring.entry import Entry
from ledger.achievement import Achievement, Outcome, Template
from ledger.credential import Credential
from ledger.event import DomainEvent, Event
from ledger.event_catalogue import make_mapper
from ledger.institution import Institution
from ledger.quality import Quality, quality_id
from ledger.reason import Reason
from projections.source import Notification

DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)
MAPPER = make_mapper()
MULTIBASE = "z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"


def day(number: float) -> datetime:
    """Midnight (or a part of the day) of a day of 2026, from 1."""
    return DAY_ONE + timedelta(days=number - 1)


def template(title: str = "Soil mapping") -> Template:
    """A template with every mandatory element."""
    return Template(
        title=title,
        language="en",
        description="Reading and drawing soil maps.",
        outcomes=(Outcome(text="Draws a soil map from twelve borings."),),
        assessment="a map, assessed by two people",
        participation="on site",
        quality_assurance="reviewed every year",
        criteria="A map that both assessors accept.",
        credits_centi=200,
        eqf_level=6,
    )


def registered(slug: str, at: datetime = DAY_ONE) -> Institution.Registered:
    """A registration."""
    return Institution.Registered(
        slug=slug,
        name=f"University of {slug}",
        country="EE",
        kind="university",
        did=f"did:web:ledger.example:institutions:{slug}",
        key_id="key-1",
        key_multibase=MULTIBASE,
        recorded_at=at,
    )


def issued(institution: UUID, block: int = 0, index: int = 0, *, at: datetime = DAY_ONE) -> Credential.Issued:
    """An award, valid from the moment it was recorded."""
    return Credential.Issued(
        institution=institution,
        achievement=UUID(int=77),
        edition=1,
        key_id="key-1",
        commitments={"vc+jcs": "ab" * 32},
        status_block=block,
        status_index=index,
        valid_from=at,
        valid_until=None,
        recorded_at=at,
    )


def suspended(at: datetime, *, recorded: datetime | None = None) -> Credential.Suspended:
    """A suspension."""
    return Credential.Suspended(reason=Reason.UNDER_REVIEW, effective_at=at, note=None, recorded_at=recorded or at)


def reinstated(at: datetime, *, recorded: datetime | None = None) -> Credential.Reinstated:
    """The end of a suspension."""
    return Credential.Reinstated(effective_at=at, recorded_at=recorded or at)


def revoked(at: datetime, *, recorded: datetime | None = None) -> Credential.Revoked:
    """A revocation."""
    return Credential.Revoked(reason=Reason.INCORRECT_DATA, effective_at=at, note="cd" * 32, recorded_at=recorded or at)


def replaced(at: datetime) -> Credential.Replaced:
    """A replacement."""
    return Credential.Replaced(reason=Reason.SUPERSEDED, effective_at=at, successor="ef" * 32, recorded_at=at)


def reissued(at: datetime, key_id: str = "key-2") -> Credential.Reissued:
    """The document signed anew."""
    return Credential.Reissued(key_id=key_id, commitments={"vc+jcs": "12" * 32}, recorded_at=at)


class History:
    """An event source in memory that one can write to.

    Args:
        gap: Distance between positions; above 1 there are gaps.
    """

    def __init__(self, gap: int = 1) -> None:
        self.events: list[Notification] = []
        self.failing = False
        self._gap = gap
        self._versions: dict[UUID, int] = {}

    def add(self, originator: UUID, *bodies: Event) -> int:
        """Append events of an aggregate; return the newest position."""
        for body in bodies:
            version = self._versions[originator] = self._versions.get(originator, 0) + 1
            stored = MAPPER.to_stored_event(DomainEvent(originator, version, body))
            position = (len(self.events) + 1) * self._gap
            self.events.append(Notification(position, originator.bytes, version, stored.topic, stored.state))
        return self.newest()

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        """See the port."""
        if self.failing:
            message = "the disk is on fire"
            raise OSError(message)
        start = after // self._gap
        return self.events[start : start + limit]

    def newest(self) -> int:
        """See the port."""
        if self.failing:
            message = "the disk is on fire"
            raise OSError(message)
        return self.events[-1].position if self.events else 0

    def entries(self) -> list[bytes]:
        """Every event as a log entry."""
        return [Entry(event.topic, event.originator_id, event.version, event.state).encode() for event in self.events]


def damaged(event: Notification) -> Notification:
    """The same event with bytes that are not its kind's."""
    return msgspec.structs.replace(event, state=b'{"reason":"bad weather"}')


def varied_history(seed: int, size: int = 60, gap: int = 1) -> History:
    """A history with every event that the projections read, in a random order that the ledger could have recorded."""
    story = _Story(random.Random(seed), History(gap))
    while len(story.history.events) < size:
        story.step()
    return story.history


class _Story:
    def __init__(self, chance: random.Random, history: History) -> None:
        self.history = history
        self._chance = chance
        self._institutions: list[UUID] = []
        self._achievements: list[tuple[UUID, UUID, str, int]] = []
        self._credentials: list[UUID] = []
        self._states: dict[UUID, str] = {}
        self._free: dict[UUID, list[tuple[int, int]]] = {}
        self._blocks = 0

    def step(self) -> None:
        at = day(1 + len(self.history.events) / 24)
        if not self._institutions:
            self._register(at)
            return
        act = self._chance.choices(
            [self._register, self._govern, self._publish, self._review, self._issue, self._change], [1, 2, 2, 3, 10, 6]
        )[0]
        act(at)

    def _uuid(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128))

    def _register(self, at: datetime) -> None:
        institution = self._uuid()
        self._institutions.append(institution)
        self.history.add(institution, registered(f"u{len(self._institutions)}", at))

    def _govern(self, at: datetime) -> None:
        institution = self._chance.choice(self._institutions)
        body: Event = self._chance.choice(
            [
                Institution.AccreditationGranted(
                    accreditation_id="accreditation-1",
                    by="Ministry",
                    scope="EQF 5-7",
                    valid_from=at,
                    valid_until=None,
                    recorded_at=at,
                ),
                Institution.KeyRotated(
                    key_id="key-2", key_multibase=MULTIBASE, retired_key_id="key-1", effective_at=at, recorded_at=at
                ),
                Institution.KeyRevoked(key_id="key-1", reason=Reason.OTHER, effective_at=at, recorded_at=at),
                Institution.KeyCompromised(key_id="key-1", compromised_at=at, recorded_at=at),
            ]
        )
        self.history.add(institution, body)

    def _publish(self, at: datetime) -> None:
        if self._achievements and self._chance.random() < 0.4:
            number = self._chance.randrange(len(self._achievements))
            identity, institution, code, edition = self._achievements[number]
            self._achievements[number] = (identity, institution, code, edition + 1)
            kind: type[Achievement.Published | Achievement.Revised] = Achievement.Revised
            edition += 1
        else:
            identity, institution = self._uuid(), self._chance.choice(self._institutions)
            code, edition, kind = f"C{len(self._achievements)}", 1, Achievement.Published
            self._achievements.append((identity, institution, code, edition))
        skills = [f"https://skills.example/{number}" for number in self._chance.sample(range(6), 2)]
        outcomes = tuple(Outcome(text="Draws a soil map.", skill_uri=uri) for uri in skills)
        described = msgspec.structs.replace(template(f"{code} {edition}"), outcomes=outcomes)
        self.history.add(
            identity,
            kind(institution=institution, code=code, edition=edition, template=described, recorded_at=at),
        )

    def _review(self, at: datetime) -> None:
        if not self._achievements:
            return
        identity, institution, _, edition = self._chance.choice(self._achievements)
        due = at.date() + timedelta(days=self._chance.randint(1, 900))
        whose = {"institution": institution, "achievement": identity}
        body = self._chance.choice(
            [
                Quality.ReviewScheduled(**whose, due_on=due, recorded_at=at),
                Quality.Reviewed(
                    **whose,
                    edition=edition,
                    reviewed_on=at.date(),
                    by="Programme council",
                    outcome="confirmed",
                    statement="As described.",
                    next_due=due,
                    recorded_at=at,
                ),
            ]
        )
        self.history.add(quality_id(identity), body)

    def _issue(self, at: datetime) -> None:
        institution, credential = self._chance.choice(self._institutions), self._uuid()
        free = self._free.setdefault(institution, [])
        if not free:
            block, self._blocks = self._blocks, self._blocks + self._chance.choice([1, 1, 2])
            free.extend((block, index) for index in self._chance.sample(range(131_072), 3))
        self._credentials.append(credential)
        self._states[credential] = "active"
        self.history.add(credential, issued(institution, *free.pop(), at=at))

    def _change(self, at: datetime) -> None:
        changeable = [credential for credential in self._credentials if self._states[credential] != "ended"]
        if not changeable:
            return
        credential = self._chance.choice(changeable)
        if self._chance.random() < 0.1:
            self.history.add(credential, reissued(at))
        elif self._chance.random() < 0.3:
            self._states[credential] = "ended"
            self.history.add(credential, self._chance.choice([revoked(at), replaced(at)]))
        elif self._states[credential] == "active":
            self._states[credential] = "suspended"
            self.history.add(credential, suspended(at))
        else:
            self._states[credential] = "active"
            self.history.add(credential, reinstated(at))
