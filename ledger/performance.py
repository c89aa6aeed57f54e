"""What one learner did: results, evidence, and who assessed. Personal, all of it, so never in an event.

Source: 1EdTech Open Badges 3.0, AchievementSubject, Result, Evidence, Profile.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ledger.detail import Alignment, Details, check_members, refuse

MAX_RESULTS = 30
MAX_EVIDENCE = 10
MAX_ENDORSEMENTS = 5
MAX_ENDORSEMENT_CHARS = 20_000

ResultStatus = Literal["Completed", "Enrolled", "Failed", "InProgress", "OnHold", "Provisional", "Withdrew"]


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One result; ``description`` and ``achieved_level`` are codes of the template's details."""

    description: str | None = None
    value: str | None = None
    achieved_level: str | None = None
    status: ResultStatus | None = None
    alignments: tuple[Alignment, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that shows the achievement; ``url`` is where it is, if it is anywhere."""

    url: str | None = None
    name: str | None = None
    description: str | None = None
    narrative: str | None = None
    genre: str | None = None
    audience: str | None = None


class Assessor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who assessed on the issuer's behalf."""

    id: str
    name: str
    url: str | None = None


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a claim that are checked together."""

    results: tuple[Result, ...]
    evidence: tuple[Evidence, ...]
    source: Assessor | None
    narrative: str | None
    license_number: str | None
    role: str | None
    term: str | None
    endorsements: tuple[dict[str, Any] | str, ...]

    def check(self) -> None:
        """Refuse parts that are empty, too long or too many.

        Raises:
            InvalidInputError: The pointer names the member of the claim.
        """
        for name, limit in (
            ("results", MAX_RESULTS),
            ("evidence", MAX_EVIDENCE),
            ("endorsements", MAX_ENDORSEMENTS),
        ):
            if len(getattr(self, name)) > limit:
                refuse(f"at most {limit} of these", f"/{name}")
        check_members(msgspec.structs.replace(self, endorsements=()), "")
        for number, item in enumerate(self.evidence):
            if item == Evidence():
                refuse("evidence says at least one thing", f"/evidence/{number}")
        for number, endorsement in enumerate(self.endorsements):
            _check_endorsement(endorsement, f"/endorsements/{number}")


def check_results(results: tuple[Result, ...], details: Details | None) -> None:
    """Hold results against the result descriptions of the edition they were had under.

    Raises:
        InvalidInputError: A code that the template does not have, or a value that it does not allow.
    """
    for number, result in enumerate(results):
        pointer = f"/results/{number}"
        if result.description is None:
            if result.achieved_level is not None:
                refuse("a level is one of a result description, which is not named", f"{pointer}/description")
            if result.value is None and result.status is None:
                refuse("a result has a value, a level or a status", pointer)
            continue
        described = None if details is None else details.result(result.description)
        if described is None:
            refuse("the micro-credential describes no such result", f"{pointer}/description")
            continue
        if described.allowed_values and result.value is not None and result.value not in described.allowed_values:
            refuse("the micro-credential does not allow this value", f"{pointer}/value")
        if result.achieved_level not in {None, *(level.code for level in described.levels)}:
            refuse("the result description has no such level", f"{pointer}/achieved_level")
        if result.value is None and result.achieved_level is None and result.status is None:
            refuse("a result has a value, a level or a status", pointer)


def _check_endorsement(endorsement: dict[str, Any] | str, pointer: str) -> None:
    if len(msgspec.json.encode(endorsement)) > MAX_ENDORSEMENT_CHARS:
        refuse(f"an endorsement has at most {MAX_ENDORSEMENT_CHARS} characters", pointer)
    if isinstance(endorsement, str):
        if endorsement.count(".") != 2:  # noqa: PLR2004  three parts: RFC 7515 section 7.1
            refuse("this is no compact JWT", pointer)
    elif "EndorsementCredential" not in endorsement.get("type", ()) or "proof" not in endorsement:
        refuse("this is no signed EndorsementCredential", pointer)
