"""Audits that this server makes of itself, when somebody asks for one on the page about audits.

One at a time, in a process of its own that gives way to everything else and is ended after a while; after each one the
next has to wait. Whoever asks meanwhile is shown what is under way. The newest report is kept on disk, with its time:

    DATA/audits/report.json      the newest report
    DATA/audits/checkpoints/     what the next audit proves that the log extends
    DATA/audits/audit.state      an audit that was cut off, which the next one goes on with

None of it proves anything to anybody else: whoever runs the server can write there. The page says so.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from api.audit.child import ChildLine, ChildOrder
from api.audit.report import AuditReport
from api.one_processor import let_spread

DIRECTORY: Final = "audits"
REPORT: Final = "report.json"


class KeptReport(msgspec.Struct, frozen=True):
    """A report with the instants at which its audit began and ended."""

    began_at: datetime
    ended_at: datetime
    report: AuditReport


@dataclass(frozen=True, slots=True)
class Running:
    """An audit that is under way: since when, at what, and how far."""

    began_at: datetime
    what: str = ""
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last audit came to no report, in the auditor's own words, which are English."""

    at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand.

    Attributes:
        is_offered: Whether this server audits itself at all.
        running: The audit under way.
        kept: The newest report.
        failure: What became of the last one, if there is no report of it.
        next_at: When the next one can begin; None for now.
    """

    is_offered: bool
    running: Running | None
    kept: KeptReport | None
    failure: Failure | None
    next_at: datetime | None


class OwnAudits:
    """Begins audits, and knows the newest report.

    Args:
        directory: Where reports are kept; made when it is needed.
        url: The server to audit.
        vkey: Gives the log's key.
        now: Present instant.
        longest: How long one may take; nothing offers none at all.
        pause: How long the next one waits after each.
    """

    def __init__(
        self,
        directory: Path,
        url: str,
        vkey: Callable[[], str],
        now: Callable[[], datetime],
        *,
        longest: timedelta,
        pause: timedelta,
    ) -> None:
        self._directory = directory
        self._url = url
        self._vkey = vkey
        self._now = now
        self._longest = longest
        self._pause = pause
        self._lock = threading.Lock()
        self._running: Running | None = None
        self._failure: Failure | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def standing(self) -> Standing:
        """How things stand now."""
        kept = self._kept()
        with self._lock:
            return Standing(bool(self._longest), self._running, kept, self._failure, self._next_at(kept))

    def ask(self) -> bool:
        """Begin an audit unless one is under way, it is too early, or none are offered; whether it began."""
        kept = self._kept()
        with self._lock:
            if self._is_closed or not self._longest or self._running or self._next_at(kept) is not None:
                return False
            self._running = Running(self._now())
        threading.Thread(target=self._run, args=(self._running.began_at,), name="own-audit", daemon=True).start()
        return True

    def close(self) -> None:
        """End the audit that is under way; it goes on where it was when it is asked for again."""
        with self._lock:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.kill()

    def _next_at(self, kept: KeptReport | None) -> datetime | None:
        """When the next one can begin, if that is yet to come."""
        ends = [] if kept is None else [kept.ended_at]
        ends += [] if self._failure is None else [self._failure.at]
        at = max(ends, default=None)
        return at + self._pause if at is not None and at + self._pause > self._now() else None

    def _run(self, began_at: datetime) -> None:
        try:
            line = self._audit()
        except (OSError, msgspec.MsgspecError) as error:
            line = ChildLine(error=f"it could not be begun: {error}")
        kept = None if line.report is None else KeptReport(began_at, self._now(), line.report)
        try:
            if kept is not None:
                self._keep(kept)
        except OSError as error:
            kept, line = None, ChildLine(error=f"its report could not be kept: {error}")
        with self._lock:
            self._failure = None if kept is not None else Failure(self._now(), line.error)
            self._running = None

    def _audit(self) -> ChildLine:
        """Have the process do it; what it says last is what came of it."""
        self._directory.mkdir(parents=True, exist_ok=True)
        order = ChildOrder(self._url, self._vkey(), str(self._directory.resolve()))
        with subprocess.Popen(
            [sys.executable, "-m", "api.audit.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None  # noqa: S101  Popen was given pipes
            assert process.stdout is not None  # noqa: S101  Popen was given pipes
            let_spread(process.pid)
            with self._lock:
                self._process = process
                if self._is_closed:
                    process.kill()
            ending = threading.Timer(self._longest.total_seconds(), process.kill)
            ending.start()
            last = ChildLine()
            try:
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                process.stdin.flush()
                for said in process.stdout:
                    last = msgspec.json.decode(said, type=ChildLine)
                    self._note(last)
            except BrokenPipeError:  # it was ended before it heard anything; what is left unsaid is not said again
                with suppress(BrokenPipeError):
                    process.stdin.close()
            finally:
                ending.cancel()
                process.kill()
                with self._lock:
                    self._process = None
        return last if last.report or last.error else ChildLine(error=self._cut_off())

    def _cut_off(self) -> str:
        if self._is_closed:
            return "the server was stopped"
        seconds = int(self._longest.total_seconds())
        return f"it was ended before it was through, as it is after {seconds} s; asked for again, it goes on from there"

    def _note(self, line: ChildLine) -> None:
        with self._lock:
            if self._running is not None and line.what:
                self._running = replace(self._running, what=line.what, done=line.done, total=line.total)

    def _kept(self) -> KeptReport | None:
        try:
            return msgspec.json.decode((self._directory / REPORT).read_bytes(), type=KeptReport)
        except (OSError, msgspec.MsgspecError):  # none yet, or of an older version
            return None

    def _keep(self, kept: KeptReport) -> None:
        """Replace the file. A crash leaves the one before."""
        temporary = self._directory / f"{REPORT}.new"
        temporary.write_bytes(msgspec.json.encode(kept))
        temporary.replace(self._directory / REPORT)
