"""`cairn serve-https`: what it says, whom it serves, and what it refuses to be used for."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from api.certificate import settle_certificate
from api.cli.serve_https import is_loopback
from loadtests.port import free_port
from tests.system.serving import Serving, cairn
from tests.system.suite_server import SuiteServing, credential


def test_server_says_its_issuers_and_endpoints_and_that_it_asks_for_no_key(suite: SuiteServing) -> None:
    said = suite.output_file.read_text("utf-8")
    assert "NO KEY IS ASKED FOR" in said
    issuers = suite.issuers()
    assert list(issuers) == ["Ed25519", "P-256", "P-384"]
    assert [issuers[kind][:12] for kind in issuers] == ["did:key:z6Mk", "did:key:zDna", "did:key:z82L"]
    for path in ("credentials/issue", "credentials/verify", "presentations/verify", "credentials/status"):
        assert f"{suite.url}/vc-api/{path}" in said
    for did in issuers.values():
        resolved = suite.http.get(f"/1.0/identifiers/{did}").json()["didDocument"]
        assert resolved["assertionMethod"] == [f"{did}#{did.removeprefix('did:key:')}"]


def test_server_is_trusted_by_its_certificate_alone(suite: SuiteServing) -> None:
    with httpx.Client(base_url=suite.url) as stranger, pytest.raises(httpx.ConnectError):
        stranger.get("/livez")
    assert suite.http.get("/livez").status_code == httpx.codes.OK
    context = ssl.create_default_context(cafile=suite.certificate)
    with httpx.Client(verify=context) as by_address:
        assert by_address.get(f"https://127.0.0.1:{suite.port}/livez").status_code == httpx.codes.OK
    assert "strict-transport-security" not in suite.http.get("/livez").headers


def test_server_keeps_its_issuers_and_credentials_when_it_is_started_again(tmp_path: Path) -> None:
    server = SuiteServing(tmp_path / "data", tmp_path / "home")
    server.start()
    try:
        issuers, certificate = server.issuers(), server.certificate.read_bytes()
        kept, revoked = server.issued(), server.issued()
        assert server.set_status(revoked["id"]).status_code == httpx.codes.OK
        assert server.stop() == 0
        server.output_file.unlink()
        server.start()
        assert server.issuers() == issuers
        assert server.certificate.read_bytes() == certificate
        assert server.verify(kept).json() == {"verified": True}
        assert server.verify(revoked).status_code == httpx.codes.BAD_REQUEST
        assert server.set_status(kept["id"]).status_code == httpx.codes.OK
    finally:
        server.close()


def test_server_refuses_to_listen_where_others_reach_it(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "ledger.example"):  # noqa: S104  refused, not bound to
        done = cairn(tmp_path, "serve-https", "--data", tmp_path / "data", "--host", host, "--port", str(free_port()))
        assert done.returncode != 0
        assert "signs for whoever asks" in done.stderr
        assert not (tmp_path / "data").exists()


def test_server_refuses_the_ledger_of_somebody_else(tmp_path: Path) -> None:
    server = Serving(tmp_path / "data", tmp_path / "home")
    server.start()
    server.close()
    done = cairn(tmp_path, "serve-https", "--data", tmp_path / "data", "--port", str(free_port()))
    assert done.returncode != 0
    assert "not one that serve-https made" in done.stderr


@pytest.mark.parametrize(
    "host, wanted",
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("localhost.example", False),
        ("0.0.0.0", False),  # noqa: S104  recognised, not bound to
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_host_is_known_to_be_loopback(host: str, *, wanted: bool) -> None:
    assert is_loopback(host) is wanted


def test_certificate_is_kept_until_it_is_about_to_expire(tmp_path: Path) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    files = settle_certificate(tmp_path, now)
    first = files.certificate.read_bytes()
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert settle_certificate(tmp_path, now + timedelta(days=380)).certificate.read_bytes() == first
    renewed = settle_certificate(tmp_path, now + timedelta(days=391)).certificate.read_bytes()
    assert renewed != first
    files.key.unlink()
    assert settle_certificate(tmp_path, now + timedelta(days=391)).certificate.read_bytes() != renewed
    files.certificate.write_bytes(b"nothing")
    made = settle_certificate(tmp_path, now)
    names = x509.load_pem_x509_certificate(made.certificate.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


def test_plain_server_asks_for_keys_whatever_it_was_made_by(tmp_path: Path) -> None:
    """The data of `serve-https` served by `cairn serve` are a ledger like any other: nobody signs without a key."""
    server = SuiteServing(tmp_path / "data", tmp_path / "home")
    server.start()
    issuer = server.issuers()["Ed25519"]
    server.close()
    plain = Serving(tmp_path / "data", tmp_path / "home")
    plain.start()
    try:
        answered = plain.http.post("/vc-api/credentials/issue", json={"credential": credential(issuer)})
        assert answered.status_code == httpx.codes.UNAUTHORIZED
    finally:
        plain.close()
