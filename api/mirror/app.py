"""The HTTP application of a following node: the ledger's public look-ups, and for everything else where to find it."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NoReturn

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from api.app import DESCRIPTION, DISTRIBUTION, Shared, make_batches, make_limiter, wrap
from api.error import ReadOnlyNodeError
from api.head import HeadMiddleware
from api.health import Health, ReadyCheck, disk_check, health_router, limit_check
from api.log_route import log_router
from api.metric import Metrics, Reader, metric_router
from api.mirror.age import QuickAge
from api.mirror.layer import FreshnessMiddleware
from api.mirror.node import MirrorNode
from api.openapi import install_openapi
from api.page.language import Speech
from api.page.render import PageRenderer
from api.problem import ProblemWriter
from api.problem_handler import UnexpectedErrorMiddleware, install_problem_handlers
from api.problem_route import problem_router
from api.rate_limit import ClientCount
from api.route import (
    achievement,
    agreement,
    anchor,
    audit,
    credential,
    explore,
    institution,
    ledger,
    own_audit,
    page,
    pathway,
    programme,
    recognition,
    recognition_page,
    skill,
    status_list,
    status_prefix,
    verify,
)
from api.shortcut import Counters, Shortcut
from api.shortcut_setup import make_shortcut
from api.skill import Skills
from api.status_prefix import StatusByPrefix

WRITE_METHODS = ["POST", "PUT", "PATCH", "DELETE"]


def make_mirror_app(
    node: MirrorNode,
    progress: Callable[[], tuple[int, int]],
    failures: Callable[[], int],
    log: FilteringBoundLogger,
    *,
    offer: Callable[[Shortcut], None] | None = None,
) -> ASGIApp:
    """Make the application. Nothing is started here.

    Args:
        node: The parts.
        progress: Entries copied, and of how many.
        failures: How many parts of the background fail at this moment.
        log: Where requests are recorded.
        offer: Told the short-cut that connections may try first, unless the settings turn it off.
    """
    app = FastAPI(
        title="Cairn",
        version=version(DISTRIBUTION),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    base_url = node.settings.base_url
    renderer = PageRenderer(base_url, demonstration=node.identity.demonstration, notice=_notice(node), has_desk=False)
    writer = ProblemWriter(base_url, renderer.render_problem)
    metrics = Metrics(version=app.version, readers=_readers(node))
    limiter = make_limiter(node.settings)
    shared = Shared(writer, ClientCount(limiter, node.settings.trusted_proxy_count), log)
    for router in _look_ups(node, renderer, shared):
        app.include_router(router)
    app.include_router(health_router(_checks(node, failures)))
    app.include_router(metric_router(metrics))
    app.include_router(problem_router(writer, renderer.render_problem_kind))
    app.include_router(_elsewhere(node.identity.ledger_url))
    install_problem_handlers(app, writer)
    app.add_middleware(UnexpectedErrorMiddleware, writer=writer, log=log, random_bytes=os.urandom)
    install_openapi(app)
    aged = FreshnessMiddleware(HeadMiddleware(app), served=node.served, progress=progress, writer=writer)
    is_https = base_url.startswith("https:")
    if offer is not None and node.settings.shortcut:
        counters = Counters(limiter, node.settings.trusted_proxy_count, metrics, log)
        room, around = node.settings.kept_answers_bytes, QuickAge(node.served)
        offer(make_shortcut(node.views, node.lookup.answer_now, counters, room, is_https=is_https, around=around))
    return wrap(aged, node.settings, writer, metrics, log, limiter, is_https=is_https)


def _look_ups(node: MirrorNode, renderer: PageRenderer, shared: Shared) -> list[APIRouter]:
    return [
        audit.make_router(node.lookup, node.policy),
        anchor.read_router(node.lookup),
        log_router(node.served.read, lambda: node.vkey),
        ledger.make_router(lambda: describe(node)),
        credential.read_router(node.lookup),
        status_prefix.make_router(StatusByPrefix(node.lookup, node.settings.status_prefix_awards), shared.clients),
        verify.make_router(node.verification),
        verify.batch_router(node.verification, make_batches(node.verification, node.settings, shared)),
        achievement.read_router(node.lookup, node.clock),
        skill.make_router(Skills(node.lookup, node.verification)),
        institution.read_router(node.lookup),
        programme.read_router(node.lookup),
        pathway.read_router(node.lookup),
        recognition.read_router(node.lookup),
        agreement.read_router(node.lookup),
        status_list.make_router(node.lists),
        recognition_page.make_router(renderer, node.lookup),
        explore.make_router(renderer, node.lookup, lambda: node.vkey),
        own_audit.make_router(renderer, node.lookup.published, None, node.settings.base_url),
        page.make_router(renderer, node.verification, lambda: (), node.clock, lambda: node.vkey, node.cpu),
    ]


def describe(node: MirrorNode) -> dict[str, Any]:
    """What ``GET /v1/ledger`` says of a mirror."""
    identity = node.identity
    members = ledger.ledger_members(
        identity.ledger_url, identity.origin, node.vkey, demonstration=identity.demonstration
    )
    key_from = "taken from the ledger on first use" if node.vkey in node.policy.pinned else "policy"
    return {**members, "mirror": {**node.served.freshness(), "key_from": key_from}}


def _elsewhere(ledger_url: str) -> APIRouter:
    """Answer writes, and what only the vault has, with the ledger's address."""
    router = APIRouter(include_in_schema=False)

    def refuse() -> NoReturn:
        message = f"this node follows the ledger at {ledger_url} and only reads; send this there"
        raise ReadOnlyNodeError(message, extensions={"ledger": ledger_url})

    router.add_api_route("/v1/credentials/{id}/bundle", refuse, methods=["GET"], response_model=None)
    router.add_api_route("/v1/recognitions/{id}/details", refuse, methods=["GET"], response_model=None)
    router.add_api_route("/v1/recognitions/{id}/files/{number}", refuse, methods=["GET"], response_model=None)
    router.add_api_route("/v1/{path:path}", refuse, methods=WRITE_METHODS, response_model=None)
    return router


def _notice(node: MirrorNode) -> Callable[[Speech], str | None]:
    def notice(speech: Speech) -> str | None:
        served = node.served
        head, age = served.head, served.age_seconds()
        if head is None:
            return None
        name = "stopped" if served.misbehaviour is not None else "old" if served.is_too_old else "fresh"
        return speech.messages["mirror"][name].format(
            ledger=node.identity.ledger_url,
            size=head.checkpoint.size,
            moment="" if head.instant is None else speech.moment(head.instant),
            age="" if age is None else int(age),
            limit=int(served.max_age.total_seconds()),
        )

    return notice


def _lags(node: MirrorNode) -> dict[str, float]:
    return {one.name: float(one.lag or 0) for one in node.views.projector.standing()}


def _checks(node: MirrorNode, failures: Callable[[], int]) -> list[ReadyCheck]:
    settings, served = node.settings, node.served

    def fresh() -> Health:
        age, limit = served.age_seconds(), settings.follow_max_age_seconds
        shown = "Nobody trusted says how old it is" if age is None else f"{age:.0f} seconds old"
        return Health(ok=not served.is_too_old, detail=f"{shown}, at most {limit}. {served.trouble or ''}".strip())

    def honest() -> Health:
        return Health(ok=served.misbehaviour is None, detail=served.misbehaviour or "The log has shown one history.")

    return [
        disk_check(settings.data_dir, settings.ready_disk_floor_bytes),
        ReadyCheck("age", fresh),
        ReadyCheck("fork", honest),
        limit_check(
            "projections",
            lambda: max(_lags(node).values(), default=0.0),
            settings.ready_projection_lag_events,
            "events behind",
        ),
        limit_check(
            "background",
            lambda: failures() + sum(one.stopped for one in node.views.projector.standing()),
            0,
            "parts failing",
        ),
    ]


def _readers(node: MirrorNode) -> tuple[Reader, ...]:
    served = node.served

    def seconds() -> float:
        head = served.head
        return 0.0 if head is None or head.instant is None else head.instant.timestamp()

    def size() -> float:
        head = served.head
        return 0 if head is None else head.checkpoint.size

    newest = "When the newest verified checkpoint was last cosigned."
    return (
        Reader("cairn_log_size_entries", "Entries of the log that were verified.", size),
        Reader("cairn_checkpoint_timestamp_seconds", newest, seconds),
        Reader(
            "cairn_projection_lag_events", "Events that a projection has not folded.", lambda: _lags(node), "projection"
        ),
        Reader(
            "cairn_mirror_following",
            "1 while the log is followed without trouble.",
            lambda: served.following == "going",
        ),
        Reader(
            "cairn_mirror_misbehaviour",
            "1 once the log is proved to have misbehaved.",
            lambda: served.following == "stopped",
        ),
    )
