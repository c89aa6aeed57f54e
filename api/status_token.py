"""Signs status list tokens: the bits of a block's two status lists, as SD-JWT VCs refer to them.

Nothing is kept for them. Every status is two bits, made of the same two bitstrings that the Bitstring Status Lists of
the block are made of, and that the log commits to: 1 where the award is revoked, 2 where it is suspended and not
revoked.

Source: IETF Token Status List (draft-ietf-oauth-status-list-21), sections 4.1, 5.1, 7.1 and 8.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from openvc.proof.vc_jwt import SigningKey
from openvc.status.issue import build_status_list_token

from api.error import UnknownResourceError
from api.signed_list import MAX_LIST_NUMBER, ListSigning, ReadStatusList, SignedList
from ledger.application import Ledger
from ledger.document import PURPOSES, STATUS_TOKENS_PATH
from ledger.institution import Institution
from ledger.signing import KeyStore

BITS: Final = 2
"""Bits of one status: valid, invalid, suspended. Source: section 7.1."""
TTL_SECONDS: Final = 60
"""How long a copy may be used before a new one is asked for."""
EXPIRES_AFTER: Final = timedelta(hours=24)
"""Twice as long as a token is served: whoever got the last one still has it for a while."""
_LOW: Final = bytes(sum(1 << 2 * bit for bit in range(4) if value & 0x80 >> bit) for value in range(256))
_HIGH: Final = bytes(sum(1 << 2 * bit for bit in range(4) if value & 0x08 >> bit) for value in range(256))


class StatusTokens:
    """Serves signed status list tokens.

    Args:
        ledger: Looks up institutions.
        keys: Where private keys are.
        base_url: Public address of the ledger.
        read: Bits of a block for a purpose, or None when there is no such block.
    """

    def __init__(self, ledger: Ledger, keys: KeyStore, base_url: str, read: ReadStatusList) -> None:
        self._signing = ListSigning(ledger, keys)
        self._base_url = base_url
        self._read = read

    def signed(self, block: int) -> SignedList:
        """The token of a block of status places, signed by its institution.

        Raises:
            UnknownResourceError: There is no such block, or its institution has no key in force to sign it with.
        """
        owned = [self._read(block, purpose) if 0 <= block < MAX_LIST_NUMBER else None for purpose in PURPOSES]
        revoked, suspended = owned
        if revoked is None or suspended is None:
            message = "there is no such status list"
            raise UnknownResourceError(message)
        bits = revoked.bits, suspended.bits

        def sign(institution: Institution, key: SigningKey, now: datetime) -> bytes:
            token = build_status_list_token(
                signing_key=key,
                uri=f"{self._base_url}{STATUS_TOKENS_PATH}{block}",
                status_list=packed_statuses(*bits),
                bits=BITS,
                issued_at=now,
                expires=now + EXPIRES_AFTER,
                ttl=TTL_SECONDS,
                issuer=institution.did,
            )
            return token.encode("ascii")

        return self._signing.signed(block, revoked.institution, b"".join(bits), sign)


def packed_statuses(revoked: bytes, suspended: bytes) -> bytes:
    """Pack two bitstrings of one length, the first place highest in a byte, into statuses, the first lowest.

    Args:
        revoked: Places of awards that are revoked.
        suspended: Places of awards that are suspended; it does not matter at those that are revoked.

    Returns:
        Two bits for each place, twice as many bytes.
    """
    paused = bytes(ours & ~other & 0xFF for ours, other in zip(suspended, revoked, strict=True))
    ones, twos = int.from_bytes(_spread(revoked)), int.from_bytes(_spread(paused))
    return (ones | twos << 1).to_bytes(BITS * len(revoked))


def _spread(bits: bytes) -> bytes:
    """Give every bit a second, empty one, and turn the order within bytes around."""
    spread = bytearray(BITS * len(bits))
    spread[0::2], spread[1::2] = bits.translate(_LOW), bits.translate(_HIGH)
    return bytes(spread)
