"""Whom the rate limit counts: one IPv4 address, or one IPv6 network of 64 bits.

Only proxies of ours are believed. With *n* of them in front, each appends the address that it was
called from to `X-Forwarded-For`, so the n-th entry from the right is the client; everything to the
left of it was written by the client itself.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.types import Scope

from api.media_type import header

# A household or a machine gets a network of this size, so one client can use all of its addresses.
# Source: RFC 6177 section 2; RFC 4291 section 2.5.4.
IPV6_PREFIX_BITS: Final = 64
# What a client without a network address is called: a Unix socket, or a broken proxy.
UNKNOWN_CLIENT: Final = "unknown"


def client_address(scope: Scope, trusted_proxy_count: int) -> str:
    """Return whom a request counts for.

    Args:
        scope: The request.
        trusted_proxy_count: How many proxies of ours append to `X-Forwarded-For`.

    Returns:
        An IPv4 address, an IPv6 network, or `UNKNOWN_CLIENT`.
    """
    peer = scope.get("client")
    called_from = str(peer[0]) if peer else ""
    if trusted_proxy_count > 0:
        forwarded = (header(scope, "x-forwarded-for") or "").split(",")
        named = [part.strip() for part in forwarded[-trusted_proxy_count:] if part.strip()]
        if named:
            called_from = named[0]
    return _counted(called_from)


def _counted(text: str) -> str:
    address = _parse(text)
    if address is None:
        return UNKNOWN_CLIENT
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((int(address), IPV6_PREFIX_BITS), strict=False))
    return str(address)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it: alone, in brackets, or with a port."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
