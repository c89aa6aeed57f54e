"""The ledger that is followed, over HTTP: bounded in bytes and in time, redirected nowhere.

Whatever comes back is somebody else's bytes. It is verified by whoever asked; here it is only kept from being endless.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

import httpx

from anchoring.tile import CHECKPOINT_PATH, MAX_ENTRY_BYTES, TILE_WIDTH
from anchoring.tree import HASH_BYTES
from api.mirror.error import UpstreamError

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 60.0
"""Longest time for one answer, however steadily it drips."""
MAX_NOTE_BYTES: Final = 65_536
"""A checkpoint with 16 signatures of the largest kind (2,420 bytes in base64) stays below it."""
MAX_TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
MAX_BUNDLE_BYTES: Final = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
"""A status list is about 20 KiB, a page of anchors with their tokens at most a few MiB."""
IN_FLIGHT: Final = 6
NOT_FOUND: Final = 404
ReadLog = Callable[[str], bytes | None]
"""Gives the bytes at a path of the log, or None; an OSError says that it cannot tell."""
_GZIP_WINDOW: Final = 31  # zlib: a gzip header is expected


class Upstream:
    """Fetches from one ledger, or from another mirror of it. Safe for threads.

    Args:
        url: Its address; http or https, without user name or password.
        log: Where checkpoint and tiles are read: an address below which they stand, or what reads them by path.
            None: from the ledger itself.
        monotonic: Seconds of a clock that never goes back.

    Raises:
        UpstreamError: The address is none that can be followed.
    """

    def __init__(
        self, url: str, *, log: str | ReadLog | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.url: Final = _checked(url)
        self._log_url = _checked(log) if isinstance(log, str) else f"{self.url}/log"
        self._read_log = log if callable(log) else None
        self._monotonic = monotonic
        limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        headers = {"Accept-Encoding": "gzip"}
        self._client = httpx.Client(timeout=timeout, limits=limits, follow_redirects=False, headers=headers)
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="cairn-fetch")
        self._is_closed = False
        self._asked: dict[str, Future[bytes | None]] = {}

    def close(self) -> None:
        """Give up what is under way and close the connections."""
        self._is_closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def checkpoint(self) -> bytes:
        """Fetch the newest signed note. Raises UpstreamError."""
        note = self._file(CHECKPOINT_PATH, MAX_NOTE_BYTES)
        if note is None:
            message = f"there is no checkpoint at {self._log_url}/checkpoint; is it the address of a log?"
            raise UpstreamError(message)
        return note

    def tile(self, path: str) -> bytes | None:
        """Fetch a tile or bundle of the log, None when there is none. Raises UpstreamError."""
        asked = self._asked.pop(path, None)
        return self._tile(path) if asked is None else asked.result()

    def ahead(self, paths: list[str]) -> None:
        """Begin to fetch tiles that will be asked for next; those no longer wanted are dropped."""
        wanted = set(paths)
        for path in [path for path in self._asked if path not in wanted]:
            self._asked.pop(path).cancel()
        for path in paths:
            if path not in self._asked:
                self._asked[path] = self._pool.submit(self._tile, path)

    def document(self, path: str, limit: int = MAX_DOCUMENT_BYTES) -> bytes | None:
        """Fetch what stands at a path, None when there is nothing.

        Args:
            path: Path below the address, with a query if need be.
            limit: Bytes that it may have, decoded.

        Raises:
            UpstreamError: No answer in time, a redirect, another status, too many bytes, or fewer than announced.
        """
        return self._fetch(self.url + path, limit)

    def _fetch(self, address: str, limit: int) -> bytes | None:
        deadline = self._monotonic() + TOTAL_SECONDS
        try:
            with self._client.stream("GET", address) as answer:
                try:
                    if answer.status_code == NOT_FOUND:
                        return None
                    self._require_ok(answer, address)
                    return self._body(answer, address, limit, deadline)
                finally:
                    if self._is_closed:  # a connection that was being made when the others were closed
                        answer.extensions["network_stream"].close()
        except httpx.HTTPError as error:
            message = f"{address}: {type(error).__name__}: {error}"
            raise UpstreamError(message) from error

    def _tile(self, path: str) -> bytes | None:
        return self._file(path, MAX_BUNDLE_BYTES if "/entries/" in path else MAX_TILE_BYTES)

    def _file(self, path: str, limit: int) -> bytes | None:
        """Read a file of the log."""
        if self._read_log is None:
            return self._fetch(f"{self._log_url}/{path}", limit)
        try:
            found = self._read_log(path)
        except OSError as error:
            raise UpstreamError(str(error)) from error
        if found is not None and len(found) > limit:
            message = f"{path} has more than the {limit} bytes that it may have"
            raise UpstreamError(message)
        return found

    def _require_ok(self, answer: httpx.Response, address: str) -> None:
        if answer.is_redirect:
            message = f"{address} redirects elsewhere, and redirects are not followed; give the final address"
            raise UpstreamError(message)
        if answer.status_code != httpx.codes.OK:
            message = f"{address} answered {answer.status_code}"
            raise UpstreamError(message)

    def _body(self, answer: httpx.Response, address: str, limit: int, deadline: float) -> bytes:
        """Read a body, unpacking it piece by piece so that little packed never becomes much unpacked."""
        coding = answer.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"identity", "gzip"}:
            message = f"{address} came in a coding that was not asked for"
            raise UpstreamError(message)
        unpack = zlib.decompressobj(_GZIP_WINDOW) if coding == "gzip" else None
        body = bytearray()
        for piece in answer.iter_raw():
            body += self._unpacked(unpack, piece, limit + 1 - len(body), address)
            if len(body) > limit:
                message = f"{address} has more than the {limit} bytes that it may have"
                raise UpstreamError(message)
            if self._monotonic() > deadline:
                message = f"{address} took longer than {TOTAL_SECONDS:g} seconds"
                raise UpstreamError(message)
        if unpack is not None and not unpack.eof:
            message = f"{address} was cut short"
            raise UpstreamError(message)
        return bytes(body)

    def _unpacked(self, unpack: zlib._Decompress | None, piece: bytes, room: int, address: str) -> bytes:
        try:
            return piece if unpack is None else unpack.decompress(piece, room)
        except zlib.error as error:
            message = f"{address} is damaged: {error}"
            raise UpstreamError(message) from error


def _checked(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.username is None and parts.password is None and not parts.query and not parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        message = "the address to follow is http:// or https:// and a host, without user name, query or fragment"
        raise UpstreamError(message)
    return url.rstrip("/")
