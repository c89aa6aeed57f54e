"""Signs the forms of an award that its institution offers, each with the key of its kind.

Awards that share an institution share its keys, so these are looked up once; what can be refused is refused then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from openvc.proof.vc_jwt import SigningKey

from ledger.commitment import DOCUMENT_KIND
from ledger.document import JSON_SUITES, Award, document_form, sign_document
from ledger.form.elm import build_elm
from ledger.form.kind import BASE, Form
from ledger.form.open_badge import build_document, without_repetition
from ledger.form.printed_badge import PrintedBadges
from ledger.form.sd_jwt import issuer_signed_part, sign_sd_jwt
from ledger.form.vc_jwt import key_address, key_header, sign_jwt
from ledger.institution import Institution
from ledger.integrity_proof import Canonicalise, add_proof
from ledger.signing import KeyStore

JWT_KINDS = "vc+jwt"
"""How kinds of forms that are VC-JWTs begin."""
DISCLOSING = "vc+sd-jwt"
"""How kinds of forms begin of which the holder shows a part."""


class FormSigner:
    """Signs forms with the keys of one institution.

    Args:
        institution: Whose awards they are.
        forms: Which forms, the one that every award has among them or not.
        keys: Where private keys are.
        base_url: Absolute public URL of the ledger, without a trailing slash.
        canonicalise: JSON-LD to canonical N-Quads, for proofs over RDF; see :func:`ledger.integrity_proof.add_proof`.
        badges: Signs the form that every award has; its own when not given, which knows no award yet.

    Raises:
        RuleError: A form's key is not in force.
    """

    def __init__(
        self,
        institution: Institution,
        forms: Sequence[Form],
        keys: KeyStore,
        base_url: str,
        canonicalise: Canonicalise | None,
        badges: PrintedBadges | None = None,
    ) -> None:
        self._badges = badges or PrintedBadges(base_url)
        self._base_url = base_url
        self._canonicalise = canonicalise
        self._keys: dict[str, tuple[Form, str, SigningKey]] = {}
        self._headers: dict[str, dict[str, Any]] = {}
        for form in forms:
            record = institution.key_for(form)
            key_id = record.key_id
            if form.kind.startswith(JWT_KINDS):
                address = key_address(base_url, institution.slug, key_id)
                self._headers[form.kind] = key_header(record.multibase, address)
            signer = keys.signing_key(institution.id, key_id, f"{institution.did}#{key_id}")
            self._keys[form.kind] = (form, key_id, signer)

    def sign(self, award: Award, now: datetime) -> dict[str, dict[str, bytes]]:
        """Sign every form of *award*.

        Returns:
            The id of each key that signed, with the forms that it signed by their kinds.

        Raises:
            MissingElementError: A form must carry an element that the award does not have.
        """
        signed: dict[str, dict[str, bytes]] = {}
        document: dict[str, Any] | None = None
        for kind, (_, key_id, signer) in self._keys.items():
            if kind == DOCUMENT_KIND:
                form = self._badges.sign(award, signer, now)
            else:
                document = document or build_document(award, self._base_url)
                form = self._sign(kind, award, document, signer, now)
            signed.setdefault(key_id, {})[kind] = form
        return signed

    def _sign(self, kind: str, award: Award, document: dict[str, Any], key: SigningKey, now: datetime) -> bytes:
        if kind == "vc+rdfc":
            suite = JSON_SUITES[key.alg].replace("jcs", "rdfc")
            return document_form(
                add_proof(without_repetition(document), key, now, cryptosuite=suite, canonicalise=self._canonicalise)
            )
        if kind == "vc+sd-jwt":
            return sign_sd_jwt(award, self._base_url, key)
        if kind == "elm":
            return document_form(sign_document(build_elm(award, self._base_url), key, now))
        return sign_jwt(document, key, self._headers[kind])


def committed_part(kind: str, form: bytes) -> bytes:
    """The bytes of *form* that are committed to: all of them, of an SD-JWT what the issuer signed."""
    return issuer_signed_part(form) if kind.startswith(DISCLOSING) else form


def every_form(others: Sequence[Form]) -> tuple[Form, ...]:
    """The form that every award has, and *others*."""
    return (BASE, *others)
