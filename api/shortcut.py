"""The short-cut: whole requests of one kind, answered from their bytes; every other goes the ordinary way.

It takes ``GET /v1/credentials/{id}/status`` with nothing unusual about it, at a moment when nothing else is going on in
its connection, and gives the very answer that the ordinary way gives, or none. Then the ordinary way gives one, so
that whatever is strange is dealt with in one place: another method, a query, a body, a condition other than one entity
tag in ``If-None-Match``, a field that is not in :data:`FIELDS` or has an unusual value, a client above its limit, an
award about which more has to be said.

What the ordinary way counts and writes down is counted and written down here: rate limit, metrics, access log.
``CAIRN_SHORTCUT=0`` turns it off.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope
from structlog.typing import FilteringBoundLogger

from api.access_log import request_line
from api.client_address import client_address
from api.metric import Metrics
from api.quick_status import AWARD_END, BODY_BEGIN, BODY_END, RECORDED, QuickStatus
from api.rate_limit import RateLimiter
from api.request_id import REQUEST_ID_BYTES

START: Final = b"GET /v1/credentials/"
END: Final = b"/status HTTP/1.1\r\n"
ID_AT: Final = len(START)
END_AT: Final = ID_AT + 36
ROUTE: Final = "/v1/credentials/{id}/status"
MAX_FIELDS_BYTES: Final = 4_096
MAX_REMEMBERED: Final = 1_024
"""Sets of header fields that are remembered: clients send the same ones again and again."""
MAX_CONDITIONS: Final = 8_192
"""The same with a condition in them; some 500 bytes each, 4 MB, and 40 MB at most."""
COUNTED_DIGITS: Final = 3
COUNTED: Final = 16**COUNTED_DIGITS
"""Requests that share the random part of an id."""
FIELDS: Final = (
    *(
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "accept-language",
        "accept-charset",
        "cache-control",
        "pragma",
    ),
    *("cookie", "referer", "origin", "dnt", "priority", "upgrade-insecure-requests", "traceparent", "tracestate"),
    *("x-request-id", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
    *("forwarded", "via", "save-data", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"),
    *("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-gpc"),
)
"""Header fields that change nothing about this answer, but for the address of a client behind a proxy."""
# Nothing that was taken is given back: a space may be before a value or of it, and a head that fails at its last field
# would be tried with every such choice in every field, twice as many times for each.
_FIELD: Final = rb"(?:%b):[ \t]*+[\x20-\x7e]*+" % "|".join(FIELDS).encode()
_KEEP: Final = rb"connection:[ \t]*+keep-alive[ \t]*+"
_FIELDS: Final = re.compile(rb"(?:(?:%b|%b)\r\n)*+\r\n" % (_FIELD, _KEEP), re.IGNORECASE)
_CONDITION: Final = re.compile(rb'\r\n(?i:if-none-match):[ \t]*(?:W/)?("[\x21\x23-\x2b\x2d-\x7e]{0,200}")[ \t]*\r\n')
"""One entity tag in the field and nothing else; one with a comma in it is left to the ordinary way. RFC 9110 8.8.3."""
_HOST: Final = re.compile(rb"(?:^|\r\n)host:", re.IGNORECASE)
_FORWARDED: Final = re.compile(rb"(?:^|\r\n)x-forwarded-for:[ \t]*([^\r]*)", re.IGNORECASE)

ENDING: Final = AWARD_END + BODY_END
ID: Final = b"x-request-id: "
HEAD_END: Final = b"\r\n\r\n"
LENGTHS: Final = tuple(b"\r\ncontent-length: %d\r\n" % size for size in range(8_192))
"""The end of one line of a head, and the next, for the usual sizes of bodies."""
COUNTS: Final = tuple(b"%0*x%b" % (COUNTED_DIGITS, number, HEAD_END) for number in range(COUNTED))

Peer = tuple[str, int] | None
Fields = list[tuple[bytes, bytes]]
Around = Callable[[float], tuple[bytes, bytes] | None]
"""(moment) -> (lines of the head, end of the body with what precedes it) at this moment; None: the ordinary way
answers."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What the ordinary way counts and writes down as well.

    Args:
        limiter: Counts clients.
        trusted_proxy_count: See :func:`api.client_address.client_address`.
        metrics: Where requests are counted.
        log: Where requests are written down.
    """

    limiter: RateLimiter
    trusted_proxy_count: int
    metrics: Metrics
    log: FilteringBoundLogger


class Shortcut:
    """Answers a request from its bytes, or leaves it.

    Args:
        quick: Makes the answers.
        headers: Header fields of every such answer, without those that differ from one to the next.
        counters: What is counted and written down.
        timer: Seconds that never run backwards.
        random_bytes: Source of request ids.
        around: What every answer of a mirror says of its age. With it there are no entity tags, and conditions are not
            looked at.
    """

    def __init__(
        self,
        quick: QuickStatus,
        headers: Mapping[str, str],
        counters: Counters,
        *,
        timer: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        around: Around | None = None,
    ) -> None:
        self._quick = quick
        self._fixed = _lines(headers)
        self._fixed_without_body = _lines({name: headers[name] for name in headers if name.lower() != "content-type"})
        self._around = around
        self._limiter = counters.limiter
        self._is_limited = counters.limiter.is_on
        self._trusted_proxy_count = counters.trusted_proxy_count
        self._observe_found = counters.metrics.observer(ROUTE, "GET", 200)
        self._observe_unchanged = counters.metrics.observer(ROUTE, "GET", 304)
        self._write = request_line(counters.log) if counters.log.is_enabled_for(logging.INFO) else None
        self._timer = timer
        self._random_bytes = random_bytes
        self._seed, self._left = b"", 0
        self._plain: dict[bytes, bytes | None] = {}
        self._conditional: dict[bytes, tuple[bytes | None, bytes]] = {}
        self._clients: dict[tuple[str | None, bytes | None], str] = {}
        self._common: Fields | None = None
        self._found = self._unchanged = b""

    def __call__(  # noqa: C901, PLR0911, PLR0912  calls cost here
        self, data: bytes, peer: Peer, common: Fields, moment: float
    ) -> bytes | None:
        """Answer *data*, or return None.

        Args:
            data: What came in one piece on a connection on which no request is under way.
            peer: Address and port of the other end.
            common: The server's own header fields; another list when one has changed.
            moment: Seconds that never run backwards, and may stand still for a millisecond.
        """
        if not data.startswith(START):
            return None
        end = data[END_AT:]
        wanted = b""
        try:
            forwarded = self._plain[end]
        except KeyError:
            looked = self._look(end)
            if looked is None:
                return None
            forwarded, wanted = looked
        started = self._timer()
        public_id = data[ID_AT:END_AT]
        lines, ending = b"", ENDING
        if self._around is not None:
            age = self._around(moment)
            if age is None:
                return None
            lines, ending, wanted = age[0], AWARD_END + age[1], b""
        try:
            found = self._quick.answer(public_id, moment)
        except Exception:  # noqa: BLE001  whatever it is, the ordinary way meets it too, and answers with what is wrong
            return None
        if found is None:
            return None
        limits = self._limiter.admit(self._client(peer, forwarded)) if self._is_limited else b""
        if limits is None:
            return None
        if common is not self._common:
            self._begin(common)
        _, _, _, _, position, tag, judged, begins, between, recorded, shared, size = found
        if not self._left:
            self._seed_ids()
        self._left -= 1
        identity = self._seed + COUNTS[self._left]
        if wanted and wanted == b'"' + position + tag:
            size, observe, status = 0, self._observe_unchanged, 304
            whole = b"".join((self._unchanged, position, tag, b"\r\n", limits, identity))
        else:
            stamped = self._quick.stamped
            size += len(stamped) + len(ending)
            observe, status = self._observe_found, 200
            length = LENGTHS[size] if size < len(LENGTHS) else b"\r\ncontent-length: %d\r\n" % size
            if self._around is not None:
                position = tag = b""
            whole = b"".join(
                (
                    self._found,
                    position,
                    tag,
                    length,
                    limits,
                    lines,
                    identity,
                    BODY_BEGIN,
                    public_id,
                    judged,
                    begins,
                    stamped,
                    begins,
                    between,
                    recorded,
                    shared,
                    begins,
                    RECORDED,
                    recorded,
                    ending,
                )
            )
        seconds = self._timer() - started
        observe(seconds)
        if self._write is not None:
            self._write(identity[len(ID) : -len(HEAD_END)].decode(), "GET", ROUTE, status, seconds, size)
        return whole

    def _seed_ids(self) -> None:
        """Begin what the last line of heads says, a request id: random bytes serve for several, whose digits count."""
        self._seed = ID + self._random_bytes(REQUEST_ID_BYTES).hex()[:-COUNTED_DIGITS].encode()
        self._left = COUNTED

    def _begin(self, common: Fields) -> None:
        """Put together what answers begin with, until the server's own header fields change: the date, every second."""
        fields = b"".join(b"%b: %b\r\n" % field for field in common)
        self._common = common
        found = b"HTTP/1.1 200 OK\r\n%b%b" % (fields, self._fixed)
        self._found = found + b'etag: W/"' if self._around is None else found.removesuffix(b"\r\n")
        self._unchanged = b'HTTP/1.1 304 Not Modified\r\n%b%betag: W/"' % (fields, self._fixed_without_body)

    def _look(self, end: bytes) -> tuple[bytes | None, bytes] | None:
        """Look closely at what follows an id.

        Returns:
            The addresses that proxies have named, if they have, and the entity tag that the client has, or an empty
            one; None when it is not plain.
        """
        known = self._conditional.get(end)
        if known is not None:
            return known
        if len(end) > len(END) + MAX_FIELDS_BYTES:  # as it came: any white space may stand around a condition
            return None
        asked = end
        end, wanted = _without_condition(end)
        if end not in self._plain:
            fields = end[len(END) :]
            if not end.startswith(END) or _FIELDS.fullmatch(fields) is None:
                return None
            forwarded = _FORWARDED.findall(fields)
            if len(_HOST.findall(fields)) != 1 or len(forwarded) > 1:
                return None
            if len(self._plain) >= MAX_REMEMBERED:
                self._plain.clear()
            self._plain[end] = forwarded[0] if forwarded else None
        found = self._plain[end], wanted
        if len(self._conditional) >= MAX_CONDITIONS:
            self._conditional.clear()
        self._conditional[asked] = found
        return found

    def _client(self, peer: Peer, forwarded: bytes | None) -> str:
        """Whom a request counts for; remembered."""
        key = (None if peer is None else peer[0], forwarded)
        known = self._clients.get(key)
        if known is None:
            if len(self._clients) >= MAX_REMEMBERED:
                self._clients.clear()
            named = [] if forwarded is None else [(b"x-forwarded-for", forwarded)]
            scope: Scope = {"type": "http", "client": peer, "headers": named}
            known = self._clients[key] = client_address(scope, self._trusted_proxy_count)
        return known


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


def _without_condition(end: bytes) -> tuple[bytes, bytes]:
    """What follows an id without the one entity tag that is named in ``If-None-Match``, and that tag without ``W/``.

    The tag is empty where none is named; any other condition stays among the fields, which then are not plain.
    """
    found = _CONDITION.search(end)
    if found is None:
        return end, b""
    return end[: found.start()] + b"\r\n" + end[found.end() :], found[1]
