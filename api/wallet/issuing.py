"""What wallets ask of a ledger: an access token for a code, and a document for a token and a key proof.

1. A token is given for a code that a learner's page has just shown, once.
2. The token leads to the offer, whose learner's link still holds: before the body is read, and once more when it is.
3. The wallet proves a key (:mod:`api.wallet.key_proof`).
4. The award is signed for that key and committed to the log; then it leaves. Asked again with the same key, the wallet
   gets the same document; with another key, none.

Who tries codes and tokens that are none is counted, as with links.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from openvc.openid4vci import GRANT_PRE_AUTHORIZED_CODE
from starlette.types import Scope

from api.form_body import Form
from api.guess import Guesses
from api.node import Node
from api.wallet.fault import WalletFault
from api.wallet.key_proof import ProvedKey, parse_request, verify_proof
from api.wallet.nonce import Nonces
from api.wallet.offer import TOKEN_SECONDS, Offer, Offers
from ledger.access import Actor
from ledger.error import (
    ErasedError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    RuleError,
)
from ledger.learner_link import LearnerLink, LearnerLinks
from projections.credential_status import CredentialStatus

CODE: Final = "pre-authorized_code"
NO_GRANT: Final = "the code or the transaction code is wrong, used, or over; start again on the page of your awards"
NO_TOKEN: Final = "the access token is wrong or over"  # noqa: S105  a sentence
MAX_CLIENT_ID_CHARS: Final = 500


def still_open(links: LearnerLinks, now: Callable[[], datetime]) -> Callable[[LearnerLink], bool]:
    """Whether the link of a learner still opens their page."""

    def is_open(link: LearnerLink) -> bool:
        try:
            links.known(link.prefix, now())
        except NotFoundError:
            return False
        return True

    return is_open


class WalletIssuing:
    """Answers wallets.

    Args:
        node: The process's parts.
        offers: What learners have offered to wallets.
        nonces: For key proofs.
        guesses: Counts what opens nothing.
    """

    def __init__(self, node: Node, offers: Offers, nonces: Nonces, guesses: Guesses) -> None:
        self._node = node
        self._offers = offers
        self._nonces = nonces
        self._guesses = guesses

    def token(self, scope: Scope, form: Form) -> dict[str, object]:
        """Step 1: the Token Response.

        Raises:
            WalletFault: The request is no such request, or there is no token for it.
            RateLimitedError: Too many codes from there opened nothing.
        """
        if form.has_repetition:
            raise WalletFault("invalid_request", "a parameter comes more than once")
        grant = form.one("grant_type")
        if not grant:
            raise WalletFault("invalid_request", "grant_type is missing")
        if grant != GRANT_PRE_AUTHORIZED_CODE:
            raise WalletFault("unsupported_grant_type", f"the one grant type is {GRANT_PRE_AUTHORIZED_CODE}")
        code, tx_code, client_id = form.one(CODE), form.one("tx_code"), form.one("client_id")
        for name, value in ((CODE, code), ("tx_code", tx_code)):
            if not value:
                raise WalletFault("invalid_request", f"{name} is missing")
        if len(client_id) > MAX_CLIENT_ID_CHARS:
            raise WalletFault("invalid_request", "client_id is too long")
        self._guesses.check(scope)
        token = self._offers.take(code, tx_code, client_id or None)
        if token is None:
            self._guesses.count(scope)
            raise WalletFault("invalid_grant", NO_GRANT)
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}

    def nonce(self) -> dict[str, object]:
        """The Nonce Response."""
        return {"c_nonce": self._nonces.make()}

    def bearer(self, scope: Scope, token: str) -> Offer:
        """Step 2. Raises WalletFault, RateLimitedError."""
        self._guesses.check(scope)
        offer = self._offers.bearer(token)
        if offer is None:
            self._guesses.count(scope)
            raise WalletFault("invalid_token", NO_TOKEN)
        return offer

    def credential(self, offer: Offer, token: str, body: object) -> dict[str, object]:
        """Steps 3 and 4: the Credential Response.

        Args:
            offer: What :meth:`bearer` found.
            token: The access token, which may have ended since.
            body: The request.

        Raises:
            WalletFault: The request is wrong, the token is over by now, or the award cannot be signed any more.
        """
        request = parse_request(body)
        if request.credential_configuration_id != offer.form:
            raise WalletFault("unknown_credential_configuration", "ask for one that the offer names")
        proved = verify_proof(request, offer.issuer, self._nonces.use, self._node.ledger.now())
        if proved.client_id is not None and proved.client_id != offer.client_id:
            raise WalletFault("invalid_proof", "iss of the key proof is not the client_id that the token was given to")
        with offer.lock:
            if self._offers.bearer(token) is not offer:
                raise WalletFault("invalid_token", NO_TOKEN)
            if offer.issued is None:
                offer.issued = (proved.thumbprint, self._sign(offer, proved))
            thumbprint, document = offer.issued
        if thumbprint != proved.thumbprint:
            raise WalletFault("credential_request_denied", "this offer was taken with another key")
        return {"credentials": [{"credential": document}]}

    def _sign(self, offer: Offer, proved: ProvedKey) -> str:
        link = offer.link
        actor = Actor(name=f"link {link.prefix}", role="issuer", institution=link.institution)
        try:
            outcome = self._node.parts.copies.make(
                public_id=offer.award, form=offer.form, holder=proved.holder, actor=actor
            )
        except (RuleError, ErasedError, NotFoundError, InvalidInputError, ForbiddenError) as error:
            raise WalletFault("credential_request_denied", "this award cannot be had in a wallet any more") from error
        self._node.wait_until_visible(outcome.position, CredentialStatus.NAME)
        made: bytes = outcome.made
        return made.decode("ascii")
