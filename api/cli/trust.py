"""What this user trusts: log and witness keys, collected with ``cairn trust add`` or given with ``--policy``."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from platformdirs import user_config_path, user_state_path

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.error import AnchoringError
from api.cli.option import AsJson
from api.cli.terminal import EXIT_CODES, Exit, Terminal
from api.instant import in_utc
from verifier.error import PolicyError
from verifier.policy import Policy, format_policy, parse_policy, retire_key, trust_key

APPLICATION: Final = "cairn"

trust_app = typer.Typer(no_args_is_help=True, help=f"Whose word on a log is taken here. {EXIT_CODES}")


def policy_path() -> Path:
    """The user's own policy file."""
    return user_config_path(APPLICATION) / "trust.policy"


def load_policy(file: Path | None) -> Policy:
    """Read the policy in *file*, or the user's own, which may be empty.

    Raises:
        PolicyError: The file is not a policy.
        OSError: A file that was named cannot be read.
    """
    if file is not None:
        return parse_policy(file.read_bytes().decode())  # bytes: a CR is part of the policy, and refused
    own = policy_path()
    return parse_policy(own.read_bytes().decode()) if own.exists() else Policy()


def save_policy(policy: Policy) -> Path:
    """Write the user's own policy and return its path."""
    own = policy_path()
    own.parent.mkdir(parents=True, exist_ok=True)
    temporary = own.with_suffix(".new")
    temporary.write_text(format_policy(policy), "utf-8")
    os.replace(temporary, own)  # noqa: PTH105  atomic on one file system, as Path.replace is
    return own


@trust_app.command("add")
def add(
    vkey: Annotated[str, typer.Argument(help="Key of a log or a witness, as it publishes it.")], as_json: AsJson = False
) -> None:
    """Trust a log's or a witness's key from now on. Take it from somewhere you believe, not from the file to check."""
    terminal = Terminal(as_json=as_json)
    try:
        path = save_policy(trust_key(load_policy(None), vkey.strip()))
    except PolicyError as error:
        terminal.fail(f"this is not a key: {error}", Exit.USAGE)
    terminal.result({"trusted": vkey.strip(), "policy": str(path)}, f"trusted from now on, in {path}")


@trust_app.command("list")
def list_trusted(as_json: AsJson = False) -> None:
    """Show what is trusted, as a policy."""
    policy = load_policy(None)
    keys = [log.vkey for log in policy.logs] + [witness.vkey for _, witness in policy.witnesses]
    Terminal(as_json=as_json).result({"keys": keys}, format_policy(policy).rstrip("\n") or "nothing is trusted yet")


@trust_app.command("retire")
def retire(
    vkey: Annotated[str, typer.Argument(help="Key of a log or of its operator, as it published it.")],
    at: Annotated[datetime, typer.Option(help="From when it counts no more by itself, UTC.")],
    as_json: AsJson = False,
) -> None:
    """Believe what a log's key signed only if somebody outside saw it before. Said again, the date is moved."""
    terminal, since = Terminal(as_json=as_json), in_utc(at)
    try:
        path = save_policy(retire_key(load_policy(None), vkey.strip(), since))
    except PolicyError as error:
        terminal.fail(f"this key cannot be retired: {error}", Exit.USAGE)
    terminal.result(
        {"retired": vkey.strip(), "policy": str(path)}, f"retired since {since:%Y-%m-%d %H:%M:%S} UTC, in {path}"
    )


@trust_app.command("remove")
def remove(vkey: Annotated[str, typer.Argument(help="The key.")], as_json: AsJson = False) -> None:
    """Stop trusting a key."""
    terminal = Terminal(as_json=as_json)
    lines = format_policy(load_policy(None)).splitlines()
    kept = [line for line in lines if vkey.strip() not in line.split()]
    if len(kept) == len(lines):
        terminal.fail("this key is not trusted; `cairn trust list` shows those that are")
    try:
        save_policy(parse_policy("".join(f"{line}\n" for line in kept)))
    except PolicyError as error:
        terminal.fail(f"a group or the quorum needs this key; edit {policy_path()} instead ({error})")
    terminal.result({"removed": vkey.strip()}, "not trusted any more")


class CheckpointFiles:
    """Remembers checkpoints of earlier audits as files in the user's state directory."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or user_state_path(APPLICATION) / "checkpoints"

    def recall(self, vkey: str) -> Checkpoint | None:
        """The checkpoint seen last, or None."""
        try:
            return parse_checkpoint(self._file(vkey).read_text("utf-8"))
        except (OSError, AnchoringError, UnicodeDecodeError):
            return None

    def remember(self, vkey: str, checkpoint: Checkpoint) -> None:
        """Keep *checkpoint* in place of the one before."""
        file = self._file(vkey)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(checkpoint.text(), "utf-8")

    def _file(self, vkey: str) -> Path:
        return self._directory / hashlib.sha256(vkey.encode()).hexdigest()
