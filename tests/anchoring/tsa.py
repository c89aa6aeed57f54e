"""Real time-stamp authorities: `openssl ts` and certomancer, behind a loopback HTTP server."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from certomancer.services import TimeStamper
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# No `certs` line: openssl would embed an unsorted SET of certificates, which strict DER refuses.
OPENSSL_CONFIG = """
[tsa]
default_tsa = tsa_here
[tsa_here]
serial = {directory}/serial
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
"""


class Authority(NamedTuple):
    """A time-stamp authority's certificate, its key, and its root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    root: x509.Certificate


def make_authority(name: str, now: datetime) -> Authority:
    """Return a new authority under a new root."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} root")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    base = (
        x509.CertificateBuilder()
        .issuer_name(root_name)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
    )
    root = (
        base.subject_name(root_name)
        .public_key(root_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    certificate = (
        base.subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return Authority(certificate, key, root)


def openssl_responder(authority: Authority, directory: Path) -> Callable[[bytes], bytes]:
    """Return a function that answers time-stamp requests by running openssl."""
    (directory / "serial").write_text("01\n")
    (directory / "tsa.cnf").write_text(OPENSSL_CONFIG.format(directory=directory))
    (directory / "tsa.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (directory / "key.pem").write_bytes(authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def respond(request: bytes) -> bytes:
        (directory / "request").write_bytes(request)
        command: list[str | Path] = ["openssl", "ts", "-reply"]
        command += ["-queryfile", directory / "request", "-config", directory / "tsa.cnf"]
        command += ["-signer", directory / "tsa.pem", "-inkey", directory / "key.pem"]
        return subprocess.run(command, check=True, capture_output=True).stdout

    return respond


def certomancer_responder(authority: Authority, at: datetime | None = None) -> Callable[[bytes], bytes]:
    """Return a function that answers time-stamp requests with certomancer, at any time."""
    key = authority.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    stamper = TimeStamper(
        asn1_x509.Certificate.load(authority.certificate.public_bytes(Encoding.DER)),
        keys.PrivateKeyInfo.load(key),
        fixed_dt=at,
    )

    def respond(request: bytes) -> bytes:
        response: bytes = stamper.request_tsa_response(tsp.TimeStampReq.load(request)).dump()
        return response

    return respond


@contextmanager
def served(respond: Callable[[bytes], bytes]) -> Iterator[Callable[[bytes], bytes]]:
    """Serve a responder over loopback HTTP and yield a transport to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = respond(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    try:
        yield partial(post, server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def post(port: int, request: bytes) -> bytes:
    """Send a time-stamp request to a loopback port."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/timestamp-query"}
        connection.request("POST", "/", request, headers)
        return connection.getresponse().read()
    finally:
        connection.close()
