"""Names the route of a request without its ids: what logs and metrics may show of an address."""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

UNMATCHED: Final = "unmatched"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD: Final = "OTHER"
_KEY: Final = "cairn.route_template"


def set_route_template(scope: Scope, template: str) -> None:
    """Name the route of a request that the framework's router never sees."""
    scope[_KEY] = template


def route_template(scope: Scope) -> str:
    """Return the template of the route that served a request, such as ``/verify/{id}``.

    Returns:
        The template, or "unmatched". Never the path itself, so the number of names is bounded and
        none of them holds an id.
    """
    named = scope.get(_KEY) or getattr(scope.get("route"), "path_format", None)
    return named if isinstance(named, str) else UNMATCHED


def method_name(scope: Scope) -> str:
    """Return the method of a request, or "OTHER": clients can invent any number of methods."""
    method = scope["method"]
    return method if method in METHODS else OTHER_METHOD
