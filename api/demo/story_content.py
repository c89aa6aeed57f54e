"""What the demonstration's last hours are about, read from files: micro-credentials, modules, rules of pathways."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from api.demo.catalogue import read_content
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.text_form import convert

OWN: Final = "hochschule-falkenmoor"
CERTIFICATES: Final = {
    "CERT-ENV": ("ENV-SENSE", "ENV-QUALITY", "ENV-STAT", "ENV-ML"),
    "CERT-GEO": ("GEO-SCENARIO", "GEO-IMPACT", "GEO-OPEN", "GEO-CLOUD"),
    "CERT-RES": ("RES-REWET", "RES-LEAD", "RES-LAW", "RES-ECOLOGY"),
}
"""What each certificate is stacked from."""


class Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A micro-credential that somebody offers."""

    code: str
    title: str
    description: str
    outcome: str
    skill: str | None = None
    institution: str = OWN
    language: str = "en"


class Recognised(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was earned elsewhere, on paper, and is recognised."""

    title: str
    awarded_by: str
    country: str
    credits_centi: int
    eqf_level: int
    outcome: str


class MasterFile(msgspec.Struct, frozen=True, kw_only=True):
    """The Master's, and what it stacks from; what is said of all offers stands once."""

    assessment: str
    participation: str
    supervision: str
    criteria: str
    eqf_level: int
    offers: tuple[Offer, ...]
    abroad: tuple[Offer, ...]
    recognised: Recognised
    certificates: tuple[Offer, ...]
    master: Offer


class Module(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A module of the diploma."""

    code: str
    semester: int
    credits_centi: int
    title: str
    outcome: str
    skill: str | None = None


class ProgrammeFile(msgspec.Struct, frozen=True, kw_only=True):
    """The diploma and its modules."""

    code: str
    title: str
    language: str
    description: str
    eqf_level: int
    assessment: str
    participation: str
    supervision: str
    criteria: str
    modules: tuple[Module, ...]


def master_file() -> MasterFile:
    """Read what the Master's stacks from. Raises CatalogueError."""
    return read_content("master.toml", MasterFile)


def programme_file() -> ProgrammeFile:
    """Read the diploma's modules. Raises CatalogueError."""
    return read_content("programme.toml", ProgrammeFile)


def pathways() -> dict[str, PathwayRules]:
    """Read the rules of every pathway by its code. Raises CatalogueError, InvalidInputError."""
    texts = read_content("pathways.json", dict[str, Any])
    return {code: convert(text, PathwayRules) for code, text in texts.items()}
