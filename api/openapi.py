"""OpenAPI: bodies from the very structs that routes convert them to, answers from examples that tests check."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from api.answer import ANSWERS
from api.answer_example import (
    AGREEMENT_ID,
    BASE,
    DID_KEY,
    ID,
    LEARNER_LINK,
    LEARNER_REQUEST,
    RECOGNITION_ID,
)
from api.schema import REQUEST_SHAPES
from ledger.achievement import CODE

_INSTANT = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2}))?$"
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
PARAMETERS = {
    "id": ("^[0-9a-v]{36}$", ID),
    "at": (_INSTANT, "2026-01-31T12:00:00Z"),
    "known_at": (_INSTANT, "2026-01-31"),
    "slug": ("^[a-z0-9-]{1,63}$", "riverside"),
    "on": (r"^\d{4}-\d{2}-\d{2}$", "2026-09-01"),
    "recognition": (_UUID, RECOGNITION_ID),
    "agreement": (_UUID, AGREEMENT_ID),
    "request": (_UUID, LEARNER_REQUEST["request"]),
    "link": ("^[0-9a-v]{16}$", LEARNER_LINK["prefix"]),
    "code": (f"^{CODE.pattern}$", "DATA-101"),
    "prefix": ("^(all|[01]{1,128})$", "all"),
    "did": (f"^{DID_KEY[:12]}[1-9A-HJ-NP-Za-km-z]{{44}}$", DID_KEY),
    "Idempotency-Key": (r"^[\x21-\x7e]{1,255}$", "4f0c3d52-7a0e-4b0e-9a37-0a3a6f7c9a11"),
}
"""Form and example of parameters that several routes have, by name."""
DESCRIPTION_PATH = "/openapi.json"
DESCRIPTION_CACHE = {"Cache-Control": "public, max-age=300"}
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
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "Into the body: RFC 6901, as a URI fragment."},
                    "parameter": {"type": "string", "description": "Of the path, the query or the header fields."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
PROBLEM_EXAMPLE: dict[str, Any] = {
    "type": f"{BASE}/problems/future-instant",
    "title": "Instant lies in the future",
    "status": 422,
    "detail": "at lies in the future; ask about now or the past",
    "instance": "urn:cairn:request:6b8f0e3f0c7d4f6d9d6f2b1f6a1f5c1e",
    "errors": [{"parameter": "at", "detail": "at lies in the future; ask about now or the past"}],
}

VERIFY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A credential with its proof, a presentation, a bundle (cairn/bundle/v1 or v2) or an evidence "
        "file (cairn/evidence/v1); a VC-JWT or SD-JWT (also as application/vc+jwt, "
        "application/dc+sd-jwt and their kin); or an image with a badge in it.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"@context": ["https://www.w3.org/ns/credentials/v2"], "type": ["VerifiableCredential"]},
            },
            # Tokens are read under their own types as well (docs/api.md); this one every client can send.
            "text/plain": {"schema": {"type": "string"}, "example": "eyJhbGciOiJFZERTQSJ9.e30.AAAA"},
            "image/png": {"schema": {"type": "string", "format": "binary"}, "example": "the bytes of the PNG"},
            "image/svg+xml": {
                "schema": {"type": "string"},
                "example": '<svg xmlns="http://www.w3.org/2000/svg"><credential'
                ' xmlns="https://purl.imsglobal.org/ob/v3p0" verify="eyJhbGciOiJFZERTQSJ9.e30.AAAA"/></svg>',
            },
        },
    }
}
BATCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A line for each thing to be judged: what `/v1/verify` takes as JSON; a string with a token, or "
        'with the id of an award; or one of these as the `item` of an envelope, `{"item": …, "id": …, "at": …}`.',
        "content": {
            "application/x-ndjson": {"schema": {"type": "string"}},
            # The same lines under a type that every client can send.
            "text/plain": {
                "schema": {"type": "string"},
                "example": f'"{ID}"\n{{"item": "{ID}", "id": "row 2", "at": "2026-01-31"}}\n',
            },
        },
    }
}
"""The bodies of the public routes that take what somebody was shown."""


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


def public_body_of(shape: str, example: object) -> dict[str, Any]:
    """Describe the JSON body of a question that anyone may ask; arguments as for :func:`body_of`."""
    described = body_of(shape, None, example, is_repeatable=False)
    del described["security"]
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
            _describe_answers(schema)
            _describe_problems(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema

    def description() -> Response:
        return Response(msgspec.json.encode(app.openapi()), headers=DESCRIPTION_CACHE, media_type="application/json")

    # Not the framework's own route: that one has no name in logs and metrics.
    app.add_api_route(DESCRIPTION_PATH, description, methods=["GET"], include_in_schema=False)


def _describe_answers(schema: dict[str, Any]) -> None:
    """Say of every operation what it answers when all is well."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            answer = ANSWERS.get(f"{method} {path}")
            status = next(code for code in operation["responses"] if code.startswith("2"))
            if answer is not None:
                operation["responses"][status] = {"description": "As asked.", "content": answer.described()}
            operation["parameters"] = [_bounded(parameter) for parameter in operation.get("parameters", [])]


def _bounded(parameter: dict[str, Any]) -> dict[str, Any]:
    """Add what is known of a parameter by its name: its form, and a value that fits."""
    known = PARAMETERS.get(parameter["name"])
    if known is None:
        return parameter
    pattern, example = known
    schema = {key: value for key, value in parameter["schema"].items() if key != "anyOf"}
    bounded = {**schema, "type": "string", "pattern": pattern}
    return {**parameter, "schema": bounded, "example": parameter.get("example", example)}


def _describe_problems(schema: dict[str, Any]) -> None:
    """Say of every operation that what goes wrong is answered with problem details."""
    problem = {
        "description": "What went wrong, as RFC 9457 problem details.",
        "content": {
            "application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}, "example": PROBLEM_EXAMPLE}
        },
    }
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
