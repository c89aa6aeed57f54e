"""Every command that README shows in an `sh` block runs, against a served ledger in place of the demonstration.

`make` is asked what it would do and does not do it; ID, FILE and the address stand for what the reader has.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.setup.repository import ROOT, text
from tests.system.school import Caller, evidence
from tests.system.serving import CAIRN, COMMAND_SECONDS, Serving, environment, quick_cairn

BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
ADDRESS: Final = "http://127.0.0.1:8000"
PRELUDE: Final = """\
set -euo pipefail
make() { command make -C "$REPOSITORY" --no-print-directory -n "$@"; }
"""


def _blocks() -> list[str]:
    return BLOCK.findall(text("README.md"))


def test_readme_shows_the_commands_that_a_newcomer_needs() -> None:
    shown = "".join(_blocks())
    assert all(command in shown for command in ("make run", "make test", "cairn audit", "cairn verify"))


@pytest.mark.parametrize("block", _blocks(), ids=lambda block: block.split("#")[0].strip().replace("\n", "; "))
def test_block_runs_when_a_ledger_is_served(serving: Serving, school: Caller, tmp_path: Path, block: str) -> None:
    public_id = school.issue()["id"]
    (tmp_path / "evidence.json").write_bytes(evidence(serving, public_id))
    trusted = quick_cairn(serving.home, "trust", "add", serving.http.get("/log/vkey").text.strip())
    assert trusted.returncode == 0, trusted.stderr
    (tmp_path / ".venv").symlink_to(CAIRN.parent.parent)
    script = re.sub(r"\bFILE\b", "evidence.json", re.sub(r"\bID\b", public_id, block)).replace(ADDRESS, serving.url)
    own = {**environment(serving.home), "REPOSITORY": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", PRELUDE + script],
        env=own,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
