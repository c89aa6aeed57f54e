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

PAGE_FORM: Final = "/verify"
"""The form of the pages: asked by people of this site's own pages, and described in no API."""
