"""Text that people wrote: blank to the eye is blank, control characters are refused, every script is let through."""

from __future__ import annotations

import pytest

from ledger.error import InvalidInputError
from ledger.text import check_text, is_blank


@pytest.mark.parametrize(
    "text", ["", " ", "\u00a0\u2003", "\u200b\u200d", "\ufeff", "\u2060", "\u3164", "\u2800", "\u202e"]
)
def test_text_is_blank_when_nothing_is_to_be_seen(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "Ж", "名", "ﷺ", "न", "1", "-", "\u200bx", "🎓", "क्\u200dष"])
def test_text_is_not_blank_when_something_is_to_be_seen(text: str) -> None:
    assert not is_blank(text)
    check_text(text)


@pytest.mark.parametrize("text", ["two\nlines", "tab\tulator", "\r\n", "back\\u0000slash", 'quo"te', "\\b", "\u200d"])
def test_text_is_let_through_when_it_holds_no_control_character(text: str) -> None:
    check_text(text)


@pytest.mark.parametrize("code", [*range(9), 11, 12, *range(14, 32), *range(127, 160)])
def test_text_is_refused_when_it_holds_a_control_character(code: int) -> None:
    with pytest.raises(InvalidInputError, match="control character") as caught:
        check_text(f"a{chr(code)}b", "/note")
    assert caught.value.pointer == "/note"
