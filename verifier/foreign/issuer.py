"""Whose key is it? From an issuer's identifier to the keys that the issuer itself says are its own.

    did:key, did:jwk     the identifier is the key
    did:web, did:webvh   the document that the named domain serves; of did:webvh with its whole history, verified
    https://...          the key set that the address names (JWT VC issuer metadata), or a key under the address itself
    any other, or an https address where there is nothing     the token's certificate chain, if it leads to an anchor

A document never chooses its key: a `kid` or a `jwk` in a token only selects among the issuer's keys, and a verification
method that is under another identifier than the issuer's is refused. A `kid` that is the address of a JWK, as
displayers of Open Badges read it, selects by what is there, and of an issuer with a DID only what its DID document
lists counts. What a key may be used for is read strictly: a document that lists no key for a purpose allows none.

Source: W3C Controlled Identifiers 1.0 sections 2.3 and 3.3; did:web and did:webvh 1.0 method specifications; IETF
SD-JWT VC section 4 (JWT VC issuer metadata); Open Badges 3.0 section 8.2.4 (kid).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from openvc.did.base import DidDocument, parse_did_document
from openvc.did.did_jwk import DidJwkResolver
from openvc.did.did_key import DidKeyResolver
from openvc.did.did_webvh import DidWebvhResolver
from openvc.errors import OpenvcError
from openvc.jwt_vc_issuer import jwt_vc_issuer_metadata_url, resolve_jwt_vc_issuer_key

from verifier.error import FormatError, InputError, KeyRefusedError, KeyUnavailableError
from verifier.foreign.certificate import chain_key
from verifier.foreign.credential import read_date
from verifier.foreign.jws import Jws
from verifier.foreign.source import MAX_SOURCE_BYTES, SourceMissingError, Sources, read_bytes, read_source
from verifier.public_key import PublicKey
from verifier.strict_json import Json

MAX_METHOD_CHARS: Final = 4_096
"""Longest identifier of a key; a did:jwk of an RSA key takes some 900 characters."""
MAX_KEYS: Final = 64
"""Most keys of one issuer that are looked at."""
ASSERTION: Final = "assertionMethod"
AUTHENTICATION: Final = "authentication"
SELF: Final = ("did:key:", "did:jwk:")
"""Identifiers that are keys: nobody but the key itself speaks for them."""
DOMAIN: Final = ("did:web:", "did:webvh:", "https://")
"""Identifiers whose document is the word of whoever runs the domain."""
ADDRESS: Final = ("https://", "http://")
"""How a `kid` begins that is the address of a key."""
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


class Issuers:
    """Finds keys. Remembers the documents that it has read, for the length of one judgement.

    Args:
        sources: Where documents of domains are.
        instant: As of which a key has to be in use, aware.
        anchors: Certificates, in DER, that the certificate chain of a token may lead to.
    """

    def __init__(self, sources: Sources, instant: datetime, anchors: Sequence[bytes] = ()) -> None:
        self._sources = sources
        self._instant = instant
        self._anchors = anchors
        self._documents: dict[str, DidDocument] = {}

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return the key of a verification method, from the document of the identifier that it is under.

        Raises:
            KeyRefusedError: There is none, or it is not for that purpose, or not any more.
            KeyUnavailableError: The document is not at hand.
        """
        controller, mark, _ = method.partition("#")
        if not mark:
            raise KeyRefusedError("a verification method without a fragment")
        return self._from_document(self._document(controller), method, purpose)

    def token_key(self, issuer: str, jws: Jws, purpose: str = ASSERTION) -> PublicKey:
        """Return the key of the issuer that a token's header selects.

        Args:
            issuer: The issuer that the token's claims name.
            jws: The token.
            purpose: What the key has to be for.

        Raises:
            KeyRefusedError: The issuer has no such key, or the header names another's.
            KeyUnavailableError: The issuer's keys are not at hand.
        """
        jwk = jws.header.get("jwk")
        if jwk is not None and (not isinstance(jwk, dict) or not _PRIVATE.isdisjoint(jwk)):
            raise KeyRefusedError("the header's key is no public key")
        key = self._of_issuer(issuer, jws, jwk, purpose)
        if jwk is not None and PublicKey.from_jwk(jwk).multibase != key.multibase:
            raise KeyRefusedError("the key in the header is not the issuer's")
        return key

    def _of_issuer(self, issuer: str, jws: Jws, jwk: Mapping[str, Any] | None, purpose: str) -> PublicKey:
        """Find the key by the issuer's identifier; where that leads nowhere, by the token's certificate chain."""
        if issuer.startswith("did:"):
            return self._from_did(issuer, jws, jwk, purpose)
        if issuer.startswith("https://"):
            try:
                return self._from_address(issuer, jws.kid)
            except KeyUnavailableError:
                if "x5c" not in jws.header:
                    raise
        elif "x5c" not in jws.header:
            raise KeyRefusedError(f"an issuer of a kind that is not known here: {issuer[:100]}")
        return chain_key(jws.header["x5c"], issuer, self._anchors, self._instant)

    def _from_did(self, issuer: str, jws: Jws, jwk: Mapping[str, Any] | None, purpose: str) -> PublicKey:
        document, kid = self._document(issuer), jws.kid
        if kid is not None and kid.startswith(ADDRESS):
            # The address of a JWK. It selects, where there is something to choose; the DID document decides.
            if jwk is None and len(self._usable(document, jws.alg, purpose)) != 1:
                jwk = self._addressed(issuer, kid)
            kid = None
        if kid is not None:
            method = kid if kid.startswith("did:") else f"{issuer}#{kid.removeprefix('#')}"
            if method.partition("#")[0] != issuer:
                raise KeyRefusedError(f"the key {kid[:100]} is not under the issuer {issuer[:100]}")
            return self._from_document(document, method, purpose)
        usable = self._usable(document, jws.alg, purpose)
        if jwk is not None:
            usable = [key for key in usable if key.multibase == PublicKey.from_jwk(jwk).multibase]
        if len(usable) != 1:
            raise KeyRefusedError(f"the header selects {len(usable)} keys of the issuer where it has to be one")
        return usable[0]

    def _usable(self, document: DidDocument, alg: str, purpose: str) -> list[PublicKey]:
        """Return the issuer's keys for an algorithm."""
        keys = [self._from_document(document, method, purpose) for method in _methods(document, purpose)]
        return [key for key in keys if key.is_for(alg)]

    def _addressed(self, issuer: str, kid: str) -> Mapping[str, Any]:
        """Read the JWK at an address on the issuer's own host; no other host is asked at a document's word."""
        address = kid.partition("#")[0]
        if not issuer.startswith("did:web:") or urlsplit(address).netloc != unquote(issuer.split(":")[2]):
            raise KeyRefusedError(f"the key {kid[:100]} is not on the host of the issuer {issuer[:100]}")
        try:
            found = read_source(self._sources, address)
        except SourceMissingError as error:
            raise KeyUnavailableError(str(error)) from error
        except InputError as error:
            raise KeyRefusedError(f"no key under {kid[:100]}: {error}") from error
        return _chosen(found, kid) if "keys" in found else found

    def _from_document(self, document: DidDocument, method: str, purpose: str) -> PublicKey:
        found = document.key_for_purpose(method, purpose) if method in _methods(document, purpose) else None
        if found is None:
            raise KeyRefusedError(f"{method[:200]} is no key of {document.id[:200]} for {purpose}")
        if found.controller != document.id:
            raise KeyRefusedError(f"the key {method[:200]} is controlled by another: {found.controller[:200]}")
        self._require_in_use(document, found.id)
        return PublicKey.from_jwk(found.public_key_jwk)

    def _require_in_use(self, document: DidDocument, method: str) -> None:
        """Refuse a key that the document says is revoked or expired. Source: Controlled Identifiers section 2.2."""
        listed = document.raw.get("verificationMethod", [])
        for entry in listed if isinstance(listed, list) else []:
            if not isinstance(entry, dict) or entry.get("id") != method:
                continue
            for name in ("revoked", "expires"):
                try:
                    date = read_date(entry, name)
                except FormatError as error:
                    raise KeyRefusedError(str(error)) from error
                if date is not None and date <= self._instant:
                    raise KeyRefusedError(f"the key {method[:200]} is {name} since {date.isoformat()}")

    def _document(self, controller: str) -> DidDocument:
        if len(controller) > MAX_METHOD_CHARS:
            raise KeyRefusedError(f"an identifier of {len(controller)} characters")
        if controller not in self._documents:
            try:
                self._documents[controller] = self._resolve(controller)
            except SourceMissingError as error:
                raise KeyUnavailableError(str(error)) from error
            except (OpenvcError, InputError) as error:
                raise KeyRefusedError(f"no document of {controller[:200]}: {error}") from error
        return self._documents[controller]

    def _resolve(self, controller: str) -> DidDocument:
        if controller.startswith("did:key:"):
            return DidKeyResolver().resolve(controller)
        if controller.startswith("did:jwk:"):
            return DidJwkResolver().resolve(controller)
        if controller.startswith("did:webvh:"):
            return DidWebvhResolver(self._text).resolve(controller)
        if controller.startswith(("did:web:", "https://")):
            document = parse_did_document(read_source(self._sources, controller))
            if document.id != controller:
                raise FormatError(f"the document under it is of {document.id[:200]!r}")
            return document
        raise FormatError("an identifier of a kind that is not known here")

    def _text(self, url: str) -> str:
        return read_bytes(self._sources, url)[:MAX_SOURCE_BYTES].decode("utf-8")

    def _from_address(self, issuer: str, kid: str | None) -> PublicKey:
        """Find the key of an https issuer: under its own address, or in its published key set."""
        try:
            if kid is not None and kid.startswith("https://"):
                return self._under_address(issuer, kid)
            read = self._fetched
            return PublicKey.from_jwk(resolve_jwt_vc_issuer_key(issuer, kid, fetch=read))
        except SourceMissingError as error:
            raise KeyUnavailableError(str(error)) from error
        except (OpenvcError, InputError) as error:
            raise KeyRefusedError(f"no key of {issuer[:200]}: {error}") from error

    def _fetched(self, url: str) -> dict[str, Any]:
        return dict(read_source(self._sources, url))

    def _under_address(self, issuer: str, kid: str) -> PublicKey:
        """Find the key at an address that is the issuer's own: below its address, or well known on its host."""
        jwt_vc_issuer_metadata_url(issuer)  # refuses every spelling of which two readers could make two addresses
        address, _, _ = kid.partition("#")
        home = urlsplit(issuer)
        jwt_vc_issuer_metadata_url(address)
        own = issuer.rstrip("/")
        wells = f"{home.scheme}://{home.netloc}/.well-known/"
        if address != own and not address.startswith((f"{own}/", wells)):
            raise KeyRefusedError(f"the key {kid[:100]} is not under the issuer {issuer[:100]}")
        found = read_source(self._sources, address)
        if "keys" in found:
            return PublicKey.from_jwk(_chosen(found, kid))
        if "kty" in found:
            return PublicKey.from_jwk(found)
        document = parse_did_document(found)
        if document.id != issuer:
            raise KeyRefusedError(f"the document under {kid[:100]} is of another")
        return self._from_document(document, kid, ASSERTION)


def _methods(document: DidDocument, purpose: str) -> list[str]:
    """Return the absolute identifiers of the keys that a document lists for a purpose; none if it lists none."""
    listed = document.relationships.get(purpose, [])[:MAX_KEYS]
    return [f"{document.id}{one}" if one.startswith("#") else one for one in listed]


def _chosen(found: Mapping[str, Json], kid: str) -> Mapping[str, Any]:
    listed = found["keys"]
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise KeyRefusedError("a key set that is no list, or too long")
    usable = [one for one in listed if isinstance(one, dict) and one.get("kid") in {kid, kid.partition("#")[2]}]
    if len(usable) != 1:
        raise KeyRefusedError(f"{len(usable)} keys of that id in the key set")
    return usable[0]
