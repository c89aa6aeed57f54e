"""A PostgreSQL server of the tests' own, from the machine's package, in a temporary directory."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from loadtests.port import free_port
from loadtests.process import children
from tests.processes import send_if_there

USER: Final = "postgres"
PASSWORD: Final = "only-for-tests"
START_SECONDS: Final = 60.0
HURRY: Final = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off")
"""What a server may do whose data nobody will want to have back after a power cut."""
_PLACES: Final = ("/usr/lib/postgresql/*/bin/initdb", "/usr/local/opt/postgresql*/bin/initdb")


class PostgresServer:
    """One server, on a free port of the loopback address and on a Unix socket.

    Args:
        durable: Whether it waits for the disk, as a real one does.
        of: The primary that it is to be a standby of; None for a server of its own.
        port: Where it listens; None for a free port.
    """

    def __init__(self, *, durable: bool = False, of: PostgresServer | None = None, port: int | None = None) -> None:
        self._durable = durable
        self._programs = find_programs()
        self.directory = Path(tempfile.mkdtemp(prefix="cairn-pg-"))
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = count(1)
        self._own_directory()
        if of is None:
            self._make()
        else:
            self._follow(of)

    @property
    def address(self) -> str:
        """The address of the database, password and all."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    @property
    def socket_address(self) -> str:
        """The same over the Unix socket."""
        return f"postgresql://{USER}:{PASSWORD}@/postgres?host={self.directory}&port={self.port}"

    def fresh_schema(self) -> str:
        """The address of a new, empty schema."""
        name = f"ledger_{next(self._schemas)}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.address}?options=-csearch_path%3D{name}"

    def execute(self, sql: str) -> None:
        """Run a statement as the server's superuser."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(sql.encode())

    def start(self) -> None:
        """Start, and wait until it answers."""
        hurry = () if self._durable else HURRY
        arguments = ["postgres", "-D", str(self.directory / "data"), "-p", str(self.port), *hurry]
        # The server ends with the tests, however they end.
        dying = ["setpriv", "--pdeathsig=INT"] if shutil.which("setpriv") else []
        if dying and os.geteuid() == 0:
            dying += [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*dying, str(self._programs / arguments[0]), *arguments[1:]], stdout=log, stderr=log
            )
        self._await()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT breaks connections off and ends in order, SIGQUIT ends as a crash does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """End it without a warning; its children end when they notice."""
        self.stop(signal.SIGKILL)
        lock = self.directory / "data" / "postmaster.pid"
        lock.unlink(missing_ok=True)

    def promote(self) -> None:
        """Make a standby the primary."""
        self.execute("SELECT pg_promote(true, 60)")

    def ask_for_standby(self, *, is_on: bool = True) -> None:
        """Have commits wait for a standby, or not; returns when they do."""
        wanted = "ANY 1 (*)" if is_on else ""
        self.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{wanted}'")
        self.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + START_SECONDS
        while True:
            with psycopg.connect(self.address) as connection:  # it begins with what the postmaster has read
                row = connection.execute("SHOW synchronous_standby_names").fetchone()
            if row == (wanted,):
                break
            assert time.monotonic() < deadline, row
            time.sleep(0.01)
        # The checkpointer tells all others, when it begins another turn; the first may be one that it was in.
        for _ in range(2):
            self.execute("CHECKPOINT")

    def has_standby(self) -> bool:
        """Whether a synchronous standby is connected and has everything."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            row = connection.execute(
                "SELECT COUNT(*) FROM pg_stat_replication WHERE state='streaming' AND sync_state IN ('sync', 'quorum')"
            ).fetchone()
        return row is not None and row[0] > 0

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Take connections and answer nothing inside, as a server does whose disk has gone or whose machine swaps."""
        assert self._process is not None
        all_of_it = [self._process.pid, *children(self._process.pid)]
        for one in all_of_it:
            send_if_there(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in all_of_it:
                send_if_there(one, signal.SIGCONT)

    def close(self) -> None:
        """Stop, and remove the directory."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _own_directory(self) -> None:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.directory, USER, USER)

    def _make(self) -> None:
        password = self.directory / "password"
        password.write_text(PASSWORD, "ascii")
        arguments = ["-D", str(self.directory / "data"), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(password)]
        arguments += ["-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        command = [str(self._programs / "initdb"), *arguments]
        if os.geteuid() == 0:
            shutil.chown(password, USER, USER)
            command = ["runuser", "-u", USER, "--", *command]
        subprocess.run(command, check=True, capture_output=True, cwd="/")
        with (self.directory / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses='127.0.0.1'\nunix_socket_directories='{self.directory}'\n")

    def _follow(self, primary: PostgresServer) -> None:
        """Copy a primary, and go on as its standby."""
        command = [str(self._programs / "pg_basebackup"), "-d", primary.address, "-D", str(self.directory / "data")]
        command += ["-R", "-X", "stream", "-c", "fast", "--no-sync"]
        if os.geteuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        subprocess.run(command, check=True, capture_output=True, cwd="/")
        with (self.directory / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses='127.0.0.1'\nunix_socket_directories='{self.directory}'\n")

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert self._process is not None
                log = (self.directory / "log").read_text("utf-8")
                assert self._process.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(0.05)
            else:
                return


def find_programs() -> Path:
    """Where the newest server's programs are; Debian keeps them off the PATH. Fails with what installs them."""
    found = [one for place in _PLACES for one in Path("/").glob(place.removeprefix("/"))]
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path).resolve())
    message = "the tests need a PostgreSQL server: apt-get install postgresql (or brew install postgresql)"
    assert found, message
    return max(found, key=_version).parent


def _version(program: Path) -> int:
    return int((re.findall(r"\d+", str(program)) or ["0"])[0])


Address = Callable[[], str]
