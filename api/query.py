"""The query string as a whole: what two readers could take for two questions is refused."""

from __future__ import annotations

from collections import Counter
from typing import Final

from starlette.requests import Request

from api.error import FieldError, InvalidRequestError

MAX_NAME_CHARS: Final = 64
"""Of a parameter's name, how much is repeated in a refusal; longer than any that a route has."""


async def refuse_repeated(request: Request) -> None:
    """Refuse a parameter that is there twice: one reader would take the first, another the last.

    It waits for nothing, and is a coroutine so that no thread is asked for it.

    Raises:
        InvalidRequestError: Names the parameters.
    """
    if not request.scope["query_string"]:
        return
    counted = Counter(name for name, _ in request.query_params.multi_items())
    repeated = [name[:MAX_NAME_CHARS] for name, count in counted.items() if count > 1]
    if repeated:
        message = "a query parameter is there more than once; send each at most once"
        raise InvalidRequestError(message, errors=tuple(FieldError(message, parameter=name) for name in repeated))
