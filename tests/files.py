"""Files of a directory in which somebody else is at work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def contents(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a directory with its bytes, without those that vanish meanwhile, as temporary ones do."""
    for place, _, names in os.walk(directory):  # which passes over what is not there any more
        for name in sorted(names):
            file = Path(place, name)
            with suppress(FileNotFoundError):
                yield file, file.read_bytes()


def copy_if_there(source: str, target: str) -> None:
    """Copy a file, as `shutil.copytree` has it done, if it is still there when its turn comes."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)
