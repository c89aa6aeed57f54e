"""Every flow of the pages in Chromium: with script and without, in both languages, by keyboard, for every eye.

With SCREENSHOTS=1 in the environment, the last test writes the pictures of docs/screens anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Route, expect

from anchoring.cosignature import Cosigner
from api.audit.finding import Finding
from api.page.language import LANGUAGES, Language, Messages, read_messages
from tests.api.test_own_audit import keep as keep_report
from tests.api.test_own_audit import report as made_report
from tests.api.test_qr_photo import photo
from tests.browser.conftest import NewPage
from tests.browser.picture import shrink
from tests.browser.world import HOSTILE, World
from tests.verifier.small_log import ISSUED, NOW, SmallLog, authority, compact, private_key
from verifier.wording import SENTENCES

AXE: Final = Path(__file__).parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS: Final = Path(__file__).parents[2] / "docs" / "screens"
ASKED: Final = bool(os.environ.get("SCREENSHOTS"))
WCAG: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MODES: Final[dict[str, dict[str, str]]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "print": {"media": "print"},
    "forced": {"forced_colors": "active"},
}

Place = Callable[[Page, World, str], object]


def go(path: str) -> Place:
    return lambda page, world, language: page.goto(world.url + path.format(w=world) + f"?lang={language}")


def own_report(page: Page, world: World, language: str) -> None:
    """The page about audits, once the server has audited itself."""
    shutil.rmtree(world.served.node.settings.data_dir / "audits", ignore_errors=True)
    page.goto(f"{world.url}/explore/audit?lang={language}")
    page.click("main form button")
    page.wait_for_selector("#outcome")


def go_then(page: Page, world: World, language: str) -> None:
    """As of a day."""
    page.goto(f"{world.url}/verify/{world.ended}?lang={language}&at=2024-06-01")


def send_stack(page: Page, world: World, language: str) -> None:
    page.goto(f"{world.url}/?lang={language}")
    send(page, *(world.bundle(one) for one in (world.stack, *world.parts)))
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")


def send_nothing(page: Page, world: World, language: str) -> None:
    page.goto(f"{world.url}/?lang={language}")
    send(page, b"nothing")


def kept_report(page: Page, world: World, language: str) -> None:
    """The page about audits, with a report in which there is something of everything."""
    found = [Finding(code="award-differs", where="ab" * 16, what="the served status is another", entry=3)]
    objection = Finding(code="issuer-not-accredited", where="entry 4", what="no accreditation", entry=4, objection=True)
    notice = Finding(code="never-accredited", where="riverside-university", what="nobody has ever accredited it")
    report = made_report(differences=1, objections=1, findings=[*found, objection], notices=[notice])
    keep_report(world.served, report)
    page.goto(f"{world.url}/explore/audit?lang={language}")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")


PLACES: dict[str, Place] = {
    "home": go("/"),
    "valid": go("/verify/{w.valid}"),
    "revoked": go("/verify/{w.revoked}"),
    "part": go("/verify/{w.part}"),
    "then": go_then,
    "recognition": go("/recognitions/{w.recognition}"),
    "stack": send_stack,
    "refused": send_nothing,
    "explore": go("/explore"),
    "report": kept_report,
    "audit": own_report,
    "entries": go("/explore/entries"),
    "entry": go("/explore/entries/5"),
    "lost": go("/verify/" + "0" * 36),
    "problem": go("/problems/not-found"),
    "reference": go("/docs"),
}


PICTURES: Final = [
    (place, language) for place in PLACES for language in LANGUAGES if ASKED or (place, language) == ("home", "en")
]


def send(page: Page, *files: bytes) -> None:
    """Choose files in the form and send it."""
    chosen = [{"name": f"{at}.json", "mimeType": "application/json", "buffer": one} for at, one in enumerate(files)]
    page.set_input_files("#file", chosen)  # type: ignore[arg-type]  # the payloads of playwright
    page.click("form.drop button[type=submit]")
    page.wait_for_load_state()


def said(language: str) -> Messages:
    return read_messages("ru" if language == "ru" else "en")


def own(page: Page) -> str:
    """What the browser's own verification found."""
    page.wait_for_selector("#own[data-found]")
    return str(page.get_attribute("#own", "data-found"))


def violations(page: Page) -> list[str]:
    """Run axe-core; what it objects to, with the places."""
    assert AXE.exists(), "axe-core is missing: make test-setup"
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    # What passes is not described, which would take most of the time.
    run = "(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"
    found: dict[str, Any] = page.evaluate(run, WCAG)
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]


@pytest.mark.parametrize("place", PLACES)
def test_page_has_no_violation_that_axe_can_find(new_page: NewPage, world: World, place: str) -> None:
    """In light, dark, print and forced colours, and in Russian."""
    page = new_page(None, bypass_csp=True)
    PLACES[place](page, world, "en")
    if place == "valid":
        own(page)
    # The reference is long, and looks like the others: one mode will do.
    for mode in list(MODES)[: 1 if place == "reference" else None]:
        page.emulate_media(**{**MODES["light"], "media": "screen", "forced_colors": "none", **MODES[mode]})  # type: ignore[arg-type]  # names of a mode
        assert violations(page) == [], mode
    if place in {"home", "valid"}:
        page.emulate_media(color_scheme="dark", media="screen", forced_colors="none")
        PLACES[place](page, world, "ru")
        assert violations(page) == [], "ru"


@pytest.mark.parametrize("place", PLACES)
def test_page_can_be_read_at_four_hundred_per_cent(new_page: NewPage, world: World, place: str) -> None:
    """WCAG 2.2, 1.4.10: at 320 CSS pixels (1,280 at 400 %) nothing has to be scrolled sideways."""
    page = new_page(None, viewport={"width": 320, "height": 256})
    for language in LANGUAGES:
        PLACES[place](page, world, language)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320, language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
def test_visitor_pastes_a_link_and_asks_about_another_day(
    new_page: NewPage, world: World, language: Language, *, script: bool
) -> None:
    page = new_page("/", java_script_enabled=script, locale="ru-RU" if language == "ru" else "en-GB")
    words = said(language)
    page.fill("#q", f"{world.url}/verify/{world.ended}?x=1")
    page.click("form.way:first-of-type button")
    expect(page.locator("h1")).to_have_text(words["verdict"]["invalid"])
    assert page.title().startswith(words["verdict"]["invalid"])
    page.fill("#at", "2024-06-01")
    page.click("#at + button")
    expect(page.locator("h1")).to_have_text(words["verdict"]["valid"])
    assert "at=2024-06-01" in page.url
    other = "en" if language == "ru" else "ru"
    page.click(f"a[hreflang={other}]")
    expect(page.locator("h1")).to_have_text(said(other)["verdict"]["valid"])
    expect(page.locator("html")).to_have_attribute("lang", other)


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
def test_visitor_sends_a_stack_and_opens_it_to_each_stone(new_page: NewPage, world: World, *, script: bool) -> None:
    page = new_page("/?lang=ru", java_script_enabled=script)
    send(page, *(world.bundle(one) for one in (world.parts[1], world.stack, world.parts[0])))
    expect(page.locator("h1")).to_have_text("Действительно")
    expect(page.locator("h2.title")).to_have_text("Магистр наук о данных")
    assert page.locator("h2.title").get_attribute("lang") == "ru"
    stones = page.locator(".stones .stone")
    expect(stones).to_have_text(["Certificate in Data Work", "Title of MOD-1"])
    assert stones.first.get_attribute("lang") == "en"
    if not stones.nth(1).is_visible():
        stones.first.click()
    stones.nth(1).click()
    expect(page.locator(f".stones .stones a[href^='/verify/{world.parts[1]}']")).to_be_visible()


def test_visitor_is_told_that_a_stack_is_shown_by_its_holder_alone(new_page: NewPage, world: World) -> None:
    page = new_page(f"/verify/{world.stack}")
    expect(page.locator("#made-of + p")).to_have_text(said("en")["stack"]["hidden"])
    assert world.parts[0] not in page.content()


def test_visitor_sees_what_a_part_was_unpacked_from(new_page: NewPage, world: World) -> None:
    page = new_page(f"/verify/{world.part}")
    expect(page.locator(".facts")).to_contain_text("Bachelor of Data Work")
    assert own(page) == "valid"


def test_visitor_drops_a_file_anywhere(new_page: NewPage, world: World) -> None:
    page = new_page("/")
    page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], "evidence.json"));
          document.querySelector("h1").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""",
        world.evidence(world.revoked).decode(),
    )
    expect(page.locator("h1")).to_have_text("Not valid")


def test_visitor_copies_the_link_prints_and_finds_the_files(new_page: NewPage, world: World) -> None:
    page = new_page(None, permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
    page.add_init_script("window.print = () => (document.title = 'printed')")
    page.goto(f"{world.url}/verify/{world.valid}")
    page.click("[data-copy]")
    expect(page.locator("#copy-said")).to_have_text("The link was copied.")
    assert page.evaluate("navigator.clipboard.readText()") == f"{world.url}/verify/{world.valid}"
    page.click("[data-print]")
    assert page.title() == "printed"
    with page.expect_download() as caught:
        page.click("a[download$='.evidence.json']")
    assert json.loads(Path(caught.value.path()).read_bytes())["credential"] == world.valid
    profile = str(page.get_attribute("a[rel*=nofollow]", "href"))
    assert "name=Working+with+Data%3A+First+Steps" in profile
    assert f"certId={world.valid}" in profile


def test_printed_page_has_the_verdict_the_address_and_the_code_but_no_controls(new_page: NewPage, world: World) -> None:
    page = new_page(f"/verify/{world.valid}")
    page.emulate_media(media="print")
    for shown in ("h1", ".qr svg", "#page-url", "#checks"):
        expect(page.locator(shown).first).to_be_visible()
    for hidden in ("form", "button", ".languages", ".foot"):
        expect(page.locator(hidden).first).to_be_hidden()


def test_scanner_follows_a_credentials_code_alone(new_page: NewPage, world: World) -> None:
    page = new_page(None)
    page.add_init_script(
        f"""globalThis.BarcodeDetector = class {{
          static async getSupportedFormats() {{ return ["qr_code"]; }}
          async detect() {{
            const shown = globalThis.seen ? "{world.url}/verify/{world.valid}" : "https://elsewhere.example/";
            return [{{ rawValue: shown }}];
          }}
        }};"""
    )
    scripts: list[str] = []
    page.on("request", lambda request: scripts.append(request.url))
    page.goto(f"{world.url}/?lang=en")
    assert not [one for one in scripts if "scan" in one]  # it loads only when it is asked for
    page.click("[data-scan]")
    expect(page.locator("#scan-said")).to_have_text("That QR code is no link to a credential.")
    page.evaluate("globalThis.seen = true")
    page.wait_for_url(f"**/verify/{world.valid}?lang=en")


def test_scanner_says_what_to_do_when_the_browser_cannot_read_codes(new_page: NewPage, world: World) -> None:
    page = new_page(None)
    page.add_init_script("delete globalThis.BarcodeDetector")
    page.goto(f"{world.url}/?lang=ru")
    page.click("[data-scan]")
    expect(page.locator("#scan-said")).to_have_text(said("ru")["scan"]["missing"])


@pytest.mark.parametrize("script, language", [(False, "ru"), (True, "en")], ids=["without script", "with script"])
def test_visitor_sends_a_photograph_of_a_code(
    new_page: NewPage, world: World, language: Language, *, script: bool
) -> None:
    page = new_page(f"/?lang={language}", java_script_enabled=script)

    def give(text: str) -> None:
        picture = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo(text)}
        page.set_input_files("#photo", [picture])  # type: ignore[arg-type]  # a payload of playwright
        page.click("form.photo button")

    give("https://elsewhere.example/")
    expect(page.locator("#refused")).to_have_text(said(language)["home"]["other_code"])
    give(f"{world.url}/verify/{world.valid}")
    page.wait_for_url(f"**/verify/{world.valid}?lang={language}")
    expect(page.locator("h1")).to_have_text(said(language)["verdict"]["valid"])


def test_keyboard_alone_leads_from_the_first_key_to_the_last_check(new_page: NewPage, world: World) -> None:
    page = new_page("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_visible()
    for _ in range(12):
        if page.evaluate("document.activeElement.id") == "q":
            break
        page.keyboard.press("Tab")
    page.keyboard.type(world.valid)
    page.keyboard.press("Enter")
    page.wait_for_url("**/verify/*")
    own(page)
    seen: list[str] = []
    for _ in range(120):
        page.keyboard.press("Tab")
        place = page.evaluate(
            """() => {
              const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
              const inView = box.top >= 0 && box.bottom <= innerHeight + 1;
              return [one.outerHTML.slice(0, 60), inView && style.outlineStyle !== "none", box.top];
            }"""
        )
        if place[0].startswith("<body"):
            break
        assert place[1], f"not to be seen when it has the focus: {place}"
        seen.append(place[0])
    assert sum(one.startswith("<summary") for one in seen) >= 15
    page.locator(".checks summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".checks details").first).to_have_attribute("open", "")


# ── verified by your browser ───────────────────────────────────────────────────────────────────────


def test_browser_verifies_for_itself(new_page: NewPage, world: World) -> None:
    then = f"{world.ended}?at=2024-06-01"
    asked = (
        (world.valid, "valid"),
        (world.revoked, "invalid"),
        (world.ended, "invalid"),
        (then, "valid"),
    )
    for award, word in asked:
        page = new_page(f"/verify/{award}")
        assert own(page) == word
        assert page.locator("#own").bounding_box() is not None


def test_browser_does_nothing_of_the_kind_without_script(new_page: NewPage, world: World) -> None:
    page = new_page(f"/verify/{world.valid}", java_script_enabled=False)
    expect(page.locator("#own")).to_be_hidden()
    expect(page.locator("main")).to_contain_text("could serve a false page as well")


def lies(world: World) -> dict[str, Callable[[dict[str, Any]], object]]:
    """What a server that lies could do to the evidence of an award that was revoked."""
    other = json.loads(world.evidence(world.valid))

    def drop_revocation(file: dict[str, Any]) -> None:
        del file["entries"][1]

    def clear_bits(file: dict[str, Any]) -> None:
        drop_revocation(file)
        file["status"]["revocation"]["chunk"] = other["status"]["suspension"]["chunk"]

    def old_state(file: dict[str, Any]) -> None:
        file["state"]["index"] -= 1

    def of_another(file: dict[str, Any]) -> None:
        file.update(other)

    def another_name(file: dict[str, Any]) -> None:
        file["credential"] = other["credential"]

    def another_root(file: dict[str, Any]) -> None:
        lines = file["checkpoint"].split("\n")
        file["checkpoint"] = "\n".join([lines[0], str(int(lines[1]) + 1), *lines[2:]])

    return {
        "drops the revocation": drop_revocation,
        "clears the status bits": clear_bits,
        "shows another state": old_state,
        "gives another award's file": of_another,
        "renames the file": another_name,
        "signs nothing": another_root,
    }


LIES: Final = ("drops the revocation", "clears the status bits", "shows another state", "gives another award's file",
               "renames the file", "signs nothing")  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_browser_catches_a_server_that_lies(new_page: NewPage, world: World, lie: str) -> None:
    """The page itself says «valid» here, as a server that lies would have it."""
    file = json.loads(world.evidence(world.revoked))
    lies(world)[lie](file)
    page = new_page(None)

    def falsify(route: Route) -> None:
        answer = route.fetch()
        body = answer.text().replace('data-verdict="invalid"', 'data-verdict="valid"')
        route.fulfill(response=answer, body=body)

    page.route("**/verify/*", falsify)
    page.route("**/evidence", lambda route: route.fulfill(json=file))
    page.goto(f"{world.url}/verify/{world.revoked}")
    assert own(page) == "differs"
    expect(page.locator("#own")).to_have_class(re.compile("invalid"))


def test_browser_believes_the_evidence_when_the_page_says_another_thing(new_page: NewPage, world: World) -> None:
    page = new_page(None)

    def falsify(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('data-verdict="invalid"', 'data-verdict="valid"'))

    page.route("**/verify/*", falsify)
    page.goto(f"{world.url}/verify/{world.revoked}")
    assert own(page) == "differs"
    expect(page.locator(".own-detail")).to_contain_text("This page says «Valid»")


def test_browser_says_when_it_cannot_tell(new_page: NewPage, world: World) -> None:
    page = new_page(None)
    page.route("**/evidence", lambda route: route.abort())
    page.goto(f"{world.url}/verify/{world.valid}")
    assert own(page) == "unreachable"

    page = new_page(None)
    page.add_init_script("crypto.subtle.importKey = async () => { throw new Error('no Ed25519'); }")
    page.goto(f"{world.url}/verify/{world.valid}")
    assert own(page) == "no_ed25519"

    page = new_page(f"/verify/{world.valid}")
    assert own(page) == "valid"
    page.evaluate("for (const name of Object.keys(localStorage)) localStorage.setItem(name, 'another')")
    page.reload()
    assert own(page) == "new_key"
    page.click("#own button")
    page.wait_for_load_state()
    page.wait_for_selector("#own.valid")

    page = new_page(f"/verify/{world.valid}")
    assert own(page) == "valid"
    given = world.get(f"/verify/{world.valid}")
    renamed = re.sub(r'data-vkey="[^"+]+', 'data-vkey="elsewhere.example', given.text)
    assert renamed != given.text
    page.route(f"**/verify/{world.valid}", lambda route: route.fulfill(body=renamed, content_type="text/html"))
    page.reload()
    assert own(page) == "new_key"  # a false log is not taken for a first visit because it has another name

    page = new_page(None)
    page.clock.install(time="2030-01-01T00:00:00Z")
    page.goto(f"{world.url}/verify/{world.valid}")
    assert own(page) == "unknown"  # what the server gives is years old, to this browser


@pytest.mark.parametrize("language", LANGUAGES)
def test_verifier_works_as_one_file_from_a_disk(
    new_page: NewPage, world: World, language: Language, tmp_path: Path
) -> None:
    given = world.get(f"/verifier.html?lang={language}")
    assert given.headers["content-disposition"] == 'attachment; filename="cairn-verifier.html"'
    assert int(given.headers["content-length"]) < 60_000, "as it is sent"
    assert len(given.content) < 75_000
    kept = tmp_path / "verifier.html"
    kept.write_bytes(given.content)
    page = new_page(None, bypass_csp=False)
    page.goto(kept.as_uri())
    words = said(language)
    for award, verdict in ((world.valid, "valid"), (world.revoked, "invalid"), (world.part, "valid")):
        (tmp_path / f"{award}.json").write_bytes(world.evidence(award))
        page.set_input_files("#evidence", tmp_path / f"{award}.json")
        expect(page.locator("#answer")).to_have_class(re.compile(f"verdict {verdict}"))
        expect(page.locator("#word")).to_have_text(words["verdict"][verdict])
    page.fill("#policy", "")
    page.click("button")
    expect(page.locator("#answer")).to_have_class("verdict unknown")


def sheltered(new_page: NewPage, tmp_path: Path, html: bytes, **options: object) -> Page:
    """The verifier as one file, opened from a disk."""
    kept = tmp_path / "verifier.html"
    kept.write_bytes(html)
    page = new_page(None, **options)
    page.goto(kept.as_uri())
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_file_takes_a_policy_and_counts_its_witnesses(
    new_page: NewPage, world: World, language: Language, tmp_path: Path
) -> None:
    """A log with words of a witness and of an authority; a quorum that is met, one that is not, and none."""
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    log.cosign_anchor(ISSUED + timedelta(minutes=3))
    log.stamp(ISSUED + timedelta(days=1))
    log.publish(NOW, witnessed=NOW)
    evidence = tmp_path / "evidence.json"
    evidence.write_bytes(compact(log.evidence(award)))
    page = sheltered(new_page, tmp_path, world.get(f"/verifier.html?lang={language}").content)
    words = said(language)
    witness = f"witness w1 {log.witness.vkey}\n"
    stranger = Cosigner("w2.example", private_key("w2")).vkey
    page.set_input_files("#evidence", evidence)

    def ask(policy: str, verdict: str, count: int) -> list[str]:
        page.fill("#policy", policy)
        page.click("button")
        expect(page.locator("#words li")).to_have_count(count)
        expect(page.locator("#answer")).to_have_class(f"verdict {verdict}")
        return page.locator("#words li").all_inner_texts()

    alone = ask(log.signer.vkey, "valid", 2)  # a key alone on a line is a log's
    assert [one.split(":")[0] for one in alone] == [words["offline"]["unchecked"]] * 2
    both = ask(f"log {log.signer.vkey}\n{witness}quorum w1\n{authority('stamp').policy_line}", "valid", 3)
    assert [one.split(":")[0] for one in both] == [
        words["offline"][name] for name in ("checked", "checked", "unchecked")
    ]
    assert words["anchor_kind"]["rfc3161"] in both[2]
    expect(page.locator("#about")).to_contain_text(words["offline"]["passed_over"].format(count=1))
    wanted = f"log {log.signer.vkey}\n{witness}witness w2 {stranger}\ngroup g all w1 w2\nquorum g\n"
    ask(wanted, "unknown", 3)
    expect(page.locator("#sentence")).to_have_text(getattr(SENTENCES["quorum_not_met"], language))
    page.fill("#policy", "nonsense here\n")
    page.click("button")
    expect(page.locator("#sentence")).to_contain_text(words["offline"]["refused"])
    expect(page.locator("#outside")).to_be_hidden()
    page.set_viewport_size({"width": 320, "height": 256})
    ask(f"log {log.signer.vkey}\n{witness}", "valid", 3)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 320


def test_one_file_has_no_violation_that_axe_can_find(new_page: NewPage, world: World, tmp_path: Path) -> None:
    (tmp_path / "verifier.html").write_bytes(world.get("/verifier.html?lang=en").content)
    (tmp_path / "evidence.json").write_bytes(world.evidence(world.revoked))
    page = new_page(None, bypass_csp=True)
    page.goto((tmp_path / "verifier.html").as_uri())
    page.set_input_files("#evidence", tmp_path / "evidence.json")
    expect(page.locator("#answer")).to_be_visible()
    for mode in MODES.values():
        page.emulate_media(**{**MODES["light"], "media": "screen", "forced_colors": "none", **mode})  # type: ignore[arg-type]  # names of a mode
        assert violations(page) == [], mode


def test_nothing_of_a_credential_becomes_markup(new_page: NewPage, world: World) -> None:
    """Its title is text to the page and to the scripts; the policy would stop it even if it were not."""
    page = new_page(f"/verify/{world.hostile}")
    assert own(page) == "valid"
    expect(page.locator("h2.title")).to_have_text(HOSTILE)
    send_to = new_page("/")
    send(send_to, world.bundle(world.hostile))
    expect(send_to.locator("h2.title")).to_have_text(HOSTILE)
    for one in (page, send_to):
        assert one.evaluate("window.hit") is None
        assert one.locator("img").count() == 0
    attempt = "() => { try { document.body.innerHTML = '<p>x'; return 'made'; } catch { return 'refused'; } }"
    assert page.evaluate(attempt) == "refused"


def test_page_and_its_scripts_are_small(world: World) -> None:
    """What a browser loads for the page of an award, as it is sent."""
    sizes = {}
    for language in LANGUAGES:
        path = f"/verify/{world.valid}?lang={language}"
        with_css = ["page.mjs", "check.mjs", "verify.mjs", "sentence.mjs", "cairn.css"]
        for one in (path, *(f"/static/{name}" for name in with_css)):
            sizes[one] = int(world.get(one, **{"Accept-Encoding": "gzip"}).headers["content-length"])
    statics = sum(size for path, size in sizes.items() if path.startswith("/static/"))
    assert max(size for path, size in sizes.items() if path.startswith("/verify/")) + statics < 60_000, sizes


# ── pictures ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place, language", PICTURES)
def test_picture_of_each_page(new_page: NewPage, world: World, place: str, language: Language) -> None:
    """Pictures are written when they are asked for: then all of them, else one is taken to see that it can be."""
    page = new_page(None, viewport={"width": 760, "height": 1000})
    PLACES[place](page, world, language)
    if place in {"valid", "revoked"}:
        own(page)
    if place == "entry":
        page.locator("#proof").scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, document.querySelector('#proof').offsetTop - 20)")
    taken = page.screenshot()
    small = shrink(taken) if ASKED else taken
    assert small.startswith(b"\x89PNG")
    if ASKED:
        SCREENS.mkdir(exist_ok=True)
        (SCREENS / f"{place}.{language}.png").write_bytes(small)
