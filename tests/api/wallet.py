"""A wallet by hand: keys, key proofs and each request by itself, so that every part of them can be wrong."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from html import unescape
from typing import Any, Final, TypeAlias

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openvc.keys import Ed25519SigningKey, P256SigningKey
from openvc.multibase import encode_multibase
from openvc.openid4vci import GRANT_PRE_AUTHORIZED_CODE

from tests.api.served import Http

Json = dict[str, Any]
Asked: TypeAlias = Http | httpx.Client

PROOF: Final[Json] = {"typ": "openid4vci-proof+jwt"}


@dataclass(frozen=True)
class Key:
    """A key of a wallet's."""

    signing: Ed25519SigningKey | P256SigningKey
    private: Json
    did_key: str

    @property
    def alg(self) -> str:
        """The JOSE name of what it signs with."""
        return self.signing.alg

    @property
    def public(self) -> Json:
        """The public half as a JWK."""
        return {name: value for name, value in self.private.items() if name != "d"}

    @property
    def did_jwk(self) -> str:
        """A DID that is the key."""
        return did_jwk(self.public)

    @property
    def urls(self) -> dict[str, str]:
        """What a proof calls the key, by the method of the DID."""
        return {"did:key": f"{self.did_key}#{self.did_key.removeprefix('did:key:')}", "did:jwk": f"{self.did_jwk}#0"}

    def jwt(self, header: Json, claims: Json) -> str:
        """Sign whatever it is."""
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{encoded(self.signing.sign(signed.encode()))}"

    def proof(self, issuer: str, nonce: object, *, header: Json | None = None, **claims: object) -> str:
        """A key proof; members of *header* and *claims* that are None are left out."""
        head = {**PROOF, "alg": self.alg, "jwk": self.public, **(header or {})}
        told = {"aud": issuer, "iat": int(time.time()), "nonce": nonce, **claims}
        return self.jwt(*({name: one for name, one in part.items() if one is not None} for part in (head, told)))


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def did_jwk(jwk: Json) -> str:
    """The DID that such a key is, without a space more than JSON needs."""
    return "did:jwk:" + encoded(json.dumps(jwk, separators=(",", ":")).encode())


def decoded(text: str) -> Any:  # noqa: ANN401  any JSON
    """JSON in base64url without padding."""
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def ed25519_key() -> Key:
    """A fresh one."""
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes_raw()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw), "d": encoded(private.private_bytes_raw())}
    return Key(Ed25519SigningKey(private, "w"), jwk, "did:key:" + encode_multibase(b"\xed\x01" + raw))


def p256_key() -> Key:
    """A fresh one."""
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.private_numbers()
    x, y = numbers.public_numbers.x.to_bytes(32), numbers.public_numbers.y.to_bytes(32)
    jwk = {"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)}
    point = (b"\x03" if y[-1] % 2 else b"\x02") + x
    did = "did:key:" + encode_multibase(b"\x80\x24" + point)
    return Key(P256SigningKey(private, "w"), {**jwk, "d": encoded(numbers.private_value.to_bytes(32))}, did)


@dataclass(frozen=True)
class Offered:
    """What a learner's page shows.

    Attributes:
        photographed: The link in the QR code.
        opened: The link for a wallet of the same device.
        tx_code: The code to type.
    """

    photographed: str
    opened: str
    tx_code: str

    @property
    def offer(self) -> Json:
        """The offer, out of the link for the same device."""
        read: Json = json.loads(httpx.URL(self.opened).params["credential_offer"])
        return read

    @property
    def address(self) -> str:
        """Where the offer is, out of the QR code's link."""
        return httpx.URL(self.photographed).params["credential_offer_uri"]

    @property
    def code(self) -> str:
        """The pre-authorized code."""
        return str(self.offer["grants"][GRANT_PRE_AUTHORIZED_CODE]["pre-authorized_code"])

    @property
    def wrong_tx_code(self) -> str:
        """Another code than the one to type."""
        return f"{(int(self.tx_code) + 1) % 10 ** len(self.tx_code):0{len(self.tx_code)}}"


def read_offer(page: str) -> Offered:
    """Read the page that has just made an offer."""
    photographed = re.search(r'<code id="offer-url"[^>]*>([^<]*)<', page)
    opened = re.search(r'href="(openid-credential-offer:[^"]*)"', page)
    tx_code = re.search(r'id="tx-code">([0-9]{6})<', page)
    assert photographed is not None
    assert opened is not None
    assert tx_code is not None
    return Offered(unescape(photographed[1]), unescape(opened[1]), tx_code[1])


def ask_token(http: Asked, offered: Offered, **members: str | None) -> httpx.Response:
    """Ask for a token; members that are None are left out."""
    form = {"grant_type": GRANT_PRE_AUTHORIZED_CODE, "pre-authorized_code": offered.code, "tx_code": offered.tx_code}
    sent = {name: value for name, value in {**form, **members}.items() if value is not None}
    return http.post("/openid4vci/token", data=sent)


def ask_nonce(http: Asked) -> str:
    """Ask for a nonce."""
    answered = http.post("/openid4vci/nonce")
    assert answered.status_code == httpx.codes.OK, answered.text
    assert answered.headers["cache-control"] == "no-store"
    return str(answered.json()["c_nonce"])


def ask_credential(http: Asked, token: str, body: object) -> httpx.Response:
    """Ask for a credential with any body."""
    return http.post("/openid4vci/credential", json=body, headers={"Authorization": f"Bearer {token}"})


def request_for(form: str, *proofs: str) -> Json:
    """A credential request."""
    return {"credential_configuration_id": form, "proofs": {"jwt": list(proofs)}}


def take(http: Asked, offered: Offered, key: Key) -> str:
    """Everything that a wallet does, and the credential that it gets."""
    answered = ask_token(http, offered)
    assert answered.status_code == httpx.codes.OK, answered.text
    offer = offered.offer
    proof = key.proof(offer["credential_issuer"], ask_nonce(http))
    form = offer["credential_configuration_ids"][0]
    made = ask_credential(http, answered.json()["access_token"], request_for(form, proof))
    assert made.status_code == httpx.codes.OK, made.text
    [one] = made.json()["credentials"]
    return str(one["credential"])
