"""On a learner's page: an award is offered to a wallet, by a QR code for a phone and a link for the same device.

An offer is shown on the one answer that makes it, with the code that the wallet asks for, and is forgotten in minutes.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from api.error import UnknownResourceError
from api.form_body import Form
from api.holding import Holding, own
from api.node import Node
from api.route.mine import OwnPages, own_form
from api.wallet.metadata import issuer_identifier, link_by_reference, link_by_value, wallet_forms
from api.wallet.offer import OFFER_SECONDS, MadeOffer, Offers
from ledger.institution import Institution
from ledger.learner_link import LearnerLink
from ledger.wallet_copy import MAX_COPIES

PATH: Final = "/mine/wallet"


def make_router(pages: WalletPages) -> APIRouter:
    """Make the router over the pages."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, pages.wallet, methods=["GET"], response_model=None)
    offer = own_form(pages.own.held_by(pages.offer), pages.own.base_url)
    router.add_api_route(PATH, offer, methods=["POST"], response_model=None)
    return router


class WalletPages:
    """The pages.

    Args:
        node: The process's parts.
        own: What all pages of a learner share.
        offers: Where offers are kept.
    """

    def __init__(self, node: Node, own: OwnPages, offers: Offers) -> None:
        self.own: Final = own
        self._node = node
        self._offers = offers
        self._base_url = node.parts.identity.base_url

    def wallet(self, request: Request) -> Response:
        """Choose an award to take into a wallet."""
        link = self.own.holder(request)
        return self.own.shown_out(request) if link is None else self._page(request, link)

    def offer(self, request: Request, link: LearnerLink, form: Form) -> Response:
        """Offer an award, and show how it is taken."""
        award = own(self.own.awards_of(link), form.one("award"))
        institution = self._institution(link)
        chosen = form.one("form")
        if chosen not in {one.name for one in wallet_forms(institution)}:
            message = "your institution gives no such form to wallets"
            raise UnknownResourceError(message)
        if not can_be_taken(award) or len(award.in_wallets) >= MAX_COPIES:
            return self._page(request, link, form, refusal="not_taken" if not can_be_taken(award) else "taken_often")
        issuer = issuer_identifier(self._base_url, institution.slug)
        return self._page(request, link, form, self._offers.make(link, award.credential, issuer, chosen), award)

    def _page(
        self,
        request: Request,
        link: LearnerLink,
        form: Form | None = None,
        made: MadeOffer | None = None,
        award: Holding | None = None,
        *,
        refusal: str | None = None,
    ) -> Response:
        held = self.own.awards_of(link)
        return self.own.page(
            request, link, "mine_wallet.html", PATH, form, 422 if refusal else 200,
            held=held,
            taken=[one for one in held if can_be_taken(one)],
            forms=wallet_forms(self._institution(link)),
            is_https=self._base_url.startswith("https:"),
            made=award,
            photographed=None if made is None else link_by_reference(made, self._base_url),
            opened=None if made is None else link_by_value(made.offer),
            tx_code=None if made is None else made.offer.tx_code,
            minutes=OFFER_SECONDS // 60,
            refusal=refusal,
        )  # fmt: skip

    def _institution(self, link: LearnerLink) -> Institution:
        return self._node.ledger.load(Institution, link.institution, "such institution")


def can_be_taken(award: Holding) -> bool:
    """Whether an award can be signed for a wallet: it holds, and is no part of an unpacked diploma."""
    return award.state == "active" and award.whole is None
