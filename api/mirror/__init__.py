"""A node that follows a ledger over its public log alone, believes nothing, and serves the same look-ups."""

from __future__ import annotations
