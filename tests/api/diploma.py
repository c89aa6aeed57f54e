"""A programme, its modules and diplomas of it, over a served ledger."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.api.served import TEMPLATE, Served

DIPLOMA: Final = "BSC"
PARTIAL: Final = "BSC-PART"
PROGRAMME: Final = "BSC-DATA"
MODULE_CREDITS: Final = 600
AWARDED_ON: Final = "2024-06-30"


def publish_programme(served: Served, key: str, slug: str, *, modules: int = 3, **changes: object) -> None:
    """Publish the modules, the diploma, what is had without it, and the programme."""
    for number in range(1, modules + 1):
        _publish(served, key, f"MOD-{number}", MODULE_CREDITS)
    for code in (DIPLOMA, PARTIAL):
        _publish(served, key, code, modules * MODULE_CREDITS)
    answered = served.write(
        "POST", f"/v1/institutions/{slug}/programmes", {"code": PROGRAMME, "programme": draft(modules, **changes)}, key
    )
    assert answered.status_code == httpx.codes.CREATED, answered.text


def draft(count: int, **changes: object) -> dict[str, Any]:
    """A programme of so many modules."""
    return {
        "title": "Bachelor of Data Work",
        "language": "en",
        "achievement": DIPLOMA,
        "partial": PARTIAL,
        "credits_centi": count * MODULE_CREDITS,
        "withdrawal": "suspend",
        "modules": [
            {"code": f"M{number}", "achievement": f"MOD-{number}", "semester": (number + 4) // 5}
            for number in range(1, count + 1)
        ],
        **changes,
    }


def award(served: Served, key: str, achievement: str = DIPLOMA, **members: object) -> str:
    """Award a diploma; returns its public id."""
    made = served.issue(key, achievement=achievement, awarded_on=AWARDED_ON, **members)
    identity: str = made["id"]
    return identity


def completed(*numbers: int) -> list[dict[str, Any]]:
    """Modules that were completed, each with its day and a grade."""
    return [
        {"module": f"M{number}", "completed_on": f"2023-{number % 12 + 1:02}-15", "grade": "B"} for number in numbers
    ]


def unpack(served: Served, key: str, diploma: str, *numbers: int, **members: object) -> httpx.Response:
    """Ask for a diploma to be unpacked."""
    body = {"diploma": diploma, "programme": PROGRAMME, "completed": completed(*numbers), **members}
    return served.write("POST", "/v1/unpackings", body, key)


def _publish(served: Served, key: str, code: str, credits_centi: int) -> None:
    template = {**TEMPLATE, "title": f"Title of {code}", "credits_centi": credits_centi}
    answered = served.write("POST", "/v1/achievements", {"code": code, "template": template}, key)
    assert answered.status_code == httpx.codes.CREATED, answered.text
