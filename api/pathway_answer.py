"""A pathway as it is answered: one version, and from version to version what has changed.

Two lists tell what has changed. ``changes`` are the institution's own sentences. ``differences`` are taken from the two
rule texts, so that a change nobody mentions is seen all the same: every rule by its id, every other member by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from ledger.pathway import read_rules
from projections.pathway_catalogue import PathwayListing, StoredVersion


def pathway_answer(
    identity: UUID, listing: PathwayListing, versions: Sequence[StoredVersion], number: int
) -> dict[str, Any]:
    """Describe version *number* of a pathway, numbered from 1, and list all of its versions."""
    wanted = versions[number - 1]
    return {
        "pathway": str(identity),
        "code": listing.code,
        "version": number,
        "versions": listing.versions,
        "retired_at": listing.retired_at,
        "achievement": wanted.achievement,
        "edition": wanted.edition,
        "rules": wanted.rules,
        "history": [_entry(before, one) for before, one in zip([None, *versions], versions, strict=False)],
    }


def _entry(before: StoredVersion | None, version: StoredVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "recorded_at": version.recorded_at,
        "rules_sha256": read_rules(version.rules).digest(),
        "changes": list(version.changes),
        "differences": [] if before is None else differences(before, version),
    }


def differences(before: StoredVersion, after: StoredVersion) -> list[dict[str, str]]:
    """List what differs between two versions: each rule by its id, each other member by its name.

    Returns:
        Objects with ``what`` (``rule`` or ``member``), ``name``, and ``change`` (``added``, ``removed``, ``changed``);
        rules first, each kind by name.
    """
    old, new = dict(_parts(before)), dict(_parts(after))
    return [
        {"what": what, "name": name, "change": _change((what, name), old, new)}
        for what, name in sorted({*old, *new}, key=lambda part: (part[0] != "rule", part[1]))
        if old.get((what, name)) != new.get((what, name))
    ]


def _change(part: tuple[str, str], old: dict[tuple[str, str], Any], new: dict[tuple[str, str], Any]) -> str:
    if part not in old:
        return "added"
    return "changed" if part in new else "removed"


def _parts(version: StoredVersion) -> Iterator[tuple[tuple[str, str], Any]]:
    """Every part that can differ, a rule without the rules within it."""
    yield ("member", "achievement"), version.achievement
    if version.edition is not None:
        yield ("member", "edition"), version.edition
    for name, member in version.rules.items():
        rest = _without_rules(member)
        if rest not in (None, [], {}):
            yield ("member", name), rest
        for rule in _rules(member):
            yield ("rule", rule["id"]), {inner: _without_rules(value) for inner, value in rule.items()}


def _is_rule(value: object) -> bool:
    return isinstance(value, dict) and "rule" in value and isinstance(value.get("id"), str)


def _without_rules(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """*value* with each rule in it replaced by its id, so that a rule's own change is told once, at the rule."""
    if _is_rule(value):
        return value["id"]
    if isinstance(value, dict):
        return {name: _without_rules(member) for name, member in value.items()}
    return [_without_rules(member) for member in value] if isinstance(value, list) else value


def _rules(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        if _is_rule(value):
            yield value
        for member in value.values():
            yield from _rules(member)
    elif isinstance(value, list):
        for member in value:
            yield from _rules(member)
