"""A stacked award from end to end: issued by a server, checked by the command, audited with disclosures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.system.school import CODE, SLUG, Caller, Json, evidence, loaded, operator_key
from tests.system.serving import Serving, cairn, quick_cairn

RULES: Final[Json] = {
    "format": "cairn/pathway/v1",
    "unit": {"kind": "ects"},
    "rule": {"rule": "minimum", "id": "total", "credits": 600},
    "cascade": {"on_loss": "revoke", "deadline_days": 0, "appeal_days": 0},
    "repeatable": [{"institution": SLUG, "code": CODE}],
}
LEARNER: Final[Json] = {"name": "Mari Maasikas", "reference": "S-1"}


@pytest.fixture(scope="module")
def stacked(serving: Serving, school: Caller) -> tuple[str, list[str]]:
    """A stack and its components."""
    published = school.post(f"/v1/institutions/{SLUG}/pathways", {"code": "P-1", "achievement": CODE, "rules": RULES})
    assert published.status_code == 201, published.text
    used = [school.issue(learner=LEARNER)["id"] for _ in range(2)]
    body = {"pathway": "P-1", "learner": LEARNER, "awards": [{"award": one} for one in used]}
    made = loaded(school.post("/v1/stackings", body))
    evidence(serving, made["id"])
    return made["id"], used


@pytest.fixture(scope="module")
def trusting(serving: Serving) -> Serving:
    assert quick_cairn(serving.home, "trust", "add", serving.http.get("/log/vkey").text.strip()).returncode == 0
    return serving


def test_verify_command_runs_the_rules_of_a_stack_again(
    trusting: Serving, school: Caller, stacked: tuple[str, list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(school.bundle(stacked[0]))
    done = quick_cairn(trusting.home, "verify", file, "--json")
    checks = {check["code"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout
    assert {state for code, state in checks.items() if code.startswith("stack.")} == {"passed"}
    shown = json.loads(file.read_bytes())
    shown["stack"]["derivation"]["components"][0]["credits_centi"] = 600
    file.write_text(json.dumps(shown))
    assert quick_cairn(trusting.home, "verify", file).returncode == 1


def test_audit_derives_the_stack_again_and_finds_one_that_was_changed(
    trusting: Serving, stacked: tuple[str, list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "disclosed.jsonl"
    assert quick_cairn(trusting.home, "disclose", "--data", trusting.data, "--to", file).returncode == 0
    done = quick_cairn(trusting.home, "audit", trusting.url, "--disclosures", file, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["findings"], report["disclosed"]["derived"]) == (0, [], 1)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    [changed] = [line for line in lines if "stack" in line]
    changed["stack"]["derivation"]["version"] = 2
    copy = tmp_path / "copy.jsonl"
    copy.write_text("".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines))
    done = quick_cairn(trusting.home, "audit", trusting.url, "--disclosures", copy, "--json")
    assert done.returncode == 1
    assert "derivation-differs" in {finding["code"] for finding in json.loads(done.stdout)["findings"]}
    assert stacked


def test_fsck_finds_nothing_in_a_ledger_with_stacks(serving: Serving, stacked: tuple[str, list[str]]) -> None:
    done = cairn(serving.home, "fsck", "--data", serving.data, "--json")
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])
    assert stacked


def test_cascade_command_and_the_server_carry_out_the_policy(
    serving: Serving, school: Caller, stacked: tuple[str, list[str]]
) -> None:
    made, used = stacked
    assert school.post(f"/v1/credentials/{used[0]}/revocation", {"reason": "incorrect_data"}).is_success
    assert quick_cairn(serving.home, "cascade", "--data", serving.data).returncode == 0
    done = quick_cairn(serving.home, "cascade", "--data", serving.data, "--json")
    assert done.returncode == 0
    operator = Caller(serving, operator_key(serving))
    assert operator.post("/v1/cascade/runs", {}).is_success
    kinds = [event["kind"] for event in loaded(serving.http.get(f"/v1/credentials/{made}/status"))["events"]]
    assert kinds == ["issued", "stacked", "review_opened", "revoked", "review_closed"]
