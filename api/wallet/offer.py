"""Offers to wallets: made by a learner on their page, taken once by a wallet, and forgotten soon.

    made ──(code, transaction code)──▶ taken: an access token ──(a key proof for each form)──▶ issued

They are in this process's memory alone, since they live for minutes: nothing of them is in the database, in backups or
on a disk, and a restart has the learner press the button again. What a wallet has to show is compared as SHA-256 of
256 random bits; the transaction code has six digits, and few tries.

Source: OpenID4VCI 1.0 sections 3.5, 4.1.1 and 6.1; RFC 6749 section 10.5; RFC 9700 section 2.1.1.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from ledger.learner_link import LearnerLink

OFFER_SECONDS: Final = 600
"""How long a wallet has to take an offer. Source: OpenID4VCI 1.0 section 3.5, short-lived; the minutes are our own."""
TOKEN_SECONDS: Final = 600
"""How long an access token lasts."""
TX_CODE_DIGITS: Final = 6
TX_CODE_TRIES: Final = 5
"""Wrong transaction codes before the offer is over: one in 200,000 to guess it."""
MAX_OFFERS: Final = 10_000
"""Offers at once; the oldest makes room."""
MAX_OF_LEARNER: Final = 5
"""Offers at once of one learner's link; the oldest makes room."""
SECRET_BYTES: Final = 32


@dataclass(slots=True, eq=False)
class Offer:
    """One offer.

    Attributes:
        link: The link of the learner who made it: when that is revoked, so is the offer.
        award: Public id.
        issuer: The Credential Issuer Identifier.
        form: Name of the form that the wallet may have it in.
        code: The pre-authorized code.
        ends: When it is over, by the offers' clock, in seconds.
        tx_code: The transaction code, which the learner reads and types.
        reference: SHA-256 of the secret part of the offer's address.
        token: SHA-256 of the access token; None: not taken yet.
        tries: Wrong transaction codes that are left.
        client_id: What the wallet calls itself, if it says so.
        issued: The thumbprint of the key, and the document that was signed for it; None: not yet.
        lock: Held by whoever has something signed.
    """

    link: LearnerLink
    award: str
    issuer: str
    form: str
    code: str
    ends: float
    tx_code: str
    reference: bytes
    token: bytes | None = None
    tries: int = TX_CODE_TRIES
    client_id: str | None = None
    issued: tuple[str, str] | None = None
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class MadeOffer:
    """An offer as its learner is shown it, once. ``reference`` is the secret part of the offer's address."""

    offer: Offer
    reference: str


class Offers:
    """Every offer of one process. Safe for threads.

    Args:
        clock: Seconds that never run backwards.
        is_open: Whether a learner's link is still good.
    """

    def __init__(self, clock: Callable[[], float], is_open: Callable[[LearnerLink], bool]) -> None:
        self._clock = clock
        self._is_open = is_open
        self._lock = Lock()
        self._by_code: dict[bytes, Offer] = {}  # in the order in which they were made
        self._by_reference: dict[bytes, Offer] = {}
        self._by_token: dict[bytes, Offer] = {}

    def __len__(self) -> int:
        return len(self._by_code)

    def make(self, link: LearnerLink, award: str, issuer: str, form: str) -> MadeOffer:
        """Make an offer of an award in a form."""
        reference, code = secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES)
        tx_code = f"{secrets.randbelow(10**TX_CODE_DIGITS):0{TX_CODE_DIGITS}}"
        now = self._clock()
        offer = Offer(link, award, issuer, form, code, now + OFFER_SECONDS, tx_code, _digest(reference))
        with self._lock:
            self._drop_old(now)
            own = [one for one in self._by_code.values() if one.link.prefix == link.prefix]
            for one in own[: max(0, len(own) + 1 - MAX_OF_LEARNER)]:
                self._drop(one)
            while len(self._by_code) >= MAX_OFFERS:
                self._drop(next(iter(self._by_code.values())))
            self._by_code[_digest(code)] = offer
            self._by_reference[offer.reference] = offer
        return MadeOffer(offer, reference)

    def referred(self, reference: str) -> Offer | None:
        """The offer at an address, for as long as it can be taken."""
        with self._lock:
            self._drop_old(self._clock())
            found = self._by_reference.get(_digest(reference))
        return found if found is not None and found.token is None and self._is_open(found.link) else None

    def take(self, code: str, tx_code: str, client_id: str | None) -> str | None:
        """Exchange a code for an access token.

        Returns:
            The token; None for whatever reason there is none, so that nobody can tell which it was. A code that is used
            a second time has been seen by somebody else: that ends the offer and the token.
        """
        now = self._clock()
        with self._lock:
            self._drop_old(now)
            offer = self._by_code.get(_digest(code))
            is_right = hmac.compare_digest(tx_code.encode(), (offer.tx_code if offer else "").encode())
            if offer is None or not self._is_open(offer.link):
                return None
            if not is_right:
                offer.tries -= 1
                if offer.tries == 0:
                    self._drop(offer)
                return None
            if offer.token is not None:
                self._drop(offer)
                return None
            token = secrets.token_urlsafe(SECRET_BYTES)
            offer.token, offer.ends, offer.client_id = _digest(token), now + TOKEN_SECONDS, client_id
            self._by_token[offer.token] = offer
            return token

    def bearer(self, token: str) -> Offer | None:
        """The offer that an access token is for, while it lasts and the learner's link does."""
        with self._lock:
            self._drop_old(self._clock())
            found = self._by_token.get(_digest(token))
        return found if found is not None and self._is_open(found.link) else None

    def _drop_old(self, now: float) -> None:
        for offer in [one for one in self._by_code.values() if one.ends <= now]:
            self._drop(offer)

    def _drop(self, offer: Offer) -> None:
        self._by_code.pop(_digest(offer.code), None)
        self._by_reference.pop(offer.reference, None)
        self._by_token.pop(offer.token or b"", None)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
