"""The pages about the log in Chromium, for an auditor: with script and without, and by keyboard alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from api.page.language import Language
from tests.browser.conftest import NewPage
from tests.browser.test_page import said
from tests.browser.world import World


@pytest.mark.parametrize("script, language", [(False, "ru"), (True, "en")], ids=["without script", "with script"])
def test_visitor_has_the_server_audit_itself_and_reads_the_report(
    new_page: NewPage, world: World, language: Language, *, script: bool
) -> None:
    shutil.rmtree(world.served.node.settings.data_dir / "audits", ignore_errors=True)
    words = said(language)["audit"]
    page = new_page(f"/explore?lang={language}", java_script_enabled=script)
    page.click("a[href*='/explore/audit']")
    expect(page.locator("main")).to_contain_text(words["own"])  # that it proves nothing
    page.click("form button")
    # The page loads itself again until the report is there.
    expect(page.locator("#outcome")).to_have_text(words["clean"])
    expect(page.locator("main")).to_contain_text(words["not_everyone"])
    expect(page.locator("form")).to_have_count(0)
    given = page.request.get(f"{world.url}/explore/audit/report.json")
    assert json.loads(given.body())["report"]["differences"] == 0


@pytest.mark.parametrize("script, language", [(False, "en"), (True, "ru")], ids=["without script", "with script"])
def test_auditor_goes_from_the_log_to_an_entry_and_its_proof(
    new_page: NewPage, language: Language, *, script: bool
) -> None:
    words = said(language)["explore"]
    page = new_page(f"/log?lang={language}", java_script_enabled=script)
    expect(page.locator("h1")).to_have_text(words["title"])
    expect(page.locator(".signers")).to_contain_text(words["signer_operator"])
    page.fill("#index", "3")
    page.click("#index + button")
    expect(page.locator("h1")).to_have_text(words["one_title"].format(index="3"))
    expect(page.locator("figure svg .node").first).to_be_visible()
    page.click("a[rel=next]")
    expect(page.locator("h1")).to_have_text(words["one_title"].format(index="4"))
    page.click("a[href*='/explore/entries?']")
    page.fill("#from", "999999999")
    page.click("#from + button")
    expect(page.locator("#refused")).to_be_visible()


def tab_to(page: Page, selector: str) -> None:
    """Press the tabulator until something has the focus, and see that it shows it."""
    for _ in range(80):
        if page.evaluate("(one) => document.activeElement.matches(one)", selector):
            shown = "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
            assert page.evaluate(shown), f"{selector} does not show that it has the focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {selector} by keyboard")


def test_keyboard_alone_leads_through_the_log(new_page: NewPage) -> None:
    page = new_page("/explore?lang=en")
    tab_to(page, ".institution summary")
    page.keyboard.press("Enter")
    expect(page.locator(".institution").first).to_have_attribute("open", "")
    tab_to(page, "a[href*='/explore/audit']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/explore/audit*")
    page.go_back()
    tab_to(page, "#index")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/explore/entries/2*")
    tab_to(page, "main details summary")
    page.keyboard.press("Space")
    expect(page.locator("main details").first).to_have_attribute("open", "")
    tab_to(page, "a[rel=next]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/explore/entries/3*")


def test_keyboard_alone_sends_a_file_asks_about_a_day_and_changes_the_language(
    new_page: NewPage, world: World, tmp_path: Path
) -> None:
    page = new_page("/?lang=en")
    tab_to(page, "#file")
    (tmp_path / "evidence.json").write_bytes(world.evidence(world.ended))
    page.set_input_files("#file", tmp_path / "evidence.json")
    tab_to(page, "form.drop button")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Not valid")
    page.goto(f"{world.url}/verify/{world.ended}?lang=en")
    tab_to(page, "#at")
    page.keyboard.type("06012024")  # month, day, year: as this Chromium writes days
    tab_to(page, "form.no-print button")
    page.keyboard.press("Enter")
    page.wait_for_url("**at=2024-*")
    expect(page.locator("h1")).to_have_text("Valid")
    page.keyboard.press("Tab")
    tab_to(page, "a[hreflang=ru]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Действительно")
    assert "at=2024-" in page.url
    page.goto(f"{world.url}/verify/{world.valid}?lang=en")
    for control in ("[data-copy]", "[data-print]"):
        tab_to(page, control)


def test_keyboard_alone_opens_a_stack_to_each_stone(new_page: NewPage, world: World) -> None:
    page = new_page("/?lang=en")
    files = [world.bundle(one) for one in (world.stack, *world.parts)]
    chosen = [{"name": f"{at}.json", "mimeType": "application/json", "buffer": one} for at, one in enumerate(files)]
    page.set_input_files("#file", chosen)  # type: ignore[arg-type]  # the payloads of playwright
    tab_to(page, "form.drop button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".stones")
    tab_to(page, f".stones .stones a[href^='/verify/{world.parts[1]}'], .stones .stones summary")
    if page.evaluate("document.activeElement.tagName") == "SUMMARY":
        page.keyboard.press("Enter")
        tab_to(page, f".stones .stones a[href^='/verify/{world.parts[1]}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/verify/{world.parts[1]}*")
