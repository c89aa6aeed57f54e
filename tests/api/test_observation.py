"""Access log, metrics and health: what a process tells about itself, and what it must not tell."""

import asyncio
import io
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from api.access_log import AccessLogMiddleware, make_log, request_line
from api.health import (
    Health,
    ReadyCheck,
    clock_check,
    database_check,
    disk_check,
    health_router,
    limit_check,
)
from api.metric import MetricMiddleware, Metrics, Reader, log_readers, metric_router
from api.problem import ProblemWriter
from api.problem_handler import install_problem_handlers
from api.route_template import set_route_template
from tests.api.client import BASE_URL, send, send_raw

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "0ckpersonalidentifier000000000000000"


def add_routes(app: FastAPI) -> None:
    router = APIRouter(prefix="/v1/credentials")

    @router.post("/{identifier}/revocation")
    @router.get("/{identifier}/status")
    def status(identifier: str) -> str:
        return identifier

    @app.get("/crash/{identifier}")
    def crash(identifier: str) -> None:
        raise ValueError(identifier)

    app.include_router(router)


class Ticks:
    """A timer that moves a quarter of a second at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


def logged_app(stream: io.StringIO) -> ASGIApp:
    app = FastAPI()
    add_routes(app)
    return AccessLogMiddleware(
        app, log=make_log(stream, lambda: NOW), timer=Ticks(), random_bytes=lambda n: b"\xab" * n
    )


def test_access_log_writes_one_line_with_template_and_no_id() -> None:
    stream = io.StringIO()
    answer = send(
        logged_app(stream),
        "GET",
        f"/v1/credentials/{SECRET}/status?at={SECRET}",
        headers={"authorization": f"Bearer {SECRET}", "x-request-id": SECRET},
    )
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == {
        "time": "2026-03-01T12:00:00.000+00:00",
        "level": "info",
        "event": "request",
        "request_id": "ab" * 16,
        "method": "GET",
        "route": "/v1/credentials/{identifier}/status",
        "status": 200,
        "duration_ms": 250.0,
        "sent_bytes": len(answer.content),
    }
    assert answer.headers["x-request-id"] == "ab" * 16


@pytest.mark.parametrize("method, path", [("GET", f"/{SECRET}"), (SECRET.upper(), "/"), ("GET", f"/v1/{SECRET}%0a{{")])
def test_access_log_names_nothing_of_the_request_when_no_route_matches(method: str, path: str) -> None:
    stream = io.StringIO()
    send_raw(logged_app(stream), path, method=method)
    (line,) = stream.getvalue().splitlines()
    assert SECRET.lower() not in line.lower()
    assert json.loads(line)["route"] == "unmatched"


def test_access_log_writes_500_and_no_message_when_the_app_breaks() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match=SECRET):
        send(logged_app(stream), "GET", f"/crash/{SECRET}")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["status"] == 500
    assert SECRET not in line


def measured(readers: tuple[Reader, ...] = ()) -> ASGIApp:
    metrics = Metrics(version="0.1.0", readers=readers)
    app = FastAPI()
    add_routes(app)
    app.include_router(metric_router(metrics))
    return MetricMiddleware(app, metrics=metrics, timer=Ticks())


def scrape(app: ASGIApp) -> str:
    answer = send(app, "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


def test_metrics_count_requests_by_template_and_never_by_path() -> None:
    app = measured()
    for number in range(3):
        send(app, "GET", f"/v1/credentials/{SECRET}{number}/status")
    send(app, "GET", f"/{SECRET}")
    send(app, "BREW", f"/{SECRET}")
    text = scrape(app)
    assert SECRET not in text
    assert "BREW" not in text
    labels = 'method="GET",route="/v1/credentials/{identifier}/status",status="200"'
    assert f"cairn_http_request_duration_seconds_count{{{labels}}} 3.0" in text
    assert f"cairn_http_request_duration_seconds_sum{{{labels}}} 0.75" in text
    assert 'method="OTHER",route="unmatched",status="404"' in text
    assert "cairn_http_requests_in_flight 1.0" in text
    assert 'cairn_build_info{python="' in text


def test_metrics_count_500_and_end_the_request_when_the_app_breaks() -> None:
    app = measured()
    with pytest.raises(ValueError, match=SECRET):
        send(app, "GET", f"/crash/{SECRET}")
    text = scrape(app)
    assert 'route="/crash/{identifier}",status="500"' in text
    assert "cairn_http_requests_in_flight 1.0" in text
    assert SECRET not in text


def test_metrics_of_two_apps_are_apart() -> None:
    one, other = measured(), measured()
    send(one, "GET", "/v1/credentials/x/status")
    assert "status" not in scrape(other).split("in_flight")[0].split("duration_seconds_count")[-1]


def failing() -> float:
    raise OSError(SECRET)


def lags() -> Mapping[str, float]:
    return {"status_lists": 3, "credential_status": 0}


def test_metrics_read_the_log_and_leave_out_what_cannot_be_read() -> None:
    readers = log_readers(
        log_size=lambda: 70_000,
        unpublished_age_seconds=failing,
        projection_lag_events=lags,
        checkpoint_timestamp_seconds=lambda: 1.5e9,
        anchor_timestamp_seconds=lambda: 0,
    )
    text = scrape(measured(readers))
    assert "cairn_log_size_entries 70000.0" in text
    assert 'cairn_projection_lag_events{projection="status_lists"} 3.0' in text
    assert "\ncairn_unpublished_age_seconds " not in text
    assert "cairn_metric_read_failures 1.0" in text
    assert SECRET not in text


def test_route_template_takes_the_name_that_a_fast_path_gives() -> None:
    stream = io.StringIO()

    async def fast(scope: object, _receive: object, _send: object) -> None:
        assert isinstance(scope, dict)
        set_route_template(scope, "/v1/credentials/{id}/status")

    log = make_log(stream, lambda: NOW)
    app = AccessLogMiddleware(fast, log=log, timer=Ticks(), random_bytes=bytes)
    with pytest.raises(AssertionError):
        send(app, "GET", f"/v1/credentials/{SECRET}/status")
    assert json.loads(stream.getvalue())["route"] == "/v1/credentials/{id}/status"


def ready_app(*checks: ReadyCheck) -> FastAPI:
    app = FastAPI()
    app.include_router(health_router(checks))
    install_problem_handlers(app, ProblemWriter(BASE_URL))
    return app


def test_livez_answers_when_every_check_fails() -> None:
    broken = ReadyCheck("database", failing_look)
    assert send(ready_app(broken), "GET", "/livez").json() == {"status": "live"}


def failing_look() -> Health:
    raise OSError(SECRET)


def test_readyz_lists_checks_when_all_pass() -> None:
    app = ready_app(database_check(lambda: 1), disk_check(Path.cwd(), 1))
    answer = send(app, "GET", "/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert [check["name"] for check in answer.json()["checks"]] == ["database", "disk"]
    assert answer.headers["cache-control"] == "no-store"


def test_readyz_names_the_check_when_one_fails_and_hides_its_error() -> None:
    good = database_check(lambda: 1)
    answer = send(ready_app(good, ReadyCheck("views", failing_look)), "GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "Not ready: views."
    assert [check["ok"] for check in answer.json()["checks"]] == [True, False]
    assert answer.json()["checks"][1]["detail"] == "The check itself failed: OSError."
    assert SECRET not in answer.text


def test_disk_check_fails_when_less_than_the_floor_is_free() -> None:
    free = shutil.disk_usage(Path.cwd()).free
    assert not disk_check(Path.cwd(), free * 2).look().ok


@pytest.mark.parametrize("lag, ok", [(10.0, True), (10.5, False)])
def test_limit_check_fails_when_number_is_above_the_limit(lag: float, *, ok: bool) -> None:
    found = limit_check("publication", lambda: lag, 10, "seconds").look()
    assert found.ok is ok
    assert found.detail == f"{lag:g} seconds, at most 10."


@pytest.mark.parametrize("behind, ok", [(-60, True), (0, True), (5, True), (6, False)])
def test_clock_check_fails_when_clock_is_behind_the_newest_record(behind: int, *, ok: bool) -> None:
    newest = NOW + timedelta(seconds=behind)
    assert clock_check(lambda: NOW, lambda: newest).look().ok is ok


def test_clock_check_passes_when_nothing_was_recorded() -> None:
    assert clock_check(lambda: NOW, lambda: None).look().ok


def test_lines_of_one_turn_come_in_order_and_none_is_lost_with_a_loop_that_ended() -> None:
    stream = io.StringIO()
    log = make_log(stream, lambda: NOW)
    write = request_line(log)

    async def turn(*names: str) -> None:
        for name in names:
            write(name, "GET", "/", 200, 0.0, 0)
        assert names[-1] not in stream.getvalue()  # the turn is not over

    loop = asyncio.new_event_loop()
    loop.call_soon(write, "lost-with-its-loop", "GET", "/", 200, 0.0, 0)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    asyncio.run(turn("second", "third"))
    write("fourth", "GET", "/", 200, 0.0, 0)
    asyncio.run(turn("fifth"))
    told = [json.loads(line)["request_id"] for line in stream.getvalue().splitlines()]
    assert told == ["lost-with-its-loop", "second", "third", "fourth", "fifth"]
