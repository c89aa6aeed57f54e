"""A pathway between the form and the button: its rules read out, tried on the awards that there are, then published.

    checked ─▶ trying ─▶ tried ─▶ published
       │                            ▲
       └────────────────────────────┘        a trial is offered, not forced

The rules come as a file or as text: a rule text, or an object with one under ``rules``, as the API takes it and as the
published pathways in `ledger/stacking/published` have it. A fault names its line.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock
from typing import Any, Final

import msgspec

from api.desk.gate import Visit
from api.desk.job import Job, Told
from api.desk.json_place import line_of
from api.desk.publishing import MADE_FROM, Fault, fault_of
from api.node import Node
from api.problem_handler import ErrorLog
from api.strict_json import StrictJsonError, parse_strict_json
from ledger.application import Request
from ledger.error import InvalidInputError, LedgerError, NotFoundError
from ledger.pathway import Pathway, read_rules, rule_text
from ledger.pathway_trial import TrialResult
from ledger.stacking.pathway_rules import PathwayRules
from projections.pathway_catalogue import PathwayCatalogue

HELD: Final = "pathway"
"""Under which name a session holds its draft."""
FIELDS: Final = ("code", "achievement", "edition", "rules", "changes")
_RULES: Final = "/rules"
MAX_EXCERPT_CHARS: Final = 120
BREATH_SECONDS: Final = 0.003
"""Pause after each learner of a trial: about as long as one takes, so that other requests hardly wait longer."""
# One trial at a time: each takes a processor for as long as it lasts. Nobody waits for it, on no thread.
_ROOM: Final = BoundedSemaphore(1)


@dataclass(slots=True, eq=False)
class PathwayDraft:
    """A pathway that may be published.

    Attributes:
        code: The institution's code of it.
        achievement: The institution's code of what it leads to.
        edition: Which edition of that is awarded; None: the newest at the time.
        rules: Its rules, checked.
        changes: What is other than in the version before.
        before: The newest version that there is, from which it was made; None for a first one.
        id: 128 random bits as hex: the idempotency key.
        trial: How far a trial of it is.
        version: Which version it has become, once it is published.
    """

    code: str
    achievement: str
    edition: int | None
    rules: PathwayRules
    changes: tuple[str, ...]
    before: int | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    trial: Job | None = None
    version: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_under_way(self) -> bool:
        """Whether it is being tried now."""
        return self.trial is not None and not self.trial.is_over

    @property
    def digest(self) -> str:
        """SHA-256 of the rules, as every award that is stacked under them pins it."""
        return self.rules.digest()

    @property
    def shown(self) -> dict[str, str]:
        """The form with what stands in the draft."""
        return {
            "code": self.code,
            "achievement": self.achievement,
            "edition": str(self.edition or ""),
            "rules": json.dumps(rule_text(self.rules), indent=2, ensure_ascii=False),
            "changes": "\n".join(self.changes),
            MADE_FROM: str(self.before or 0),
        }

    def try_out(self, node: Node, visit: Visit, log: ErrorLog) -> Job | None:
        """Begin to try it on the awards that there are, unless that has begun and not failed.

        Returns:
            None while another draft is being tried.
        """

        def work(told: Told) -> TrialResult:
            def breathe(done: int, total: int) -> None:
                told(done, total)
                time.sleep(BREATH_SECONDS)

            try:
                return node.parts.trial.run(
                    slug=visit.institution.slug,
                    code=self.code,
                    achievement=self.achievement,
                    rules=self.rules,
                    actor=visit.actor,
                    told=breathe,
                )
            finally:
                _ROOM.release()

        with self._lock:
            if self.trial is not None and not self.trial.has_failed:
                return self.trial
            if not _ROOM.acquire(blocking=False):
                return None
            try:
                self.trial = Job(work, 0, log, is_awaited=False)
            except RuntimeError:  # no thread to be had
                _ROOM.release()
                raise
            return self.trial

    def publish(self, node: Node, visit: Visit) -> None:
        """Publish it, once however often it is asked for.

        Raises:
            OutdatedError: Another version was published since.
            LedgerError: The ledger refuses it.
        """
        body = msgspec.json.encode([self.code, self.achievement, self.edition, self.digest, self.changes])
        request = Request(f"{visit.institution.id.hex} desk pathway", self.id, body)
        outcome = _published(node, visit, self, request)
        node.wait_until_visible(outcome.position, PathwayCatalogue.NAME)
        self.version = outcome.answer["version"]


def held_pathway(visit: Visit) -> PathwayDraft | None:
    """The draft that a session holds, or None."""
    found = visit.session.held.get(HELD)
    return found if isinstance(found, PathwayDraft) else None


def known_pathway(node: Node, visit: Visit, code: str) -> Pathway | None:
    """What the institution has published under a code, or None."""
    try:
        return node.ledger.pathway(visit.institution.id, code)
    except NotFoundError:
        return None


def shown(pathway: Pathway) -> dict[str, str]:
    """The form of a pathway's next version: its newest one."""
    newest = pathway.versions[-1]
    return {
        "code": pathway.code,
        "achievement": newest.achievement,
        "edition": "" if newest.edition is None else str(newest.edition),
        "rules": json.dumps(newest.rules, indent=2, ensure_ascii=False),
        "changes": "",
        MADE_FROM: str(len(pathway.versions)),
    }


def read_draft(node: Node, visit: Visit) -> tuple[PathwayDraft | None, list[Fault], str]:
    """Read the form.

    Returns:
        The draft, or None; everything that hinders it; and the rules as text, to be shown again.
    """
    given, faults = _given(visit)
    rules, wrong = _rules(given) if not faults else (None, [])
    faults += wrong
    edition = visit.form.number("edition")
    if visit.text("edition") and not edition:
        faults.append(Fault("edition", "bad_number"))
    known = known_pathway(node, visit, visit.text("code"))
    newest = 0 if known is None else len(known.versions)
    if visit.form.number(MADE_FROM) != newest:
        faults.append(Fault("", "outdated_version", place=str(newest)))
    if rules is None or faults:
        return None, faults, given
    draft = PathwayDraft(
        code=visit.text("code"),
        achievement=visit.text("achievement"),
        edition=edition or None,
        rules=rules,
        changes=tuple(line.strip() for line in visit.text("changes").splitlines() if line.strip()),
        before=newest or None,
    )
    try:
        _published(node, visit, draft, None, trial=True)
    except InvalidInputError as error:
        member = error.pointer[1:].partition("/")[0]
        return None, [fault_of(error, member if member in FIELDS else "")], given
    except LedgerError as error:
        return None, [Fault("", "refused", str(error))], given
    return draft, [], given


def _published(node: Node, visit: Visit, draft: PathwayDraft, request: Request | None, *, trial: bool = False) -> Any:  # noqa: ANN401  an outcome
    return node.parts.pathways.publish(
        slug=visit.institution.slug,
        code=draft.code,
        achievement=draft.achievement,
        rules=draft.rules,
        edition=draft.edition,
        changes=draft.changes,
        after=draft.before or 0,
        actor=visit.actor,
        request=request,
        trial=trial,
    )


# ── the rules ──────────────────────────────────────────────────────────────────────────────────────


def _given(visit: Visit) -> tuple[str, list[Fault]]:
    """The rules as text: those of the file, if one was chosen."""
    data = visit.file("file")
    try:
        return (data.decode("utf-8-sig") if data.strip() else visit.text("rules")), []
    except UnicodeDecodeError:
        return visit.text("rules"), [Fault("rules", "no_text")]


def _rules(text: str) -> tuple[PathwayRules | None, list[Fault]]:
    """Read a rule text, bare or under ``rules``."""
    if not text.strip():
        return None, [Fault("rules", "no_rules")]
    try:
        json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        return None, [_at(text, line, getattr(error, "msg", "it is nested too deep"))]
    prefix = ""
    try:
        tree = parse_strict_json(text.encode())
        if isinstance(tree, dict) and isinstance(tree.get("rules"), dict) and "format" not in tree:
            tree, prefix = tree["rules"], _RULES
        if not isinstance(tree, dict):
            return None, [Fault("rules", "rules_object")]
        rules = read_rules(tree)
        rule_text(rules)
        _checked(rules)
    except StrictJsonError as error:
        return None, [_at(text, line_of(text, error.pointer), error.detail, error.pointer)]
    except InvalidInputError as error:
        pointer = prefix + error.pointer.removeprefix(_RULES)
        return None, [_at(text, line_of(text, pointer), error.detail, pointer)]
    return rules, []


def _checked(rules: PathwayRules) -> None:
    try:
        rules.check()
    except InvalidInputError as error:
        raise InvalidInputError(error.detail, f"{_RULES}{error.pointer}") from error


def _at(text: str, line: int, detail: str, pointer: str = "") -> Fault:
    lines = text.splitlines() or [""]
    excerpt = lines[min(line, len(lines)) - 1].strip()[:MAX_EXCERPT_CHARS]
    return Fault("rules", "refused_at", f"{detail} ({pointer})" if pointer else detail, str(line), excerpt)
