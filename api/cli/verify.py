"""``cairn verify FILE``: judge a bundle, an evidence file or a document with no network at all."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn, TypeAlias

import typer

from api.cli.option import AsJson, PolicyFile
from api.cli.terminal import Exit, Terminal, one_line
from api.cli.trust import load_policy
from api.error import InvalidRequestError
from api.instant import parse_instant
from verifier.bundle import parse_bundle
from verifier.error import FutureInstantError, InputError, NewFormatError, PolicyError
from verifier.evidence import parse_evidence
from verifier.foreign.format import read_presented
from verifier.foreign.offline import Offline, judge_offline, judge_offline_presentation
from verifier.policy import Policy
from verifier.receipt import Receipt, is_receipt, verify_receipt
from verifier.report import Report, State, Verdict
from verifier.verify import asked_about, verify_bundle, verify_evidence

CODES: Final = {Verdict.VALID: Exit.VALID, Verdict.INVALID: Exit.INVALID, Verdict.UNKNOWN: Exit.UNKNOWN}
MARKS: Final = {State.PASSED: "✓", State.FAILED: "✗", State.UNKNOWN: "?", State.SKIPPED: "-"}
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_AGE_SECONDS: Final = 1_000_000_000
"""Thirty years; more is no limit at all: then leave --max-age out."""
STANDARD_INPUT: Final = "-"
Language: TypeAlias = Literal["en", "ru"]


def verify(
    file: Annotated[
        str, typer.Argument(help="Bundle, evidence file, signed document or .tlog-proof; - for standard input.")
    ],
    policy: PolicyFile = None,
    at: Annotated[str | None, typer.Option(help="Judge as of this instant (RFC 3339, or a day).")] = None,
    max_age: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_AGE_SECONDS, help="Seconds; evidence older than this says nothing of now."),
    ] = None,
    lang: Annotated[Language, typer.Option(help="Language of the text.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Verify a file offline. Only keys from --policy or `cairn trust add` count; the file's own prove nothing.

    Without --at or --max-age the file is judged as of its own instant: the newest cosignature on it, or the last event
    that it shows.
    """
    terminal = Terminal(as_json=as_json)
    try:
        raw, trusted = _read(file), load_policy(policy)
        if is_receipt(raw):
            receipt = verify_receipt(raw, trusted)
            terminal.result(receipt.to_json(), receipt_page(receipt))
            raise typer.Exit(CODES[receipt.verdict])
        report = judge(raw, trusted, at=_instant(at), max_age=max_age, now=datetime.now(UTC))
    except FutureInstantError as error:
        terminal.fail(str(error), Exit.USAGE)
    except PolicyError as error:
        terminal.fail(f"the trust policy cannot be read: {error}", Exit.USAGE)
    except NewFormatError as error:
        terminal.fail(error.reason, Exit.UNKNOWN)
    except InputError as error:
        _malformed(terminal, error, lang)
    except OSError as error:
        terminal.fail(f"cannot read {error.filename or file}: {error.strerror or error}", Exit.USAGE)
    except ValueError as error:
        terminal.fail(str(error), Exit.USAGE)
    terminal.result(report.to_json(), page(report, lang))
    raise typer.Exit(CODES[report.verdict])


def judge(raw: bytes, policy: Policy, *, at: datetime | None, max_age: int | None, now: datetime) -> Report:
    """Judge the bytes of a file, whatever it is, with no network.

    A document of some ledger is judged by the ledger's word, which has to be with it: without evidence there is no
    telling. One from elsewhere is judged by its own issuer's keys, as far as they are in it.

    Raises:
        InputError: It is nothing that can be judged, or malformed.
        FutureInstantError: *at* has not come yet.
    """
    age = None if max_age is None else timedelta(seconds=max_age)
    presented = read_presented(raw)
    if presented.kind == "evidence":
        return verify_evidence(parse_evidence(presented.data), policy, now=now, at=at, max_age=age)
    if presented.kind == "bundle":
        return verify_bundle(parse_bundle(presented.data), policy, now=now, at=at, max_age=age)
    offline = Offline()
    asked = asked_about(now, at, age)
    if presented.kind == "presentation":
        return judge_offline_presentation(presented, offline, asked)
    return judge_offline(presented, offline, asked)


def page(report: Report, lang: Language) -> str:
    """The report as text: the word, the sentence, every check."""
    shown = report.to_json()
    sentence = getattr(report.sentence, lang)
    as_of = "no instant" if report.as_of is None else f"{report.as_of.isoformat(' ', 'seconds')[:19]} UTC"
    lines = [report.verdict.value.upper(), sentence, f"as of {as_of} ({report.mode.value})", ""]
    for check in report.checks:
        lines.append(f"  {MARKS[check.state]} {check.code:<26} {getattr(check.summary, lang)}")
        if check.detail and check.state in {State.FAILED, State.UNKNOWN}:
            lines.append(f"      {check.detail}")
    if shown.get("credential"):
        lines += ["", f"credential {shown['credential']}"]
    return "\n".join(one_line(line) for line in lines)


def receipt_page(receipt: Receipt) -> str:
    """A proof of inclusion as text."""
    lines = [receipt.verdict.value.upper(), receipt.sentence]
    if receipt.entry is not None:
        lines += ["", f"  entry {receipt.index} of {receipt.size} in {receipt.origin}", f"  {receipt.entry.topic}"]
        lines.append(f"  {receipt.entry.body.decode(errors='replace')}")
    return "\n".join(one_line(line) for line in lines)


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
    try:
        return parse_instant(text, "--at")
    except InvalidRequestError as error:
        raise ValueError(error.detail) from error


def _malformed(terminal: Terminal, error: InputError, lang: Language) -> NoReturn:
    """A file that cannot be read is not valid: whoever changed it gains nothing by breaking its form."""
    place = one_line(str(error))
    sentence = {"en": f"This is not a well-formed file: {place}", "ru": f"Файл составлен неправильно: {place}"}
    shown = f"INVALID\n{sentence[lang]}"
    terminal.result({"verdict": "invalid", "reason": "malformed", "sentence": sentence}, shown)
    raise typer.Exit(Exit.INVALID)
