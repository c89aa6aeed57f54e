"""``cairn backup`` and ``cairn restore``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from api.backup.making import make_backup
from api.backup.restoring import Restored, restore
from api.backup.surviving import DirectoryLog, ServedLog, SurvivingLog
from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import Exit, Terminal
from api.ledger_node import system_clock
from api.mirror.upstream import Upstream
from api.setting import load_settings


def backup(
    to: Annotated[Path, typer.Option("--to", help="New directory for the backup.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Copy a ledger, served or not, into a directory: events, vault and log of one moment. Keys are not in it.

    Keep the key-encryption keys apart from it: who has both can open everything, who has one of them nothing.
    """
    terminal = Terminal(as_json=as_json)
    manifest = make_backup(
        load_settings(os.environ, data_dir=data), to, system_clock(), lambda what: terminal.say(f"copying {what}")
    )
    size = sum(file.size for file in manifest.files)
    text = (
        f"{to}: {len(manifest.files)} files, {size:,} bytes, log of {manifest.log_size:,} entries\n"
        f"to open it, keep these key-encryption keys elsewhere: {', '.join(manifest.keys)}"
    )
    terminal.result(msgspec.to_builtins(manifest), text)


def restore_backup(
    source: Annotated[Path, typer.Option("--from", help="Directory of the backup.")],
    data: Data = DEFAULT_DATA,
    log: Annotated[
        str | None,
        typer.Option("--log", help="The public log as it is now: a URL, or a log/ directory."),
    ] = None,
    without_log: Annotated[
        bool, typer.Option("--without-log", help="No log has survived anywhere: go on from the backup alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup, take in what the public log holds since, and erase again whom it says was erased.

    Without the log of today a restore would fork what the world has seen, and bring erased people back.
    """
    terminal = Terminal(as_json=as_json)
    if (log is None) != without_log:
        terminal.fail(
            "name the public log as it is now with --log: a mirror, a copy of log/, or what witnesses have seen. "
            "Only when none has survived anywhere, say --without-log: whoever remembers a newer checkpoint will then "
            "see a fork, and erasures since the backup are undone",
            Exit.USAGE,
        )
    settings = load_settings(os.environ, data_dir=data)
    alone = settings.model_copy(update={"tiles": None})  # a log is restored into the directory, and shared from there
    with terminal.progress("restoring", None) as bar:
        restored = restore(source, alone, _surviving(log), lambda _, done, total: bar.reach(done, total))
    terminal.result(msgspec.to_builtins(restored), _text(data, restored))
    if settings.tiles is not None:
        terminal.say("CAIRN_TILES is set: `cairn log share` takes the restored log there, for several processes")


def _surviving(log: str | None) -> SurvivingLog | None:
    if log is None:
        return None
    return ServedLog(Upstream(log)) if log.startswith(("http://", "https://")) else DirectoryLog(Path(log))


def _text(data: Path, restored: Restored) -> str:
    return (
        f"{data}: log of {restored.log_size:,} entries, {restored.events_recovered:,} events recovered from it\n"
        f"awards whose documents only their learners have: {restored.awards_without_documents:,}\n"
        f"learners erased again: {restored.erasures_applied:,}; erased and not in the backup: "
        f"{restored.erasures_elsewhere:,}\n"
        f"tokens of time anchors lost: {restored.anchor_tokens_lost:,}\n"
        f"institutions that need «cairn keys rotate»: {', '.join(restored.institutions_without_key) or 'none'}\n"
        f"now: cairn fsck --data {data}, then serve it, then cairn audit"
    )
