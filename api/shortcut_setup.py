"""The short-cut put together, over the views and with the counters of one serving process."""

from __future__ import annotations

import os
import time
from typing import Any
from uuid import UUID

from structlog.typing import FilteringBoundLogger

from api.metric import Metrics
from api.node import Node
from api.quick_status import QuickStatus
from api.rate_limit import RateLimiter
from api.route import credential
from api.security_header import data_headers
from api.shortcut import Shortcut
from api.write import JSON


def make_shortcut(
    node: Node, limiter: RateLimiter, metrics: Metrics, log: FilteringBoundLogger, *, is_https: bool
) -> Shortcut:
    """Make it.

    Args:
        node: The parts of the ledger.
        limiter: Counts clients.
        metrics: Where requests are counted.
        log: Where they are written down.
        is_https: Whether the public reaches this ledger by https.
    """
    views = node.views

    def number(institution: UUID) -> int | None:
        record = views.directory.by_id(institution)
        return None if record is None else record.number

    def ordinary(public_id: str) -> dict[str, Any]:
        return node.lookup.statuses.status(public_id, at=None, known_at=None)

    awards, institutions = (
        next(track for track in views.tracks if track.view is view) for view in (views.status, views.institutions)
    )
    quick = QuickStatus(
        views.status,
        views.institutions,
        number,
        lambda: awards.position + institutions.position,
        ordinary,
        clock=time.time,
        timer=time.monotonic,
    )
    headers = {
        "Cache-Control": credential.PUBLIC_CACHE,
        "Content-Type": JSON,
        **data_headers(is_https=is_https),
    }
    return Shortcut(
        quick,
        headers,
        limiter=limiter,
        trusted_proxy_count=node.settings.trusted_proxy_count,
        metrics=metrics,
        log=log,
        timer=time.perf_counter,
        random_bytes=os.urandom,
    )
