"""What pages show: plain facts, ready for a template, with nothing left to decide there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from api.page.language import Language
from verifier.report import Report

Refusal: TypeAlias = Literal["not_found", "unreadable", "empty", "no_code", "other_code"]
"""Why nothing was judged; the texts of the home page have a sentence for each."""


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
        report: The verifier's report, about this ledger's own fresh evidence or what somebody sent.
        credential: Public id of an award of this ledger; None when there is none of that id.
        checked_at: When the report was made, aware UTC.
        asked_at: The value of `?at=` as it was asked; None for now.
        language: Language of the page.
        is_sent: Whether somebody sent what was judged: then there is no address that shows this page again.
        others: Reports on what was sent with it, by public id: opened where a stack names them.
        vkey: The log's verifier key, for the browser's own verification; None where it is not offered.
    """

    report: Report
    credential: str | None
    checked_at: datetime
    asked_at: str | None = None
    language: Language = "en"
    is_sent: bool = False
    others: Mapping[str, Report] = field(default_factory=dict)
    vkey: str | None = None


@dataclass(frozen=True, slots=True)
class HomeView:
    """What the home page shows.

    Args:
        samples: Credentials to try.
        refusal: Why what was pasted or sent before could not be judged; None when nothing was.
        detail: The same in the verifier's own words, which are English; empty for nothing.
        language: Language of the page.
    """

    samples: tuple[Sample, ...] = field(default=())
    refusal: Refusal | None = None
    detail: str = ""
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class RecognitionView:
    """What the page of a decision on somebody else's award shows.

    Args:
        answer: What `GET /v1/recognitions/{id}` says, with instants as such.
        institution: Name of who decided, from the register.
        country: Its country.
        now: Present instant.
    """

    answer: Mapping[str, Any]
    institution: str
    country: str
    now: datetime


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
