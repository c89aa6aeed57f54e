"""Questions that are asked with POST: anybody may, without a key.

They are counted like reads where requests are limited, and pages of any origin may ask them.
"""

from __future__ import annotations

from typing import Final

PUBLIC_WRITES: Final = frozenset(
    {
        "/v1/verify",
        "/v1/verify/batch",
        "/v1/skill-profiles",
        "/v1/skill-coverage",
        "/vc-api/credentials/verify",
        "/vc-api/presentations/verify",
    }
)
"""Their paths; a test holds them against the description of the API."""

PAGE_FORMS: Final = frozenset({"/verify", "/explore/audit"})
"""The forms of the pages: sent by people from this site's own pages, and described in no API."""

LEARNER_PAGES: Final = "/mine"
SHARED_PAGES: Final = "/shared/"
"""Where the pages are that a link opens. They are counted, and open to no other site's pages."""


WALLET_TOKEN: Final = "/openid4vci/token"  # noqa: S105  an address
WALLET_NONCE: Final = "/openid4vci/nonce"
WALLET_CREDENTIAL: Final = "/openid4vci/credential"
WALLET_OFFERS: Final = "/openid4vci/offers"
WALLET_WRITES: Final = frozenset({WALLET_TOKEN, WALLET_NONCE, WALLET_CREDENTIAL})
"""What wallets ask, in browsers too. OpenID4VCI and the metadata for wallets describe it, and the API does not."""


def is_public_write(path: str) -> bool:
    """Whether anybody may ask with POST, from a page of whatever origin."""
    return path in PUBLIC_WRITES or path in WALLET_WRITES


def is_page_form(path: str) -> bool:
    """Whether what is sent to *path* comes from a form of this site's own pages, without a key."""
    return path in PAGE_FORMS or is_learners(path)


def is_learners(path: str) -> bool:
    """Whether *path* is of the pages that only somebody with a link can see."""
    return path == LEARNER_PAGES or path.startswith((f"{LEARNER_PAGES}/", SHARED_PAGES))
