"""What wallets are told beforehand: who issues, in which forms, with which keys, and where they have to ask.

Each institution is a Credential Issuer of its own, whose identifier is its address here; the ledger is the one
Authorization Server of all. Of what an institution offers, wallets are told the forms that can be bound to their keys.

Source: OpenID4VCI 1.0 sections 4.1.1, 12.2 and 12.3, appendices A.1.1 and A.3; RFC 8414.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from openbadgeslib.ob3.eudi import OB3_SD_JWT_VCT
from openvc.openid4vci import GRANT_PRE_AUTHORIZED_CODE

from api.public_write import WALLET_CREDENTIAL, WALLET_NONCE, WALLET_OFFERS, WALLET_TOKEN
from api.wallet.offer import TX_CODE_DIGITS, MadeOffer, Offer
from ledger.error import RuleError
from ledger.form.kind import HOLDER_FORMS, Form
from ledger.institution import Institution

SCHEME: Final = "openid-credential-offer://"
BINDING_METHODS: Final = ("jwk", "did:jwk", "did:key")
PROOF_ALGORITHMS: Final = ("ES256", "EdDSA")
SIGNING_ALGORITHMS: Final[Mapping[str, str]] = {"Ed25519": "EdDSA", "P-256": "ES256"}
TYPES: Final = ("VerifiableCredential", "OpenBadgeCredential")
DISPLAYS: Final[Mapping[str, str]] = {"en": "Micro-credential", "ru": "Микроквалификация"}
CLAIMS: Final[tuple[tuple[tuple[str, ...], Mapping[str, str]], ...]] = (
    (("achievement", "name"), {"en": "Achievement", "ru": "Достижение"}),
    (("issuer", "name"), {"en": "Awarded by", "ru": "Кем присвоена"}),
    (("learner",), {"en": "Learner", "ru": "Кому присвоена"}),
    (("awardedDate",), {"en": "Awarded on", "ru": "Дата присвоения"}),
    (("creditsEarned",), {"en": "Credits", "ru": "Зачётные единицы"}),
    (("grade",), {"en": "Grade", "ru": "Оценка"}),
)
"""Claims of the SD-JWT VC that a wallet shows by name, in that order."""


def issuer_identifier(base_url: str, slug: str) -> str:
    """The Credential Issuer Identifier of an institution."""
    return f"{base_url}/institutions/{slug}"


def wallet_forms(institution: Institution) -> tuple[Form, ...]:
    """The forms that wallets can have an institution's awards in."""
    return tuple(form for form in HOLDER_FORMS if form.name in institution.forms and _has_key(institution, form))


def _has_key(institution: Institution, form: Form) -> bool:
    try:
        institution.key_for(form)
    except RuleError:
        return False
    return True


def issuer_metadata(institution: Institution, base_url: str) -> dict[str, Any]:
    """The Credential Issuer Metadata of an institution that offers at least one form."""
    return {
        "credential_issuer": issuer_identifier(base_url, institution.slug),
        "authorization_servers": [base_url],
        "credential_endpoint": base_url + WALLET_CREDENTIAL,
        "nonce_endpoint": base_url + WALLET_NONCE,
        "display": [{"name": institution.name}],
        "credential_configurations_supported": {form.name: _configuration(form) for form in wallet_forms(institution)},
    }


def _configuration(form: Form) -> dict[str, Any]:
    algorithm = SIGNING_ALGORITHMS[form.algorithm or "Ed25519"]
    described: dict[str, Any] = {"display": _displays(DISPLAYS)}
    kind: dict[str, Any] = {"format": "jwt_vc_json", "credential_definition": {"type": list(TYPES)}}
    if form.name == "sd-jwt":
        kind = {"format": "dc+sd-jwt", "vct": OB3_SD_JWT_VCT}
        described["claims"] = [{"path": list(path), "display": _displays(names)} for path, names in CLAIMS]
    return {
        **kind,
        "cryptographic_binding_methods_supported": list(BINDING_METHODS),
        "credential_signing_alg_values_supported": [algorithm],
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": list(PROOF_ALGORITHMS)}},
        "credential_metadata": described,
    }


def _displays(names: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "locale": language} for language, name in names.items()]


def server_metadata(base_url: str) -> dict[str, Any]:
    """The metadata of the Authorization Server."""
    return {
        "issuer": base_url,
        "token_endpoint": base_url + WALLET_TOKEN,
        "grant_types_supported": [GRANT_PRE_AUTHORIZED_CODE],
        "token_endpoint_auth_methods_supported": ["none"],
        "pre-authorized_grant_anonymous_access_supported": True,
    }


def offer_members(offer: Offer) -> dict[str, Any]:
    """The Credential Offer."""
    tx_code = {"input_mode": "numeric", "length": TX_CODE_DIGITS, "description": "The code on the page of your awards"}
    return {
        "credential_issuer": offer.issuer,
        "credential_configuration_ids": [offer.form],
        "grants": {GRANT_PRE_AUTHORIZED_CODE: {"pre-authorized_code": offer.code, "tx_code": tx_code}},
    }


def link_by_value(offer: Offer) -> str:
    """The offer as a link that opens a wallet of the same device."""
    return f"{SCHEME}?credential_offer={quote(msgspec.json.encode(offer_members(offer)), safe='')}"


def link_by_reference(made: MadeOffer, base_url: str) -> str:
    """The same, with the address of the offer in it: short enough for a code that is photographed."""
    address = f"{base_url}{WALLET_OFFERS}/{made.reference}"
    return f"{SCHEME}?credential_offer_uri={quote(address, safe='')}"
