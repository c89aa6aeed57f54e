"""The certificates that the certificate chains of foreign issuers may lead to, from a file of the operator's."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from api.setting import SettingError


def read_anchors(path: Path | None) -> tuple[bytes, ...]:
    """Read the anchors.

    Args:
        path: A file of certificates in PEM; None: there are none.

    Returns:
        Each in DER.

    Raises:
        SettingError: The file cannot be read, or holds no certificate.
    """
    if path is None:
        return ()
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        message = f"CAIRN_ISSUER_ANCHORS is no file of certificates in PEM: {type(error).__name__}"
        raise SettingError(message) from error
    return tuple(one.public_bytes(Encoding.DER) for one in found)
