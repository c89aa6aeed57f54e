"""Asks one address over https, of a public host alone, within one time for all of it.

    1. The address: https, in ASCII, with a host.
    2. The host's addresses, looked up once. One that is not public speaks against the host.
    3. The connection, to the very address that was looked at; the certificate is the host's.
    4. The answer: 200, not a redirect, no longer than allowed.

One deadline stands over 3 and 4, whatever the other side does: every wait for its next byte gets what is left of it. A
server that sends a byte of a header now and then would otherwise keep a connection for hours. The look-up in 2 cannot
be interrupted, so whoever is in a hurry waits for this in a thread of its own (`api.fetching`).

Which addresses are public is openvc's rule, as for everything that it fetches. What an operator has named by hand (the
sign-in of an institution that stands in its own network) may be elsewhere: see :class:`Reach`.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from openvc.did.base import DidResolutionError
from openvc.fetch import UnsafeUrlError, ip_is_forbidden

HTTPS_PORT: Final = 443
MAX_HOST_CHARS: Final = 253
"""Longest name of a host. Source: RFC 1035 section 2.3.4."""
ACCEPT: Final = (
    "application/did+ld+json, application/did+json, application/did, application/vc, application/statuslist+jwt, "
    "application/jwk-set+json, application/jwk+json, application/ld+json, application/json, text/plain;q=0.5, */*;q=0.1"
)
"""What documents of issuers are served as."""


FORM_TYPE: Final = "application/x-www-form-urlencoded"
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a request may go.

    Attributes:
        networks: Networks that are asked though they are not public, because an operator has named them.
        certificates: File of the authorities (PEM) that vouch for the host; None: those of the system.
    """

    networks: tuple[Network, ...] = ()
    certificates: Path | None = None

    def allows(self, address: str) -> bool:
        """Whether an address may be asked."""
        if not ip_is_forbidden(address):
            return True
        found: IPv4Address | IPv6Address = ip_address(address)
        return any(found in network for network in self.networks)


PUBLIC: Final = Reach()
"""Public addresses alone, and the system's authorities."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of an address: its form, if it is sent one, and further header fields."""

    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class _HurriedSocket(ssl.SSLSocket):
    """A connection whose every wait ends at one instant.

    Attributes:
        ends: That instant, by the clock that never goes back.
    """

    ends: float = 0.0

    def recv_into(self, *args: Any, **options: Any) -> int:  # noqa: ANN401  (as the class above has it)
        """Receive what is there, or wait until the deadline at most."""
        self.settimeout(_left(self.ends))
        return super().recv_into(*args, **options)


class _Connection(http.client.HTTPSConnection):
    """A connection to an address that was looked at, for the host that it was looked up for."""

    def __init__(self, host: str, port: int, address: str, ends: float, certificates: Path | None) -> None:
        self._tls = ssl.create_default_context(cafile=certificates)
        self._tls.sslsocket_class = _HurriedSocket
        super().__init__(host, port, context=self._tls)
        self._address = address
        self._ends = ends

    def connect(self) -> None:
        """Connect and greet."""
        plain = socket.create_connection((self._address, self.port), timeout=_left(self._ends))
        plain.settimeout(_left(self._ends))
        try:
            secured = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        if isinstance(secured, _HurriedSocket):
            secured.ends = self._ends
        self.sock = secured


def guarded_get(url: str, timeout_seconds: float, max_bytes: int) -> bytes:
    """Fetch what is under a public address.

    Args:
        url: An https address.
        timeout_seconds: For everything but the look-up of the host.
        max_bytes: Longest answer.

    Raises:
        OpenvcError: Not https, not a public address, a redirect, an error, too slow or too long.
    """
    return guarded_call(url, Call(headers={"Accept": ACCEPT}), timeout_seconds, max_bytes)


def guarded_call(url: str, call: Call, timeout_seconds: float, max_bytes: int, reach: Reach = PUBLIC) -> bytes:
    """Ask an address: with POST if there is a form, else with GET.

    Args:
        url: An https address.
        call: What is asked.
        timeout_seconds: For everything but the look-up of the host.
        max_bytes: Longest answer.
        reach: How far it may go.

    Raises:
        OpenvcError: As for :func:`guarded_get`.
    """
    ends = time.monotonic() + timeout_seconds
    host, port, target = _parts(url)  # 1.
    address = _allowed_address(host, port, reach)  # 2.
    body = None if call.form is None else urlencode(call.form).encode("ascii")
    headers = {**call.headers, **({} if body is None else {"Content-Type": FORM_TYPE}), "Connection": "close"}
    connection = None
    try:
        connection = _Connection(host, port, address, ends, reach.certificates)  # 3.
        connection.request("GET" if body is None else "POST", target, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read(max_bytes + 1) if answer.status == http.client.OK else b""
    except (OSError, http.client.HTTPException, ValueError) as error:
        message = f"https://{host}: {error}"
        raise DidResolutionError(message) from error
    finally:
        if connection is not None:
            connection.close()
    if answer.status != http.client.OK:  # 4.
        message = f"https://{host} answered {answer.status}; a redirect is not followed"
        raise DidResolutionError(message)
    if len(data) > max_bytes:
        message = f"an answer of more than {max_bytes} bytes"
        raise DidResolutionError(message)
    return data


def _parts(url: str) -> tuple[str, int, str]:
    """Take an address apart: host, port, and what is asked for."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or HTTPS_PORT
    except ValueError as error:
        message = f"no address: {error}"
        raise UnsafeUrlError(message) from error
    # Two readers of a name outside ASCII may look up two hosts, and a zero byte ends the name for some.
    plain = url.isascii() and host is not None and all("!" <= char != "\x7f" for char in host)
    if parts.scheme != "https" or not host or not plain or len(host) > MAX_HOST_CHARS:
        message = "only https addresses of hosts in ASCII are asked"
        raise UnsafeUrlError(message)
    return host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _allowed_address(host: str, port: int, reach: Reach) -> str:
    """Look a host up, and refuse it when one of its addresses may not be asked."""
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)]
        blocked = [address for address in found if not reach.allows(address)]
    except (OSError, ValueError) as error:
        message = f"the host {host} is not known: {error}"
        raise UnsafeUrlError(message) from error
    if not found or blocked:
        message = f"the host {host} is at {', '.join(blocked) or 'no address'}: blocked"
        raise UnsafeUrlError(message)
    return found[0]


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        message = "no answer in time"
        raise TimeoutError(message)
    return left
