"""The repository's files, as the set-up tests read them."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("run", "test", "load", "oracle")


def text(path: str) -> str:
    """Return the text of the file at `path`, relative to the repository's root."""
    return (ROOT / path).read_text(encoding="utf-8")


def committed_files() -> list[str]:
    """Return the paths of all files that git keeps, relative to the root."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listing.split("\0") if path and (ROOT / path).is_file()]
