"""One award and the corrected one that is to take its place, between the form and the button."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from api.desk.change import held_choice
from api.desk.class_list import LAST_MOMENT, ListRow, Note, ask_ledger, read_day
from api.desk.gate import Visit
from api.node import Node
from ledger.application import Request
from ledger.award_finding import AwardFinding
from ledger.claim import AwardClaim
from ledger.error import LedgerError
from ledger.reason import Reason

HELD: Final = "replacement"
"""Under which name a session holds it."""
FIELDS: Final = ("name", "email", "grade", "awarded_on", "valid_until", "license_number")
"""What can be corrected here. The learner stays the same, and so do micro-credential and edition."""


@dataclass(slots=True, eq=False)
class Replacement:
    """A correction.

    Attributes:
        public_id: The award that it replaces.
        old: What was claimed.
        new: What is to be.
        reason: Why.
        id: 128 random bits as hex: the idempotency key.
        successor: Id of the new award, once it is made.
    """

    public_id: str
    old: AwardClaim
    new: AwardClaim
    reason: Reason
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    successor: str = ""

    @property
    def differences(self) -> list[tuple[str, str, str]]:
        """Field, what stood there, what will."""
        return differences(self.old, self.new)

    def carry_out(self, node: Node, visit: Visit) -> None:
        """Make it, once however often it is asked for.

        Raises:
            LedgerError: The ledger refuses it.
        """
        self.successor, position = replace(node, visit, self.public_id, self.new, self.reason, key=self.id)
        node.wait_until_visible(position)


def replace(
    node: Node, visit: Visit, public_id: str, claim: AwardClaim, reason: Reason, *, key: str
) -> tuple[str, int]:
    """Make a corrected award in the place of another, once for a *key*; returns its id and the position written.

    Raises:
        LedgerError: The ledger refuses it.
    """
    body = msgspec.json.encode([claim, reason])
    request = Request(f"{visit.institution.id.hex} desk replacement", key, body)
    outcome = node.issuance.replace(public_id=public_id, claim=claim, reason=reason, actor=visit.actor, request=request)
    [successor] = outcome.answer
    return successor, outcome.position


def differences(old: AwardClaim, new: AwardClaim) -> list[tuple[str, str, str]]:
    """Field, what stood there, what will."""
    before, after = shown(old), shown(new)
    return [(name, before[name], after[name]) for name in FIELDS if before[name] != after[name]]


def claim_to_correct(node: Node, visit: Visit) -> tuple[str, AwardClaim] | None:
    """The one award that the session has found, with what was claimed; None when there is not one, or it was erased."""
    choice = held_choice(visit)
    if choice is None or len(choice.awards) != 1:
        return None
    public_id = choice.awards[0].public_id
    claim = claim_of(node, visit, public_id)
    return None if claim is None else (public_id, claim)


def claim_of(node: Node, visit: Visit, public_id: str) -> AwardClaim | None:
    """What was claimed of an award of the visitor's institution; None when there is none, or it was erased."""
    try:
        credential, _ = node.parts.parts.credential(public_id, node.ledger.now())
    except LedgerError:
        return None
    kept = AwardFinding(node.ledger, node.parts.vault).sealed(credential.id)
    if kept is None or not kept.claim or credential.institution != visit.institution.id:
        return None
    claim = msgspec.msgpack.decode(kept.claim, type=AwardClaim)
    return msgspec.structs.replace(claim, edition=credential.edition)


def held_replacement(visit: Visit) -> Replacement | None:
    """The correction that a session holds, or None."""
    found = visit.session.held.get(HELD)
    return found if isinstance(found, Replacement) else None


def shown(claim: AwardClaim) -> dict[str, str]:
    """The fields of a claim as a form shows them."""
    return {
        "name": claim.learner.name,
        "email": claim.learner.email or "",
        "grade": claim.grade or "",
        "awarded_on": claim.awarded_on.isoformat(),
        "valid_until": "" if claim.valid_until is None else claim.valid_until.date().isoformat(),
        "license_number": claim.license_number or "",
    }


def corrected(node: Node, visit: Visit, old: AwardClaim) -> tuple[AwardClaim, list[Note]]:
    """Read the form: the corrected claim, and what is wrong with it."""
    row = read_correction(1, old, {name: visit.text(name) for name in FIELDS})
    slug, actor = visit.institution.slug, visit.actor
    new = row.claim
    ask_ledger([row], lambda claims: node.issuance.refusals(slug=slug, claims=claims, actor=actor))
    return new, row.problems


def read_correction(number: int, old: AwardClaim, given: Mapping[str, str]) -> ListRow:
    """The corrected claim, and what of it cannot be read.

    Args:
        number: Of the row in which it stands.
        old: What was claimed.
        given: What stands there now; a field that is not there stays as it was, one that is empty says nothing.
    """
    wanted = {**shown(old), **given}
    days = {name: read_day(wanted[name]) for name in ("awarded_on", "valid_until") if wanted[name]}
    notes = [Note(name, "bad_day") for name, day in days.items() if day is None]
    if not wanted["awarded_on"]:
        notes.append(Note("awarded_on", "no_day"))
    new = msgspec.structs.replace(
        old,
        learner=msgspec.structs.replace(old.learner, name=wanted["name"], email=wanted["email"] or None),
        grade=wanted["grade"] or None,
        awarded_on=days.get("awarded_on") or old.awarded_on,
        valid_until=_until(old.valid_until, days.get("valid_until")),
        license_number=wanted["license_number"] or None,
    )
    return ListRow(number, dict(given), new, notes)


def _until(before: datetime | None, day: date | None) -> datetime | None:
    """The end as it was when its day is the same, else the end of that day."""
    if day is None or (before is not None and before.date() == day):
        return None if day is None else before
    return datetime.combine(day, LAST_MOMENT, UTC)
