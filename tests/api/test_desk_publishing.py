"""The issuers' desk publishes micro-credentials and pathways: what is wrong is shown first, and all goes out once."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import httpx
import pytest

from api.desk.achievement_draft import shown
from api.desk.json_place import line_of
from api.desk.publishing import hundredths
from api.page.language import read_messages
from ledger.achievement import Template
from ledger.detail import Details
from ledger.small_cell import THRESHOLD
from tests.api.desk import Officer
from tests.api.served import BASE, CODE, SLUG, TEMPLATE, Served, open_school, serving

SAY: Final = read_messages("en")
FORM: Final = {
    "code": "PY-1",
    "title": "Python for Everybody",
    "language": "en",
    "description": "Programs that read, decide and repeat.",
    "outcomes": "Writes a loop. | http://data.europa.eu/esco/skill/ccd0a1d9 | Python\n\nReads.",
    "credits": "2,5",
    "workload": "65",
    "eqf_level": "5",
    "qf_ehea": "",
    "assessment": "Exam",
    "participation": "Online",
    "quality_assurance": "Internal",
    "criteria": "Pass it.",
    "achievement_type": "MicroCredential",
    "isced_f": "0613",
    "tags": "python, programming",
    "more": "",
}
RULES: Final[dict[str, Any]] = {
    "format": "cairn/pathway/v1",
    "unit": {"kind": "ects"},
    "rule": {
        "rule": "all_of",
        "id": "all",
        "rules": [
            {"rule": "required", "id": "core", "achievements": [{"institution": SLUG, "code": CODE}]},
            {"rule": "minimum", "id": "total", "credits": 500, "waivable": True},
        ],
    },
    "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
}
PUBLISHED: Final = sorted(Path("ledger/stacking/published").glob("*.json"))
PATHWAY: Final = {"code": "P-1", "achievement": "CERT", "edition": "", "rules": "", "changes": ""}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Officer]]:
    with serving(Path(tmp_path_factory.mktemp("publishing") / "data")) as served:
        key = open_school(served)
        for code, size in (("CERT", 500), ("MOD", 250)):
            template = {**TEMPLATE, "title": f"Title <of> {code}", "credits_centi": size}
            assert served.write("POST", "/v1/achievements", {"code": code, "template": template}, key).is_success
        yield served, Officer(served, key)


School = tuple[Served, Officer]


def checked(officer: Officer, what: str, fields: dict[str, str], **files: bytes) -> httpx.Response:
    """Send the form of a draft, and follow to where it is shown."""
    answer = officer.send(f"/desk/{what}/edit", {**fields, **files})
    assert answer.status_code == 303, unescape(answer.text)
    return officer.get(answer.headers["location"].partition("?")[0], lang="en")


def draft_of(page: httpx.Response) -> str:
    return page.text.partition('name="draft" value="')[2][:32]


def made_from_of(page: httpx.Response) -> str:
    return page.text.partition('name="made_from" value="')[2].partition('"')[0]


# ── micro-credentials ──────────────────────────────────────────────────────────────────────────────


def test_micro_credential_is_published_once_and_with_all_that_was_said(school: School) -> None:
    served, officer = school
    page = checked(officer, "achievements", FORM)
    draft = draft_of(page)
    assert FORM["title"] in page.text
    assert f'value="{FORM["title"]}"' in officer.get("/desk/achievements/edit", lang="en", again="1").text
    for _ in range(2):
        answer = officer.post("/desk/achievements/publish", draft=draft)
        assert answer.status_code == 303
    done = officer.get("/desk/achievements/check", lang="en")
    assert SAY["desk"]["achievement_published"].format(code="PY-1", edition=1) in done.text
    known = served.node.ledger.achievement(served.node.ledger.institution(SLUG).id, "PY-1")
    assert len(known.editions) == 1
    template, details = known.editions[0], known.details[0]
    assert (template.credits_centi, template.workload_minutes, template.eqf_level) == (250, 3_900, 5)
    assert [one.skill_name for one in template.outcomes] == ["Python", None]
    assert details == Details(tags=("python", "programming"), isced_f="0613")
    assert served.http.get(f"/institutions/{SLUG}/achievements/PY-1/1").status_code == 200
    acts = served.node.access.acts(known.institution, None, 2)
    assert acts[0].act == "achievement.publish"


def test_next_edition_begins_with_the_newest_and_shows_what_differs(school: School) -> None:
    served, officer = school
    form = officer.get("/desk/achievements/edit", lang="en", code=CODE)
    assert TEMPLATE["title"] in form.text
    known = served.node.ledger.achievement(served.node.ledger.institution(SLUG).id, CODE)
    values = {"code": CODE, "made_from": made_from_of(form), **shown(known.editions[-1], known.details[-1])}
    same = officer.send("/desk/achievements/edit", values)
    assert same.status_code == 422
    assert "nothing differs" in same.text
    page = checked(officer, "achievements", {**values, "title": "Working with Data: Next Steps"})
    assert "<del>Working with Data: First Steps</del>" in page.text
    assert page.text.count("<del>") == 1
    officer.post("/desk/achievements/publish", draft=draft_of(page))
    again = served.node.ledger.achievement(known.institution, CODE)
    assert [one.title for one in again.editions] == [TEMPLATE["title"], "Working with Data: Next Steps"]
    assert again.editions[1].outcomes == known.editions[0].outcomes


def test_edition_is_refused_when_another_was_published_since_it_was_begun(school: School) -> None:
    """Two officers begin with the first one; what the second publishes would take back what the first has."""
    served, officer = school
    other = Officer(served, served.key(SLUG))
    form = {**FORM, "code": "PY-2", "made_from": "0"}
    officer.post("/desk/achievements/publish", draft=draft_of(checked(officer, "achievements", form)))
    form["made_from"] = made_from_of(officer.get("/desk/achievements/edit", code="PY-2"))
    assert form["made_from"] == "1"
    ours, theirs = {**form, "title": "Ours"}, {**form, "criteria": "Theirs"}
    page = checked(officer, "achievements", ours)
    other.post("/desk/achievements/publish", draft=draft_of(checked(other, "achievements", theirs)))
    refused = officer.post("/desk/achievements/publish", draft=draft_of(page))
    assert refused.status_code == 409
    assert SAY["desk"]["publish_outdated"] in unescape(refused.text)
    institution = served.node.ledger.institution(SLUG).id
    assert [one.criteria for one in served.node.ledger.achievement(institution, "PY-2").editions][1:] == ["Theirs"]
    again = officer.get("/desk/achievements/edit", lang="en", again="1")
    told = officer.send("/desk/achievements/edit", {**ours, "made_from": made_from_of(again)})
    assert told.status_code == 422
    assert SAY["desk_fault"]["outdated_edition"].format(place=2) in unescape(told.text)
    assert 'value="Ours"' in told.text
    page = checked(officer, "achievements", {**ours, "made_from": made_from_of(told)})
    assert "<del>Theirs</del>" in page.text
    assert officer.post("/desk/achievements/publish", draft=draft_of(page)).status_code == 303
    assert len(served.node.ledger.achievement(institution, "PY-2").editions) == 3


@pytest.mark.parametrize("made_from", ["0", "", "7"])
def test_form_that_was_not_begun_with_the_newest_edition_is_refused_before_it_is_shown(
    school: School, made_from: str
) -> None:
    """Such as that of a first edition, under a code that is there already."""
    served, officer = school
    newest = len(served.node.ledger.achievement(served.node.ledger.institution(SLUG).id, "CERT").editions)
    answer = officer.send("/desk/achievements/edit", {**FORM, "code": "CERT", "made_from": made_from})
    assert answer.status_code == 422
    assert SAY["desk_fault"]["outdated_edition"].format(place=newest) in unescape(answer.text)
    assert made_from_of(answer) == str(newest)


def test_every_fault_is_shown_at_once_beside_its_field_and_nothing_is_lost(school: School) -> None:
    _, officer = school
    wrong = {
        **FORM,
        "code": "P Y",
        "title": "",
        "language": "English",
        "outcomes": "",
        "credits": "some",
        "workload": "",
        "eqf_level": "",
        "criteria": "  ",
        "isced_f": "x",
        "more": '{\n  "parts": [\n    {"title": ""}\n  ]\n}',
        "description": "<b>kept</b>",
    }
    answer = officer.send("/desk/achievements/edit", wrong)
    assert answer.status_code == 422
    text = unescape(answer.text)
    for name in ("code", "title", "language", "outcomes", "credits", "eqf_level", "criteria", "isced_f", "more"):
        assert f'id="{name}-fault"' in text, name
    assert 'id="workload-fault"' not in text
    assert "<b>kept</b></textarea>" in text
    assert "<b>kept" not in answer.text
    assert SAY["desk_fault"]["refused_at"].format(place=3) in text


@pytest.mark.parametrize(
    "more, said",
    [
        ("{", "no_json"),
        ("[]", "more_object"),
        ('{"tags": ["x"]}', "more_object"),
        ('{"parts": 3}', "refused_at"),
        ('{"nonsense": 3}', "refused_at"),
    ],
)
def test_details_in_json_are_refused_in_their_place(school: School, more: str, said: str) -> None:
    answer = school[1].send("/desk/achievements/edit", {**FORM, "code": "PY-9", "more": more})
    assert answer.status_code == 422
    assert SAY["desk_fault"][said].format(place=1) in unescape(answer.text)


def test_edition_is_shown_and_read_back_without_a_difference() -> None:
    template = Template(
        title="t", language="en", description="d\ne", outcomes=(), assessment="a", participation="p",
        quality_assurance="q", criteria="c", workload_minutes=100, credits_centi=105, qf_ehea="second",
    )  # fmt: skip
    values = shown(template, Details(achievement_type="Course", field_of_study="x"))
    assert (values["credits"], values["workload"], values["qf_ehea"]) == ("1.05", "100 min", "second")
    assert json.loads(values["more"]) == {"field_of_study": "x"}


@pytest.mark.parametrize(
    "text, amount",
    [("3", 300), ("2.5", 250), ("2,25", 225), ("0.05", 5), ("", None), ("x", None), ("-1", None), ("1.234", None),
     ("1.x", None), ("٣", None), ("9999999", None), (".5", None)],
)  # fmt: skip
def test_amount_is_read_exactly_or_not_at_all(text: str, amount: int | None) -> None:
    assert hundredths(text) == amount


# ── pathways ───────────────────────────────────────────────────────────────────────────────────────


def test_pathway_is_read_out_tried_and_published_once(school: School) -> None:
    served, officer = school
    page = checked(officer, "pathways", {**PATHWAY, "rules": json.dumps(RULES)})
    text = unescape(page.text)
    assert SAY["rule_tree"]["all_of"] in text
    assert f"({SLUG}/{CODE})" in text
    assert "At least 5 ECTS altogether" in text
    assert SAY["desk"]["pathway_waivable"] in text
    assert "Title <of> CERT" not in page.text  # escaped
    again = unescape(officer.get("/desk/pathways/edit", lang="en", again="1").text)
    assert 'value="P-1"' in again
    assert '"credits": 500' in again
    newest = served.node.ledger.newest()
    officer.post("/desk/pathways/trial", draft=draft_of(page))
    tried = wait_for_trial(officer)
    assert SAY["desk"]["trial_begun"] in tried.text
    assert served.node.ledger.newest() == newest
    for _ in range(2):
        assert officer.post("/desk/pathways/publish", draft=draft_of(page)).status_code == 303
    done = officer.get("/desk/pathways/check", lang="en")
    assert SAY["desk"]["pathway_published"].format(code="P-1", version=1) in done.text
    answer = served.http.get(f"/v1/pathways/{SLUG}/P-1").json()
    assert (answer["versions"], answer["rules"]["rule"]["rules"][0]["id"]) == (1, "core")


def wait_for_trial(officer: Officer) -> httpx.Response:
    deadline = time.monotonic() + 60
    while True:
        page = officer.get("/desk/pathways/trial", lang="en")
        if "refresh" not in page.headers:
            return page
        assert time.monotonic() < deadline


def test_next_version_begins_with_the_newest_and_says_what_changed(school: School) -> None:
    served, officer = school
    key = served.key(SLUG)
    body = {"code": "P-2", "achievement": "CERT", "rules": RULES}
    assert served.write("POST", f"/v1/institutions/{SLUG}/pathways", body, key).is_success
    form = officer.get("/desk/pathways/edit", lang="en", code="P-2")
    assert '"cairn/pathway/v1"' in unescape(form.text)
    changed = {**RULES, "cascade": {**RULES["cascade"], "on_loss": "stand"}}
    fields = {**PATHWAY, "code": "P-2", "made_from": made_from_of(form), "rules": json.dumps(changed)}
    refused = officer.send("/desk/pathways/edit", fields)
    assert refused.status_code == 422
    assert 'id="changes-fault"' in refused.text
    page = checked(officer, "pathways", {**fields, "changes": "Losses let it stand.\nReally."})
    officer.post("/desk/pathways/publish", draft=draft_of(page))
    history = served.http.get(f"/v1/pathways/{SLUG}/P-2").json()["history"]
    assert history[1]["changes"] == ["Losses let it stand.", "Really."]


def test_version_is_refused_when_another_was_published_since_it_was_begun(school: School) -> None:
    served, officer = school
    other = Officer(served, served.key(SLUG))
    fields = {**PATHWAY, "code": "P-8", "made_from": "0", "rules": json.dumps(RULES)}
    officer.post("/desk/pathways/publish", draft=draft_of(checked(officer, "pathways", fields)))
    rules = [{**RULES, "cascade": {**RULES["cascade"], "deadline_days": days}} for days in (10, 20)]
    made_from = made_from_of(officer.get("/desk/pathways/edit", code="P-8"))
    ours, theirs = (
        {**fields, "made_from": made_from, "rules": json.dumps(one), "changes": "Another deadline."} for one in rules
    )
    page = checked(officer, "pathways", ours)
    other.post("/desk/pathways/publish", draft=draft_of(checked(other, "pathways", theirs)))
    refused = officer.post("/desk/pathways/publish", draft=draft_of(page))
    assert refused.status_code == 409
    assert SAY["desk"]["publish_outdated"] in unescape(refused.text)
    assert served.http.get(f"/v1/pathways/{SLUG}/P-8").json()["versions"] == 2
    again = officer.get("/desk/pathways/edit", lang="en", again="1")
    told = officer.send("/desk/pathways/edit", {**ours, "made_from": made_from_of(again)})
    assert told.status_code == 422
    assert SAY["desk_fault"]["outdated_version"].format(place=2) in unescape(told.text)
    page = checked(officer, "pathways", {**ours, "made_from": made_from_of(told)})
    assert officer.post("/desk/pathways/publish", draft=draft_of(page)).status_code == 303
    assert served.http.get(f"/v1/pathways/{SLUG}/P-8").json()["versions"] == 3


@pytest.mark.parametrize(
    "published", sorted(Path("ledger/stacking/published").glob("*.json")), ids=lambda one: one.stem
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_published_pathway_files_are_taken_as_files_and_read_out(
    school: School, published: Path, language: str
) -> None:
    """They have their rules under `rules`, beside what they say of themselves."""
    officer = school[1]
    fields: dict[str, str | bytes] = {**PATHWAY, "code": "FILE", "file": published.read_bytes()}
    answer = officer.send("/desk/pathways/edit", fields, lang=language)
    assert answer.status_code == 303, unescape(answer.text)
    page = officer.get("/desk/pathways/check", lang=language)
    assert page.status_code == 200
    for rule in json.loads(published.read_text())["rules"].get("counting", []):
        assert f'small">{rule["id"]}</code>' in page.text


@pytest.mark.parametrize(
    "text, line, detail",
    [
        ('{\n "format": "cairn/pathway/v1",,\n}', 2, "Expecting property name"),
        ('{"rules": {"format": "cairn/pathway/v1"}}', 1, "missing required field"),
        (json.dumps(RULES, indent=1).replace('"review"', '"shrug"'), None, "/cascade/on_loss"),
        (json.dumps(RULES, indent=1).replace("500", "0"), None, "/rule/rules/1/credits"),
        (json.dumps({"title": "x", "rules": RULES}, indent=1).replace("500", "0"), None, "/rules/rule/rules/1/credits"),
        (json.dumps(RULES, indent=1).replace("500", "5.5"), None, "floats do not occur"),
        (json.dumps(RULES, indent=1).replace('"total"', '"core"'), None, "another rule of the pathway has this id"),
        ('{\n"a": 1,\n"a": 2}', 2, ""),
    ],
)
def test_fault_of_a_rule_text_names_its_line(school: School, text: str, line: int | None, detail: str) -> None:
    answer = school[1].send("/desk/pathways/edit", {**PATHWAY, "rules": text})
    assert answer.status_code == 422
    shown_text = unescape(answer.text)
    assert detail in shown_text
    marks = ('"shrug"', '": 0', "5.5")
    wanted = [at for at, one in enumerate(text.splitlines(), 1) if any(mark in one for mark in marks)]
    cores = [at for at, one in enumerate(text.splitlines(), 1) if '"core"' in one]
    number = line or (wanted[0] if wanted else cores[1])
    assert SAY["desk_fault"]["refused_at"].format(place=number) in shown_text
    assert text.splitlines()[number - 1].strip() in shown_text
    assert text.splitlines()[0] in shown_text  # what was given is there still


@pytest.mark.parametrize(
    "fields, name",
    [
        ({"rules": ""}, "rules"),
        ({"rules": "[]"}, "rules"),
        ({"file": b"\xff\xfe"}, "rules"),
        ({"edition": "first"}, "edition"),
        ({"edition": "7"}, "edition"),
        ({"achievement": "NO-SUCH"}, "achievement"),
        ({"code": "no code"}, "code"),
        ({"changes": "none"}, "changes"),
    ],
)
def test_fault_of_a_pathway_stands_beside_its_field(school: School, fields: dict[str, str | bytes], name: str) -> None:
    answer = school[1].send("/desk/pathways/edit", {**PATHWAY, "code": "P-FAULT", "rules": json.dumps(RULES), **fields})
    assert answer.status_code == 422
    assert f'id="{name}-fault"' in answer.text


def test_micro_credential_that_is_not_there_is_told_before_a_pathway_goes_out(school: School) -> None:
    rules = json.dumps(RULES).replace(f'"{CODE}"', '"DATA-1O1"')
    page = checked(school[1], "pathways", {**PATHWAY, "code": "P-3", "rules": rules})
    assert SAY["desk"]["pathway_unknown"] in page.text
    assert f"{SLUG}/DATA-1O1" in page.text


def test_pathway_that_was_retired_is_refused(school: School) -> None:
    served, officer = school
    key = served.key(SLUG)
    body = {"code": "P-OLD", "achievement": "CERT", "rules": RULES}
    assert served.write("POST", f"/v1/institutions/{SLUG}/pathways", body, key).is_success
    assert served.write("POST", f"/v1/institutions/{SLUG}/pathways/P-OLD/retirement", {}, key).is_success
    fields = {**PATHWAY, "code": "P-OLD", "made_from": "1", "rules": json.dumps(RULES), "changes": "x"}
    answer = officer.send("/desk/pathways/edit", fields)
    assert answer.status_code == 422
    assert "was retired on" in answer.text
    assert officer.get("/desk/pathways", lang="en").text.count(SAY["desk"]["pathway_retired"].partition(" {")[0]) == 1


# ── what a trial tells ─────────────────────────────────────────────────────────────────────────────


def test_trial_tells_counts_and_no_small_ones(tmp_path: Path) -> None:
    """Of 33 learners who have begun 21 meet the rules; of the two things that are missing one is missing to three."""
    with serving(tmp_path / "data") as served:
        key = open_school(served)
        for code in ("CERT", "MOD"):
            template = {**TEMPLATE, "title": f"Title of {code}"}
            assert served.write("POST", "/v1/achievements", {"code": code, "template": template}, key).is_success
        both = {f"L{number}" for number in range(21)}
        first = both | {f"L{number}" for number in range(30)}
        second = both | {f"L{number}" for number in range(30, 33)}
        awards = [(CODE, one) for one in sorted(first)] + [("MOD", one) for one in sorted(second)]
        claims = [
            {"achievement": code, "learner": {"name": "Mari Maasikas", "reference": one}, "awarded_on": "2026-01-31"}
            for code, one in awards
        ]
        assert served.write("POST", "/v1/credentials", {"credentials": claims}, key).is_success
        ref = {"institution": SLUG, "code": "MOD"}
        rules = json.loads(json.dumps(RULES))
        rules["rule"]["rules"][0]["achievements"].append(ref)
        officer = Officer(served, key)
        page = checked(officer, "pathways", {**PATHWAY, "rules": json.dumps(rules)})
        officer.post("/desk/pathways/trial", draft=draft_of(page))
        text = unescape(wait_for_trial(officer).text)
        few, nearly = (SAY["desk"][name].format(fewest=THRESHOLD) for name in ("trial_few", "trial_nearly_all"))
        told = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text))
        assert told[SAY["desk"]["trial_learners"]] == "33"
        assert told[SAY["desk"]["trial_begun"]] == "33"
        assert told[SAY["desk"]["trial_met"]] == "21"
        assert told[SAY["desk"]["trial_not_met"]] == "12"
        assert told[SAY["desk"]["trial_undecided"]] == "0"
        assert told[SAY["desk"]["trial_holders"]] == few
        assert nearly not in text
        missing = text.partition(SAY["desk"]["trial_missing"])[2]
        assert f"({SLUG}/MOD)</td><td>{few}</td>" in missing
        assert f"({SLUG}/{CODE})</td><td>{few}</td>" in missing


def test_trial_tells_nothing_of_a_few_who_have_begun(school: School) -> None:
    served, officer = school
    served.issue(served.key(SLUG), learner={"name": "Mari Maasikas", "reference": "ALONE"})
    page = checked(officer, "pathways", {**PATHWAY, "code": "P-4", "rules": json.dumps(RULES)})
    officer.post("/desk/pathways/trial", draft=draft_of(page))
    text = unescape(wait_for_trial(officer).text)
    assert SAY["desk"]["trial_few"].format(fewest=THRESHOLD) in text
    assert SAY["desk"]["trial_met"] not in text
    assert SAY["desk"]["trial_missing"] not in text


def test_trial_is_told_to_come_again_while_another_runs_and_waits_on_no_thread(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, officer = school
    begun, go_on = Event(), Event()
    run = served.node.parts.trial.run

    def slow(**members: Any) -> Any:  # noqa: ANN401  as the trial has it
        begun.set()
        assert go_on.wait(60)
        return run(**members)

    monkeypatch.setattr(served.node.parts.trial, "run", slow)
    other = Officer(served, served.key(SLUG))
    first = draft_of(checked(other, "pathways", {**PATHWAY, "code": "P-6", "rules": json.dumps(RULES)}))
    trial = Thread(target=other.post, args=("/desk/pathways/trial",), kwargs={"draft": first})
    trial.start()
    assert begun.wait(60)
    drafts = [checked(officer, "pathways", {**PATHWAY, "code": "P-7", "rules": json.dumps(RULES)}) for _ in range(3)]
    answers = [officer.post("/desk/pathways/trial", draft=draft_of(drafts[-1])) for _ in range(3)]
    assert [one.status_code for one in answers] == [503] * 3
    assert SAY["desk"]["trial_busy"] in answers[0].text
    assert [one.name for one in threading.enumerate()].count("desk-job") == 1
    assert officer.get("/desk/pathways/trial").status_code == 410
    go_on.set()
    trial.join()
    wait_for_trial(other)
    officer.post("/desk/pathways/trial", draft=draft_of(answers[-1]))
    assert SAY["desk"]["trial_learners"] in wait_for_trial(officer).text


# ── who may ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", ["achievements", "pathways"])
def test_publishing_is_asked_for_by_this_sessions_own_forms_alone(school: School, what: str) -> None:
    served, officer = school
    newest = served.node.ledger.newest()
    for path in (f"/desk/{what}/edit", f"/desk/{what}/publish"):
        assert officer.post(path, headers={"Origin": "https://elsewhere.example"}).status_code == 403
        assert officer.post(path, token="0" * 64).status_code == 403
        assert served.http.post(path, headers={"Origin": BASE}).status_code == 401
    assert officer.post(f"/desk/{what}/publish", draft="0" * 32).status_code == 410
    assert served.node.ledger.newest() == newest
    assert officer.get(f"/desk/{what}/edit", code="NO-SUCH").status_code == 404
    assert officer.get(f"/desk/{what}/edit", code="<x>").status_code in {400, 422}


def test_line_of_a_pointer_is_found_whatever_stands_before_it() -> None:
    text = '{\n "a\\"/~": [1, {"x": "}]"},\n  [\n  "deep" ] ],\n "b": null\n}'
    assert [line_of(text, pointer) for pointer in ("", '/a"~1~0', '/a"~1~0/2', '/a"~1~0/2/0', "/b", "/no/such")] == [
        1, 2, 3, 4, 5, 1,
    ]  # fmt: skip
