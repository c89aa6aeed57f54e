"""The steps of the demonstration: what happens, when, and to which institution.

A step names an institution by its slug, an achievement by its code, and an award by a handle that
lives in the plan alone (``a-000123``): public ids are random and come out of the ledger. Keys and
accreditations bear the names that the ledger will give them (``key-2``, ``accreditation-1``).
Whoever carries a step out sets the clock to ``at``, which is when the ledger learns of it, and
matches on the class; nothing has to be decided any more.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias

import msgspec

from api.demo.people import Learner
from ledger.achievement import Template
from ledger.institution import InstitutionKind
from ledger.reason import Reason


class BaseStep(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What all steps have: the instant (aware, UTC, whole seconds) and the institution's slug."""

    at: datetime
    institution: str


class RegisterInstitution(BaseStep, frozen=True, kw_only=True):
    """An institution joins the ledger with its first key, ``key-1``."""

    name: str
    country: str
    kind: InstitutionKind


class GrantAccreditation(BaseStep, frozen=True, kw_only=True):
    """An authority's accreditation is entered."""

    accreditation_id: str
    by: str
    scope: str
    valid_from: datetime
    valid_until: datetime | None


class WithdrawAccreditation(BaseStep, frozen=True, kw_only=True):
    """It is entered that an accreditation has not held since ``effective_at``."""

    accreditation_id: str
    reason: Reason
    effective_at: datetime


class PublishAchievement(BaseStep, frozen=True, kw_only=True):
    """The first edition of a micro-credential is published."""

    code: str
    template: Template


class ReviseAchievement(BaseStep, frozen=True, kw_only=True):
    """A further edition is published; ``edition`` is its number."""

    code: str
    edition: int
    template: Template


class PlannedAward(msgspec.Struct, frozen=True, kw_only=True):
    """One learner's award in a batch; ``grade`` None means that none is given."""

    handle: str
    learner: Learner
    grade: str | None


class IssueBatch(BaseStep, frozen=True, kw_only=True):
    """A class receives its awards in one request. ``key_id`` is the key in force at that time."""

    code: str
    edition: int
    key_id: str
    awarded_on: date
    valid_until: datetime | None
    awards: tuple[PlannedAward, ...]


class Suspend(BaseStep, frozen=True, kw_only=True):
    """An award does not hold for now. ``note`` is free text for the vault."""

    award: str
    reason: Reason
    note: str | None


class Reinstate(BaseStep, frozen=True, kw_only=True):
    """A suspension ends."""

    award: str


class Revoke(BaseStep, frozen=True, kw_only=True):
    """An award is taken back for good, as of ``effective_at``, which may lie well before ``at``."""

    award: str
    reason: Reason
    effective_at: datetime
    note: str | None


class Replace(BaseStep, frozen=True, kw_only=True):
    """A corrected award, ``successor``, takes the place of ``award``."""

    award: str
    reason: Reason
    code: str
    edition: int
    key_id: str
    awarded_on: date
    valid_until: datetime | None
    successor: PlannedAward


class RotateKey(BaseStep, frozen=True, kw_only=True):
    """The key ``key_id`` comes into force; ``retired_key_id`` is the one it retires, if any."""

    key_id: str
    retired_key_id: str | None


class ChooseForms(BaseStep, frozen=True, kw_only=True):
    """The institution offers its documents in further forms from now on."""

    forms: tuple[str, ...]


class CompromiseKey(BaseStep, frozen=True, kw_only=True):
    """It is declared that a key was in other hands from ``compromised_at`` on."""

    key_id: str
    compromised_at: datetime


class ForgeDocument(BaseStep, frozen=True, kw_only=True):
    """A thief signs a document with the stolen key. No command is given: the log never sees it."""

    code: str
    edition: int
    key_id: str
    awarded_on: date
    award: PlannedAward


Step: TypeAlias = (
    RegisterInstitution
    | GrantAccreditation
    | WithdrawAccreditation
    | PublishAchievement
    | ReviseAchievement
    | IssueBatch
    | Suspend
    | Reinstate
    | Revoke
    | Replace
    | RotateKey
    | ChooseForms
    | CompromiseKey
    | ForgeDocument
)
