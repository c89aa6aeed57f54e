"""A small programme and diplomas of it, to unpack."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec

from ledger.prospectus import ModuleDraft, ProgrammeDraft
from ledger.separating import Completed, Separation
from tests.ledger.world import OPERATOR, SLUG, TEMPLATE, World, claim

DIPLOMA: Final = "BSC"
PARTIAL: Final = "BSC-PART"
PROGRAMME: Final = "BSC-DATA"
CREDITS: Final = 600


def draft(count: int = 3, **changes: object) -> ProgrammeDraft:
    """A programme of so many modules, all of them required."""
    members: dict[str, Any] = {
        "title": "Bachelor of Data Work",
        "language": "en",
        "achievement": DIPLOMA,
        "partial": PARTIAL,
        "credits_centi": count * CREDITS,
        "withdrawal": "suspend",
        "modules": tuple(
            ModuleDraft(code=f"M{number}", achievement=f"MOD-{number}", semester=1) for number in range(1, count + 1)
        ),
    }
    return ProgrammeDraft(**(members | changes))


def publish(world: World, modules: int = 3, **changes: object) -> None:
    """Publish the modules, the diploma, what is had without it, and the programme."""
    for code, credits_centi in (
        *((f"MOD-{number}", CREDITS) for number in range(1, modules + 1)),
        (DIPLOMA, modules * CREDITS),
        (PARTIAL, modules * CREDITS),
    ):
        template = msgspec.structs.replace(TEMPLATE, title=f"Title of {code}", credits_centi=credits_centi)
        world.catalogue.publish(slug=SLUG, code=code, template=template, actor=OPERATOR)
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=draft(modules, **changes), actor=OPERATOR)


def award(world: World, achievement: str = DIPLOMA, **changes: Any) -> str:  # noqa: ANN401  members of a claim
    """Award a diploma; returns its public id."""
    [identity] = world.issue(claim(achievement=achievement, **changes))
    return identity


def completed(*numbers: int, **changes: object) -> tuple[Completed, ...]:
    """Modules that were completed."""
    made = (
        Completed(module=f"M{number}", completed_on=date(2025, 1 + number % 12, 15), grade="B") for number in numbers
    )
    return tuple(msgspec.structs.replace(one, **changes) for one in made)


def unpack(world: World, diploma: str, *numbers: int, edition: int | None = None) -> list[str]:
    """Unpack a diploma; returns the parts' public ids."""
    asked = Separation(diploma=diploma, programme=PROGRAMME, completed=completed(*numbers), edition=edition)
    answer = world.separating.unpack(slug=SLUG, asked=asked, actor=OPERATOR).answer
    return [part["id"] for part in answer["parts"]]
