"""The contexts that documents may name, from installed packages and never from the network.

Each has its SHA-256 here: a new version of a package cannot change what a signature covers without a test and a start
saying so. What is not in the table is refused.

Source: W3C VC Data Model 2.0 section B.1 (base context, digest 59955ced); 1EdTech Open Badges 3.0 and CLR 2.0.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from pyld.context_resolver import ContextResolver

from verifier.error import ContextRefusedError

_BADGES: Final = "openbadgeslib.ob3.contexts"
_FROZEN: Final = "pyld.documentloader.frozen"
_IMS: Final = "https://purl.imsglobal.org/spec/"
_SECURITY: Final = "https://w3id.org/security/"

RELATIVE: Final = "relative-name:"
RELATIVE_BASE: Final = f"{RELATIVE}//of/no/"
"""PyLD resolves what is no absolute IRI against a base, and makes one up if it is given none."""

EXAMPLES_CONTEXT: Final = "https://www.w3.org/ns/credentials/examples/v2"
_EXAMPLES: Final = b'{"@context":{"@vocab":"https://www.w3.org/ns/credentials/examples#"}}'
"""The context of examples: a lone vocabulary, so written here. Source: W3C VC Data Model 2.0 section 1.4."""

INSTALLED: Final[Mapping[str, tuple[str, str, str]]] = {
    "https://www.w3.org/ns/credentials/v2": (
        _BADGES,
        "credentials-v2.json",
        "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
    ),
    "https://www.w3.org/2018/credentials/v1": (
        _FROZEN,
        "bundled/credentials-v1.jsonld",
        "00d7dd6d3ad8b920e3e550dd3a3d9090bffcac84cdbf943da6924b3e0a5c8bb8",
    ),
    f"{_SECURITY}data-integrity/v2": (
        _BADGES,
        "security-data-integrity-v2.json",
        "67f21e6e33a6c14e5ccfd2fc7865f7474fb71a04af7e94136cb399dfac8ae8f4",
    ),
    f"{_SECURITY}multikey/v1": (
        _BADGES,
        "security-multikey-v1.json",
        "ba2c182de2d92f7e47184bcca8fcf0beaee6d3986c527bf664c195bbc7c58597",
    ),
    f"{_SECURITY}suites/ed25519-2020/v1": (
        _FROZEN,
        "bundled/security-ed25519-2020-v1.jsonld",
        "b9e1ab971fd8bf2c7553e0c4a9438e0b9450afde1ea1ca5b2492368b9f549588",
    ),
    f"{_SECURITY}suites/jws-2020/v1": (
        _FROZEN,
        "bundled/security-jws-2020-v1.jsonld",
        "00ee65bb7307f9a01c3170b823083b0d4de68223520834b2c5eb7a09bae5dea6",
    ),
    "https://www.w3.org/ns/did/v1": (
        _FROZEN,
        "bundled/did-v1.jsonld",
        "62c1054bf404d6dd3a4b26b64f830fd72095f6a26edc4469908c94351352ce5f",
    ),
    f"{_IMS}ob/v3p0/context-3.0.1.json": (
        _BADGES,
        "ob-v3p0-context-3.0.1.json",
        "5f3d9dd6288ef437ff8286cf95ffbff609c748a66f24a1e9450c45ca64be1571",
    ),
    f"{_IMS}ob/v3p0/context-3.0.2.json": (
        _BADGES,
        "ob-v3p0-context-3.0.2.json",
        "00666ad080ba407687ed1846b7f5e7495f5019042b202a727de47c48a1755c53",
    ),
    f"{_IMS}ob/v3p0/context-3.0.3.json": (
        _BADGES,
        "ob-v3p0-context-3.0.3.json",
        "3d34f4d4ef1bce691106e63798beb5e7b862ba841423f5ee1e53ab7ddf3bca84",
    ),
    f"{_IMS}ob/v3p0/extensions.json": (
        _BADGES,
        "ob-v3p0-extensions.json",
        "87c06c81bc2317663bf288d740d94fddd2818c4342b186270ff6371dfaa63f93",
    ),
    f"{_IMS}clr/v2p0/context-2.0.1.json": (
        _BADGES,
        "clr_context_2.0.1.json",
        "880f1902d4158f2f33ce06af41b90719977cd1ea337a9de2e41edb3ff5e543d6",
    ),
}
"""Address -> (package, file in it, SHA-256 of the file)."""

CONTEXTS: Final = frozenset({*INSTALLED, EXAMPLES_CONTEXT})
"""Every address that a document may name as a context."""


@cache
def context_bytes(url: str) -> bytes:
    """Return the bytes of a context, as published.

    Raises:
        ContextRefusedError: It is not an installed one, or the installed file is not the one that was reviewed.
    """
    if url == EXAMPLES_CONTEXT:
        return _EXAMPLES
    if url not in INSTALLED:
        raise ContextRefusedError(f"the context {url[:200]!r} is not among the installed ones, and none is fetched")
    package, name, digest = INSTALLED[url]
    found = resources.files(package).joinpath(name).read_bytes()
    if sha256(found).hexdigest() != digest:
        raise ContextRefusedError(f"the installed file of {url} is not the one this version was made for")
    return found


@cache
def context_document(url: str) -> Mapping[str, Any]:
    """Return a context as parsed JSON; it is shared and must not be changed.

    Raises:
        ContextRefusedError: As :func:`context_bytes`.
    """
    read: dict[str, Any] = json.loads(context_bytes(url))
    return read


class Loader:
    """The document loader that PyLD is given: the installed contexts and no other."""

    def __call__(self, url: str, _options: object = None) -> dict[str, Any]:
        """Serve one context in PyLD's shape; installed ones may be kept once resolved."""
        return {"contextUrl": None, "documentUrl": url, "document": context_document(url), "tag": "static"}


class _Resolved(MutableMapping[str, Any]):
    """What PyLD may keep between calls: installed contexts alone, for each thread its own.

    An inline context is keyed by its own text and would be kept as well; letting that in would let documents
    fill the memory, and would carry an ``@import`` of one call into another.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  whatever PyLD keeps
        return self._kept[key]

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401  whatever PyLD keeps
        if key in CONTEXTS:
            self._kept[key] = value

    def __delitem__(self, key: str) -> None:
        del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


_thread = threading.local()


def processor_options(loader: Loader) -> dict[str, Any]:
    """Return the options for one call of PyLD: no network, nothing shared but installed contexts, a telltale base."""
    kept: _Resolved | None = getattr(_thread, "resolved", None)
    if kept is None:
        kept = _thread.resolved = _Resolved()
    return {"base": RELATIVE_BASE, "documentLoader": loader, "contextResolver": ContextResolver(kept, loader)}
