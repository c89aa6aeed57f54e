"""Learners' requests at the issuers' desk: who is shown them, who may decide, and what an erasure takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from api.page.language import LANGUAGES, read_messages
from tests.api.desk import Officer
from tests.api.served import Served, open_school, serving
from tests.api.test_mine import School, fill

HOSTILE = "My name is <script>window.hit = 1</script>\nand not {{7*7}}"


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    with serving(tmp_path_factory.mktemp("requests") / "data") as served:
        yield fill(served)


@pytest.fixture(scope="module")
def officer(school: School) -> Officer:
    return Officer(school.served, school.key)


def ask(school: School, cookie: dict[str, str], kind: str = "corrections", **fields: str) -> str:
    """Ask as the learner does; returns the address of the request at the desk."""
    before = set(addresses(school))
    answered = school.post(f"/mine/{kind}", cookie, **fields)
    assert answered.status_code == 303, answered.text
    [address] = set(addresses(school)) - before
    return address


def addresses(school: School) -> list[str]:
    served = school.served
    owner = served.node.ledger.institution("riverside-university").id
    return [f"/desk/requests/{one.id}" for one in served.node.parts.requests.to(owner)]


def said(language: str = "en") -> dict[str, str]:
    return dict(read_messages("ru" if language == "ru" else "en")["desk_request"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_officer_reads_a_correction_and_the_learner_the_answer(school: School, officer: Officer, language: str) -> None:
    cookie = school.cookie()
    address = ask(school, cookie, note=HOSTILE, award=school.components[0])
    listed = officer.get("/desk/requests", lang=language).text
    assert address in listed
    assert "Mari &#34;" in listed
    shown = officer.get(address, lang=language).text
    assert "&lt;script&gt;window.hit" in shown
    assert "<script>window" not in shown
    assert school.components[0] in shown
    assert school.others not in shown
    answer = officer.post(address, outcome="done", answer="Replaced, see below.", lang=language)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/requests?lang={language}&done=done")
    assert said(language)["said_done"] in officer.get("/desk/requests", lang=language, done="done").text
    assert "Replaced, see below." in school.get("/mine/requests", cookie).text
    closed = officer.get(address, lang=language).text
    assert "Replaced, see below." in closed
    assert 'name="outcome"' not in closed
    again = officer.post(address, outcome="declined", answer="No.", lang=language)
    assert again.status_code == 409
    assert said(language)["not_decided"] in again.text
    acts = read_messages("ru" if language == "ru" else "en")["desk_act"]
    assert acts["request_done"].replace("'", "&#39;") in officer.get("/desk/record", lang=language).text


def test_request_is_declined_only_with_a_reason_and_nothing_typed_is_lost(school: School, officer: Officer) -> None:
    cookie = school.cookie()
    address = ask(school, cookie, note="Wrong grade")
    for fields, refusal in (
        ({"outcome": "declined"}, "no_answer"),
        ({"answer": "Because"}, "no_outcome"),
        ({"outcome": "other", "answer": "Because"}, "no_outcome"),
        ({"outcome": "done", "answer": "x" * 4_001}, "too_long"),
        ({"outcome": "done", "answer": "x\x00"}, "too_long"),
    ):
        answered = officer.send(address, fields)
        assert answered.status_code == 422, fields
        assert said()[refusal] in answered.text
        assert (fields.get("answer", "")[:7] or "<textarea") in answered.text
    assert officer.post(address, outcome="declined", answer="The grade is right.").status_code == 303
    assert "The grade is right." in school.get("/mine/requests", cookie).text


def test_request_of_another_institution_looks_like_one_that_never_was(school: School, officer: Officer) -> None:
    served = school.served
    body = {"slug": "other-school", "name": "Other School", "country": "EE", "kind": "university"}
    assert served.write("POST", "/v1/institutions", body, served.key()).status_code == 201
    other = Officer(served, served.key("other-school"))
    address = ask(school, school.cookie(), note="Only for my own institution")
    assert "Only for my own" not in other.get("/desk/requests", lang="en").text
    never = "/desk/requests/00000000-0000-4000-8000-000000000000"

    def told(who: Officer, path: str) -> tuple[int, str]:
        answered = who.get(path, lang="en")
        return answered.status_code, answered.text.replace(path, "").replace(who.token, "")

    assert told(other, address) == told(other, never) == told(other, "/desk/requests/nonsense")
    assert told(other, address)[0] == 404
    assert other.post(address, outcome="done", answer="x").status_code == 404
    assert officer.get(address).status_code == 200


def test_nobody_decides_without_a_session_or_its_token(school: School, officer: Officer) -> None:
    address = ask(school, school.cookie(), note="x")
    assert school.served.http.get(address).status_code == 401
    assert school.served.http.get("/desk/requests").status_code == 401
    forged = officer.post(address, outcome="done", token="0" * 64)
    assert forged.status_code == 403
    elsewhere = officer.post(address, outcome="done", headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    assert 'name="outcome"' in officer.get(address).text


def test_erasure_asks_twice_and_takes_everything(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("erasure") / "data") as served:
        school = fill(served)
        officer = Officer(served, school.key)
        cookie = school.cookie()
        address = ask(school, cookie, "erasure", sure="yes", note="Please")
        shown = officer.get(address, lang="en").text
        assert said()["stays_log"] in shown  # what stays is said, and to the officer
        assert "your awards" not in shown
        unsure = officer.post(address, outcome="done", answer="As you wish")
        assert unsure.status_code == 422
        assert said()["not_sure"] in unsure.text
        assert school.get("/mine", cookie).status_code == 200
        erased = officer.post(address, outcome="done", sure="yes")
        assert erased.headers["location"].endswith("done=erased")
        assert officer.get(address, lang="en").status_code == 404
        assert school.get("/mine", cookie).headers.get("location", "") or "Mari" not in school.get("/mine", cookie).text
        assert is_gone(served, school.stack)
        assert not is_gone(served, school.others)
        assert "Mari &#34;" not in officer.get("/desk/requests", lang="en").text
        record = officer.get("/desk/record", lang="en").text
        assert read_messages("en")["desk_act"]["learner_erase"].replace("'", "&#39;") in record


def test_erasure_that_is_declined_erases_nothing(school: School, officer: Officer) -> None:
    cookie = school.cookie()
    address = ask(school, cookie, "erasure", sure="yes")
    assert (
        officer.post(address, outcome="declined", answer="We keep transcripts by law.", sure="yes").status_code == 303
    )
    assert "We keep transcripts by law." in school.get("/mine/requests", cookie).text
    assert not is_gone(school.served, school.stack)


def test_list_shows_the_oldest_first_and_says_how_many_there_are(school: School, officer: Officer) -> None:
    cookie = school.cookie()
    first, second = (ask(school, cookie, note=f"number {at}") for at in (1, 2))
    page = officer.get("/desk/requests", lang="en").text
    assert page.index(first) < page.index(second)
    waiting = re.search(r"Waiting: (\d+)", page)
    assert waiting is not None
    owner = school.served.node.ledger.institution("riverside-university").id
    due = [one for one in school.served.node.parts.requests.to(owner) if one.outcome is None]
    assert int(waiting[1]) == len(due)


def is_gone(served: Served, award: str) -> bool:
    """Whether the documents of an award are erased."""
    headers = {"Authorization": f"Bearer {served.key('riverside-university')}"}
    answered: httpx.Response = served.http.get(f"/v1/credentials/{award}/bundle", headers=headers)
    return answered.status_code == httpx.codes.GONE


def test_school_without_requests_is_told_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("none") / "data") as served:
        officer = Officer(served, open_school(served))
        assert said()["none"] in officer.get("/desk/requests", lang="en").text
