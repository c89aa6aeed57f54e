"""Policies that institutions have published, as pathway files: what each says, and how we read its rounding.

Each file beside this module names its source. The institutions have not seen our reading of them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from ledger.error import NotFoundError
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.text_form import Text, parse

NAMES: Final = (
    "findlay-microcredential",
    "hku-space-certificate",
    "hku-space-diploma",
    "northeastern-certificate",
    "nzqa-micro-credential",
    "usi-graduate-microcredential",
)


class Published(Text, frozen=True, kw_only=True):
    """A published policy.

    Args:
        title: Of the award.
        institution: Whose policy it is.
        source: Where it was read.
        says: What it says, in our words.
        reading: What it leaves open, and how that is read here.
        rules: The rule text.
    """

    title: str
    institution: str
    source: str
    says: tuple[str, ...]
    reading: tuple[str, ...]
    rules: PathwayRules


def published(name: str) -> Published:
    """The policy of this *name*, its rules checked.

    Raises:
        NotFoundError: There is none; ``NAMES`` lists them.
    """
    if name not in NAMES:
        message = f"there is no published policy {name}; there are {', '.join(NAMES)}"
        raise NotFoundError(message)
    policy = parse(files(__name__).joinpath(f"{name}.json").read_bytes(), Published)
    policy.rules.check()
    return policy
