"""One served ledger and one Chromium for all tests of this package; a page of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.world import World, open_world

NewPage: TypeAlias = Callable[..., Page]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("world")) as served:
        yield served


@pytest.fixture(scope="module")
def browser(world: World) -> Iterator[Browser]:
    """Debian's Chromium, or whichever is on the PATH; root cannot use its sandbox. It starts after the ledger."""
    assert world.url
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found is not None, "there is no Chromium: make test-setup, or sudo apt-get install chromium"
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=flags)
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Browser, world: World) -> Iterator[NewPage]:
    """Open pages. What a page asks for elsewhere, its errors, and what its policy forbids fail the test."""
    contexts: list[BrowserContext] = []
    told: list[str] = []

    def watch(page: Page) -> None:
        page.on("request", lambda request: _note(told, request.url, world.url))
        page.on("pageerror", lambda error: told.append(f"error: {error}"))
        page.on("console", lambda line: told.append(line.text) if "Security Policy" in line.text else None)

    def open_page(path: str | None = "/", **options: Any) -> Page:  # noqa: ANN401  options of a browser context
        # Without motion: a colour half-way through a change of scheme has no contrast that could be judged.
        chosen = {"locale": "en-GB", "viewport": {"width": 900, "height": 1000}, "reduced_motion": "reduce", **options}
        context = browser.new_context(**chosen)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        watch(page)
        if path is not None:
            page.goto(world.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []


def _note(told: list[str], asked: str, url: str) -> None:
    if not asked.startswith((f"{url}/", "data:", "blob:", "file://")):
        told.append(f"asked elsewhere: {asked}")
