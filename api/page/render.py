"""Turns views into pages. Built once by the composition root; pure after that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import segno
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from starlette.types import Scope

from api.own_audit import Standing
from api.page.asset import OWN_CODES, PAGE_CODES, STYLE_PATH, offline_policy, offline_script, offline_style
from api.page.language import LANGUAGES, Language, Speech, choose_language
from api.page.log_view import EntriesView, EntryView, ExploreView
from api.page.view import HomeView, RecognitionView, StartingView, VerifyView
from api.problem import Problem, ProblemKind
from api.request_id import request_id
from verifier.report import Check, Group, State, Verdict
from verifier.wording import REASONS, Text

FRESHNESS_CHECK: Final = "log.fresh"
NOT_FOUND: Final = "not-found"
PROFILE_FORM: Final = "https://www.linkedin.com/profile/add"
# Medium redundancy: readable with 15 % of the code dirty or torn.
QR_ERROR_CORRECTION: Final = "m"
QR_QUIET_MODULES: Final = 2


@dataclass(frozen=True, slots=True)
class CheckRow:
    """Checks that one line of a page speaks for; at least one, all with one state and sentence."""

    checks: tuple[Check, ...]

    @property
    def state(self) -> State:
        """What they came to."""
        return self.checks[0].state

    @property
    def summary(self) -> Text:
        """The sentence that they share."""
        return self.checks[0].summary


class PageRenderer:
    """Renders every page of one ledger.

    Args:
        base_url: Where the public reaches the ledger, without a slash at the end.
        demonstration: Whether to say on each page that the content is made up.
        notice: What else to say on each page, in the language of the page; None for nothing.
        has_desk: Whether issuers sign in here, as they do nowhere but at a ledger itself.
    """

    def __init__(
        self,
        base_url: str,
        *,
        demonstration: bool,
        notice: Callable[[Speech], str | None] = lambda _: None,
        has_desk: bool = True,
    ) -> None:
        self._base_url = base_url
        self._demonstration = demonstration
        self._notice = notice
        self._has_desk = has_desk
        self._speech = {language: Speech(language) for language in LANGUAGES}
        self._environment = Environment(
            loader=PackageLoader("api", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}

    def render_verify(self, view: VerifyView) -> str:
        """Render the page of one credential."""
        report = view.report
        page_url = None if view.credential is None else f"{self._base_url}/verify/{view.credential}"
        is_profile = page_url is not None and report.verdict is Verdict.VALID and not view.asked_at
        return self._render(
            "verify.html",
            view.language,
            path=None if view.is_sent else f"/verify/{view.credential}",
            view=view,
            report=report,
            facts=report.facts,
            groups=grouped(report.checks),
            grouped=grouped,
            reasons=REASONS,
            freshness=next((c for c in report.checks if c.code == FRESHNESS_CHECK), None),
            page_url=page_url,
            qr=None if page_url is None else qr_code(page_url),
            own_tables=own_tables(self._speech[view.language], PAGE_CODES),
            profile_url=profile_url(report.facts, str(view.credential), str(page_url)) if is_profile else None,
        )

    def render_verifier(self, vkey: str, language: Language) -> str:
        """Render the verifier as one file, which works from a disk; `api.page.asset.offline_policy` is its policy."""
        said = own_tables(self._speech[language], OWN_CODES)
        messages = self._speech[language].messages
        words = {name: messages["offline"][name] for name in ("said", "checked", "unchecked", "passed_over")}
        more = {"states": messages["state"], "refused": messages["offline"]["refused"], "words": words}
        tables = {**said, **more, "kinds": messages["anchor_kind"]}
        return self._render(
            "verifier.html",
            language,
            path=None,
            vkey=vkey,
            policy=offline_policy(),
            style=Markup(offline_style()),  # noqa: S704 - a file of this package
            script=Markup(offline_script()),  # noqa: S704 - files of this package
            tables=htmlsafe_json_dumps(tables, ensure_ascii=False),
        )

    def render_recognition(self, view: RecognitionView, language: Language) -> str:
        """Render the page of a decision on somebody else's award."""
        path = f"/recognitions/{view.answer['recognition']}"
        return self._render("recognition.html", language, path=path, view=view)

    def render_explore(self, view: ExploreView, language: Language) -> str:
        """Render the page about the log."""
        return self._render("explore.html", language, path="/explore", view=view, base_url=self._base_url)

    def render_entries(self, view: EntriesView, language: Language) -> str:
        """Render a list of log entries."""
        return self._render("entries.html", language, path="/explore/entries", view=view)

    def render_entry(self, view: EntryView, language: Language) -> str:
        """Render the page of one log entry."""
        return self._render("entry.html", language, path=f"/explore/entries/{view.row.index}", view=view)

    def render_audit(self, standing: Standing | None, size: int, language: Language) -> str:
        """Render the page about audits, of a log of *size* entries; None where the server makes none of itself."""
        shown = {"standing": standing, "size": size, "url": self._base_url}
        return self._render("own_audit.html", language, path="/explore/audit", **shown)

    def render_own(self, template: str, language: Language, path: str | None, **shown: Any) -> str:  # noqa: ANN401  whatever the template shows
        """Render a page that somebody sees who holds a link.

        Args:
            template: Its file.
            language: Language of the page.
            path: Where it is, for the other language; None where it cannot be asked for again.
            shown: What the template shows.
        """
        return self._render(template, language, path=path, qr_code=qr_code, reasons=REASONS, **shown)

    def render_home(self, view: HomeView) -> str:
        """Render the home page."""
        return self._render("home.html", view.language, path="/", view=view)

    def render_desk(self, name: str, language: Language, *, path: str | None, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
        """Render a page of the issuers' desk: the template of that name with *values*.

        Args:
            name: Of a file in `templates/desk`, without its ending.
            language: Of the page.
            path: Where the same page can be had in the other language; None: nowhere.
            values: What the template shows.
        """
        return self._render(f"desk/{name}.html", language, path=path, **values)

    def render_starting(self, view: StartingView) -> str:
        """Render the page of a ledger that is still starting; it loads itself again."""
        return self._render("starting.html", view.language, path=None, view=view)

    def render_not_found(self, language: Language, *, is_credential: bool) -> str:
        """Render the page for an address where nothing public is."""
        kind = "credential" if is_credential else "page"
        return self._render("not_found.html", language, path=None, kind=kind)

    def render_problem(self, problem: Problem, scope: Scope) -> str:
        """Render any problem as a page. Fits `api.problem.ProblemWriter`."""
        language = choose_language(scope)
        if problem.kind.name == NOT_FOUND:
            is_credential = scope["path"].startswith("/verify/")
            return self.render_not_found(language, is_credential=is_credential)
        number = request_id(scope)
        return self._render("error.html", language, path=None, problem=problem, number=number)

    def render_problem_kind(self, kind: ProblemKind, scope: Scope) -> str:
        """Render the explanation of a problem type. Fits `api.problem_route.problem_router`."""
        path = f"/problems/{kind.name}"
        return self._render("problem.html", choose_language(scope), path=path, kind=kind)

    def render_reference(self, openapi: Mapping[str, Any], language: Language) -> str:
        """Render the reference of the API from its OpenAPI description."""
        return self._render("reference.html", language, path="/docs", operations=operations(openapi))

    def _render(self, template: str, language: Language, *, path: str | None, **values: Any) -> str:  # noqa: ANN401 - whatever a template shows
        speech = self._speech[language]
        return self._environment.get_template(template).render(
            say=speech.messages,
            speech=speech,
            language=language,
            languages=LANGUAGES,
            path=path,
            style_path=STYLE_PATH,
            demonstration=self._demonstration,
            has_desk=self._has_desk,
            notice=self._notice(speech),
            instant=instant,
            **values,
        )


def own_tables(speech: Speech, codes: Sequence[str]) -> dict[str, Any]:
    """The sentences that the browser's own verifier can come to, in one language: by reason code, and its reasons."""
    return {
        "sentences": {code: speech.template(code) for code in codes},
        "reasons": {code: speech.reason(code) for code in REASONS},
        "verdicts": speech.messages["verdict"],
    }


def grouped(checks: Sequence[Check]) -> list[tuple[Group, list[CheckRow]]]:
    """Return checks as rows by group, in the order in which `Group` names them.

    Checks of a group that came to the same for the same reason share a row, so that a page does not
    say seven times that no document was given.
    """
    groups: list[tuple[Group, list[CheckRow]]] = []
    for group in Group:
        rows: dict[tuple[State, str], list[Check]] = {}
        for check in checks:
            if check.group is group:
                rows.setdefault((check.state, check.summary.en), []).append(check)
        if rows:
            groups.append((group, [CheckRow(tuple(same)) for same in rows.values()]))
    return groups


def qr_code(url: str) -> Markup:
    """Return a QR code as inline SVG, without style attributes, in black on white."""
    code = segno.make(url, error=QR_ERROR_CORRECTION, micro=False)
    svg = code.svg_inline(border=QR_QUIET_MODULES, omitsize=True, svgclass="qr-code", lineclass=None, light="#fff")
    return Markup(svg)  # noqa: S704 - made by the library from a URL; no text of others in it


def profile_url(facts: Mapping[str, Any], credential: str, page_url: str) -> str | None:
    """Return the address of LinkedIn's form that adds a certificate to a profile, or None when no title was proved.

    It is a plain link: nothing is loaded from there, and nothing is told to anybody before it is followed.

    Source: LinkedIn, "Add to profile" (parameters of `profile/add`).
    """
    achievement, issued, issuer = (facts.get(name) for name in ("achievement", "issued", "issuer"))
    if achievement is None or issued is None or issuer is None:
        return None
    begun = instant(issued["valid_from"])
    fields = {
        "startTask": "CERTIFICATION_NAME",
        "name": achievement["title"],
        "organizationName": issuer["name"],
        "issueYear": begun.year,
        "issueMonth": begun.month,
        "certId": credential,
        "certUrl": page_url,
    }
    if issued["valid_until"] is not None:
        ends = instant(issued["valid_until"])
        fields |= {"expirationYear": ends.year, "expirationMonth": ends.month}
    return f"{PROFILE_FORM}?{urlencode(fields)}"


def instant(text: str) -> datetime:
    """Read an instant as the verifier's facts write it."""
    return datetime.fromisoformat(text)


def operations(openapi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the operations of an OpenAPI description as a flat list, in order of their paths."""
    return [
        {
            "method": method.upper(),
            "path": path,
            **operation,
            "sent": _example(operation.get("requestBody", {})),
            "answered": next((_example(answer) for answer in operation["responses"].values()), None),
        }
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, Mapping)
    ]


def _example(part: Mapping[str, Any]) -> str | None:
    """The example in a body or an answer of an OpenAPI description, set out in lines."""
    found = next((media["example"] for media in part.get("content", {}).values() if "example" in media), None)
    if found is None or isinstance(found, str):
        return found
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
