"""What can go wrong in the read models, as one tree of exceptions.

::

    ProjectionError
    ├── CorruptionError          an event that no rule of the ledger lets happen: the projection stops
    ├── FutureInstantError       a question about an instant that has not come
    ├── SourceError              the source of events failed; the same call is made again later
    ├── NotCommittedError        the state fold no longer holds, or does not yet hold, that commitment
    └── ViewError                the stored read model
        ├── ViewNotReadyError    there is no generation that this version of the code can read, or it lacks too much
        ├── ViewFullError        the memory map is used up; open the view with a larger one
        ├── ViewDiskError        the disk has no room; the same call is made again later
        ├── PositionMovedError   another process applied events first; read the position again
        ├── RebuildRunningError  somebody else is rebuilding this view
        └── RebuildStoppedError  the process is closing; the old generation serves on
"""

from __future__ import annotations


class ProjectionError(Exception):
    """Base of every error that the projections raise on purpose."""


class CorruptionError(ProjectionError):
    """The events contradict each other, or cannot be read; no retry will help."""


class FutureInstantError(ProjectionError):
    """The question is about an instant after now.

    Args:
        name: Which argument of the question it is, ``at`` or ``known_at``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} lies in the future, and nobody knows yet what will hold then")
        self.name = name


class SourceError(ProjectionError):
    """The source of events failed; the same call is made again later."""


class NotCommittedError(ProjectionError):
    """There is no committed state of that size at hand, or it has no such leaf."""


class ViewError(ProjectionError):
    """A stored read model cannot do what was asked for."""


class ViewNotReadyError(ViewError):
    """No generation exists that this version of the code can read, or it lacks what it must show; soon it will not."""


class ViewFullError(ViewError):
    """The view has outgrown its memory map; open it with a larger ``map_bytes``."""


class ViewDiskError(ViewError):
    """The disk has no room for what was to be written; nothing was, and it may go in later."""


class PositionMovedError(ViewError):
    """The view stands at another position than the batch starts from; nothing was written."""


class RebuildRunningError(ViewError):
    """A rebuild of this view is running already, here or in another process."""


class RebuildStoppedError(ViewError):
    """A rebuild was given up because the process is closing; the old generation serves on."""
