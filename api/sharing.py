"""Taking the log of one process to where several share it.

The plan, numbered as in the code:

    1. Become the one that sequences this directory, publish what is left, and stay it.
    2. Copy every tile to the shared store, each checked against the signed root, and the checkpoint last.
    3. Take what ``log.db`` has into the database, in one transaction.
    4. Put ``log.db`` aside as ``log.db.shared``: from now on this directory cannot go on with the log by itself.

A crash before step 3 leaves the log where it was, and the same command begins again; between 3 and 4 the log is in both
places, the database knows that it is the longer one once it has grown, and the directory's is refused then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from anchoring.checkpoint import parse_checkpoint
from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.lock import SequencerLock
from anchoring.mirror import LogMirror
from anchoring.note import parse_note
from anchoring.storage import CheckpointStore, DirectoryTileStore, TileStore
from anchoring.tile import CHECKPOINT_PATH
from api.database import SQLITE_FILE, open_factory
from api.identity import IdentityError
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.log_node import LOCK_FILE, LOG_DATABASE, DirectoryHold, open_log, shared_store
from api.log_place import LOG_DIRECTORY, open_tiles
from api.setting import Settings

ASIDE: Final = "log.db.shared"
Progress = Callable[[int, int], None]


def share_log(settings: Settings, progress: Progress) -> int:
    """Take the log of ``settings.data_dir`` to ``settings.tiles`` and into the database; return its size.

    Args:
        settings: Of the ledger, which no process serves.
        progress: Told how many entries are copied, and of how many.

    Raises:
        IdentityError: The settings do not say where to, or the ledger is in a file.
        anchoring.error.ConflictError: A process serves the ledger, or its log is shared already.
        anchoring.error.CorruptionError: The log is damaged; nothing was changed.
        StorageError, OSError: A store failed; the same command begins again.
    """
    data = settings.data_dir
    if settings.tiles is None or settings.database is None or (data / SQLITE_FILE).exists():
        message = (
            "processes share a log over one PostgreSQL database: set CAIRN_DATABASE and CAIRN_TILES; a ledger in a "
            "file gets there with `cairn backup` and `cairn restore`"
        )
        raise IdentityError(message)
    node = open_ledger(settings.model_copy(update={"tiles": None}))
    try:
        # 1. Everything is published.
        log = open_log(node, system_clock)
        log.publish_all()
        log.close()
        hold = DirectoryHold(SequencerLock(data / LOCK_FILE), node.ledger.store.log_claim())
        hold.take()
        try:
            return _share(node, data, open_tiles(settings), hold, progress)
        finally:
            hold.release()
    finally:
        node.close()


def copy_memory(settings: Settings, target: Path) -> None:
    """Write what a shared log has committed to into the new file *target*, as ``log.db`` would have it.

    Sequencers go on beside it: what is committed after the first line was read is left out.

    Raises:
        StorageError: PostgreSQL failed.
    """
    from api.postgres_log import PostgresCheckpointStore  # noqa: PLC0415  loads the driver
    from ledger.postgres_store import PostgresRecorder  # noqa: PLC0415  the same

    factory = open_factory(settings)
    recorder = factory.application_recorder()
    assert isinstance(recorder, PostgresRecorder)  # noqa: S101  open_factory makes no other for shared tiles
    try:
        shared = PostgresCheckpointStore(recorder.connections, recorder.log_claim())
        with closing(SqliteCheckpointStore(target)) as copy:
            _copy(shared, copy)
    finally:
        recorder.close()


def _copy(shared: CheckpointStore, copy: CheckpointStore) -> None:
    published = shared.load()
    if published is None:
        return
    staged = shared.staged()  # of a later size if publication of this one is through
    if staged is not None and staged.size == published.size:
        copy.stage(staged)
    logged = {}
    for one in shared.anchors():
        serial = copy.add_anchor(one.proof, one.checkpoint, one.size)
        if one.log_index is not None and one.log_index < published.size:
            logged[serial] = one.log_index
    placements = [run for run in shared.placements() if run.first_index < published.size]
    copy.compare_and_swap(None, published, placements=placements, anchors=logged)
    for name, history in shared.histories().items():
        copy.keep_history(name, history)


def _share(node: LedgerNode, data: Path, target: TileStore, hold: DirectoryHold, progress: Progress) -> int:
    source = DirectoryTileStore(data / LOG_DIRECTORY)
    with closing(SqliteCheckpointStore(data / LOG_DATABASE)) as memory:
        published, note = memory.load(), source.read(CHECKPOINT_PATH)
        if published is None or note is None:
            message = f"the log of {data} has no entries yet; begin a new ledger with CAIRN_TILES from the first start"
            raise IdentityError(message)
        # 2. The tiles.
        checkpoint = parse_checkpoint(parse_note(published.note).text)
        for done, _ in enumerate(LogMirror(target, source.read).copy(None, checkpoint), start=1):
            progress(done, checkpoint.size)
        target.replace(CHECKPOINT_PATH, note)
        # 3. The memory. The claim changes hands in this process: nobody else can take it, the directory is locked.
        hold.release_claim()
        store = shared_store(node)
        store.take_over()
        try:
            store.take_in(memory)
        finally:
            store.close()
    # 4. Put aside.
    for suffix in ("-wal", "-shm"):
        (data / f"{LOG_DATABASE}{suffix}").unlink(missing_ok=True)  # closed by us, so everything is in the file
    (data / LOG_DATABASE).rename(data / ASIDE)
    return checkpoint.size
