"""Shapes of request bodies.

They are the ledger's own structs wherever a command takes one, so there is one definition of each.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from api.conversion import convert
from ledger.achievement import Template
from ledger.agreement import WHOLE_PERCENT, AwardsOf
from ledger.claim import AwardClaim, LearnerClaim
from ledger.credential import AppealOutcome as ReviewAppealOutcome
from ledger.credential import ReviewOutcome
from ledger.decision import DecisionClaim
from ledger.detail import Details
from ledger.error import InvalidInputError
from ledger.form.learner_record import Association
from ledger.institution import InstitutionKind
from ledger.issuance import MAX_BATCH
from ledger.learner_request import RequestOutcome
from ledger.limit import NO_LIMITS, Limits
from ledger.prospectus import ProgrammeDraft
from ledger.quality import Headcount, Review
from ledger.reason import Reason
from ledger.recognised_award import AwardShown
from ledger.recognition import AppealResult
from ledger.separating import Completed
from ledger.signing_algorithm import Algorithm
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking_up import WaiverClaim

SkillUri = Annotated[str, msgspec.Meta(min_length=8, max_length=320)]
"""As long as the URI of a skill in a template may be."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of request bodies: unknown members are refused."""


class Awards(Body, frozen=True, kw_only=True):
    """Many awards of one institution, made together or not at all."""

    credentials: list[AwardClaim]
    institution: str | None = None


class Change(Body, frozen=True, kw_only=True):
    """A change of status. ``note`` is kept in the vault and never published."""

    reason: Reason
    effective_at: datetime | None = None
    note: str | None = None


class Reinstatement(Body, frozen=True, kw_only=True):
    """The end of a suspension."""

    effective_at: datetime | None = None


class Replacement(Body, frozen=True, kw_only=True):
    """A corrected award in the place of another."""

    reason: Reason
    credential: AwardClaim


class Publication(Body, frozen=True, kw_only=True):
    """A micro-credential's template under the institution's code for it."""

    code: str
    template: Template
    details: Details | None = None
    institution: str | None = None


class DueReview(Body, frozen=True, kw_only=True):
    """The day when a micro-credential is to be reviewed."""

    due_on: date


class SkillProfile(Body, frozen=True, kw_only=True):
    """Credentials whose skills are asked for: documents, bundles, tokens, or ids of awards."""

    credentials: list[Any]


class SkillCoverage(Body, frozen=True, kw_only=True):
    """A vacancy's skills by their URIs, and the credentials that somebody has."""

    skills: list[SkillUri]
    credentials: list[Any] = []


class PathwayPublication(Body, frozen=True, kw_only=True):
    """A pathway's rules under the institution's code for it; ``changes`` only with a further version."""

    code: str
    achievement: str
    rules: PathwayRules
    edition: int | None = None
    changes: tuple[str, ...] = ()


class AwardToStack(Body, frozen=True, kw_only=True):
    """An award that is to count: by its public id, or with what its holder has of it.

    An own award needs the id alone. One of another institution comes as the holder's ``bundle``, or as ``document`` and
    ``salt`` (base64); what was awarded elsewhere as ``recognition:`` and the id of its recognition.
    """

    award: str | None = None
    bundle: dict[str, Any] | None = None
    document: dict[str, Any] | None = None
    salt: str | None = None
    revalidated_on: date | None = None


class StackingRequest(Body, frozen=True, kw_only=True):
    """Awards to stack by a pathway; on trial, nothing is done and the answer explains what would be."""

    pathway: str
    learner: LearnerClaim
    awards: list[AwardToStack]
    institution: str | None = None
    version: int | None = None
    day: date | None = None
    waivers: tuple[WaiverClaim, ...] = ()
    grade: str | None = None
    valid_until: datetime | None = None
    name_components: bool = False
    dry_run: bool = False


class Appeal(Body, frozen=True, kw_only=True):
    """A holder's appeal, as the institution has received it; ``statement`` is kept in the vault."""

    statement: str | None = None


class AppealDecision(Body, frozen=True, kw_only=True):
    """What became of an appeal; ``note`` is kept in the vault."""

    outcome: ReviewAppealOutcome
    note: str | None = None


class ReviewDecision(Body, frozen=True, kw_only=True):
    """How a review ends."""

    outcome: ReviewOutcome


class Registration(Body, frozen=True, kw_only=True):
    """An institution to register; ``did_key`` identifies it by its one key, of that kind, for ever."""

    slug: str
    name: str
    country: str
    kind: InstitutionKind
    did_key: Algorithm | None = None


class Rotation(Body, frozen=True, kw_only=True):
    """A signing key to make: of the kind that awards are signed with, unless another is named."""

    algorithm: Algorithm | None = None


class AccreditationGrant(Body, frozen=True, kw_only=True):
    """An accreditation to enter: its scope in words, and for machines as limits."""

    by: str
    scope: str
    limits: Limits | None = None
    valid_from: datetime
    valid_until: datetime | None = None


class Withdrawal(Body, frozen=True, kw_only=True):
    """An accreditation, or a key, that no longer holds."""

    reason: Reason
    effective_at: datetime | None = None


class Compromise(Body, frozen=True, kw_only=True):
    """Since when a key was in other hands."""

    compromised_at: datetime


class Reissue(Body, frozen=True, kw_only=True):
    """Awards of a stolen key to sign anew; on trial, nothing is done and the answer says what would be."""

    dry_run: bool = False


class Forms(Body, frozen=True, kw_only=True):
    """Names of forms of documents (docs/spec/mapping.md)."""

    forms: list[str]


class RecordRequest(Body, frozen=True, kw_only=True):
    """A learner record to make. Without ``credentials`` it holds all that the learner holds at the institution."""

    reference: str
    credentials: list[str] = []
    associations: list[Association] = []
    institution: str | None = None


class EndorsementRequest(Body, frozen=True, kw_only=True):
    """An endorsement to make; ``subject`` is the URI of what is endorsed."""

    subject: str
    comment: str | None = None
    institution: str | None = None


class ProgrammePublication(Body, frozen=True, kw_only=True):
    """A diploma as modules, under the institution's code for it."""

    code: str
    programme: ProgrammeDraft


class UnpackingRequest(Body, frozen=True, kw_only=True):
    """A diploma to unpack: the modules that were completed, each with its day and grade."""

    diploma: str
    programme: str
    completed: tuple[Completed, ...]
    edition: int | None = None
    institution: str | None = None


class RecognitionRequest(Body, frozen=True, kw_only=True):
    """A decision about another's award; without ``decision`` an agreement decides.

    ``learner`` is what the deciding institution calls the learner; it may be left out for an award of its own.
    """

    award: AwardShown
    decision: DecisionClaim | None = None
    learner: str | None = None
    effective_at: datetime | None = None
    appeal_until: datetime | None = None
    institution: str | None = None


class AppealRequest(Body, frozen=True, kw_only=True):
    """A learner's appeal; ``statement`` is kept in the vault and never published."""

    filed_at: datetime | None = None
    decide_by: datetime | None = None
    statement: str | None = None


class AppealOutcome(Body, frozen=True, kw_only=True):
    """What came of the open appeal; ``decision`` is the new one when it was changed."""

    result: AppealResult
    decision: DecisionClaim | None = None
    effective_at: datetime | None = None
    appeal_until: datetime | None = None
    statement: str | None = None


class AgreementProposal(Body, frozen=True, kw_only=True):
    """An agreement to propose. Empty ``achievements`` and ``limits``: everything."""

    partner: str
    awards_of: AwardsOf = "both"
    achievements: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    share_percent: int = WHOLE_PERCENT
    cap_centi: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    institution: str | None = None


class AgreementAcceptance(Body, frozen=True, kw_only=True):
    """The acceptance of a proposal; an operator names the institution."""

    institution: str | None = None


class AgreementEnd(Body, frozen=True, kw_only=True):
    """The end of an agreement; an operator names the institution."""

    effective_at: datetime | None = None
    institution: str | None = None


class Empty(Body, frozen=True, kw_only=True):
    """A command that needs no further facts."""


class KeyGrant(Body, frozen=True, kw_only=True):
    """A bearer key to make for an institution."""

    label: str
    days: int


class LearnerLinkRequest(Body, frozen=True, kw_only=True):
    """A link to a learner's own page. The learner is named by the institution's reference, or by an award."""

    reference: str | None = None
    credential: str | None = None
    days: int = 30
    institution: str | None = None


class RequestDecision(Body, frozen=True, kw_only=True):
    """What became of a learner's request. ``answer`` is shown to the learner alone."""

    outcome: RequestOutcome
    answer: str | None = None


REQUEST_SHAPES: tuple[type, ...] = (
    AwardClaim,
    Awards,
    Change,
    Reinstatement,
    Replacement,
    Publication,
    DueReview,
    Review,
    Headcount,
    SkillProfile,
    SkillCoverage,
    PathwayPublication,
    StackingRequest,
    Appeal,
    AppealDecision,
    ReviewDecision,
    Registration,
    Rotation,
    AccreditationGrant,
    Withdrawal,
    Compromise,
    Reissue,
    Forms,
    RecordRequest,
    EndorsementRequest,
    ProgrammePublication,
    UnpackingRequest,
    RecognitionRequest,
    AppealRequest,
    AppealOutcome,
    AgreementProposal,
    AgreementAcceptance,
    AgreementEnd,
    Empty,
    KeyGrant,
    LearnerLinkRequest,
    RequestDecision,
)
"""Every shape that OpenAPI describes as a request body."""


def awards(value: object) -> tuple[Awards, bool]:
    """Make awards of a body that holds either one claim or ``{"credentials": [...]}``.

    Returns:
        The awards, and whether the body held a single claim.

    Raises:
        InvalidInputError: See :func:`api.conversion.convert`.
    """
    if isinstance(value, dict) and "credentials" in value:
        many = value["credentials"]
        if isinstance(many, list) and len(many) > MAX_BATCH:
            message = f"one request makes at most {MAX_BATCH} awards, not {len(many)}; split it"
            raise InvalidInputError(message, "/credentials")
        return convert(value, Awards), False
    members: dict[str, Any] = dict(value) if isinstance(value, dict) else {}
    institution = members.pop("institution", None)
    if institution is not None and not isinstance(institution, str):
        message = "the institution is named by its slug"
        raise InvalidInputError(message, "/institution")
    claim = convert(members if isinstance(value, dict) else value, AwardClaim)
    return Awards(credentials=[claim], institution=institution), True
