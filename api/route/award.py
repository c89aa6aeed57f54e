"""What two routers share on awards: the path parameter, and an award as it is answered when it has been made."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import Path

from api.node import Node
from ledger.error import ErasedError

PublicId: TypeAlias = Annotated[str, Path(alias="id", description="Public id of an award: 36 letters and digits.")]


def made_award(node: Node, public_id: str) -> dict[str, Any]:
    """The id, the addresses and the bundle of an award that has just been made, or was by an earlier equal request."""
    made: dict[str, Any] = {"id": public_id, **node.links(public_id)}
    try:
        return {**made, "bundle": node.bundles.bundle_without_evidence(public_id)}
    except ErasedError:  # a repetition, after the learner was erased
        return {**made, "bundle": None, "erased": True}
