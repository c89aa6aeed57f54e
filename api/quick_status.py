"""The short answer to the question that is asked most: how does this award stand, now?

Most awards were issued and nothing has happened to them since. For these the answer is put together from the stored row
and from what awards of one edition and one key have in common, without decoding anything; what they have in common
is taken from the ordinary answer, so there is one definition of it. For every other award, and wherever a boundary in
time is so near that it would have to be looked at closely, there is no quick answer, and the ordinary one is made.

Nothing here goes stale: the award's row and its issuer's record are read for every answer, and what was taken from an
ordinary answer is dropped when the issuer's record is another. Editions never change.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.error import ApiError
from ledger.credential_id import aggregate_id_of
from projections.directory_record import DirectoryRecord, parse_record
from projections.institution_directory import record_key
from projections.table import Readable

MAX_COMMON: Final = 20_000
"""Kinds of answers that are remembered; at some 700 bytes each, 14 MB. When there are more, all are forgotten."""
MAX_READY: Final = 16_384
"""Answers that are kept at hand, of awards that were asked for twice; at some 2.6 kB each, 43 MB. When there are more,
all are forgotten."""
BETWEEN: Final = b'","known_at":null,"checked_at":"'
"""What stands between the two instants of an answer."""
END: Final = b"}"
"""How the body of a ledger's answer ends; a mirror says before that how old it is."""
LOOK_AGAIN_SECONDS: Final = 0.1
"""How long a record is taken to be the newest when this process has heard of no change; other processes' changes are
looked for as seldom wherever views are read (projections.view)."""
SECOND_CHARS: Final = len("2026-01-31T12:00:00")
_UNTOUCHED: Final = re.compile(
    rb'\{"institution":"([0-9a-f-]{36})","achievement":"([0-9a-f-]{36})","edition":([0-9]{1,9}),"key_id":"([^"\\]{1,80})",'
    rb'"commitments":\{[^{}\\]{0,4000}\},"status_block":[0-9]{1,9},"status_index":[0-9]{1,6},'
    rb'"valid_from":"([0-9TZ:.-]{20,27})","valid_until":(?:null|"([0-9TZ:.-]{20,27})"),'
    rb'"recorded_at":"([0-9TZ:.-]{20,27})","events":'
    rb'(\[\{"kind":"issued","reason":null,"effective_at":"[0-9TZ:.-]{20,27}","recorded_at":"[0-9TZ:.-]{20,27}"),'
    rb'"position":([0-9]{1,19})\}\]\}'
)
"""The stored row of an award to which nothing has happened (projections.credential_status)."""


class _Issuer:
    """An institution's record as it was read last, and what its awards have in common under it."""

    __slots__ = ("boundaries", "common", "digest", "epoch", "key", "record", "seconds")

    def __init__(self, key: bytes, record: bytes) -> None:
        self.key = key
        self.record = record
        self.boundaries = _boundaries(parse_record(record))
        self.seconds = frozenset(boundary[:SECOND_CHARS] for boundary in self.boundaries)
        self.digest = record_digest(record).encode()
        self.common: dict[tuple[object, ...], tuple[bytes, bytes] | None] = {}
        self.epoch = -1


class QuickAnswer:
    """An answer without the instants at which it is given.

    Attributes:
        tag: Its weak entity tag.
        before: The body up to the first instant.
        after: The body after the second, but for its end.
        size_bytes: Of both and of what is between the instants.
        head: For whoever sends it: what its head begins with, and for which of what all heads begin with, and for which
            size of the body.
    """

    __slots__ = (
        "after",
        "before",
        "epoch",
        "head",
        "head_number",
        "head_size",
        "identity",
        "issuer",
        "latest",
        "row",
        "size_bytes",
        "tag",
        "until",
    )

    def __init__(self, tag: bytes, before: bytes, after: bytes) -> None:
        self.tag = tag
        self.before = before
        self.after = after
        self.size_bytes = len(before) + len(BETWEEN) + len(after)
        self.head = b""
        self.head_number = self.head_size = -1
        self.epoch = -1
        self.identity = self.row = self.latest = self.until = b""
        self.issuer: _Issuer | None = None


class QuickStatus:
    """Answers for awards that were issued and not touched since.

    What was answered lately is kept, and looked up again before it is given when anything has been recorded since, or
    a tenth of a second has passed (other processes may have recorded something).

    Args:
        statuses: Rows of the view of awards.
        directory: Rows of the view of institutions.
        number: The number of an institution in the directory; None while the view has none.
        position: A number that grows whenever this process brings one of the two views further.
        ordinary: The ordinary answer, of which the quick one is a copy.
        clock: Seconds since 1970.
        timer: Seconds that never run backwards.
    """

    def __init__(
        self,
        statuses: Readable,
        directory: Readable,
        number: Callable[[UUID], int | None],
        position: Callable[[], int],
        ordinary: Callable[[str], dict[str, Any]],
        *,
        clock: Callable[[], float],
        timer: Callable[[], float],
    ) -> None:
        self._statuses = statuses
        self._directory = directory
        self._number = number
        self._position = position
        self._ordinary = ordinary
        self._clock = clock
        self._timer = timer
        self._issuers: dict[bytes, _Issuer] = {}
        self._remembered = 0
        self._milliseconds = -1
        self._stamped = b""
        self._second = b""
        self._ready: dict[bytes, QuickAnswer] = {}
        self._asked_once: set[bytes] = set()
        self._epoch = 0
        self._seen = -1
        self._look_again = 0.0

    def answer(self, public_id: bytes) -> tuple[QuickAnswer, bytes] | None:
        """The answer on an award, and the present instant as it says it; or None: then the ordinary way has one.

        Args:
            public_id: 36 characters of ``0-9`` and ``a-v``.
        """
        position, moment = self._position(), self._timer()
        if position != self._seen or moment >= self._look_again:
            self._epoch += 1
            self._seen, self._look_again = position, moment + LOOK_AGAIN_SECONDS
        milliseconds = int(self._clock() * 1_000)
        if milliseconds != self._milliseconds:
            self._stamp(milliseconds)
        known = self._ready.get(public_id)
        if known is not None:
            is_in_time = known.latest < self._second and (not known.until or self._second < known.until)
            if is_in_time and (known.epoch == self._epoch or self._still_holds(known)):
                return known, self._stamped
            del self._ready[public_id]
        made = self._make(public_id)
        if made is None:
            return None
        if public_id in self._asked_once:
            if len(self._ready) >= MAX_READY:
                self._ready.clear()
            self._ready[public_id] = made
        else:
            if len(self._asked_once) >= MAX_READY:
                self._asked_once.clear()
            self._asked_once.add(public_id)
        return made, self._stamped

    def _still_holds(self, known: QuickAnswer) -> bool:
        """Whether the rows that an answer was made from are the same."""
        issuer = known.issuer
        if issuer is None or self._statuses.get(known.identity) != known.row:
            return False
        if issuer.epoch != self._epoch:
            if self._directory.get(issuer.key) != issuer.record:
                return False
            issuer.epoch = self._epoch
        known.epoch = self._epoch
        return True

    def _make(self, public_id: bytes) -> QuickAnswer | None:
        identity = aggregate_id_of(public_id)
        row = None if identity is None else self._statuses.get(identity)
        found = None if row is None else _UNTOUCHED.fullmatch(row)
        if found is None or row is None or identity is None:
            return None
        institution, achievement, edition, key_id, begins, ends, recorded, events, position = found.groups()
        second, began, learned = self._second, begins[:SECOND_CHARS], recorded[:SECOND_CHARS]
        until = b"" if ends is None else ends[:SECOND_CHARS]
        if not began < second > learned or (until and second >= until):
            return None
        issuer = self._issuer(institution)
        if issuer is None or began in issuer.seconds or learned in issuer.seconds:
            return None
        places = bisect_left(issuer.boundaries, begins), bisect_left(issuer.boundaries, recorded)
        kind = (achievement, edition, key_id, places)
        try:
            common = issuer.common[kind]
        except KeyError:
            common = self._learn(issuer, kind, public_id)
        if common is None:
            return None
        verdict, rest = common
        made = QuickAnswer(
            b'W/"%b-%b-active-%b"' % (position, issuer.digest, verdict),
            b'{"credential":"%b","verdict":"%b","state":"active","reason":null,"since":"%b","at":"'
            % (public_id, verdict, begins),
            b'","valid_from":"%b","valid_until":%b,"recorded_at":"%b",%b,"events":%b}]'
            % (begins, b"null" if ends is None else b'"%b"' % ends, recorded, rest, events),
        )
        made.identity, made.row, made.issuer, made.epoch = identity, row, issuer, self._epoch
        made.latest, made.until = max(began, learned), until
        return made

    def _stamp(self, milliseconds: int) -> None:
        now = datetime.fromtimestamp(milliseconds // 1_000, UTC).replace(microsecond=milliseconds % 1_000 * 1_000)
        self._milliseconds, self._stamped = milliseconds, msgspec.json.encode(now)[1:-1]
        self._second = self._stamped[:SECOND_CHARS]

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
        self._issuers[institution] = made
        return made

    def _learn(self, issuer: _Issuer, kind: tuple[object, ...], public_id: bytes) -> tuple[bytes, bytes] | None:
        """Take what awards of a kind have in common from the ordinary answer on one of them."""
        try:
            ordinary = self._ordinary(public_id.decode())
        except ApiError:
            return None
        common = None
        # A stolen key's awards are judged by anchors, which come by themselves.
        if ordinary["issuer"]["key_standing"] not in {None, "compromised"} and ordinary["verdict"] != "unknown":
            parts = {name: ordinary[name] for name in ("issuer", "achievement")}
            common = ordinary["verdict"].encode(), msgspec.json.encode(parts)[1:-1]
        self._remembered += 1
        if self._remembered > MAX_COMMON:
            self._remembered = 0
            self._issuers.clear()
        issuer.common[kind] = common
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
