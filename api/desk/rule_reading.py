"""A pathway's rules in words: a tree of sentences that say what the rule text says, and leave nothing out.

The sentences are those of the catalogue (`[rule_…]` in `api/page/en.toml` and `ru.toml`). Ids stand beside them, since
waivers and outcomes name rules by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from api.page.language import Speech
from ledger.stacking.admission import Admission, GradeFloor, Quality, Recency, Scope, Status
from ledger.stacking.component import AchievementRef
from ledger.stacking.grade import GRADE, Scale
from ledger.stacking.overlap import Overlap, OverlapCap
from ledger.stacking.pathway_rules import Composite, PathwayRules
from ledger.stacking.quantity import MINUTES
from ledger.stacking.rule import (
    AnyRule,
    AtLeast,
    Capstone,
    Choose,
    CreditsFrom,
    Maximum,
    Minimum,
    Order,
    Prerequisite,
    Required,
    Residency,
    Rule,
    Share,
)
from ledger.stacking.selector import Selector


@dataclass(frozen=True, slots=True)
class Line:
    """One rule in words, with the rules within it; ``id`` is empty for what is no rule."""

    id: str
    text: str
    is_waivable: bool = False
    inner: tuple[Line, ...] = ()


class RuleReading:
    """Reads the rules of one pathway out.

    Args:
        rules: The rules, checked.
        speech: The language.
        title: What a micro-credential is called.
    """

    def __init__(self, rules: PathwayRules, speech: Speech, title: Callable[[AchievementRef], str]) -> None:
        self._rules = rules
        self._speech = speech
        self._title = title
        self._say = speech.messages

    def tree(self) -> Line:
        """The rules over the awards that are used."""
        return self._line(self._rules.rule)

    def admissions(self) -> list[Line]:
        """The rules on which awards may count at all."""
        return [Line(one.id, self._admission(one), one.waivable) for one in self._rules.admissions]

    def overlap(self) -> Line:
        """The rule on what other stacks used."""
        overlap: Overlap = self._rules.overlap
        caps = tuple(Line("", self._cap(cap)) for cap in overlap.caps)
        return Line(overlap.id, self._say["rule_more"]["overlap_caps" if caps else "overlap"], overlap.waivable, caps)

    def rest(self) -> list[Line]:
        """In what it counts, what becomes of a stack that loses something, and what else was declared."""
        rules, say = self._rules, self._say["rule_more"]
        lost = say[f"lost_{rules.cascade.on_loss}"].format(days=rules.cascade.deadline_days)
        lines = [*self._unit(), lost, say["appeal"].format(days=rules.cascade.appeal_days)]
        if rules.repeatable:
            lines.append(say["repeatable"].format(items=self._titles(rules.repeatable)))
        lines += [say["category"].format(name=name, of=self._of(of)) for name, of in rules.categories.items()]
        lines += [self._scale(name, scale) for name, scale in rules.scales.items()]
        return [Line("", text) for text in lines]

    def named(self) -> dict[str, Line]:
        """Every rule by its id, without the rules within it."""

        def walk(line: Line) -> Iterable[Line]:
            yield line
            for inner in line.inner:
                yield from walk(inner)

        lines = [*walk(self.tree()), *self.admissions(), self.overlap()]
        return {line.id: Line(line.id, line.text, line.is_waivable) for line in lines if line.id}

    # ── rules ─────────────────────────────────────────────────────────────────────────────────────────────

    def _line(self, rule: AnyRule) -> Line:
        inner = tuple(self._line(one) for one in rule.rules) if isinstance(rule, Composite) else ()
        return Line(rule.id, self._sentence(rule), rule.waivable, inner)

    def _sentence(self, rule: AnyRule) -> str:  # noqa: PLR0911  one for each kind of rule
        say = self._say["rule_tree"]
        match rule:
            case Required():
                return say["required"].format(items=self._titles(rule.achievements))
            case Capstone():
                said = say["capstone_last" if rule.last else "capstone"]
                return said.format(items=self._titles(rule.achievements, any_of=True))
            case Choose():
                return self._choose(rule)
            case AtLeast():
                return say["at_least"].format(count=rule.count)
            case CreditsFrom() | Minimum():
                of = self._of(rule.of) if isinstance(rule, Minimum) else ""
                return say[_kind(rule)].format(credits=self._amount(rule.credits), of=of)
            case Maximum():
                return self._maximum(rule)
            case Share() | Residency():
                return self._share(rule)
            case Prerequisite() | Order():
                return self._in_time(rule)
            case _:
                return say[_kind(rule)]

    def _choose(self, rule: Choose) -> str:
        say = self._say["rule_tree"]
        parts = [say["choose_count"].format(count=rule.count)] if rule.count else []
        parts += [self._amount(rule.credits)] if rule.credits else []
        amount = self._say["rule_word"]["and"].join(parts)
        return say["choose" if parts else "choose_any"].format(amount=amount, of=self._of(rule.of))

    def _maximum(self, rule: Maximum) -> str:
        say = self._say["rule_tree"]
        parts = [] if rule.credits is None else [self._amount(rule.credits)]
        parts += [] if rule.count is None else [say["choose_count"].format(count=rule.count)]
        return say["maximum"].format(amount=self._say["rule_word"]["and"].join(parts), of=self._of(rule.of))

    def _share(self, rule: Share | Residency) -> str:
        say = self._say["rule_tree"]
        by = self._say["rule_word"]["or"].join(rule.institutions) if isinstance(rule, Residency) else ""
        of = self._of(rule.of) if isinstance(rule, Share) else say["resident"].format(institutions=by)
        if rule.size is None or rule.rounding is None:
            return say["share_counted"].format(share=rule.share, of=of)
        rounding = self._say["rule_rounding"][rule.rounding].format(step=self._amount(rule.step))
        return say["share_required"].format(share=rule.share, size=self._amount(rule.size), of=of, rounding=rounding)

    def _in_time(self, rule: Prerequisite | Order) -> str:
        say = self._say["rule_tree"]
        if isinstance(rule, Order):
            said = say["order" if rule.same_day else "order_before"]
            return said.format(first=self._of(rule.first), then=self._of(rule.then))
        order = say[f"prerequisite_{rule.order}"]
        return order.format(item=self._title(rule.achievement), items=self._titles(rule.requires))

    # ── which awards may count ────────────────────────────────────────────────────────────────────────────

    def _admission(self, rule: Admission) -> str:
        text = self._admits(rule)
        if rule.only == Selector():
            return text
        return self._say["rule_counting"]["only"].format(of=self._of(rule.only), text=text)

    def _admits(self, rule: Admission) -> str:
        say = self._say["rule_counting"]
        match rule:
            case Scope():
                return say["scope"].format(of=self._of(rule.of))
            case Status():
                accepted = [say[f"standing_{one}"] for one in rule.accept]
                return say["status"].format(items=self._say["rule_word"]["or"].join(accepted) or "—")
            case Recency():
                return say["recency"].format(years=rule.years)
            case GradeFloor():
                floors = [say["floor"].format(grade=one.grade, scale=one.scale) for one in rule.floors]
                text = say["grade_floor"].format(items=self._say["rule_word"]["else"].join(floors))
                return f"{text} {say[f'ungraded_{rule.ungraded}']}"
            case Quality():
                asked = [say[name] for name in ("accredited", "supervised") if getattr(rule, name)]
                return say["quality"].format(items=self._say["rule_word"]["and"].join(asked))
            case _:  # pragma: no cover  there is no other
                return _kind(rule)

    def _cap(self, cap: OverlapCap) -> str:
        say, parts = self._say["rule_more"], []
        if cap.credits is not None:
            parts.append(self._amount(cap.credits))
        if cap.share is not None and cap.size is not None and cap.rounding is not None:
            rounding = self._say["rule_rounding"][cap.rounding].format(step=self._amount(1))
            parts.append(say["cap_share"].format(share=cap.share, size=self._amount(cap.size), rounding=rounding))
        if cap.awards is not None:
            parts.append(self._say["rule_tree"]["choose_count"].format(count=cap.awards))
        targets = self._say["rule_word"]["or"].join(cap.targets) or say["cap_anything"]
        return say["cap"].format(targets=targets, amount=self._say["rule_word"]["and"].join(parts))

    # ── what sentences are made of ────────────────────────────────────────────────────────────────────────

    def _of(self, selector: Selector) -> str:
        """Which awards are meant."""
        say, either = self._say["rule_of"], self._say["rule_word"]["or"]
        parts = []
        if selector.institutions:
            parts.append(say["institutions"].format(items=either.join(selector.institutions)))
        if selector.fields:
            parts.append(say["fields"].format(items=either.join(selector.fields)))
        if selector.min_eqf is not None and selector.min_eqf == selector.max_eqf:
            parts.append(say["eqf"].format(level=selector.min_eqf))
        else:
            parts += [] if selector.min_eqf is None else [say["min_eqf"].format(level=selector.min_eqf)]
            parts += [] if selector.max_eqf is None else [say["max_eqf"].format(level=selector.max_eqf)]
        if selector.recognised is not None:
            parts.append(say["recognised" if selector.recognised else "not_recognised"])
        if selector.category is not None:
            parts.append(say["category"].format(name=selector.category))
        titles = [self._titles(selector.achievements, any_of=True)] if selector.achievements else []
        if titles:
            return ", ".join([*titles, *parts])
        return say["awards"].format(parts=", ".join(parts)) if parts else say["all"]

    def _titles(self, refs: Iterable[AchievementRef], *, any_of: bool = False) -> str:
        return self._say["rule_word"]["or" if any_of else "and"].join(self._title(ref) for ref in refs)

    def _amount(self, amount: int) -> str:
        """An amount in the pathway's smallest unit, in words."""
        unit, say = self._rules.unit, self._say["rule_unit"]
        if unit.kind != "hours":
            return say[unit.kind].format(count=self._speech.credits(amount), name=unit.name)
        hours, minutes = divmod(amount, MINUTES)
        parts = [say["hours"].format(count=hours)] if hours else []
        return " ".join([*parts, say["minutes"].format(count=minutes)] if minutes or not hours else parts)

    def _unit(self) -> list[str]:
        """In what it counts, and how other sizes are converted."""
        say, unit = self._say["rule_more"], self._rules.unit
        lines = [say[f"unit_{unit.kind}"].format(name=unit.name)]
        if unit.per is not None:
            worth = f"{unit.numerator}/{unit.denominator}" if unit.denominator > 1 else str(unit.numerator)
            lines.append(say[f"unit_per_{unit.per}"].format(worth=worth, name=unit.name))
        if unit.minutes_per_ects is not None:
            lines.append(say["unit_minutes"].format(minutes=unit.minutes_per_ects))
        rounding = self._say["rule_rounding"][unit.rounding].format(step=self._amount(1))
        return [*lines, say["unit_rounding"].format(rounding=rounding)]

    def _scale(self, name: str, scale: Scale) -> str:
        say = self._say["rule_more"]
        of = "" if scale.reads == GRADE else say["scale_reads"].format(result=scale.reads)
        if scale.order:
            return say["scale_order"].format(name=name, of=of, items=" < ".join(scale.order))
        better = say[f"scale_{scale.better}"]
        return say["scale_range"].format(name=name, of=of, lowest=scale.lowest, highest=scale.highest, better=better)


def _kind(rule: Rule) -> str:
    return str(type(rule).__struct_config__.tag)
