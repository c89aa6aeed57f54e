"""A document of an institution's own making goes through the whole ledger: log, status, evidence, audit, fsck."""

from __future__ import annotations

import json

import pytest

from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.setting import load_settings
from ledger.access import Actor
from ledger.attesting import Attestable
from ledger.signing_algorithm import Algorithm
from tests.system.school import SLUG, Caller, evidence, status, verified
from tests.system.serving import Serving, cairn, quick_cairn

OPERATOR = Actor(name="test", role="operator")
KINDS: tuple[Algorithm, ...] = ("P-256", "P-384", "RSA")


def _form(about: Attestable) -> dict[str, bytes]:
    return {"vc+jwt": about.key.kid.encode() + about.public_id.encode()}


def _attest(node: LedgerNode, key_id: str | None = None) -> str:
    answer: str = node.attesting.attest(slug=SLUG, make=_form, actor=OPERATOR, key_id=key_id).answer
    return answer


@pytest.fixture(scope="module")
def attested(serving: Serving, school: Caller) -> list[str]:
    """Four documents, the last of them revoked, made by a second process on a served ledger with an award in it."""
    school.issue()
    node = open_ledger(load_settings({}, data_dir=serving.data), clock=system_clock)
    try:
        keys = [node.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm=kind).answer["key"] for kind in KINDS]
        node.registry.register(slug="keyed", name="Keyed", country="EE", kind="other", actor=OPERATOR, did_key="P-256")
        made = [_attest(node), *(_attest(node, key) for key in keys)]
    finally:
        node.close()
    revoked = school.post(f"/v1/credentials/{made[-1]}/revocation", {"reason": "other"})
    assert revoked.is_success, revoked.text
    return made


def test_status_and_evidence_speak_of_a_document_as_of_an_award(serving: Serving, attested: list[str]) -> None:
    for public_id, verdict in zip(attested, ["valid", "valid", "valid", "invalid"], strict=True):
        answer = status(serving, public_id)
        assert (answer["verdict"], answer["achievement"]) == (verdict, None)
        report = verified(serving, evidence(serving, public_id))
        assert report["verdict"] == verdict, report
        [check] = [check for check in report["checks"] if check["code"] == "genuine.achievement"]
        assert (check["state"], check["reason"]) == ("skipped", "no_achievement")
        assert "achievement" not in report["facts"]


def test_page_shows_a_document_without_an_achievement(serving: Serving, attested: list[str]) -> None:
    for language in ("en", "ru"):
        page = serving.http.get(f"/verify/{attested[0]}", headers={"Accept-Language": language})
        assert page.status_code == 200
        assert "The riverside-university" in page.text


def test_audit_and_fsck_find_nothing_when_documents_were_attested(serving: Serving, attested: list[str]) -> None:
    evidence(serving, attested[0])
    done = quick_cairn(serving.home, "audit", serving.url, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["differences"], report["findings"]) == (0, 0, []), report
    serving.stop()
    checked = cairn(serving.home, "fsck", "--data", serving.data, "--json")
    assert (checked.returncode, json.loads(checked.stdout)["findings"]) == (0, []), checked.stdout
