"""The one place from which a verifier asks the network: keys of foreign issuers, and status lists. Off by default.

`api.guarded_get` does the asking: https alone, every address of the host looked up and refused unless it is global
(loopback, private, link-local, shared and reserved ones never are), the connection made to the very address that was
looked at, no redirect followed, and limits on bytes and seconds. Added here: one port, a bound on how many are asked at
once, and a bounded memory, of failures as well, so that a page of links makes nobody else's server our victim.

A batch remembers what was fetched for it as long as it lasts, failures as well (`api.batch_memory`): a status list is
asked for once, and holds for the whole batch as it was then. Each of its items has the deadline of a request of its
own, and all of them together a limit on what they wait.

A request has one deadline for everything that is fetched on its behalf (`Fetching.one_request`), looking up hosts
included: what was not there by then is missing, and what depends on it unknown. Each fetch has a thread of its own,
because nothing can interrupt the look-up of a host; one that comes too late for its request is remembered for the next.

Who fetches, tells: the server of an issuer learns that somebody looks at one of its documents, though not at which.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final
from urllib.parse import urlsplit

from openvc.did.base import DidResolutionError
from openvc.did.did_web import DidWebResolver
from openvc.errors import OpenvcError

from api.batch_memory import BatchMemory
from api.guarded_get import HTTPS_PORT, guarded_get
from api.setting import Settings
from verifier.foreign.source import MAX_NAME_CHARS, Answer, Found, Missing

IN_FLIGHT: Final = 8
"""Most requests at once; more are answered `unreachable` at once instead of waiting."""
FAILURE_SECONDS: Final = 10.0
"""How long a failure is remembered, at most."""
CACHE_BYTES: Final = 32 * 1024 * 1024
"""Most that is remembered; what was used longest ago goes first."""
OFF: Final = Missing("off", "fetching is switched off (CAIRN_FETCH)")
LATE: Final = Missing("unreachable", "not there in the time that one request has for what it fetches")
_DEADLINE: ContextVar[float | None] = ContextVar("fetch_deadline", default=None)
"""When the request at hand stops waiting for other hosts. It follows the request into the thread that serves it."""
_BATCH: ContextVar[BatchMemory | None] = ContextVar("fetch_batch", default=None)
"""What the batch at hand has fetched, while one of its items is judged."""

Get = Callable[[str, float, int], bytes]
"""Fetches an address within a time in seconds and a number of bytes. Raises OpenvcError."""


class Fetching:
    """Fetches sources for the verifier, and remembers them for a while. Safe for threads.

    Args:
        settings: Whether, how long, how much.
        get: Fetches one address.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self, settings: Settings, get: Get = guarded_get, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._get = get
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._bytes = 0
        self._places = threading.BoundedSemaphore(IN_FLIGHT)

    @property
    def is_on(self) -> bool:
        """Whether the network is asked at all."""
        return self._settings.fetch

    @contextmanager
    def one_request(self) -> Iterator[None]:
        """Give everything that is fetched inside one deadline; inside another such scope, that one's stands."""
        if _DEADLINE.get() is not None:
            yield
            return
        token = _DEADLINE.set(self._monotonic() + self._settings.fetch_deadline_seconds)
        try:
            yield
        finally:
            _DEADLINE.reset(token)

    @contextmanager
    def one_of(self, memory: BatchMemory) -> Iterator[None]:
        """Judge one item of a batch inside: with a deadline of its own, and with what the batch has fetched so far."""
        token = _BATCH.set(memory)
        try:
            with self.one_request():
                yield
        finally:
            _BATCH.reset(token)

    def answer(self, name: str, *, fresh: bool = False) -> Answer:
        """Return what is under a name. What was fetched for the batch at hand is fresh as long as the batch lasts.

        Args:
            name: An https URL, or a `did:web` identifier for its document.
            fresh: Ask even if an answer is remembered.

        Returns:
            The bytes and their age, or why there are none.
        """
        if not self._settings.fetch:
            return OFF
        try:
            url = address_of(name)
        except OpenvcError as error:
            return Missing("unreachable", str(error)[:200])
        batch = _BATCH.get()
        kept = None if batch is None else batch.recall(url)
        if kept is None and not fresh:
            kept = self._recall(url)
        return kept if kept is not None else self._ask(url)

    def _ask(self, url: str) -> Answer:
        seconds = self._seconds_left()
        if seconds <= 0:
            return LATE
        if not self._places.acquire(blocking=False):
            return Missing("unreachable", "too many requests at once; try again")
        given: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        batch, begun = _BATCH.get(), self._monotonic()
        try:
            # A daemon: a host that is looked up for ever does not keep the process from ending.
            threading.Thread(target=self._fetch, args=(url, seconds, given), name="fetch", daemon=True).start()
        except RuntimeError:
            self._places.release()
            return Missing("unreachable", "there is no thread to fetch it in; try again")
        with nullcontext() if batch is None else batch.waiting():
            try:
                answer = given.get(timeout=seconds)
            except queue.Empty:
                answer = LATE
            waited = self._monotonic() - begun
        if batch is not None:
            batch.keep(url, answer, waited)
        return answer

    def _seconds_left(self) -> float:
        """Return how long one fetch may take: its own limit, or what is left to the request, or to the batch."""
        own, deadline, batch = float(self._settings.fetch_timeout_seconds), _DEADLINE.get(), _BATCH.get()
        left = own if deadline is None else min(own, deadline - self._monotonic())
        return left if batch is None else min(left, batch.seconds_left)

    def _fetch(self, url: str, seconds: float, given: queue.SimpleQueue[Answer]) -> None:
        """In a thread: fetch, remember, hand over. The place is given back whatever happens."""
        answer: Answer = Missing("unreachable", "it could not be fetched")
        try:
            answer = Found(self._get(url, seconds, self._settings.fetch_max_bytes))
        except OpenvcError as error:
            answer = Missing("unreachable", str(error)[:200])
        finally:
            self._keep(url, answer)
            self._places.release()
            given.put(answer)

    def _recall(self, url: str) -> Answer | None:
        now = self._monotonic()
        with self._lock:
            at, answer = self._kept.get(url, (0.0, None))
            lasting = float(self._settings.fetch_cache_seconds)
            if isinstance(answer, Missing):
                lasting = min(lasting, FAILURE_SECONDS)
            if answer is None or now - at >= lasting:
                return None
            self._kept.move_to_end(url)
        return Found(answer.data, now - at) if isinstance(answer, Found) else answer

    def _keep(self, url: str, answer: Answer) -> None:
        with self._lock:
            self._bytes += _size(answer) - _size(self._kept.pop(url, (0.0, None))[1])
            self._kept[url] = (self._monotonic(), answer)
            while len(self._kept) > self._settings.fetch_cache_entries or self._bytes > CACHE_BYTES:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= _size(dropped)


def address_of(name: str) -> str:
    """Return the address under which a source is asked for.

    Raises:
        OpenvcError: A `did:web` without a domain, another kind of name, or another port than that of https.
    """
    if len(name) > MAX_NAME_CHARS:
        message = f"an address of {len(name)} characters"
        raise DidResolutionError(message)
    url = _did_web_address(name) if name.startswith("did:web:") else name
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        message = f"no address: {error}"
        raise DidResolutionError(message) from error
    if parts.scheme != "https" or not host or port not in {None, HTTPS_PORT} or "@" in parts.netloc:
        message = "only https addresses on port 443, without a user name, are asked"
        raise DidResolutionError(message)
    return url


def _did_web_address(did: str) -> str:
    """Return where openvc looks for a DID's document; it checks the host on the way."""
    asked: list[str] = []

    def note(url: str) -> dict[str, object]:
        asked.append(url)
        message = "only its address was wanted"
        raise DidResolutionError(message)

    try:
        DidWebResolver(note).resolve(did)
    except DidResolutionError:
        if not asked:
            raise
    return asked[0]


def _size(answer: Answer | None) -> int:
    return len(answer.data) if isinstance(answer, Found) else 0
