"""A request to the VC-API that cannot be carried out, with every problem of it."""

from __future__ import annotations

from api.error import InvalidRequestError
from verifier.data_model import DataProblem


class RefusedDocumentError(InvalidRequestError):
    """A document, or what was to be done with it, is not as the specifications demand.

    Args:
        problems: What is wrong, at least one thing.
    """

    def __init__(self, *problems: DataProblem) -> None:
        shown = [problem.to_json() for problem in problems]
        super().__init__(problems[0].detail, extensions={"problemDetails": shown})
        self.problems = problems
