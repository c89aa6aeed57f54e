"""A learner's own page over a real ledger: who gets in, what is shown, what is shared, what is asked for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.guess import GUESSES_PER_MINUTE
from api.page.language import LANGUAGES, read_messages
from api.setting import Settings
from api.vault_check import VaultCheck
from ledger.learner_link import LINK
from ledger.store import Commit, Write
from tests.api.desk import OWN_PAGE
from tests.api.diploma import award as award_diploma
from tests.api.diploma import publish_programme, unpack
from tests.api.served import CODE, OPERATOR, SLUG, TEMPLATE, Served, open_school, serving
from tests.files import contents

ATTACK = "\"'><script>alert(1)</script>{{7*7}}"
LEARNER: dict[str, Any] = {"name": f"Mari {ATTACK}", "reference": "S-1"}
OTHER: dict[str, Any] = {"name": "Jaan Tamm", "reference": "S-2"}


@dataclass
class School:
    """A served ledger with an institution, and two learners who hold something."""

    served: Served
    key: str
    stack: str
    components: tuple[str, str]
    revoked: str
    diploma: str
    parts: tuple[str, ...]
    others: str

    def link(self, **named: object) -> dict[str, Any]:
        """Make a link."""
        body = named if "credential" in named else {"reference": "S-1", **named}
        made = self.served.write("POST", "/v1/learner-links", body, self.key)
        assert made.status_code == 201, made.text
        read: dict[str, Any] = made.json()
        return read

    def enter(self, secret: str, **fields: str) -> httpx.Response:
        """Hand a link's secret part over, as the page does."""
        return self.served.http.post("/mine/enter", data={"link": secret, "lang": "en", **fields}, headers=OWN_PAGE)

    def cookie(self, **named: object) -> dict[str, str]:
        """Header fields of whoever has just come in by a fresh link."""
        answered = self.enter(self.link(**named)["link"])
        assert answered.status_code == 303, answered.text
        return {"Cookie": answered.headers["set-cookie"].partition(";")[0]}

    def get(self, path: str, cookie: dict[str, str]) -> httpx.Response:
        """Ask as somebody who has come in."""
        return self.served.http.get(path, headers={"Accept": "text/html", **cookie})

    def post(self, path: str, cookie: dict[str, str], **fields: object) -> httpx.Response:
        """Send a form as somebody who has come in."""
        headers = {"Accept": "text/html", **OWN_PAGE, **cookie}
        return self.served.http.post(path, data={"lang": "en", **fields}, headers=headers)

    def share(self, cookie: dict[str, str], *awards: str, **fields: object) -> str:
        """Share some awards; returns the path of the link."""
        answered = self.post("/mine/shares", cookie, award=list(awards), **{"days": "7", **fields})
        assert answered.status_code == 200, answered.text
        found = re.search(r"/shared/[a-v0-9]{16}_[\w-]{43}", answered.text)
        assert found is not None
        return found[0]


def fill(served: Served) -> School:
    key = open_school(served)
    publish_programme(served, key, SLUG, modules=2)
    certificate = {**TEMPLATE, "title": "Certificate <b>in</b> Data Work", "credits_centi": 500}
    for code in ("CERT", "MASTER"):
        done(served.write("POST", "/v1/achievements", {"code": code, "template": certificate}, key))
    for code, credits_centi in (("CERT", 800), ("MASTER", 6_000)):
        rules = {
            "format": "cairn/pathway/v1",
            "unit": {"kind": "ects"},
            "rule": {"rule": "minimum", "id": "total", "credits": credits_centi},
            "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
        }
        body = {"code": f"P-{code}", "achievement": code, "rules": rules}
        done(served.write("POST", f"/v1/institutions/{SLUG}/pathways", body, key))
    used = [served.issue(key, achievement=code, learner=LEARNER, grade="A+")["id"] for code in (CODE, "MOD-1")]
    stack = {"pathway": "P-CERT", "learner": LEARNER, "awards": [{"award": one} for one in used]}
    stacked = done(served.write("POST", "/v1/stackings", stack, key))["id"]
    revoked = served.issue(key, learner=LEARNER, awarded_on="2024-03-01")["id"]
    done(served.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "academic_misconduct"}, key))
    diploma = award_diploma(served, key, learner=LEARNER)
    parts = [one["id"] for one in done(unpack(served, key, diploma, 1, 2))["parts"]]
    others = served.issue(key, learner=OTHER)["id"]
    return School(served, key, stacked, (used[0], used[1]), revoked, diploma, tuple(parts), others)


def done(answered: httpx.Response) -> dict[str, Any]:
    assert answered.is_success, answered.text
    read: dict[str, Any] = answered.json()
    return read


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    with serving(tmp_path_factory.mktemp("mine") / "data") as served:
        yield fill(served)


@pytest.fixture(scope="module")
def cookie(school: School) -> dict[str, str]:
    return school.cookie()


# ── the link ───────────────────────────────────────────────────────────────────────────────────────


def test_link_is_shown_once_and_kept_as_a_digest(school: School) -> None:
    made = school.link(days=3)
    place, _, secret = made["link"].partition("#")
    assert place == "http://ledger.test/mine/enter"
    assert LINK.fullmatch(secret)
    rows = school.served.node.ledger.store.query("SELECT * FROM vault_link WHERE prefix=?", (made["prefix"],))
    assert bytes(rows[0][1]) == hashlib.sha256(secret.encode()).digest()
    bits = secret.partition("_")[2].encode()
    for file, kept in contents(school.served.node.settings.data_dir):
        assert bits not in kept, file
    listed = school.served.http.get("/v1/learner-links", headers={"Authorization": f"Bearer {school.key}"})
    assert made["prefix"] in [one["prefix"] for one in listed.json()["links"]]
    assert bits.decode() not in listed.text
    assert listed.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "body",
    [{}, {"reference": "S-1", "credential": "x"}, {"reference": "S-1", "days": 0}, {"reference": "S-1", "days": 366}],
)
def test_link_is_refused_when_nobody_or_no_time_is_named(school: School, body: dict[str, Any]) -> None:
    assert school.served.write("POST", "/v1/learner-links", body, school.key).status_code == 422


def test_link_is_for_the_institution_of_the_key_alone(school: School) -> None:
    operator = school.served.key()
    body = {"slug": "coast-college", "name": "Coast College", "country": "EE", "kind": "university"}
    done(school.served.write("POST", "/v1/institutions", body, operator))
    foreign = school.served.key("coast-college")
    for named in ({"reference": "S-1"}, {"credential": school.stack}):
        assert school.served.write("POST", "/v1/learner-links", named, foreign).status_code == 404
    prefix = school.link()["prefix"]
    path = f"/v1/learner-links/{prefix}/revocation"
    assert school.served.write("POST", path, {}, foreign).status_code == 403
    assert school.served.http.get("/v1/learner-links").status_code == 401


def test_link_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_has(school: School) -> None:
    link = school.link()["link"]
    assert school.served.http.get("/mine").headers["location"] == "/mine/enter?lang=en"
    for pasted in (link, link.partition("#")[2], f"  {link} "):
        answered = school.enter(pasted)
        assert answered.status_code == 303
        assert answered.headers["location"] == "/mine?lang=en"
        assert answered.headers["cache-control"] == "no-store"
        assert answered.headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answered.headers
        value, *attributes = answered.headers["set-cookie"].split("; ")
        assert {one.lower() for one in attributes} == {"httponly", "max-age=7200", "path=/", "samesite=strict"}
        assert link.partition("_")[2] not in value
    page = school.get("/mine", school.cookie())
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"].startswith("noindex")
    assert "access-control-allow-origin" not in page.headers
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]


def test_cookie_is_bound_to_the_host_when_the_ledger_is_reached_by_https(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("https") / "data"
    with serving(data, base_url="https://ledger.test") as served:
        key = open_school(served)
        served.issue(key, learner=LEARNER)
        link = done(served.write("POST", "/v1/learner-links", {"reference": "S-1"}, key))["link"]
        answered = served.http.post("/mine/enter", data={"link": link}, headers={"Origin": "https://ledger.test"})
        value = answered.headers["set-cookie"]
        assert value.startswith("__Host-cairn_mine=")
        assert {"secure", "path=/", "httponly"} <= {one.lower() for one in value.split("; ")}
        assert "domain" not in value.lower()


def test_form_of_another_site_is_refused(school: School) -> None:
    """What counts as another site is tested with `api.own_page`; here, that every form of the page asks."""
    link, cookie = school.link()["link"], school.cookie()
    entered = school.served.http.post("/mine/enter", data={"link": link}, headers={"Sec-Fetch-Site": "cross-site"})
    assert entered.status_code == 403
    assert "set-cookie" not in entered.headers
    for path in ("leave", "record", "shares", "shares/end", "corrections", "appeals", "erasure"):
        sent = {"sure": "yes", "note": "x"}
        answered = school.served.http.post(f"/mine/{path}", data=sent, headers={"Origin": "null", **cookie})
        assert answered.status_code == 403, path
    page = school.get("/mine", cookie)
    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "same-origin"


def test_session_ends_at_once_when_the_link_is_revoked_or_the_learner_leaves(school: School) -> None:
    made = school.link()
    entered = school.enter(made["link"])
    cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    assert school.get("/mine", cookie).status_code == 200
    left = school.post("/mine/leave", cookie)
    assert "Max-Age=0" in left.headers["set-cookie"]
    revoked = school.served.write("POST", f"/v1/learner-links/{made['prefix']}/revocation", {}, school.key)
    assert done(revoked)["revoked_at"] is not None
    for path in ("/mine", "/mine/progress", "/mine/shares", "/mine/requests", "/mine/erasure",
                 f"/mine/awards/{school.stack}/open-badge"):  # fmt: skip
        assert school.get(path, cookie).headers["location"] == "/mine/enter?lang=en", path
    assert school.post("/mine/erasure", cookie, sure="yes").headers["location"] == "/mine/enter?lang=en"


def test_cookie_opens_nothing_when_any_part_of_it_is_altered(school: School) -> None:
    name, _, value = school.cookie()["Cookie"].partition("=")
    prefix, end, mac = value.split(".")
    for forged in (
        f"{prefix}.{int(end) + 1}.{mac}", f"{prefix[::-1]}.{end}.{mac}", f"{prefix}.{end}.{mac[::-1]}",
        f"{prefix}.1.{mac}", "", "x",
    ):  # fmt: skip
        assert school.get("/mine", {"Cookie": f"{name}={forged}"}).status_code == 303, forged


def test_wrong_links_are_answered_alike(school: School) -> None:
    gone, secret = school.link(), school.link()["link"].partition("#")[2]
    done(school.served.write("POST", f"/v1/learner-links/{gone['prefix']}/revocation", {}, school.key))
    old = school.link()
    past = (school.served.node.ledger.now() - timedelta(days=1)).isoformat()
    _alter(school, "UPDATE vault_link SET expires_at=? WHERE prefix=?", past, old["prefix"])
    share = school.share(school.cookie(), school.stack).rpartition("/")[2]
    other = secret[:-2] + ("AA" if not secret.endswith("AA") else "BA")
    wrong = [other, gone["link"], old["link"], share, "x", ATTACK, "0" * 16 + "_" + "A" * 43]
    seen = {(one.status_code, _without_token(one)) for one in map(school.enter, wrong)}
    assert len(seen) == 1
    assert next(iter(seen))[0] == 404


def test_guessing_is_refused_above_a_limit(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("guesses") / "data") as served:
        answers = [served.http.get(f"/shared/{'0' * 16}_{'A' * 43}").status_code for _ in range(GUESSES_PER_MINUTE)]
        assert set(answers) == {404}
        for refused in (
            served.http.get("/shared/x"),
            served.http.post("/mine/enter", data={"link": "x"}, headers=OWN_PAGE),
        ):
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
        assert served.http.get("/livez").status_code == 200


def test_secrets_are_in_no_log(school: School) -> None:
    made = school.link()
    entered = school.enter(made["link"])
    value = entered.headers["set-cookie"].partition(";")[0]
    shared = school.share({"Cookie": value}, school.stack)
    assert school.served.http.get(shared).status_code == 200
    log = school.served.log.getvalue()
    for secret in (made["link"].partition("_")[2], value.partition("=")[2], shared.partition("_")[2], school.stack):
        assert secret not in log
    assert "/shared/{secret}" in log


# ── what there is ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_shows_every_award_of_the_learner_and_nobody_elses(
    school: School, cookie: dict[str, str], language: str
) -> None:
    page = school.get(f"/mine?lang={language}", cookie)
    words = read_messages("ru" if language == "ru" else "en")
    assert page.status_code == 200
    for one in (school.stack, *school.components, school.revoked, school.diploma, *school.parts):
        assert f'id="a-{one}"' in page.text, one
    assert school.others not in page.text
    assert "Jaan" not in page.text
    assert words["verdict"]["invalid"] in page.text
    assert words["learner_state"]["revoked"] in page.text
    assert f'<html lang="{language}">' in page.text


def test_page_shows_stacks_as_trees_and_diplomas_with_their_parts(school: School, cookie: dict[str, str]) -> None:
    text = school.get("/mine", cookie).text
    start, end = text.index('id="stacks"'), text.index('id="awards"')
    tree = text[start:end]
    assert tree.count('class="cairn"') == 2
    for below in (*school.components, *school.parts):
        assert f'href="#a-{below}"' in tree
    assert school.revoked not in tree


@pytest.mark.parametrize("path", ["/mine", "/mine/progress", "/mine/shares", "/mine/requests", "/mine/erasure"])
def test_names_are_never_markup(school: School, cookie: dict[str, str], path: str) -> None:
    text = school.get(path, cookie).text
    assert "<script>alert" not in text
    assert ATTACK in unescape(text)  # the learner's own name, as it was claimed
    assert "<b>in</b>" not in text
    assert " style=" not in text
    assert not re.search(r"<script(?! type=\"module\" src=)", text)


@pytest.mark.parametrize("form", ["open-badge", "png", "svg", "bundle"])
def test_download_can_be_verified_anywhere(school: School, cookie: dict[str, str], form: str) -> None:
    answered = school.get(f"/mine/awards/{school.stack}/{form}", cookie)
    assert answered.status_code == 200, answered.text
    assert answered.headers["content-disposition"].startswith("attachment; filename=")
    assert answered.headers["cache-control"] == "no-store"
    media_type = {"png": "image/png", "svg": "image/svg+xml"}.get(form, "application/json")
    judged = school.served.http.post(
        "/v1/verify", content=answered.content, headers={"Content-Type": media_type}
    ).json()
    assert judged["verdict"] == "valid", judged


def test_download_has_the_forms_that_were_signed(school: School, cookie: dict[str, str]) -> None:
    forms = {"forms": ["sd-jwt", "elm", "vc-jwt"]}
    done(school.served.write("POST", f"/v1/institutions/{SLUG}/forms", forms, school.key))
    added = school.served.write("POST", f"/v1/credentials/{school.components[0]}/documents", forms, school.key)
    assert added.is_success, added.text
    for form in ("sd-jwt", "elm", "vc-jwt"):
        assert school.get(f"/mine/awards/{school.components[0]}/{form}", cookie).status_code == 200
        assert school.get(f"/mine/awards/{school.components[1]}/{form}", cookie).status_code == 404
    assert school.get(f"/mine/awards/{school.others}/open-badge", cookie).status_code == 404
    assert school.get(f"/mine/awards/{school.parts[0]}/bundle", cookie).status_code == 200


def test_record_is_made_once_a_day(school: School, cookie: dict[str, str]) -> None:
    first, second = (school.post("/mine/record", cookie) for _ in range(2))
    assert first.status_code == 200, first.text
    assert first.content == second.content
    assert "ClrCredential" in json.loads(first.content)["type"]
    assert school.served.verify(first.content).json()["verdict"] == "valid"


@pytest.mark.parametrize("awards", [1, 2])
def test_learner_whose_address_was_corrected_has_a_link_a_record_and_an_erasure_by_the_right_one(
    tmp_path: Path, awards: int
) -> None:
    with serving(tmp_path / "data") as served:
        school = School(served, open_school(served), "", ("", ""), "", "", (), "")
        wrong, right = ({"name": "Mari", "email": f"{who}@example.org"} for who in ("mari", "mari.m"))
        made = [served.issue(school.key, learner=wrong) for _ in range(awards)]
        corrected = {"achievement": CODE, "learner": right, "awarded_on": "2025-12-31"}
        body = {"reason": "incorrect_data", "credential": corrected}
        done(served.write("POST", f"/v1/credentials/{made[0]['id']}/replacement", body, school.key))
        cookie = school.cookie(reference=right["email"])
        record = school.post("/mine/record", cookie)
        assert record.status_code == 200, record.text
        assert len(json.loads(record.content)["credentialSubject"]["verifiableCredential"]) == awards
        found: list[tuple[str, str, str]] = []
        check = VaultCheck(served.node.parts, lambda _: None, lambda *one: found.append(one), lambda *_: None)
        assert (check.run() > 0, found) == (True, [])
        served.node.parts.erasing.erase_learner(slug=SLUG, reference=right["email"], actor=OPERATOR)
        assert served.node.ledger.store.query("SELECT COUNT(*) FROM vault_learner") == [(0,)]


def test_progress_says_what_is_missing_and_what_is_done(school: School, cookie: dict[str, str]) -> None:
    text = school.get("/mine/progress", cookie).text
    said = read_messages("en")
    assert said["learner_pathway"]["done"] in text  # the certificate, which the learner holds
    assert said["learner_pathway"]["unmet"] in text
    assert said["learner"]["nearest"] in text
    assert "60 ECTS" in re.sub(r"</?td>", " ", text) or ">60<" in text
    assert "cleanse data" in text


# ── what is shared ─────────────────────────────────────────────────────────────────────────────────


def test_share_shows_only_what_was_chosen(school: School, cookie: dict[str, str]) -> None:
    path = school.share(cookie, school.revoked, school.components[0], label="For the library")
    page = school.served.http.get(path)
    assert page.status_code == 200
    assert page.headers["x-robots-tag"].startswith("noindex")
    assert page.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in page.headers
    for shown in (school.revoked, school.components[0]):
        assert shown in page.text
    said = page.text.replace(path.rpartition("/")[2], "")  # the link of the page itself, in which any letters may stand
    for hidden in (school.stack, school.components[1], school.diploma, "Mari", "S-1", "A+", "For the library"):
        assert hidden not in said, hidden
    assert 'class="mark invalid"' in page.text
    assert school.served.http.get(f"{path}/{school.components[0]}/open-badge").status_code == 404


def test_share_hands_out_documents_when_the_learner_ticked_that(school: School, cookie: dict[str, str]) -> None:
    path = school.share(cookie, school.stack, documents="yes")
    document = school.served.http.get(f"{path}/{school.stack}/open-badge")
    assert school.served.verify(document.content).json()["verdict"] == "valid"
    for refused in (f"{school.stack}/bundle", f"{school.components[0]}/open-badge", f"{school.stack}/x", "x/png"):
        assert school.served.http.get(f"{path}/{refused}").status_code == 404, refused
    assert school.components[0] not in school.served.http.get(path).text


def test_share_that_ended_looks_like_one_that_never_was(school: School, cookie: dict[str, str]) -> None:
    ended, old = school.share(cookie, school.stack), school.share(cookie, school.stack)
    prefix = ended.rpartition("/")[2].partition("_")[0]
    assert prefix in school.get("/mine/shares", cookie).text
    assert school.post("/mine/shares/end", cookie, prefix=prefix).status_code == 303
    assert prefix not in school.get("/mine/shares", cookie).text
    past = (school.served.node.ledger.now() - timedelta(seconds=1)).isoformat()
    _alter(school, "UPDATE vault_link SET expires_at=? WHERE prefix=?", past, old.rpartition("/")[2].partition("_")[0])
    unknown = f"/shared/{'0' * 16}_{'A' * 43}"
    seen = {(one.status_code, _without_token(one)) for one in map(school.served.http.get, (ended, old, unknown))}
    assert len(seen) == 1
    assert next(iter(seen))[0] == 404
    for gone in (ended, old):
        assert school.served.http.get(f"{gone}/{school.stack}/open-badge").status_code == 404


def test_share_is_refused_when_nothing_or_anothers_award_is_chosen(school: School, cookie: dict[str, str]) -> None:
    said = read_messages("en")["learner_refused"]
    assert said["choose"] in school.post("/mine/shares", cookie, days="7").text
    for days in ("0", "366", "x", ""):
        answered = school.post("/mine/shares", cookie, award=school.stack, days=days)
        assert (answered.status_code, said["days"] in answered.text) == (422, True), days
    long = school.post("/mine/shares", cookie, award=school.stack, days="7", label="x" * 81)
    assert said["label"] in long.text
    assert school.post("/mine/shares", cookie, award=school.others, days="7").status_code == 404


def test_share_is_ended_by_its_own_learner_alone(school: School, cookie: dict[str, str]) -> None:
    path = school.share(cookie, school.stack)
    prefix = path.rpartition("/")[2].partition("_")[0]
    other = school.cookie(credential=school.others)
    assert school.post("/mine/shares/end", other, prefix=prefix).status_code == 404
    assert school.served.http.get(path).status_code == 200
    assert school.served.http.get("/mine", headers={"Cookie": f"cairn_mine={prefix}.9.x"}).status_code == 303


def test_share_holds_nothing_readable_at_rest(school: School, cookie: dict[str, str]) -> None:
    school.share(cookie, school.stack, label="For the harbour office")
    for file, kept in contents(school.served.node.settings.data_dir):
        assert b"harbour office" not in kept, file
        assert school.stack.encode() not in kept, file


def test_vault_stays_whole_when_it_holds_shares_and_requests(school: School, cookie: dict[str, str]) -> None:
    school.share(cookie, school.stack)
    found: list[tuple[str, str, str]] = []
    parts = school.served.node.parts
    check = VaultCheck(parts, lambda _: None, lambda *one: found.append(one), lambda *_: None)
    assert check.run() > 0
    assert found == []


# ── what is asked for ──────────────────────────────────────────────────────────────────────────────


def test_correction_reaches_the_institution_and_its_answer_the_learner(school: School, cookie: dict[str, str]) -> None:
    note = f"My name has one s.\nSee {ATTACK}"
    said = read_messages("en")
    assert said["learner_refused"]["note"] in school.post("/mine/corrections", cookie, note="  ").text
    assert school.post("/mine/corrections", cookie, note="x", award=school.others).status_code == 404
    entered = school.post("/mine/corrections", cookie, note=note, award=school.stack)
    assert entered.headers["location"] == "/mine/requests?lang=en&done=correction"
    headers = {"Authorization": f"Bearer {school.key}"}
    listed = school.served.http.get("/v1/learner-requests", headers=headers).json()
    [asked] = listed["requests"]
    assert (listed["waiting"], asked["kind"], asked["note"]) == (1, "correction", note)
    assert asked["credential"] == school.stack
    assert school.others not in asked["credentials"]
    assert "cairn_learner_requests_waiting 1.0" in school.served.http.get("/metrics").text
    decision = {"outcome": "done", "answer": "Corrected, thank you."}
    path = f"/v1/learner-requests/{asked['request']}/decision"
    assert done(school.served.write("POST", path, decision, school.key))["outcome"] == "done"
    assert school.served.write("POST", path, decision, school.key).status_code == 409
    text = school.get("/mine/requests", cookie).text
    assert "Corrected, thank you." in text
    assert "<script>alert" not in text
    for file, kept in contents(school.served.node.settings.data_dir):
        assert b"name has one s" not in kept, file


def test_appeal_is_recorded_when_a_review_is_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("appeal") / "data") as served:
        school = fill(served)
        cookie = school.cookie()
        assert 'id="appeal"' not in school.get("/mine/requests", cookie).text
        change = {"reason": "academic_misconduct"}
        done(served.write("POST", f"/v1/credentials/{school.components[0]}/revocation", change, school.key))
        done(served.write("POST", "/v1/cascade/runs", {}, served.key()))
        page = school.get("/mine/requests", cookie).text
        assert 'id="appeal"' in page
        assert school.post("/mine/appeals", cookie, award=school.others).status_code == 404
        made = school.post("/mine/appeals", cookie, award=school.stack, statement="I was elsewhere.")
        assert made.headers["location"] == "/mine/requests?lang=en&done=appeal"
        status = served.http.get(f"/v1/credentials/{school.stack}/status").json()
        assert status["stack"]["review"]["appealed_at"] is not None
        assert 'id="appeal"' not in school.get("/mine/requests", cookie).text
        said = read_messages("en")["learner_refused"]["appeal"]
        assert said in school.post("/mine/appeals", cookie, award=school.stack).text


def test_erasure_is_the_institutions_to_decide_and_ends_every_link(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("erasure") / "data") as served:
        school = fill(served)
        link = school.link()["link"]
        cookie = school.cookie()
        shared = school.share(cookie, school.stack)
        said = read_messages("en")
        page = school.get("/mine/erasure", cookie).text
        for word in ("log", "copies", "for_good"):
            assert said["learner_erase"][word] in page
        unsure = school.post("/mine/erasure", cookie)
        assert (unsure.status_code, said["learner_refused"]["sure"] in unsure.text) == (422, True)
        asked = school.post("/mine/erasure", cookie, sure="yes", note="I moved away.")
        assert asked.headers["location"] == "/mine/requests?lang=en&done=erasure"
        assert said["learner_refused"]["asked"] in school.post("/mine/erasure", cookie, sure="yes").text
        assert school.get("/mine", cookie).status_code == 200  # nothing is gone yet
        headers = {"Authorization": f"Bearer {school.key}"}
        [request] = served.http.get("/v1/learner-requests", headers=headers).json()["requests"]
        path = f"/v1/learner-requests/{request['request']}/decision"
        assert done(served.write("POST", path, {"outcome": "done"}, school.key))["outcome"] == "done"
        assert_erased(school, cookie, link, shared)
        assert served.http.get("/v1/learner-requests", headers=headers).json()["requests"] == []
        assert served.write("POST", path, {"outcome": "done"}, school.key).status_code == 404
        assert school.get("/mine", school.cookie(reference="S-2")).status_code == 200


def test_erasure_is_done_at_once_when_the_settings_allow_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Settings().learner_erases is False
    with serving(tmp_path_factory.mktemp("at-once") / "data", learner_erases=True) as served:
        school = fill(served)
        link = school.link()["link"]
        cookie = school.cookie()
        shared = school.share(cookie, school.stack)
        assert school.post("/mine/erasure", cookie).status_code == 422
        answered = school.post("/mine/erasure", cookie, sure="yes")
        assert read_messages("en")["learner_erase"]["erased"] in answered.text
        assert "Max-Age=0" in answered.headers["set-cookie"]
        assert_erased(school, cookie, link, shared)


def assert_erased(school: School, cookie: dict[str, str], link: str, shared: str) -> None:
    """Nothing of a learner is left, and no link of theirs opens anything."""
    assert school.get("/mine", cookie).status_code == 303
    assert school.enter(link).status_code == 404
    assert school.served.http.get(shared).status_code == 404
    for table in ("vault_link", "vault_request", "vault_item"):
        rows = school.served.node.ledger.store.query(
            f"SELECT COUNT(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM vault_learner l WHERE l.handle=t.learner)"  # noqa: S608  names of our own tables
        )
        assert rows[0][0] == 0
    status = school.served.http.get(f"/v1/credentials/{school.components[0]}/status").json()
    assert status["verdict"] == "valid"  # the log stays whole
    assert status["achievement"]["code"] == CODE


def _alter(school: School, sql: str, *values: object) -> None:
    school.served.node.ledger.store.record([Commit((), [Write(sql, [values])])])


def _without_token(answered: httpx.Response) -> str:
    """Everything of an answer that could tell one from another."""
    fields = {name: value for name, value in answered.headers.items() if name not in {"x-request-id", "ratelimit"}}
    return answered.text + json.dumps(fields, sort_keys=True)
