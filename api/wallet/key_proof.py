"""The proof of a wallet that it has the private half of a key.

1. The request has the shape that OpenID4VCI 1.0 gives it, with exactly one proof, a JWT.
2. The JWT is typed as such a proof, names one key in its header (``jwk``, or ``kid`` as a did:key or did:jwk URL, which
   hold the key themselves: nothing is fetched), and that key has signed it.
3. It is for this Credential Issuer, from just now, and has a nonce of ours that nobody has used.
4. The key is one that documents are bound to: Ed25519 or P-256.

The first three are openvc's work. Its decoders pass over what stands beside the key in a ``kid``, so the DID that is
signed is made of the key here, and never the text that was sent.

Source: OpenID4VCI 1.0 section 8.2 and appendix F.1.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import permutations
from typing import Any, Final

import msgspec
from openvc.did.base import DidResolutionError, DidResolverRegistry
from openvc.did.did_jwk import DidJwkResolver
from openvc.did.did_key import DidKeyResolver
from openvc.errors import OpenvcError
from openvc.openid4vci import (
    CredentialRequest,
    CredentialRequestMalformed,
    ProofReplayed,
    UnsupportedProofType,
    VerifiedProof,
    parse_credential_request,
    verify_credential_request_proofs,
)

from api.wallet.fault import WalletFault
from ledger.claim import check_holder_key
from ledger.error import InvalidInputError
from ledger.multibase import encode_multibase
from ledger.signing_algorithm import ED25519_MULTICODEC, P256_MULTICODEC
from ledger.wallet_copy import Holder

ALGORITHMS: Final = frozenset({"EdDSA", "Ed25519", "ES256"})
MEMBERS: Final = {"OKP": ("kty", "crv", "x"), "EC": ("kty", "crv", "x", "y")}
MAX_KID_CHARS: Final = 1_024
"""A did:jwk URL of a P-256 key has some 250."""
WRONG_PROOF: Final = "the key proof is wrong: "


@dataclass(frozen=True, slots=True)
class ProvedKey:
    """A key whose private half the wallet has.

    Attributes:
        holder: The key as documents name it.
        thumbprint: RFC 7638.
        client_id: Who the wallet says it is; None: it does not say.
    """

    holder: Holder
    thumbprint: str
    client_id: str | None


def parse_request(body: object) -> CredentialRequest:
    """Step 1.

    Raises:
        WalletFault: It has another shape, or asks for what is not to be had here.
    """
    if not isinstance(body, dict):
        raise WalletFault("invalid_credential_request", "the body is not a JSON object")
    if body.get("credential_response_encryption") is not None:
        raise WalletFault("invalid_encryption_parameters", "credential responses are not encrypted here")
    if "proofs" not in body:
        raise WalletFault("invalid_proof", "proofs is missing; a key has to be proved")
    try:
        request = parse_credential_request(body)
    except UnsupportedProofType as error:
        raise WalletFault("invalid_proof", "the one type of proof is jwt") from error
    except CredentialRequestMalformed as error:
        raise WalletFault("invalid_credential_request", plain(error)) from error
    if request.credential_identifier is not None:
        raise WalletFault("unknown_credential_identifier", "ask by credential_configuration_id")
    return request


def verify_proof(request: CredentialRequest, issuer: str, use_nonce: Callable[[str], bool], now: datetime) -> ProvedKey:
    """Steps 2 to 4.

    Args:
        request: As it was parsed.
        issuer: The Credential Issuer Identifier.
        use_nonce: Uses a nonce up, once.
        now: The present.

    Raises:
        WalletFault: The proof does not prove anything, or the nonce is no good.
    """
    try:
        [proof] = verify_credential_request_proofs(
            request,
            credential_issuer=issuer,
            check_nonce=use_nonce,
            resolve_proof_key=resolve_key,
            allowed_algs=ALGORITHMS,
            now=now,
        )
        holder = _holder(proof)
    except ProofReplayed as error:
        raise WalletFault("invalid_nonce", "the nonce is unknown, used or over; ask for a fresh one") from error
    except (OpenvcError, InvalidInputError, ValueError) as error:
        raise WalletFault("invalid_proof", WRONG_PROOF + plain(error)) from error
    return ProvedKey(holder, proof.thumbprint, proof.client_id)


def resolve_key(kid: str) -> dict[str, Any]:
    """The key that a did:key or did:jwk URL names, or the one that such a DID is.

    Raises:
        DidError: It is none.
    """
    if len(kid) > MAX_KID_CHARS:
        message = "the kid is too long"
        raise DidResolutionError(message)
    did, _, fragment = kid.partition("#")
    document = DidResolverRegistry([DidKeyResolver(), DidJwkResolver()]).resolve(did)
    wanted = document.verification_methods if not fragment else [
        one for one in document.verification_methods if one.id in {kid, f"#{fragment}"}
    ]  # fmt: skip
    for method in wanted:
        if method.public_key_jwk is not None:
            return dict(method.public_key_jwk)
    message = "the DID has no such key"
    raise DidResolutionError(message)


def _holder(proof: VerifiedProof) -> Holder:
    kept = MEMBERS.get(str(proof.public_jwk.get("kty")), ())
    jwk = {name: str(proof.public_jwk[name]) for name in kept if name in proof.public_jwk}
    check_holder_key(jwk)
    return Holder(jwk, holder_did(str(proof.header.get("kid", "")).partition("#")[0], jwk))


def holder_did(named: str, jwk: dict[str, str]) -> str:
    """The DID that documents call a holder by: of the method of *named*, and made of the key alone.

    Args:
        named: How the wallet calls the key, whatever else stands in it.
        jwk: The key. The order that its members have in a did:jwk of the wallet's stays as it is.
    """
    if named.startswith("did:key:"):
        return did_key(jwk)
    spellings = [did_jwk({name: jwk[name] for name in order}) for order in permutations(jwk)]
    return named if named in spellings else spellings[0]


def did_jwk(jwk: dict[str, str]) -> str:
    """The DID that is a key, as JSON without spaces."""
    return "did:jwk:" + base64.urlsafe_b64encode(msgspec.json.encode(jwk)).rstrip(b"=").decode("ascii")


def did_key(jwk: dict[str, str]) -> str:
    """The DID that is a key, as a Multikey. Source: The did:key Method, section 2.1; SEC 1, section 2.3.3."""
    x = _coordinate(jwk, "x")
    if jwk["kty"] == "OKP":
        return "did:key:" + encode_multibase(ED25519_MULTICODEC + x)
    sign = bytes([2 + _coordinate(jwk, "y")[-1] % 2])
    return "did:key:" + encode_multibase(P256_MULTICODEC + sign + x)


def _coordinate(jwk: dict[str, str], name: str) -> bytes:
    return base64.urlsafe_b64decode(jwk[name] + "=")


def plain(error: Exception) -> str:
    """What a library says, as an error description may say it: printable ASCII but quotes and backslashes, not long.

    Source: RFC 6749 section 5.2.
    """
    text = ""
    with suppress(ValueError):
        text = str(error)
    return "".join(one if " " <= one <= "~" and one not in '"\\' else "?" for one in text)[:200]
