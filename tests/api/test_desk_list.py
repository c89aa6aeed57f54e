"""Class lists at the desk: what is read, what is refused, and that all awards are made once or none."""

from __future__ import annotations

import csv
import io
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from threading import Thread
from typing import Final

import httpx
import pytest
from openpyxl import Workbook

from api.desk import sheet as reading
from api.desk.class_list import ClassList, ListRow, read_day
from api.desk.download import safe
from api.desk.gate import Visit
from api.desk.preview import Preview
from api.desk.session import Session
from api.desk.sheet import MAX_CELL_CHARS, MAX_UNPACKED_BYTES, Unreadable, read_rows
from api.desk.sheet_fault import SheetError
from api.page.language import LANGUAGES, read_messages
from ledger.access import Actor
from ledger.claim import AwardClaim, LearnerClaim
from tests.api.desk import UNREAD, Officer
from tests.api.served import CODE, SLUG, TEMPLATE, Served, open_school, serving

DAY: Final = "2026-01-31"
_ID: Final = re.compile(r'name="preview" value="([0-9a-f]{32})"')
EN: Final = read_messages("en")


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    with serving(Path(tmp_path_factory.mktemp("lists") / "data")) as served:
        yield served, open_school(served)


School = tuple[Served, str]


@pytest.fixture
def officer(school: School) -> Officer:
    return Officer(*school)


def workbook(*rows: Sequence[object]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def upload(officer: Officer, file: bytes, *, lang: str = "en", **fields: str) -> httpx.Response:
    """Give a list, and go where the answer leads."""
    given: dict[str, str | bytes] = {"achievement": CODE, "awarded_on": DAY, **fields, "file": file}
    answer = officer.send("/desk/list", given, lang=lang)
    if answer.status_code != 303:
        return answer
    assert answer.headers["location"] == f"/desk/list/preview?lang={lang}"
    return officer.get("/desk/list/preview", lang=lang)


def confirm(officer: Officer, page: httpx.Response) -> httpx.Response:
    found = _ID.search(page.text)
    assert found is not None, page.text
    return officer.post("/desk/list/issue", preview=found[1])


def issued(served: Served) -> int:
    """How many awards there are."""
    found: int = served.node.ledger.store.query(
        "SELECT COALESCE(SUM(items), 0) FROM access_audit WHERE act='credential.issue'"
    )[0][0]
    return found


def texts(page: httpx.Response) -> str:
    return page.text.replace("&#39;", "'").replace("&#34;", '"')


# ── reading files ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_whichever_delimiter_it_has(delimiter: str, mark: bytes) -> None:
    lines = [["name", "e-mail", "grade"], ["Mäe, Anu; B", "a@b.ee", 'A "plus"'], ["", "", ""], ["Ёлкин Пётр", "", "5"]]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(lines)
    rows = read_rows(mark + text.getvalue().encode())
    assert [row.number for row in rows] == [1, 2, 4]
    assert rows[1].cells == ("Mäe, Anu; B", "a@b.ee", 'A "plus"')


def test_xlsx_is_read_as_a_spreadsheet_shows_it() -> None:
    rows = read_rows(
        workbook(["name", "reference", "grade", "date"], ["Anu", 1234567.0, 4.5, datetime(2026, 1, 31)], [None], ["B"])  # noqa: DTZ001  a spreadsheet's days have no zone
    )
    assert [row.number for row in rows] == [1, 2, 4]
    assert rows[1].cells == ("Anu", "1234567", "4.5", "2026-01-31")


def bomb() -> bytes:
    """A workbook whose sheet unfolds to more than is read."""
    written = io.BytesIO(workbook(["name"]))
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/more.xml", b"0" * (MAX_UNPACKED_BYTES + 1))
    return written.getvalue()


def rewritten(file: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The same workbook with another sheet."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as before, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            data = before.read(name)
            after.writestr(name, change(data) if name.endswith("sheet1.xml") else data)
    return written.getvalue()


def entities() -> bytes:
    """A workbook whose sheet is an entity that unfolds."""
    laugh = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    sheet = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laugh}]><worksheet>&l8;</worksheet>'.encode()
    return rewritten(workbook(["name"], ["x"]), lambda _: sheet)


@pytest.mark.parametrize(
    "file, fault",
    [
        (b"", "file_empty"),
        (b" \r\n \r\n", "file_empty"),
        (b"name\r\n", "file_empty"),
        ("name\nИмя".encode("cp1251"), "file_encoding"),
        ("name\nAnu".encode("utf-16"), "file_encoding"),
        (b"name\n\xc0\xaf", "file_encoding"),
        (b'name\n"Anu', "file_broken"),
        (b'name\n"Anu"x', "file_broken"),
        (b"PK\x03\x04 no archive", "file_broken"),
        (workbook(["name"], ["x"])[:-40], "file_broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_old_excel"),
        (b"name\n" + b"x\n" * 10_001, "file_rows"),
        (workbook(["name"], *[["x"]] * 10_001), "file_rows"),
        (b"name\n" + b"," * 64, "file_columns"),
        (bomb(), "file_unpacked"),
        (entities(), "file_broken"),
        (b"who,grade\nAnu,A", "file_header"),
        (b"name,full name\nAnu,A", "file_column_twice"),
    ],
)
def test_file_is_refused_with_a_sentence_when_it_is_no_class_list(officer: Officer, file: bytes, fault: str) -> None:
    answer = upload(officer, file)
    assert answer.status_code == 422
    assert EN["desk_file"][fault] in texts(answer)
    assert officer.get("/desk/list/preview").status_code == 410


def test_file_is_refused_when_it_is_too_large(officer: Officer) -> None:
    assert upload(officer, b"name\n" + b"x" * 7_000_000).status_code == 413


def test_archive_that_lies_about_its_size_unfolds_no_further() -> None:
    """The unpacker stops where the archive says that the file ends."""
    large = b" " * (MAX_UNPACKED_BYTES + 1)
    data = rewritten(workbook(["name"], ["x"]), lambda sheet: sheet.replace(b"<sheetData>", b"<sheetData>" + large))
    with pytest.raises(SheetError, match="file_unpacked"):
        read_rows(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    with pytest.raises(SheetError, match="file_broken"):
        read_rows(data.replace(size, (100).to_bytes(4, "little")))


@pytest.mark.parametrize(
    "sheet",
    [
        b"<worksheet><sheetData><row>" + b"<c/>" * 1_000_000 + b"</row></sheetData></worksheet>",
        b"<worksheet><sheetData>" + b"<row><c/></row>" * 1_200_000 + b"</sheetData></worksheet>",
        b"<sst><si>" + b"<r/>" * 1_000_000 + b"</si></sst>",
        b"<styleSheet>" + b"<xf/>" * 1_000_000 + b"</styleSheet>",
    ],
    ids=["one row", "many rows", "one text", "styles"],
)
def test_workbook_is_refused_when_it_would_take_far_more_room_in_memory(sheet: bytes) -> None:
    with pytest.raises(SheetError, match="file_unpacked"):
        read_rows(rewritten(workbook(["name"]), lambda _: sheet))


def test_workbook_is_refused_when_its_cells_share_a_formula_that_takes_long_to_write_out() -> None:
    formula = b'<row r="1"><c r="A1"><f t="shared" si="0" ref="A1:A9999">A1' + b"+A1" * 40_000 + b"</f></c></row>"
    sharing = b'<row><c><f t="shared" si="0"/></c></row>' * 5_000
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b"%b%b</sheetData></worksheet>"
    )
    began = time.process_time()
    with pytest.raises(SheetError, match="file_unpacked"):
        read_rows(rewritten(workbook(["name"]), lambda _: sheet % (formula, sharing)))
    assert time.process_time() - began < 5
    plain = formula.replace(b"+A1" * 40_000, b"+B1")
    rows = read_rows(rewritten(workbook(["name"]), lambda _: sheet % (plain, sharing)))
    assert {row.cells for row in rows} == {(Unreadable.FORMULA,)}


def test_file_is_told_to_come_again_when_others_are_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROOM_SECONDS", 0.01)
    with reading._ROOM, reading._ROOM, pytest.raises(SheetError, match="file_busy"):
        read_rows(workbook(["name"], ["x"]))
    assert len(read_rows(workbook(["name"], ["x"]))) == len(("the header", "x"))


def test_large_workbook_of_a_real_class_is_read() -> None:
    row = ["Anu Mäe", "S-1", "anu@example.edu", 4.5, "note " * 20, "x", "y", "z"]
    assert len(read_rows(workbook(["name"], *[row] * 6_000))) == 6_001


@pytest.mark.parametrize(
    "text, day",
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("31.01.2026", date(2026, 1, 31)),
        ("1.2.2026", date(2026, 2, 1)),
        ("01/02/2026", None),
        ("31.02.2026", None),
        ("2026-13-01", None),
        ("0000-01-01", None),
        ("yesterday", None),
        ("٢٠٢٦-01-31", date(2026, 1, 31)),
    ],
)
def test_day_is_read_in_two_ways_and_no_third(text: str, day: date | None) -> None:
    assert read_day(text) == day


# ── preview ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", LANGUAGES)
def test_preview_shows_every_problem_of_every_row_and_issues_nothing(
    school: School, officer: Officer, language: str
) -> None:
    served = school[0]
    before = issued(served)
    lines = [
        "name,e-mail,grade,awarded_on,valid_until,achievement",
        "Anu Mäe,anu@x.ee,A,,,",
        ",nonsense," + "g" * 61 + ",2999-01-01,2020-01-01,NO-SUCH",
        "Bo,b@x.ee,A,01/02/2026,,",
        f"Bo,b@x.ee,{'g' * (MAX_CELL_CHARS + 1)},,,",
        "C\x07c,,,,,",
        "Dora,,,,,,,,too,many",
    ]
    page = upload(officer, "\n".join(lines).encode(), lang=language)
    said = read_messages("ru" if language == "ru" else "en")
    assert page.status_code == 200
    for code in ("name", "email", "grade", "achievement", "bad_day", "cell_long", "row_long"):
        assert said["desk_note"][code] in texts(page), code
    assert said["desk"]["preview_wrong"].format(count=5, total=6) in texts(page)
    assert _ID.search(page.text) is None
    table = officer.get("/desk/list/problems.csv", lang=language)
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    delimiter = ";" if language == "ru" else ","
    told = [row[0] for row in csv.reader(io.StringIO(table.text.removeprefix("\ufeff")), delimiter=delimiter)][1:]
    assert told == ["3"] * 5 + ["4", "5", "5", "6", "7"]
    assert officer.post("/desk/list/issue", preview="0" * 32).status_code == 410
    assert issued(served) == before


def test_row_with_two_problems_of_the_ledger_shows_both_at_once(officer: Officer) -> None:
    page = texts(upload(officer, b"name;email;awarded_on\n;x;2999-01-01", awarded_on=""))
    for code in ("name", "email", "awarded_on"):
        assert EN["desk_note"][code] in page


def test_formula_is_refused_in_its_cell_and_never_carried_out(officer: Officer) -> None:
    page = upload(officer, workbook(["name", "grade"], ['=HYPERLINK("http://evil.example","x")', "=1+1"], ["Anu", "A"]))
    assert texts(page).count(EN["desk_note"]["formula"]) == 2
    assert "evil.example" not in page.text
    assert _ID.search(page.text) is None


def test_markup_in_a_file_is_shown_as_text(officer: Officer) -> None:
    evil = "<script>alert(1)</script>"
    page = upload(officer, f'name,grade,{evil}\n"{evil}","{{{{7*7}}}}",x'.encode())
    assert evil not in page.text
    assert page.text.count("&lt;script&gt;alert(1)") >= 2
    assert "{{7*7}}" in page.text
    assert evil not in upload(officer, f"name,Name\n{evil},x".encode()).text
    assert evil not in upload(officer, b"name,grade\nx,y", achievement=evil, awarded_on=evil).text


def test_preview_warns_of_who_is_there_twice_and_of_who_has_it_already(school: School, officer: Officer) -> None:
    served, key = school
    served.issue(key, learner={"name": "Held Already", "reference": "H-1"})
    revoked = served.issue(key, learner={"name": "Lost It", "reference": "H-2"})["id"]
    change = {"reason": "issued_in_error"}
    assert served.write("POST", f"/v1/credentials/{revoked}/revocation", change, key).status_code == 200
    lines = ["name,reference", "Anu,S-1", "Anu,S-1", "Another,S-1", "Kai,", "Kai,", "Held Already,H-1", "Lost It,H-2"]
    page = upload(officer, "\n".join(lines).encode())
    text = texts(page)
    notes = EN["desk_note"]
    assert text.count(notes["same_learner"].format(other="2")) == 2
    assert text.count(notes["other_name"].format(other="2")) == 1
    assert text.count(notes["same_name"].format(other="5")) == 1
    assert text.count(notes["held_already"].format(other=DAY)) == 1
    assert _ID.search(page.text) is not None  # they do not hinder


def test_columns_that_are_not_known_are_told(officer: Officer) -> None:
    page = upload(officer, "ФИО;Примечание;Балл\nАну Мяэ;x;5".encode(), lang="ru")
    assert "<q>Примечание</q>" in page.text
    assert "<td>5</td>" in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_empty_table_has_columns_that_are_read(officer: Officer, language: str) -> None:
    given = officer.get("/desk/list/template.csv", lang=language)
    delimiter = ";" if language == "ru" else ","
    filled = given.content + (f"Anu{delimiter * 3}A" + delimiter * 6).encode()
    page = upload(officer, filled)
    assert EN["desk"]["preview_good"].format(total=1) in texts(page)


# ── issue ──────────────────────────────────────────────────────────────────────────────────────────


def test_list_is_issued_once_however_often_it_is_confirmed(school: School, officer: Officer) -> None:
    served = school[0]
    before = issued(served)
    lines = ["name,reference,grade,awarded_on,valid_until", "Anu,C-1,A,,", "=Bo,C-2,B,1.2.2026,2026-12-31"]
    page = upload(officer, "\n".join(lines).encode())
    answers: list[httpx.Response] = []
    threads = [Thread(target=lambda: answers.append(confirm(officer, page))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.headers["location"] for answer in answers] == ["/desk/list/issued?lang=en"] * 3
    assert confirm(officer, page).status_code == 303
    assert issued(served) == before + 2
    shown = officer.get("/desk/list/issued", lang="en")
    assert EN["desk"]["issued_count"].format(total=2) in texts(shown)
    table = officer.get("/desk/list/issued.csv", lang="en").text.removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["name"] for row in rows] == ["Anu", "'=Bo"]
    assert [row["awarded_on"] for row in rows] == [DAY, "2026-02-01"]
    for row in rows:
        status = served.http.get(f"/v1/credentials/{row['id']}/status").json()
        assert row["id"] in str(status)
        assert row["link"].endswith(row["id"])
        assert f"/verify/{row['id']}" in shown.text
    assert _ID.search(officer.get("/desk/list/preview").text) is None


def test_idempotency_key_is_the_previews_when_the_process_forgot_that_it_was_issued(school: School) -> None:
    served = school[0]
    institution = served.node.ledger.institution(SLUG)
    actor = Actor(name="test", role="issuer", institution=institution.id)
    visit = Visit(Session(actor, institution.id, "", 0.0, 0.0), actor, institution, "en")
    claim = AwardClaim(achievement=CODE, learner=LearnerClaim(name="Anu"), awarded_on=date(2026, 1, 31))
    preview = Preview(ClassList((ListRow(2, {}, claim),), ()))
    before = issued(served)
    answers = []
    for _ in range(2):
        preview.job = None
        job = preview.issue(served.node, visit, UNREAD)
        assert job.wait(60)
        answers.append(job.result)
    assert answers[0] == answers[1] is not None
    assert issued(served) == before + 1


def test_nothing_is_issued_when_one_of_the_rows_is_refused_at_last(school: School) -> None:
    """The institution's key was revoked between preview and button."""
    served, _ = school
    body = {"slug": "late-school", "name": "Late School", "country": "EE", "kind": "university"}
    assert served.write("POST", "/v1/institutions", body, served.key()).status_code == 201
    key = served.key("late-school")
    assert served.write("POST", "/v1/achievements", {"code": CODE, "template": TEMPLATE}, key).status_code == 201
    late = Officer(served, key)
    page = upload(late, b"name\nAnu\nBo")
    revoked = served.write(
        "POST", "/v1/institutions/late-school/keys/key-1/revocation", {"reason": "key_compromise"}, key
    )
    assert revoked.status_code == 200
    before = issued(served)
    assert confirm(late, page).status_code == 303
    shown = late.get("/desk/list/issued", lang="en")
    assert shown.status_code == 409
    assert EN["desk"]["failed"] in shown.text
    assert issued(served) == before
    assert served.write("POST", "/v1/institutions/late-school/keys", {}, key).status_code == 201
    assert confirm(late, page).status_code == 303  # it may be tried again
    assert issued(served) == before + 2


def test_preview_is_one_sessions_alone(school: School, officer: Officer) -> None:
    page = upload(officer, b"name\nAnu")
    other = Officer(*school)
    assert other.get("/desk/list/preview").status_code == 410
    assert other.get("/desk/list/issued").status_code == 410
    assert confirm(other, page).status_code == 410
    assert upload(officer, b"name\nBo").status_code == 200
    assert confirm(officer, page).status_code == 410  # another upload took its place


def test_preview_says_that_it_is_gone_when_the_ledger_was_started_anew(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        key = open_school(served)
        officer = Officer(served, key)
        page = upload(officer, b"name\nAnu")
    with serving(tmp_path / "data") as served:
        old, new = Officer(served, key), Officer(served, key)
        old.cookie, old.token = officer.cookie, officer.token
        assert confirm(old, page).status_code == 401
        assert EN["desk"]["gone"] in new.get("/desk/list/preview", lang="en").text
        assert issued(served) == 0


def test_long_list_shows_how_far_it_is(officer: Officer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.route.desk_list.PATIENCE_SECONDS", 0)
    page = upload(officer, ("name\n" + "Anu\n" * 400).encode())
    assert confirm(officer, page).status_code == 303
    seen = officer.get("/desk/list/issued", lang="en")
    if EN["desk"]["issuing"] in seen.text:
        assert seen.headers["refresh"] == "1"
        assert '<progress value="' in seen.text
        assert ' max="400"' in seen.text
    done = EN["desk"]["issued_count"].format(total=400)
    deadline = time.monotonic() + 60
    while done not in (shown := officer.get("/desk/list/issued", lang="en")).text and time.monotonic() < deadline:
        time.sleep(0.1)
    assert done in shown.text
    assert "refresh" not in shown.headers
    assert EN["desk"]["and_more"].format(count=300) in shown.text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", " =1", "＝1"])
def test_cell_is_no_formula_when_it_is_taken_away(cell: str) -> None:
    assert safe(cell) == f"'{cell}"
    assert safe("Anu = B") == "Anu = B"


@pytest.mark.parametrize("cell", ["Anu;=1+1", "Anu,-1", 'Anu;"=1', "Anu\n@x", "Anu; =1;+2"])
def test_cell_holds_no_formula_for_a_spreadsheet_that_expects_another_delimiter(cell: str) -> None:
    for delimiter in (",", ";", "\t"):
        cells = next(csv.reader([safe(cell).replace("\n", delimiter)], delimiter=delimiter))
        assert not any(one.strip(' "').startswith(tuple("=+-@")) for one in cells), (cells, delimiter)


def test_list_whose_issue_broke_off_is_said_to_be_in_doubt_and_issued_again_once(
    school: School, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had been recorded when it broke off."""
    served = school[0]
    waits = served.node.views.projector.wait_for

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Anu Mae")

    before, logged = issued(served), len(served.log.getvalue())
    page = upload(officer, b"name\nAnu Mae\nBo")
    monkeypatch.setattr(served.node.views.projector, "wait_for", broken)
    assert confirm(officer, page).status_code == 303
    shown = officer.get("/desk/list/issued", lang="en")
    assert shown.status_code == 409
    assert EN["desk"]["failed_unsure"] in shown.text
    assert EN["desk"]["failed"] not in shown.text
    assert "Anu Mae" not in shown.text
    [line] = [one for one in served.log.getvalue()[logged:].splitlines() if "desk_job_failed" in one]
    assert "RuntimeError" in line
    assert "Anu Mae" not in line
    monkeypatch.setattr(served.node.views.projector, "wait_for", waits)
    assert confirm(officer, officer.get("/desk/list/preview")).status_code == 303
    assert EN["desk"]["issued_count"].format(total=2) in texts(officer.get("/desk/list/issued", lang="en"))
    assert issued(served) == before + 2
