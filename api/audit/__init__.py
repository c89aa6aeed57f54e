"""The auditor: follows a public log, believes nothing, folds everything again, and compares it with what is served."""

from __future__ import annotations
