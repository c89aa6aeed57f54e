"""``cairn audit URL``: follow a public log, believe nothing, fold everything again."""

from __future__ import annotations

from typing import Annotated

import httpx
import typer

from anchoring.error import AnchoringError
from anchoring.note import NoteVerifier, parse_note
from api.audit.auditor import AuditError, Auditor, Fetch, Progress, TrustedLog
from api.cli.option import AsJson, PolicyFile
from api.cli.terminal import Exit, ProgressBar, Terminal
from api.cli.trust import CheckpointFiles, load_policy
from verifier.policy import Policy

TIMEOUT_SECONDS = 30.0
NOT_FOUND = 404


def audit(
    url: Annotated[str, typer.Argument(help="Address of the ledger, such as http://127.0.0.1:8000")],
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """Check a whole ledger from outside: every entry, hash, signature and commitment, and what it answers."""
    terminal = Terminal(as_json=as_json)
    address = url.rstrip("/")
    with httpx.Client(base_url=address, timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
        try:
            log = trusted_log(client, load_policy(policy))
            with terminal.progress("reading", None) as bar:
                fetch = _fetcher(client)
                report = Auditor(address, fetch, log, CheckpointFiles(), _shown(bar)).run()
        except (AuditError, httpx.HTTPError) as error:
            terminal.fail(f"could not audit {address}: {error}", Exit.UNKNOWN)
    terminal.result(report, report.text())
    raise typer.Exit(Exit.INVALID if report.differences else Exit.VALID)


def trusted_log(client: httpx.Client, policy: Policy) -> TrustedLog:
    """The key to believe: the one of *policy* that the log names, else the one it serves, pinned for this audit.

    Raises:
        AuditError: The server gives no readable checkpoint or key, or the policy knows other keys of this origin.
    """
    fetch = _fetcher(client)
    note, served = fetch("/log/checkpoint"), fetch("/log/vkey")
    if note is None or served is None:
        message = "there is no log at /log/checkpoint and /log/vkey"
        raise AuditError(message)
    try:
        signed = parse_note(note)
        origin = signed.text.split("\n", 1)[0]
        offered = NoteVerifier(served.decode("utf-8").strip())
    except (AnchoringError, UnicodeDecodeError) as error:
        message = f"its checkpoint or key cannot be read: {error}"
        raise AuditError(message) from error
    trusted = [log for log in policy.logs if log.name == origin]
    signers = {(line.name, line.key_id) for line in signed.signatures}
    believed = next((log for log in trusted if (log.name, log.key_id) in signers), None)
    if believed is not None:
        return TrustedLog(believed, "key from your policy")
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


def _fetcher(client: httpx.Client) -> Fetch:
    def fetch(path: str) -> bytes | None:
        answer = client.get(path)
        if answer.status_code == NOT_FOUND:
            return None
        answer.raise_for_status()
        return answer.content

    return fetch


def _shown(bar: ProgressBar) -> Progress:
    def show(_: str, done: int, total: int | None) -> None:
        bar.reach(done, total)

    return show
