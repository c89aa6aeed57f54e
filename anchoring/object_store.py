"""Tiles as objects of an S3-compatible store.

The store is written to by one sequencer at a time, but one that was paused and has been replaced may wake up and go on
for a moment. Its tiles do no harm: they are those of a committed checkpoint, the same bytes whoever writes them. Its
checkpoint would take the public head back to an older one. So the head is replaced on condition that it is still the
one that was read (``If-Match``), never by one of fewer entries, and never by one of as many and another root.

Some stores ignore the conditions of a write. `ObjectTileStore.is_conditional` finds that out by trying. There the head
is compared before it is written and nothing more: between the two, a woken sequencer could put an older head in place,
until the next checkpoint or heartbeat of the one that replaced it. That is an old answer, never a fork: what a
checkpoint says was decided before by the compare-and-swap of the checkpoint store.

Source: Amazon S3 API, conditional requests; C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from anchoring.error import ConflictError, CorruptionError, StoreUnreachableError
from anchoring.storage import require_no_newer
from anchoring.tile import CHECKPOINT_PATH, TileId, parse_path

if TYPE_CHECKING:  # words that its stubs alone have
    from obstore import Attributes, PutMode
    from obstore.store import S3Config

AT_ONCE: Final = 8
"""Tiles that are written at a time: a step has three to five, a start after long idling many."""
ATTEMPTS: Final = 5
"""How often a head is read again that changed between reading and replacing it."""
CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 10
RETRIES: Final = 2
_NO_BUCKET: Final = "<Code>NoSuchBucket</Code>"
_PROBE: Final = "conditional-write-probe"
_TILE_CACHE: Final = "public, max-age=31536000, immutable"
_HEAD_CACHE: Final = "no-store"
_TYPES: Final = {CHECKPOINT_PATH: "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class ObjectStoreAddress:
    """Where a bucket is.

    Attributes:
        bucket: Its name.
        prefix: What every object's key begins with; empty for nothing.
        endpoint: Address of the store; None for Amazon's own.
        region: Name that the signature of a request has in it.
        access_key: Who asks; None to take what the machine's role offers.
        secret_key: Proof of that; None likewise.
    """

    bucket: str
    prefix: str
    endpoint: str | None
    region: str
    access_key: str | None
    secret_key: str | None

    def __repr__(self) -> str:
        """Show where it is and no key."""
        return f"ObjectStoreAddress(bucket={self.bucket!r}, prefix={self.prefix!r}, endpoint={self.endpoint!r})"


def connect(address: ObjectStoreAddress) -> S3Store:
    """Return a client of a bucket; nothing is asked yet."""
    given: S3Config = {"region": address.region}
    if address.endpoint is not None:
        given["endpoint"] = address.endpoint
    if address.access_key is not None and address.secret_key is not None:
        given["access_key_id"], given["secret_access_key"] = address.access_key, address.secret_key
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config=given,
        client_options={
            "allow_http": (address.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=ANSWER_SECONDS),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=ANSWER_SECONDS)},
    )


class ObjectTileStore:
    """A `TileStore` in a bucket.

    Durability and consistency are the store's: it has to be one whose reads see every write that was acknowledged, as
    S3 and the common self-hosted ones are. Safe from any thread.
    """

    def __init__(self, store: S3Store) -> None:
        """Use a bucket, which has to exist."""
        self._store = store
        self._conditional: bool | None = None

    @property
    def is_conditional(self) -> bool:
        """Whether the store refuses to create what is there; tried once, with an object of its own.

        Raises:
            StoreUnreachableError: The store did not answer.
        """
        if self._conditional is None:
            self._put(_PROBE, b"", mode="overwrite")
            self._conditional = not self._create(_PROBE, b"")
        return self._conditional

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path, or None; see `TileStore.read`."""
        found = self._get(_checked(path))
        return None if found is None else found[0]

    def write(self, path: str, content: bytes) -> None:
        """Store an immutable tile; see `TileStore.write`."""
        _checked(path)
        if self.is_conditional and self._create(path, content):
            return
        present = self.read(path)
        if present is None:
            self._put(path, content, mode="overwrite")
        elif present != content:
            raise CorruptionError(f"{path} already holds other bytes")

    def write_all(self, tiles: Iterable[tuple[str, bytes]]) -> None:
        """Store immutable tiles, several at a time; see `TileStore.write_all`."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="cairn-tile") as pool:
            for written in [pool.submit(self.write, path, content) for path, content in tiles]:
                written.result()

    def replace(self, path: str, content: bytes) -> None:
        """Store the checkpoint; see `TileStore.replace`.

        Raises:
            ConflictError: One of more entries is there: another sequencer has taken over.
            CorruptionError: One of as many entries and another root is there: the log has forked.
            StoreUnreachableError: The store did not answer.
        """
        _checked(path)
        for _ in range(ATTEMPTS):
            found = self._get(path)
            if found is not None and found[0] == content:
                return
            if found is not None:
                require_no_newer(found[0], content)
            if self._swap(path, content, None if found is None else found[1]):
                return
        raise ConflictError("the public checkpoint is replaced by somebody else again and again")

    def partials(self, tile: TileId) -> Sequence[int]:
        """Return the stored partial widths; see `TileStore.partials`."""
        return sorted(int(name) for name in self._partial_names(tile) if name.isdecimal())

    def delete_partials(self, tile: TileId) -> None:
        """Delete the partial versions; see `TileStore.delete_partials`."""
        directory = _partial_directory(tile)
        for name in self._partial_names(tile):
            with _store_errors():
                obstore.delete(self._store, f"{directory}/{name}")

    def _partial_names(self, tile: TileId) -> list[str]:
        with _store_errors():
            listed = obstore.list_with_delimiter(self._store, _partial_directory(tile))
        return [one["path"].rpartition("/")[2] for one in listed["objects"]]

    def _get(self, path: str) -> tuple[bytes, str | None] | None:
        """The bytes of an object and its entity tag."""
        with _store_errors():
            try:
                found = obstore.get(self._store, path)
                return bytes(found.bytes()), found.meta["e_tag"]
            except FileNotFoundError as error:
                if _NO_BUCKET in str(error):
                    raise
                return None

    def _create(self, path: str, content: bytes) -> bool:
        """Put an object where none is; whether it was put. A store that ignores the condition always says so."""
        try:
            self._put(path, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def _swap(self, path: str, content: bytes, tag: str | None) -> bool:
        """Replace the object whose entity tag is *tag* (None: put one where none is); whether that was still so."""
        try:
            if tag is None or not self.is_conditional:
                self._put(path, content, mode="create" if tag is None and self.is_conditional else "overwrite")
            else:
                self._put(path, content, mode={"e_tag": tag})
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def _put(self, path: str, content: bytes, *, mode: PutMode) -> None:
        attributes: Attributes = {
            "Content-Type": _TYPES.get(path, "application/octet-stream"),
            "Cache-Control": _HEAD_CACHE if path in {CHECKPOINT_PATH, _PROBE} else _TILE_CACHE,
        }
        with _store_errors(AlreadyExistsError, PreconditionError):
            obstore.put(self._store, path, content, mode=mode, attributes=attributes, use_multipart=False)


@contextmanager
def _store_errors(*passed: type[Exception]) -> Iterator[None]:
    """Turn the client's errors into StoreUnreachableError, but for some; their words are many lines, so one is kept."""
    try:
        yield
    except passed:
        raise
    except (BaseError, FileNotFoundError) as error:
        raise StoreUnreachableError(f"the store of tiles failed: {str(error).splitlines()[0]}") from error


def _checked(path: str) -> str:
    if path != CHECKPOINT_PATH:
        parse_path(path)  # refuses every path that is no tile's
    return path


def _partial_directory(tile: TileId) -> str:
    return TileId(tile.level, tile.index, 1).path.rpartition("/")[0]
