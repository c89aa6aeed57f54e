"""The issuers' desk: who gets in, how long, and what no other page can make it do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import pytest

from api.desk.change import Choice
from api.desk.class_list import ClassList
from api.desk.job import Job
from api.desk.preview import Preview
from api.desk.replacement_list import ReplacementList
from api.desk.session import ABSOLUTE_SECONDS, IDLE_SECONDS, MAX_HELD, MAX_PER_KEY, Session, Sessions
from api.page.language import LANGUAGES, read_messages
from ledger.access import Actor
from ledger.reason import Reason
from tests.api.desk import OWN_PAGE, UNREAD, Officer, sign_in
from tests.api.served import BASE, OPERATOR, SLUG, Served, open_school, serving


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    with serving(Path(tmp_path_factory.mktemp("desk") / "data")) as served:
        yield served, open_school(served)


School = tuple[Served, str]


def actor(served: Served, name: str = "k") -> Actor:
    return Actor(name=name, role="issuer", institution=served.node.ledger.institution(SLUG).id)


# ── signing in and out ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", LANGUAGES)
def test_officer_gets_in_when_the_key_is_good(school: School, language: str) -> None:
    served, key = school
    officer = Officer(served, key)
    page = officer.get("/desk", lang=language)
    assert page.status_code == 200
    assert "Riverside University" in page.text
    assert read_messages("ru" if language == "ru" else "en")["desk"]["nav_list"] in page.text
    assert page.headers["cache-control"] == "no-store"
    assert key not in page.text


def test_cookie_is_for_this_host_and_for_no_script(school: School) -> None:
    served, key = school
    answer = sign_in(served, key)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/desk?lang=en"
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("cairn-desk=")
    assert len(name.partition("=")[2]) == 43  # 256 bits in base64url
    assert {one.lower() for one in attributes} == {"httponly", "path=/", "samesite=strict"}


def test_cookie_has_the_host_prefix_when_the_ledger_is_https(tmp_path: Path) -> None:
    base = "https://ledger.test"
    with serving(tmp_path / "data", base_url=base) as served:
        key = open_school(served)
        answer = sign_in(served, key, Origin=base)
        name, *attributes = answer.headers["set-cookie"].split("; ")
        assert name.startswith("__Host-cairn-desk=")
        assert {one.lower() for one in attributes} == {"httponly", "path=/", "samesite=strict", "secure"}


@pytest.mark.parametrize("wrong", ["x", "cairn_00000000_" + "A" * 43, "<script>alert(1)</script>", "\x00"])
def test_officer_is_refused_when_the_key_is_wrong(school: School, wrong: str) -> None:
    served = school[0]
    answer = sign_in(served, wrong, lang="ru")
    assert answer.status_code == 401
    assert read_messages("ru")["desk"]["wrong_key"] in answer.text
    assert "set-cookie" not in answer.headers
    assert wrong == "x" or wrong not in answer.text


def test_operator_is_told_to_come_with_an_institutions_key(school: School) -> None:
    served = school[0]
    answer = sign_in(served, served.key())
    assert answer.status_code == 403
    assert read_messages("en")["desk"]["operator_key"].replace("'", "&#39;") in answer.text
    assert "set-cookie" not in answer.headers


def test_refused_keys_are_counted_when_requests_are_limited(tmp_path: Path) -> None:
    with serving(tmp_path / "data", rate_limit_per_minute=5) as served:
        codes = [sign_in(served, "cairn_00000000_" + "A" * 43).status_code for _ in range(8)]
        assert codes == [401] * 5 + [429] * 3


def test_session_ends_when_its_officer_signs_out(school: School) -> None:
    served, key = school
    officer = Officer(served, key)
    answer = officer.post("/desk/sign-out")
    assert answer.status_code == 303
    assert 'cairn-desk=""' in answer.headers["set-cookie"]
    assert 'name="key"' in officer.get("/desk").text  # the cookie is still sent here, and leads nowhere
    assert officer.post("/desk/sign-out").status_code == 401


def test_session_ends_when_its_key_is_revoked(school: School) -> None:
    served = school[0]
    key = served.key(SLUG)
    officer = Officer(served, key)
    assert officer.get("/desk/record").status_code == 200
    revoke(served, key)
    answer = officer.get("/desk/record")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "Riverside" not in answer.text


def test_key_that_has_expired_holds_no_session(school: School) -> None:
    served, key = school
    access, prefix = served.node.access, key.split("_")[1]
    assert access.holder(prefix, served.node.ledger.now()).name == prefix
    with pytest.raises(Exception, match="expired"):
        access.holder(prefix, served.node.ledger.now() + timedelta(days=2))


def test_session_is_in_no_log(school: School) -> None:
    served, key = school
    officer = Officer(served, key)
    officer.get("/desk/record")
    logged = served.log.getvalue()
    assert '"/desk/record"' in logged
    for secret in (key, officer.cookie, officer.token):
        assert secret not in logged


# ── forged requests ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": f"{BASE}.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": BASE},
        {"Sec-Fetch-Site": "same-site", "Origin": BASE},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_form_of_another_page_is_refused(school: School, headers: dict[str, str]) -> None:
    served, key = school
    officer = Officer(served, key)
    answer = officer.post("/desk/sign-out", headers=headers)
    assert answer.status_code == 403
    assert officer.get("/desk/record").status_code == 200
    assert sign_in(served, key, replace=True, **headers).status_code == 403


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_form_without_the_sessions_token_is_refused(school: School, token: str) -> None:
    served, key = school
    officer, other = Officer(served, key), Officer(served, key)
    for given in (token, other.token):
        assert officer.post("/desk/sign-out", token=given).status_code == 403
    assert officer.get("/desk/record").status_code == 200


def test_desk_is_read_by_no_other_origin(school: School) -> None:
    served, key = school
    answer = Officer(served, key).get("/desk", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["referrer-policy"] == "same-origin"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    preflight = served.http.request("OPTIONS", "/desk/sign-in", headers=asked)
    assert "access-control-allow-origin" not in preflight.headers


def test_form_is_refused_before_it_is_read_when_nobody_has_signed_in(school: School) -> None:
    answer = school[0].http.post("/desk/sign-out", files={"file": b"x" * 100_000}, headers=OWN_PAGE)
    assert answer.status_code == 401


def revoke(served: Served, key: str) -> None:
    served.node.access.revoke(key.split("_")[1], actor=OPERATOR, at=served.node.ledger.now())


@pytest.mark.parametrize("by", ["key", "session"])
def test_form_is_refused_when_its_sender_is_shut_out_while_it_is_sent(school: School, by: str) -> None:
    served = school[0]
    key = served.key(SLUG)
    officer = Officer(served, key)
    keys = served.node.ledger.institution(SLUG).keys

    async def form() -> AsyncIterator[bytes]:
        yield f"token={officer.token}".encode()
        if by == "key":
            await asyncio.to_thread(revoke, served, key)
        else:
            await asyncio.to_thread(officer.post, "/desk/sign-out")
        yield b"&once=1"

    headers = {"Cookie": officer.cookie, "Content-Type": "application/x-www-form-urlencoded", **OWN_PAGE}
    answer = served.http.post("/desk/signing-keys/change", content=form(), headers=headers)
    assert answer.status_code == 401
    assert served.node.ledger.institution(SLUG).keys == keys


# ── how long ───────────────────────────────────────────────────────────────────────────────────────


def test_session_ends_when_it_is_idle_or_old(school: School) -> None:
    now = [0.0]
    sessions, who = Sessions(lambda: now[0]), actor(school[0])
    assert who.institution is not None
    idle = sessions.begin(who, who.institution)
    now[0] += IDLE_SECONDS - 1
    assert sessions.find(idle) is not None
    now[0] += IDLE_SECONDS - 1
    assert sessions.find(idle) is not None  # it was used in between
    now[0] += IDLE_SECONDS
    assert sessions.find(idle) is None
    old, began = sessions.begin(who, who.institution), now[0]
    while now[0] - began < ABSOLUTE_SECONDS - 60:
        now[0] += 60
        assert sessions.find(old) is not None
    now[0] += 60
    assert sessions.find(old) is None
    assert len(sessions) == 0


def test_sessions_take_bounded_room(school: School) -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0], max_sessions=20)
    first = actor(school[0], "first")
    assert first.institution is not None
    ours = [sessions.begin(first, first.institution) for _ in range(MAX_PER_KEY + 1)]
    assert sessions.find(ours[0]) is None
    assert sessions.find(ours[1]) is not None
    for number in range(30):
        now[0] += 1
        sessions.begin(actor(school[0], f"k{number}"), first.institution)
    assert len(sessions) == 20


def test_sessions_hold_bounded_work(school: School) -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    found = []
    for number in range(MAX_HELD + 2):
        now[0] += 1
        who = actor(school[0], f"k{number}")
        assert who.institution is not None
        session = sessions.find(sessions.begin(who, who.institution))
        assert session is not None
        sessions.hold(session, "list", "work")
        found.append(session)
    assert [bool(session.held) for session in found] == [False] * 2 + [True] * MAX_HELD


def test_officers_of_two_institutions_who_are_called_the_same_sign_nobody_else_out() -> None:
    sessions = Sessions(lambda: 0.0)
    ours, theirs = uuid4(), uuid4()
    one = sessions.begin(Actor(name="account anna", role="issuer", institution=ours), ours)
    for _ in range(MAX_PER_KEY):
        sessions.begin(Actor(name="account anna", role="issuer", institution=theirs), theirs)
    assert sessions.find(one) is not None


class Held:
    """Work of a session that may be under way."""

    def __init__(self, *, is_under_way: bool = False) -> None:
        self.is_under_way = is_under_way


class Officers:
    """Sessions that hold something, one after the other."""

    def __init__(self) -> None:
        self._now = 0.0
        self.sessions = Sessions(lambda: self._now)

    def hold(self, institution: UUID, value: object = "work") -> Session:
        """Sign somebody in who holds something."""
        self._now += 1
        who = Actor(name=f"k{self._now}", role="issuer", institution=institution)
        session = self.sessions.find(self.sessions.begin(who, institution))
        assert session is not None
        self.sessions.hold(session, "list", value)
        return session


def test_institution_that_holds_most_makes_room_for_all() -> None:
    officers, few, many = Officers(), uuid4(), uuid4()
    first = [officers.hold(few) for _ in range(2)]
    others = [officers.hold(many) for _ in range(2 * MAX_HELD)]
    assert all(one.held for one in first)
    assert [bool(one.held) for one in others] == [False] * (MAX_HELD + 2) + [True] * (MAX_HELD - 2)
    third = officers.hold(few)
    assert all(one.held for one in (*first, third))
    assert sum(bool(one.held) for one in others) == MAX_HELD - 3


def test_institution_loses_its_own_oldest_work_when_another_holds_as_much() -> None:
    officers, one, other = Officers(), uuid4(), uuid4()
    theirs = [officers.hold(other) for _ in range(MAX_HELD // 2)]
    ours = [officers.hold(one) for _ in range(MAX_HELD // 2 + 1)]
    assert all(session.held for session in theirs)
    assert [bool(session.held) for session in ours] == [False] + [True] * (MAX_HELD // 2)


def test_work_that_is_under_way_is_not_taken_from_a_session() -> None:
    officers, one = Officers(), uuid4()
    busy = officers.hold(one, Held(is_under_way=True))
    idle = officers.hold(one, Held())
    for _ in range(MAX_HELD - 1):
        officers.hold(one, Held(is_under_way=True))
    assert busy.held
    assert not idle.held
    assert officers.hold(one).held  # nothing can make room, and it is kept nevertheless


@pytest.mark.parametrize(
    "held",
    [Preview(ClassList((), ())), Choice([], []), ReplacementList([], 0, (), Reason.ISSUED_IN_ERROR)],
    ids=lambda one: type(one).__name__,
)
def test_what_is_held_says_that_it_is_under_way_while_its_job_runs(held: Preview | Choice | ReplacementList) -> None:
    go_on, said = Event(), [held.is_under_way]
    held.job = Job(lambda _: go_on.wait(60), 1, UNREAD)
    said.append(held.is_under_way)
    go_on.set()
    assert held.job.wait(60)
    assert [*said, held.is_under_way] == [False, True, False]
