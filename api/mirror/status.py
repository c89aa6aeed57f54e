"""The public status answer of a mirror: the ledger's own, with how old it is and what only the ledger knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.error import UnknownResourceError
from api.mirror.head import ServedHead
from api.status import Brief, Statuses
from projections.credential_status import CredentialFacts

UNKNOWN: Final = "unknown"


class MirroredStatuses:
    """Answers about the status of awards, as far as the log was verified.

    Args:
        statuses: Judges the mirrored views.
        served: The head that everything rests on.
        ledger_url: Where to ask what the public log does not say.
    """

    def __init__(self, statuses: Statuses, served: ServedHead, ledger_url: str) -> None:
        self._statuses = statuses
        self._served = served
        self._ledger_url = ledger_url

    def status(self, public_id: str, *, at: datetime | None, known_at: datetime | None) -> dict[str, Any]:
        """The public answer; see :meth:`api.status.Statuses.status`.

        What is too old to speak of the present is never called valid. What fails by what was verified stays invalid,
        by the rule of the verifier's report.

        Raises:
            UnknownResourceError: No award of this id is in the verified log.
            FutureInstantError: An instant has not come yet.
        """
        try:
            body = self._statuses.status(public_id, at=at, known_at=known_at)
        except UnknownResourceError as error:
            size = self._served.freshness()["checkpoint_size"]
            message = f"{error.detail} (this mirror has verified {size} log entries; {self._ledger_url} may know more)"
            raise UnknownResourceError(message, errors=error.errors) from error
        freshness = self._served.freshness()
        if freshness["is_too_old"] and body["verdict"] != "invalid":
            body["verdict"] = UNKNOWN
        body["freshness"] = freshness
        if body["state"] == "replaced":
            body["not_here"] = {"replaced_by": f"only the ledger knows: {self._ledger_url}/v1/credentials/ID/status"}
        return body

    def briefs(self, found: Iterable[tuple[UUID, CredentialFacts]]) -> Iterator[Brief]:
        """How each of many awards stands now; never valid when what is known is too old, as :meth:`status` has it."""
        is_too_old = self._served.is_too_old
        for brief in self._statuses.briefs(found):
            is_left = not is_too_old or brief.verdict == "invalid"
            yield brief if is_left else msgspec.structs.replace(brief, verdict=UNKNOWN)

    def freshness(self) -> dict[str, Any]:
        """How old answers are."""
        return self._served.freshness()
