"""How an answer of the API is described: by an example, from which its JSON schema is derived.

So the two cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
TEXT: Final = "text/plain"
OCTETS: Final = "application/octet-stream"

NULLABLE: Final = frozenset(
    {
        *("reason", "since", "known_at", "valid_until", "retired_at", "revoked_at", "compromised_at", "withdrawn_at"),
        *("skill_uri", "skill_name", "credits_centi", "workload_minutes", "eqf_level", "qf_ehea", "supervision"),
        *("prerequisites", "stackable", "next", "anchored_size", "log_index", "key_standing", "evidence", "as_of"),
        *("detail", "credential", "bundle", "mirror", "signed_with", "achievement", "edition"),
        *("limits", "agreement", "effective_at", "appeal_until", "withdrawal", "result", "decided_at", "accepted_at"),
        *("ended_at", "cap_centi", "towards", "explanation"),
        *("review_due", "completed", "responses", "mean_rating_centi", "before", "after"),
        *("partial", "review_days", "module"),
        *("outcome", "answer", "note"),
    }
)
"""Members that may be null where a value stands in the example."""
OPEN: Final = frozenset(
    {"facts", "commitments", "document", "@context", "template", "details", "rules", "derivation", "done", "awards"}
)
"""Members whose own members or items differ from answer to answer."""
OPTIONAL: Final = frozenset(
    {
        "limits",
        "version",
        "stack",
        "replaced_by",
        "reissues",
        "added",
        "successor",
        "erased",
        "facts",
        "detail",
        "proof",
    }
)
"""Members that may be absent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers.

    Args:
        example: An answer; for JSON the schema follows from it.
        media_type: Its media type.
        others: Media types that it may have instead.
    """

    example: Any
    media_type: str = JSON
    others: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The `content` of an OpenAPI response."""
        is_text = isinstance(self.example, str) and (not self.media_type.endswith("json") or self.media_type == NDJSON)
        schema = {"type": "string"} if is_text else schema_of(self.example)
        others = {name: {"schema": {"type": "string"}, "example": "…"} for name in self.others}
        return {self.media_type: {"schema": schema, "example": self.example}, **others}


def schema_of(example: object) -> dict[str, Any]:
    """Return the JSON schema of the values that look like *example*: same members, same types."""
    if isinstance(example, dict):
        members = {name: _member(name, value) for name, value in example.items()}
        required = [name for name in example if name not in OPTIONAL]
        return {"type": "object", "properties": members, "required": required}
    if isinstance(example, list):
        return {"type": "array", "items": schema_of(example[0]) if example else {}}
    if example is None:
        return {}
    # bool first: it is an int in Python.
    names = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))
    return {"type": next(name for kind, name in names if isinstance(example, kind))}


def _member(name: str, value: object) -> dict[str, Any]:
    schema = schema_of(value)
    if name in OPEN:
        return {"type": schema["type"]}
    if name in NULLABLE and "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return schema
