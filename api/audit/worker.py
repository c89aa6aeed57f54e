"""A process that scans ranges of a log: ``python -m api.audit.worker ADDRESS``, spoken to over its standard streams.

    request   first entry, entries, entries of the log: three u64, big endian
    reply     length (u64), MessagePack of a Chunk or of an error's words

It imports what scanning takes and nothing else; and it ends when its standard input does, so no worker outlives the
process that started it, even when that one is killed. Where a copy of that process can do the same,
:mod:`api.audit.crew` has the copy serve.
"""

from __future__ import annotations

import gc
import struct
import sys
from contextlib import closing
from typing import IO, Final

import msgspec

from api.audit.scan import Scanner
from api.audit.source import LogPlace, SourceError
from api.audit.stretch import Chunk
from ledger.event_catalogue import make_mapper

REQUEST: Final = struct.Struct(">QQQ")
LENGTH: Final = struct.Struct(">Q")


COLLECT_AFTER: Final = 100_000
"""Objects that may be made before cycles among them are looked for: scanning makes many and hardly a cycle."""


class Reply(msgspec.Struct, array_like=True):
    """A scanned range, or why it could not be read."""

    chunk: Chunk | None
    error: str | None = None


def read_exactly(stream: IO[bytes], size: int) -> bytes | None:
    """Read *size* bytes; None when the stream ends before."""
    content = stream.read(size)
    return content if len(content) == size else None


def serve(place: LogPlace, requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    encode = msgspec.msgpack.Encoder().encode
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    with closing(place.open()) as source:
        scanner = Scanner(source, make_mapper())
        while (request := read_exactly(requests, REQUEST.size)) is not None:
            try:
                reply = Reply(scanner.scan(*REQUEST.unpack(request)))
            except SourceError as error:
                reply = Reply(None, str(error))
            body = encode(reply)
            replies.write(LENGTH.pack(len(body)))
            replies.write(body)
            replies.flush()


if __name__ == "__main__":
    serve(LogPlace(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
