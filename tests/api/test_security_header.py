import pytest
from fastapi import FastAPI
from starlette.responses import HTMLResponse

from api.security_header import SecurityHeaderMiddleware
from tests.api.client import send


def make_app(*, is_https: bool = False) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SecurityHeaderMiddleware, is_https=is_https)

    @app.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse("<p>hello</p>")

    @app.get("/data")
    def data() -> dict[str, int]:
        return {"a": 1}

    @app.post("/v1/verify")
    @app.post("/v1/credentials")
    def write() -> dict[str, int]:
        return {}

    return app


@pytest.mark.parametrize("path", ["/page", "/data", "/missing"])
def test_headers_forbid_guessing_and_framing_on_every_answer(path: str) -> None:
    headers = send(make_app(), "GET", path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    # The camera is for the QR codes that a page scans; other answers get nothing at all.
    assert f"camera={'(self)' if path == '/page' else '()'}" in headers["permissions-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers


def test_page_may_load_only_our_own_files_and_make_no_markup_of_text() -> None:
    policy = send(make_app(), "GET", "/page").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == "'self'"
    assert rules["img-src"] == "'self' data:"
    assert rules["form-action"] == "'self'"
    assert rules["base-uri"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["trusted-types"] == "'none'"
    assert "unsafe" not in policy


def test_data_is_sandboxed_when_opened_as_a_page() -> None:
    assert "sandbox" in send(make_app(), "GET", "/data").headers["content-security-policy"]


def test_https_is_kept_when_the_ledger_is_reached_by_it() -> None:
    headers = send(make_app(is_https=True), "GET", "/page").headers
    assert headers["strict-transport-security"].startswith("max-age=63072000")


@pytest.mark.parametrize(
    "method, path, is_open",
    [
        ("GET", "/data", True),
        ("HEAD", "/data", True),
        ("POST", "/v1/verify", True),
        ("POST", "/v1/credentials", False),
        ("POST", "/v1/verify/x", False),
    ],
)
def test_any_origin_may_read_public_answers_alone(method: str, path: str, *, is_open: bool) -> None:
    headers = send(make_app(), method, path, headers={"origin": "https://evil.test"}).headers
    assert (headers.get("access-control-allow-origin") == "*") is is_open
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize(
    "path, methods",
    [("/v1/verify", "GET, HEAD, POST"), ("/v1/credentials", "GET, HEAD"), ("/x", "GET, HEAD")],
)
def test_preflight_allows_public_methods_and_no_key(path: str, methods: str) -> None:
    preflight = {
        "origin": "https://evil.test",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    answer = send(make_app(), "OPTIONS", path, headers=preflight)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-methods"] == methods
    assert "authorization" not in answer.headers["access-control-allow-headers"].lower()


def test_options_reaches_the_app_when_it_is_no_preflight() -> None:
    assert send(make_app(), "OPTIONS", "/data").status_code == 405
