"""The short answer to the question that is asked most: how does this award stand, now?

Most awards were issued and nothing has happened to them since. For these the answer is put together from a short stored
row (:mod:`projections.short_row`) and from what awards of one edition and one key have in common, without decoding
anything; what they have in common is taken from the ordinary answer, so there is one definition of it. For every other
award, and wherever a boundary in time is so near that it would have to be looked at closely, there is no quick answer,
and the ordinary one is made.

Nothing here goes stale. As soon as the views have moved, it is looked which awards something has happened to and
whether the institutions are what they were; what was kept of others is given on. Editions never change.

Longer than other modules because what is kept and what it is made from have to be forgotten together.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import msgspec

from api.error import ApiError
from ledger.credential_id import PUBLIC_ID_CHARS, aggregate_id_of
from projections.directory_record import DirectoryRecord, parse_record
from projections.institution_directory import record_key
from projections.short_row import MARKS, NO_END, SEPARATOR, SHORT, TOUCHED, touched_after
from projections.table import Readable

MAX_KINDS: Final = 20_000
"""Kinds of answers that are remembered. When there are more, all are forgotten, and learnt anew."""
MAX_SHARED_BYTES: Final = 30_000_000
"""What answers may share that are kept, of some 600 bytes for a kind; with more, all that is kept is forgotten."""
READY_BYTES: Final = 440
"""What a kept answer takes beside the pieces of its own: its objects, its key and its place."""
END_BYTES: Final = 120
"""What it takes besides where an award ends, which others share otherwise."""
MAX_COMPARED: Final = 1_000
"""Institutions whose records are compared each time that the views have moved, which takes a millisecond or two. When
more were asked for, all are forgotten."""
ONE_IN: Final = 16
"""When there is no room, one in so many is kept in another's place. Where more awards are asked for in turn than there
is room for, most of those that are kept then stay until they are asked for again."""
ASKED_ONCE: Final = 1 << 20
"""Places, of a byte each, in which is noted that an award was asked for, until another one comes to the same place."""
_PLACES: Final = ASKED_ONCE - 1
"""The bits of a hash that say which place."""
BODY_BEGIN: Final = b'{"credential":"'
"""How the body of an answer begins, before the public id."""
RECORDED: Final = b'","recorded_at":"'
"""What stands between the two dates of an award's one event."""
AWARD_END: Final = b'"}]'
"""How what is said of an award ends."""
BODY_END: Final = b"}"
"""How the body of a ledger's answer ends; a mirror says before that how old it is."""
LOOK_AGAIN_SECONDS: Final = 0.1
"""How long a view is taken to be where it was when this process has heard of no change; other processes' changes are
looked for as seldom wherever views are read (projections.view)."""
READ_SECONDS: Final = 0.1
"""How long a commit of the view may stay open for reads: until then no page is used again that it sees. What is read is
the newest one all the same, whenever time has gone on."""
SECOND_CHARS: Final = len("2026-01-31T12:00:00")
_INSTITUTION: Final = slice(len(b'{"institution":"'), len(b'{"institution":"') + 36)
"""Where a row says whose it is (projections.credential_status): it was written by msgspec, in this order and without
spaces."""
_FOR_EVER: Final = b'","valid_until":null,"recorded_at":"'
_UNTIL: Final = b'","valid_until":"%b","recorded_at":"'
"""What stands between an award's dates."""
_EVENT: Final = b'",%b,"events":[{"kind":"issued","reason":null,"effective_at":"'
_DATES_APART: Final = len(BODY_BEGIN) + PUBLIC_ID_CHARS + len(RECORDED)
"""What every body has beside what awards share and their dates."""
_NEVER: Final = b"\xff"
"""What no instant, as it is spelled here, comes after."""
_ALL: Final = b"\x7f"
"""What makes of a second something that all instants within it come before."""


class Place(Protocol):
    """How far a view has been brought, as far as this process has heard."""

    position: int


class Reader(Protocol):
    """Reads from one commit of a view until it is told to go on; see :class:`projections.view.Reader`."""

    def renew(self) -> Callable[[bytes], bytes | None]:
        """Go on to the newest commit; gives how to get a row of it."""
        ...

    def release(self) -> None:
        """Let go of it."""
        ...


class Moving(Readable, Protocol):
    """A view, and how far it has come."""

    @property
    def generation(self) -> str:
        """Name of what is read; another one after a rebuild."""
        ...

    def position(self) -> int:
        """Position of the newest event that it shows."""
        ...

    def reader(self) -> Reader:
        """What many rows are got with within moments."""
        ...


class _Issuer:
    """An institution's record as it was read last."""

    __slots__ = ("boundaries", "digest", "epoch", "key", "record", "seconds", "stolen")

    def __init__(self, key: bytes, record: bytes) -> None:
        self.key = key
        self.record = record
        parsed = parse_record(record)
        self.boundaries = _boundaries(parsed)
        self.stolen = frozenset(known.key_id for known in parsed.keys if known.compromised_at is not None)
        self.seconds = frozenset(boundary[:SECOND_CHARS] for boundary in self.boundaries)
        self.digest = record_digest(record).encode()
        self.epoch = -1


Common: TypeAlias = tuple[bytes, bytes, bytes]
"""What answers of one kind share: the end of the entity tag; the body from after the id to the instant since when;
further, from after the award's own dates to those of its event."""

Usual: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, int]
"""What awards of a kind share that begin, and were recorded, between some instants: these four; the three of
:data:`Common`; and how many bytes a body has beside the award's dates."""

QuickAnswer: TypeAlias = tuple[int, bytes, bytes, int, bytes, bytes, bytes, bytes, bytes, bytes, bytes, int]
"""An answer without the id that was asked for and the instants at which it is given:

0. In which epoch it was made: until something happens to an award of its mark, it holds.
1. It holds from this second on, in which it was made,
2. and until before this one.
3. The mark of the award.
4. The entity tag, without what every such tag begins with, as far as it is the award's own,
5. and as far as it is shared.
6. The body from after the id, shared,
7. up to since when, from when the award is valid and when its event took effect, which are one instant.
8. What comes between that, after the instants at which it is given, and when it was recorded,
9. this,
10. and what comes after that, shared, before the dates of its event.
11. How many bytes the body has without the instants at which it is given, and without what begins with
    :data:`AWARD_END`.

So the body is :data:`BODY_BEGIN`, the id, 6, 7, :attr:`QuickStatus.stamped`, 7, 8, 9, 10, 7, :data:`RECORDED`, 9 and
:data:`AWARD_END` with what follows that. A tuple of bytes and numbers costs collections of garbage nothing.
"""
NO_ANSWER: Final[QuickAnswer] = (-1, b"", _NEVER, 0, b"", b"", b"", b"", b"", b"", b"", 0)
"""In the place of one that was kept, when something has happened to the award."""


class _Kind:
    """Awards of one edition and one key, under one record of their issuer."""

    __slots__ = ("common", "institution", "issuer")

    def __init__(self, institution: bytes, issuer: _Issuer) -> None:
        self.institution = institution
        self.issuer = issuer
        self.common: dict[tuple[int, int], Common | None] = {}
        """By the stretches of time in which the award begins and was recorded."""


class QuickStatus:
    """Answers for awards that were issued and not touched since.

    What was answered lately is kept, and made anew when something has happened to the award. Where the views stand is
    looked at whenever this process has moved one, and every tenth of a second, since other processes may have.

    Args:
        statuses: Rows of the view of awards.
        directory: Rows of the view of institutions.
        number: The number of an institution in the directory; None while the view has none.
        places: How far this process has heard that the two views were brought.
        ordinary: The ordinary answer, of which the quick one is a copy.
        clock: Seconds since 1970.
        later: Has something called on this thread after so many seconds.
        room: Bytes for answers that are kept at hand, of awards that were asked for twice.
    """

    def __init__(
        self,
        statuses: Moving,
        directory: Moving,
        number: Callable[[UUID], int | None],
        places: tuple[Place, Place],
        ordinary: Callable[[str], dict[str, Any]],
        *,
        clock: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
        room: int,
    ) -> None:
        self._statuses = statuses
        self._directory = directory
        self._number = number
        self._awards, self._institutions = places
        self._ordinary = ordinary
        self._clock = clock
        self._later = later
        self._reader = statuses.reader()
        self._get: Callable[[bytes], bytes | None] | None = None
        """How rows are got until time goes on or the views move."""
        self._let_go_at = -1.0
        """Until this moment something is called that lets go of the commit that is read from."""
        self._usual: dict[bytes, Usual] = {}
        """Of each kind, what the award shared with others that was looked at last in this epoch."""
        self._issuers: dict[bytes, _Issuer] = {}
        self._kinds: dict[bytes, _Kind] = {}
        self._remembered = self._shared_bytes = 0
        self._milliseconds = -1
        self._second = b""
        self.stamped = b""
        """The piece of every answer that says the present instant."""
        self._room = room
        self._ready: dict[bytes, QuickAnswer] = {}
        self._kept: list[bytes] = []
        """Whose answers are kept, in no order."""
        self._ready_bytes = 0
        self._asked_once = bytearray(ASKED_ONCE)
        self._turned_away = 0
        self._epoch = 0
        """Grows whenever the views have moved."""
        self._changed: list[int] = [0] * MARKS
        """In which epoch something has happened to an award of each mark."""
        self._touched = 0
        """How often something had happened to awards."""
        self._seen = -1
        self._stood: tuple[str, int, str, int] | None = None
        self._moment = self._look_again = -1.0

    def answer(self, public_id: bytes, moment: float) -> QuickAnswer | None:
        """The answer on an award, to be completed by :attr:`stamped`; or None: then the ordinary way has one.

        What the views raise comes through.

        Args:
            public_id: 36 characters of ``0-9`` and ``a-v``.
            moment: Seconds that never run backwards. As long as they stand still, the present instant does too.
        """
        if moment != self._moment or self._awards.position + self._institutions.position != self._seen:
            self._look(moment)
        known = self._ready.get(public_id)
        if known is not None:
            if known[0] >= self._changed[known[3]] and known[1] <= self._second < known[2]:
                return known
            made = self._make(public_id)
            if public_id in self._ready:  # not all were forgotten meanwhile
                self._keep(public_id, made or NO_ANSWER)
            return made
        made = self._make(public_id)
        if made is not None:
            mark = hash(public_id)
            place, mark = mark & _PLACES, mark >> 40 & 0xFF or 1  # where nobody was noted yet there is a 0
            if self._asked_once[place] != mark:
                self._asked_once[place] = mark
            elif self._is_room():
                self._keep(public_id, made)
        return made

    def _is_room(self) -> bool:
        """Whether there is room for one more answer, or it is its turn for some."""
        if self._ready_bytes < self._room:
            return True
        self._turned_away += 1
        return self._turned_away % ONE_IN == 0

    def _keep(self, public_id: bytes, made: QuickAnswer) -> None:
        """Keep an answer, and others no longer, as far as there is no room for them: not this one, if there are any."""
        known = self._ready.get(public_id)
        if known is None:
            self._kept.append(public_id)
        else:
            self._ready_bytes -= _own_bytes(known)
        self._ready[public_id] = made
        self._ready_bytes += _own_bytes(made)
        while self._ready_bytes > self._room + READY_BYTES:
            place, last = hash(public_id) % max(len(self._kept) - 1, 1), self._kept.pop()
            if place < len(self._kept):
                self._kept[place], last = last, self._kept[place]
            self._ready_bytes -= _own_bytes(self._ready.pop(last))

    def _forget(self) -> None:
        """Forget all kinds; and when what they share, or kept answers still do, takes too much, those answers."""
        self._kinds.clear()
        self._usual.clear()
        self._remembered = 0
        if self._shared_bytes > MAX_SHARED_BYTES:
            self._ready.clear()
            self._kept.clear()
            self._shared_bytes = self._ready_bytes = 0

    def _look(self, moment: float) -> None:
        """See what time it is, and now and then whether the views have moved."""
        milliseconds = int(self._clock() * 1_000)
        if milliseconds != self._milliseconds:
            self._stamp(milliseconds)
        self._moment = moment
        self._get = None
        seen = self._awards.position + self._institutions.position
        if seen == self._seen and moment < self._look_again:
            return
        self._seen, self._look_again = seen, moment + LOOK_AGAIN_SECONDS
        statuses, directory = self._statuses, self._directory
        try:
            stood = (statuses.generation, statuses.position(), directory.generation, directory.position())
            if stood != self._stood:
                self._move(stood)
        except Exception:
            self._stood = None
            self._renew()
            raise

    def _move(self, stood: tuple[str, int, str, int]) -> None:
        """See what of that which is kept still holds, now that the views stand elsewhere."""
        self._usual.clear()
        before, self._stood = self._stood, None
        self._touched, marks = touched_after(self._statuses.get(TOUCHED), self._touched)
        is_another = before is None or before[::2] != stood[::2] or self._statuses.generation != stood[0]
        if is_another or marks is None or not self._are_as_they_were():
            self._renew()
        else:
            self._epoch += 1
            for mark in marks:
                self._changed[mark] = self._epoch
            for issuer in self._issuers.values():
                issuer.epoch = self._epoch
        self._stood = stood

    def _renew(self) -> None:
        """Have everything made anew."""
        self._usual.clear()
        self._epoch += 1
        self._changed = [self._epoch] * MARKS

    def _are_as_they_were(self) -> bool:
        """Whether the records of all institutions are those that are known; others are forgotten."""
        if len(self._issuers) > MAX_COMPARED:
            self._issuers.clear()
            return False
        changed = [name for name, known in self._issuers.items() if self._directory.get(known.key) != known.record]
        for name in changed:
            del self._issuers[name]
        return not changed

    def _read(self) -> Callable[[bytes], bytes | None]:
        """Read from the newest commit of the view of awards, which is let go of before long."""
        if self._moment >= self._let_go_at:
            self._later(READ_SECONDS, self._let_go)
            self._let_go_at = self._moment + READ_SECONDS
        self._get = get = self._reader.renew()
        return get

    def _let_go(self) -> None:
        self._let_go_at, self._get = -1.0, None
        self._reader.release()

    def _make(self, public_id: bytes) -> QuickAnswer | None:
        identity = aggregate_id_of(public_id)
        if identity is None:
            return None
        row = (self._get or self._read())(SHORT + identity)  # projections.short_row.short_key
        if not row:
            return None  # there is no such award, or something has happened to it
        name, begins, recorded, position, until = row.split(SEPARATOR)
        second, ends, between = self._second, _NEVER, _FOR_EVER
        if until != NO_END:
            ends, between = until[:SECOND_CHARS], _UNTIL % until
        if not begins < second > recorded or second >= ends:  # a whole instant comes after its own second
            return None
        usual = self._usual.get(name) or self._find_usual(name, identity, begins, recorded, public_id)
        if usual is None:
            return None
        first, last, earliest, latest, tag, judged, shared, size = usual
        if not (first < begins < last and earliest < recorded < latest):
            usual = self._find_usual(name, identity, begins, recorded, public_id)
            if usual is None:
                return None
            _, _, _, _, tag, judged, shared, size = usual
        size += 3 * len(begins) + len(between) + 2 * len(recorded)
        mark = identity[-1]  # projections.short_row.mark_of
        return self._epoch, second, ends, mark, position, tag, judged, begins, between, recorded, shared, size

    def _find_usual(
        self, name: bytes, identity: bytes, begins: bytes, recorded: bytes, public_id: bytes
    ) -> Usual | None:
        """What an award shares with others of its kind that begin, and were recorded, between the same boundaries."""
        kind = self._kinds.get(name)
        if kind is None or kind.issuer.epoch != self._epoch:
            kind = self._kind(kind, name, identity)
            if kind is None:
                return None
        boundaries, seconds = kind.issuer.boundaries, kind.issuer.seconds
        if begins[:SECOND_CHARS] in seconds or recorded[:SECOND_CHARS] in seconds:
            return None
        places = bisect_left(boundaries, begins), bisect_left(boundaries, recorded)
        try:
            common = kind.common[places]
        except KeyError:
            common = self._learn(kind, places, public_id)
        if common is None:
            return None
        stretches = (*_stretch(boundaries, places[0]), *_stretch(boundaries, places[1]))
        usual = (*stretches, *common, len(common[1]) + len(common[2]) + _DATES_APART)
        if name in self._kinds:  # not all were forgotten meanwhile
            self._usual[name] = usual
        return usual

    def _stamp(self, milliseconds: int) -> None:
        instant = datetime.fromtimestamp(milliseconds // 1_000, UTC).replace(microsecond=milliseconds % 1_000 * 1_000)
        now = msgspec.json.encode(instant)[1:-1]
        self._milliseconds, self._second = milliseconds, now[:SECOND_CHARS]
        self.stamped = b'","at":"%b","known_at":null,"checked_at":"%b","valid_from":"' % (now, now)

    def _kind(self, known: _Kind | None, digest: bytes, identity: bytes) -> _Kind | None:
        """What is known now of awards of one kind, of which *identity* is one; *known* is what was known before."""
        if known is not None:
            institution = known.institution
        else:
            row = self._statuses.get(identity)
            if row is None:
                return None
            institution = row[_INSTITUTION]
        issuer = self._issuer(institution)
        if issuer is None:
            return None
        if known is None or known.issuer is not issuer:
            if len(self._kinds) >= MAX_KINDS:
                self._forget()
            known = self._kinds[digest] = _Kind(institution, issuer)
        return known

    def _issuer(self, institution: bytes) -> _Issuer | None:
        known = self._issuers.get(institution)
        if known is not None:
            if known.epoch == self._epoch:
                return known
            if self._directory.get(known.key) == known.record:
                known.epoch = self._epoch
                return known
        number = self._number(UUID(institution.decode()))
        stored = None if number is None else self._directory.get(key := record_key(number))
        if stored is None:
            return None
        made = _Issuer(key, stored)
        made.epoch = self._epoch
        self._issuers[institution] = made
        return made

    def _learn(self, kind: _Kind, places: tuple[int, int], public_id: bytes) -> Common | None:
        """Take what awards of a kind have in common from the ordinary answer on one of them."""
        try:
            ordinary = self._ordinary(public_id.decode())
        except ApiError:
            return None
        if ordinary["state"] != "active" or len(ordinary["events"]) != 1:
            return None  # something has happened to this one since its row was read; the next will tell
        common = None
        # A stolen key's awards are judged by anchors, each by whether one has covered it in time.
        is_judged_alike = ordinary["issuer"]["key_standing"] is not None and ordinary["verdict"] != "unknown"
        if is_judged_alike and ordinary["issuer"]["key"] not in kind.issuer.stolen:
            verdict = ordinary["verdict"].encode()
            parts = msgspec.json.encode({name: ordinary[name] for name in ("issuer", "achievement")})[1:-1]
            tag = b'-%b-active-%b"' % (kind.issuer.digest, verdict)
            judged = b'","verdict":"%b","state":"active","reason":null,"since":"' % verdict
            common = tag, judged, _EVENT % parts
        self._remembered += 1
        self._shared_bytes += sum(map(len, common or ()))
        if self._remembered > MAX_KINDS or self._shared_bytes > MAX_SHARED_BYTES:
            self._forget()
        kind.common[places] = common
        return common


def entity_tag(position: int, record: bytes, state: str, verdict: str) -> str:
    """A weak entity tag of an answer on the present: the same as long as nothing but the time of asking differs.

    Args:
        position: Position of the award's newest event.
        record: The issuer's record in its one form of bytes.
        state: The award's state, which time alone may change, and whether what it was stacked from holds.
        verdict: The verdict, which an anchor may change.
    """
    return f'W/"{position}-{record_digest(record)}-{state}-{verdict}"'


def record_digest(record: bytes) -> str:
    """What stands for an issuer's record in an entity tag."""
    return hashlib.sha256(record).hexdigest()[:16]


def _own_bytes(kept: QuickAnswer) -> int:
    """What an answer takes that is kept."""
    return sum(map(len, kept[7:10])) + READY_BYTES + (0 if kept[2] == _NEVER else END_BYTES)


def _stretch(boundaries: list[bytes], place: int) -> tuple[bytes, bytes]:
    """Between what the instants lie that come at a place among *boundaries*, and in the second of none of them."""
    return (
        boundaries[place - 1][:SECOND_CHARS] + _ALL if place else b"",
        boundaries[place][:SECOND_CHARS] if place < len(boundaries) else _NEVER,
    )


def _boundaries(record: DirectoryRecord) -> list[bytes]:
    """Every instant at which something about the institution begins or ends, as stored rows spell it, in order."""
    held = (*record.keys, *record.accreditations)
    instants = {
        value for one in held for name in one.__struct_fields__ if isinstance(value := getattr(one, name), datetime)
    }
    return sorted(msgspec.json.encode(instant)[1:-1] for instant in instants)
