"""What the demonstration ends with: awards worth looking at, what verification says of each, and how to see it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from api.demo.showcase import Verdict

SUMMARY_FILE: Final = "demonstration.json"
REFUSALS_FILE: Final = "refused-stacks.json"
INDENT: Final = " " * 2
WORD_COLUMNS: Final = len("INVALID  ")
LEAST_COLUMNS: Final = 40


class ShownAward(msgspec.Struct, frozen=True, kw_only=True):
    """One award of the closing list.

    Attributes:
        credential: Its public id.
        state: Short name of what it shows, unique in a demonstration.
        verdict: What verification says of it at the end of the five years.
        sentence: What there is to see.
        document: Name of its example file, where the ledger itself has nothing to show.
    """

    credential: str
    state: str
    verdict: Verdict
    sentence: str
    document: str | None = None


def write_summary(data: Path, awards: Sequence[ShownAward]) -> None:
    """Keep the closing list in *data*; its being there says that the demonstration is complete."""
    unfinished = data / f"{SUMMARY_FILE}.new"
    unfinished.write_bytes(msgspec.json.encode(list(awards)))
    unfinished.replace(data / SUMMARY_FILE)


def read_summary(data: Path) -> list[ShownAward] | None:
    """The closing list of a complete demonstration, or None.

    Raises:
        msgspec.DecodeError: The file was altered.
    """
    try:
        return msgspec.json.decode((data / SUMMARY_FILE).read_bytes(), type=list[ShownAward])
    except FileNotFoundError:
        return None


def example_directory(data: Path) -> Path:
    """Where example documents are put: beside the data, since they show made-up names in the clear."""
    return data.with_name(f"{data.name}.examples")


def write_refusals(data: Path, refusals: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Write why a stack was refused, for each rule in turn, beside the data."""
    directory = example_directory(data)
    directory.mkdir(parents=True, exist_ok=True)
    told = [{"rule": rule, **explanation} for rule, explanation in refusals]
    (directory / REFUSALS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")


def show_command(award: ShownAward, data: Path, base_url: str) -> str:
    """The command that shows *award*, short enough for one line of 80 characters or broken where a shell allows it."""
    address = base_url.removeprefix("http://")  # curl's own default
    if award.document is None:
        return f"curl {address}/v1/credentials/{award.credential}/status"
    file = example_directory(data) / award.document
    return f"curl {address}/v1/verify -H content-type:application/json \\\n{INDENT}  -d @{file}"


def closing_text(awards: Sequence[ShownAward], data: Path, base_url: str, *, columns: int) -> str:
    """The closing list as plain text: for each award the verdict and its id, what it is, and the command.

    Args:
        awards: What is shown.
        data: The data directory, which the example files lie beside.
        base_url: Where the ledger is served.
        columns: Width that sentences are broken at; commands are not.
    """
    heading = (
        f"{len(awards)} awards to look at. Each that was recorded has a page, {base_url}/verify/ID, and each a command "
        "that gives the same as JSON (a pipe to `python3 -m json.tool` sets it out in lines)."
    )
    parts = [textwrap.fill(heading, max(columns, LEAST_COLUMNS))]
    refusals = example_directory(data) / REFUSALS_FILE
    if refusals.exists():
        told = (
            f"{refusals.parent.name}/{refusals.name} says why a stack was refused, for each rule of a pathway in turn."
        )
        parts.append(textwrap.fill(told, max(columns, LEAST_COLUMNS), break_long_words=False, break_on_hyphens=False))
    return "\n\n".join([*parts, *(_award_text(award, data, base_url, columns) for award in awards)])


def _award_text(award: ShownAward, data: Path, base_url: str, columns: int) -> str:
    hanging = INDENT + " " * WORD_COLUMNS
    sentence = textwrap.fill(
        award.sentence, max(columns, LEAST_COLUMNS), initial_indent=hanging, subsequent_indent=hanging
    )
    head = f"{INDENT}{award.verdict.upper():<{WORD_COLUMNS}}{award.credential}"
    return "\n".join([head, sentence, f"{INDENT}{show_command(award, data, base_url)}"])
