"""Whether a form was sent by a page of this ledger's own, which is what every page that knows its visitor asks first.

The browser says so: `Sec-Fetch-Site` is `same-origin`, or, where browsers do not send that (plain http), `Origin` is
the ledger's own. A browser that says neither is refused. For `Origin` to be there, pages with such forms are sent with
:data:`FORM_HEADERS`; with the policy `no-referrer`, which all other pages have, browsers write `null`.

Source: W3C Fetch Metadata; Fetch standard (origin header); OWASP Cross-Site Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

from typing import Final

from fastapi import Request

from ledger.error import ForbiddenError

FORM_HEADERS: Final = {"Referrer-Policy": "same-origin"}
"""Of a page whose forms ask who sent them; no other site is told where the browser was."""


def require_own_page(request: Request, base_url: str) -> None:
    """Refuse a form that no page of this ledger has sent.

    Args:
        request: The form's.
        base_url: Address at which browsers reach this ledger: scheme, host and port.

    Raises:
        ForbiddenError: The browser names another site, or says nothing at all.
    """
    site = request.headers.get("sec-fetch-site")
    is_own = site == "same-origin" if site is not None else request.headers.get("origin") == base_url
    if not is_own:
        message = "this form was sent from another site; open the page here and try there"
        raise ForbiddenError(message)
