"""A real `cairn serve` process on a free loopback port, and the `cairn` command beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import httpx
from typer.testing import CliRunner

from api.cli.entry import make_app
from loadtests.port import free_port

CAIRN: Final = Path(sys.executable).with_name("cairn")
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
COMMAND_SECONDS: Final = 120.0
UNLIMITED: Final = {"CAIRN_RATE_LIMIT_PER_MINUTE": "0", "CAIRN_RATE_LIMIT_BURST": "0"}


def environment(home: Path, settings: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a user whose configuration and state lie in *home*, with no other CAIRN_ setting."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
    places = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state"), "HOME": str(home)}
    return {**own, **places, "NO_COLOR": "1", "COLUMNS": "200", **UNLIMITED, **(settings or {})}


def cairn(
    home: Path, *arguments: str | Path, content: bytes | None = None, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `cairn` to its end as the user of *home*."""
    done = subprocess.run(
        [CAIRN, *arguments],
        env=environment(home, settings),
        input=content,
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def quick_cairn(
    home: Path, *arguments: str | Path, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `cairn` inside this process, which saves the start of another: for commands that are run many times.

    What the real command would print of an error that it expects stands at the end of the standard error here too.
    """
    words = [str(argument) for argument in arguments]
    done = CliRunner().invoke(make_app(), words, env=environment(home, settings))
    error = "" if done.exception is None or isinstance(done.exception, SystemExit) else f"error: {done.exception}\n"
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr + error)


class Serving:
    """One `cairn serve` over one data directory; it can be stopped, killed and started again on its port.

    Args:
        data: The data directory.
        home: Where its output and the user's configuration go.
        settings: `CAIRN_` variables on top of the rate limits, which are off.
    """

    def __init__(self, data: Path, home: Path, settings: dict[str, str] | None = None) -> None:
        self.data = data
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.http = self._client()

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30.0)

    @property
    def pid(self) -> int:
        """Number of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def output_file(self) -> Path:
        """What the process wrote to standard error, over all its lives."""
        return self.home / f"serve-{self.port}.log"

    def command(self) -> list[str | Path]:
        """Return what is run."""
        return [CAIRN, "serve", "--data", self.data, "--port", str(self.port)]

    def begin(self) -> None:
        """Start the process and wait for nothing."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.output_file.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                env=environment(self.home, self.settings),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.begin()
        self._wait_until_ready()

    def stop(self) -> int:
        """Ask the process to stop, as a service manager would; return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process without a warning."""
        self._end(signal.SIGKILL)

    def ended(self) -> int:
        """Wait until the process has ended by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait(STOP_SECONDS)

    def close(self) -> None:
        """End whatever still runs."""
        if self._process is not None:
            self._end(signal.SIGKILL)
        self.http.close()

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        code = self._process.wait(STOP_SECONDS)
        self._process = None
        # Connections of the old process are of no use with the next one.
        self.http.close()
        self.http = self._client()
        return code

    def has_caught_up(self) -> bool:
        """Whether all views show what was recorded; a server is ready a little before that."""
        lines = self.http.get("/metrics").text.splitlines()
        lags = [line for line in lines if line.startswith("cairn_projection_lag_events{")]
        return all(float(line.rpartition(" ")[2]) == 0 for line in lags)

    def _retry(self) -> None:
        """Do what the next try needs; a server over https may have made its certificate meanwhile."""

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if self.http.get("/readyz").status_code == httpx.codes.OK and self.has_caught_up():
                    return
            except httpx.TransportError:
                self._retry()
            time.sleep(0.05)
        message = f"the server did not become ready; it said:\n{self.output_file.read_text()}"
        raise AssertionError(message)
