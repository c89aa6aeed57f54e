"""What every Open Badge has to say, checked member by member; what it may say is for `genuine.terms`.

Source: 1EdTech Open Badges 3.0 appendix B (data model); the members with a multiplicity of 1 and 1..*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from verifier.foreign.credential import entries, names, types_of

CONTEXT: Final = "https://purl.imsglobal.org/spec/ob/v3p0/context"
"""How the address of every context of Open Badges 3.0 begins."""
MAX_ENTRIES: Final = 1_000
"""Most entries of one list that are looked at."""

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "achievement": ("id", "criteria", "description", "name"),
    "alignment": ("targetName", "targetUrl"),
    "resultDescription": ("id", "name", "resultType"),
    "identifier": ("hashed", "identityHash", "identityType"),
    "issuer": ("id",),
}
_TYPES: Final[Mapping[str, str]] = {
    "achievement": "Achievement",
    "alignment": "Alignment",
    "resultDescription": "ResultDescription",
    "identifier": "IdentityObject",
    "issuer": "Profile",
    "result": "Result",
    "source": "Profile",
}


def missing_member(members: dict[str, Any]) -> str | None:
    """Name the first thing that an Open Badge has to say and this one does not; None if it says all.

    Args:
        members: A credential whose type says that it is an Open Badge.

    Returns:
        A JSON Pointer, and what is missing there.

    Not checked: whether values make sense; closed lists of words, which the terms' own types are for.
    """
    contexts = entries(members, "@context")
    if not any(isinstance(one, str) and one.startswith(CONTEXT) for one in contexts):
        return "/@context: no context of Open Badges 3.0"
    starts, _ = names(members)
    absent = next((name for name in ("id", "issuer", starts, "credentialSubject") if name not in members), None)
    if absent is not None:
        return f"/{absent}"
    issuer = members["issuer"]
    found = _node(issuer, "issuer", "/issuer") if isinstance(issuer, dict) else None
    return found or _subject(members["credentialSubject"])


def _subject(subject: Any) -> str | None:  # noqa: ANN401  (untrusted JSON)
    place = "/credentialSubject"
    if not isinstance(subject, dict) or "AchievementSubject" not in types_of(subject):
        return f"{place}: not one AchievementSubject"
    if "id" not in subject and not entries(subject, "identifier"):
        return f"{place}: neither id nor identifier"
    if "achievement" not in subject:
        return f"{place}/achievement"
    achievement = subject["achievement"]
    steps: tuple[Callable[[], str | None], ...] = (
        lambda: _node(achievement, "achievement", f"{place}/achievement"),
        lambda: _criteria(achievement, f"{place}/achievement/criteria"),
        lambda: _listed(achievement, "alignment", f"{place}/achievement"),
        lambda: _listed(achievement, "resultDescription", f"{place}/achievement"),
        lambda: _listed(subject, "identifier", place),
        lambda: _listed(subject, "result", place),
        lambda: _listed(subject, "source", place),
    )
    return next((found for step in steps if (found := step()) is not None), None)


def _criteria(achievement: dict[str, Any], place: str) -> str | None:
    criteria = achievement["criteria"]
    said = isinstance(criteria, dict) and any(isinstance(criteria.get(name), str) for name in ("id", "narrative"))
    return None if said else f"{place}: neither id nor narrative"


def _listed(owner: dict[str, Any], name: str, place: str) -> str | None:
    for index, one in enumerate(entries(owner, name)[:MAX_ENTRIES]):
        found = _node(one, name, f"{place}/{name}/{index}")
        if found is not None:
            return found
    return None


def _node(value: Any, kind: str, place: str) -> str | None:  # noqa: ANN401  (untrusted JSON)
    if not isinstance(value, dict):
        return f"{place}: not an object"
    if _TYPES[kind] not in types_of(value):
        return f"{place}/type: not {_TYPES[kind]}"
    absent = next((name for name in _REQUIRED.get(kind, ()) if value.get(name) in (None, "")), None)
    return None if absent is None else f"{place}/{absent}"
