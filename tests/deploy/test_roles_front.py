"""The nginx sample of a ledger of several processes: which of them each address is asked of."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest

from loadtests.front import nginx_program
from loadtests.port import free_port
from tests.system.roles_front import RolesFront, configured_roles

NAMES: Final = ("issuer 1", "issuer 2", "verifier 1", "verifier 2")
TIMES: Final = 6
"""As often each is asked: whatever is shared out would come to both."""
ONE_ISSUER: Final = frozenset({"issuer 1"})
OTHER_ISSUER: Final = frozenset({"issuer 2"})
ISSUERS: Final = {"issuer 1", "issuer 2"}
VERIFIERS: Final = {"verifier 1", "verifier 2"}
FOR_WALLETS: Final = [
    ("GET", "/mine/wallet?lang=en"),
    ("POST", "/mine/wallet"),
    ("GET", "/.well-known/openid-credential-issuer/institutions/riverside-university"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/openid4vci/offers/xyz"),
    ("OPTIONS", "/openid4vci/token"),
    ("POST", "/openid4vci/token"),
    ("POST", "/openid4vci/nonce"),
    ("POST", "/openid4vci/credential"),
]


class Named(ThreadingHTTPServer):
    """A server that says its name, or refuses by a status, whatever it is asked."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.name = name
        self.status = 200
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=name)
        self._thread.start()

    def close(self) -> None:
        """Stop; nobody listens there any more."""
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, Named)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(server.name)))
        self.end_headers()
        self.wfile.write(server.name.encode())

    do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815  names of the library

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as the library calls it
        """Say nothing."""


@dataclass
class Fronted:
    """Four servers that say their names, and nginx before them."""

    servers: list[Named]
    http: httpx.Client

    def asked(self, method: str, path: str, times: int = TIMES, **headers: str) -> set[str]:
        """Who answers."""
        content = b"a=b" if method == "POST" else None
        answers = [self.http.request(method, path, content=content, headers=headers) for _ in range(times)]
        return {one.text for one in answers}


@pytest.fixture
def fronted(tmp_path: Path) -> Iterator[Fronted]:
    servers = [Named(name) for name in NAMES]
    ports = [one.server_address[1] for one in servers]
    front = RolesFront(tmp_path / "nginx", ports[:2], ports[2:])
    try:
        with httpx.Client(base_url=front.url, timeout=30) as client:
            yield Fronted(servers, client)
    finally:
        front.close()
        for server in servers:
            server.close()


def test_sample_is_accepted_when_nginx_checks_it(tmp_path: Path) -> None:
    main = configured_roles(tmp_path / "nginx", free_port(), [8000, 8001], [8010, 8011], free_port())
    done = subprocess.run([nginx_program(), "-t", "-c", str(main)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_everything_of_an_offer_to_a_wallet_goes_to_one_issuer(fronted: Fronted) -> None:
    assert {one: fronted.asked(*one) for one in FOR_WALLETS} == dict.fromkeys(FOR_WALLETS, ONE_ISSUER)
    assert fronted.asked("POST", "/openid4vci/credential", Authorization="Bearer x") == ONE_ISSUER


def test_other_issuer_makes_offers_while_the_one_for_wallets_is_gone(fronted: Fronted) -> None:
    fronted.servers[0].close()
    assert {one: fronted.asked(*one) for one in FOR_WALLETS} == dict.fromkeys(FOR_WALLETS, OTHER_ISSUER)


def test_refusal_of_the_issuer_for_wallets_is_an_answer_and_is_not_asked_of_the_other(fronted: Fronted) -> None:
    fronted.servers[0].status = 503
    assert fronted.asked("POST", "/openid4vci/credential") == ONE_ISSUER


def test_writes_are_shared_out_and_questions_are_asked_of_the_verification_nodes(fronted: Fronted) -> None:
    assert fronted.asked("POST", "/v1/credentials", Authorization="Bearer x") == ISSUERS
    assert fronted.asked("GET", "/mine") == ISSUERS
    [at_desk] = fronted.asked("POST", "/desk/awards")
    assert at_desk in ISSUERS
    for method, path in (("GET", "/v1/credentials/x/status"), ("POST", "/v1/verify"), ("GET", "/verify")):
        [node] = fronted.asked(method, path)
        assert node in VERIFIERS
