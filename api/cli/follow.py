"""``cairn follow URL``: verify a ledger's public log as it grows, keep a copy, and serve the same look-ups."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn
from structlog.typing import FilteringBoundLogger

from api.access_log import make_log
from api.cli.connection import ShortcutSlot
from api.cli.listening import address_of, listen, server_config
from api.cli.option import PolicyFile
from api.cli.placing import on_one_processor
from api.cli.terminal import Exit, Terminal
from api.cli.trust import load_policy
from api.garbage import keep_all
from api.ledger_node import system_clock
from api.log_place import tiles_at
from api.mirror.app import describe, make_mirror_app
from api.mirror.error import AttachmentError, DirectoryError, MisbehaviourError, UntrustedError, UpstreamError
from api.mirror.node import MirrorNode, open_mirror
from api.mirror.upstream import ReadLog
from api.problem import ProblemWriter
from api.runtime import Loop
from api.setting import S3_ADDRESS, Settings, load_settings
from projections.prefault import Prefault
from verifier.policy import Policy

DEFAULT_MIRROR: Final = Path("var/mirror")


def follow(
    url: Annotated[str, typer.Argument(help="Address of the ledger to follow, or of another mirror of it.")],
    data: Annotated[
        Path, typer.Option("--data", help="Directory of the mirror; made when not there.")
    ] = DEFAULT_MIRROR,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 8001,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    policy: PolicyFile = None,
    ledger: Annotated[
        str | None, typer.Option("--ledger", help="Address of the ledger itself, if URL does not say it.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Catch up, print how it stands as JSON, and end.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Write warnings and errors alone to standard error.")] = False,
) -> None:
    """Follow a ledger over its public log alone, verify everything, and serve the same look-ups.

    Ends with 1 when the log was proved to have misbehaved; the proof is then in DATA/forks.
    """
    terminal = Terminal(as_json=once)
    chosen = None if os.environ.get("CAIRN_BASE_URL") else address_of(host, port)
    settings = load_settings(os.environ, data_dir=data, host=host, port=port, base_url=chosen)
    follow_with(terminal, settings, url, load_policy(policy), ledger=ledger, once=once, quiet=quiet)


def follow_with(
    terminal: Terminal,
    settings: Settings,
    url: str,
    policy: Policy,
    *,
    ledger: str | None = None,
    once: bool = False,
    quiet: bool = False,
) -> None:
    """Follow as the command does, and as ``cairn serve --role verifier`` does."""
    try:
        log = _log_address(settings)
        node = open_mirror(settings, url, policy, system_clock, ledger_url=ledger, log=log)
    except (UntrustedError, UpstreamError) as error:
        terminal.fail(f"cannot follow {url}: {error}", Exit.UNKNOWN)
    except DirectoryError as error:
        terminal.fail(str(error))
    try:
        _say_trust(terminal, node)
        if once:
            _catch_up(terminal, node)
        else:
            _serve(terminal, node, settings, make_log(sys.stderr, system_clock, is_quiet=quiet))
    finally:
        node.close()
    if node.served.misbehaviour is not None:
        terminal.fail(node.served.misbehaviour, Exit.INVALID)


def _log_address(settings: Settings) -> str | ReadLog | None:
    """Where the log is read, if not from the ledger."""
    place = settings.follow_log
    if place is None or S3_ADDRESS.fullmatch(place) is None:
        return place
    return tiles_at(place, settings).read


def _say_trust(terminal: Terminal, node: MirrorNode) -> None:
    if node.vkey in node.policy.pinned:
        terminal.say(
            f"The key of {node.identity.origin} was taken from the ledger itself on first use. Check it elsewhere, "
            f"then run: cairn trust add {node.vkey}"
        )


def _catch_up(terminal: Terminal, node: MirrorNode) -> None:
    with terminal.progress("entries", None) as bar:
        node.follower.progress = bar.reach
        try:
            node.follower.recover()
            node.follower.step()
        except MisbehaviourError:
            pass  # said at the end
        except UpstreamError as error:
            terminal.say(f"error: {error}")
            terminal.result(describe(node))
            raise typer.Exit(Exit.UNKNOWN) from error
    terminal.result(describe(node))


def _serve(terminal: Terminal, node: MirrorNode, settings: Settings, log: FilteringBoundLogger) -> None:
    progress = Progress()
    node.follower.progress = progress.reach
    following = Following(node, settings.follow_poll_seconds, log)
    slot = ShortcutSlot()
    app = make_mirror_app(node, lambda: (progress.done, progress.total), following.failures, log, offer=slot.take)
    server = uvicorn.Server(server_config(app, ProblemWriter(settings.base_url).response, shortcut=slot))
    try:
        # Not before all is made: who is refused asks another node at once, and who is taken waits for this one.
        listener = listen(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host} port {settings.port}"
        terminal.fail(f"cannot listen on {where}: {error.strerror or error}; choose another with --port")

    def stop(_: int, __: FrameType | None) -> None:
        server.should_exit = True
        node.follower.close()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    following.start()
    prefault = Prefault(node.views.status)
    if settings.shortcut:
        prefault.start()
    keep_all()
    shown = address_of(settings.host, settings.port)
    terminal.say(f"Following {node.upstream.url} into {settings.data_dir}, serving it on {shown} (Ctrl-C stops it)")
    try:
        with listener, on_one_processor(settings, log):
            server.run([listener])
    finally:
        prefault.close()
    following.close()


class Progress:
    """How far copying has come; read by other threads."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0

    def reach(self, done: int, total: int) -> None:
        """Say how many entries are copied, and of how many."""
        self.done, self.total = done, total


class Following:
    """The thread that follows: recovers once, then steps with a pause between, longer after failures.

    A status list that does not fit yet is no failure of following: while awards are revoked one after the other, the
    ledger's lists are ahead of its log most of the time.

    Args:
        node: The parts.
        pause_seconds: Pause between two steps.
        log: Where what happens is recorded.
    """

    def __init__(self, node: MirrorNode, pause_seconds: float, log: FilteringBoundLogger) -> None:
        self._node = node
        self._is_recovered = False
        self._log = log
        self._missing: str | None = None
        self._loop = Loop("follow", self._step, pause_seconds, log)

    def start(self) -> None:
        """Begin."""
        self._loop.start()

    def close(self) -> None:
        """Give up what is under way, and end."""
        self._node.follower.close()
        self._loop.close()

    def failures(self) -> int:
        """Whether following has ended for a reason that is no trouble of the ledger's. Trouble shows in the age."""
        return int(self._loop.stopped)

    def _step(self) -> None:
        if not self._is_recovered:
            self._node.follower.recover()
            self._is_recovered = True
        try:
            self._node.follower.step()
        except AttachmentError as error:
            if str(error) != self._missing:
                self._log.error("attachment_missing", error=str(error))
            self._missing = str(error)
        else:
            self._missing = None
