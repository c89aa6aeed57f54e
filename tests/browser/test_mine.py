"""A learner's own page in Chromium: in by the link, with script and without, in both languages, by keyboard.

With SCREENSHOTS=1 in the environment, the last test writes the pictures of docs/screens anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from api.page.language import LANGUAGES, Language
from tests.api.served import CODE, SLUG, TEMPLATE
from tests.api.wallet import ed25519_key, read_offer, take
from tests.browser.conftest import NewPage
from tests.browser.picture import shrink
from tests.browser.test_page import ASKED, MODES, SCREENS, said, violations
from tests.browser.world import LEARNER, World

PAGES: Final = (
    "/mine/enter", "/mine", "/mine/progress", "/mine/shares", "/mine/wallet", "/mine/requests", "/mine/erasure",
)  # fmt: skip
PICTURES: Final = [
    (place, language)
    for place in ("mine", "progress", "wallet", "shares", "requests", "erasure")
    for language in LANGUAGES
    if ASKED or (place, language) in {("mine", "en"), ("wallet", "en")}
]


@dataclass(frozen=True)
class Holder:
    """A learner who has a link, and more awards than one.

    Attributes:
        link: The link to the page.
        award: One of the awards.
    """

    link: str
    award: str


COURSES: Final = {
    "VIZ-201": ("Showing Data", 300, "2025-11-14"),
    "ETH-110": ("Data and Ethics", 200, "2025-12-01"),
    "STAT-120": ("Everyday Statistics", 400, "2026-01-20"),
}
"""Code -> title, hundredths of a credit, day of the award."""
LATER: Final = {"CERT-AN": ("Certificate in Data Analysis", 900), "MAP-300": ("Maps and Time Series", 600),
                "DIPL-AN": ("Diploma in Data Analysis", 3_000)}  # fmt: skip
"""What is stacked, what is missing, and what it all leads to."""


def publish(world: World, code: str, rule: dict[str, Any]) -> None:
    """Publish a pathway to the micro-credential of that code."""
    rules = {
        "format": "cairn/pathway/v1",
        "unit": {"kind": "ects"},
        "rule": rule,
        "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
    }
    write(world, f"/v1/institutions/{SLUG}/pathways", {"code": f"P-{code}", "achievement": code, "rules": rules})


def stack(world: World) -> None:
    """Make a certificate of three courses, and a pathway that goes on from it and is not met."""
    titles = {**{code: one[:2] for code, one in COURSES.items()}, **LATER}
    for code, (title, credits_centi) in titles.items():
        template = {**TEMPLATE, "title": title, "credits_centi": credits_centi}
        write(world, "/v1/achievements", {"code": code, "template": template})
    publish(world, "CERT-AN", {"rule": "minimum", "id": "total", "credits": 900})
    needed = [{"institution": SLUG, "code": code} for code in ("CERT-AN", "MAP-300")]
    core = {"rule": "required", "id": "core", "achievements": needed}
    total = {"rule": "minimum", "id": "total", "credits": 3_000}
    publish(world, "DIPL-AN", {"rule": "all_of", "id": "diploma", "rules": [core, total]})
    used = [write(world, "/v1/credentials", award(one[2], code))["id"] for code, one in COURSES.items()]
    made = {"pathway": "P-CERT-AN", "learner": LEARNER, "awards": [{"award": one} for one in used]}
    write(world, "/v1/stackings", made)


@pytest.fixture(scope="module")
def holder(world: World) -> Holder:
    stack(world)
    write(world, f"/v1/institutions/{SLUG}/forms", {"forms": ["sd-jwt", "vc-jwt"]})
    revoked = write(world, "/v1/credentials", award("2024-03-01", achievement="MOD-2"))["id"]
    write(world, f"/v1/credentials/{revoked}/revocation", {"reason": "incorrect_data"})
    fresh = write(world, "/v1/credentials", award("2026-01-31", grade="5"))["id"]
    return Holder(write(world, "/v1/learner-links", {"reference": LEARNER["reference"]})["link"], fresh)


def award(day: str, achievement: str = CODE, **members: object) -> dict[str, Any]:
    return {"achievement": achievement, "learner": LEARNER, "awarded_on": day, **members}


def write(world: World, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a write over the socket, as :meth:`World.get` asks."""
    headers = {"Authorization": f"Bearer {world.served.key(SLUG)}", "Idempotency-Key": uuid4().hex}
    answered = httpx.post(world.url + path, json=body, headers=headers, timeout=60)
    assert answered.is_success, answered.text
    read: dict[str, Any] = answered.json()
    return read


def enter(page: Page, holder: Holder, language: str = "en") -> None:
    """Open the link, as it stands in a message."""
    place, _, secret = holder.link.partition("#")
    page.goto(f"{place}?lang={language}#{secret}")
    page.wait_for_url("**/mine?lang=*")


@pytest.mark.parametrize("place", PAGES)
def test_page_has_no_violation_that_axe_can_find_and_fits_at_four_hundred_per_cent(
    new_page: NewPage, world: World, holder: Holder, place: str
) -> None:
    page = new_page(None, bypass_csp=True)
    enter(page, holder)
    # The pages share their parts: every mode on one of them, and the dark one on the others.
    modes = {"en": MODES.keys() - {"print"}, "ru": {"light"}} if place == "/mine" else {"en": {"dark"}, "ru": set()}
    for language in LANGUAGES:
        page.goto(f"{world.url}{place}?lang={language}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        for mode in sorted(modes[language]):
            page.emulate_media(**{**MODES["light"], "media": "screen", "forced_colors": "none", **MODES[mode]})  # type: ignore[arg-type]  # names of a mode
            assert violations(page) == [], (language, mode)
        page.set_viewport_size({"width": 320, "height": 256})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320, language
        page.set_viewport_size({"width": 900, "height": 1000})


@pytest.mark.parametrize("language", LANGUAGES)
def test_link_opens_the_page_and_leaves_the_address(
    new_page: NewPage, world: World, holder: Holder, language: Language
) -> None:
    page = new_page(None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + str(request.headers)))
    enter(page, holder, language)
    expect(page.locator("h1")).to_have_text(said(language)["learner"]["title"])
    secret = holder.link.partition("_")[2]
    assert not [one for one in asked if secret in one]
    assert page.evaluate("document.cookie") == ""
    page.go_back()
    assert secret not in page.url
    page.goto(f"{world.url}/mine")  # the cookie alone
    expect(page.locator(".timeline > li").first).to_be_visible()


def test_link_is_pasted_when_there_is_no_script(new_page: NewPage, world: World, holder: Holder) -> None:
    page = new_page(None, java_script_enabled=False)
    page.goto(holder.link)
    page.fill("#link", "nothing")
    page.click("form.way button")
    expect(page.locator("[role=alert]")).to_be_visible()
    page.fill("#link", holder.link)
    page.click("form.way button")
    expect(page.locator("h1")).to_have_text("My awards")
    page.click("nav a[href^='/mine/progress']")
    expect(page.locator(".pathway").first).to_be_visible()
    page.click(".leave button")
    page.goto(f"{world.url}/mine")
    expect(page.locator("h1")).to_have_text(said("en")["learner_door"]["title"])


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
def test_learner_shares_looks_and_ends_it(new_page: NewPage, world: World, holder: Holder, *, script: bool) -> None:
    page = new_page(None, java_script_enabled=script)
    page.goto(f"{world.url}/mine/enter")
    page.fill("#link", holder.link)
    page.click("form.way button")
    page.click("nav a[href^='/mine/shares']")
    page.check(f"input[value='{holder.award}']")
    page.select_option("#days", "7")
    page.fill("#label", "For the harbour <b>office</b>")
    page.click("form.way button[type=submit]")
    shared = str(page.locator("#share-url").text_content())
    expect(page.locator(".qr svg")).to_be_visible()

    stranger = new_page(shared.removeprefix(world.url), java_script_enabled=script)
    expect(stranger.locator(".timeline > li")).to_have_count(1)
    expect(stranger.locator("body")).not_to_contain_text(str(LEARNER["name"]))
    assert "noindex" in str(stranger.get_attribute("meta[name=robots]", "content"))
    page.click(".group form button")
    expect(page.locator("[role=status]").first).to_have_text(said("en")["learner_done"]["ended"])
    stranger.reload()
    expect(stranger.locator("h1")).to_have_text(said("en")["learner_shared"]["lost"])


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
def test_learner_offers_an_award_to_a_wallet_which_takes_it(
    new_page: NewPage, world: World, holder: Holder, *, script: bool
) -> None:
    page = new_page(None, java_script_enabled=script)
    page.goto(f"{world.url}/mine/enter")
    page.fill("#link", holder.link)
    page.click("form.way button")
    page.click("nav a[href^='/mine/wallet']")
    page.check(f"input[value='{holder.award}']")
    page.select_option("#form", "sd-jwt")
    page.click("form.way button[type=submit]")
    expect(page.locator(".qr svg")).to_be_visible()
    offered = read_offer(page.content())
    expect(page.locator("#tx-code")).to_have_text(offered.tx_code)
    with httpx.Client(base_url=world.url, timeout=60) as wallet:
        assert take(wallet, offered, ed25519_key()).count("~") > 1
    page.goto(f"{world.url}/mine/wallet?lang=en")
    expect(page.locator(f"label:has(input[value='{holder.award}'])")).to_contain_text("in a wallet")


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_of_an_offer_has_no_violation_that_axe_can_find(
    new_page: NewPage, world: World, holder: Holder, language: Language
) -> None:
    page = new_page(None, bypass_csp=True)
    enter(page, holder, language)
    offer(page, world, holder, language)
    for mode in ("light", "dark"):
        page.emulate_media(**{**MODES["light"], "media": "screen", "forced_colors": "none", **MODES[mode]})  # type: ignore[arg-type]  # names of a mode
        assert violations(page) == [], mode
    page.set_viewport_size({"width": 320, "height": 256})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 320


def offer(page: Page, world: World, holder: Holder, language: str) -> None:
    """Make an offer on the page of a learner who has come in."""
    page.goto(f"{world.url}/mine/wallet?lang={language}")
    page.check(f"input[value='{holder.award}']")
    page.click("form.way button[type=submit]")
    expect(page.locator("#tx-code")).to_be_visible()


def test_shared_page_has_no_violation_that_axe_can_find(new_page: NewPage, holder: Holder) -> None:
    page = new_page(None, bypass_csp=True)
    enter(page, holder)
    page.click("nav a[href^='/mine/shares']")
    page.check(f"input[value='{holder.award}']")
    page.check("input[name=documents]")
    page.click("form.way button[type=submit]")
    assert violations(page) == []
    page.goto(str(page.locator("#share-url").text_content()))
    page.click("summary")
    assert violations(page) == []


def test_learner_downloads_a_badge_and_asks_for_a_correction(new_page: NewPage, holder: Holder) -> None:
    page = new_page(None, accept_downloads=True)
    enter(page, holder)
    place = page.locator(f"#a-{holder.award}")
    place.locator("summary").click()
    with page.expect_download() as caught:
        place.get_by_text("Badge picture (PNG)").click()
    assert re.fullmatch(r"[0-9a-v]{8}\.png", caught.value.suggested_filename)
    page.click("nav a[href^='/mine/requests']")
    page.fill("#note", "My name is spelt with one s.")
    page.click("form:has(#note) button")
    expect(page.locator(".typed").first).to_have_text("My name is spelt with one s.")


def test_erasure_is_asked_for_by_keyboard_and_never_by_one_key(new_page: NewPage, world: World, holder: Holder) -> None:
    page = new_page(None)
    enter(page, holder)
    page.goto(f"{world.url}/mine/erasure?lang=en")
    page.focus("#note")
    for key in ("Tab", "Tab", "Enter"):  # past the box that says «I am sure», on to the button
        page.keyboard.press(key)
    assert page.url.endswith("/mine/erasure?lang=en")  # the browser asks for the box first
    page.focus("input[name=sure]")
    for key in ("Space", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**/mine/requests?*")
    expect(page.locator("[role=status]").first).to_have_text(said("en")["learner_done"]["erasure"])


@pytest.mark.parametrize("place, language", PICTURES)
def test_picture_of_each_page(new_page: NewPage, world: World, holder: Holder, place: str, language: Language) -> None:
    page = new_page(None, viewport={"width": 760, "height": 1000})
    enter(page, holder, language)
    if place == "wallet":
        offer(page, world, holder, language)
    elif place != "mine":
        page.goto(f"{world.url}/mine/{place}?lang={language}")
    taken = page.screenshot()
    assert taken.startswith(b"\x89PNG")
    if ASKED:
        (SCREENS / f"{place}.{language}.png").write_bytes(shrink(taken))
