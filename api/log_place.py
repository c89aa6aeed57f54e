"""Where the public files of the log are: in the data directory, in another one, or in an S3-compatible store.

The client of the store is loaded here, and by no process that has no use for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from anchoring.storage import DirectoryTileStore, TileStore
from api.setting import S3_ADDRESS, Settings

LOG_DIRECTORY: Final = "log"


def open_tiles(settings: Settings) -> TileStore:
    """The tiles of the ledger in ``settings.data_dir``; nothing is read yet."""
    if settings.tiles is None:
        return DirectoryTileStore(settings.data_dir / LOG_DIRECTORY)
    return tiles_at(settings.tiles, settings)


def tiles_at(address: str, settings: Settings) -> TileStore:
    """The tiles at an address: ``s3://bucket/prefix`` of the store that the settings name, or a path."""
    found = S3_ADDRESS.fullmatch(address)
    if found is None:
        return DirectoryTileStore(Path(address))
    from anchoring.object_store import ObjectStoreAddress, ObjectTileStore, connect  # noqa: PLC0415  see above

    access, secret = settings.tiles_access_key, settings.tiles_secret_key
    place = ObjectStoreAddress(
        bucket=found["bucket"],
        prefix=(found["prefix"] or "").strip("/"),
        endpoint=settings.tiles_endpoint,
        region=settings.tiles_region,
        access_key=None if access is None else access.get_secret_value(),
        secret_key=None if secret is None else secret.get_secret_value(),
    )
    return ObjectTileStore(connect(place))
