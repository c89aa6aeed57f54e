"""Asks all witnesses of a log at once, and never waits for one that does not answer.

Each witness has a thread of its own, which keeps asking, with growing pauses, until its witness has
cosigned the newest checkpoint. So a witness that hangs or is down for days holds up nobody but
itself: `gather` waits only for witnesses whose last answer was good, only until the quorum has
signed, and never longer than its limit. What comes later is kept, and told, so that it can be
published then.

A cosignature stands for as long as its checkpoint is the newest: a witness that goes down loses
nothing but the freshness of its time. The first that each key gave for each of the last few
checkpoints is remembered, for whoever keeps one for good (see `cosigned_anchor`).

Source: C2SP tlog-witness, tlog-policy.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.cosigner_key import CosignerKey
from anchoring.error import AnchoringError, WitnessError
from anchoring.note import Note, parse_note
from anchoring.tlog_policy import TlogPolicy
from anchoring.witness_client import Cosignature, WitnessClient

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
REMEMBERED: Final = 16
"""Checkpoints whose first cosignature is remembered, for each key."""
GIVEN_SECONDS: Final = 5.0
"""How long `Witnesses.given` waits: a checkpoint is committed a moment before it is cosigned."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the witnesses gave for a checkpoint so far: signature lines, and whether the quorum has signed."""

    lines: tuple[str, ...] = ()
    met: bool = True


class Cosigning(Protocol):
    """Gets checkpoints cosigned for the sequencer. Called under its lock, from one thread at a time."""

    def remember(self, public: bytes) -> None:
        """Take up the cosignatures of a checkpoint that was published before; what does not verify is left out."""

    def gather(self, note: bytes) -> Gathered:
        """Ask every witness to cosign a note, wait a little, and return what is there."""

    def known(self, note: bytes) -> Gathered:
        """Return what is there for a note, without asking or waiting."""


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """How one witness key stands.

    Attributes:
        name: Its name in the policy.
        size: Size of the newest checkpoint it cosigned; 0 if none.
        at: When that was; None if never.
        error: What is wrong, in words; None if the last answer was good, or none was asked for.
    """

    name: str
    size: int
    at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class _Job:
    number: int
    note: bytes
    text: str
    checkpoint: Checkpoint


@dataclass(slots=True)
class _Line:
    """One witness and its thread; guarded by the lock of `Witnesses`."""

    client: WitnessClient
    done: int = 0  # number of the newest job it has cosigned
    failures: int = 0  # since it last cosigned
    retry_at: float = 0.0
    busy_since: float | None = None
    error: str | None = None
    newest: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    firsts: dict[str, deque[tuple[str, Cosignature]]] = field(default_factory=dict)  # by name: text, cosignature

    def take(self, text: str, given: Cosignature) -> None:
        """Remember the first cosignature of a key over a checkpoint."""
        if self.first(given.name, text) is None:
            self.firsts.setdefault(given.name, deque(maxlen=REMEMBERED)).append((text, given))

    def first(self, name: str, text: str) -> Cosignature | None:
        """Return the first cosignature of a key over a checkpoint, if it is remembered."""
        return next((given for known, given in self.firsts.get(name, ()) if known == text), None)

    def standing(self, name: str) -> WitnessStanding:
        """Return how the key of this name stands."""
        size, at = self.newest.get(name, (0, None))
        return WitnessStanding(name, size, at, self.error)


class Witnesses:
    """A `Cosigning` over HTTP or whatever the clients speak. Start it, and close it."""

    def __init__(
        self,
        policy: TlogPolicy,
        clients: Sequence[WitnessClient],
        timer: Callable[[], float],
        wait_seconds: float,
        on_late: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the policy, a client for each witness, and how long `gather` may wait.

        Args:
            policy: Names the witnesses and the quorum.
            clients: The way to each witness; together they have every name of the policy.
            timer: Seconds that never run backwards.
            wait_seconds: The longest that `gather` waits.
            on_late: Called, from any thread, when a cosignature came after `gather` had returned.
        """
        self._policy, self._timer, self._wait = policy, timer, wait_seconds
        self.on_late = on_late
        self._changed = threading.Condition()
        self._lines = [_Line(client) for client in clients]
        self._job: _Job | None = None
        self._gathering = False
        self._held: dict[str, tuple[int, Cosignature]] = {}  # by name, with the number of the job it is from
        self._closing = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start a thread for each witness."""
        for line in self._lines:
            thread = threading.Thread(target=self._run, args=(line,), name="cairn-witness", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Ask no more. A request that is under way is left to end by itself."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def remember(self, public: bytes) -> None:
        """See `Cosigning.remember`."""
        note = parse_note(public)
        with self._changed:
            self._become(public, note.text)
            for name, key in self._policy.witnesses:
                for line in note.signatures:
                    if (line.name, line.key_id) != (key.name, key.key_id):
                        continue
                    try:
                        at = key.verify(Note(note.text, (line,)))
                    except AnchoringError:
                        continue
                    given = Cosignature(name, line.line, at)
                    self._held[name] = (0, given)
                    self._line_of(name).take(note.text, given)

    def gather(self, note: bytes) -> Gathered:
        """See `Cosigning.gather`."""
        text = parse_note(note).text
        with self._changed:
            job = self._become(note, text)
            awaited = [line for line in self._lines if self._answers(line)]
            self._gathering = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_through(job, awaited), self._wait)
            self._gathering = False
            return self._gathered()

    def known(self, note: bytes) -> Gathered:
        """See `Cosigning.known`."""
        text = parse_note(note).text
        with self._changed:
            if self._job is None or self._job.text != text:
                return Gathered((), self._policy.satisfied_by(frozenset()))
            return self._gathered()

    def given(self, name: str, text: str) -> Cosignature:
        """Return the first cosignature that a key gave for a checkpoint, waiting a little for one that is to come.

        Args:
            name: The key's name in the policy.
            text: The checkpoint's text.

        Raises:
            WitnessError: There is none: the witness fails, has gone on to a larger checkpoint, or took too long.
        """
        size = parse_checkpoint(text).size
        with self._changed:
            line = self._line_of(name)

            def is_settled() -> bool:
                passed = line.standing(name).size > size
                return self._closing or line.failures > 0 or passed or line.first(name, text) is not None

            self._changed.wait_for(is_settled, GIVEN_SECONDS)
            found = line.first(name, text)
            if found is None:
                raise WitnessError(line.error or "it has not cosigned this checkpoint")
            return found

    def is_met(self) -> bool:
        """Whether the quorum has signed the newest checkpoint that was asked for."""
        with self._changed:
            return self._gathered().met

    def asked(self) -> tuple[tuple[str, CosignerKey], ...]:
        """Return the witness keys that are asked, by their name in the policy."""
        return self._policy.witnesses

    def standing(self) -> list[WitnessStanding]:
        """Return how each witness key of the policy stands."""
        with self._changed:
            return [line.standing(name) for line in self._lines for name in line.client.names]

    def _become(self, note: bytes, text: str) -> _Job:
        """Make a note the one to cosign; what was given for another text is of no more use."""
        if self._job is None or self._job.text != text:
            self._held.clear()
        number = 1 if self._job is None else self._job.number + 1
        self._job = _Job(number, note, text, parse_checkpoint(text))
        return self._job

    def _line_of(self, name: str) -> _Line:
        """Return the witness that has the key of this name in the policy."""
        return next(line for line in self._lines if name in line.client.names)

    def _answers(self, line: _Line) -> bool:
        """Whether a witness is worth waiting for: its last answer was good, and none is overdue."""
        overdue = line.busy_since is not None and self._timer() - line.busy_since >= self._wait
        return line.failures == 0 and not overdue

    def _is_through(self, job: _Job, awaited: Sequence[_Line]) -> bool:
        fresh = frozenset(name for name, (number, _) in self._held.items() if number == job.number)
        every_one = all(line.done >= job.number or line.failures for line in awaited)
        return self._closing or every_one or self._policy.satisfied_by(fresh)

    def _gathered(self) -> Gathered:
        lines = tuple(one.line for _, one in (self._held[name] for name in sorted(self._held)))
        return Gathered(lines, self._policy.satisfied_by(frozenset(self._held)))

    def _run(self, line: _Line) -> None:
        """One witness's thread."""
        while (job := self._next(line)) is not None:
            try:
                cosignatures = line.client.cosign(job.note, job.text, job.checkpoint)
            except Exception as error:  # noqa: BLE001  network or proof: shown, and tried again
                self._failed(line, str(error) if isinstance(error, AnchoringError) else type(error).__name__)
            else:
                self._succeeded(line, job, cosignatures)
        line.client.close()

    def _next(self, line: _Line) -> _Job | None:
        """Wait for something to do: a new job, or the time to try again. None when closing."""
        with self._changed:
            while not self._closing:
                if self._job is not None and self._job.number > line.done:
                    pause = line.retry_at - self._timer() if line.failures else 0.0
                    if pause <= 0:
                        line.busy_since = self._timer()
                        return self._job
                    self._changed.wait(pause)
                else:
                    self._changed.wait()
            return None

    def _failed(self, line: _Line, words: str) -> None:
        with self._changed:
            line.failures, line.error, line.busy_since = line.failures + 1, words, None
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(line.failures, 16), LONGEST_PAUSE_SECONDS)
            line.retry_at = self._timer() + pause
            self._changed.notify_all()

    def _succeeded(self, line: _Line, job: _Job, cosignatures: Sequence[Cosignature]) -> None:
        with self._changed:
            line.done, line.failures, line.error, line.busy_since = job.number, 0, None, None
            for one in cosignatures:
                line.newest[one.name] = (job.checkpoint.size, one.at)
                line.take(job.text, one)
                if self._job is not None and self._job.text == job.text:
                    self._held[one.name] = (job.number, one)
            is_late = not self._gathering
            self._changed.notify_all()
        if is_late:
            self.on_late()
