"""Time anchors by RFC 3161 time-stamp authorities.

The stamped message is the signed checkpoint note, byte for byte, hashed with SHA-256. The token
kept is the whole DER TimeStampResp. The authority's certificate is pinned: a token by any other
signer is refused, whoever issued that signer's certificate.

What a token proves: the note existed at the time in it. What it does not: that the log showed
everybody the same note. An attacker who rewrites history can have a fresh token for it.

Source: RFC 3161; RFC 5816.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography.x509 import Certificate
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerifierBuilder,
    decode_timestamp_response,
)

from anchoring.anchor_record import require_anchor_name
from anchoring.error import AnchorError, SignatureError
from anchoring.time_anchor import AnchorProof

KIND: Final = "rfc3161"
MAX_TOKEN_BYTES: Final = 64 * 1024  # a response with a long certificate chain is below 16 KiB

Transport = Callable[[bytes], bytes]
"""Sends a DER TimeStampReq and returns the DER TimeStampResp; sets its own time-out."""


def verify_rfc3161(
    token: bytes,
    message: bytes,
    tsa_certificate: Certificate,
    *,
    intermediates: Sequence[Certificate] = (),
    roots: Sequence[Certificate] = (),
    nonce: int | None = None,
) -> datetime:
    """Check a time-stamp response over a message.

    Args:
        token: DER TimeStampResp, at most 64 KiB.
        message: What was stamped.
        tsa_certificate: The authority's signing certificate, which must have the critical
            time-stamping key usage.
        intermediates: Certificates between it and a root.
        roots: Trusted roots; may be left out if the signing certificate is self-signed.
        nonce: The nonce of the request; None when it is no longer known.

    Returns:
        The time in the token, aware UTC. The certificates were valid at that time; whether they
        are now does not matter.

    Raises:
        SignatureError: Anything about it is wrong.

    Not checked: revocation of the certificates; the authority's policy and accuracy.

    Source: RFC 3161 section 2.4.2.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise SignatureError(f"a time-stamp response of {len(token)} bytes")
    verifier = VerifierBuilder(
        tsa_certificate=tsa_certificate,
        intermediates=list(intermediates),
        roots=list(roots) or [tsa_certificate],
        nonce=nonce,
    ).build()
    try:
        response = decode_timestamp_response(token)
        verifier.verify_message(response, message)
        time = response.tst_info.gen_time
    except Exception as error:  # hostile DER makes the libraries raise many kinds
        raise SignatureError(f"the time-stamp response is not acceptable: {error}") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


class Rfc3161Anchor:
    """A `TimeAnchor` that asks one time-stamp authority."""

    kind: Final = KIND

    def __init__(
        self,
        name: str,
        transport: Transport,
        tsa_certificate: Certificate,
        *,
        intermediates: Sequence[Certificate] = (),
        roots: Sequence[Certificate] = (),
    ) -> None:
        """Take the anchor's name, the way to the authority, and what its tokens must verify by.

        Raises:
            MalformedError: The name is empty, longer than 128 characters or not printable.
        """
        require_anchor_name(name)
        self.name: Final = name
        self._transport = transport
        self._certificate = tsa_certificate
        self._intermediates, self._roots = tuple(intermediates), tuple(roots)

    def stamp(self, checkpoint_note: bytes) -> AnchorProof:
        """Ask for a token with a fresh nonce and verify it; see `TimeAnchor.stamp`."""
        request = (
            TimestampRequestBuilder()
            .data(checkpoint_note)
            .hash_algorithm(HashAlgorithm.SHA256)
            .nonce(nonce=True)
            .cert_request(cert_request=True)
            .build()
        )
        try:
            token = self._transport(request.as_bytes())
        except Exception as error:
            raise AnchorError(f"{self.name} cannot be reached: {error}") from error
        try:
            at = verify_rfc3161(
                token,
                checkpoint_note,
                self._certificate,
                intermediates=self._intermediates,
                roots=self._roots,
                nonce=request.nonce,
            )
        except SignatureError as error:
            raise AnchorError(f"{self.name} gave no usable token") from error
        return AnchorProof(KIND, self.name, at, token)
