"""Header fields that tell browsers what pages and answers may do, and who may read them.

Pages load nothing from elsewhere and run no script but this site's own files, which may not make markup out of text: a
browser that knows trusted types refuses it. The camera is for pages alone, and every browser asks first. Public answers
may be read by pages of any origin, without credentials; writes of issuers may not be made from foreign pages at all.

Source: W3C Content Security Policy Level 3; Fetch standard (CORS); OWASP ASVS 5.0 chapter V3.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answer_header import encoded, put_headers
from api.media_type import header
from api.public_write import WALLET_WRITES, is_learners, is_public_write

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# What is not a page is never to be shown as one.
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
PERMISSIONS: Final = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "magnetometer=(), microphone=(), payment=(), usb=(), browsing-topics=()"
)
PAGE_PERMISSIONS: Final = PERMISSIONS.replace("camera=()", "camera=(self)")
ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": PERMISSIONS,
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Two years, as browsers' preload lists ask.
TRANSPORT_SECURITY: Final = "max-age=63072000; includeSubDomains"
READABLE_HEADERS: Final = (
    "Age, Cairn-Following, Cairn-Log-Size, Cairn-Log-Time, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
)
SHARED: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": READABLE_HEADERS}
# An answer may have its own of these.
KEPT: Final = frozenset({b"referrer-policy", b"content-security-policy"})
DESK: Final = "/desk"
PREFLIGHT_SECONDS: Final = 86_400

READ_METHODS: Final = frozenset({"GET", "HEAD"})


def data_headers(*, is_https: bool) -> dict[str, str]:
    """The header fields of every public answer that is no page."""
    return {
        **_fixed(is_https=is_https),
        "Content-Security-Policy": DATA_POLICY,
        **SHARED,
    }


def _fixed(*, is_https: bool) -> dict[str, str]:
    return {**ALWAYS, "Strict-Transport-Security": TRANSPORT_SECURITY} if is_https else {**ALWAYS}


class SecurityHeaderMiddleware:
    """Adds the header fields to every answer, and answers the preflights of public routes.

    Args:
        app: What is wrapped.
        is_https: Whether the public reaches this ledger by https, so that browsers can be told to
            stay with it.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        page = {
            **_fixed(is_https=is_https),
            "Permissions-Policy": PAGE_PERMISSIONS,
            "Content-Security-Policy": PAGE_POLICY,
        }
        data = {**_fixed(is_https=is_https), "Content-Security-Policy": DATA_POLICY}
        self._added = {
            (is_page, is_public): encoded({**(page if is_page else data), **(SHARED if is_public else {})})
            for is_page in (False, True)
            for is_public in (False, True)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def adorn(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_page = dict(message["headers"]).get(b"content-type", b"").startswith(b"text/html")
                put_headers(message, self._added[is_page, _is_public(scope)], KEPT)
            await send(message)

        if _is_preflight(scope):
            await _preflight_answer(scope)(scope, receive, adorn)
        else:
            await self._app(scope, receive, adorn)


def _is_public(scope: Scope) -> bool:
    path = scope["path"]
    is_private = is_learners(path) or is_desk(path)
    return (scope["method"] in READ_METHODS and not is_private) or is_public_write(path)


def is_desk(path: str) -> bool:
    """Whether a path belongs to the issuers' desk, whose pages are for who has signed in and for no other origin."""
    return path == DESK or path.startswith(f"{DESK}/")


def _is_preflight(scope: Scope) -> bool:
    return (
        scope["method"] == "OPTIONS"
        and header(scope, "access-control-request-method") is not None
        and header(scope, "origin") is not None
        and not is_desk(scope["path"])
    )


def _preflight_answer(scope: Scope) -> Response:
    """Allow public reads and public writes from anywhere, with no credentials; nothing else."""
    methods = "GET, HEAD, POST" if is_public_write(scope["path"]) else "GET, HEAD"
    # A wallet's access token is no cookie: the page that sends it has it from this ledger.
    headers = "Authorization, Content-Type" if scope["path"] in WALLET_WRITES else "Content-Type, If-None-Match"
    return Response(
        status_code=HTTPStatus.NO_CONTENT,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": headers,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
        },
    )
