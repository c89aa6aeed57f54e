"""The issuers' desk: who gets in, how long, and what no other page can make it do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from api.desk.session import ABSOLUTE_SECONDS, IDLE_SECONDS, MAX_HELD, MAX_PER_KEY, Sessions
from api.page.language import LANGUAGES, read_messages
from ledger.access import Actor
from tests.api.desk import OWN_PAGE, Officer, sign_in
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
