"""What can go wrong with a backup."""

from __future__ import annotations

from api.error import ApiError


class BackupError(ApiError):
    """A backup cannot be made or restored; the words say why and what to do."""
