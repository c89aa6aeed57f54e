import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from fastapi import FastAPI
from starlette.types import Scope

from api.error import FieldError, InvalidRequestError
from api.page.asset import style_sheet
from api.page.language import LANGUAGES, Language, Speech, choose_language, read_messages
from api.page.render import PROFILE_FORM, PageRenderer, grouped
from api.problem import PROBLEMS, Problem, ProblemWriter, kind_named, problem_of
from api.problem_route import problem_router
from tests.api.client import BASE_URL
from tests.api.sample_view import APRIL, VERDICTS, home_view, verify_view
from verifier.report import Group, State, Verdict
from verifier.strict_json import Json
from verifier.wording import SENTENCES

ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
VOID = {"meta", "link", "input", "path", "circle", "ellipse", "br"}


def renderer(*, demonstration: bool = False) -> PageRenderer:
    return PageRenderer(BASE_URL, demonstration=demonstration)


def scope(path: str = "/", query: str = "", **headers: str) -> Scope:
    fields = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": fields,
    }


class Page(HTMLParser):
    """Reads a page, and fails on tags that are not closed in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def reference_page(language: Language) -> str:
    app = FastAPI()
    app.include_router(problem_router(ProblemWriter(BASE_URL)))
    return renderer().render_reference(app.openapi(), language)


def error_page(language: Language) -> str:
    error = InvalidRequestError("No.", errors=(FieldError("No.", parameter="query/at"),))
    return renderer().render_problem(problem_of(error), scope(query=f"lang={language}"))


PAGES: dict[str, Callable[[Language], str]] = {
    "valid": lambda language: renderer().render_verify(verify_view("valid", language)),
    "invalid": lambda language: renderer().render_verify(verify_view("invalid", language)),
    "unknown": lambda language: renderer().render_verify(verify_view("unknown", language)),
    "as_of": lambda language: renderer().render_verify(verify_view("valid", language, at=APRIL)),
    "home": lambda language: renderer().render_home(home_view(language)),
    "unreadable": lambda language: renderer().render_home(home_view(language, refusal="unreadable")),
    "sent": lambda language: renderer().render_verify(replace(verify_view("valid", language), is_sent=True)),
    "elsewhere": lambda language: renderer().render_verify(replace(verify_view("unknown", language), credential=None)),
    "refused": lambda language: renderer().render_home(home_view(language, refusal="not_found")),
    "lost": lambda language: renderer().render_not_found(language, is_credential=True),
    "error": error_page,
    "reference": reference_page,
    "problem": lambda language: renderer().render_problem_kind(PROBLEMS[0], scope("/problems/x", f"lang={language}")),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_page_is_well_formed_and_runs_and_loads_this_sites_own_files_alone(name: str, language: Language) -> None:
    page = Page(PAGES[name](language))
    assert page.named("html") == [{"lang": language}]
    assert page.named("script") == [{"type": "module", "src": "/static/page.mjs"}]
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [key for key in attributes if key.startswith("on")], tag
        for key in ("href", "src", "action", "data-module", "data-evidence"):
            target = attributes.get(key)
            if tag == "a" and target is not None and target.startswith(PROFILE_FORM):
                assert (
                    attributes["rel"] == "noopener noreferrer nofollow"
                )  # a link is followed by people, and loads nothing
                continue
            assert target is None or target.startswith(("/", "#", "data:,")), target
            assert target is None or not target.startswith("//"), target


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_page_can_be_used_with_keyboard_and_screen_reader(name: str, language: Language) -> None:
    page = Page(PAGES[name](language))
    assert len(page.named("h1")) == 1
    assert len(page.named("main")) == 1
    assert len(page.named("title")) == 1
    ids = Counter(a["id"] for _, a in page.tags if "id" in a)
    assert max(ids.values()) == 1
    labels = {a["for"] for a in page.named("label")}
    assert labels == {a["id"] for a in page.named("input") + page.named("textarea") if a.get("type") != "hidden"}
    wanted = [a.get("aria-labelledby") or a.get("aria-describedby") for _, a in page.tags]
    assert {name for name in wanted if name} <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.named("a")[0]["href"] == "#content"


@pytest.mark.parametrize("kind", read_messages("en")["refused"])
def test_error_page_speaks_the_language_asked_for(kind: str) -> None:
    found = kind_named(kind)
    assert found is not None
    page = Page(renderer().render_problem(Problem(found, found.remedy), scope(query="lang=ru")))
    assert read_messages("ru")["error"]["title"] in page.text
    assert read_messages("ru")["refused"][kind] in page.text


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_verify_page_says_verdict_first_and_then_every_check(verdict: str, language: Language) -> None:
    view = verify_view(verdict, language)
    text = " ".join(Page(renderer().render_verify(view)).text.split())
    messages = read_messages(language)
    places = [text.index(messages["verdict"][verdict])]
    sentence = view.report.sentence.en if language == "en" else view.report.sentence.ru
    places.append(text.index(sentence))
    places += [text.index(messages["group"][group.value]) for group, _ in grouped(view.report.checks)]
    assert places == sorted(places)
    assert len(places) == 7
    for check in view.report.checks:
        assert check.code in text
        assert (check.summary.en if language == "en" else check.summary.ru) in text
    for left in view.report.not_checked:
        assert (left.en if language == "en" else left.ru) in text


def test_verify_page_shows_issuer_of_the_register_times_and_files() -> None:
    view = verify_view()
    html = renderer().render_verify(view)
    page = Page(html)
    links = {a["href"] for a in page.named("a")}
    assert "Northern College" in page.text
    assert "vocational college, Norway" in page.text
    assert "2.5 ECTS" in page.text
    assert "1 June 2025, 12:00:00 UTC" in page.text
    assert f"/v1/credentials/{view.credential}/evidence" in links
    assert f"/v1/credentials/{view.credential}/status" in links
    assert f"{BASE_URL}/verify/{view.credential}" in page.text
    assert 'class="qr-code"' in html
    assert '<meta name="robots" content="noindex">' in html


def test_verify_page_tells_date_and_reason_when_revoked() -> None:
    text = Page(renderer().render_verify(verify_view("invalid", "ru"))).text
    assert "Отозвано" in text
    assert "1 апреля 2025" in text
    assert "академическая недобросовестность" in text


def test_verify_page_keeps_instant_when_language_is_changed() -> None:
    page = Page(renderer().render_verify(verify_view("valid", "en", at=APRIL)))
    assert "Judged as of 1 April 2025, 00:00:00 UTC" in " ".join(page.text.split())
    (other,) = [a for a in page.named("a") if a.get("hreflang") == "ru"]
    assert str(other["href"]).endswith("?lang=ru&at=2025-04-01")
    (day,) = [a for a in page.named("input") if a.get("type") == "date"]
    assert day["value"] == "2025-04-01"


def test_verify_page_shares_a_line_among_checks_that_say_the_same() -> None:
    rows = dict(grouped(verify_view().report.checks))
    shared = next(iter(rows.values()))[0]
    assert len(shared.checks) == 7
    assert sum(len(row.checks) for group in rows.values() for row in group) == len(verify_view().report.checks)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_escape_what_others_wrote(language: Language) -> None:
    view = verify_view("valid", language, title=ATTACK)
    facts: dict[str, Json] = {
        **view.report.facts,
        "issuer": {"name": ATTACK, "kind": ATTACK, "country": ATTACK},
        "changes": [{"change": ATTACK, "reason": ATTACK, "effective_at": "2025-04-01T00:00:00Z"}],
    }
    report = replace(view.report, facts=facts)
    view = replace(view, report=report, asked_at=ATTACK, credential=ATTACK)
    for html in (
        renderer().render_verify(view),
        renderer().render_problem(
            problem_of(InvalidRequestError(ATTACK, errors=(FieldError(ATTACK, ATTACK),))),
            scope(query=f"lang={language}"),
        ),
    ):
        page = Page(html)
        assert page.named("script") == [{"type": "module", "src": "/static/page.mjs"}]
        assert not page.named("img")
        assert ATTACK in page.text


def test_pages_say_demonstration_when_it_is_one() -> None:
    banner = read_messages("en")["site"]["demonstration"]
    assert banner in renderer(demonstration=True).render_home(home_view())
    assert banner not in renderer().render_home(home_view())


def test_home_page_may_be_indexed_and_shows_samples() -> None:
    page = Page(renderer().render_home(home_view("en")))
    assert {"name": "robots", "content": "index"} in page.named("meta")
    assert "cairn verify invalid.json" in page.text
    assert "Revoked after misconduct" in page.text
    look_up, send, photo = page.named("form")
    assert (look_up["action"], look_up["method"]) == ("/verify", "get")
    for form in (send, photo):
        assert (form["action"], form["method"], form["enctype"]) == ("/verify", "post", "multipart/form-data")


def test_problem_page_shows_lost_page_when_there_is_nothing() -> None:
    missing = kind_named("not-found")
    assert missing is not None
    problem = problem_of(missing.errors[0]("x"))
    lost = read_messages("ru")["lost"]
    assert lost["credential"] in renderer().render_problem(problem, scope("/verify/x", accept_language="ru"))
    assert lost["page"] in renderer().render_problem(problem, scope("/x", accept_language="ru"))


def test_reference_page_lists_every_operation() -> None:
    text = Page(reference_page("en")).text
    assert "GET /problems/{name}" in text
    assert "Explain one problem type" in text


def test_languages_have_the_same_texts_with_the_same_fields() -> None:
    english, russian = (read_messages(language) for language in LANGUAGES)
    assert list(english) == list(russian)
    for section, texts in english.items():
        assert list(texts) == list(russian[section]), section
        for key, text in texts.items():
            fields = re.findall(r"\{\w+\}", text)
            assert fields == re.findall(r"\{\w+\}", russian[section][key]), key
            assert not hasattr(dict, key), "a template would find the method instead"


def test_languages_name_every_verdict_and_state_of_the_verifier() -> None:
    for language in LANGUAGES:
        messages = read_messages(language)
        assert set(messages["verdict"]) == {verdict.value for verdict in Verdict}
        assert set(messages["state"]) == {state.value for state in State}
        assert set(messages["group"]) == {group.value for group in Group}
    assert all(text.en and text.ru for text in SENTENCES.values())


@pytest.mark.parametrize(
    "query, accepted, chosen",
    [
        ("", "", "en"),
        ("", "ru", "ru"),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("", "en-GB,ru;q=0.9", "en"),
        ("", "de,fr;q=0.5", "en"),
        ("", "ru;q=0", "en"),
        ("", "ru;q=x, en;q=0.1", "en"),
        ("lang=ru", "en", "ru"),
        ("lang=en", "ru", "en"),
        ("lang=xx", "ru", "ru"),
        ("lang=../../etc/passwd", "", "en"),
        ("lang=ru&lang=en", "", "ru"),
        ("", "x" * 100_000, "en"),
    ],
)
def test_choose_language_prefers_query_then_browser(query: str, accepted: str, chosen: str) -> None:
    assert choose_language(scope("/", query, accept_language=accepted)) == chosen


def test_speech_writes_dates_numbers_and_countries_as_the_language_does() -> None:
    at = datetime(2026, 3, 1, 23, 5, 9, tzinfo=UTC)
    english, russian = Speech("en"), Speech("ru")
    assert english.moment(at) == "1 March 2026, 23:05:09 UTC"
    assert russian.moment(at).replace("\u202f", " ").replace("\xa0", " ") == ("1 марта 2026 г., 23:05:09 UTC")
    assert (english.credits(250), russian.credits(250)) == ("2.5", "2,5")
    assert (english.country("LV"), russian.country("LV")) == ("Latvia", "Латвия")
    assert english.country("ZZZ") == "ZZZ"


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *((ink, paper) for ink in ("ink", "quiet", "link") for paper in ("paper", "card")),
    *((word, f"{word}-tint") for word in ("valid", "invalid", "unknown", "banner")),
    *((word, paper) for word in ("valid", "invalid", "unknown") for paper in ("paper", "card")),
    *(("ink", f"{word}-tint") for word in ("valid", "invalid", "unknown")),
    ("button-ink", "button"),
]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ink, paper", PAIRS)
def test_style_keeps_contrast_of_text_in_both_schemes(scheme: int, ink: str, paper: str) -> None:
    blocks = re.findall(r":root \{([^}]*--ink[^}]*)\}", style_sheet().decode())
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[scheme]))
    assert len(blocks) == 2
    # Source: WCAG 2.2 success criterion 1.4.3 (AA).
    assert contrast(colours[ink], colours[paper]) >= 4.5


def test_style_serves_print_forced_colours_and_focus_and_loads_nothing() -> None:
    style = style_sheet().decode()
    for part in ("@media print", "forced-colors: active", ":focus-visible", "max-width: 46rem"):
        assert part in style
    assert "url(" not in style
    assert "@import" not in style


def test_pages_lead_to_the_desk_only_where_there_is_one() -> None:
    at_ledger = PageRenderer(BASE_URL, demonstration=False)
    at_mirror = PageRenderer(BASE_URL, demonstration=False, has_desk=False)
    assert 'href="/desk?' in at_ledger.render_not_found("en", is_credential=False)
    assert "/desk" not in at_mirror.render_not_found("en", is_credential=False)
