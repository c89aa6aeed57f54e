"""Backups of a ledger, and the way back from one without forking the log or undoing an erasure."""
