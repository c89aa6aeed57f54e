"""A real OpenID provider on loopback, and the settings by which a ledger's desk asks it."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from loadtests.port import free_port
from tests.api.served import SLUG

NODE: Final = Path(__file__).parents[1] / "node"
CLIENT: Final = "cairn-desk"
SECRET: Final = "a secret of the tests, which is long enough"
GROUP: Final = "credential-officers"
ACCOUNTS: Final[dict[str, dict[str, Any]]] = {
    "anna": {"email": "anna@riverside.example", "email_verified": True, "groups": ["staff", GROUP]},
    "bob": {"email": "bob@riverside.example", "email_verified": True, "groups": ["staff"]},
    "eve": {"email": "anna@riverside.example", "email_verified": False, "groups": [GROUP]},
}


@dataclass(frozen=True)
class OpenIdProvider:
    """A provider that runs.

    Attributes:
        issuer: Its identifier.
        settings: The file for `CAIRN_DESK_ACCOUNTS`.
    """

    issuer: str
    settings: Path


@contextmanager
def provider(directory: Path, ledger: str, client: Mapping[str, object], *, userinfo: bool) -> Iterator[OpenIdProvider]:
    """Run `oidc-provider` until the block ends.

    Args:
        directory: Where its files go.
        ledger: Address of the ledger that people sign in to.
        client: What it has to know of the ledger beside that.
        userinfo: Whether claims are told at the userinfo endpoint alone, as the standard has it, or in the ID token.
    """
    module = NODE / "node_modules" / "oidc-provider"
    assert module.exists(), "there is no oidc-provider: make test-setup, or npm ci in tests/node"
    port = free_port()
    certificate, key = _certificate(directory)
    asked = {
        "port": port,
        "certificate": str(certificate),
        "key": str(key),
        "accounts": ACCOUNTS,
        "userinfo": userinfo,
        "client": {"client_id": CLIENT, "redirect_uris": [f"{ledger}/desk/account/done/{SLUG}"], **client},
    }
    file = directory / "provider.json"
    file.write_text(json.dumps(asked))
    command = ["node", str(NODE / "oidc_provider.mjs"), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "listening"
            issuer = f"https://127.0.0.1:{port}"
            yield OpenIdProvider(issuer, _settings(directory, issuer, certificate, "client_secret" in client))
        finally:
            process.terminate()


def _settings(directory: Path, issuer: str, certificate: Path, has_secret: bool) -> Path:  # noqa: FBT001  of this file
    (directory / "secret").write_text(f"{SECRET}\n")
    secret = 'client_secret_file = "secret"' if has_secret else ""
    file = directory / "accounts.toml"
    file.write_text(
        f"""
[[provider]]
issuer = "{issuer}"
client_id = "{CLIENT}"
{secret}
networks = ["127.0.0.1/32"]
certificates = "{certificate.name}"

[[provider.grant]]
institution = "{SLUG}"
claim = "groups"
value = "{GROUP}"
"""
    )
    return file


def _certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "login.test")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = directory / "provider.pem", directory / "provider.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return certificate, private
