"""The domain replayed: whether every entry of the log could follow from those before it.

There are two ways through a stretch of the log, and they come to the same. The quick one takes the facts that a
worker summed up and asks whether *all* of it was legal; then they are taken in together. When anything is doubtful
nothing has been taken in, and the stretch is read again, entry by entry, which finds what is wrong and says so.

What is kept is bounded: 20 to 56 bytes for each award, 22 for each submission and erasure, some 250 for each award
whose status ever changed, some 600 for each recognition, 160 KiB for each block of the status lists, 16 for each
checkpoint, and the institutions, achievements and agreements.

Longer than other modules because both ways go through the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from anchoring.anchor_record import AnchorRecord, parse_anchor_record
from anchoring.entry import ANCHOR_RECORDED, STATE_COMMITTED, Entry, parse_entry
from anchoring.error import AnchoringError
from anchoring.state import StateCommitment, parse_state_commitment
from api.audit import rule
from api.audit.accreditation import AccreditationTally
from api.audit.award_table import AwardTable
from api.audit.finding import Findings
from api.audit.folded import Folded
from api.audit.instant import instant, milliseconds
from api.audit.late_award import Place
from api.audit.once import OnceTable
from api.audit.place_map import PlaceMap
from api.audit.recognition import object_to_late
from api.audit.registry import Registry
from api.audit.rule import Illegal, NotReplayed
from api.audit.stretch import DISORDER_MS, BlockFacts, Offer, Stretch
from ledger.achievement import EVENTS as ACHIEVEMENT_EVENTS
from ledger.achievement import EditionEvent
from ledger.credential import (
    BIRTHS,
    NO_BEGINNING,
    SIGNED_BIRTHS,
    UNNAMED_BIRTHS,
    Credential,
    CredentialState,
    Review,
)
from ledger.erasure import Erasure
from ledger.error import LedgerError
from ledger.event import Event, EventMapper
from ledger.institution import EVENTS as INSTITUTION_EVENTS
from ledger.log_key import LogKeys
from ledger.pathway import EVENTS as PATHWAY_EVENTS
from ledger.programme import EVENTS as PROGRAMME_EVENTS
from ledger.programme import Programme
from ledger.reason import Reason
from ledger.submission import Submission
from ledger.unpacking import Unpacking

ANCHOR_SKEW: Final = timedelta(minutes=5)
"""How far a time authority's clock and the ledger's may differ before an anchor contradicts what it covers."""
_Change = (
    Credential.Suspended
    | Credential.Reinstated
    | Credential.Revoked
    | Credential.Replaced
    | Credential.Reissued
    | Credential.FormAdded
    | Credential.Stacked
    | Credential.ReviewOpened
    | Credential.Appealed
    | Credential.AppealDecided
    | Credential.ReviewClosed
)
Birth = Credential.Issued | Credential.Attested | Credential.Parted | Unpacking.Made
_MOMENT: Final = "%Y-%m-%d %H:%M:%S"
_PATHWAY: Final = frozenset(event.TOPIC for event in PATHWAY_EVENTS)
_PUBLISHED: Final = _PATHWAY | {event.TOPIC for event in (*INSTITUTION_EVENTS, *ACHIEVEMENT_EVENTS, *PROGRAMME_EVENTS)}

Read = Callable[[int, int], Iterable[bytes]]
"""Gives the entries [first, end) of the log, each checked against the signed root."""


class ChangedAward(msgspec.Struct, frozen=True, array_like=True):
    """What became of an award: state, since when (milliseconds), version, the entries that say so, and the newest key.

    ``key_id`` is None as long as it was not signed anew; ``review`` is the one that is open, ``paused_for`` why it is
    suspended.
    """

    state: CredentialState
    since: int
    version: int
    entries: tuple[int, ...]
    key_id: str | None = None
    review: Review | None = None
    paused_for: Reason | None = None


class LoggedAnchor(msgspec.Struct, frozen=True, array_like=True):
    """An anchor record of the log, at its index. Instants in milliseconds."""

    index: int
    kind: str
    name: str
    size: int
    root: bytes
    token_sha256: bytes
    time: int


class Replay:
    """Replays one log from its beginning.

    Args:
        mapper: The ledger's strict mapper.
        findings: Where differences go.
    """

    def __init__(self, mapper: EventMapper, findings: Findings) -> None:
        self._mapper = mapper
        self.findings = findings
        self.size = 0
        self.events: Counter[str] = Counter()
        self.unreplayed: Counter[str] = Counter()
        self.commitments = 0
        self.committed_last = False
        self.latest = -(1 << 62)
        self.registry = Registry()
        self.places = PlaceMap()
        self.awards = AwardTable()
        self.changed: dict[bytes, ChangedAward] = {}
        self.once = OnceTable()
        self.others: dict[bytes, int] = {}
        self.days = AccreditationTally()
        self.anchors: list[LoggedAnchor] = []
        self.latest_at: list[tuple[int, int]] = []
        self.log_keys: LogKeys | None = None
        self.cosigner: str | None = None
        self._read: Read = lambda _first, _end: ()

    def take(self, stretch: Stretch, read: Read) -> None:
        """Replay a stretch of the log and the entry that ends it.

        Args:
            stretch: Facts of the entries that come next.
            read: Asked when the facts do not suffice.
        """
        self._read = read
        end = stretch.first + stretch.count
        if stretch.count:
            self.committed_last = False
            if stretch.odd or not self._take_facts(stretch):
                for index, entry in enumerate(read(stretch.first, end), start=stretch.first):
                    self._one(index, entry)
        self.size = end
        if stretch.ending is not None:
            self._one(end, stretch.ending)
            self.size = end + 1

    def take_entries(self, entries: Iterable[bytes], read: Read) -> None:
        """Replay entries one by one; *read* is asked for earlier ones."""
        self._read = read
        for entry in entries:
            self._one(self.size, entry)
            self.size += 1

    def _take_facts(self, stretch: Stretch) -> bool:
        """Take in a stretch if all of it is legal; else change nothing and return False."""
        if stretch.earliest < self.latest - DISORDER_MS and stretch.earliest <= stretch.latest:
            return False
        for facts in stretch.offers:
            if facts.offer.valid_from > facts.earliest or self.registry.trouble(facts.offer) is not None:
                return False
        if not all(map(self.places.free, stretch.blocks)) or not self.awards.add(stretch.awards):
            return False
        part = range(stretch.first, stretch.first + stretch.count)
        for facts in stretch.offers:
            begin = facts.offer.valid_from
            spans = ((begin, begin), (facts.earliest, facts.latest))
            edition = (facts.offer.achievement, facts.offer.edition)
            self.days.count(facts.offer.institution, edition, spans, facts.count, part)
        for block in stretch.blocks:
            self.places.take(block)
        self.once.add(stretch.once)
        self.events.update(stretch.events)
        self.latest = max(self.latest, stretch.latest)
        for change in stretch.changes:
            body = self._mapper.decode(change.topic, change.body, f"at {change.index}")
            self._change(change.index, UUID(bytes=change.originator), change.version, body)
        return True

    def _one(self, index: int, framed: bytes) -> None:
        """Replay one entry."""
        self.committed_last = False
        try:
            entry = parse_entry(framed)
            if entry.topic == STATE_COMMITTED:
                self._commitment(index, framed, parse_state_commitment(entry))
                return
            if entry.topic == ANCHOR_RECORDED:
                self._anchor(index, entry.version, parse_anchor_record(entry))
                self.events[entry.topic] += 1
                return
            body = self._mapper.decode(entry.topic, entry.body, f"at {index}")
        except (AnchoringError, LedgerError) as error:
            self.findings.at(index, "entry-impossible", str(error))
            return
        self.events[entry.topic] += 1
        self._in_time(index, milliseconds(body.recorded_at))
        try:
            self._event(index, entry, body)
        except Illegal as error:
            self.findings.at(index, "transition-illegal", f"{entry.topic} of {entry.originator}: {error}")
        except NotReplayed:
            self.unreplayed[entry.topic] += 1

    def _in_time(self, index: int, moment: int) -> None:
        if moment < self.latest - DISORDER_MS:
            before = instant(self.latest)
            what = f"it was recorded at {instant(moment):{_MOMENT}}, after an entry of {before:{_MOMENT}}"
            self.findings.at(index, "recorded-back", what)
        self.latest = max(self.latest, moment)

    def _event(self, index: int, entry: Entry, body: Event) -> None:
        if isinstance(body, SIGNED_BIRTHS):
            self._issued(index, entry, body)
        elif isinstance(body, Credential.Parted | Unpacking.Made):
            self._placed(index, entry, body)
        elif isinstance(body, _Change):
            self._change(index, entry.originator, entry.version, body)
        elif entry.topic in _PUBLISHED:
            self._published(entry, body)
        elif isinstance(body, Submission.Accepted | Erasure.Recorded):
            self.once.add(entry.originator.bytes + index.to_bytes(6, "big"))
            if entry.version != 1:
                message = f"version {entry.version} where 1 was due"
                raise Illegal(message)
        elif isinstance(body, LogKeys.Introduced | LogKeys.Retired | LogKeys.Compromised):
            self._log_keys(index, entry, body)
        elif Folded.knows(entry.topic):
            self.registry.other(entry.originator, entry.version, body)
            object_to_late(index, self.registry.folded.states.get(entry.originator.bytes), body, self.findings)
        else:
            self._other(entry)

    def _published(self, entry: Entry, body: Event) -> None:
        """Replay what an institution said of itself or on offer."""
        if isinstance(body, EditionEvent):
            self.registry.achievement(entry.originator, entry.version, body)
        elif isinstance(body, Programme.Published | Programme.Revised):
            self.registry.programme(entry.originator, entry.version, body)
        elif entry.topic in _PATHWAY:
            self.registry.pathway(entry.originator, entry.version, body)
        else:
            self.registry.institution(entry.originator, entry.version, body)

    def _log_keys(self, index: int, entry: Entry, body: Event) -> None:
        """Replay a change of the log's own keys; the next commitment has to name the operator's new one."""
        if isinstance(body, LogKeys.Introduced):
            if self.cosigner not in {None, body.previous.get("operator")}:
                what = "it follows on another operator's key than the state commitments before it name"
                self.findings.at(index, "log-key-unknown", what)
            self.cosigner = body.vkeys.get("operator")
        self.log_keys = rule.change_log_keys(entry.originator, entry.version, self.log_keys, body)

    def _other(self, entry: Entry) -> None:
        """An event of which this auditor has no rule: its versions must still run on."""
        before = self.others.get(entry.originator.bytes, 0)
        self.others[entry.originator.bytes] = entry.version
        if entry.version != before + 1 and before:
            message = f"version {entry.version} where {before + 1} was due"
            raise Illegal(message)
        raise NotReplayed(entry.topic)

    def _issued(self, index: int, entry: Entry, body: Credential.Issued | Credential.Attested) -> None:
        begin, moment = milliseconds(body.valid_from), milliseconds(body.recorded_at)
        until = None if body.valid_until is None else milliseconds(body.valid_until)
        owner, identity = body.institution.bytes, entry.originator.bytes
        if entry.version != 1 or self.awards.find(identity) is not None:
            message = "this award was issued before, or its first event is not its first"
            raise Illegal(message)
        if isinstance(body, Credential.Issued):
            offer = Offer(owner, body.achievement.bytes, body.edition, body.key_id, begin, until)
            trouble = self.registry.trouble(offer)
            edition = (offer.achievement, offer.edition)
            self.days.count(owner, edition, ((begin, begin), (moment, moment)), 1, range(index, index + 1))
        else:
            trouble = self.registry.attestation_trouble(owner, body.key_id, begin, until)
        if trouble is not None:
            self.findings.at(index, *trouble)
        if begin > moment:
            self.findings.at(index, "award-impossible", "it was made on a day that had not come")
        if int.from_bytes(identity[:6]) != moment % (1 << 48):
            self.findings.at(index, "award-impossible", "the time in its id is not when it was recorded")
        if not body.commitments:
            self.findings.at(index, "award-impossible", "it commits to no document")
        self._take_place(index, identity, begin, body)

    def _placed(self, index: int, entry: Entry, body: Credential.Parted | Unpacking.Made) -> None:
        """Replay an unpacking, or the beginning of a part's own history.

        What a part is of, and that no place is another part's, the log does not tell: disclosures do.
        """
        if entry.version != 1 or self.awards.find(entry.originator.bytes) is not None:
            message = "this was made before, or its first event is not its first"
            raise Illegal(message)
        if isinstance(body, Unpacking.Made):
            trouble = self.registry.unpacking_trouble(body)
            if trouble is not None:
                self.findings.at(index, *trouble)
        elif body.status_block >= self.places.blocks:
            self.findings.at(index, "place-impossible", f"no unpacking has opened status block {body.status_block}")
        self._take_place(index, entry.originator.bytes, milliseconds(NO_BEGINNING), body)

    def _take_place(self, index: int, identity: bytes, begin: int, body: Birth) -> None:
        owner = body.institution.bytes
        taken = self.places.trouble(body.status_block, body.status_index, owner)
        if taken is not None:
            self.findings.at(index, "place-impossible", taken)
            return
        self.places.take(BlockFacts(body.status_block, owner, [body.status_index]))
        place = Place(body.status_block, body.status_index, index, begin)
        self.awards.add_one(identity, place, milliseconds(body.recorded_at))

    def _change(self, index: int, originator: UUID, version: int, body: Event) -> None:
        """Replay a change of an award's status; what it does to the status lists is done even when it was not legal."""
        place = self.awards.find(originator.bytes)
        if place is None or place.entry >= index:
            self._illegal(index, originator, body, "this award was never issued")
            return
        known = self.changed.get(originator.bytes) or ChangedAward("active", place.valid_from, 1, ())
        key_id = known.key_id or ""
        if isinstance(body, Credential.Reissued):
            key_id = self._signed_anew(index, place, body, known)
        forms = self._form_added(index, place, body, known) if isinstance(body, Credential.FormAdded) else {}
        if isinstance(body, Credential.Replaced):
            self._replaced(index, place, body)
        if isinstance(body, Credential.Stacked):
            self._stacked(index, originator, place, body)
        before = rule.award_state(
            originator,
            known.version,
            known.state,
            known.since,
            place.valid_from,
            key_id,
            forms,
            review=known.review,
            paused_for=known.paused_for,
        )
        try:
            rule.change_award(before, body)
        except Illegal as error:
            self._illegal(index, originator, body, str(error))
        if version != known.version + 1:
            self._illegal(index, originator, body, f"version {version} where {known.version + 1} was due")
        after = before.evolve(body)
        self.changed[originator.bytes] = ChangedAward(
            after.state,
            milliseconds(after.since),
            version,
            (*known.entries, index),
            after.key_id or None,
            after.review,
            after.paused_for,
        )
        match body:
            case Credential.Revoked() | Credential.Replaced():
                self.places.revocation.set_bit(place.block, place.index, value=True)
            case Credential.Suspended() | Credential.Reinstated():
                value = isinstance(body, Credential.Suspended)
                self.places.suspension.set_bit(place.block, place.index, value=value)

    def _stacked(self, index: int, originator: UUID, place: Place, body: Credential.Stacked) -> None:
        """Check that the award is one that the named rules stack into, as they stood then."""
        _, issued = self._logged(place.entry)
        if not isinstance(issued, Credential.Issued):
            self._illegal(index, originator, body, "it is no award, and only an award is stacked")
            return
        trouble = self.registry.stacking_trouble(body, issued)
        if trouble is not None:
            self._illegal(index, originator, body, trouble)

    def _signed_anew(self, index: int, place: Place, body: Credential.Reissued, known: ChangedAward) -> str:
        """Check that an award is signed anew with the key in force; returns the key that signed it last."""
        entry, issued = self._logged(place.entry)
        if not isinstance(issued, SIGNED_BIRTHS):
            self._illegal(index, entry.originator, body, "a part of an unpacked diploma is not issued again")
            return known.key_id or ""
        if isinstance(issued, Credential.Attested):
            self._illegal(index, entry.originator, body, "it is no award, and only an award is issued again")
        institution = self.registry.institutions.get(issued.institution.bytes)
        key = None if institution is None else institution.active_key
        if key is None or key.key_id != body.key_id:
            now = "no key" if key is None else key.key_id
            self.findings.at(index, "key-not-in-force", f"it is signed with {body.key_id}, and {now} was in force")
        return known.key_id or issued.key_id

    def _form_added(self, index: int, place: Place, body: Credential.FormAdded, known: ChangedAward) -> dict[str, str]:
        """Check that forms are signed with a key in force; returns the forms before, and the key that signed each."""
        forms: dict[str, str] = {}
        for entry_index in (place.entry, *known.entries):
            entry, before = self._logged(entry_index)
            if isinstance(before, BIRTHS):
                institution = self.registry.institutions.get(before.institution.bytes)
                keys = () if institution is None else institution.keys
                if not any(key.key_id == body.key_id and key.usable for key in keys):
                    self.findings.at(index, "key-not-in-force", f"forms are signed with {body.key_id}, not in force")
            if isinstance(before, Credential.Attested | Credential.Parted | Unpacking.Made):
                self._illegal(index, entry.originator, body, "it is no award, and only an award has further forms")
            if isinstance(before, (*SIGNED_BIRTHS, Credential.Reissued, Credential.FormAdded)):
                forms |= dict.fromkeys(before.commitments, before.key_id)
        return forms

    def _replaced(self, index: int, place: Place, body: Credential.Replaced) -> None:
        """Check that it is an award that is replaced, and no part of an unpacked diploma, nor all of them."""
        entry, born = self._logged(place.entry)
        if isinstance(born, UNNAMED_BIRTHS):
            self._illegal(index, entry.originator, body, "nothing takes the place of a part of an unpacked diploma")

    def _logged(self, index: int) -> tuple[Entry, Event]:
        """An earlier entry and its body."""
        [framed] = self._read(index, index + 1)
        entry = parse_entry(framed)
        return entry, self._mapper.decode(entry.topic, entry.body, f"at {index}")

    def _illegal(self, index: int, originator: UUID, body: Event, what: str) -> None:
        self.findings.at(index, "transition-illegal", f"{body.TOPIC} of {originator}: {what}")

    def _commitment(self, index: int, framed: bytes, logged: StateCommitment) -> None:
        ours = StateCommitment(
            covered_size=index,
            status_lists=self.places.blocks,
            revocation_root=self.places.revocation.root(),
            suspension_root=self.places.suspension.root(),
            directory_size=len(self.registry.records),
            directory_root=self.registry.directory.root(),
            cosigner=self.cosigner or logged.cosigner,
        )
        if ours.entry() != framed:
            names = [name for name in StateCommitment.__slots__ if getattr(ours, name) != getattr(logged, name)]
            what = f"the state commitment is not what the entries before it add up to, in {', '.join(names)}"
            self.findings.at(index, "state-wrong", what)
        self.cosigner = self.cosigner or logged.cosigner  # the first is taken at the log's word
        self.commitments += 1
        self.committed_last = True
        self.latest_at.append((index + 1, self.latest))

    def _anchor(self, index: int, number: int, record: AnchorRecord) -> None:
        """Check an anchor record's number, and its time against the anchors before it and against what it covers."""
        if number != len(self.anchors) + 1:
            self.findings.at(index, "anchor-order", f"anchor {number} stands where {len(self.anchors) + 1} was due")
        moment = milliseconds(record.time)
        same = [one for one in self.anchors if (one.kind, one.name) == (record.kind, record.name)]
        if same and (record.checkpoint_size < same[-1].size or moment < same[-1].time):
            before = f"{same[-1].size} entries at {instant(same[-1].time):{_MOMENT}}"
            what = (
                f"«{record.name}» stamped {record.checkpoint_size} at {record.time:{_MOMENT}}, and before that {before}"
            )
            self.findings.at(index, "anchor-order", what)
        covered = next((latest for size, latest in reversed(self.latest_at) if size <= record.checkpoint_size), None)
        if record.checkpoint_size > index:
            self.findings.at(
                index, "anchor-order", f"it covers {record.checkpoint_size} entries, and there were {index}"
            )
        elif covered is not None and instant(covered) > record.time + ANCHOR_SKEW:
            covers = f"covers an entry recorded at {instant(covered):{_MOMENT}}"
            what = f"it was stamped at {record.time:{_MOMENT}} and {covers}"
            self.findings.at(index, "anchor-order", what)
        self.anchors.append(
            LoggedAnchor(
                index,
                record.kind,
                record.name,
                record.checkpoint_size,
                record.checkpoint_root,
                record.token_sha256,
                moment,
            )
        )
