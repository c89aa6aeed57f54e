"""The forms that documents of awards come in: what each is called, committed as, served as, and signed with.

Source: docs/spec/identifiers.md (kinds of commitments); W3C VC Data Model 2.0 and VC-JOSE-COSE (media types); IETF
SD-JWT VC (``application/dc+sd-jwt``).
"""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.commitment import DOCUMENT_KIND
from ledger.error import InvalidInputError
from ledger.signing_algorithm import Algorithm


class Form(msgspec.Struct, frozen=True):
    """One form.

    Attributes:
        name: What it is called in addresses and by institutions that choose it.
        kind: What it is committed as.
        media_type: What it is served as.
        algorithm: The kind of key that signs it; None: the key that awards are signed with.
        about: What it is, in a few words.
    """

    name: str
    kind: str
    media_type: str
    algorithm: Algorithm | None
    about: str


BASE: Final = Form("open-badge", DOCUMENT_KIND, "application/vc", None, "Open Badges 3.0, eddsa-jcs-2022")
"""The form that every award has."""
CHOICES: Final = (
    Form("open-badge-rdfc", "vc+rdfc", "application/vc", None, "Open Badges 3.0, eddsa-rdfc-2022"),
    Form("vc-jwt", "vc+jwt", "application/vc+jwt", "Ed25519", "Open Badges 3.0 as VC-JWT, EdDSA"),
    Form("vc-jwt-es256", "vc+jwt-es256", "application/vc+jwt", "P-256", "Open Badges 3.0 as VC-JWT, ES256"),
    Form("vc-jwt-rs256", "vc+jwt-rs256", "application/vc+jwt", "RSA", "Open Badges 3.0 as VC-JWT, RS256"),
    Form("sd-jwt", "vc+sd-jwt", "application/dc+sd-jwt", "Ed25519", "SD-JWT VC with selective disclosure"),
    Form("elm", "elm", "application/vc", None, "European Learning Model v3, eddsa-jcs-2022"),
)
"""The forms that an institution may offer beside it, in the order in which they are signed."""
FORMS: Final = (BASE, *CHOICES)
HOLDER_FORMS: Final = tuple(form for form in CHOICES if form.name in {"sd-jwt", "vc-jwt", "vc-jwt-es256"})
"""The forms that can be signed for a key of the holder's wallet."""
_FOR_HOLDER: Final = "-holder"


def holder_kind(kind: str) -> str:
    """What a form of *kind* is committed as when it is signed for a key of the holder's."""
    return kind + _FOR_HOLDER


HOLDER_KINDS: Final = frozenset(holder_kind(form.kind) for form in HOLDER_FORMS)
"""Kinds of which an award may have several, each for another key of its holder's."""
_NAMES: Final = {form.name: form for form in FORMS}
_KINDS: Final = {form.kind: form for form in FORMS}


def form_named(name: str) -> Form:
    """The form that is called *name*.

    Raises:
        InvalidInputError: There is none.
    """
    form = _NAMES.get(name)
    if form is None:
        message = f"there is no such form; there are {', '.join(_NAMES)}"
        raise InvalidInputError(message, "/form")
    return form


def form_committed_as(kind: str) -> Form | None:
    """The form that is committed as *kind*, or None."""
    return _KINDS.get(kind)
