"""Text that people wrote: what counts as none, and what no text may hold.

Source: The Unicode Standard 15.0, chapter 23 (characters that have no visible form).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from ledger.error import InvalidInputError

# Controls C0 and C1 but tab, line feed and carriage return, which paragraphs need.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CONTROL_IN_JSON: Final = re.compile(rb"\\[ubf]|\x7f|\xc2[\x80-\x9f]")
# Fillers and the blank pattern of Braille: letters and symbols by their category, and nothing to the eye.
_FILLERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_blank(text: str) -> bool:
    """Whether there is nothing to be seen: spaces, zero-width and other formatting characters alone."""
    for char in text:  # noqa: SIM110  as a rule the first can be seen, and a generator takes longer than that
        if char.isprintable() and not char.isspace() and char not in _FILLERS:
            return False
    return True


def certainly_clean(values: Sequence[msgspec.Struct]) -> bool:
    """Whether :func:`check_text` takes each of *values*: found out for all at once, which costs next to nothing.

    Returns:
        False when it may refuse one, or when that would have to be looked at more closely.
    """
    try:
        encoded = msgspec.json.encode(values)
    except UnicodeEncodeError:
        return False
    # Escapes, the delete character, and what every control of C1 begins with.
    return b"\\" not in encoded and b"\x7f" not in encoded and b"\xc2" not in encoded


def check_text(value: msgspec.Struct | str, pointer: str = "") -> None:
    """Refuse text that has no UTF-8 form or holds control characters, anywhere in *value*.

    Args:
        value: The text, or what holds it.
        pointer: Where *value* stands in the command.

    Raises:
        InvalidInputError: Half of a surrogate pair stands alone, or there is a control character; the pointer says
            where.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        message = "the text holds half of a surrogate pair, which stands for no character; send it as UTF-8"
        raise InvalidInputError(message, pointer) from error
    if encoded.isascii() and b"\\" not in encoded and b"\x7f" not in encoded:
        return
    if _CONTROL_IN_JSON.search(encoded) is None:
        return
    for place, text in _texts(msgspec.json.decode(encoded), pointer):
        if _CONTROL.search(text) is not None:
            message = "the text holds a control character; leave it out"
            raise InvalidInputError(message, place)


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  any JSON value
    """Every string in *value* with its pointer. Members' names are our own."""
    match value:
        case str():
            yield pointer, value
        case dict():
            for name, inner in value.items():
                yield from _texts(inner, f"{pointer}/{name}")
        case list():
            for number, inner in enumerate(value):
                yield from _texts(inner, f"{pointer}/{number}")
