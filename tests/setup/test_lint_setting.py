"""The lint settings: whatever is let off has its reason beside it."""

import io
import re
import tokenize
import tomllib

from tests.setup.repository import committed_files, text

_CODE_LINE = re.compile(r'^ +"(?P<code>[A-Z]+[0-9]*)",(?P<rest>.*)$', re.MULTILINE)
_LET_OFF = re.compile(r"#\s*(?:ruff:\s*)?(?:noqa|type:\s*ignore|pragma:\s*no cover)(?P<rest>.*)")
_CODES = re.compile(r"^(?::\s*[A-Z]+[0-9]+(?:,?\s*[A-Z]+[0-9]+)*|\[[a-z, -]+\])?")
_REASON = re.compile(r"\w+\W+\w+")


def _has_reason(words: str) -> bool:
    return _REASON.search(words) is not None


def test_ruff_setting_gives_a_reason_when_a_rule_is_ignored() -> None:
    lint = tomllib.loads(text("pyproject.toml"))["tool"]["ruff"]["lint"]
    ignored = [
        *lint["ignore"],
        *(code for codes in lint["per-file-ignores"].values() for code in codes),
    ]
    lines = [match for match in _CODE_LINE.finditer(text("pyproject.toml")) if match["code"] != "ALL"]
    assert sorted(match["code"] for match in lines) == sorted(ignored)
    without = [match["code"] for match in lines if not _has_reason(match["rest"].partition("#")[2])]
    assert not without


def test_ruff_selects_everything_when_it_checks() -> None:
    assert tomllib.loads(text("pyproject.toml"))["tool"]["ruff"]["lint"]["select"] == ["ALL"]


def test_mypy_is_strict_when_it_checks() -> None:
    assert tomllib.loads(text("pyproject.toml"))["tool"]["mypy"]["strict"] is True


def _reasonless_comments(path: str) -> list[str]:
    """Return `path:line` of each `noqa` and the like with no words beside it or just above it."""
    source = text(path)
    lines = source.splitlines()
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        match = _LET_OFF.search(token.string) if token.type == tokenize.COMMENT else None
        if match is None:
            continue
        number = token.start[0]
        above = lines[number - 2].strip() if number > 1 else ""
        beside = token.string[: match.start()] + _CODES.sub("", match["rest"])
        if not _has_reason(beside) and not (above.startswith("#") and _has_reason(above)):
            found.append(f"{path}:{number}")
    return found


def test_source_gives_a_reason_when_it_lets_a_line_off() -> None:
    sources = [path for path in committed_files() if path.endswith(".py")]
    assert [place for path in sources for place in _reasonless_comments(path)] == []
