"""Learners' requests at the issuers' desk in Chromium: a learner asks, an officer decides, with script and without."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from api.page.language import Language
from tests.api.served import SLUG
from tests.browser.conftest import NewPage
from tests.browser.test_desk import sign_in
from tests.browser.test_mine import write
from tests.browser.test_page import MODES, said, violations
from tests.browser.world import World


def ask(page: Page, world: World, language: str, *, erasure: bool = False) -> None:
    """A learner of their own for each test opens their page and asks."""
    learner = {"name": "Anu Mäe", "reference": f"R-{page.context.pages.index(page)}-{language}-{erasure}"}
    body: dict[str, Any] = {"achievement": "DATA-101", "learner": learner, "awarded_on": "2026-01-31"}
    write(world, "/v1/credentials", body)
    link = write(world, "/v1/learner-links", {"reference": learner["reference"]})["link"]
    page.goto(f"{world.url}/mine/enter?lang={language}")
    page.fill("#link", link)
    page.click("#link ~ button, form button")
    page.wait_for_url("**/mine?lang=*")
    page.goto(f"{world.url}/mine/{'erasure' if erasure else 'requests'}?lang={language}")
    if erasure:
        page.check("input[name=sure]")
        page.click("button.danger")
    else:
        page.fill("#note", "Mäe, not Mae")
        page.click("form[action='/mine/corrections'] button")
    page.wait_for_url("**done=*")


@pytest.mark.parametrize("script, language", [(False, "ru"), (True, "en")], ids=["without script", "with script"])
def test_officer_answers_a_correction_and_carries_out_an_erasure(
    new_page: NewPage, world: World, language: Language, *, script: bool
) -> None:
    words = said(language)["desk_request"]
    learner = new_page(None, java_script_enabled=script)
    ask(learner, world, language)
    page = new_page(None, java_script_enabled=script)
    sign_in(page, world, language)
    page.click(".desk-nav a[href*='/desk/requests']")
    page.click("main table a")
    expect(page.locator("main")).to_contain_text("Mäe, not Mae")
    page.check("input[value=declined]")
    page.fill("#answer", "It says so in the register.")
    page.click("form.way button")
    expect(page.locator(".sentence")).to_have_text(words["said_declined"])
    learner.goto(f"{world.url}/mine/requests?lang={language}")
    expect(learner.locator("main")).to_contain_text("It says so in the register.")
    ask(learner, world, language, erasure=True)
    page.goto(f"{world.url}/desk/requests?lang={language}")
    page.click("main table a")
    page.check("input[value=done]")
    page.click("form.way button")
    expect(page.locator(".refused")).to_have_text(words["not_sure"])
    page.check("input[value=done]")
    page.check("input[name=sure]")
    page.click("form.way button")
    expect(page.locator(".sentence")).to_have_text(words["said_erased"])
    learner.goto(f"{world.url}/mine?lang={language}")
    expect(learner.locator("#link")).to_be_visible()  # shown out: nothing is left to be shown


@pytest.mark.parametrize("language, mode", [("en", "light"), ("ru", "dark"), ("en", "forced")])
def test_requests_have_no_violation_that_axe_can_find_and_fit_at_four_hundred_per_cent(
    new_page: NewPage, world: World, language: Language, mode: str
) -> None:
    learner = new_page(None)
    ask(learner, world, language)
    page = new_page(None, bypass_csp=True)
    page.emulate_media(**MODES[mode])  # type: ignore[arg-type]  # names of a mode
    sign_in(page, world, language)
    page.goto(f"{world.url}/desk/requests?lang={language}")
    address = f"{world.url}{page.get_attribute('main table a', 'href')}"
    gone = f"{world.url}/desk/requests/00000000-0000-4000-8000-000000000000?lang={language}"
    for place in (page.url, address, gone):
        page.goto(place)
        assert violations(page) == [], place
        page.set_viewport_size({"width": 320, "height": 256})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320, place
        page.set_viewport_size({"width": 900, "height": 1000})
    decide(world, language)


def decide(world: World, language: str) -> None:
    """Leave nothing that waits to the next test."""
    headers = {"Authorization": f"Bearer {world.served.key(SLUG)}"}
    asked = httpx.get(f"{world.url}/v1/learner-requests", headers=headers, timeout=60).json()["requests"]
    for one in asked:
        if one["outcome"] is None:
            write(world, f"/v1/learner-requests/{one['request']}/decision", {"outcome": "declined", "answer": language})


def test_keyboard_alone_decides_a_request(new_page: NewPage, world: World) -> None:
    learner = new_page(None)
    ask(learner, world, "en")
    page = new_page(None)
    sign_in(page, world, "en")
    page.goto(f"{world.url}/desk/requests?lang=en")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if page.evaluate("(one) => document.activeElement.matches(one)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"no way to {selector} by keyboard")

    tab_to("main table a")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer")
    tab_to("input[name=outcome]")
    page.keyboard.press("Space")
    tab_to("#answer")
    page.keyboard.type("Corrected.")
    tab_to("form.way button")
    page.keyboard.press("Enter")
    expect(page.locator(".sentence")).to_have_text(said("en")["desk_request"]["said_done"])
