"""An audit that keeps its progress at every range, and on demand ends itself by a kill right after it has.

python -m tests.audit.keep_often LOG KEY                keep at every range of 2,048 entries
python -m tests.audit.keep_often LOG KEY --one          keep once, at a range of 8,192 entries, and die
python -m tests.audit.keep_often LOG KEY --at ENTRIES   keep once, when so many entries are replayed, and die
"""

from __future__ import annotations

import os
import signal
import sys

import typer

from api.audit import auditor, engine
from api.audit.progress_file import ProgressFile
from api.audit.replay import Replay
from api.cli.audit import audit

KEEP = ProgressFile.keep


def _keep_and_die(least: int) -> None:
    """Have progress kept only when *least* entries are replayed, and then die where a power cut would strike."""

    def keep(self: ProgressFile, vkey: str, size: int, root: bytes, replay: Replay) -> None:
        if replay.size >= least:
            KEEP(self, vkey, size, root, replay)
            os.kill(os.getpid(), signal.SIGKILL)

    ProgressFile.keep = keep  # type: ignore[method-assign]  # this process keeps oftener


def main() -> None:
    """Audit the log at the first argument with the key at the second."""
    log, key, *options = sys.argv[1:]
    auditor.KEEP_SECONDS = 0.0  # type: ignore[misc]  # a constant, another for this test alone
    engine.CHUNK_ENTRIES = (32 if options else 8) * 256  # type: ignore[misc]  # as above
    if options:
        _keep_and_die(int(options[1]) if options[0] == "--at" else 0)
    app = typer.Typer(add_completion=False)
    app.command()(audit)
    app([log, "--log-key", key, "--json", "--jobs", "1"])


if __name__ == "__main__":
    main()
