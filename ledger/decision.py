"""A decision on somebody else's award, whole: what it grants, what it denies and why. Personal; the vault keeps it.

The log holds the kind of decision, the reasons as codes, the dates, and a salted commitment to the RFC 8785 form of
:class:`Details`. Whoever is shown the details with their salt can open it.

The burden of reasons is on who refuses: what is refused, in whole or in part, names at least one of the substantial
differences; what is recognised in full names none.

Source: Convention on the Recognition of Qualifications concerning Higher Education in the European Region (Lisbon,
1997), Articles III.1 to III.5 and VI.1; EAR manual, substantial differences (level, workload, quality, outcomes).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from ledger.achievement import CODE
from ledger.canonical import canonical_json
from ledger.error import InvalidInputError
from ledger.event import Instant
from ledger.recognised_award import RecognisedAward, check_fields, check_outcomes, check_size
from ledger.text import check_text, is_blank

DecisionKind: TypeAlias = Literal["full", "partial", "refused"]
FORMAT: Final = "cairn/recognition/v1"
MAX_EXPLANATION_CHARS: Final = 4_000
MAX_EXEMPTIONS: Final = 20


class SubstantialDifference(StrEnum):
    """Why an award is not recognised, or not all of it. A closed list: the log is public, and holds codes alone."""

    LEVEL = "level"
    WORKLOAD = "workload"
    OUTCOMES = "outcomes"
    QUALITY = "quality"
    AUTHENTICITY = "authenticity"


class Towards(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the recognition is good for: a programme or pathway of the deciding institution, by its code."""

    kind: Literal["programme", "pathway"]
    code: str


class StandsFor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An achievement that the award counts as (exemption): slug of its institution, and that one's code for it."""

    institution: str
    code: str


class DecisionClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an institution decides.

    Attributes:
        decision: ``full``, ``partial`` or ``refused``.
        reasons: Substantial differences; none with ``full``, one at least with the others.
        credits_centi: How much is recognised, in hundredths of an ECTS credit. With ``full`` only where the award
            states no credits; with ``partial`` at most the award's.
        outcomes: Which of the award's outcomes are recognised, word for word; with ``partial`` alone.
        eqf_level: At which level, where it is another than the award's.
        fields: In which ISCED-F fields, where they are others than the award's.
        stands_for: Achievements that the award counts as.
        towards: For what alone it is recognised; None for everything.
        explanation: In words, for the learner.
    """

    decision: DecisionKind
    reasons: tuple[SubstantialDifference, ...] = ()
    credits_centi: int | None = None
    outcomes: tuple[str, ...] = ()
    eqf_level: int | None = None
    fields: tuple[str, ...] = ()
    stands_for: tuple[StandsFor, ...] = ()
    towards: Towards | None = None
    explanation: str | None = None

    def check(self, award: RecognisedAward) -> None:
        """Refuse a decision that cannot be made on *award*.

        Raises:
            InvalidInputError: The message and pointer name the member.
        """
        check_text(self)
        check_reasons(self.decision, self.reasons)
        self._check_members()
        if self.decision == "refused" and any(
            (self.credits_centi, self.outcomes, self.eqf_level, self.fields, self.stands_for)
        ):
            message = (
                "what is refused is recognised for nothing; leave out credits, outcomes, level, fields, exemptions"
            )
            raise InvalidInputError(message, "/decision")
        if self.decision == "full" and self.outcomes:
            message = "a full recognition is for every outcome; leave them out"
            raise InvalidInputError(message, "/outcomes")
        if self.decision == "full" and self.credits_centi is not None and award.credits_centi is not None:
            message = "a full recognition is for all of the award's credits; leave them out"
            raise InvalidInputError(message, "/credits_centi")
        if self.decision == "partial":
            self._check_part(award)

    def _check_members(self) -> None:
        check_size(self.credits_centi, None, self.eqf_level)
        check_fields(self.fields, "/fields")
        check_outcomes(self.outcomes, "/outcomes")
        if len(self.stands_for) > MAX_EXEMPTIONS or len(set(self.stands_for)) != len(self.stands_for):
            message = f"up to {MAX_EXEMPTIONS} achievements, each of them once"
            raise InvalidInputError(message, "/stands_for")
        if self.towards is not None and not CODE.fullmatch(self.towards.code):
            message = "a code is 1 to 64 letters, digits, dots, hyphens and underscores"
            raise InvalidInputError(message, "/towards/code")
        words = self.explanation
        if words is not None and (is_blank(words) or len(words) > MAX_EXPLANATION_CHARS):
            message = f"an explanation has 1 to {MAX_EXPLANATION_CHARS} characters; leave it out if there is none"
            raise InvalidInputError(message, "/explanation")

    def _check_part(self, award: RecognisedAward) -> None:
        """A part is stated, and is part of the award."""
        if self.credits_centi is None and not self.outcomes:
            message = "a partial recognition says for how many credits, or for which outcomes"
            raise InvalidInputError(message, "/credits_centi")
        whole = award.credits_centi
        if whole is not None and self.credits_centi is not None and self.credits_centi > whole:
            message = f"the award has {whole} hundredths of a credit, and no more can be recognised of it"
            raise InvalidInputError(message, "/credits_centi")
        if whole is not None and self.credits_centi == whole and set(self.outcomes) >= set(award.outcomes):
            message = "this is all of the award; recognise it in full"
            raise InvalidInputError(message, "/decision")
        for number, outcome in enumerate(self.outcomes):
            if award.outcomes and outcome not in award.outcomes:
                message = "this is none of the award's outcomes; name them word for word"
                raise InvalidInputError(message, f"/outcomes/{number}")


class Details(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about one decision; its form is what the log commits to.

    Attributes:
        format: ``cairn/recognition/v1``.
        institution: Slug of who decided.
        award: What was decided about.
        decision: What was decided.
        agreement: The agreement between institutions that it follows from; None for an officer's own decision.
        effective_at: From when it holds.
    """

    format: str
    institution: str
    award: RecognisedAward
    decision: DecisionClaim
    agreement: UUID | None
    effective_at: Instant

    def form(self) -> bytes:
        """The exact bytes that are committed to: RFC 8785, every member present."""
        return canonical_json(msgspec.to_builtins(self))


def check_reasons(decision: DecisionKind, reasons: tuple[SubstantialDifference, ...]) -> None:
    """Refuse reasons that do not fit the decision.

    Raises:
        InvalidInputError: None for what is refused, one for what is recognised in full, or one twice.
    """
    if len(set(reasons)) != len(reasons):
        message = "each reason stands here once"
        raise InvalidInputError(message, "/reasons")
    if decision == "full" and reasons:
        message = "what is recognised in full has no substantial difference; leave the reasons out"
        raise InvalidInputError(message, "/reasons")
    if decision != "full" and not reasons:
        known = ", ".join(SubstantialDifference)
        message = f"no reason, no refusal: name the substantial differences, in whole or in part: {known}"
        raise InvalidInputError(message, "/reasons")


def parse_details(form: bytes) -> Details:
    """Read a form that :meth:`Details.form` made.

    Raises:
        msgspec.MsgspecError: The bytes are none.
    """
    return msgspec.json.decode(form, type=Details)
