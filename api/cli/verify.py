"""``cairn verify FILE``: judge a bundle, an evidence file or a document with no network at all."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NoReturn

import msgspec
import typer

from api.cli.option import AsJson, PolicyFile
from api.cli.terminal import Exit, Terminal
from api.cli.trust import load_policy
from verifier.bundle import parse_bundle
from verifier.error import FormatError, FutureInstantError, InputError, PolicyError
from verifier.evidence import parse_evidence
from verifier.policy import Policy
from verifier.report import Report, State, Verdict
from verifier.strict_json import parse_json
from verifier.verify import verify_bundle, verify_document, verify_evidence

CODES: Final = {Verdict.VALID: Exit.VALID, Verdict.INVALID: Exit.INVALID, Verdict.UNKNOWN: Exit.UNKNOWN}
MARKS: Final = {State.PASSED: "✓", State.FAILED: "✗", State.UNKNOWN: "?", State.SKIPPED: "-"}
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_DOCUMENT_BYTES: Final = 262_144
STANDARD_INPUT: Final = "-"


def verify(
    file: Annotated[str, typer.Argument(help="Bundle, evidence file or signed document; - for standard input.")],
    policy: PolicyFile = None,
    at: Annotated[str | None, typer.Option(help="Judge as of this instant (RFC 3339, or a day).")] = None,
    max_age: Annotated[
        int | None, typer.Option(min=0, help="Seconds; evidence older than this says nothing of now.")
    ] = None,
    lang: Annotated[str, typer.Option(help="en or ru.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Verify a file offline. Only keys from --policy or `cairn trust add` count; the file's own prove nothing.

    Without --at or --max-age the file is judged as of its own instant: the newest cosignature on it.
    """
    terminal = Terminal(as_json=as_json)
    try:
        report = judge(_read(file), load_policy(policy), at=_instant(at), max_age=max_age, now=datetime.now(UTC))
    except FutureInstantError as error:
        terminal.fail(str(error), Exit.USAGE)
    except PolicyError as error:
        terminal.fail(f"the trust policy cannot be read: {error}", Exit.USAGE)
    except InputError as error:
        _malformed(terminal, error)
    except (OSError, ValueError) as error:
        terminal.fail(str(error), Exit.USAGE)
    terminal.result(report.to_json(), page(report, lang))
    raise typer.Exit(CODES[report.verdict])


def judge(raw: bytes, policy: Policy, *, at: datetime | None, max_age: int | None, now: datetime) -> Report:
    """Judge the bytes of a file, whatever of the three it is.

    Raises:
        InputError: It is none of them, or malformed.
        FutureInstantError: *at* has not come yet.
    """
    age = None if max_age is None else timedelta(seconds=max_age)
    kind = _format(raw)
    if kind == "cairn/evidence/v1":
        return verify_evidence(parse_evidence(raw), policy, now=now, at=at, max_age=age)
    if kind == "cairn/bundle/v1":
        return verify_bundle(parse_bundle(raw), policy, now=now, at=at, max_age=age)
    document = parse_json(raw, max_bytes=MAX_DOCUMENT_BYTES)
    if not isinstance(document, dict):
        raise FormatError("neither a bundle, nor evidence, nor a document: not a JSON object")
    return verify_document(document, policy, now=now, at=at, max_age=age)


def page(report: Report, lang: str) -> str:
    """The report as text: the word, the sentence, every check."""
    shown = report.to_json()
    sentence = getattr(report.sentence, lang, report.sentence.en)
    as_of = "no instant" if report.as_of is None else f"{report.as_of:%Y-%m-%d %H:%M:%S} UTC"
    lines = [report.verdict.value.upper(), sentence, f"as of {as_of} ({report.mode.value})", ""]
    for check in report.checks:
        lines.append(f"  {MARKS[check.state]} {check.code:<26} {getattr(check.summary, lang, check.summary.en)}")
        if check.detail and check.state in {State.FAILED, State.UNKNOWN}:
            lines.append(f"      {check.detail}")
    if shown.get("credential"):
        lines += ["", f"credential {shown['credential']}"]
    return "\n".join(lines)


def _format(raw: bytes) -> str | None:
    try:
        value = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return None
    kind = value.get("format") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def _read(file: str) -> bytes:
    if file == STANDARD_INPUT:
        raw = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    else:
        with Path(file).open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        message = f"{file} is larger than the {MAX_FILE_BYTES} bytes that are read"
        raise ValueError(message)
    return raw


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    candidate = f"{text}T00:00:00Z" if len(text) == len("2026-01-31") else text
    try:
        instant = msgspec.convert(candidate, datetime)
    except msgspec.ValidationError as error:
        message = "--at is an instant such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31"
        raise ValueError(message) from error
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _malformed(terminal: Terminal, error: InputError) -> NoReturn:
    """A file that cannot be read is not valid: whoever changed it gains nothing by breaking its form."""
    sentence = f"This is not a well-formed file: {error}"
    terminal.result({"verdict": "invalid", "reason": "malformed", "sentence": {"en": sentence}}, f"INVALID\n{sentence}")
    raise typer.Exit(Exit.INVALID)
