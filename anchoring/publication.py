"""Making a committed step public: tiles first, the checkpoint last.

Everything here may be done twice. A crash at any line leaves tiles that no checkpoint names
yet, and the bundles still staged; the next start writes the same bytes again and goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from anchoring.cosignature import CosignatureVerifier, Cosigner
from anchoring.error import CorruptionError, MalformedError, SignatureError
from anchoring.note import NoteSigner, format_note, parse_note
from anchoring.right_edge import RightEdge
from anchoring.storage import CheckpointStore, Staged, TileStore
from anchoring.subtree_cosignature import SubtreeCosigner
from anchoring.tile import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    TileId,
    decode_bundle,
    encode_bundle,
    tile_width,
)
from anchoring.tree import HASH_BYTES, leaf_hash


def stage_entries(old_size: int, tail: Sequence[bytes], entries: Sequence[bytes]) -> Staged:
    """Cut entries into the bundles that will hold them.

    Args:
        old_size: Entries in the log.
        tail: The last old_size % 256 of them: a bundle repeats what its partial versions held.
        entries: The entries to append.
    """
    size = old_size + len(entries)
    first = old_size // TILE_WIDTH
    run = [*tail, *entries]
    bundles = []
    for number in range(first, -(-size // TILE_WIDTH)):
        at = (number - first) * TILE_WIDTH
        tile = TileId(None, number, tile_width(0, number, size))
        bundles.append((tile, encode_bundle(run[at : at + TILE_WIDTH])))
    return Staged(old_size, size, tuple(bundles))


def staged_leaves(staged: Staged, edge: RightEdge) -> tuple[list[bytes], list[bytes]]:
    """Hash the staged bytes again, and compare what they repeat with the tree.

    Args:
        staged: The bundles, as read back from the store.
        edge: The right edge before them.

    Returns:
        The leaf hashes of the new entries, and the entries of the last bundle if it is partial.

    Raises:
        CorruptionError: The bundles do not fit the tree.
    """
    leaves: list[bytes] = []
    entries: list[bytes] = []
    for tile, content in staged.bundles:
        try:
            entries = decode_bundle(content, tile.width)
        except MalformedError as error:
            raise CorruptionError(f"staged {tile.path} is damaged") from error
        leaves += map(leaf_hash, entries)
    repeated = staged.old_size % TILE_WIDTH
    level_0 = b"".join(content for tile, content in edge.partial_tiles() if tile.level == 0)
    if b"".join(leaves[:repeated]) != level_0[: repeated * HASH_BYTES]:
        raise CorruptionError("the staged bundles repeat other entries than the log holds")
    if len(edge) != staged.old_size or len(leaves) - repeated != staged.size - staged.old_size:
        raise CorruptionError("the staged bundles do not continue the log")
    return leaves[repeated:], entries if staged.size % TILE_WIDTH else []


def write_tiles(tiles: TileStore, staged: Staged, completed: Sequence[tuple[TileId, bytes]], edge: RightEdge) -> None:
    """Write every tile that the tree of `staged.size` has and the one before it had not.

    Args:
        tiles: Where to.
        staged: The new bundles.
        completed: The full hash tiles this step completed.
        edge: The right edge after this step.
    """
    # A crash among these lines leaves tiles of a size that no public checkpoint names.
    tiles.write_all(
        (tile.path, content)
        for tile, content in (*staged.bundles, *completed, *edge.partial_tiles())
        if tile_width(tile.level or 0, tile.index, staged.old_size) < tile.width
    )


def replaced_partials(old_size: int, size: int) -> list[TileId]:
    """Return the tiles that were partial at `old_size` and are full at `size`."""
    replaced: list[TileId] = []
    level = 0
    while old_size >> (8 * level):
        number = (old_size >> (8 * level)) // TILE_WIDTH
        if tile_width(level, number, old_size) and tile_width(level, number, size) == TILE_WIDTH:
            replaced.append(TileId(level, number))
            if level == 0:
                replaced.append(TileId(None, number))
        level += 1
    return replaced


@dataclass(frozen=True, slots=True)
class LogKeys:
    """A log's own keys.

    Attributes:
        log: The signing key, whose name is the origin.
        operator: The operator's heartbeat key, Ed25519.
        successor: The log's ML-DSA-44 key, whose name is the origin too: it signs and tells the time in one, and
            holds when Ed25519 does not. None for a log without it.
        retiring: An older signing key, which signs beside `log` until everybody has the new one; None for none.
        past: Verifier keys that the log signed with before; the newest committed checkpoint may be by one of them.
    """

    log: NoteSigner
    operator: Cosigner
    successor: SubtreeCosigner | None = None
    retiring: NoteSigner | None = None
    past: tuple[str, ...] = ()

    def sign(self, text: str) -> list[str]:
        """Return the log's signature lines on a checkpoint's text, each with its newline."""
        return [key.sign(text) for key in (self.log, self.retiring) if key is not None]


def publish_checkpoint(
    tiles: TileStore, note: bytes, keys: LogKeys, at: datetime | None, cosignatures: Sequence[str] = ()
) -> None:
    """Replace the public checkpoint by a note with the operator's and the witnesses' cosignatures.

    Args:
        tiles: Where to.
        note: The checkpoint signed by the log.
        keys: The log's own.
        at: The time of the operator's cosignature; None to publish without one.
        cosignatures: Signature lines of witnesses, verified, newline included.
    """
    text = parse_note(note).text
    lines = [signature.line for signature in parse_note(note).signatures]
    if keys.successor is not None:
        lines.append(keys.successor.cosign(text, at))
    if at is not None:
        lines.append(keys.operator.cosign(text, at))
    lines += cosignatures
    tiles.replace(CHECKPOINT_PATH, format_note(text, lines))


def is_public(tiles: TileStore, note: bytes) -> bool:
    """Tell whether the public checkpoint is the one in a signed note, whoever else has signed it."""
    public = tiles.read(CHECKPOINT_PATH)
    return public is not None and parse_note(public).text == parse_note(note).text


def cosigned_at(tiles: TileStore, operator: str) -> datetime | None:
    """Return when the public checkpoint was cosigned by the operator, to the second; None if it was not.

    Args:
        tiles: Where the public checkpoint is.
        operator: vkey of the operator's heartbeat key.
    """
    note = tiles.read(CHECKPOINT_PATH)
    try:
        return None if note is None else CosignatureVerifier(operator).verify(parse_note(note))
    except (MalformedError, SignatureError):
        return None


def collect_garbage(tiles: TileStore, store: CheckpointStore, now: datetime, grace: timedelta) -> int:
    """Delete partial tiles that a full one replaced at least `grace` ago; return of how many.

    A client that fetched a checkpoint just before the full tile came may still want the partial
    one; after the grace it finds the full one in its place.
    """
    due = store.garbage(now - grace)
    for tile in due:
        if tiles.read(tile.path) is None:
            raise CorruptionError(f"{tile.path} is missing")
        tiles.delete_partials(tile)
    if due:
        store.forget_garbage(due)
    return len(due)
