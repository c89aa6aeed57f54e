"""Changes of awards at the desk: found, looked at, changed once, and told truthfully."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

import httpx
import pytest

from api.desk.change import Choice, Chosen, Plan
from api.desk.gate import Visit
from api.page.language import LANGUAGES, read_messages
from api.route.desk_award import REASONS
from ledger.error import OutcomeUnknownError
from ledger.reason import Reason
from tests.api.desk import UNREAD, Officer
from tests.api.served import CODE, TEMPLATE, Served, open_school, serving

EN: Final = read_messages("en")
_ID: Final = re.compile(r'name="choice" value="([0-9a-f]{32})"')


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    with serving(Path(tmp_path_factory.mktemp("changes") / "data")) as served:
        yield served, open_school(served)


School = tuple[Served, str]


@pytest.fixture
def officer(school: School) -> Officer:
    return Officer(*school)


def award(school: School, **members: Any) -> str:  # noqa: ANN401  members of a claim
    served, key = school
    public_id: str = served.issue(key, **members)["id"]
    return public_id


def state(school: School, public_id: str) -> str:
    credential, _ = school[0].node.parts.parts.credential(public_id, school[0].node.ledger.now())
    return str(credential.state)


def find(officer: Officer, *lines: str, lang: str = "en") -> httpx.Response:
    answer = officer.post("/desk/awards", lang=lang, awards="\r\n".join(lines))
    return officer.get("/desk/awards/found", lang=lang) if answer.status_code == 303 else answer


def plan(officer: Officer, lang: str = "en", **fields: str) -> httpx.Response:
    answer = officer.send("/desk/awards/check", fields, lang=lang)
    return officer.get("/desk/awards/check", lang=lang) if answer.status_code == 303 else answer


def confirm(officer: Officer, page: httpx.Response) -> httpx.Response:
    found = _ID.search(page.text)
    assert found is not None, page.text
    return officer.post("/desk/awards/change", choice=found[1])


def test_awards_are_found_by_id_link_and_reference(school: School, officer: Officer) -> None:
    by_id, by_link = award(school), award(school)
    learner = {"name": "Kaks <b>Korda</b>", "reference": "S-9"}
    of_learner = [award(school, learner=learner), award(school, learner=learner)]
    page = find(officer, by_id, f"http://elsewhere.example/verify/{by_link}?lang=en", "S-9", "S-8", "<i>x</i>")
    for public_id in (by_id, by_link, *of_learner):
        assert page.text.count(f"/verify/{public_id}?") == 1
    assert page.text.index(of_learner[0]) < page.text.index(of_learner[1])
    assert EN["desk"]["found_count"].format(count=4) in page.text
    assert "Kaks &lt;b&gt;Korda" in page.text
    assert "&lt;i&gt;x&lt;/i&gt;" in page.text
    assert "<i>x" not in page.text


def test_awards_of_others_are_not_even_said_to_exist(school: School, officer: Officer) -> None:
    served = school[0]
    slug = "foreign-school"
    body = {"slug": slug, "name": "Foreign School", "country": "EE", "kind": "university"}
    assert served.write("POST", "/v1/institutions", body, served.key()).status_code == 201
    key = served.key(slug)
    assert served.write("POST", "/v1/achievements", {"code": CODE, "template": TEMPLATE}, key).status_code == 201
    foreign = served.issue(key, learner={"name": "Mari", "reference": "F-1"})["id"]
    seen = []
    for text in (foreign, foreign[:-2] + "00", "F-1", "0" * 36):
        answer = find(officer, text)
        assert answer.status_code == 422
        seen.append(answer.text.replace(text, "…"))
    assert len(set(seen)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_award_is_suspended_reinstated_and_revoked(school: School, officer: Officer, language: str) -> None:
    public_id = award(school)
    said = read_messages("ru" if language == "ru" else "en")
    for act, after in (("suspend", "suspended"), ("reinstate", "active"), ("revoke", "revoked")):
        assert find(officer, public_id, lang=language).status_code == 200
        page = plan(officer, lang=language, act=act, reason="under_review", note="a remark <b>")
        assert said["desk_change"][f"{act}_help"] in page.text
        assert "a remark <b>" not in page.text
        before = state(school, public_id)
        assert before != after
        assert confirm(officer, page).status_code == 303
        assert state(school, public_id) == after
        shown = officer.get("/desk/awards/changed", lang=language).text
        assert said["desk_change"][f"{act}_done"].format(count=1) in shown
    record = officer.get("/desk/record", lang=language).text
    for act in ("suspend", "reinstate", "revoke"):
        assert said["desk_act"][f"credential_{act}"] in record


def test_many_are_changed_only_when_nothing_speaks_against_any(school: School, officer: Officer) -> None:
    served, key = school
    good, gone = [award(school) for _ in range(3)], award(school)
    change = {"reason": "issued_in_error"}
    assert served.write("POST", f"/v1/credentials/{gone}/revocation", change, key).status_code == 200
    find(officer, *good, gone)
    page = plan(officer, act="revoke", reason="incorrect_data")
    assert EN["desk"]["check_wrong"].format(count=1, total=4) in page.text
    assert EN["desk_change"]["revoke_revoked"] in page.text
    assert _ID.search(page.text) is None
    assert officer.post("/desk/awards/change", choice="0" * 32).status_code == 410
    assert [state(school, one) for one in good] == ["active"] * 3
    page = plan(officer, leave_out="1")
    assert gone not in page.text
    assert confirm(officer, page).status_code == 303
    assert [state(school, one) for one in good] == ["revoked"] * 3


def test_change_is_made_once_when_it_is_confirmed_twice(school: School, officer: Officer) -> None:
    public_id = award(school)
    find(officer, public_id)
    page = plan(officer, act="suspend", reason="other")
    assert confirm(officer, page).status_code == 303
    assert confirm(officer, page).status_code == 303
    assert EN["desk_change"]["suspend_done"].format(count=1) in officer.get("/desk/awards/changed", lang="en").text
    assert plan(officer, act="revoke", reason="other").status_code == 410  # what was found is spent


def test_result_tells_truly_of_each_award_when_somebody_was_faster(school: School, officer: Officer) -> None:
    served, key = school
    ours, theirs = award(school, learner={"name": "=Ours"}), award(school)
    find(officer, ours, theirs)
    page = plan(officer, act="revoke", reason="other")
    change = {"reason": "issued_in_error"}
    assert served.write("POST", f"/v1/credentials/{theirs}/revocation", change, key).status_code == 200
    assert confirm(officer, page).status_code == 303
    shown = officer.get("/desk/awards/changed", lang="en").text
    assert EN["desk"]["changed_left"].format(count=1, total=2) in shown
    table = officer.get("/desk/awards/changed.csv", lang="en").text.removeprefix("\ufeff")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows[ours]["changed"] == "yes"
    assert rows[ours]["name"] == "'=Ours"
    assert rows[theirs]["changed"] == "no"
    assert rows[theirs]["refusal"]


@pytest.mark.parametrize(
    "fields, refusal",
    [
        ({}, "awards_no_act"),
        ({"act": "erase", "reason": "other"}, "awards_no_act"),
        ({"act": "revoke"}, "awards_no_reason"),
        ({"act": "suspend", "reason": "<b>"}, "awards_no_reason"),
        ({"act": "suspend", "reason": "superseded"}, "awards_no_reason"),
    ],
)
def test_change_is_refused_with_a_sentence(
    school: School, officer: Officer, fields: dict[str, str], refusal: str
) -> None:
    find(officer, award(school))
    answer = plan(officer, **fields)
    assert answer.status_code == 422
    assert EN["desk"][refusal] in answer.text
    assert "&lt;b&gt;" not in answer.text


def test_note_that_is_too_long_is_refused_before_anything_is_changed(school: School, officer: Officer) -> None:
    public_id = award(school)
    find(officer, public_id)
    page = plan(officer, act="revoke", reason="other", note="n" * 2_001)
    assert "a note has 1 to 2000 characters" in page.text
    assert _ID.search(page.text) is None
    assert state(school, public_id) == "active"


def test_change_is_refused_when_no_own_page_asks(school: School, officer: Officer) -> None:
    public_id = award(school)
    find(officer, public_id)
    found = _ID.search(plan(officer, act="revoke", reason="other").text)
    assert found is not None
    assert officer.post("/desk/awards/change", headers={}, choice=found[1]).status_code == 403
    assert officer.post("/desk/awards/change", token="", choice=found[1]).status_code == 403
    assert Officer(*school).post("/desk/awards/change", choice=found[1]).status_code == 410
    assert state(school, public_id) == "active"


def test_awards_are_found_by_a_name_or_a_part_of_it(school: School, officer: Officer) -> None:
    served, _ = school
    kask = [award(school, learner={"name": name}) for name in ("Õnne Kaskeväli", "Kaskeväli, õnne")]
    other = award(school, learner={"name": "Õnne Tamm"})
    registration = {"slug": "other", "name": "Other", "country": "EE", "kind": "university"}
    assert served.write("POST", "/v1/institutions", registration, served.key()).is_success
    key = served.key("other")
    assert served.write("POST", "/v1/achievements", {"code": CODE, "template": TEMPLATE}, key).is_success
    foreign = served.issue(key, learner={"name": "Õnne Kaskeväli"})["id"]
    page = find(officer, "õnne KASKEVÄLI", "nobody of this name").text
    assert all(one in page for one in kask)
    assert other not in page
    assert foreign not in page
    assert EN["desk"]["found_lost"] in page
    assert "nobody of this name" in page
    assert EN["desk"]["found_newest"] not in page


def test_awards_are_found_by_micro_credential_and_day(school: School, officer: Officer) -> None:
    served, key = school
    assert served.write("POST", "/v1/achievements", {"code": "DAY-1", "template": TEMPLATE}, key).is_success
    first = award(school, achievement="DAY-1", awarded_on="2026-02-01")
    second = award(school, achievement="DAY-1", awarded_on="2026-02-02")
    elsewhere = award(school, awarded_on="2026-02-02")
    for fields, ids in (
        ({"achievement": "DAY-1"}, {first, second}),
        ({"achievement": "DAY-1", "awarded_on": "2026-02-02"}, {second}),
        ({"awarded_on": "02.02.2026"}, {second, elsewhere}),
    ):
        assert officer.send("/desk/awards", fields).status_code == 303
        page = officer.get("/desk/awards/found", lang="en").text
        assert {one for one in (first, second, elsewhere) if one in page} == ids, fields
    for fields, said in (({"awarded_on": "2026-13-01"}, "awards_bad_day"), ({"achievement": "NO"}, "awards_none")):
        answer = officer.send("/desk/awards", fields)
        assert answer.status_code == 422
        assert EN["desk"][said] in answer.text


def test_names_are_looked_for_among_the_newest_and_the_page_says_so(
    school: School, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = award(school, learner={"name": "Vana Ratas"})
    new = [award(school, learner={"name": "Vana Ratas"}) for _ in range(2)]
    monkeypatch.setattr("ledger.award_finding.MAX_LOOKED_AT", 2)
    page = find(officer, "Vana Ratas").text
    assert all(one in page for one in new)
    assert old not in page
    assert EN["desk"]["found_newest"] in page


def test_only_awards_that_are_ticked_are_changed(school: School, officer: Officer) -> None:
    ids = [award(school, learner={"name": "Linnar Lilleste"}) for _ in range(3)]
    page = find(officer, "Linnar Lilleste").text
    assert page.count('type="checkbox" name="award"') == 3
    fields = {"picked": "1", "act": "revoke", "reason": "issued_in_error"}
    none = officer.send("/desk/awards/check", fields)
    assert none.status_code == 422
    assert EN["desk"]["awards_none_picked"] in none.text
    planned = plan(officer, **fields, award=ids[1])
    assert ids[0] not in planned.text
    confirm(officer, planned)
    while "refresh" in officer.get("/desk/awards/changed").headers:
        pass
    assert [state(school, one) for one in ids] == ["active", "revoked", "active"]


def test_too_many_are_refused(officer: Officer, school: School) -> None:
    served, key = school
    claims = [
        {"achievement": CODE, "learner": {"name": "Anu", "reference": "MANY"}, "awarded_on": "2026-01-31"}
        for _ in range(501)
    ]
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex}
    made = served.http.post("/v1/credentials", json={"credentials": claims}, headers=headers)
    assert made.status_code == 201
    for many in (["MANY"], ["nobody"] * 1_001):
        answer = find(officer, *many)
        assert answer.status_code == 422
        assert EN["desk"]["awards_many"] in answer.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_award_is_replaced_by_a_corrected_one_once(school: School, officer: Officer, language: str) -> None:
    served, key = school
    learner = {"name": "Mari Masikas", "reference": "R-1", "email": "m@x.ee"}
    public_id = award(school, learner=learner, grade="B", valid_until="2030-01-31T12:00:00Z")
    assert "/desk/awards/replacement?" in find(officer, public_id, lang=language).text
    form = officer.get("/desk/awards/replacement", lang=language).text
    assert 'value="Mari Masikas"' in form
    assert 'value="2030-01-31"' in form
    fields = {"name": "Mari <Maasikas>", "email": "m@x.ee", "grade": "B", "awarded_on": "2026-01-31"}
    given = {**fields, "valid_until": "2030-01-31", "reason": "incorrect_data"}
    assert officer.send("/desk/awards/replacement", given, lang=language).status_code == 303
    page = officer.get("/desk/awards/replacement/check", lang=language).text
    assert page.count("<ins>") == 1
    assert "Mari &lt;Maasikas&gt;" in page
    assert state(school, public_id) == "active"
    found = re.search(r'name="replacement" value="([0-9a-f]{32})"', page)
    assert found is not None
    for _ in range(2):
        assert officer.post("/desk/awards/replacement/confirmed", replacement=found[1]).status_code == 303
    assert state(school, public_id) == "replaced"
    shown = officer.get("/desk/awards/replacement/check", lang=language).text
    successor = set(re.findall(r"/verify/([0-9a-v]{36})", shown)) - {public_id}
    assert len(successor) == 1
    headers = {"Authorization": f"Bearer {key}"}
    bundle = served.http.get(f"/v1/credentials/{successor.pop()}/bundle", headers=headers).text
    assert "Mari <Maasikas>" in bundle
    assert "2030-01-31T12:00:00Z" in bundle  # the end that was not touched


@pytest.mark.parametrize(
    "change, said",
    [
        ({"name": ""}, "name"),
        ({"email": "x"}, "email"),
        ({"awarded_on": ""}, "no_day"),
        ({"awarded_on": "2999-01-01"}, "awarded_on"),
        ({"valid_until": "2020-01-01"}, "valid_until"),
    ],
)
def test_correction_is_refused_in_its_field(
    school: School, officer: Officer, change: dict[str, str], said: str
) -> None:
    public_id = award(school)
    find(officer, public_id)
    fields = {"name": "New Name", "awarded_on": "2026-01-31", "reason": "incorrect_data"}
    answer = officer.send("/desk/awards/replacement", {**fields, **change})
    assert answer.status_code == 422
    assert EN["desk_note"][said] in answer.text
    both = officer.send("/desk/awards/replacement", {**fields, "name": "", "email": "x"}).text
    assert EN["desk_note"]["name"] in both
    assert EN["desk_note"]["email"] in both
    assert officer.get("/desk/awards/replacement/check").status_code == 410
    same = {**fields, "name": "Mari Maasikas"}
    assert EN["desk"]["replace_same"] in officer.send("/desk/awards/replacement", same).text
    assert EN["desk"]["awards_no_reason"] in officer.send("/desk/awards/replacement", {**fields, "reason": ""}).text
    assert state(school, public_id) == "active"


def test_correction_is_refused_when_the_award_was_revoked_meanwhile(school: School, officer: Officer) -> None:
    served, key = school
    public_id = award(school)
    find(officer, public_id)
    fields = {"name": "New Name", "awarded_on": "2026-01-31", "reason": "incorrect_data"}
    assert officer.send("/desk/awards/replacement", fields).status_code == 303
    change = {"reason": "issued_in_error"}
    assert served.write("POST", f"/v1/credentials/{public_id}/revocation", change, key).status_code == 200
    found = re.search(r'name="replacement" value="(\w{32})"', officer.get("/desk/awards/replacement/check").text)
    assert found is not None
    answer = officer.post("/desk/awards/replacement/confirmed", replacement=found[1])
    assert answer.status_code == 409
    assert EN["desk"]["replace_refused"] in answer.text


def test_every_reason_has_a_sentence() -> None:
    assert {reason.value for reason in REASONS} == set(EN["desk_reason"])


def test_plan_that_another_window_has_made_meanwhile_is_not_carried_out(school: School) -> None:
    """Between the look at what was confirmed and the change itself another request of the same session may come."""
    served, _ = school
    choice = Choice([], [])
    visit = cast("Visit", None)  # of no consequence while there is no award to try
    choice.try_out(served.node, visit, Plan("suspend", Reason.OTHER, None))
    confirmed = choice.id
    choice.awards = [Chosen("0" * 36, "", "", datetime(2026, 1, 1, tzinfo=UTC), "active")]
    choice.plan, choice.id = Plan("revoke", Reason.OTHER, None), "another"
    assert choice.carry_out(served.node, visit, confirmed, UNREAD) is None
    assert choice.carry_out(served.node, visit, "", UNREAD) is None
    assert choice.job is None


class Breaking:
    """Stands before a command that is carried out, and breaks off where it is told to.

    Attributes:
        left: How often it is carried out before that.
        error: What it breaks off with; None: it does not.
    """

    def __init__(self, command: Callable[..., Any], left: int, error: Exception | None) -> None:
        self._command = command
        self.left = left
        self.error = error

    def __call__(self, **members: Any) -> Any:  # noqa: ANN401  whatever the command takes and answers
        if not members.get("trial"):
            if self.left == 0 and self.error is not None:
                raise self.error
            self.left -= 1
        return self._command(**members)


FAULTS: Final = [RuntimeError("Mari Maasikas"), OutcomeUnknownError("Mari Maasikas")]


@pytest.mark.parametrize("error", FAULTS, ids=lambda one: type(one).__name__)
def test_change_that_broke_off_is_said_so_and_logged_and_goes_on_when_asked_to(
    school: School, officer: Officer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    served, _ = school
    ids = [award(school) for _ in range(3)]
    lifecycle = served.node.lifecycle
    breaking = Breaking(lifecycle.suspend, 1, error)
    monkeypatch.setattr(lifecycle, "suspend", breaking)
    find(officer, *ids)
    page = plan(officer, act="suspend", reason="under_review")
    logged = len(served.log.getvalue())
    assert confirm(officer, page).status_code == 303
    shown = officer.get("/desk/awards/changed", lang="en")
    assert shown.status_code == 409
    assert EN["desk"]["broke_off"] in shown.text
    assert [state(school, one) for one in ids] == ["suspended", "active", "active"]
    [line] = [one for one in served.log.getvalue()[logged:].splitlines() if "desk_job_failed" in one]
    assert type(error).__name__ in line
    assert "Mari" not in line + shown.text.partition("<h1>")[2].partition("</form>")[0]
    breaking.error = None
    newest = served.node.ledger.newest()
    assert confirm(officer, shown).status_code == 303
    done = officer.get("/desk/awards/changed", lang="en")
    assert done.status_code == 200
    assert EN["desk"]["broke_off"] not in done.text
    assert EN["desk_change"]["suspend_done"].format(count=3) in done.text
    assert [state(school, one) for one in ids] == ["suspended"] * 3
    assert served.node.ledger.newest() - newest == 4  # a change and a submission of each of the two that were left
