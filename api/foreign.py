"""Verification of credentials from elsewhere: judged purely, fetched for between two judgements.

The verifier says which sources it lacked; they are looked up, the ledger's own without any network, and it judges
again. Three rounds are enough for any honest document: keys, a status list, the keys of the list's issuer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeVar

from api.batch_memory import BatchMemory
from api.cpu_bound import CpuBound
from api.fetching import Fetching
from api.foreign_work import canonicalised, judge_credential, judge_presenter
from verifier.checks.time import Asked
from verifier.error import InputError, JsonLdError, WorkExceededError
from verifier.foreign.format import Presented
from verifier.foreign.presentation import (
    Presentation,
    conclude_presentation,
    read_presentation,
    unfinished_holder,
    unreadable_presentation,
)
from verifier.foreign.source import Answer, Found, Missing
from verifier.foreign.verify import unfinished_credential
from verifier.report import Check, Report

Result = TypeVar("Result")

MAX_ROUNDS: Final = 6
"""Most judgements of one document."""
MAX_SOURCES: Final = 12
"""Most sources that are looked up for one document."""


class OwnSources(Protocol):
    """What a node has itself of what documents name: DID documents of its institutions, and its status lists."""

    def own(self, name: str) -> bytes | None:
        """Return what is under a name, or None if it is not this ledger's."""

    def is_own(self, name: str) -> bool:
        """Whether a name is under this ledger's address: then it is never asked of the network."""

    def listed(self, issuer: str) -> str | None:
        """Return the name of an institution in this ledger's directory, by its identifier; None if it is not there."""


class ForeignVerification:
    """Judges credentials and presentations that no log of this node holds.

    Args:
        fetching: Asks the network, if it may.
        own: What this node has itself.
        cpu: Judges in processes that are stopped when a document takes too long; None judges in this one.
        anchors: Certificates, in DER, that the certificate chains of issuers may lead to.
    """

    def __init__(
        self, fetching: Fetching, own: OwnSources, cpu: CpuBound | None, anchors: Sequence[bytes] = ()
    ) -> None:
        self._anchors = tuple(anchors)
        self._fetching = fetching
        self._own = own
        self._cpu = cpu

    def credential(self, presented: Presented, issuer: str, asked: Asked) -> Report:
        """Judge a credential.

        Args:
            presented: The credential.
            issuer: The issuer that it names, unverified.
            asked: The present, and the instant asked about.
        """
        name = self._own.listed(issuer)
        listed = {} if name is None else {issuer: name}

        def once(known: Mapping[str, Answer]) -> tuple[Report, list[str]]:
            if self._cpu is None:
                return judge_credential(presented, known, asked, listed, self._anchors)
            return self._cpu.run(judge_credential, presented, known, asked, listed, self._anchors)

        try:
            return self._judged(once)
        except WorkExceededError as error:
            return unfinished_credential(str(error), asked)

    def try_out(self, members: dict[str, Any]) -> None:
        """Find out that a document can be canonicalised within what one document may cost.

        Raises:
            WorkExceededError: It cannot.
        """
        if self._cpu is not None:
            try:
                self._cpu.run(canonicalised, members)
            except WorkExceededError:
                raise
            except JsonLdError:
                return  # that it is none will be said of it in its report

    def holder(self, presentation: Presentation, asked: Asked) -> Check:
        """Judge whether the holder of a presentation made it."""

        def once(known: Mapping[str, Answer]) -> tuple[Check, list[str]]:
            if self._cpu is None:
                return judge_presenter(presentation, known, asked, self._anchors)
            return self._cpu.run(judge_presenter, presentation, known, asked, self._anchors)

        try:
            return self._judged(once)
        except WorkExceededError as error:
            return unfinished_holder(str(error))

    def presentation(self, presented: Presented, asked: Asked, one: Callable[[bytes], Report]) -> Report:
        """Judge a presentation.

        Args:
            presented: The presentation.
            asked: The present, and the instant asked about.
            one: Judges one credential in it.
        """
        try:
            presentation = read_presentation(presented)
        except InputError as error:
            return unreadable_presentation(str(error), asked)
        with self._fetching.one_request():
            holder = self.holder(presentation, asked)
            return conclude_presentation(holder, [one(data) for data in presentation.credentials], asked)

    def one_request(self) -> AbstractContextManager[None]:
        """One deadline for everything that is fetched inside; see :meth:`api.fetching.Fetching.one_request`."""
        return self._fetching.one_request()

    def one_of(self, memory: BatchMemory) -> AbstractContextManager[None]:
        """What is inside is one item of a batch; see :meth:`api.fetching.Fetching.one_of`."""
        return self._fetching.one_of(memory)

    def _judged(self, once: Callable[[Mapping[str, Answer]], tuple[Result, list[str]]]) -> Result:
        with self._fetching.one_request():
            return self._judged_in_time(once)

    def _judged_in_time(self, once: Callable[[Mapping[str, Answer]], tuple[Result, list[str]]]) -> Result:
        known: dict[str, Answer] = {}
        result, wanted = once(known)
        for _ in range(MAX_ROUNDS):
            new = [name for name in wanted if name not in known][: MAX_SOURCES - len(known)]
            old = [name for name in wanted if name in known]
            if not new and not old:
                break
            for name in (*new, *old):
                known[name] = self._answer(name, fresh=name in known)
            result, wanted = once(known)
        return result

    def _answer(self, name: str, *, fresh: bool) -> Answer:
        found = self._own.own(name)
        if found is not None:
            return Found(found)
        if self._own.is_own(name):
            return Missing("unreachable", "this ledger has no such thing")
        return self._fetching.answer(name, fresh=fresh)
