"""``cairn serve-https``: a ledger over https on this machine alone, for the public suites to be pointed at."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

import typer
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from api.access_log import make_log
from api.app import make_app
from api.certificate import Certificate, settle_certificate
from api.cli.listening import listen
from api.cli.serve import Process
from api.cli.terminal import Terminal
from api.identity import IdentityError
from api.ledger_node import system_clock
from api.node import Node
from api.runtime import Runtime
from api.setting import Settings, load_settings
from ledger.access import Actor
from ledger.error import NotFoundError
from ledger.signing_algorithm import Algorithm

DEFAULT_DATA: Final = Path("var/https")
STAND_IN: Final = Actor(name="serve-https", role="operator")
ISSUERS: Final[tuple[tuple[str, str, Algorithm], ...]] = (
    ("example-ed25519", "Example University", "Ed25519"),
    ("example-p256", "Example College", "P-256"),
    ("example-p384", "Example Academy", "P-384"),
)
"""Institutions that are there from the first start: slug, name, and the kind of the key that each one is."""


def serve_https(
    data: Annotated[Path, typer.Option("--data", help="Data directory; made when it is not there.")] = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 8443,
    host: Annotated[str, typer.Option(help="Address to listen on; a loopback address.")] = "127.0.0.1",
    quiet: Annotated[bool, typer.Option("--quiet", help="Write warnings and errors alone to standard error.")] = False,
) -> None:
    """Serve over https with did:key issuers that sign for anyone on this machine: for conformance suites.

    Never for real credentials. docs/conformance.md says how suites are pointed at it.
    """
    terminal = Terminal()
    if not is_loopback(host):
        terminal.fail(f"{host} can be reached by others, and this server signs for whoever asks; use 127.0.0.1")
    try:
        listener = listen(host, port)
    except OSError as error:
        terminal.fail(f"cannot listen on {host} port {port}: {error.strerror or error}; choose another with --port")
    with listener:
        settings = load_settings(
            os.environ, data_dir=data, host=host, port=port, base_url=f"https://localhost:{port}", demonstration=True
        )
        certificate = settle_certificate(data, system_clock())
        process = SuiteProcess(settings, terminal, make_log(sys.stderr, system_clock, is_quiet=quiet), certificate)
        failure = process.run(listener)
    if failure is not None:
        terminal.fail(failure)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach *host*."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SuiteProcess(Process):
    """A serving process that has issuers from the first start, and signs for whoever asks.

    Args:
        settings: What the operator decided; the host is a loopback address.
        terminal: Where messages go.
        log: Where requests and background work are recorded.
        certificate: What to serve https with.
    """

    def __init__(
        self, settings: Settings, terminal: Terminal, log: FilteringBoundLogger, certificate: Certificate
    ) -> None:
        super().__init__(settings, terminal, log, certificate=certificate)
        self._certificate = certificate
        self._issuers: list[tuple[str, str]] = []

    def _application(self, node: Node, runtime: Runtime) -> ASGIApp:
        identity, wanted = node.parts.identity, self._settings.base_url
        if identity.base_url != wanted or not identity.demonstration:
            message = (
                f"{self._settings.data_dir} is the ledger of {identity.base_url}, not one that serve-https made for "
                f"{wanted}; name an empty directory with --data, or its own port with --port"
            )
            raise IdentityError(message)
        self._issuers = [(kind, settle_issuer(node, slug, name, kind)) for slug, name, kind in ISSUERS]
        node.wait_until_visible(node.ledger.newest())
        return make_app(node, runtime, system_clock, self._log, stand_in=STAND_IN, offer=self._shortcut.take)

    def _greet(self) -> None:
        base = self._settings.base_url
        for line in greeting(self._settings.data_dir, base, self._issuers, self._certificate):
            self._terminal.say(line)


def settle_issuer(node: Node, slug: str, name: str, kind: Algorithm) -> str:
    """Give the DID of the institution with *slug*, registering it with a did:key of that kind at the first start."""
    try:
        return node.ledger.institution(slug).did
    except NotFoundError:
        node.registry.register(slug=slug, name=name, country="EE", kind="university", actor=STAND_IN, did_key=kind)
        return node.ledger.institution(slug).did


def greeting(data: Path, base: str, issuers: list[tuple[str, str]], certificate: Certificate) -> list[str]:
    """Say what has been started, with what suites are to be told, and what it must not be used for."""
    return [
        f"Serving {data} on {base} (Ctrl-C stops it; the data stay)",
        "",
        "  NO KEY IS ASKED FOR: whoever reaches this port signs and revokes credentials. For tests alone.",
        "",
        *(f"  issuer    {kind:<8} {did}" for kind, did in issuers),
        f"  issue     {base}/vc-api/credentials/issue",
        f"  verify    {base}/vc-api/credentials/verify",
        f"  present   {base}/vc-api/presentations/verify",
        f"  status    {base}/vc-api/credentials/status",
        f"  resolve   {base}/1.0/identifiers/",
        f"  trust     {certificate.certificate}",
        "",
        "docs/conformance.md shows the suites' configuration.",
    ]
