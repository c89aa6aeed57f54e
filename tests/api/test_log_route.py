import gzip

import httpx
import pytest
from fastapi import FastAPI

from api.log_route import log_router
from api.problem import ProblemWriter
from api.problem_handler import install_problem_handlers
from tests.api.client import BASE_URL, send, send_raw

FILES = {
    "checkpoint": b"ledger.test/log\n1\nAAAA\n",
    "tile/0/000": b"\x01" * 8_192,
    "tile/0/001.p/7": b"\x02" * 224,
    "tile/entries/000": b"\x00\x05hello" * 256,
}
ENTRIES = "/log/tile/entries/000"


def make_app() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    app.include_router(log_router(FILES.get, lambda: "ledger.test/log+00000000+AAAA"))
    install_problem_handlers(app, ProblemWriter(BASE_URL))
    return app


def get(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(make_app(), method, path, headers={"accept-encoding": "identity", **fields})


def test_log_serves_checkpoint_that_nothing_may_keep() -> None:
    answer = get("/log/checkpoint")
    assert answer.content == FILES["checkpoint"]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "etag" not in answer.headers


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("tile/")])
def test_log_serves_tile_that_may_be_kept_for_ever(name: str) -> None:
    answer = get(f"/log/{name}")
    assert answer.content == FILES[name]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "public, max-age=604800, immutable"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "content-encoding" not in answer.headers


def test_log_serves_verifier_key_as_one_line() -> None:
    answer = get("/log/vkey")
    assert answer.text == "ledger.test/log+00000000+AAAA\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*", "GZIP", "gzip;q=1.000"])
def test_log_compresses_entries_when_client_takes_gzip(accepted: str) -> None:
    answer = get(ENTRIES, accept_encoding=accepted)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == FILES["tile/entries/000"]
    assert int(answer.headers["content-length"]) < 256


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=x"])
def test_log_sends_entries_plain_when_client_does_not_take_gzip(accepted: str) -> None:
    answer = get(ENTRIES, accept_encoding=accepted)
    assert "content-encoding" not in answer.headers
    assert answer.content == FILES["tile/entries/000"]


def test_log_does_not_compress_hashes_when_client_takes_gzip() -> None:
    answer = get("/log/tile/0/000", accept_encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


@pytest.mark.parametrize("coding", ["gzip", "identity"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_log_answers_304_when_client_has_the_bytes(form: str, coding: str) -> None:
    etag = get(ENTRIES, accept_encoding=coding).headers["etag"]
    answer = get(ENTRIES, accept_encoding=coding, if_none_match=form.format(etag))
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag
    assert answer.headers["vary"] == "Accept-Encoding"


def test_log_names_coded_and_plain_bytes_differently() -> None:
    plain = get(ENTRIES).headers["etag"]
    assert plain != get(ENTRIES, accept_encoding="gzip").headers["etag"]
    assert get(ENTRIES, accept_encoding="gzip", if_none_match=plain).status_code == 200


@pytest.mark.parametrize("path", ["/log/checkpoint", "/log/tile/0/000", ENTRIES, "/log/vkey"])
def test_log_answers_head_like_get_but_for_the_body(path: str) -> None:
    whole, head = get(path), get(path, "HEAD")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == whole.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/log/checkpoint", "/log/tile/0/000", "/log/vkey"])
def test_log_answers_405_when_method_does_not_read(method: str, path: str) -> None:
    answer = get(path, method)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    "path",
    [
        "/log",
        "/log/",
        "/log/tile",
        "/log/tile/",
        "/log/tile/0",
        "/log/tile/0/",
        "/log/tile/0/002",
        "/log/tile/0/000/",
        "/log/tile/00/000",
        "/log/tile/0/0",
        "/log/tile/0/x000/000",
        "/log/tile/0/000.p/0",
        "/log/tile/0/000.p/256",
        "/log/tile/0/000.p/01",
        "/log/tile/64/000",
        "/log/tile/-1/000",
        "/log/tile/data/000",
        "/log/tile/entries/000.gz",
        "/log/tile/0/../0/000",
        "/log/tile/../checkpoint",
        "/log/../log/tile/0/000",
        "/log/tile//0/000",
        "/log/tile/0/%30%30%30",
        "/log/tile/0%2F000",
        "/log/tile/0/000%00",
        "/log/tile/0/000%0a",
        "/log/tile/0/٠٠٠",
        "/log/checkpoint/",
        "/log/Checkpoint",
        "/log/log.db",
        "/log/tile/0/" + "x001/" * 5_000 + "000",
    ],
)
def test_log_answers_404_without_caching_when_path_is_not_served(path: str) -> None:
    answer = send_raw(make_app(), path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert not {"cache-control", "etag", "content-encoding", "expires"} & set(answer.headers)


def test_log_asks_store_for_canonical_paths_alone() -> None:
    asked: list[str] = []

    def read(path: str) -> bytes | None:
        asked.append(path)
        return None

    app = FastAPI()
    app.include_router(log_router(read, str))
    install_problem_handlers(app, ProblemWriter(BASE_URL))
    for path in ("/log/tile/0/../../../etc/passwd", "/log/tile/%2e%2e/x", "/log/tile/0/000"):
        assert send_raw(app, path).status_code == 404
    assert asked == ["tile/0/000"]


def test_log_answers_gzip_of_exactly_the_stored_bytes() -> None:
    # Taken apart by hand, since the client above decodes by itself.
    packed = gzip.compress(FILES["tile/entries/000"], 6, mtime=0)
    answer = get(ENTRIES, accept_encoding="gzip")
    assert int(answer.headers["content-length"]) == len(packed)
