"""What is publicly said of recognitions and agreements: the log's own words, with institutions by their slugs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from ledger.agreement import Agreement
from ledger.recognition import Appeal, Recognition, Ruling


def recognition_answer(known: Recognition, slug: str, now: datetime) -> dict[str, Any]:
    """The public answer on a recognition.

    Args:
        known: What the log says.
        slug: Of the institution that decided.
        now: Present instant.
    """
    withdrawal = known.withdrawal
    return {
        "recognition": str(known.id),
        "institution": slug,
        "state": _state(known, now),
        **_ruling(known.rulings[-1]),
        "under_appeal": known.open_appeal is not None,
        "rulings": [_ruling(one) for one in known.rulings],
        "appeals": [_appeal(one, now) for one in known.appeals],
        "withdrawal": None if withdrawal is None else msgspec.to_builtins(withdrawal),
    }


def agreement_answer(known: Agreement, proposer: str, partner: str, now: datetime) -> dict[str, Any]:
    """The public answer on an agreement.

    Args:
        known: What the log says.
        proposer: Slug.
        partner: Slug.
        now: Present instant.
    """
    return {
        "agreement": str(known.id),
        "proposer": proposer,
        "partner": partner,
        "state": agreement_state(known, now),
        **msgspec.to_builtins(known.terms),
        "valid_from": known.valid_from,
        "valid_until": known.valid_until,
        "accepted_at": known.accepted_at,
        "ended_at": known.ended_at,
    }


def agreement_state(known: Agreement, now: datetime) -> str:
    """In one word how an agreement stands."""
    if known.ended_at is not None and known.ended_at <= now:
        return "ended" if known.accepted_at is not None else "declined"
    if known.accepted_at is None:
        return "proposed"
    if known.in_force(now):
        return "in_force"
    return "accepted" if now < known.valid_from else "over"


def _state(known: Recognition, now: datetime) -> str:
    if known.withdrawal is not None and known.withdrawal.effective_at <= now:
        return "withdrawn"
    return "in_force" if any(ruling.effective_at <= now for ruling in known.rulings) else "not_yet_in_force"


def _ruling(ruling: Ruling) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(ruling)
    members["commitment"] = members.pop("details")
    return members


def _appeal(appeal: Appeal, now: datetime) -> dict[str, Any]:
    return {
        "filed_at": appeal.filed_at,
        "decide_by": appeal.decide_by,
        "result": appeal.result,
        "decided_at": appeal.decided_at,
        "late": appeal.is_late(now),
    }
