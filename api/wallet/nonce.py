"""Nonces for key proofs: anybody is given one, nothing is kept until it is used, and it is used once.

    random (16 bytes), end by the clock in whole seconds (8), HMAC-SHA-256 over both (32), in base64url without padding

The key of the HMAC is drawn when the process starts, as nonces live for minutes. What has been used is remembered until
it would have ended: only who holds an access token and a key can use one, so there are never many.

Source: OpenID4VCI 1.0 section 7.
"""

from __future__ import annotations

import base64
import hmac
import math
import secrets
from collections.abc import Callable
from threading import Lock
from typing import Final

NONCE_SECONDS: Final = 300
RANDOM_BYTES: Final = 16
SIGNED_BYTES: Final = RANDOM_BYTES + 8
NONCE_BYTES: Final = SIGNED_BYTES + 32
NONCE_CHARS: Final = 75


class Nonces:
    """The nonces of one process. Safe for threads.

    Args:
        clock: Seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: dict[str, int] = {}
        self._lock = Lock()

    def make(self) -> str:
        """A fresh one."""
        ends = math.ceil(self._clock()) + NONCE_SECONDS
        signed = secrets.token_bytes(RANDOM_BYTES) + ends.to_bytes(8)
        return base64.urlsafe_b64encode(signed + self._mac(signed)).rstrip(b"=").decode("ascii")

    def use(self, nonce: str) -> bool:
        """Whether it is one of these, has not ended, and is used for the first time by this; fits `ConsumeNonce`."""
        ends = self._end_of(nonce)
        now = self._clock()
        if ends is None or ends <= now:
            return False
        with self._lock:
            self._used = {one: end for one, end in self._used.items() if end > now}
            if nonce in self._used:
                return False
            self._used[nonce] = ends
            return True

    def _end_of(self, nonce: str) -> int | None:
        try:
            raw = base64.b64decode(nonce + "=", b"-_", validate=True)
        except ValueError:
            return None
        signed, mac = raw[:SIGNED_BYTES], raw[SIGNED_BYTES:]
        if len(nonce) != NONCE_CHARS or not hmac.compare_digest(mac, self._mac(signed)):
            return None
        # Another spelling of the same bytes would be used a second time.
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != nonce:
            return None
        return int.from_bytes(signed[RANDOM_BYTES:])

    def _mac(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, signed, "sha256")
