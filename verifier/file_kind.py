"""Which of the three files that can be judged a JSON value is: by its member `format`, or a bare document."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from verifier.error import FormatError, NewFormatError
from verifier.strict_json import Json

FileKind: TypeAlias = Literal["bundle", "evidence", "document"]

OWN_PREFIX: Final = "cairn/"
MAX_SHOWN_CHARS: Final = 40
_KINDS: Final[dict[str, FileKind]] = {
    "cairn/bundle/v1": "bundle",
    "cairn/bundle/v2": "bundle",
    "cairn/evidence/v1": "evidence",
}


def file_kind(value: Json) -> FileKind:
    """Tell a holder's bundle, an evidence file and a signed document apart.

    Args:
        value: What strict JSON reading returned.

    Raises:
        NewFormatError: It names a format of this project that this version does not know.
        FormatError: Not a JSON object.

    Not checked: whether it has the form that it names.
    """
    if not isinstance(value, dict):
        raise FormatError("neither a signed document, nor a holder's bundle, nor an evidence file: not a JSON object")
    named = value.get("format")
    if not isinstance(named, str) or not named.startswith(OWN_PREFIX):
        return "document"
    if named not in _KINDS:
        known = " and ".join(_KINDS)
        reason = f"the format {named[:MAX_SHOWN_CHARS]!a} is not known here, only {known}; use a newer version"
        raise NewFormatError(reason, "/format")
    return _KINDS[named]
