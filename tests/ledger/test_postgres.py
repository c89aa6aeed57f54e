"""The PostgreSQL recorder: the contract, and what is PostgreSQL's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ledger.recorder_contract import RecorderContract
from tests.ledger.storage import Database, PostgresDatabase
from tests.postgres import PostgresServer


class TestPostgresRecorder(RecorderContract):
    """The contract on PostgreSQL."""

    @pytest.fixture
    def fresh(self, postgres_server: PostgresServer) -> Callable[[], Database]:
        return lambda: PostgresDatabase(postgres_server.fresh_schema(), postgres_server)
