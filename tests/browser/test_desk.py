"""The issuers' desk in Chromium: a whole day's work with script and without, by keyboard, for every eye.

With SCREENSHOTS=1 in the environment, the last test writes its pictures of docs/screens anew.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from api.page.language import LANGUAGES, Language
from ledger.claim import AwardClaim, LearnerClaim
from tests.api.served import CODE, OPERATOR, SLUG
from tests.api.test_desk_publishing import RULES
from tests.browser.conftest import NewPage
from tests.browser.picture import shrink
from tests.browser.test_page import ASKED, SCREENS, said, violations
from tests.browser.world import World

GOOD: Final = "name,reference,grade\nAnu Mäe,D-1,A\nBo Kask,D-2,B\n=1+1,D-3,C\n"
WRONG: Final = "name,reference,e-mail,note\nAnu Mäe,S-1,anu@example.edu,\n,S-2,nonsense,<b>x</b>\nBo Kask,S-1,,\n"


DESK_PAGES: Final = {
    "desk-sign-in": "/desk",
    "desk-home": "/desk",
    "desk-list": "/desk/list",
    "desk-awards": "/desk/awards",
    "desk-achievements": "/desk/achievements",
    "desk-achievement": "/desk/achievements/edit",
    "desk-pathways": "/desk/pathways",
    "desk-requests": "/desk/requests",
    "desk-record": "/desk/record",
    "desk-keys": "/desk/signing-keys",
}
"""Further pages of which there are pictures, by their names."""


def sign_in(page: Page, world: World, language: str) -> None:
    page.goto(f"{world.url}/desk?lang={language}")
    page.fill("#key", world.served.key(SLUG))
    page.click("#key + button")
    expect(page.locator(".desk-bar")).to_contain_text("Riverside University")


def give(page: Page, world: World, language: str, table: str) -> None:
    """Upload a class list, and wait for what the ledger says of it."""
    page.goto(f"{world.url}/desk/list?lang={language}")
    page.select_option("#achievement", CODE)
    page.fill("#awarded_on", "2026-01-31")
    page.set_input_files("#file", {"name": "class.csv", "mimeType": "text/csv", "buffer": table.encode()})
    page.click("form.drop button")
    page.wait_for_url("**/desk/list/preview*")


@pytest.mark.parametrize("script, language", [(False, "ru"), (True, "en")], ids=["without script", "with script"])
def test_officer_issues_a_class_and_takes_one_award_back(
    new_page: NewPage, world: World, language: Language, *, script: bool
) -> None:
    page = new_page(None, java_script_enabled=script, accept_downloads=True)
    words = said(language)
    sign_in(page, world, language)
    give(page, world, language, WRONG)
    expect(page.locator(".refused")).to_have_text(words["desk"]["preview_wrong"].format(count=1, total=3))
    expect(page.locator("main")).to_contain_text(words["desk_note"]["email"])
    expect(page.locator("form[action*='/issue']")).to_have_count(0)
    give(page, world, language, GOOD)
    page.click("form[action*='/issue'] button")
    page.wait_for_url("**/desk/list/issued*")
    expect(page.locator(".sentence")).to_have_text(words["desk"]["issued_count"].format(total=3))
    with page.expect_download() as caught:
        page.click("a[download]")
    text = Path(caught.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";" if language == "ru" else ","))
    assert [row["name"] for row in rows] == ["Anu Mäe", "Bo Kask", "'=1+1"]
    page.goto(f"{world.url}/desk/awards?lang={language}")
    page.fill("#awards", rows[0]["link"])
    page.click("form.way button")
    page.check("input[value=revoke]")
    page.select_option("#reason", "issued_in_error")
    page.click("form[action*='/check'] button")
    page.click("form[action*='/change'] button")
    expect(page.locator(".sentence")).to_have_text(words["desk_change"]["revoke_done"].format(count=1))
    page.goto(rows[0]["link"] + f"?lang={language}")
    expect(page.locator("h1")).to_have_text(words["verdict"]["invalid"])
    page.goto(f"{world.url}/desk/record?lang={language}")
    expect(page.locator("tbody tr").first).to_contain_text(words["desk_act"]["credential_revoke"])
    page.click(".desk-bar button")
    expect(page.locator("#key")).to_be_visible()
    page.goto(f"{world.url}/desk/record?lang={language}")
    expect(page.locator(".refused")).to_have_text(words["desk"]["signed_out"])


def correction(page: Page, language: str) -> Iterator[str]:
    """From the page that finds awards to the corrected one, and say where."""
    page.fill("#awards", f"{language}-2")
    page.click("form.way button")
    page.click("a[href*='/replacement']")
    page.fill("#name", "")
    page.select_option("#reason", "incorrect_data")
    page.click("form.way button")
    page.wait_for_selector("#name-note")
    yield "correction"
    page.fill("#name", "Bo Käsk")
    page.click("form.way button")
    page.wait_for_url("**/replacement/check*")
    yield "check of a correction"
    page.click("form[action*='/confirmed'] button")
    page.wait_for_selector("a[href*='/verify/']")
    yield "corrected"


def micro_credential(page: Page, world: World, language: str, name: str) -> Iterator[str]:
    """Publish the next edition of a micro-credential, after a fault, and say where."""
    page.goto(f"{world.url}/desk/achievements?lang={language}")
    yield "micro-credentials"
    page.click(f"a[href*='code={CODE}']")
    page.wait_for_selector("#title")
    yield "micro-credential"
    page.fill("#title", "")
    page.click("summary")
    page.fill("#more", "{")
    page.click("form.way button")
    page.wait_for_selector("#title-fault")
    yield "faults of a micro-credential"
    page.fill("#title", f"Working with Data, {name}")
    page.fill("#more", "")
    page.click("form.way button")
    page.wait_for_url("**/achievements/check*")
    yield "check of a micro-credential"
    page.click("form[action*='/publish'] button")
    page.wait_for_selector(".desk-good")
    yield "micro-credential published"


def pathway(page: Page, world: World, language: str, name: str) -> Iterator[str]:
    """Publish a pathway, after a fault and a trial, and say where."""
    page.goto(f"{world.url}/desk/pathways?lang={language}")
    yield "pathways"
    page.click("a.button[href*='/edit']")
    page.fill("#code", f"NEW-{name}")
    page.select_option("#achievement", "CERT-DATA")
    page.fill("#rules", json.dumps(RULES, indent=2).replace("500", "0"))
    page.click("form.way button")
    page.wait_for_selector("#rules-fault")
    yield "faults of a pathway"
    text = json.dumps(RULES, indent=2).encode()
    page.set_input_files("#file", {"name": "pathway.json", "mimeType": "application/json", "buffer": text})
    page.click("form.way button")
    page.wait_for_url("**/pathways/check*")
    yield "check of a pathway"
    page.click("form[action*='/trial'] button")
    page.wait_for_selector("dl.trial")
    yield "trial of a pathway"
    page.click("a.button[href*='/pathways/check']")
    page.click("form[action*='/publish'] button")
    page.wait_for_selector(".desk-good")
    yield "pathway published"


def corrections(page: Page, world: World, language: str) -> Iterator[str]:
    """Replace two awards by a table, after a problem, and say where."""
    claims = [
        AwardClaim(achievement=CODE, learner=LearnerClaim(name=name), awarded_on=date(2026, 1, 31))
        for name in ("Cy", "Di")
    ]
    found = world.served.node.issuance.issue(slug=SLUG, claims=claims, actor=OPERATOR).answer
    page.goto(f"{world.url}/desk/awards?lang={language}")
    page.fill("#awards", "\n".join(found))
    page.click("form.way button")
    page.click("a[href*='/replacements']")
    yield "corrections"
    for names, where in ((("", ""), "problems of corrections"), (("Cyr", "Dia"), "check of corrections")):
        lines = "\n".join(f"{one},{name}" for one, name in zip(found, names, strict=True))
        page.goto(f"{world.url}/desk/awards/replacements?lang={language}")
        buffer = f"award,name\n{lines}\n".encode()
        page.set_input_files("#file", {"name": "t.csv", "mimeType": "text/csv", "buffer": buffer})
        page.select_option("#reason", "incorrect_data")
        page.click("form.drop button")
        page.wait_for_url("**/replacements/check*")
        yield where
    page.click("form[action*='/confirmed'] button")
    page.wait_for_selector(".desk-good")
    yield "corrections made"


def places(page: Page, world: World, language: str) -> Iterator[str]:
    """Go to every page of the desk, and say where."""
    page.goto(f"{world.url}/desk?lang={language}")
    yield "sign in"
    page.fill("#key", "wrong")
    page.click("#key + button")
    page.wait_for_selector("#refused")
    yield "refused"
    sign_in(page, world, language)
    yield "home"
    give(page, world, language, WRONG)
    yield "problems"
    give(page, world, language, GOOD.replace("D-", f"{language}-"))
    yield "preview"
    page.click("form[action*='/issue'] button")
    page.wait_for_url("**/issued*")
    yield "issued"
    page.goto(f"{world.url}/desk/list?lang={language}")
    yield "upload"
    page.goto(f"{world.url}/desk/awards?lang={language}")
    yield "awards"
    yield from correction(page, language)
    page.goto(f"{world.url}/desk/awards?lang={language}")
    page.fill("#awards", f"{language}-1\n{world.revoked}\nnobody")
    page.click("form.way button")
    page.wait_for_url("**/found*")
    yield "found"
    page.check("input[value=suspend]")
    page.select_option("#reason", "under_review")
    page.click("form[action*='/check'] button")
    page.wait_for_url("**/check*")
    yield "check, with a refusal"
    page.click("form[action*='/check'] button")
    page.wait_for_selector("form[action*='/change']")
    yield "check"
    page.click("form[action*='/change'] button")
    page.wait_for_url("**/changed*")
    yield "changed"
    yield from corrections(page, world, language)
    yield from micro_credential(page, world, language, language)
    yield from pathway(page, world, language, language)
    for path in ("record", "signing-keys", "signing-keys/change"):
        page.goto(f"{world.url}/desk/{path}?lang={language}")
        yield path


@pytest.mark.parametrize(
    "language, scheme, last", [("en", "light", "signing-keys/change"), ("ru", "dark", "signing-keys")]
)
def test_desk_has_no_violation_that_axe_can_find_and_fits_a_narrow_window(
    new_page: NewPage, world: World, language: Language, scheme: str, last: str
) -> None:
    """At 320 CSS pixels nothing has to be scrolled sideways but a table in its own region: WCAG 2.2, 1.4.10."""
    page = new_page(None, bypass_csp=True, color_scheme=scheme)
    place = ""
    for place in places(page, world, language):
        assert violations(page) == [], place
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320, place
        page.set_viewport_size({"width": 900, "height": 1000})
        if place == last:
            break
    assert place == last


def test_keyboard_alone_signs_in_and_issues(new_page: NewPage, world: World) -> None:
    page = new_page("/desk?lang=en")

    def tab_to(selector: str) -> None:
        for _ in range(40):
            if page.evaluate("(one) => document.activeElement.matches(one)", selector):
                shown = "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
                assert page.evaluate(shown), f"{selector} does not show that it has the focus"
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"no way to {selector} by keyboard")

    tab_to("#key")
    page.keyboard.type(world.served.key(SLUG))
    page.keyboard.press("Enter")
    page.wait_for_selector(".desk-bar")
    tab_to(".desk-nav a[href*='/desk/list']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/list?*")
    tab_to("#achievement")
    page.keyboard.type("Working")
    tab_to("#awarded_on")
    page.fill("#awarded_on", "2026-01-31")
    tab_to("#file")
    page.set_input_files("#file", {"name": "k.csv", "mimeType": "text/csv", "buffer": b"name\nKeyboard User\n"})
    tab_to("form.drop button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/preview*")
    tab_to("form[action*='/issue'] button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/issued*")
    expect(page.locator("main")).to_contain_text("Keyboard User")


def test_officer_publishes_and_replaces_many_without_script(new_page: NewPage, world: World) -> None:
    page = new_page(None, java_script_enabled=False)
    sign_in(page, world, "en")
    for work in (micro_credential, pathway):
        assert list(work(page, world, "en", "plain"))
    assert list(corrections(page, world, "en"))
    page.goto(f"{world.url}/desk/record?lang=en")
    acts = page.locator("tbody tr")
    for number in (0, 1):
        expect(acts.nth(number)).to_contain_text(said("en")["desk_act"]["credential_replace"])
    for act in ("pathway_publish", "achievement_publish"):
        expect(page.locator("tbody")).to_contain_text(said("en")["desk_act"][act])
    answer = world.get(f"/v1/pathways/{SLUG}/NEW-plain").json()
    assert answer["rules"]["rule"]["rules"][0]["achievements"] == [{"institution": SLUG, "code": CODE}]


def test_page_of_another_site_cannot_make_the_desk_do_anything(new_page: NewPage, world: World) -> None:
    """The same server under another name is another site to the browser: the form says so, and no cookie goes along."""
    page = new_page(None)
    sign_in(page, world, "en")
    port = world.url.rpartition(":")[2]
    form = f"<form action='{world.url}/desk/sign-out' method='post' enctype='multipart/form-data'><button>x</button>"
    other = page.context.new_page()
    other.route("**/elsewhere", lambda route: route.fulfill(body=form, content_type="text/html"))
    other.goto(f"http://localhost:{port}/elsewhere")
    with other.expect_response("**/desk/sign-out") as answered:
        other.click("button")
    assert answered.value.status == 403
    page.goto(f"{world.url}/desk/record?lang=en")
    expect(page.locator(".desk-bar")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES if ASKED else LANGUAGES[:1])
@pytest.mark.parametrize("place", ["desk", "pathway", *(DESK_PAGES if ASKED else ())])
def test_picture_of_the_desk(new_page: NewPage, world: World, language: Language, place: str) -> None:
    page = new_page(None, viewport={"width": 760, "height": 1000})
    if place == "desk-sign-in":
        page.goto(f"{world.url}/desk?lang={language}")
    else:
        sign_in(page, world, language)
    if place in DESK_PAGES:
        page.goto(f"{world.url}{DESK_PAGES[place]}?lang={language}")
    elif place == "desk":
        give(page, world, language, WRONG)
    else:
        next(where for where in pathway(page, world, language, "picture") if where == "check of a pathway")
    taken = page.screenshot()
    small = shrink(taken) if ASKED else taken
    assert small.startswith(b"\x89PNG")
    if ASKED:
        (SCREENS / f"{place}.{language}.png").write_bytes(small)
