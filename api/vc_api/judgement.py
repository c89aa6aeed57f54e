"""What was found out about a document, as the VC-API answers it."""

from __future__ import annotations

from typing import Any

import msgspec

from verifier.data_model import DataProblem


class Judgement(msgspec.Struct, frozen=True):
    """What was found out about a document.

    Attributes:
        problems: Everything that speaks against it; none: it is verified.
        warnings: What could not be looked at and was not asked for.
    """

    problems: tuple[DataProblem, ...] = ()
    warnings: tuple[DataProblem, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether nothing speaks against the document."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Return it as the VC-API answers."""
        shown: dict[str, Any] = {"verified": self.verified}
        if self.problems:
            shown["problemDetails"] = [problem.to_json() for problem in self.problems]
        if self.warnings:
            shown["warnings"] = [problem.to_json() for problem in self.warnings]
        return shown
