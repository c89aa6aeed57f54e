"""One route past the framework: for a request that comes so often that finding its way costs more than answering it.

The framework looks for a route through every router twice and wraps each request in six layers that this route has no
use for. Here one method of one path is answered at once, and everything else is handed on. Errors end in the same
problems as anywhere: the known ones here, all others in the layer that :mod:`api.problem_handler` has for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.error import ApiError
from api.problem import ProblemWriter, problem_of
from api.query import refuse_repeated
from api.route_template import set_route_template
from ledger.error import LedgerError
from projections.error import ViewNotReadyError


class DirectRoute:
    """Answers ``POST`` at one path.

    Args:
        path: The path, which has no parameters.
        answer: Reads the request and answers it.
        writer: Writes problems.
    """

    def __init__(self, path: str, answer: Callable[[Request], Awaitable[Response]], writer: ProblemWriter) -> None:
        self._path = path
        self._answer = answer
        self._writer = writer

    def takes(self, scope: Scope) -> bool:
        """Whether a request is this route's."""
        return (scope["type"], scope.get("path"), scope.get("method")) == ("http", self._path, "POST")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        set_route_template(scope, self._path)
        request = Request(scope, receive)
        try:
            await refuse_repeated(request)
            response = await self._answer(request)
        except (ApiError, LedgerError, ViewNotReadyError) as error:
            problem = problem_of(error)
            if problem.kind.is_internal:
                raise
            response = self._writer.response(problem, scope)
        await response(scope, receive, send)


class DirectMiddleware:
    """Hands requests of a direct route to it, and all others to the app.

    Args:
        app: What is wrapped.
        route: The direct route.
        answer: What answers for it: the route itself, with the layers that it does need around it.
    """

    def __init__(self, app: ASGIApp, route: DirectRoute, answer: ASGIApp) -> None:
        self._app = app
        self._route = route
        self._direct = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await (self._direct if self._route.takes(scope) else self._app)(scope, receive, send)
