"""What Prometheus can ask of a process.

Each app has a registry of its own; nothing is global. Labels come from closed sets (templates of
routes, known methods, statuses), so no client can grow them, and no id, name or address gets in.

Source: Prometheus naming practices (base units, one-word prefix); OpenTelemetry's conventions for
the duration of HTTP requests (bounds from 5 ms; the finer ones are ours, for precomputed look-ups).
"""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import INF, floatToGoString
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.media_type import header
from api.route_template import method_name, route_template

DURATION_BUCKETS_SECONDS: Final = (
    *(0.0005, 0.001, 0.0025),
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
_SHORTEST: Final = DURATION_BUCKETS_SECONDS[0]

Reading = float | Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reader:
    """A number that is read when it is asked for.

    Args:
        name: Name of the metric, with its unit at the end.
        meaning: Help text.
        read: Returns the number, or numbers by the value of *label*. May be called from any thread.
        label: Name of the label, when *read* returns several.
    """

    name: str
    meaning: str
    read: Callable[[], Reading]
    label: str = ""


def log_readers(
    *,
    log_size: Callable[[], float],
    unpublished_age_seconds: Callable[[], float],
    projection_lag_events: Callable[[], Mapping[str, float]],
    checkpoint_timestamp_seconds: Callable[[], float],
    anchor_timestamp_seconds: Callable[[], float],
) -> tuple[Reader, ...]:
    """Return the readers that every ledger has.

    Args:
        log_size: Entries of the published checkpoint.
        unpublished_age_seconds: Age of the oldest event not yet published; 0 when all are.
        projection_lag_events: By projection, events of the ledger that it has not folded.
        checkpoint_timestamp_seconds: POSIX time of the newest cosignature; 0 when there is none.
        anchor_timestamp_seconds: POSIX time of the newest time anchor; 0 when there is none.
    """
    return (
        Reader("cairn_log_size_entries", "Entries of the published log.", log_size),
        Reader(
            "cairn_unpublished_age_seconds",
            "Age of the oldest event that is not in a published checkpoint.",
            unpublished_age_seconds,
        ),
        Reader(
            "cairn_projection_lag_events",
            "Events that a projection has not folded.",
            projection_lag_events,
            "projection",
        ),
        Reader(
            "cairn_checkpoint_timestamp_seconds",
            "When the newest checkpoint was last cosigned.",
            checkpoint_timestamp_seconds,
        ),
        Reader(
            "cairn_anchor_timestamp_seconds",
            "When the log was last anchored in time.",
            anchor_timestamp_seconds,
        ),
    )


class _Readings(Collector):
    """Reads when scraped. A reader that fails is left out and counted; the others still answer."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def collect(self) -> Iterable[Metric]:
        failures = 0
        for reader in self._readers:
            try:
                yield _family(reader, reader.read())
            except Exception:  # noqa: BLE001 - a broken part must not hide how the others are
                failures += 1
        yield GaugeMetricFamily("cairn_metric_read_failures", "Metrics that could not be read now.", failures)


def _family(reader: Reader, reading: Reading) -> GaugeMetricFamily:
    if not isinstance(reading, Mapping):
        return GaugeMetricFamily(reader.name, reader.meaning, reading)
    family = GaugeMetricFamily(reader.name, reader.meaning, labels=[reader.label])
    for value, number in sorted(reading.items()):
        family.add_metric([value], number)
    return family


class Series:
    """Durations of requests of one kind that are served in one go, by one thread: a histogram that costs little.

    Args:
        labels: Values of the labels: route, method, status.
    """

    def __init__(self, labels: tuple[str, str, str]) -> None:
        self.labels = labels
        self.counts = [0] * (len(DURATION_BUCKETS_SECONDS) + 1)
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Record one request."""
        place = 0 if seconds <= _SHORTEST else bisect_left(DURATION_BUCKETS_SECONDS, seconds)
        self.counts[place] += 1
        self.seconds += seconds

    def added_to(self, sample: Sample, bounds: Mapping[str, int]) -> Sample:
        """The sample of the library's histogram with what was recorded here, if it is of the same labels."""
        labels = sample.labels
        if (labels["route"], labels["method"], labels["status"]) != self.labels:
            return sample
        more: float = 0
        if "le" in labels:
            more = sum(self.counts[: bounds[labels["le"]] + 1])
        elif sample.name.endswith("_count"):
            more = sum(self.counts)
        elif sample.name.endswith("_sum"):
            more = self.seconds
        return sample._replace(value=sample.value + more)


class _Durations(Collector):
    """The histogram of durations with what :class:`Series` have recorded beside it."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._bounds = {_bound(bound): place for place, bound in enumerate((*DURATION_BUCKETS_SECONDS, INF))}
        self.series: list[Series] = []

    def collect(self) -> Iterable[Metric]:
        for metric in self._histogram.collect():
            for series in self.series:
                metric.samples = [series.added_to(sample, self._bounds) for sample in metric.samples]
            yield metric


def _bound(seconds: float) -> str:
    """How the library writes an upper bound."""
    text: str = floatToGoString(seconds)  # type: ignore[no-untyped-call]  # the library's own
    return text


class Metrics:
    """The instruments of one app and the registry that holds them.

    Args:
        version: Version of Cairn, for `cairn_build_info`.
        readers: Numbers that are read at each scrape.
    """

    def __init__(self, *, version: str, readers: Sequence[Reader] = ()) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_Readings(tuple(readers)))
        build = Gauge("cairn_build_info", "What is running.", ["version", "python"], registry=self.registry)
        build.labels(version, platform.python_version()).set(1)
        self._in_flight = Gauge("cairn_http_requests_in_flight", "Requests being served now.", registry=self.registry)
        self._duration = Histogram(
            "cairn_http_request_duration_seconds",
            "From the first byte of the request's head to the last of the answer.",
            ["route", "method", "status"],
            buckets=DURATION_BUCKETS_SECONDS,
            registry=None,
        )
        self._durations = _Durations(self._duration)
        self.registry.register(self._durations)

    def begin_request(self) -> None:
        """Count a request as being served."""
        self._in_flight.inc()

    def end_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Record a served request under its route template."""
        self._in_flight.dec()
        self._duration.labels(route, method, str(status)).observe(seconds)

    def observer(self, route: str, method: str, status: int) -> Callable[[float], None]:
        """What records requests of one kind, served in one go by one thread, given the seconds that each took."""
        series = Series((route, method, str(status)))
        self._duration.labels(*series.labels)  # so that there are samples of it
        self._durations.series.append(series)
        return series.observe


class MetricMiddleware:
    """Measures every request.

    Args:
        app: What is wrapped.
        metrics: Where it is recorded.
        timer: Seconds that never run backwards, such as `time.perf_counter`.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, timer: Callable[[], float]) -> None:
        self._app = app
        self._metrics = metrics
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # What is recorded when the app breaks off without an answer.
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        started = self._timer()

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self._metrics.begin_request()
        try:
            await self._app(scope, receive, watch)
        finally:
            seconds = self._timer() - started
            route, method = route_template(scope), method_name(scope)
            self._metrics.end_request(route, method, status, seconds)


def metric_router(metrics: Metrics) -> APIRouter:
    """Return the route that Prometheus scrapes."""
    router = APIRouter(tags=["operation"])

    @router.get("/metrics", summary="Metrics in the format of Prometheus", response_model=None)
    def show_metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(header(request.scope, "accept") or "")
        return Response(encode(metrics.registry), headers={"content-type": content_type})

    return router
