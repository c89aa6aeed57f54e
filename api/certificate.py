"""A self-signed certificate for a server that is reached from its own machine alone.

Source: RFC 5280, section 4.2 (extensions); RFC 9525 (names of servers stand in subjectAltName).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DIRECTORY: Final = "https"
LIFETIME: Final = timedelta(days=397)
"""Longest time that browsers take of a server's certificate."""
LEFT_AT_LEAST: Final = timedelta(days=7)
NAMES: Final = ("localhost",)
ADDRESSES: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a certificate and its private key, in PEM.

    Attributes:
        certificate: What clients are given to trust.
        key: Readable by its owner alone.
    """

    certificate: Path
    key: Path


def settle_certificate(data: Path, now: datetime) -> Certificate:
    """Give the certificate in the data directory, making one where there is none or it is about to expire.

    Raises:
        OSError: The directory cannot be written.
    """
    place = data / DIRECTORY
    files = Certificate(place / "certificate.pem", place / "key.pem")
    if not _serves(files, now):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(files, now)
    return files


def _serves(files: Certificate, now: datetime) -> bool:
    try:
        known = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError):
        return False
    return files.key.exists() and known.not_valid_after_utc - now > LEFT_AT_LEAST


def _make(files: Certificate, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName(one) for one in NAMES]
    addresses = [x509.IPAddress(ip_address(one)) for one in ADDRESSES]
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        # Its own authority, so that a client can be told to trust it, and nothing below it.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # The key first: a crash in between leaves a key without a certificate, and the next start makes both anew.
    _write(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(files.certificate, made.public_bytes(Encoding.PEM))


def _write(file: Path, content: bytes) -> None:
    temporary = file.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
