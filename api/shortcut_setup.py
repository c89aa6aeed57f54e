"""The short-cut put together, over the views and with the counters of one serving process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from api.quick_status import QuickStatus
from api.route import credential
from api.security_header import data_headers
from api.shortcut import Around, Counters, Shortcut
from api.view_node import ViewNode
from api.write import JSON


def make_shortcut(
    views: ViewNode,
    ordinary: Callable[[str], dict[str, Any]],
    counters: Counters,
    room: int,
    *,
    is_https: bool,
    around: Around | None = None,
) -> Shortcut:
    """Make it.

    Args:
        views: What is looked up.
        ordinary: The ordinary answer on how an award stands now, by its public id.
        counters: What is counted and written down.
        room: Bytes for answers that are kept at hand.
        is_https: Whether the public reaches this node by https.
        around: What a mirror says of its age.
    """

    def number(institution: UUID) -> int | None:
        record = views.directory.by_id(institution)
        return None if record is None else record.number

    awards, institutions = (
        next(track for track in views.tracks if track.view is view) for view in (views.status, views.institutions)
    )
    quick = QuickStatus(
        views.status,
        views.institutions,
        number,
        (awards, institutions),
        ordinary,
        clock=time.time,
        later=lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call),
        room=room,
    )
    headers = {
        "Cache-Control": credential.PUBLIC_CACHE,
        "Content-Type": JSON,
        **data_headers(is_https=is_https),
    }
    return Shortcut(quick, headers, counters, timer=time.perf_counter, random_bytes=os.urandom, around=around)
