"""The desk's page on a team in Chromium: with script and without, in both languages, for every eye.

With SCREENSHOTS=1 in the environment, the last test writes its pictures of docs/screens anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from api.page.language import LANGUAGES, Language
from tests.api.served import CODE, OPERATOR, SLUG, TEMPLATE
from tests.browser.conftest import NewPage
from tests.browser.picture import shrink
from tests.browser.test_desk import sign_in
from tests.browser.test_mine import publish, write
from tests.browser.test_page import ASKED, MODES, SCREENS, said, violations
from tests.browser.world import World

SKILL: Final = str(TEMPLATE["outcomes"][0]["skill_uri"])
OTHER_SKILL: Final = "http://data.europa.eu/esco/skill/11111111-2222-3333-4444-555555555555"
TEAM: Final = {
    "Anu Mäe": (CODE, "VIZ"),
    "Bo Kask": (CODE,),
    "Дарья Петрова": ("VIZ", "ETH"),
    "Eha Ilves": (CODE, "ETH"),
}


@pytest.fixture(scope="module")
def lines(world: World) -> list[str]:
    """What learners have sent to an officer: names, and links to what they share."""
    outcome = {"text": "Draws a chart.", "skill_uri": OTHER_SKILL, "skill_name": "create data models"}
    courses = {"VIZ": "Showing Data", "ETH": "Data and Ethics", "ANALYST": "Data Analyst"}
    for code, title in courses.items():
        template = {**TEMPLATE, "title": title, "outcomes": [outcome if code == "VIZ" else {"text": "Learns."}]}
        write(world, "/v1/achievements", {"code": code, "template": template})
    needed = [{"institution": SLUG, "code": code} for code in (CODE, "VIZ", "ETH")]
    publish(world, "ANALYST", {"rule": "required", "id": "core", "achievements": needed})
    return [f"{name}, {shared(world, name, codes)}" for name, codes in TEAM.items()]


def shared(world: World, name: str, codes: tuple[str, ...]) -> str:
    """The address of a share of awards that are made for it."""
    learner = {"name": name, "reference": name}
    awards = [
        write(world, "/v1/credentials", {"achievement": code, "learner": learner, "awarded_on": "2026-01-31"})["id"]
        for code in codes
    ]
    links, now = world.served.node.parts.links, world.served.node.ledger.now()
    page = write(world, "/v1/learner-links", {"reference": name})["link"]
    link = links.open(page.partition("#")[2], "page", now)
    made = links.share(link, awards=awards, documents=False, label="", days=30, actor=OPERATOR)
    return f"{world.url}/shared/{made.secret}"


def gather(page: Page, world: World, language: str, lines: list[str]) -> None:
    """Paste the links."""
    page.goto(f"{world.url}/desk/cohort?lang={language}")
    page.fill("#links", "\n".join([*lines, "no link here"]))
    page.click("form[action*='/links'] button")
    expect(page.locator("table.cohort tbody tr")).to_have_count(len(TEAM))


def compare(page: Page, **fields: str) -> None:
    """Hold the team against a role."""
    page.select_option("#pathway", fields.get("pathway", ""))
    page.fill("#skills", fields.get("skills", ""))
    page.click("form[action*='/role'] button")
    expect(page.locator("table.cohort-role tbody tr")).to_have_count(len(TEAM))


@pytest.mark.parametrize("script, language", [(False, "ru"), (True, "en")], ids=["without script", "with script"])
def test_officer_sees_who_has_what_and_what_is_missing_and_goes_on_another_day(
    new_page: NewPage, world: World, lines: list[str], language: Language, *, script: bool
) -> None:
    words = said(language)["desk_cohort"]
    page = new_page(None, java_script_enabled=script, accept_downloads=True)
    sign_in(page, world, language)
    gather(page, world, language, lines)
    expect(page.locator("[role=alert]")).to_contain_text(words["line"].partition("{")[0])
    compare(page, skills=f"{SKILL}\n{OTHER_SKILL}")
    bo = page.locator("table.cohort-role tr", has_text="Bo Kask")
    expect(bo).to_contain_text("create data models")
    expect(page.locator("table.cohort-role tr", has_text="Anu Mäe")).to_contain_text(words["whole"])
    compare(page, pathway="P-ANALYST")
    expect(bo).to_contain_text("Data and Ethics")
    page.click("a[href*='by=skills']")
    expect(page.locator("table.cohort thead")).to_contain_text("cleanse data")
    with page.expect_download() as caught:
        page.click("a[href$='/desk/cohort/file']")
    sealed = Path(caught.value.path()).read_bytes()
    page.select_option("#person", "Eha Ilves")
    page.click("form[action*='/leave-out'] button")
    expect(page.locator("table.cohort tbody tr")).to_have_count(len(TEAM) - 1)
    page.click("form[action*='/close'] button")
    expect(page.locator("table.cohort")).to_have_count(0)
    page.set_input_files("#file", {"name": "team.cohort", "mimeType": "application/octet-stream", "buffer": sealed})
    page.click("form[action*='/opened'] button")
    expect(page.locator("table.cohort tbody tr")).to_have_count(len(TEAM))
    expect(page.locator("table.cohort-role tbody tr")).to_have_count(len(TEAM))


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_has_no_violation_that_axe_can_find_and_fits_at_four_hundred_per_cent(
    new_page: NewPage, world: World, lines: list[str], language: Language
) -> None:
    page = new_page(None, bypass_csp=True)
    sign_in(page, world, language)
    page.goto(f"{world.url}/desk/cohort?lang={language}")
    assert violations(page) == [], "empty"
    gather(page, world, language, lines)
    for place in ("", "?by=skills", "role"):
        if place == "role":
            compare(page, pathway="P-ANALYST")
        else:
            page.goto(f"{world.url}/desk/cohort{place or '?by=awards'}&lang={language}")
        for mode in ("light", "dark"):
            page.emulate_media(**{**MODES["light"], "media": "screen", "forced_colors": "none", **MODES[mode]})  # type: ignore[arg-type]  # names of a mode
            assert violations(page) == [], (place, mode)
        page.set_viewport_size({"width": 320, "height": 256})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320, place
        page.set_viewport_size({"width": 900, "height": 1000})


@pytest.mark.parametrize("language", LANGUAGES if ASKED else ("en",))
def test_picture_of_the_page(new_page: NewPage, world: World, lines: list[str], language: Language) -> None:
    page = new_page(None, viewport={"width": 900, "height": 1200})
    sign_in(page, world, language)
    gather(page, world, language, lines)
    compare(page, skills=f"{SKILL}\n{OTHER_SKILL}")
    taken = page.screenshot()
    assert taken.startswith(b"\x89PNG")
    if ASKED:
        (SCREENS / f"team.{language}.png").write_bytes(shrink(taken))
