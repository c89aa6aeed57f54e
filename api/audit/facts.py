"""The form in which a server gives the facts of an award to auditors."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from projections.credential_status import CredentialFacts


def facts_of(facts: CredentialFacts) -> dict[str, Any]:
    """The facts of an award as they are served to auditors: without positions, which are the server's own."""
    members: dict[str, Any] = json.loads(msgspec.json.encode(facts))
    for event in [*members["events"], *members.get("reissues", ()), *members.get("added", ())]:
        event.pop("position")
    return members
