"""Pages of stored facts, which auditors compare with the log: every award is on one, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from api.view_node import ViewNode
from projections.credential_status import CredentialStatus
from projections.view import View
from tests.projections.history import MAPPER, History, day, issued, revoked

INSTITUTION = UUID(int=1)
IDS = [bytes(16), bytes.fromhex("0190a3c1d2e38f4aa6f1c0ffee123456"), b"\xff" + bytes(15), b"\xff" * 16]
"""Of unpackings the ids are random, and those of a log that is mirrored are whatever it says."""


def test_every_award_is_on_a_page_whatever_its_id_is(tmp_path: Path) -> None:
    history = History()
    for number, identity in enumerate(IDS):
        history.add(UUID(bytes=identity), issued(INSTITUTION, 0, number))
    history.add(UUID(bytes=IDS[1]), revoked(day(3)))
    view = View(tmp_path, CredentialStatus.NAME, CredentialStatus.VERSION, writable=True)
    view.apply(history.events, CredentialStatus(MAPPER).apply, after=0)
    node: Any = SimpleNamespace(status=view)
    found: list[bytes] = []
    while page := ViewNode.status_page(cast("ViewNode", node), found[-1] if found else b"", 1):
        found += [key for key, _ in page]
    assert found == IDS
