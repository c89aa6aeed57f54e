"""The HTTP application over the parts of one node: routers, middleware, errors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from api.access_log import AccessLogMiddleware
from api.anchor_setup import own_policy
from api.batch.answer import Batches
from api.batch.item import ItemJudge
from api.demo.closing import read_summary, show_command
from api.demo.sentence import RUSSIAN
from api.desk_setup import include_desk
from api.did_resolution import DidResolution, web_documents
from api.direct import DirectMiddleware, DirectRoute
from api.document_work import DocumentWork
from api.fetching import Fetching
from api.foreign import ForeignVerification
from api.guess import Guesses
from api.head import HeadMiddleware
from api.health import ReadyCheck, clock_check, database_check, disk_check, health_router, limit_check, standby_check
from api.issuer_anchor import read_anchors
from api.learner_session import SECRET_NAME, LearnerSessions
from api.log_node import LogNode
from api.log_route import log_router
from api.metric import MetricMiddleware, Metrics, Reader, log_readers, metric_router
from api.node import Node
from api.openapi import install_openapi
from api.own_source import NodeSources
from api.page.render import PageRenderer
from api.page.view import Sample
from api.problem import ProblemWriter
from api.problem_handler import UnexpectedErrorMiddleware, install_problem_handlers
from api.problem_route import problem_router
from api.query import refuse_repeated
from api.rate_limit import ClientCount, RateLimiter, RateLimitMiddleware
from api.request_id import drawn_together
from api.route import (
    achievement,
    agreement,
    anchor,
    audit,
    credential,
    credential_change,
    did_resolver,
    document,
    explore,
    institution,
    institution_key,
    learner_link,
    ledger,
    mine,
    mine_wallet,
    own_audit,
    page,
    pathway,
    programme,
    recognition,
    recognition_page,
    record,
    review,
    shared,
    skill,
    stacking,
    status_list,
    status_prefix,
    unpacking,
    vc_api,
    verify,
    wallet,
)
from api.runtime import Runtime
from api.security_header import SecurityHeaderMiddleware
from api.setting import Settings
from api.shortcut import Counters, Shortcut
from api.shortcut_setup import make_shortcut
from api.skill import Skills
from api.standing import Standing
from api.status_prefix import StatusByPrefix
from api.vc_api.elsewhere import read_foreign_lists
from api.vc_api.issuing import Issuing
from api.vc_api.judging import Judging
from api.vc_api.keys import DidKeys
from api.vc_api.listed_status import ListedStatus, not_asked
from api.vc_api.status_change import StatusChange
from api.verification import Verification, attested_id, vault_salt
from api.wallet.issuing import WalletIssuing, still_open
from api.wallet.nonce import Nonces
from api.wallet.offer import Offers
from api.witness_standing import witness_check, witness_readers
from ledger.access import Actor
from ledger.application import Clock

DESCRIPTION = (
    "A ledger of micro-credentials that anyone can check. Reading and verifying need no account. "
    "Writes need a bearer key and an Idempotency-Key. Every error is RFC 9457 problem details."
)
DISTRIBUTION = "cairn-ledger"


def make_app(
    node: Node,
    runtime: Runtime,
    clock: Clock,
    log: FilteringBoundLogger,
    *,
    stand_in: Actor | None = None,
    offer: Callable[[Shortcut], object] | None = None,
) -> ASGIApp:
    """Make the application. Nothing is started here.

    Args:
        node: The parts.
        runtime: What runs in the background.
        clock: Present instant.
        log: Where requests are recorded.
        stand_in: Who signs and changes statuses over the VC-API without a bearer key; None: nobody.
        offer: Told the short-cut that connections may try first, unless the settings turn it off.
    """
    settings, identity = node.settings, node.parts.identity
    app = FastAPI(
        title="Cairn",
        version=version(DISTRIBUTION),
        description=DESCRIPTION,
        openapi_url=None,  # `install_openapi` serves it
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_repeated)],
        redirect_slashes=False,  # a redirect would repeat whatever `Host` the client sent
    )
    renderer = PageRenderer(identity.base_url, demonstration=identity.demonstration)
    writer = ProblemWriter(identity.base_url, renderer.render_problem)
    standing = Standing(node)
    waiting = Reader(
        "cairn_learner_requests_waiting", "Requests of learners that wait for an answer.", node.parts.requests.waiting
    )
    readers = (*log_readers(**standing.readings()), waiting)
    if isinstance(node.log, LogNode) and node.log.witnesses is not None:
        readers = (*readers, *witness_readers(node.log, node.log.witnesses))
    metrics = Metrics(version=app.version, readers=readers)
    issue = credential.make_issue(node)
    app.include_router(credential.make_router(node, issue))
    limiter = make_limiter(settings)
    shared = Shared(writer, ClientCount(limiter, settings.trusted_proxy_count), log)
    _include(app, node, renderer, shared, metrics, _ready_checks(node, runtime, standing, clock), runtime, stand_in)
    install_problem_handlers(app, writer)
    # Inside the framework's own last handler, which would answer first and in plain text.
    app.add_middleware(UnexpectedErrorMiddleware, writer=writer, log=log, random_bytes=os.urandom)
    install_openapi(app)
    issuing = DirectRoute(credential.PATH, issue, writer)
    answered = UnexpectedErrorMiddleware(issuing, writer=writer, log=log, random_bytes=os.urandom)
    # Not for one's own machine: browsers would remember it for whatever else is developed there.
    is_https = identity.base_url.startswith("https:") and not settings.is_loopback
    if offer is not None and settings.shortcut:
        counters = Counters(limiter, settings.trusted_proxy_count, metrics, log)
        room = settings.kept_answers_bytes
        offer(make_shortcut(node.views, node.lookup.answer_now, counters, room, is_https=is_https))
    direct = DirectMiddleware(HeadMiddleware(app), issuing, answered)
    return wrap(direct, settings, writer, metrics, log, limiter, is_https=is_https)


@dataclass(frozen=True, slots=True)
class Others:
    """What knows of other hosts' documents."""

    fetching: Fetching
    foreign: ForeignVerification
    verification: Verification


@dataclass(frozen=True, slots=True)
class Shared:
    """What several routes need of the layers around them: how problems are written, clients counted, errors logged."""

    writer: ProblemWriter
    clients: ClientCount
    log: FilteringBoundLogger


def make_batches(verification: Verification, settings: Settings, shared: Shared) -> Batches:
    """Make what the batches of one process share."""
    judge = ItemJudge(verification, shared.writer, shared.log, settings.verify_batch_line_bytes)
    return Batches(verification, settings, judge, shared.clients, shared.writer)


def _include(
    app: FastAPI,
    node: Node,
    renderer: PageRenderer,
    shared: Shared,
    metrics: Metrics,
    checks: list[ReadyCheck],
    runtime: Runtime,
    stand_in: Actor | None,
) -> None:
    policy = own_policy(node.parts, node.log.keys)
    fetching = Fetching(node.settings)
    foreign = ForeignVerification(
        fetching,
        NodeSources(node.parts.identity.base_url, node.views.directory, node.status_lists),
        node.cpu,
        read_anchors(node.settings.issuer_anchors),
    )
    verification = Verification(
        policy,
        node.lookup.evidences,
        vault_salt(node.issuance, node.parts.attesting, node.parts.parts),
        node.views.directory,
        node.parts.identity.base_url,
        node.ledger.now,
        foreign,
        attested=attested_id(node.parts.attesting),
        pathway_position=node.views.pathway_position,
    )
    app.include_router(audit.make_router(node.lookup, policy))
    app.include_router(anchor.read_router(node.lookup, runtime.anchor_standing))
    app.include_router(anchor.make_router(node, runtime.stamp))
    app.include_router(log_router(node.log.published.read, lambda: node.log.keys.log.vkey))
    app.include_router(credential.read_router(node.lookup))
    prefixes = StatusByPrefix(node.lookup, node.settings.status_prefix_awards)
    app.include_router(status_prefix.make_router(prefixes, shared.clients))
    app.include_router(credential_change.make_router(node))
    app.include_router(document.make_router(node))
    app.include_router(record.make_router(node))
    app.include_router(recognition.make_router(node))
    app.include_router(recognition.read_router(node.lookup))
    app.include_router(agreement.make_router(node))
    app.include_router(agreement.read_router(node.lookup))
    app.include_router(verify.make_router(verification))
    app.include_router(verify.batch_router(verification, make_batches(verification, node.settings, shared)))
    app.include_router(achievement.make_router(node))
    app.include_router(achievement.read_router(node.lookup, node.ledger.now))
    skills = Skills(node.lookup, verification)
    app.include_router(skill.make_router(skills))
    app.include_router(programme.make_router(node))
    app.include_router(programme.read_router(node.lookup))
    app.include_router(unpacking.make_router(node))
    app.include_router(pathway.make_router(node))
    app.include_router(pathway.read_router(node.lookup))
    app.include_router(stacking.make_router(node))
    app.include_router(review.make_router(node))
    app.include_router(review.run_router(node))
    app.include_router(institution.make_router(node))
    app.include_router(institution.read_router(node.lookup))
    app.include_router(institution_key.make_router(node))
    app.include_router(learner_link.make_router(node))
    app.include_router(ledger.make_router(lambda: _describe(node)))
    app.include_router(status_list.make_router(node.status_lists))
    app.include_router(status_list.token_router(node.status_tokens))
    _include_own_pages(app, node, renderer)
    _include_vc_api(app, node, stand_in, Others(fetching, foreign, verification))
    app.include_router(health_router(checks))
    app.include_router(metric_router(metrics))
    app.include_router(problem_router(shared.writer, renderer.render_problem_kind))
    _include_log_pages(app, node, renderer, runtime)
    app.include_router(
        page.make_router(
            renderer, verification, _samples(node), node.ledger.now, lambda: node.log.keys.log.vkey, node.cpu
        )
    )
    include_desk(app, node, renderer, skills, shared.log)


def _include_log_pages(app: FastAPI, node: Node, renderer: PageRenderer, runtime: Runtime) -> None:
    """Include the pages about what is in the log."""
    app.include_router(recognition_page.make_router(renderer, node.lookup))
    app.include_router(explore.make_router(renderer, node.lookup, lambda: node.log.keys.log.vkey))
    app.include_router(
        own_audit.make_router(renderer, node.lookup.published, runtime.audits, node.parts.identity.base_url)
    )


def _include_own_pages(app: FastAPI, node: Node, renderer: PageRenderer) -> None:
    """Include the pages that are for whoever holds a link, and what wallets ask."""
    secret, is_https = node.parts.vault.secret(SECRET_NAME), node.parts.identity.base_url.startswith("https:")
    sessions = LearnerSessions(node.parts.links, secret, node.ledger.now, is_https=is_https)
    guesses = Guesses(time.monotonic, node.settings.trusted_proxy_count)
    offers = Offers(time.monotonic, still_open(node.parts.links, node.ledger.now))
    issuing = WalletIssuing(node, offers, Nonces(time.monotonic), guesses)
    pages = mine.OwnPages(node, renderer, sessions, guesses)
    app.include_router(mine.make_router(pages))
    app.include_router(mine_wallet.make_router(mine_wallet.WalletPages(node, pages, offers)))
    app.include_router(wallet.make_router(node, offers, issuing, guesses))
    app.include_router(shared.make_router(node, renderer, guesses))


def _include_vc_api(app: FastAPI, node: Node, stand_in: Actor | None, others: Others) -> None:
    """Include the resolver of DIDs and the VC-API, which verifies with the keys that it finds."""
    now, is_on = node.ledger.now, others.fetching.is_on
    resolution = DidResolution(node.lookup.did_document_of, web_documents(others.fetching.answer) if is_on else None)
    foreign = read_foreign_lists(others.foreign, now) if is_on else not_asked
    base_url = node.parts.identity.base_url
    work = DocumentWork(node.cpu)
    status = ListedStatus(base_url, node.status_lists.bits, foreign)
    judging = Judging(work, DidKeys(resolution), status, now, others.verification)
    issuing = Issuing(node.parts.attesting, work, node.institution_of_did, base_url, now)
    change = StatusChange(node.ledger, node.parts.attesting, node.lifecycle, node.slugs_of, base_url)
    app.include_router(did_resolver.make_router(resolution))
    app.include_router(vc_api.verify_router(judging, node.settings.max_body_bytes, others.fetching.one_request))
    app.include_router(vc_api.write_router(node, issuing, change, stand_in))


def make_limiter(settings: Settings) -> RateLimiter:
    """Make the limiter of one process."""
    return RateLimiter(per_minute=settings.rate_limit_per_minute, burst=settings.rate_limit_burst, clock=time.monotonic)


def wrap(
    app: ASGIApp,
    settings: Settings,
    writer: ProblemWriter,
    metrics: Metrics,
    log: FilteringBoundLogger,
    limiter: RateLimiter,
    *,
    is_https: bool,
) -> ASGIApp:
    """Put the layers around the app, innermost first."""
    limited = RateLimitMiddleware(app, limiter=limiter, writer=writer, trusted_proxy_count=settings.trusted_proxy_count)
    secured = SecurityHeaderMiddleware(limited, is_https=is_https)
    measured = MetricMiddleware(secured, metrics=metrics, timer=time.perf_counter)
    return AccessLogMiddleware(measured, log=log, timer=time.perf_counter, random_bytes=drawn_together(os.urandom))


def _describe(node: Node) -> dict[str, Any]:
    identity = node.parts.identity
    return ledger.ledger_members(
        identity.base_url, identity.origin, node.log.keys.log.vkey, demonstration=identity.demonstration
    )


def _log_check(node: Node, runtime: Runtime, standing: Standing) -> ReadyCheck:
    """Whoever sequences is not ready while the log does not grow; whoever follows it issues all the same."""
    if isinstance(node.log, LogNode):
        limit = node.settings.ready_unpublished_seconds
        return limit_check("log", standing.unpublished_age_seconds, limit, "seconds unpublished")
    return runtime.follow_check()


def _ready_checks(node: Node, runtime: Runtime, standing: Standing, clock: Clock) -> list[ReadyCheck]:
    settings = node.settings
    checks = [
        database_check(node.ledger.newest),
        disk_check(settings.data_dir, settings.ready_disk_floor_bytes),
        limit_check("projections", standing.largest_lag, settings.ready_projection_lag_events, "events behind"),
        limit_check("views", node.views.unready, 0, "being brought up to date"),
        _log_check(node, runtime, standing),
        limit_check("background", lambda: len(runtime.failures()) + standing.stopped(), 0, "parts failing"),
        clock_check(clock, standing.newest_recorded_at),
    ]
    if runtime.standby is not None:
        checks.append(standby_check(runtime.standby))
    if isinstance(node.log, LogNode) and node.log.witnesses is not None:
        checks.append(witness_check(node.log, node.log.witnesses, clock, settings.ready_unpublished_seconds))
    return checks


def _samples(node: Node) -> Callable[[], tuple[Sample, ...]]:
    """Awards to try, if this is a demonstration."""
    data, identity = node.settings.data_dir, node.parts.identity
    awards = (read_summary(data) or []) if identity.demonstration else []
    samples = tuple(
        Sample(
            what={"en": award.sentence, "ru": RUSSIAN.get(award.state, award.sentence)},
            credential=award.credential,
            verdict=award.verdict,
            command=show_command(award, data, identity.base_url),
        )
        for award in awards
        if award.document is None
    )
    return lambda: samples
