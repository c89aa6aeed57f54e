"""What pages show: plain facts, ready for a template, with nothing left to decide there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from api.page.language import Language
from verifier.report import Report


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the home page's table.

    Args:
        what: What it is, by language.
        credential: Public id.
        verdict: Word of the verdict: valid, invalid or unknown.
        command: The same from a terminal.
    """

    what: Mapping[Language, str]
    credential: str
    verdict: str
    command: str


@dataclass(frozen=True, slots=True)
class VerifyView:
    """What the page of one credential shows.

    Args:
        report: The verifier's report, about this ledger's own fresh evidence.
        credential: Public id.
        checked_at: When the report was made, aware UTC.
        asked_at: The value of `?at=` as it was asked; None for now.
        language: Language of the page.
    """

    report: Report
    credential: str
    checked_at: datetime
    asked_at: str | None = None
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class HomeView:
    """What the home page shows.

    Args:
        samples: Credentials to try.
        is_refused: Whether what was pasted before was neither a link nor an id.
        language: Language of the page.
    """

    samples: tuple[Sample, ...] = field(default=())
    is_refused: bool = False
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class StartingView:
    """What the page of a ledger that is still starting shows.

    Args:
        done: Steps of the demonstration that have been made.
        total: How many there are; 0 when none are being made.
        retry_seconds: After how many seconds the page loads itself again.
        language: Language of the page.
    """

    done: int
    total: int
    retry_seconds: int
    language: Language = "en"
