"""The issuers' desk: many awards are replaced by corrected ones, by a table that is looked at first."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from openpyxl import Workbook

from api.desk.download import as_meant, safe
from api.page.language import LANGUAGES, read_messages
from tests.api.desk import Officer
from tests.api.served import CODE, SLUG, TEMPLATE, Served, open_school, serving

MANY: Final = "/desk/awards/replacements"
EN: Final = read_messages("en")
REASON: Final = "incorrect_data"


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Officer]]:
    with serving(Path(tmp_path_factory.mktemp("replacements") / "data")) as served:
        key = open_school(served)
        yield served, Officer(served, key)


School = tuple[Served, Officer]


def awards(school: School, *names: str, **members: object) -> list[str]:
    served, _ = school
    key = served.key(SLUG)
    return [
        served.issue(key, learner={"name": name, "email": f"{n}@x.ee"}, **members)["id"] for n, name in enumerate(names)
    ]


def found(school: School, ids: list[str], language: str = "en") -> list[dict[str, str]]:
    """Find awards, and take their table."""
    _, officer = school
    assert officer.post("/desk/awards", awards="\n".join(ids), lang=language).status_code == 303
    assert MANY in officer.get("/desk/awards/found", lang=language).text
    text = officer.get(f"{MANY}/table.csv", lang=language).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";" if language == "ru" else ","))


def table(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def give(school: School, data: bytes, reason: str = REASON, language: str = "en") -> httpx.Response:
    return school[1].post(MANY, file=data, reason=reason, lang=language)


def confirm(school: School, times: int = 1, where: str = "check") -> str:
    """Press the button, and wait for what comes of it."""
    _, officer = school
    named = re.search(r'name="replacements" value="([0-9a-f]{32})"', officer.get(f"{MANY}/{where}").text)
    assert named is not None
    for _ in range(times):
        assert officer.post(f"{MANY}/confirmed", replacements=named[1]).status_code == 303
    while "refresh" in (page := officer.get(f"{MANY}/replaced", lang="en")).headers:
        pass
    return unescape(page.text)


def state(school: School, public_id: str) -> str:
    served, _ = school
    return served.node.ledger.credential(public_id).state


@pytest.mark.parametrize("language", LANGUAGES)
def test_awards_are_replaced_by_a_corrected_table_once(school: School, language: str) -> None:
    served, officer = school
    ids = awards(school, "Anu Mae", "=Bo Kask", "Cy", grade="B", valid_until="2030-01-31T12:00:00Z")
    rows = found(school, ids, language)
    assert [row[next(iter(row))] for row in rows] == ids
    name = "имя" if language == "ru" else "name"
    grade = "оценка" if language == "ru" else "grade"
    assert [row[name] for row in rows] == ["Anu Mae", "'=Bo Kask", "Cy"]
    rows[0][name] = "Anu Mäe"
    rows[1][grade] = ""
    assert give(school, table(rows), language=language).status_code == 303
    page = officer.get(f"{MANY}/check", lang="en").text
    assert re.findall(r"<del>(.*?)</del></td><td><ins>(.*?)</ins>", page) == [("Anu Mae", "Anu Mäe"), ("B", "—")]
    assert EN["desk"]["replace_many_same"].format(count=1) in page
    assert [state(school, one) for one in ids] == ["active"] * 3
    newest = served.node.ledger.newest()
    text = confirm(school, times=2)
    assert EN["desk"]["replaced_count"].format(count=2) in text
    assert [state(school, one) for one in ids] == ["replaced", "replaced", "active"]
    assert served.node.ledger.newest() - newest == 6  # twice: an award, the end of another, the submission
    result = officer.get(f"{MANY}/replaced.csv", lang="en").content.decode("utf-8-sig")
    made = list(csv.DictReader(io.StringIO(result)))
    assert [(one["replaced"], one["name"]) for one in made] == [(ids[0], "Anu Mäe"), (ids[1], "'=Bo Kask")]
    acts = served.node.access.acts(served.node.ledger.institution(SLUG).id, None, 2)
    assert [one.act for one in acts] == ["credential.replace"] * 2
    headers = {"Authorization": f"Bearer {served.key(SLUG)}"}
    bundle = served.http.get(f"/v1/credentials/{made[1]['id']}/bundle", headers=headers).text
    assert "=Bo Kask" in bundle
    assert "'=Bo Kask" not in bundle
    assert "2030-01-31T12:00:00Z" in bundle  # the end that was not touched


def test_column_that_is_not_there_leaves_its_field_and_days_are_read_from_a_workbook(school: School) -> None:
    [public_id] = awards(school, "Dora", grade="B")
    book = Workbook()
    book.active.append(["link", "date", "comment"])
    book.active.append([f"http://ledger.test/verify/{public_id}", "28.02.2026", "x"])
    data = io.BytesIO()
    book.save(data)
    assert give(school, data.getvalue()).status_code == 303
    page = unescape(school[1].get(f"{MANY}/check", lang="en").text)
    assert re.findall(r"<del>(.*?)</del></td><td><ins>(.*?)</ins>", page) == [("2026-01-31", "2026-02-28")]
    assert "<q>comment</q>" in page


def test_every_problem_of_every_row_is_shown_and_nothing_is_replaced(school: School) -> None:
    served, officer = school
    ids = awards(school, "Ann", "Ben", "Cid", "Dan", "Eva")
    change = {"reason": "issued_in_error"}
    assert served.write("POST", f"/v1/credentials/{ids[3]}/revocation", change, served.key(SLUG)).is_success
    rows = found(school, ids)
    rows[0] |= {"name": "", "email": "nonsense", "awarded_on": "01/02/2026"}
    rows[1] |= {"awarded_on": ""}
    rows[2] |= {"grade": "A"}
    rows[3] |= {"grade": "A"}
    rows[4] |= {"grade": "A"}
    strange = {**rows[4], "award": "0" * 36}
    assert give(school, table([*rows, strange, rows[2]])).status_code == 303
    page = unescape(officer.get(f"{MANY}/check", lang="en").text)
    note = EN["desk_note"]
    for said in ("name", "email", "bad_day", "no_day"):
        assert note[said] in page, said
    assert note["no_such_award"].format(other="0" * 36) in page
    assert note["same_award"].format(other=4) in page
    assert "revoked" in page
    assert 'name="replacements"' not in page
    assert EN["desk"]["replace_many_wrong"].format(count=5, total=7) in page
    assert [state(school, one) for one in ids] == ["active", "active", "active", "revoked", "active"]


def test_result_says_of_each_award_what_came_of_it_when_one_was_revoked_meanwhile(school: School) -> None:
    served, _ = school
    ids = awards(school, "Fay", "Gus")
    rows = found(school, ids)
    for row in rows:
        row["grade"] = "A"
    assert give(school, table(rows)).status_code == 303
    change = {"reason": "issued_in_error"}
    assert served.write("POST", f"/v1/credentials/{ids[0]}/revocation", change, served.key(SLUG)).is_success
    text = confirm(school)
    assert EN["desk"]["changed_left"].format(count=1, total=2) in text
    assert EN["desk"]["replaced_count"].format(count=1) in text
    assert [state(school, one) for one in ids] == ["revoked", "replaced"]


def test_award_of_another_institution_is_none_of_ours(school: School) -> None:
    served, officer = school
    registration = {"slug": "other", "name": "Other", "country": "EE", "kind": "university"}
    assert served.write("POST", "/v1/institutions", registration, served.key()).is_success
    key = served.key("other")
    assert served.write("POST", "/v1/achievements", {"code": CODE, "template": TEMPLATE}, key).is_success
    foreign = served.issue(key)["id"]
    assert give(school, f"award,name\n{foreign},New Name\n".encode()).status_code == 303
    page = officer.get(f"{MANY}/check", lang="en").text
    assert EN["desk_note"]["no_such_award"].format(other=foreign) in page
    assert "Mari" not in page
    assert 'name="replacements"' not in page


@pytest.mark.parametrize(
    "data, said",
    [
        (b"name\nAnu\n", "file_no_award"),
        (b"award,id\nx,y\n", "file_column_twice"),
        (b"award,name\n", "file_empty"),
        (b"award\n" + b"x\n" * 501, "file_many_awards"),
        (b"PK\x03\x04", "file_broken"),
    ],
)
def test_table_is_refused_whole_when_it_is_none(school: School, data: bytes, said: str) -> None:
    answer = give(school, data)
    assert answer.status_code == 422
    assert EN["desk_file"][said].format(place=500) in unescape(answer.text)


def test_table_is_refused_without_a_reason_or_a_difference(school: School) -> None:
    ids = awards(school, "Hal", "Ida")
    rows = found(school, ids)
    assert EN["desk"]["awards_no_reason"] in give(school, table(rows), reason="").text
    assert EN["desk"]["replace_same"] in give(school, table(rows)).text


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "@x", "-", " +1", "plain", "", "'quoted'", "'", "Anu;=1", "a,'=1", 'a;"=1', "a,,=1;-", "=a;'"],
)
def test_cell_that_was_made_safe_comes_back_as_it_was(cell: str) -> None:
    assert as_meant(safe(cell)) == cell


def test_replacing_many_is_asked_for_by_this_sessions_own_forms_alone(school: School) -> None:
    officer = school[1]
    for path in (MANY, f"{MANY}/confirmed"):
        assert officer.post(path, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert officer.post(f"{MANY}/confirmed", replacements="0" * 32).status_code == 410


def test_replacing_that_broke_off_is_said_so_and_goes_on_when_asked_to(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, _ = school
    ids = awards(school, "Ene", "Epp")
    rows = found(school, ids)
    for row in rows:
        row["grade"] = "A"
    assert give(school, table(rows)).status_code == 303
    issuance = served.node.issuance
    replace, calls = issuance.replace, []

    def breaking(**members: Any) -> Any:  # noqa: ANN401  as the command has it
        calls.append(members["public_id"])
        if len(calls) == 2:
            raise RuntimeError
        return replace(**members)

    monkeypatch.setattr(issuance, "replace", breaking)
    assert EN["desk"]["broke_off"] in confirm(school)
    assert [state(school, one) for one in ids] == ["replaced", "active"]
    assert "desk_job_failed" in served.log.getvalue()
    text = confirm(school, where="replaced")
    assert EN["desk"]["broke_off"] not in text
    assert EN["desk"]["replaced_count"].format(count=2) in text
    assert [state(school, one) for one in ids] == ["replaced"] * 2
