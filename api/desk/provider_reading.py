"""What an OpenID provider says of itself: its endpoints and its keys, fetched by us and kept for a while.

Source: OpenID Connect Discovery 1.0 section 4; RFC 8414; RFC 7517 section 5.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from openvc.errors import OpenvcError

from api.desk.account_setting import Provider
from api.guarded_get import Call, Reach, guarded_call

WELL_KNOWN: Final = "/.well-known/openid-configuration"
TIMEOUT_SECONDS: Final = 5.0
MAX_ANSWER_BYTES: Final = 262_144
KEPT_SECONDS: Final = 600.0
"""How long metadata and keys are kept."""
FRESH_SECONDS: Final = 30.0
"""Keys that are younger are not asked for anew because of a key that is not among them."""
IN_FLIGHT: Final = 4
"""Sign-ins that wait for a provider at once; more are refused, so that a slow one takes no thread from others."""

Ask = Callable[[str, Call, float, int, Reach], bytes]


class ProviderError(Exception):
    """A provider cannot be reached, or says what cannot be."""


class Metadata(msgspec.Struct, frozen=True):
    """What is read of a provider's metadata."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    def check(self, issuer: str) -> None:
        """Refuse what is not of that issuer, or names an endpoint without https. Raises ProviderError."""
        if self.issuer != issuer:
            message = f"the metadata under {issuer} is of another issuer"
            raise ProviderError(message)
        endpoints = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri, self.userinfo_endpoint)
        if not all(one is None or one.startswith("https://") for one in endpoints):
            message = f"{issuer} names an endpoint that is not https"
            raise ProviderError(message)


@dataclass(slots=True)
class _Kept:
    at: float
    value: Any


class ProviderReading:
    """Asks one provider. Safe for threads.

    Args:
        provider: Which.
        monotonic: Seconds of a clock that never goes back.
        ask: Asks one address.
    """

    def __init__(self, provider: Provider, monotonic: Callable[[], float], ask: Ask = guarded_call) -> None:
        self.provider = provider
        self._monotonic = monotonic
        self._ask = ask
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(IN_FLIGHT)

    def metadata(self) -> Metadata:
        """Its endpoints. Raises ProviderError."""
        address = self.provider.issuer.rstrip("/") + WELL_KNOWN
        kept = self._recall(address, KEPT_SECONDS)
        if isinstance(kept, Metadata):
            return kept
        found: Metadata = self.ask(address, Call(headers={"Accept": "application/json"}), Metadata)
        found.check(self.provider.issuer)
        self._keep(address, found)
        return found

    def keys(self, *, unknown: bool = False) -> KeySet:
        """Its keys; when one was *unknown* that a token names, they are asked for anew.

        A key of a kind that is not known here, or one that is broken, is passed over, as RFC 7517 section 5 has it.

        Raises:
            ProviderError: It cannot be reached, or none of its keys can be read.
        """
        address = self.metadata().jwks_uri
        kept = self._recall(address, FRESH_SECONDS if unknown else KEPT_SECONDS)
        if isinstance(kept, KeySet):
            return kept
        read = self.ask(address, Call(headers={"Accept": "application/jwk-set+json, application/json"}), dict)
        listed = read.get("keys")
        readable = [key for one in listed if (key := _key(one)) is not None] if isinstance(listed, list) else []
        if not readable:
            message = f"the keys of {self.provider.issuer} cannot be read"
            raise ProviderError(message)
        found = KeySet(readable)
        self._keep(address, found)
        return found

    def ask(self, url: str, call: Call, kind: type[Any]) -> Any:  # noqa: ANN401  of that kind
        """Ask an endpoint, and read its JSON as *kind*. Raises ProviderError."""
        if not self._places.acquire(blocking=False):
            message = f"too many sign-ins wait for {self.provider.issuer}"
            raise ProviderError(message)
        try:
            data = self._ask(url, call, TIMEOUT_SECONDS, MAX_ANSWER_BYTES, self.provider.reach)
            return msgspec.json.decode(data, type=kind)
        except OpenvcError as error:
            raise ProviderError(str(error)) from error
        except msgspec.MsgspecError as error:
            message = f"{self.provider.issuer} answered something else than was asked for"
            raise ProviderError(message) from error
        finally:
            self._places.release()

    def _recall(self, address: str, seconds: float) -> object:
        with self._lock:
            kept = self._kept.get(address)
            return None if kept is None or self._monotonic() - kept.at >= seconds else kept.value

    def _keep(self, address: str, value: object) -> None:
        with self._lock:
            self._kept[address] = _Kept(self._monotonic(), value)


def _key(read: object) -> Key | None:
    """A key as it stands in a set; None for what cannot be read, or could not be told from others."""
    if not isinstance(read, dict):
        return None
    try:
        key = JWKRegistry.import_key(read)
        key.ensure_kid()
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
    return key
