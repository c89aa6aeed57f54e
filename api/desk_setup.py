"""The issuers' desk put together: its sessions, the accounts that officers sign in with, and its pages."""

from __future__ import annotations

import os
import time

from fastapi import FastAPI
from structlog.typing import FilteringBoundLogger

from api.desk.account import Accounts
from api.desk.account_setting import read_providers
from api.desk.gate import Gate
from api.desk.provider_reading import ProviderReading
from api.desk.session import Sessions
from api.node import Node
from api.page.render import PageRenderer
from api.route import (
    desk,
    desk_account,
    desk_achievement,
    desk_award,
    desk_cohort,
    desk_list,
    desk_pathway,
    desk_record,
    desk_replacement,
    desk_request,
)
from api.skill import Skills


def include_desk(app: FastAPI, node: Node, renderer: PageRenderer, skills: Skills, log: FilteringBoundLogger) -> None:
    """Include the pages of issuers, who sign in. Raises SettingError."""
    gate = Gate(node, renderer, Sessions(time.monotonic), make_accounts(node), log)
    app.include_router(desk.make_router(gate))
    app.include_router(desk_account.make_router(gate, log))
    app.include_router(desk_list.make_router(gate))
    app.include_router(desk_award.make_router(gate))
    app.include_router(desk_replacement.make_router(gate))
    app.include_router(desk_replacement.many_router(gate))
    app.include_router(desk_achievement.make_router(gate))
    app.include_router(desk_pathway.make_router(gate))
    app.include_router(desk_record.make_router(gate))
    app.include_router(desk_request.make_router(gate))
    app.include_router(desk_cohort.make_router(gate, skills))
    desk.install_refusal(app, gate)


def make_accounts(node: Node) -> Accounts:
    """Make what signs officers in with accounts of their institutions. Raises SettingError."""
    providers = read_providers(node.settings.desk_accounts)
    readings = [ProviderReading(one, time.monotonic) for one in providers]
    return Accounts(readings, f"{node.parts.identity.base_url}{desk_account.DONE}", time.time, os.urandom(32))
