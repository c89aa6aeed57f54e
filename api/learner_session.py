"""Who looks at a learner's page: a cookie that follows from the link, and dies with it.

    prefix of the link (16) "." end of the session, POSIX seconds "." MAC in base64url (43)

The MAC is HMAC-SHA256 over the first two parts under a secret of the vault, so any process of the ledger knows a
session of another, and a restart ends none. At each request the link is looked up again: once it is revoked, has
expired, or went with its erased learner, the session is over.

The cookie is for this site alone (`SameSite=Strict`, and `__Host-` where the ledger is reached by https), no script can
read it, and a form that comes from another site's page is refused besides (`api.own_page`).

Source: RFC 6265bis sections 4.1.3.2 and 5.5; OWASP ASVS 5.0, 3.3 and 7.2.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import Request, Response

from ledger.error import NotFoundError
from ledger.learner_link import LearnerLink, LearnerLinks

SESSION_SECONDS: Final = 2 * 3_600
"""How long a session lasts; then the link is asked for again."""
SECRET_NAME: Final = "learner-sessions"  # noqa: S105  what the vault calls it
_VALUE: Final = re.compile(r"([a-v0-9]{16})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")


class LearnerSessions:
    """Begins, reads and ends sessions.

    Args:
        links: Where links are looked up.
        secret: Key of the MAC, 32 bytes.
        now: Present instant.
        is_https: Whether the public reaches this ledger by https.
    """

    def __init__(self, links: LearnerLinks, secret: bytes, now: Callable[[], datetime], *, is_https: bool) -> None:
        self._links = links
        self._secret = secret
        self._now = now
        self._is_https = is_https
        self.cookie: Final = "__Host-cairn_mine" if is_https else "cairn_mine"

    def begin(self, response: Response, link: LearnerLink) -> None:
        """Set the cookie of whoever holds *link*; it lasts no longer than the link does."""
        left = int((link.expires_at - self._now()).total_seconds())
        seconds = max(1, min(SESSION_SECONDS, left))
        signed = f"{link.prefix}.{int(self._now().timestamp()) + seconds}"
        self._set(response, f"{signed}.{self._mac(signed)}", seconds)

    def end(self, response: Response) -> None:
        """Take the cookie back."""
        self._set(response, "", 0)

    def find(self, request: Request) -> LearnerLink | None:
        """The link of whoever asks; None when there is no session, or not any more."""
        found = _VALUE.fullmatch(request.cookies.get(self.cookie, ""))
        if found is None:
            return None
        prefix, end, mac = found.groups()
        now = self._now()
        if not hmac.compare_digest(mac, self._mac(f"{prefix}.{end}")) or int(end) <= now.timestamp():
            return None
        try:
            return self._links.known(prefix, now)
        except NotFoundError:
            return None

    def _mac(self, signed: str) -> str:
        digest = hmac.digest(self._secret, signed.encode("ascii"), "sha256")
        return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")

    def _set(self, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self.cookie, value, max_age=seconds, path="/", secure=self._is_https, httponly=True, samesite="strict"
        )
