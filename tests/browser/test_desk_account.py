"""Officers sign in with their institution's account: Chromium, the ledger, and a real OpenID provider beside it.

The provider is `oidc-provider` from npm, over https, with its own pages; nothing of it is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from loadtests.port import free_port
from tests.api.served import SLUG
from tests.browser.conftest import PATIENCE_MS
from tests.browser.oidc import SECRET, OpenIdProvider, provider
from tests.browser.test_page import said, violations
from tests.browser.world import World, open_world

CLIENTS: Final = {
    "secret": {"client_secret": SECRET, "token_endpoint_auth_method": "client_secret_basic"},
    "public": {"token_endpoint_auth_method": "none"},
}


@pytest.fixture(scope="module", params=[("secret", True), ("public", False)], ids=["with a secret", "public client"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, OpenIdProvider]]:
    """A ledger and a provider: one with a secret that tells claims at its userinfo endpoint, one without either."""
    kind, userinfo = request.param
    port = free_port()
    directory = tmp_path_factory.mktemp("account")
    with (
        provider(directory, f"http://127.0.0.1:{port}", CLIENTS[kind], userinfo=userinfo) as login,
        open_world(directory, port, desk_accounts=login.settings) as world,
    ):
        yield world, login


@pytest.fixture(scope="module")
def world(both: tuple[World, OpenIdProvider]) -> World:
    return both[0]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that takes the provider's certificate, which no authority has signed."""
    context = browser.new_context(ignore_https_errors=True, locale="en-GB", bypass_csp=True)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    context.close()


def go_there(page: Page, world: World, language: str = "en") -> None:
    """From the door of the desk to the provider."""
    page.goto(f"{world.url}/desk?lang={language}")
    page.click(f"a[href*='/desk/account/{SLUG}']")
    page.wait_for_selector("input[name=login]")


def sign_in_there(page: Page, login: str) -> None:
    """On the provider's own pages: a name, a password, and consent."""
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "anything")
    page.click("button[type=submit]")
    page.wait_for_selector("button:has-text('Continue')")
    page.click("button:has-text('Continue')")


def test_officer_signs_in_with_an_account_and_is_named_in_the_record(
    page: Page, both: tuple[World, OpenIdProvider]
) -> None:
    world, login = both
    go_there(page, world, "ru")
    assert page.url.startswith(f"{login.issuer}/")
    sign_in_there(page, "anna")
    page.wait_for_url(f"{world.url}/desk?lang=ru")
    expect(page.locator(".desk-bar")).to_contain_text("anna@riverside.example")
    expect(page.locator(".desk-bar")).to_contain_text("Riverside University")
    page.goto(f"{world.url}/desk/record?lang=ru")
    words = said("ru")
    newest = page.locator("tbody tr").first
    expect(newest).to_contain_text(words["desk_act"]["desk_sign_in"])
    expect(newest).to_contain_text("anna@riverside.example")
    expect(newest).to_contain_text(words["desk"]["record_account"])
    page.goto(f"{world.url}/desk/signing-keys/change?lang=ru")
    page.click("form.way button")
    page.wait_for_url("**/desk/signing-keys?lang=ru")
    page.goto(f"{world.url}/desk/record?lang=ru")
    expect(page.locator("tbody tr").first).to_contain_text(words["desk_act"]["key_rotate"])
    expect(page.locator("tbody tr").first).to_contain_text("anna@riverside.example")
    cookies = {one["name"]: one for one in page.context.cookies(world.url)}
    assert cookies["cairn-desk"]["sameSite"] == "Strict"
    assert cookies["cairn-desk"]["httpOnly"]
    assert "cairn-desk-attempt" not in cookies
    page.click(".desk-bar button")
    expect(page.locator("#key")).to_be_visible()
    page.goto(f"{world.url}/desk/record")
    expect(page.locator("#key")).to_be_visible()


def test_code_is_of_no_use_a_second_time_or_in_another_browser(
    page: Page, browser: Browser, both: tuple[World, OpenIdProvider]
) -> None:
    world, _ = both
    go_there(page, world)
    with page.expect_request(f"{world.url}/desk/account/done/{SLUG}?*") as came:
        sign_in_there(page, "anna")
    page.wait_for_url(f"{world.url}/desk?lang=en")
    again = page.goto(came.value.url)
    assert again is not None
    assert again.status == 401
    expect(page.locator("#refused")).to_have_text(said("en")["desk"]["account_failed"])
    other = browser.new_context(ignore_https_errors=True)
    stolen = other.new_page().goto(came.value.url)
    assert stolen is not None
    assert stolen.status == 401
    other.close()


@pytest.mark.parametrize("login", ["bob", "eve"])
def test_account_without_the_right_opens_nothing(page: Page, both: tuple[World, OpenIdProvider], login: str) -> None:
    """Bob is in no group of officers; Eve is, and says that an address is hers that nobody has verified."""
    world, _ = both
    go_there(page, world)
    sign_in_there(page, login)
    page.wait_for_selector("#refused")
    expect(page.locator("#refused")).to_have_text(said("en")["desk"]["account_not_entitled"])
    assert violations(page) == []
    assert page.context.cookies(world.url) == [] or all(
        one["name"] != "cairn-desk" for one in page.context.cookies(world.url)
    )
    page.goto(f"{world.url}/desk/record")
    expect(page.locator("#key")).to_be_visible()


def test_officer_who_breaks_it_off_there_is_told_so(page: Page, both: tuple[World, OpenIdProvider]) -> None:
    world, _ = both
    go_there(page, world)
    page.click("a:has-text('Cancel')")
    page.wait_for_selector("#refused")
    expect(page.locator("#refused")).to_have_text(said("en")["desk"]["account_denied"])


def test_door_with_accounts_is_for_every_eye(page: Page, both: tuple[World, OpenIdProvider]) -> None:
    world, _ = both
    for language in ("en", "ru"):
        page.goto(f"{world.url}/desk?lang={language}")
        assert violations(page) == []
