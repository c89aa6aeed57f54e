"""Which forms a page of this ledger has sent."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from api.own_page import require_own_page
from ledger.error import ForbiddenError

BASE = "https://ledger.test"


def request(headers: dict[str, str]) -> Request:
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": sent})


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Origin": BASE},
])  # fmt: skip
def test_form_is_taken_when_an_own_page_sent_it(headers: dict[str, str]) -> None:
    require_own_page(request(headers), BASE)


@pytest.mark.parametrize("headers", [
    {},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://ledger.test"},
    {"Origin": f"{BASE}.evil.example"},
    {"Origin": f"{BASE}:444"},
    {"Sec-Fetch-Site": "cross-site", "Origin": BASE},
    {"Sec-Fetch-Site": "same-site", "Origin": BASE},
    {"Sec-Fetch-Site": "none", "Origin": BASE},
    {"Sec-Fetch-Site": ""},
])  # fmt: skip
def test_form_is_refused_when_the_browser_names_another_site_or_none(headers: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError):
        require_own_page(request(headers), BASE)
