"""Where an auditor reads a log from: a server, or a directory that holds a copy of its files.

A place is a plain value, so that each worker process opens it for itself and has tiles of its own in flight.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

IN_FLIGHT: Final = 4
"""Requests that a worker has under way at a time."""

TIMEOUT_SECONDS: Final = 30.0
ATTEMPTS: Final = 3
MAX_BODY_BYTES: Final = 256 * (2 + 65_535)
"""A full bundle of the longest entries. Source: C2SP tlog-tiles."""
_OK: Final = 200
_NOT_FOUND: Final = 404
_GZIP_WINDOW: Final = 31  # zlib: a gzip header is expected


class SourceError(Exception):
    """The place cannot be read: nothing follows for the log."""


def fetch_from(client: httpx.Client) -> Callable[[str], bytes | None]:
    """Make a function that gives the body of a path below a client's base address, or None when there is nothing.

    It raises `httpx.HTTPError` when it cannot be told.
    """

    def fetch(path: str) -> bytes | None:
        answer = client.get(path)
        if answer.status_code == _NOT_FOUND:
            return None
        answer.raise_for_status()
        return answer.content

    return fetch


class LogPlace(msgspec.Struct, frozen=True):
    """A server's address such as ``http://127.0.0.1:8000``, or the directory of a log's files."""

    address: str

    @property
    def is_server(self) -> bool:
        """Whether it is asked over HTTP."""
        return self.address.startswith(("http://", "https://"))

    def open(self) -> Source:
        """Return a reader of this place's log."""
        if self.is_server:
            return ServerSource(f"{self.address.rstrip('/')}/log/")
        return DirectorySource(Path(self.address))


class Source(Protocol):
    """Files of a log. Not for use from several threads. Retries are its own."""

    def __call__(self, path: str) -> bytes | None:
        """Return the bytes at *path* below the log's prefix, or None when there is nothing.

        Raises:
            SourceError: It cannot be told.
        """

    def ahead(self, paths: Iterable[str]) -> None:
        """Say what will be asked for next, in this order."""

    def close(self) -> None:
        """Give up connections; nothing may be asked for afterwards."""


class DirectorySource:
    """A directory with the files of a log: a server's data, a mirror's, a copy.

    Args:
        root: The directory that holds ``checkpoint`` and ``tile``.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def __call__(self, path: str) -> bytes | None:
        """Read a file; see the port."""
        try:
            return _contents(f"{self._root}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            message = f"{path} cannot be read: {error}"
            raise SourceError(message) from error

    def ahead(self, paths: Iterable[str]) -> None:
        """Nothing is gained by reading files early."""

    def close(self) -> None:
        """Nothing is open between two calls."""


def _contents(path: str) -> bytes:
    """Read a file in one call: there are two for 256 entries, and what Path and a buffer cost would show."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        content = os.read(descriptor, size + 1)
        if len(content) == size:
            return content
    finally:
        os.close(descriptor)
    return Path(path).read_bytes()  # it came in parts, or grows


class ServerSource:
    """A log that is served over HTTP; some requests are under way ahead of what is asked for.

    Args:
        prefix: The log's address, ending in a slash.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._mine = threading.local()
        self._connections: list[_Connection] = []
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="fetch")
        self._early: dict[str, Future[bytes | None]] = {}

    def __call__(self, path: str) -> bytes | None:
        """Fetch a file; see the port."""
        early = self._early.pop(path, None)
        return self._fetch(path) if early is None else early.result()

    def ahead(self, paths: Iterable[str]) -> None:
        """Begin to fetch files."""
        self._early = {path: self._pool.submit(self._fetch, path) for path in paths}

    def close(self) -> None:
        """Wait for what is under way and close the connections."""
        self._pool.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.close()

    def _fetch(self, path: str) -> bytes | None:
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = _Connection(self._prefix)
            self._connections.append(connection)
        found: bytes | None = connection.fetch(path)
        return found


class _Connection:
    """One connection that is kept open, and opened again when the server has closed it."""

    def __init__(self, prefix: str) -> None:
        parts = urlsplit(prefix)
        self._prefix = parts.path
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)

    def fetch(self, path: str) -> bytes | None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._ask(self._prefix + path)
            except (OSError, HTTPException, zlib.error, EOFError) as error:
                self._connection.close()
                if attempt == ATTEMPTS:
                    message = f"{path} could not be fetched: {error}"
                    raise SourceError(message) from error
        raise AssertionError

    def close(self) -> None:
        self._connection.close()

    def _ask(self, path: str) -> bytes | None:
        # Compressed bundles cost a server more time than they save on a fast line, so none are asked for.
        self._connection.request("GET", path, headers={"Accept-Encoding": "identity"})
        with closing(self._connection.getresponse()) as answer:
            body = answer.read(MAX_BODY_BYTES + 1)
            if len(body) > MAX_BODY_BYTES:
                message = f"{path} is longer than any file of a log"
                raise SourceError(message)
            if answer.status == _NOT_FOUND:
                return None
            if answer.status != _OK:
                message = f"{path} was answered with {answer.status}"
                raise SourceError(message)
            return _unpacked(body, path) if answer.headers.get("Content-Encoding") == "gzip" else body


def _unpacked(packed: bytes, path: str) -> bytes:
    """Unpack what a server packed unasked, and no further than a file of a log can go."""
    unpack = zlib.decompressobj(_GZIP_WINDOW)
    body = unpack.decompress(packed, MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        message = f"{path} unpacks to more than any file of a log"
        raise SourceError(message)
    if not unpack.eof:
        message = f"{path} was cut short"
        raise EOFError(message)
    return body
