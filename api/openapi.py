"""OpenAPI of request bodies: schemas derived from the very structs that the routes convert bodies to."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.schema import REQUEST_SHAPES

REF = "#/components/schemas/{name}"
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

PUBLIC_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A signed document, a bundle (cairn/bundle/v1) or an evidence file (cairn/evidence/v1).",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"format": "cairn/bundle/v1", "document": {}, "salt": "", "evidence": None},
            }
        },
    }
}
"""The body of the one public route that takes one."""


def body_of(
    shape: str,
    alternative: str | None,
    example: object,
    *,
    required: bool = True,
    is_repeatable: bool = True,
) -> dict[str, Any]:
    """Describe a JSON request body for a route that reads it itself.

    Args:
        shape: Name of the struct.
        alternative: Name of another struct that the body may be instead.
        example: A body that works.
        required: Whether there must be one.
        is_repeatable: Whether a repetition has the first one's effect and answer, and so needs an idempotency key.
    """
    reference: dict[str, Any] = {"$ref": REF.format(name=shape)}
    if alternative is not None:
        reference = {"oneOf": [{"$ref": REF.format(name=alternative)}, reference]}
    described: dict[str, Any] = {
        "security": [{"bearer": []}],
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": reference, "example": example}},
        },
    }
    if is_repeatable:
        described["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "example": "4f0c3d52-7a0e-4b0e-9a37-0a3a6f7c9a11",
            }
        ]
    return described


def install_openapi(app: FastAPI) -> None:
    """Make *app* describe the shapes of request bodies, problems and the bearer scheme."""
    _, components = msgspec.json.schema_components(REQUEST_SHAPES, ref_template=REF)

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            parts = schema.setdefault("components", {})
            parts.setdefault("schemas", {}).update({**components, "Problem": PROBLEM_SCHEMA})
            parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
            _describe_problems(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema


def _describe_problems(schema: dict[str, Any]) -> None:
    """Say of every operation that what goes wrong is answered with problem details."""
    problem = {
        "description": "What went wrong, as RFC 9457 problem details.",
        "content": {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}},
    }
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
