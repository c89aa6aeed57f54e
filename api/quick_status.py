"""The short answer to the question that is asked most: how does this award stand, now?

Most awards were issued and nothing has happened to them since. For these the answer is put together from a short stored
row (:mod:`projections.short_row`) and from what awards of one edition and one key have in common, without decoding
anything; what they have in common is taken from the ordinary answer, so there is one definition of it. For every other
award, and wherever a boundary in time is so near that it would have to be looked at closely, there is no quick answer,
and the ordinary one is made.

Nothing here goes stale: what was made from the views is made anew as soon as they have moved. Editions never change.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import msgspec

from api.error import ApiError
from ledger.credential_id import aggregate_id_of
from projections.directory_record import DirectoryRecord, parse_record
from projections.institution_directory import record_key
from projections.short_row import read_short_row, short_key
from projections.table import Readable

MAX_KINDS: Final = 20_000
"""Kinds of answers that are remembered; at some 700 bytes each, 14 MB. When there are more, all are forgotten, kept
answers too, which hold them."""
MAX_READY: Final = 1 << 18
"""Answers that are kept at hand, of awards that were asked for twice; at some 550 bytes each, 145 MB. The one that was
made longest ago makes room for another."""
ASKED_ONCE: Final = 1 << 20
"""Places, of a byte each, in which is noted that an award was asked for, until another one comes to the same place."""
BEGIN: Final = b'{"credential":"'
"""How the body of an answer begins."""
AWARD_END: Final = b'"}]'
"""How what is said of an award ends."""
BODY_END: Final = b"}"
"""How the body of a ledger's answer ends; a mirror says before that how old it is."""
LOOK_AGAIN_SECONDS: Final = 0.1
"""How long a view is taken to be where it was when this process has heard of no change; other processes' changes are
looked for as seldom wherever views are read (projections.view)."""
SECOND_CHARS: Final = len("2026-01-31T12:00:00")
_INSTITUTION: Final = slice(len(b'{"institution":"'), len(b'{"institution":"') + 36)
"""Where a row says whose it is (projections.credential_status): it was written by msgspec, in this order and without
spaces."""
_FOR_EVER: Final = b'","valid_until":null,"recorded_at":"'
_UNTIL: Final = b'","valid_until":"%b","recorded_at":"'
_EVENT: Final = b'",%b,"events":[{"kind":"issued","reason":null,"effective_at":"'
RECORDED: Final = b'","recorded_at":"'
"""How an award's dates, and those of its one event, are divided in an answer."""


class Moving(Readable, Protocol):
    """A view, and how far it has come."""

    @property
    def generation(self) -> str:
        """Name of what is read; another one after a rebuild."""
        ...

    def position(self) -> int:
        """Position of the newest event that it shows."""
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


class _Kind:
    """Awards of one edition and one key, under one record of their issuer."""

    __slots__ = ("common", "institution", "issuer")

    def __init__(self, institution: bytes, issuer: _Issuer) -> None:
        self.institution = institution
        self.issuer = issuer
        self.common: dict[tuple[int, int], Common | None] = {}
        """By the stretches of time in which the award begins and was recorded."""


Common: TypeAlias = tuple[bytes, bytes, bytes, int]
"""What answers of one kind share: the end of the entity tag; the body from after the id to the instant since when;
further, from after the award's own dates to those of its event; and how many bytes a body has without what is its
own."""

QuickAnswer: TypeAlias = tuple[int, bytes, bytes, bytes, bytes, bytes, bytes, bytes, int, Common]
"""An answer without the instants at which it is given, in pieces, so that nothing is put together twice:

0. While the views stand where they stood in this epoch, it holds.
1. It holds after this second, in which it began or was recorded, whichever is later,
2. and before this one; empty when it holds for ever.
3. The public id.
4. The position of the award's newest event, with which the entity tag begins.
5. From when it is valid, which is since when it stands as it does, and when its one event took effect.
6. What stands between that and the next: until when it is valid.
7. When it was recorded, and its one event.
8. How many bytes its own pieces have in the body.
9. What it shares with others.

A tuple of bytes and numbers costs collections of garbage nothing.
"""


class QuickStatus:
    """Answers for awards that were issued and not touched since.

    What was answered lately is kept, and made anew when one of the views has moved. Where they stand is looked at
    whenever this process has moved one, and every tenth of a second, since other processes may have.

    Args:
        statuses: Rows of the view of awards.
        directory: Rows of the view of institutions.
        number: The number of an institution in the directory; None while the view has none.
        moved: A number that grows whenever this process brings one of the two views further.
        ordinary: The ordinary answer, of which the quick one is a copy.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        statuses: Moving,
        directory: Moving,
        number: Callable[[UUID], int | None],
        moved: Callable[[], int],
        ordinary: Callable[[str], dict[str, Any]],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._statuses = statuses
        self._directory = directory
        self._number = number
        self._moved = moved
        self._ordinary = ordinary
        self._clock = clock
        self._issuers: dict[bytes, _Issuer] = {}
        self._kinds: dict[bytes, _Kind] = {}
        self._remembered = 0
        self._milliseconds = -1
        self._stamped = b""
        self._second = b""
        self._ready: OrderedDict[bytes, QuickAnswer] = OrderedDict()
        self._asked_once = bytearray(ASKED_ONCE)
        self._epoch = 0
        self._seen = -1
        self._stood: tuple[str, int, str, int] | None = None
        self._look_again = 0.0

    def answer(self, public_id: bytes, moment: float) -> tuple[QuickAnswer, bytes] | None:
        """The answer on an award, and the piece that says the present instant; or None: then the ordinary way has one.

        What the views raise comes through.

        Args:
            public_id: 36 characters of ``0-9`` and ``a-v``.
            moment: Seconds that never run backwards.
        """
        seen = self._moved()
        if seen != self._seen or moment >= self._look_again:
            self._look(seen, moment)
        milliseconds = int(self._clock() * 1_000)
        if milliseconds != self._milliseconds:
            self._stamp(milliseconds)
        known = self._ready.get(public_id)
        if (
            known is not None
            and known[0] == self._epoch
            and known[1] < self._second
            and (not known[2] or self._second < known[2])
        ):
            return known, self._stamped
        made = self._make(public_id)
        if made is None:
            self._ready.pop(public_id, None)
            return None
        if known is not None:
            self._ready[public_id] = made
            return made, self._stamped
        mark = hash(public_id)
        place, mark = mark % ASKED_ONCE, mark >> 40 & 0xFF
        if self._asked_once[place] == mark:
            if len(self._ready) >= MAX_READY:
                self._ready.popitem(last=False)
            self._ready[public_id] = made
        else:
            self._asked_once[place] = mark
        return made, self._stamped

    def _look(self, seen: int, moment: float) -> None:
        """See whether the views have moved."""
        self._seen, self._look_again = seen, moment + LOOK_AGAIN_SECONDS
        statuses, directory = self._statuses, self._directory
        try:
            stood = (statuses.generation, statuses.position(), directory.generation, directory.position())
        except Exception:
            self._stood = None
            self._epoch += 1
            raise
        if stood != self._stood:
            self._stood = stood
            self._epoch += 1

    def _make(self, public_id: bytes) -> QuickAnswer | None:  # noqa: C901, PLR0911  calls cost here
        identity = aggregate_id_of(public_id)
        row = None if identity is None else self._statuses.get(short_key(identity))
        if not row or identity is None:
            return None  # there is no such award, or something has happened to it
        digest, begins, until, recorded, position = read_short_row(row)
        second, ends, between = self._second, until[:SECOND_CHARS], _FOR_EVER
        if not begins < second > recorded:  # a whole instant comes after its own second
            return None
        if until:
            if second >= ends:
                return None
            between = _UNTIL % until
        kind = self._kinds.get(digest)
        if kind is None or kind.issuer.epoch != self._epoch:
            kind = self._kind(kind, digest, identity)
            if kind is None:
                return None
        issuer = kind.issuer
        places = (0, 0)
        if issuer.boundaries:
            if begins[:SECOND_CHARS] in issuer.seconds or recorded[:SECOND_CHARS] in issuer.seconds:
                return None
            places = bisect_left(issuer.boundaries, begins), bisect_left(issuer.boundaries, recorded)
        try:
            common = kind.common[places]
        except KeyError:
            common = self._learn(kind, places, public_id)
        if common is None:
            return None
        latest = max(begins, recorded)[:SECOND_CHARS]
        own = 3 * len(begins) + len(between) + 2 * len(recorded)
        return self._epoch, latest, ends, public_id, position, begins, between, recorded, own, common

    def _stamp(self, milliseconds: int) -> None:
        instant = datetime.fromtimestamp(milliseconds // 1_000, UTC).replace(microsecond=milliseconds % 1_000 * 1_000)
        now = msgspec.json.encode(instant)[1:-1]
        self._milliseconds, self._second = milliseconds, now[:SECOND_CHARS]
        self._stamped = b'","at":"%b","known_at":null,"checked_at":"%b","valid_from":"' % (now, now)

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
                self._kinds.clear()
                self._ready.clear()
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
            shared = _EVENT % parts
            common = tag, judged, shared, len(BEGIN) + len(public_id) + len(judged) + len(shared) + len(RECORDED)
        self._remembered += 1
        if self._remembered > MAX_KINDS:
            self._remembered = 0
            self._kinds.clear()
            self._ready.clear()
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


def _boundaries(record: DirectoryRecord) -> list[bytes]:
    """Every instant at which something about the institution begins or ends, as stored rows spell it, in order."""
    held = (*record.keys, *record.accreditations)
    instants = {
        value for one in held for name in one.__struct_fields__ if isinstance(value := getattr(one, name), datetime)
    }
    return sorted(msgspec.json.encode(instant)[1:-1] for instant in instants)
