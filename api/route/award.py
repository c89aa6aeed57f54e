"""What two routers share on awards: the path parameter, and an award as it is answered when it has been made."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import Path

from api.bundle import fresh_bundle
from api.error import FieldError, UnknownResourceError
from api.node import Node
from ledger.application import Outcome
from ledger.credential_id import parse_public_id
from ledger.error import ErasedError, InvalidInputError

PublicId: TypeAlias = Annotated[str, Path(alias="id", description="Public id of an award: 36 letters and digits.")]


def known_form(public_id: str) -> str:
    """Return *public_id* when it can be one: an address that cannot be any award's leads nowhere.

    Raises:
        UnknownResourceError: It has not the form of one.
    """
    try:
        parse_public_id(public_id)
    except InvalidInputError as error:
        raise UnknownResourceError(error.detail, errors=(FieldError(error.detail, parameter="id"),)) from error
    return public_id


def made_awards(node: Node, outcome: Outcome) -> list[dict[str, Any]]:
    """What :func:`made_award` says of every award of an outcome; of those made just now, without opening the vault."""
    if outcome.made is None:
        return [made_award(node, public_id) for public_id in outcome.answer]
    return [
        {"id": public_id, **node.links(public_id), "bundle": fresh_bundle(kept)}
        for public_id, kept in zip(outcome.answer, outcome.made, strict=True)
    ]


def made_award(node: Node, public_id: str) -> dict[str, Any]:
    """The id, the addresses and the bundle of an award that has just been made, or was by an earlier equal request."""
    made: dict[str, Any] = {"id": public_id, **node.links(public_id)}
    try:
        return {**made, "bundle": node.bundles.bundle_without_evidence(public_id)}
    except ErasedError:  # a repetition, after the learner was erased
        return {**made, "bundle": None, "erased": True}
