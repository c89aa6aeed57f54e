"""A micro-credential between the form and the button: what is said of it, and everything that is wrong with that.

1. The form becomes a template and details; what cannot be read of it is a fault of its field.
2. The ledger itself says what it would refuse. What it refused is made good and it is asked again, so that the form
   shows all its faults at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import msgspec

from api.conversion import convert
from api.desk.gate import Visit
from api.desk.json_place import line_of
from api.desk.publishing import MADE_FROM, Fault, fault_of, hundredths
from api.node import Node
from api.strict_json import StrictJsonError, parse_strict_json
from ledger.achievement import Achievement, Outcome, QfEhea, Template
from ledger.application import Request
from ledger.detail import Details
from ledger.error import InvalidInputError, LedgerError, NotFoundError

HELD: Final = "achievement"
"""Under which name a session holds its draft."""
TEXTS: Final = ("title", "language", "description")
LONG_TEXTS: Final = (
    "outcomes",
    "assessment",
    "participation",
    "quality_assurance",
    "criteria",
    "supervision",
    "prerequisites",
    "stackable",
)
AMOUNTS: Final = ("credits", "workload")
LEVELS: Final = ("eqf_level", "qf_ehea")
PLAIN_DETAILS: Final = ("achievement_type", "isced_f", "tags")
"""Details that have a field of their own; the rest is in ``more``, as the API has it."""
MORE: Final = "more"
FIELDS: Final = (*TEXTS, *LONG_TEXTS, *AMOUNTS, *LEVELS, *PLAIN_DETAILS, MORE)
CYCLES: Final[tuple[QfEhea, ...]] = get_args(QfEhea)
_SEPARATOR: Final = " | "
_ROUNDS: Final = 20
_NO_DETAILS: Final = Details()
_HARMLESS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("title", "description", "assessment", "participation", "quality_assurance", "criteria"), "?"),
    **dict.fromkeys(("workload_minutes", "supervision", "prerequisites", "stackable")),
    "language": "en",
    "outcomes": (Outcome(text="?"),),
    "credits_centi": 100,
    "eqf_level": 6,
}
"""What stands for a member that was refused, while the others are asked for."""
_FIELD_OF: Final = {"credits_centi": "credits", "workload_minutes": "workload"}


@dataclass(slots=True, eq=False)
class AchievementDraft:
    """A micro-credential that may be published.

    Attributes:
        code: The institution's code for it.
        template: What is said of it.
        details: What is said beyond the mandatory elements.
        before: The edition before, as the form shows it; empty for a first one.
        made_from: Which edition that is; 0 for a first one. Nothing is published on top of another.
        id: 128 random bits as hex: the idempotency key.
        edition: Which edition it has become, once it is published.
    """

    code: str
    template: Template
    details: Details | None
    before: Mapping[str, str]
    made_from: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    edition: int = 0

    @property
    def differences(self) -> list[tuple[str, str, str]]:
        """Field, what stood there, what will: of a first edition, all that is said."""
        after = shown(self.template, self.details)
        return [
            (name, self.before.get(name, ""), after[name])
            for name in FIELDS
            if self.before.get(name, "") != after[name]
        ]

    def publish(self, node: Node, visit: Visit) -> None:
        """Publish it, once however often it is asked for.

        Raises:
            OutdatedError: Another edition was published since.
            LedgerError: The ledger refuses it.
        """
        body = msgspec.json.encode([self.code, self.template, self.details])
        outcome = node.catalogue.publish(
            slug=visit.institution.slug,
            code=self.code,
            template=self.template,
            details=self.details,
            after=self.made_from,
            actor=visit.actor,
            request=Request(f"{visit.institution.id.hex} desk achievement", self.id, body),
        )
        node.wait_until_visible(outcome.position)
        self.edition = outcome.answer["edition"]


def held_achievement(visit: Visit) -> AchievementDraft | None:
    """The draft that a session holds, or None."""
    found = visit.session.held.get(HELD)
    return found if isinstance(found, AchievementDraft) else None


def known_achievement(node: Node, visit: Visit, code: str) -> Achievement | None:
    """What the institution has published under a code, or None."""
    try:
        return node.ledger.achievement(visit.institution.id, code)
    except NotFoundError:
        return None


def shown(template: Template, details: Details | None) -> dict[str, str]:
    """An edition as the form shows it."""
    said = details or _NO_DETAILS
    rest = {name: value for name, value in _members(said).items() if name not in PLAIN_DETAILS}
    workload = template.workload_minutes
    return {
        **{name: getattr(template, name) or "" for name in (*TEXTS, *LONG_TEXTS) if name != "outcomes"},
        "outcomes": "\n".join(_outcome_line(outcome) for outcome in template.outcomes),
        "credits": _decimal(template.credits_centi),
        "workload": ""
        if workload is None
        else _decimal(workload * 100 // 60)
        if workload % 3 == 0
        else f"{workload} min",
        "eqf_level": "" if template.eqf_level is None else str(template.eqf_level),
        "qf_ehea": template.qf_ehea or "",
        "achievement_type": said.achievement_type,
        "isced_f": said.isced_f or "",
        "tags": ", ".join(said.tags),
        MORE: msgspec.json.format(msgspec.json.encode(rest)).decode() if rest else "",
    }


def empty(language: str) -> dict[str, str]:
    """The form of a first edition."""
    return {**dict.fromkeys(FIELDS, ""), "language": language, "achievement_type": _NO_DETAILS.achievement_type}


def read_draft(node: Node, visit: Visit) -> tuple[AchievementDraft, list[Fault]]:
    """Read the form: the draft, and everything that hinders it; with a fault it is not for publishing."""
    code = visit.text("code")
    known = known_achievement(node, visit, code)
    template, faults = _template(visit)
    details, more = _details(visit)
    faults += more
    before = {} if known is None else shown(known.editions[-1], known.details[-1])
    if known is not None and details is None and known.details[-1] == _NO_DETAILS:
        details = known.details[-1]  # said, and said to be nothing: no difference
    made_from = 0 if known is None else len(known.editions)
    if visit.form.number(MADE_FROM) != made_from:
        faults.append(Fault("", "outdated_edition", place=str(made_from)))
    draft = AchievementDraft(code, template, details, before, made_from)
    return draft, faults + _ask_ledger(node, visit, draft, {fault.field for fault in faults})


# ── the form ───────────────────────────────────────────────────────────────────────────────────────


def _template(visit: Visit) -> tuple[Template, list[Fault]]:
    faults = []
    optional = {name: visit.text(name) or None for name in ("supervision", "prerequisites", "stackable")}
    texts = {name: visit.text(name) for name in (*TEXTS, *LONG_TEXTS) if name not in (*optional, "outcomes")}
    credits_centi = hundredths(visit.text("credits")) if visit.text("credits") else None
    workload = _minutes(visit.text("workload")) if visit.text("workload") else None
    level, cycle = visit.text("eqf_level"), visit.text("qf_ehea")
    for name, value in (("credits", credits_centi), ("workload", workload)):
        if value is None and visit.text(name):
            faults.append(Fault(name, "bad_amount"))
    members: dict[str, Any] = {**texts, **optional}
    template = Template(
        **members,
        outcomes=tuple(_outcome(line.strip()) for line in visit.text("outcomes").splitlines() if line.strip()),
        credits_centi=credits_centi,
        workload_minutes=workload,
        eqf_level=int(level) if level.isascii() and level.isdecimal() and len(level) == 1 else None,
        qf_ehea=next((one for one in CYCLES if one == cycle), None),
    )
    return template, faults


def _details(visit: Visit) -> tuple[Details | None, list[Fault]]:
    kind = visit.text("achievement_type") or _NO_DETAILS.achievement_type
    tags = [tag.strip() for tag in visit.text("tags").split(",") if tag.strip()]
    members: dict[str, Any] = {"achievement_type": kind, "tags": tags}
    if visit.text("isced_f"):
        members["isced_f"] = visit.text("isced_f")
    rest, faults = _more(visit.text(MORE))
    details = convert(members | rest, Details)
    return (None if details == _NO_DETAILS else details), faults


def _more(text: str) -> tuple[dict[str, Any], list[Fault]]:
    """The rest of the details, as JSON."""
    if not text:
        return {}, []
    try:
        read = parse_strict_json(text.encode())
        if not isinstance(read, dict) or not read.keys().isdisjoint(PLAIN_DETAILS):
            return {}, [Fault(MORE, "more_object")]
        convert({"achievement_type": _NO_DETAILS.achievement_type, **read}, Details)
    except StrictJsonError as error:
        return {}, [Fault(MORE, "no_json", error.detail, error.pointer)]
    except InvalidInputError as error:
        return {}, [_in_more(text, error)]
    return read, []


def _in_more(text: str, error: InvalidInputError) -> Fault:
    line = line_of(text, error.pointer)
    return Fault(MORE, "refused_at", error.detail, f"{line}", text.splitlines()[line - 1].strip())


# ── what the ledger says ───────────────────────────────────────────────────────────────────────────


def _ask_ledger(node: Node, visit: Visit, draft: AchievementDraft, known: set[str]) -> list[Fault]:
    faults: list[Fault] = []
    code, template, details = draft.code, draft.template, draft.details
    for name in known & set(AMOUNTS):
        template = msgspec.structs.replace(template, **{_member(name): _HARMLESS[_member(name)]})
    for _ in range(_ROUNDS):
        error = _refusal(node, visit, code, template, details)
        if error is None:
            break
        pointer = error.pointer if isinstance(error, InvalidInputError) else ""
        fault = _fault(visit, error, pointer)
        faults += [] if fault.field in known else [fault]
        member = pointer[1:].partition("/")[0]
        if member == "code":
            code = "harmless"
        elif member == "details" and details is not None:
            name = pointer.split("/")[2]
            details = msgspec.structs.replace(details, **{name: getattr(_NO_DETAILS, name)})
        elif member in _HARMLESS:
            template = msgspec.structs.replace(template, **{member: _HARMLESS[member]})
        else:
            break
    return faults


def _refusal(node: Node, visit: Visit, code: str, template: Template, details: Details | None) -> LedgerError | None:
    slug, actor = visit.institution.slug, visit.actor
    try:
        node.catalogue.publish(slug=slug, code=code, template=template, details=details, actor=actor, trial=True)
    except LedgerError as error:
        return error
    return None


def _fault(visit: Visit, error: LedgerError, pointer: str) -> Fault:
    if not isinstance(error, InvalidInputError):
        return Fault("", "refused", str(error))
    if pointer.startswith("/details/"):
        name = pointer.split("/")[2]
        if name in PLAIN_DETAILS:
            return fault_of(error, name)
        return _in_more(visit.text(MORE), InvalidInputError(error.detail, pointer.removeprefix("/details")))
    member = pointer[1:].partition("/")[0]
    return fault_of(error, _FIELD_OF.get(member, member))


# ── values ─────────────────────────────────────────────────────────────────────────────────────────


def _member(name: str) -> str:
    return next(member for member, field_name in _FIELD_OF.items() if field_name == name)


def _members(details: Details) -> dict[str, Any]:
    """The members that are not at their default."""
    members: dict[str, Any] = msgspec.to_builtins(details)
    defaults: dict[str, Any] = msgspec.to_builtins(_NO_DETAILS)
    return {name: _without_nothing(value) for name, value in members.items() if value != defaults[name]}


def _without_nothing(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Without members that say nothing."""
    if isinstance(value, dict):
        return {name: _without_nothing(one) for name, one in value.items() if one not in (None, [], ())}
    return [_without_nothing(one) for one in value] if isinstance(value, list | tuple) else value


def _outcome(line: str) -> Outcome:
    """A learning outcome: its text, and behind a bar the skill's address and name."""
    text, _, skill = line.partition(_SEPARATOR)
    uri, _, name = skill.partition(_SEPARATOR)
    return Outcome(text=text.strip(), skill_uri=uri.strip() or None, skill_name=name.strip() or None)


def _outcome_line(outcome: Outcome) -> str:
    return _SEPARATOR.join(part for part in (outcome.text, outcome.skill_uri, outcome.skill_name) if part)


def _minutes(text: str) -> int | None:
    """Read hours such as 78 or 1.5, or minutes such as «100 min»."""
    if text.endswith("min") and (digits := text.removesuffix("min").strip()).isascii() and digits.isdecimal():
        return int(digits) if len(digits) <= 9 else None  # noqa: PLR2004  a count of digits
    hours = hundredths(text)
    return None if hours is None or hours * 60 % 100 else hours * 60 // 100


def _decimal(hundredths_of: int | None) -> str:
    if hundredths_of is None:
        return ""
    whole, part = divmod(hundredths_of, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") if part else str(whole)
