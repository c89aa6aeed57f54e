"""Nothing personal where the public looks, and nothing readable where thieves look: every file of a whole ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.demo.closing import SUMMARY_FILE
from api.demo.filling import SEED
from api.demo.incident import NOTES
from api.demo.people import Learner
from api.demo.plan import Plan, make_plan
from api.ledger_node import system_clock
from tests.api.served import CODE, Served
from tests.files import contents

NAME = "Ulrika Ξανθοπούλου-O’Brien"
REFERENCE = "REF-7313-XYZZY"
EMAIL = "ulrika.xyzzy@example.org"
NOTE = "Complaint of the 17th by the neighbour Plugh"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(seed=SEED, end=system_clock().replace(microsecond=0))


def personal(plan: Plan) -> Iterator[bytes]:
    """Yield what every made-up learner is called, and every note of an officer."""
    for learner in plan.people:
        yield from _of(learner)
    for note in NOTES.values():
        yield note.encode()


def _of(learner: Learner) -> Iterator[bytes]:
    yield from (learner.name.encode(), learner.email.encode(), learner.reference.encode())
    escaped = json.dumps(learner.name)[1:-1]
    if escaped != learner.name:
        yield escaped.encode()


def files(directory: Path) -> list[tuple[Path, bytes]]:
    return [(file, kept) for file, kept in contents(directory) if file.name != SUMMARY_FILE]


def test_files_of_the_ledger_hold_nothing_personal_in_the_clear(demonstration: Served, plan: Plan) -> None:
    found = files(demonstration.node.settings.data_dir)
    assert {"ledger.db", "log.db", "checkpoint", "data.mdb"} <= {file.name for file, _ in found}
    needles = list(personal(plan))
    assert len(needles) > 900
    for file, content in found:
        assert [needle for needle in needles if needle in content] == [], file


def test_files_of_the_ledger_hold_no_working_link(demonstration: Served) -> None:
    rows = json.loads((demonstration.node.settings.data_dir / SUMMARY_FILE).read_bytes())
    ids = [row["credential"].encode() for row in rows]
    assert len(ids) > 10
    for file, content in files(demonstration.node.settings.data_dir):
        assert [one for one in ids if one in content] == [], file


def test_answers_and_logs_hold_nothing_personal_when_an_award_lives_its_life(served: Served, school_key: str) -> None:
    learner = {"name": NAME, "reference": REFERENCE, "email": EMAIL}
    issued = served.issue(school_key, learner=learner, grade="A−")
    path = f"/v1/credentials/{issued['id']}"
    change = {"reason": "under_review", "note": NOTE}
    answers = [
        served.write("POST", f"{path}/suspension", change, school_key),
        served.write("DELETE", f"{path}/suspension", {}, school_key),
        served.write("POST", f"{path}/revocation", {"reason": "other", "note": NOTE}, school_key),
        served.write("POST", f"{path}/revocation", {"reason": "other", "note": NOTE}, school_key),
        served.write("POST", "/v1/credentials", {"achievement": CODE, "learner": {**learner, "x": NAME}}, school_key),
        served.write("POST", f"{path}/{NAME}", {}, school_key),
        served.http.get(f"{path}/status"),
        served.http.get(f"{path}/evidence"),
        served.http.get(f"/verify/{issued['id']}"),
        served.http.get(f"/verify/{issued['id']}", params={"at": NAME}),
        served.http.get("/v1/audit/statuses"),
        served.http.get("/v1/anchors"),
        served.http.get("/metrics"),
        served.http.get("/readyz"),
        served.http.get(f"/institutions/{NAME}/did.json"),
        served.verify(json.dumps(issued["bundle"]).encode()),
        served.verify(json.dumps(issued["bundle"]["document"] | {"name": NAME}).encode()),
    ]
    assert [one.status_code for one in answers[:5]] == [200, 200, 200, 409, 422]
    texts = [one.text for one in answers] + [served.log.getvalue()]
    assert "suspension" in texts[-1]
    for secret in (NAME, "Ulrika", REFERENCE, EMAIL, NOTE, "Plugh", "A−"):
        assert [text for text in texts if secret in text] == [], secret
    assert issued["id"] not in served.log.getvalue()
    assert issued["id"] not in answers[12].text
    assert school_key not in served.log.getvalue()
