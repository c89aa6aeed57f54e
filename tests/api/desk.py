"""An officer at the desk of a served ledger."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Final

import httpx
from structlog.typing import FilteringBoundLogger

from api.access_log import make_log
from api.ledger_node import system_clock
from tests.api.served import BASE, Served

OWN_PAGE: Final = {"Origin": BASE}
UNREAD: Final[FilteringBoundLogger] = make_log(io.StringIO(), system_clock)
"""A log that nobody reads."""
_TOKEN: Final = re.compile(r'name="token" value="([0-9a-f]{64})"')


def form(fields: dict[str, str | bytes]) -> list[tuple[str, tuple[str | None, str | bytes]]]:
    """Fields as a page's form sends them; bytes are files."""
    return [(name, ("f" if isinstance(value, bytes) else None, value)) for name, value in fields.items()]


def sign_in(served: Served, key: str, *, lang: str = "en", replace: bool = False, **headers: str) -> httpx.Response:
    """Send the form with the key; *headers* replace those of an own page, or come on top."""
    sent = headers if replace else {**OWN_PAGE, **headers}
    return served.http.post(f"/desk/sign-in?lang={lang}", files=form({"key": key}), headers=sent)


class Officer:
    """Somebody who has signed in with a key."""

    def __init__(self, served: Served, key: str) -> None:
        self._served = served
        answer = sign_in(served, key)
        assert answer.status_code == 303, answer.text
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        found = _TOKEN.search(self.get("/desk").text)
        assert found is not None
        self.token = found[1]

    def get(self, path: str, *, headers: dict[str, str] | None = None, **query: str) -> httpx.Response:
        """Ask for a page."""
        return self._served.http.get(path, params=query, headers={"Cookie": self.cookie, **(headers or {})})

    def post(
        self, path: str, *, headers: dict[str, str] | None = None, lang: str = "en", **fields: str | bytes
    ) -> httpx.Response:
        """Send a form; *headers* take the place of those that say that an own page sent it."""
        return self.send(path, fields, headers=headers, lang=lang)

    def send(
        self,
        path: str,
        fields: Mapping[str, str | bytes],
        *,
        headers: dict[str, str] | None = None,
        lang: str = "en",
    ) -> httpx.Response:
        """Send a form with the fields of that mapping."""
        parts = form({"token": self.token, **fields})
        sent = {"Cookie": self.cookie, **(OWN_PAGE if headers is None else headers)}
        return self._served.http.post(f"{path}?lang={lang}", files=parts, headers=sent)
