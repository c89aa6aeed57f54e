"""What a process answers that is there for one thing alone: how it is. Everything else is asked of others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from api.app import DISTRIBUTION, make_limiter, wrap
from api.head import HeadMiddleware
from api.health import ReadyCheck, health_router
from api.metric import Metrics, Reader, metric_router
from api.problem import ProblemWriter
from api.problem_handler import UnexpectedErrorMiddleware, install_problem_handlers
from api.setting import Settings


def make_worker_app(
    settings: Settings, checks: Sequence[ReadyCheck], readers: Sequence[Reader], log: FilteringBoundLogger
) -> ASGIApp:
    """Make the application. Nothing is started here.

    Args:
        settings: What the operator decided.
        checks: What `/readyz` looks at.
        readers: What `/metrics` shows.
        log: Where requests are recorded.
    """
    app = FastAPI(
        title="Cairn",
        version=version(DISTRIBUTION),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    writer = ProblemWriter(settings.base_url)
    metrics = Metrics(version=app.version, readers=readers)
    app.include_router(health_router(checks))
    app.include_router(metric_router(metrics))
    install_problem_handlers(app, writer)
    app.add_middleware(UnexpectedErrorMiddleware, writer=writer, log=log, random_bytes=os.urandom)
    is_https = settings.base_url.startswith("https:") and not settings.is_loopback
    limiter = make_limiter(settings)
    return wrap(HeadMiddleware(app), settings, writer, metrics, log, limiter, is_https=is_https)
