"""An audit that keeps its progress at every range, and on demand ends itself by a kill right after it has."""

from __future__ import annotations

import os
import signal
import sys

import typer

from api.audit import auditor, engine
from api.audit.progress_file import ProgressFile
from api.cli.audit import audit

KEEP = ProgressFile.keep


def _keep_and_die(self: ProgressFile, *arguments: object) -> None:
    KEEP(self, *arguments)  # type: ignore[arg-type]  # passed on just as they came in
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Audit the log at the first argument with the key at the second."""
    auditor.KEEP_SECONDS = 0.0  # type: ignore[misc]  # a constant, another for this test alone
    chunk = 8 * 256 if "--one" not in sys.argv else 32 * 256
    engine.CHUNK_ENTRIES = chunk  # type: ignore[misc]  # a constant, another for this test alone
    if "--one" in sys.argv:
        ProgressFile.keep = _keep_and_die  # type: ignore[method-assign,assignment]  # dies where a power cut would strike
    app = typer.Typer(add_completion=False)
    app.command()(audit)
    app([sys.argv[1], "--log-key", sys.argv[2], "--json", "--jobs", "1"])


if __name__ == "__main__":
    main()
