"""Stacking over HTTP: publishing pathways, stacking, what a holder shows of it, and what becomes of it."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from api.anchor_setup import own_policy
from ledger import stacking_up
from ledger.stacking.evaluate import Budget
from tests.api.served import SLUG, TEMPLATE, Served, open_school, serving
from verifier.bundle import parse_bundle
from verifier.error import InputError
from verifier.evidence import parse_evidence
from verifier.plan import PLAN, STACK_CHECKS, STACK_PLAN
from verifier.report import Report, State, Verdict
from verifier.verify import verify_bundle, verify_evidence

OTHER = "coast-college"
RULES: dict[str, Any] = {
    "format": "cairn/pathway/v1",
    "unit": {"kind": "ects"},
    "rule": {"rule": "minimum", "id": "total", "credits": 500},
    "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
}
LEARNER = {"name": "Mari Maasikas", "reference": "S-1"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger with two institutions and what is needed to stack."""
    with serving(tmp_path_factory.mktemp("stacks") / "data") as one:
        open_school(one)
        operator = one.key()
        body = {"slug": OTHER, "name": "Coast College", "country": "EE", "kind": "vocational_college"}
        assert one.write("POST", "/v1/institutions", body, operator).status_code == 201
        for code in ("MOD-1", "MOD-2", "MOD-3", "CERT"):
            publish(one, one.key(SLUG), code)
        publish(one, one.key(OTHER), "SEA-1")
        for policy in ("review", "revoke", "stand"):
            rules = {**RULES, "cascade": {**RULES["cascade"], "on_loss": policy}}
            assert pathway(one, f"CERT-{policy}", rules).status_code == 201
        yield one


@pytest.fixture(scope="module")
def key(served: Served) -> str:
    return served.key(SLUG)


def publish(served: Served, key: str, code: str) -> None:
    answered = served.write("POST", "/v1/achievements", {"code": code, "template": TEMPLATE}, key)
    assert answered.status_code == 201, answered.text


def pathway(served: Served, code: str, rules: object, **members: object) -> Any:  # noqa: ANN401  an answer
    body = {"code": code, "achievement": "CERT", "rules": rules, **members}
    return served.write("POST", f"/v1/institutions/{SLUG}/pathways", body, served.key(SLUG))


def award(served: Served, code: str, slug: str = SLUG, **members: object) -> str:
    body = {"achievement": code, "learner": LEARNER, "awarded_on": "2026-01-31", **members}
    answered = served.write("POST", "/v1/credentials", body, served.key(slug))
    assert answered.status_code == 201, answered.text
    public_id: str = answered.json()["id"]
    return public_id


def stack(served: Served, awards: list[Any], policy: str = "review", **members: object) -> Any:  # noqa: ANN401  an answer
    body = {"pathway": f"CERT-{policy}", "learner": LEARNER, "awards": awards, **members}
    return served.write("POST", "/v1/stackings", body, served.key(SLUG))


def stacked(served: Served, policy: str = "review", **members: object) -> tuple[str, list[str]]:
    used = [award(served, "MOD-1"), award(served, "MOD-2")]
    answered = stack(served, [{"award": one} for one in used], policy, **members)
    assert answered.status_code == 201, answered.text
    return answered.json()["id"], used


def bundle(served: Served, public_id: str, slug: str = SLUG) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {served.key(slug)}"}
    answered = served.http.get(f"/v1/credentials/{public_id}/bundle", headers=headers)
    assert answered.status_code == 200, answered.text
    read: dict[str, Any] = answered.json()
    return read


def judged(served: Served, shown: dict[str, Any]) -> Report:
    """The report on a bundle, away from the ledger."""
    policy = own_policy(served.node.parts, served.node.log.keys)
    return verify_bundle(parse_bundle(json.dumps(shown).encode()), policy, now=served.node.ledger.now(), max_age=None)


def states(report: Report) -> dict[str, tuple[str, str]]:
    return {code: (report.check(code).state.value, report.check(code).reason) for code in STACK_CHECKS}


def revoke(served: Served, public_id: str) -> None:
    change = {"reason": "academic_misconduct"}
    assert served.write("POST", f"/v1/credentials/{public_id}/revocation", change, served.key(SLUG)).status_code == 200


def run(served: Served) -> None:
    assert served.write("POST", "/v1/cascade/runs", {}, served.key()).status_code == 200


def status(served: Served, public_id: str) -> dict[str, Any]:
    read: dict[str, Any] = served.http.get(f"/v1/credentials/{public_id}/status").json()
    return read


def test_pathway_is_published_and_read_with_what_has_changed(served: Served) -> None:
    assert pathway(served, "P-1", RULES).json()["version"] == 1
    stricter = {**RULES, "rule": {**RULES["rule"], "credits": 750}}
    stricter["counting"] = [{"rule": "recency", "id": "fresh", "years": 7}]
    assert pathway(served, "P-1", stricter).status_code == 422  # what has changed has to be said
    revised = pathway(served, "P-1", stricter, changes=["Three modules, none older than seven years."])
    assert (revised.status_code, revised.json()["version"]) == (201, 2)
    newest = served.http.get(f"/v1/pathways/{SLUG}/P-1").json()
    assert (newest["version"], newest["versions"], newest["rules"]["rule"]["credits"]) == (2, 2, 750)
    assert newest["history"][1]["changes"] == ["Three modules, none older than seven years."]
    assert newest["history"][1]["differences"] == [
        {"what": "rule", "name": "fresh", "change": "added"},
        {"what": "rule", "name": "total", "change": "changed"},
        {"what": "member", "name": "counting", "change": "added"},
    ]
    first = served.http.get(f"/v1/pathways/{SLUG}/P-1/1").json()
    assert (first["version"], first["rules"]) == (1, RULES)
    assert served.http.get(f"/v1/pathways/{SLUG}/P-1/3").status_code == 404
    assert served.http.get(f"/v1/pathways/{SLUG}/NO-SUCH").status_code == 404


def test_pathway_is_refused_with_a_pointer_and_retired_once(served: Served, key: str) -> None:
    wrong = pathway(served, "P-2", {**RULES, "cascade": {**RULES["cascade"], "deadline_days": -1}})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/rules/cascade/deadline_days")
    lacking = pathway(served, "P-2", {name: member for name, member in RULES.items() if name != "unit"})
    assert lacking.status_code == 422
    assert pathway(served, "P-2", RULES).status_code == 201
    for expected in (200, 409):
        path = f"/v1/institutions/{SLUG}/pathways/P-2/retirement"
        assert served.write("POST", path, {}, key).status_code == expected
    assert served.http.get(f"/v1/pathways/{SLUG}/P-2").json()["retired_at"] is not None


def test_trial_explains_and_does_nothing(served: Served) -> None:
    used = [{"award": award(served, "MOD-1")}]
    before = served.node.ledger.newest()
    explained = stack(served, used, dry_run=True)
    assert explained.status_code == 200
    assert explained.json()["state"] == "unmet"
    assert served.node.ledger.newest() == before


def test_awards_that_do_not_stack_are_refused_with_the_explanation(served: Served) -> None:
    refused = stack(served, [{"award": award(served, "MOD-1")}])
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/problems/not-stacked")
    [total] = [one for one in refused.json()["evaluation"]["outcomes"] if one["rule"] == "total"]
    assert (total["state"], total["have"], total["need"]) == ("unmet", 250, 500)


def test_search_that_runs_out_of_its_budget_is_no_refusal(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = vars(stacking_up)["evaluate"]
    groups = [{"rule": "choose", "id": f"g{number}", "of": {}, "credits": 500} for number in range(4)]
    rules = {**RULES, "rule": {"rule": "all_of", "id": "all", "rules": groups}}
    assert (
        pathway(served, "CERT-hard", {**rules, "repeatable": [{"institution": SLUG, "code": "MOD-1"}]}).status_code
        == 201
    )
    used = [{"award": award(served, "MOD-1")} for _ in range(8)]
    monkeypatch.setattr(stacking_up, "evaluate", partial(evaluate, budget=Budget(steps=0)))
    answered = stack(served, used, "hard")
    assert answered.status_code == 409
    assert answered.json()["type"].endswith("/problems/stacking-undecided")
    assert answered.json()["evaluation"]["state"] == "undecided"
    monkeypatch.undo()
    assert stack(served, used, "hard").status_code == 201


def test_stack_is_answered_with_its_bundle_and_derivation(served: Served) -> None:
    used = [award(served, "MOD-1"), award(served, "SEA-1", OTHER)]
    shown = [{"award": used[0]}, {"bundle": bundle(served, used[1], OTHER)}]
    answered = stack(served, shown)
    assert answered.status_code == 201, answered.text
    made = answered.json()
    assert made["bundle"]["format"] == "cairn/bundle/v2"
    assert made["bundle"]["stack"]["derivation"] == made["derivation"]
    assert sorted(one["award"] for one in made["derivation"]["components"]) == sorted(used)
    assert parse_bundle(json.dumps(made["bundle"]).encode()).stack is not None


def test_award_of_another_institution_is_refused_without_its_bundle(served: Served) -> None:
    refused = stack(served, [{"award": award(served, "MOD-1")}, {"award": award(served, "SEA-1", OTHER)}])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/awards/1/document")
    for wrong, pointer in (
        ({}, "#/awards/0/award"),
        ({"award": "x"}, "#/awards/0/award"),
        ({"bundle": {}}, "#/awards/0/bundle"),
        ({"award": award(served, "MOD-1"), "document": {}, "salt": "?"}, "#/awards/0/salt"),
    ):
        answered = stack(served, [wrong])
        assert answered.status_code == 422
        assert answered.json()["errors"][0]["pointer"].startswith(pointer), answered.text


def test_repeated_request_is_answered_alike(served: Served) -> None:
    used = [{"award": award(served, "MOD-1")}, {"award": award(served, "MOD-2")}]
    headers = {"Authorization": f"Bearer {served.key(SLUG)}", "Idempotency-Key": uuid4().hex}
    body = {"pathway": "CERT-review", "learner": LEARNER, "awards": used}
    first, again = (served.http.post("/v1/stackings", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]


def test_bundle_of_a_stack_is_checked_away_from_the_ledger_rule_by_rule(served: Served) -> None:
    made, used = stacked(served)
    report = judged(served, bundle(served, made))
    assert report.verdict is Verdict.VALID, report.to_json()
    assert [check.code for check in report.checks] == list(STACK_PLAN)
    assert states(report) == {
        "stack.derivation": ("passed", "derivation_opened"),
        "stack.pathway": ("passed", "pathway_published"),
        "stack.rules": ("passed", "rules_met"),
        "stack.facts": ("passed", "components_proved"),
        "stack.components": ("passed", "components_hold"),
    }
    assert len(used) == len(bundle(served, made)["stack"]["components"])


def test_stack_that_is_not_shown_is_skipped_and_the_award_is_valid(served: Served) -> None:
    made, _ = stacked(served)
    shown = bundle(served, made)
    del shown["stack"]
    report = judged(served, shown)
    assert report.verdict is Verdict.VALID
    assert {state for state, _ in states(report).values()} == {"skipped"}
    content = served.http.get(f"/v1/credentials/{made}/evidence").content
    policy = own_policy(served.node.parts, served.node.log.keys)
    report = verify_evidence(parse_evidence(content), policy, now=served.node.ledger.now(), max_age=None)
    assert report.verdict is Verdict.VALID
    assert set(states(report).values()) == {("skipped", "stack_not_shown")}


def test_award_that_was_not_stacked_is_judged_by_the_plan_as_before(served: Served) -> None:
    shown = bundle(served, award(served, "MOD-3"))
    assert shown["format"] == "cairn/bundle/v1"
    report = judged(served, shown)
    assert [check.code for check in report.checks] == list(PLAN)
    assert report.verdict is Verdict.VALID


def test_every_part_of_a_stack_that_is_altered_is_found(served: Served) -> None:
    made, _ = stacked(served)
    _, others = stacked(served)
    good, foreign = bundle(served, made), bundle(served, others[0])

    def altered(change: Any) -> Report:  # noqa: ANN401  a function that changes a bundle
        shown = copy.deepcopy(good)
        change(shown["stack"])
        return judged(served, shown)

    def swap_editions(stack: dict[str, Any]) -> None:
        """Show of one component what another was awarded for: a real entry of the log, and not its own."""
        one, two = stack["components"][:2]
        one["entries"][-1], two["entries"][-1] = two["entries"][-1], one["entries"][-1]

    def name_another_leaf(stack: dict[str, Any]) -> None:
        proved = stack["components"][0]["status"]["revocation"]
        proved["leaf"] ^= 1

    def first(stack: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = stack["derivation"]["components"][0]
        return found

    cases: list[tuple[str, State, Any]] = [
        ("stack.derivation", State.FAILED, lambda stack: first(stack).update(credits_centi=9_000)),
        ("stack.derivation", State.FAILED, lambda stack: stack["derivation"].update(version=2)),
        ("stack.derivation", State.FAILED, lambda stack: stack.update(salt="A" * 43 + "=")),
        ("stack.pathway", State.FAILED, lambda stack: stack.update(pathway=foreign["evidence"]["entries"][0])),
        ("stack.pathway", State.FAILED, lambda stack: stack["pathway"].update(index=stack["pathway"]["index"] + 1)),
        ("stack.pathway", State.UNKNOWN, lambda stack: stack.update(pathway=None)),
        ("stack.facts", State.UNKNOWN, lambda stack: stack["components"].pop()),
        ("stack.facts", State.FAILED, lambda stack: stack["components"].append(stack["components"][0])),
        ("stack.facts", State.FAILED, lambda stack: stack["components"][0]["entries"].reverse()),
        ("stack.facts", State.FAILED, swap_editions),
        ("stack.facts", State.FAILED, name_another_leaf),
    ]
    for code, state, change in cases:
        report = altered(change)
        assert report.check(code).state is state, (code, report.check(code))
        assert report.verdict is not Verdict.VALID


@pytest.mark.parametrize(
    "change",
    [
        lambda shown: shown.update(stack=None),
        lambda shown: shown["stack"].update(more=1),
        lambda shown: shown["stack"].pop("salt"),
        lambda shown: shown.update(format="cairn/bundle/v1"),
        lambda shown: shown["stack"]["components"][0].update(credential="x"),
    ],
)
def test_bundle_is_refused_when_its_stack_is_not_of_the_format(served: Served, change: Any) -> None:  # noqa: ANN401  a function
    shown = bundle(served, stacked(served)[0])
    change(shown)
    with pytest.raises(InputError):
        parse_bundle(json.dumps(shown).encode())


@pytest.mark.parametrize(
    "policy, verdict, state",
    [("review", "unknown", "unknown"), ("revoke", "invalid", "failed"), ("stand", "valid", "passed")],
)
def test_lost_component_is_told_at_once_and_never_which(served: Served, policy: str, verdict: str, state: str) -> None:
    made, used = stacked(served, policy)
    assert (status(served, made)["verdict"], status(served, made)["stack"]["components"]) == ("valid", "hold")
    shown = bundle(served, made)
    revoke(served, used[0])
    answer = status(served, made)
    assert (answer["verdict"], answer["stack"]["components"]) == (verdict, "lost")
    assert not any(one in json.dumps(answer) for one in used)
    live = served.verify(json.dumps(shown).encode()).json()
    [components] = [check for check in live["checks"] if check["code"] == "stack.components"]
    assert (live["verdict"], components["state"]) == (verdict, state)
    run(served)
    expected = [] if policy == "stand" else ["review_opened"]
    assert [event["kind"] for event in status(served, made)["events"]] == ["issued", "stacked", *expected]


def test_edition_of_another_component_does_not_prove_one(served: Served) -> None:
    """Not even where the derivation says so too, as who stacks could have it say."""
    made, _ = stacked(served)
    shown = bundle(served, made)
    one, two = shown["stack"]["components"]
    one["entries"][-1] = two["entries"][-1]
    found = judged(served, shown).check("stack.facts")
    assert (found.state, found.reason) == (State.FAILED, "component_not_proved")


def test_entity_tag_is_another_when_a_component_is_lost(served: Served) -> None:
    made, used = stacked(served, "stand")
    path = f"/v1/credentials/{made}/status"
    before = served.http.get(path)
    known = {"If-None-Match": before.headers["etag"]}
    assert served.http.get(path, headers=known).status_code == 304
    revoke(served, used[0])
    after = served.http.get(path, headers=known)
    assert (after.status_code, after.json()["stack"]["components"]) == (200, "lost")
    assert (after.json()["verdict"], before.json()["verdict"]) == ("valid", "valid")


def test_review_is_appealed_and_decided_over_http(served: Served, key: str) -> None:
    made, used = stacked(served)
    path = f"/v1/credentials/{made}"
    assert served.write("POST", f"{path}/appeal", {}, key).status_code == 409
    revoke(served, used[0])
    run(served)
    assert status(served, made)["stack"]["review"]["reason"] == "component_lost"
    assert served.write("POST", f"{path}/appeal", {"statement": "It was assessed again."}, key).status_code == 200
    assert served.write("POST", f"{path}/review/decision", {"outcome": "revoked"}, key).status_code == 409
    decided = served.write("POST", f"{path}/appeal/decision", {"outcome": "upheld", "note": "Item 4."}, key)
    assert decided.status_code == 200
    assert (decided.json()["verdict"], decided.json()["stack"]["components"]) == ("valid", "accepted")
    report = judged(served, bundle(served, made))
    assert states(report)["stack.components"] == ("passed", "component_lost_stands")
    assert served.write("POST", f"{path}/appeal/decision", {"outcome": "whim"}, key).status_code == 422


def test_review_is_decided_by_an_officer(served: Served, key: str) -> None:
    made, used = stacked(served)
    revoke(served, used[0])
    run(served)
    decided = served.write("POST", f"/v1/credentials/{made}/review/decision", {"outcome": "revoked"}, key)
    assert (decided.status_code, decided.json()["state"]) == (200, "revoked")
    assert decided.json()["reason"] == "component_lost"


def test_cascade_is_run_by_the_operator_alone(served: Served, key: str) -> None:
    assert served.write("POST", "/v1/cascade/runs", {}, key).status_code == 403


@pytest.mark.parametrize("outcome", ["stands", "revoked"])
def test_instant_within_a_review_that_has_ended_is_told_as_it_was_then(served: Served, key: str, outcome: str) -> None:
    made, used = stacked(served)
    before = served.node.ledger.now()
    time.sleep(0.01)
    revoke(served, used[0])
    run(served)
    time.sleep(0.01)
    within = served.node.ledger.now()
    time.sleep(0.01)
    body = {"outcome": outcome}
    assert served.write("POST", f"/v1/credentials/{made}/review/decision", body, key).status_code == 200
    served.wait_until_published(made)
    path, then = f"/v1/credentials/{made}/status", within.isoformat()
    for query in ({"at": then}, {"known_at": then}, {"at": then, "known_at": then}):
        told = served.http.get(path, params=query).json()
        assert (told["state"], told["verdict"], told["stack"]["components"]) == ("active", "unknown", "lost"), query
    shown = json.dumps(served.http.get(f"/v1/credentials/{made}/evidence").json()).encode()
    assert served.verify(shown, at=then).json()["verdict"] == "unknown"
    told = served.http.get(path, params={"at": before.isoformat()}).json()
    assert (told["verdict"], told["stack"]["components"], told["stack"]["review"]) == ("valid", "unknown", None)


def test_archived_bundle_is_not_judged_as_of_the_instant_before_the_loss_that_it_shows(served: Served) -> None:
    made, used = stacked(served)
    served.wait_until_published(made)
    while served.node.ledger.now().microsecond > 100_000:  # a cosignature counts whole seconds
        time.sleep(0.01)
    revoke(served, used[0])
    [lost] = [event for event in status(served, used[0])["events"] if event["kind"] == "revoked"]
    report = judged(served, bundle(served, made))
    assert (report.verdict, states(report)["stack.components"]) == (Verdict.UNKNOWN, ("unknown", "component_lost"))
    assert report.as_of is not None
    assert report.as_of >= datetime.fromisoformat(lost["recorded_at"])
