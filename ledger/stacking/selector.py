"""Which awards a rule means."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.error import InvalidInputError
from ledger.stacking.component import AchievementRef, Component
from ledger.stacking.text_form import Text

MIN_EQF, MAX_EQF = 1, 8


class Selector(Text, frozen=True, kw_only=True):
    """The awards that fit every member that is given; of a list, any item will do. An empty selector means all.

    Args:
        achievements: Awards of these, or that stand for one of them by recognition.
        institutions: Slugs of who awarded it; what counts by recognition fits none of them.
        fields: ISCED-F codes (a shorter code means all below it) or tags.
        min_eqf: Lowest EQF level, 1 to 8; an award without a level does not fit.
        max_eqf: Highest EQF level.
        recognised: Only what counts by recognition, or only what does not.
        category: Also fits the pathway's category of this name.
    """

    achievements: tuple[AchievementRef, ...] = ()
    institutions: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    min_eqf: int | None = None
    max_eqf: int | None = None
    recognised: bool | None = None
    category: str | None = None

    def check(self, categories: Mapping[str, Selector], pointer: str) -> None:
        """Refuse a selector that is not well formed.

        Raises:
            InvalidInputError: The message and pointer name the member.
        """
        if self.category is not None and self.category not in categories:
            message = "the pathway declares no category of this name; declare it under /categories"
            raise InvalidInputError(message, f"{pointer}/category")
        for name in ("min_eqf", "max_eqf"):
            level = getattr(self, name)
            if level is not None and not MIN_EQF <= level <= MAX_EQF:
                message = f"an EQF level lies between {MIN_EQF} and {MAX_EQF}"
                raise InvalidInputError(message, f"{pointer}/{name}")
        if self.min_eqf is not None and self.max_eqf is not None and self.min_eqf > self.max_eqf:
            message = "the lowest level lies above the highest"
            raise InvalidInputError(message, f"{pointer}/min_eqf")
        if any(not field for field in self.fields):
            message = "a field is an ISCED-F code or a tag, not empty"
            raise InvalidInputError(message, f"{pointer}/fields")

    def fits(self, component: Component, categories: Mapping[str, Selector]) -> bool:
        """Tell whether *component* is meant."""
        return (
            self._fits_who(component)
            and self._fits_level(component)
            and (not self.fields or any(_in_field(own, field) for own in component.fields for field in self.fields))
            and (self.category is None or categories[self.category].fits(component, categories))
        )

    def _fits_who(self, component: Component) -> bool:
        if self.achievements and component.counts_as.isdisjoint(self.achievements):
            return False
        if self.recognised is not None and self.recognised != (component.recognised_by is not None):
            return False
        resident = component.recognised_by is None and component.institution in self.institutions
        return not self.institutions or resident

    def _fits_level(self, component: Component) -> bool:
        level = component.eqf_level
        if self.min_eqf is not None and (level is None or level < self.min_eqf):
            return False
        return self.max_eqf is None or (level is not None and level <= self.max_eqf)


def _in_field(own: str, field: str) -> bool:
    # ISCED-F: 06 is the broad field of 061, which is the narrow one of 0613.
    return own == field or (field.isdigit() and own.isdigit() and own.startswith(field))
