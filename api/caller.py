"""Who is calling, and under which idempotency key: the two things that every write needs to know."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest

from api.error import FieldError, InvalidRequestError, MissingIdempotencyKeyError
from ledger.access import Access, Actor
from ledger.application import Request
from ledger.error import AuthenticationError

MAX_IDEMPOTENCY_KEY_CHARS = 255
MAX_ASKING = 8
"""Threads on which a database server is asked who calls."""
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_-]+)+")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_ASKING: WeakKeyDictionary[asyncio.AbstractEventLoop, CapacityLimiter] = WeakKeyDictionary()


def authenticate(http: HttpRequest, access: Access, now: datetime) -> Actor:
    """Find out who holds the bearer key of *http*.

    Raises:
        AuthenticationError: No bearer key, or one that is unknown, revoked or expired.
    """
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = "this needs a bearer key; send it as «Authorization: Bearer cairn_…»"
        raise AuthenticationError(message)
    return access.authenticate(token.strip(), now)


async def identify(http: HttpRequest, access: Access, now: Callable[[], datetime]) -> Actor:
    """Find out who calls before a byte of the body is read: without a key nobody makes the server read 16 MiB.

    In a file of this machine it is one look into an index, on the event loop: a fraction of what handing it to a thread
    costs. A database server may keep one waiting, and anybody can send a key. So it is asked on a thread, of which few
    are for this: the others are for who needs no database.

    Raises:
        AuthenticationError: See :func:`authenticate`.
    """
    if access.is_local:
        return authenticate(http, access, now())
    return await to_thread.run_sync(authenticate, http, access, now(), limiter=_asking())


def _asking() -> CapacityLimiter:
    """The threads of this event loop on which a database server is asked who calls."""
    return _ASKING.setdefault(asyncio.get_running_loop(), CapacityLimiter(MAX_ASKING))


def submission_request(http: HttpRequest, actor: Actor, body: bytes) -> Request:
    """Make what recognises a repetition of *http*: the caller, method and path, key and body.

    Raises:
        MissingIdempotencyKeyError: There is no key.
        InvalidRequestError: The key is not 1 to 255 visible ASCII characters.
    """
    key = http.headers.get("idempotency-key")
    if key is None:
        message = "a write needs an Idempotency-Key header; send a fresh random one for each new request"
        raise MissingIdempotencyKeyError(message)
    if not _KEY.fullmatch(key):
        message = f"an Idempotency-Key is 1 to {MAX_IDEMPOTENCY_KEY_CHARS} visible ASCII characters"
        raise InvalidRequestError(message, errors=(FieldError(message, parameter="Idempotency-Key"),))
    owner = "operator" if actor.institution is None else actor.institution.hex
    path = http.scope["path"]
    if not _PLAIN_PATH.fullmatch(path):  # of a plain one it is the same, and takes no taking apart
        path = http.url.path
    return Request(scope=f"{owner} {http.method} {path}", key=key, body=body)
