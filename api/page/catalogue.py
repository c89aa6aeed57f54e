"""Further languages: each is one gettext catalogue beside this module, `de.po` for German.

    msgctxt "verify.issuer"
    msgid "Issued by"
    msgstr "Ausgestellt von"

The context is section and name in `en.toml`; the verifier's own are `sentence.CODE` and `reason.CODE`.

English and Russian stand in `en.toml` and `ru.toml`, and are complete. What a catalogue leaves out, or marks as fuzzy,
is shown in English. `python -m api.page.catalogue de` writes a catalogue for a language, or brings the one that is
there up to date and keeps what it has; any editor of gettext catalogues fills it in. Servers read them at their start.

Source: GNU gettext manual, «The Format of PO Files»; Babel's `babel.messages.pofile`.
"""

from __future__ import annotations

import io
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po, write_po

from verifier.wording import REASONS, SENTENCES

PLACE: Final = Path(__file__).parent
SUFFIX: Final = ".po"
SENTENCE: Final = "sentence"
REASON: Final = "reason"
_CODE: Final = re.compile(r"[a-z]{2,3}")


class CatalogueError(ValueError):
    """A catalogue cannot be used; the message says which, where, and why."""


def codes(place: Path = PLACE) -> tuple[str, ...]:
    """The languages that have a catalogue, by their codes, in order.

    Raises:
        CatalogueError: A file has the name of no language that Babel knows.
    """
    found = sorted(file.name.removesuffix(SUFFIX) for file in place.glob(f"*{SUFFIX}"))
    for code in found:
        _require_language(code)
    return tuple(found)


def read_toml(code: str) -> dict[str, dict[str, str]]:
    """Read the texts of English or Russian, by section and name."""
    return tomllib.loads((PLACE / f"{code}.toml").read_text("utf-8"))


@cache
def english() -> Mapping[str, str]:
    """Every text that a language needs, in English, by its context."""
    texts = {f"{section}.{name}": text for section, named in read_toml("en").items() for name, text in named.items()}
    texts |= {f"{SENTENCE}.{code}": text.en for code, text in SENTENCES.items()}
    return texts | {f"{REASON}.{code}": text.en for code, text in REASONS.items()}


def read(code: str, place: Path = PLACE) -> dict[str, str]:
    """Read a catalogue: translated texts by context; what is not translated is not among them.

    Raises:
        CatalogueError: It cannot be read, or a text has other fields than the English one.
    """
    file = place / f"{code}{SUFFIX}"
    try:
        catalogue = read_po(io.BytesIO(file.read_bytes()), locale=code, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError, ValueError) as error:
        raise CatalogueError(f"{file.name} is no gettext catalogue in UTF-8: {error}") from error
    known = english()
    found = {}
    for message in catalogue:
        context, translated = message.context or "", str(message.string or "")
        if translated and not message.fuzzy and context in known:
            _require_fields(file.name, context, known[context], translated)
            found[context] = translated
    return found


def write(code: str, place: Path = PLACE) -> bytes:
    """Write a catalogue for a language, with what there is of it already.

    Raises:
        CatalogueError: There is no such language, or what there is cannot be read.
    """
    _require_language(code)
    file = place / f"{code}{SUFFIX}"
    before = read(code, place) if file.exists() else {}
    catalogue = Catalog(locale=code, project="Cairn", version="1", charset="utf-8", fuzzy=False)
    for context, text in english().items():
        flags = ["python-brace-format"] if _fields(text) else []
        catalogue.add(text, before.get(context, ""), context=context, flags=flags)
    written = io.BytesIO()
    write_po(written, catalogue, width=120, omit_header=False)
    return written.getvalue()


def _require_language(code: str) -> None:
    message = f"«{code}» is no language that a catalogue can be for; its name is a code such as «de»"
    if _CODE.fullmatch(code) is None or code in {"en", "ru"}:
        raise CatalogueError(message)
    try:
        Locale.parse(code)
    except UnknownLocaleError as error:
        raise CatalogueError(message) from error


def _require_fields(file: str, context: str, text: str, translated: str) -> None:
    message = f"{file}: {context}: the translation has to have these fields, once each: {_fields(text)}"
    try:
        fields = _fields(translated)
    except ValueError as error:
        raise CatalogueError(message) from error
    if fields != _fields(text):
        raise CatalogueError(message)


def _fields(text: str) -> list[tuple[str, str | None, str | None]]:
    """Names of the fields of a text, with how each is to be written: nothing but a name, in ours."""
    parsed = Formatter().parse(text)
    return sorted((name, form, conversion) for _, name, form, conversion in parsed if name is not None)


def main() -> None:
    """Write the catalogue of the language that is named."""
    for code in sys.argv[1:]:
        (PLACE / f"{code}{SUFFIX}").write_bytes(write(code))


if __name__ == "__main__":
    main()
