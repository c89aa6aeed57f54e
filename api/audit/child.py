"""An audit in a process of its own, as `api.own_audit` has one made.

One line on standard input says what to audit; lines on standard output say how far it is, and the last one what came of
it. Every line is a JSON object. The process gives way to everything else on the machine, takes no more than
MAX_MEMORY_BYTES, and ends when the one that started it has gone, since standard input ends then. An audit that is cut
off goes on where it was when it is asked for again.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Final

import httpx
import msgspec

from anchoring.error import AnchoringError
from anchoring.tlog_policy import parse_log_key
from api.audit.auditor import AuditError, Auditor, AuditOrder, TrustedLog
from api.audit.progress_file import ProgressFile
from api.audit.report import AuditReport
from api.audit.source import LogPlace, SourceError, fetch_from
from api.cli.trust import CheckpointFiles

TRUST: Final = "the ledger's own key, since this is its audit of itself"
MAX_MEMORY_BYTES: Final = 2 * 2**30
"""Room for an audit of some ten million awards."""
LOWEST_PRIORITY: Final = 19
PATIENCE_SECONDS: Final = 3.0
"""As of `cairn audit`: how long a server may take to publish in its log what it answers already."""
TIMEOUT_SECONDS: Final = 30.0
SAY_EVERY_SECONDS: Final = 0.5
PROGRESS: Final = "audit.state"
CHECKPOINTS: Final = "checkpoints"


class ChildOrder(msgspec.Struct, frozen=True):
    """What to audit: a server, by its log's key; and the directory that remembers earlier audits."""

    url: str
    vkey: str
    directory: str


class ChildLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of what the process says: how far it is; or, last, the report; or why there is none."""

    what: str = ""
    done: int = 0
    total: int | None = None
    report: AuditReport | None = None
    error: str = ""


class _Telling:
    """Says how far it is, now and then."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, what: str, done: int, total: int | None) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAY_EVERY_SECONDS
            _say(ChildLine(what, done, total))


def audit(order: ChildOrder, tell: _Telling) -> ChildLine:
    """Carry the audit out; every reason why there is no report is in the answer."""
    directory = Path(order.directory)
    try:
        with httpx.Client(base_url=order.url, timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            wanted = AuditOrder(
                place=LogPlace(order.url),
                answers=fetch_from(client),
                log=TrustedLog(parse_log_key(order.vkey), TRUST),
                memory=CheckpointFiles(directory / CHECKPOINTS),
                progress_file=ProgressFile(directory / PROGRESS),
                workers=1,
                patience_seconds=PATIENCE_SECONDS,
            )
            return ChildLine(report=Auditor(wanted, tell).run())
    except (AnchoringError, AuditError, SourceError, httpx.HTTPError) as error:
        return ChildLine(error=str(error) or type(error).__name__)
    except MemoryError:
        return ChildLine(error=f"it needs more than {MAX_MEMORY_BYTES:,} bytes of memory")


def _say(line: ChildLine) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    """Be the process."""
    os.nice(LOWEST_PRIORITY)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=ChildOrder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _say(audit(order, _Telling()))
    sys.stdout.buffer.flush()
    os._exit(0)  # the thread that waits for the parent would hold up an orderly end


if __name__ == "__main__":
    main()
