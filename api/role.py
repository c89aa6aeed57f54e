"""What a process of a ledger is there for.

A ledger on one machine is one process that does everything. A grown one is several, each with a role of its own, over
one PostgreSQL database and one store of tiles (ADR 0042).
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role, as ``cairn serve --role`` names it."""

    ALL = "all"
    """Everything in one process."""
    ISSUER = "issuer"
    """Pages, interface and commands; any number, each with views of its own or several over shared ones."""
    SEQUENCER = "sequencer"
    """Continues the log; one at a time, others wait to take over."""
    PROJECTOR = "projector"
    """Keeps the views of one data directory up to date, so that the issuers over it need not."""
    VERIFIER = "verifier"
    """Follows the public tiles, verifies, and answers look-ups; any number, without access to the database."""
