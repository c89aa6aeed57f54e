"""``cairn audit``: follow a log, believe nothing, replay everything; ``cairn disclose``: what auditors are shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import httpx
import typer
from platformdirs import user_state_path

from anchoring.checkpoint import Checkpoint
from anchoring.error import AnchoringError
from anchoring.note import NoteVerifier, parse_note
from anchoring.tlog_policy import parse_log_key
from api.audit.auditor import AuditError, Auditor, AuditOrder, Fetch, TrustedLog
from api.audit.disclosure import WARNING, DisclosureError, Disclosures
from api.audit.engine import cores
from api.audit.page import html_page
from api.audit.progress_file import ProgressFile
from api.audit.source import LogPlace, SourceError, fetch_from
from api.audit.stamp import read_checkpoint
from api.cli.operator import opened, operator
from api.cli.option import DEFAULT_DATA, AsJson, Data, PolicyFile
from api.cli.terminal import Exit, ProgressBar, Terminal
from api.cli.trust import APPLICATION, CheckpointFiles, load_policy
from api.disclosing import disclose as write_disclosures
from verifier.policy import Policy

PATIENCE_SECONDS = 3.0
"""How long a server may take to publish in its log what it answers already: 0.2 s as it is set by default."""
TIMEOUT_SECONDS = 30.0


def audit(  # noqa: PLR0917  typer passes them by name
    where: Annotated[
        str,
        typer.Argument(metavar="URL|DIRECTORY", help="The ledger, such as http://127.0.0.1:8000, or a log's files."),
    ],
    policy: PolicyFile = None,
    log_key: Annotated[str | None, typer.Option("--log-key", help="The log's key (vkey) to believe.")] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", help="A checkpoint from elsewhere that the log must extend.")
    ] = None,
    disclosures: Annotated[
        Path | None, typer.Option("--disclosures", help="What the operator has disclosed (`cairn disclose`).")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write the report as a page to this file.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Processes; all processors if not given.")] = None,
    log_only: Annotated[bool, typer.Option("--log-only", help="Do not compare what the server answers.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, even if an audit was interrupted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a whole ledger from outside: every entry, hash, rule, signature and commitment, and what it answers.

    An audit that was interrupted goes on where it was.
    """
    terminal = Terminal(as_json=as_json)
    place = LogPlace(where.rstrip("/"))
    known = load_policy(policy)
    with ExitStack() as stack:
        try:
            answers = _answers(stack, place) if place.is_server else None
            log = trusted_log(place, answers, known, log_key)
            kept = _progress_file(place, log)
            if fresh:
                kept.discard()
            order = AuditOrder(
                place=place,
                answers=None if log_only else answers,
                log=log,
                memory=CheckpointFiles(),
                progress_file=kept,
                workers=jobs or cores(),
                checkpoints=_checkpoints(checkpoint or [], log),
                authorities=known.authorities,
                disclosures=None if disclosures is None else Disclosures(disclosures),
                patience_seconds=PATIENCE_SECONDS,
            )
            with terminal.progress("reading", None) as bar:
                report = Auditor(order, _shown(bar)).run()
        except DisclosureError as error:
            terminal.fail(str(error), Exit.USAGE)
        except (AuditError, SourceError, httpx.HTTPError) as error:
            terminal.fail(f"could not audit {where}: {error}", Exit.UNKNOWN)
    if html is not None:
        html.write_text(html_page(report), "utf-8")
        terminal.say(f"report written to {html}")
    terminal.result(report, report.text())
    raise typer.Exit(Exit.INVALID if report.differences else Exit.VALID)


def disclose(
    to: Annotated[Path, typer.Option("--to", help="The file to write; it must not exist.")],
    institution: Annotated[str | None, typer.Option(help="Slug; without it, the awards of all institutions.")] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Write documents and salts to a file with which an accreditor can open the log's commitments. Personal data!"""
    terminal = Terminal(as_json=as_json)
    with opened(data) as node:
        count = write_disclosures(node, institution, to, operator())
    terminal.say(WARNING)
    terminal.result({"file": str(to), "awards": count}, f"{count:,} awards disclosed in {to}")


def trusted_log(place: LogPlace, answers: Fetch | None, policy: Policy, log_key: str | None) -> TrustedLog:
    """The key to believe: the one given, else the one of *policy* that the log names, else the one it serves, pinned.

    Raises:
        AuditError: There is no readable checkpoint or key, or the policy knows other keys of this origin.
    """
    with closing(place.open()) as source:
        note = source("checkpoint")
    if note is None:
        message = "there is no checkpoint of a log there"
        raise AuditError(message)
    try:
        signed = parse_note(note)
        origin = signed.text.split("\n", 1)[0]
        if log_key is not None:
            return TrustedLog(parse_log_key(log_key.strip()), "the key that was given")
        trusted = [log for log in policy.logs if log.name == origin]
        signers = {(line.name, line.key_id) for line in signed.signatures}
        believed = next((log for log in trusted if (log.name, log.key_id) in signers), None)
        if believed is not None:
            return TrustedLog(believed, "key from your policy")
        offered = _offered(answers)
    except (AnchoringError, UnicodeDecodeError) as error:
        message = f"its checkpoint or key cannot be read: {error}"
        raise AuditError(message) from error
    if trusted:
        message = (
            f"you trust {trusted[0].vkey} for the log {origin}, and its checkpoint is not signed with that key but, it "
            f"says, with {offered.vkey}. Either somebody stands in for the log, or it was made anew, as a "
            f"demonstration is; then run `cairn trust remove {trusted[0].vkey}` first"
        )
        raise AuditError(message)
    if offered.name != origin:
        message = f"the key it offers is of {offered.name!r}, its checkpoint of {origin!r}"
        raise AuditError(message)
    return TrustedLog(
        offered, f"key taken from the server itself; `cairn trust add {offered.vkey}` once you have checked it"
    )


def _offered(answers: Fetch | None) -> NoteVerifier:
    served = None if answers is None else answers("/log/vkey")
    if served is None:
        message = "no key of this log is known; give it with --log-key, or collect it with `cairn trust add`"
        raise AuditError(message)
    return NoteVerifier(served.decode("utf-8").strip())


def _answers(stack: ExitStack, place: LogPlace) -> Fetch:
    client = httpx.Client(base_url=place.address, timeout=TIMEOUT_SECONDS, follow_redirects=False)
    return fetch_from(stack.enter_context(client))


def _progress_file(place: LogPlace, log: TrustedLog) -> ProgressFile:
    name = hashlib.sha256(f"{log.verifier.vkey}\n{place.address}".encode()).hexdigest()
    return ProgressFile(user_state_path(APPLICATION) / "audits" / f"{name}.state")


def _checkpoints(files: list[Path], log: TrustedLog) -> list[tuple[str, Checkpoint]]:
    try:
        return [(file.name, read_checkpoint(file.read_bytes(), log.verifier)) for file in files]
    except AnchoringError as error:
        message = f"a checkpoint given with --checkpoint is not one of this log: {error}"
        raise AuditError(message) from error


def _shown(bar: ProgressBar) -> Callable[[str, int, int | None], None]:
    def show(what: str, done: int, total: int | None) -> None:
        bar.reach(done, total, what)

    return show
