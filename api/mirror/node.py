"""A following node put together: copy, views, look-ups and the follower, over one directory and one upstream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.error import AnchoringError
from anchoring.note import NoteVerifier, parse_note
from anchoring.storage import DirectoryTileStore
from anchoring.tile import CHECKPOINT_PATH
from api.cpu_bound import CpuBound
from api.evidence import Evidences
from api.fetching import Fetching
from api.foreign import ForeignVerification
from api.issuer_anchor import read_anchors
from api.log_place import LOG_DIRECTORY
from api.lookup import Lookup
from api.mirror.attachment import MirrorAttachments, MirroredAnchors, MirroredStatusLists
from api.mirror.directory import MirrorDirectory, MirrorIdentity
from api.mirror.error import DirectoryError, UntrustedError, UpstreamError
from api.mirror.follower import Follower
from api.mirror.head import ServedHead
from api.mirror.status import MirroredStatuses
from api.mirror.upstream import ReadLog, Upstream
from api.own_source import NodeSources
from api.part import Parts
from api.published_log import PublishedLog, signing_key
from api.setting import Settings
from api.status import Statuses
from api.verification import Verification
from api.view_node import ViewNode, open_views
from ledger.application import Clock
from ledger.event_catalogue import make_mapper
from projections.mirror_source import MirrorSource
from verifier.checks.log import trust_note
from verifier.policy import Policy, trust_key

MAX_KEY_BYTES: Final = 4_096


class MirrorReaders:
    """The views over the copy. The projector starts with the first checkpoint: before that the copy looks empty."""

    def __init__(self, source: MirrorSource, views: ViewNode) -> None:
        self._source = source
        self._views = views
        self._is_started = False

    def advance(self, checkpoint: Checkpoint) -> None:
        """Let the views have everything up to *checkpoint*."""
        self._source.advance(checkpoint)
        if not self._is_started:
            self._views.projector.start()
            self._is_started = True
        self._views.projector.wake(checkpoint.size)

    def wait(self, size: int, seconds: float) -> bool:
        """Wait until every view has the first *size* entries; whether they have."""
        return self._views.projector.wait_for(size, seconds)

    def stopped(self) -> str | None:
        """Why a view will never have them, else None."""
        return next((f"{one.name}: {one.error}" for one in self._views.projector.standing() if one.stopped), None)


@dataclass(frozen=True, slots=True)
class MirrorNode:
    """One following process."""

    settings: Settings
    identity: MirrorIdentity
    policy: Policy
    directory: MirrorDirectory
    upstream: Upstream
    served: ServedHead
    views: ViewNode
    lookup: Lookup
    lists: MirroredStatusLists
    verification: Verification
    follower: Follower
    clock: Clock
    cpu: CpuBound

    @property
    def vkey(self) -> str:
        """The log's key that is believed; of several one that signed the checkpoint which is served."""
        note, vkeys = self.served.read(CHECKPOINT_PATH), _vkeys(self.identity, self.policy)
        return vkeys[0] if note is None else signing_key(note, vkeys)

    def close(self) -> None:
        """Stop projecting and let the directory go."""
        self.follower.close()
        self.cpu.close()
        self.upstream.close()
        self.views.close()
        self.directory.release()


def open_mirror(
    settings: Settings,
    url: str,
    policy: Policy,
    clock: Clock,
    *,
    ledger_url: str | None = None,
    log: str | ReadLog | None = None,
) -> MirrorNode:
    """Open the mirror in ``settings.data_dir``, settling on first use what it follows. Nothing is started.

    Args:
        settings: What the operator decided.
        url: Address of the ledger, or of another mirror of it.
        policy: Whose word is taken. Without a key of this log in it, the log's own is taken once and kept.
        clock: Present instant.
        ledger_url: Address of the ledger itself, where *url* is not to be asked.
        log: Where checkpoint and tiles are read, if not from *url*; see :class:`api.mirror.upstream.Upstream`.

    Raises:
        DirectoryError: The directory belongs to a ledger, to another process, or to a mirror of another log.
        UntrustedError: The checkpoint is not signed by the key that is believed.
        UpstreamError: At the first start, the ledger did not answer.
    """
    directory, upstream = MirrorDirectory(settings.data_dir), Upstream(url, log=log)
    directory.acquire()
    try:
        identity = directory.identity()
        if identity is None:
            identity = first_identity(upstream, policy, ledger_url)
            directory.settle(identity)
        return _open(settings, identity, _believed(policy, identity), directory, upstream, clock)
    except BaseException:
        upstream.close()
        directory.release()
        raise


def first_identity(upstream: Upstream, policy: Policy, ledger_url: str | None) -> MirrorIdentity:
    """Find out what is followed, and whose signature will count from now on.

    Raises:
        UpstreamError: The ledger did not answer, or not with a checkpoint and a key.
        UntrustedError: The key that is believed did not sign the checkpoint.
    """
    note, offered = upstream.checkpoint(), upstream.document("/log/vkey", MAX_KEY_BYTES)
    described = _described(upstream)
    try:
        origin = parse_checkpoint(parse_note(note).text).origin
        trusted = [log.vkey for log in policy.logs if log.name == origin]
        vkey = trusted[0] if trusted else NoteVerifier((offered or b"").decode().strip()).vkey
        pinned = policy if trusted else trust_key(policy, vkey, pinned=True)
        found = trust_note(note, pinned)
    except (AnchoringError, UnicodeDecodeError) as error:
        message = f"its checkpoint or key cannot be believed: {error}"
        raise UntrustedError(message) from error
    if found is None:
        message = f"the checkpoint of {origin} is not signed by the key that is believed"
        raise UntrustedError(message)
    address = ledger_url or described.get("base_url")
    return MirrorIdentity(
        version=1,
        origin=origin,
        vkey=vkey,
        pinned=not trusted,
        ledger_url=address if isinstance(address, str) else upstream.url,
        demonstration=described.get("demonstration") is True,
    )


def _vkeys(identity: MirrorIdentity, policy: Policy) -> list[str]:
    """The log's keys that are believed, Ed25519 first; the one of the first start if the policy has none."""
    named = [log for log in policy.logs if log.name == identity.origin]
    return [log.vkey for log in sorted(named, key=lambda log: not isinstance(log, NoteVerifier))] or [identity.vkey]


def _described(upstream: Upstream) -> dict[str, object]:
    """What the ledger says of itself; nothing of it is believed but where to find it."""
    body = upstream.document("/v1/ledger", MAX_KEY_BYTES)
    try:
        return {} if body is None else msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError as error:
        message = f"{upstream.url}/v1/ledger cannot be read: {error}"
        raise UpstreamError(message) from error


def _believed(policy: Policy, identity: MirrorIdentity) -> Policy:
    """The policy, with the key that was taken on first use when it has none of this log."""
    if any(log.name == identity.origin for log in policy.logs):
        return policy
    if not identity.pinned:
        message = (
            f"this mirror was begun with a policy that has a key of {identity.origin}; give one again with --policy, "
            "or trust the key with `cairn trust add`"
        )
        raise DirectoryError(message)
    return trust_key(policy, identity.vkey, pinned=True)


def _open(
    settings: Settings,
    identity: MirrorIdentity,
    policy: Policy,
    directory: MirrorDirectory,
    upstream: Upstream,
    clock: Clock,
) -> MirrorNode:
    max_age = timedelta(seconds=settings.follow_max_age_seconds)
    tiles = DirectoryTileStore(settings.data_dir / LOG_DIRECTORY)
    served = ServedHead(tiles, clock, max_age)
    source = MirrorSource(tiles.read)
    views = open_views(settings.data_dir, source, make_mapper())
    lists = MirroredStatusLists(directory, upstream, served, identity.ledger_url, views.lists.owner, clock)
    follower = Follower(
        directory=directory,
        tiles=tiles,
        upstream=upstream,
        policy=policy,
        served=served,
        readers=MirrorReaders(source, views),
        attachments=MirrorAttachments(lists, MirroredAnchors(directory, upstream, served)),
        clock=clock,
    )
    lookup = _lookup(served, views, identity, policy, clock)
    cpu = CpuBound()
    verification = Verification(
        policy,
        lookup.evidences,
        lambda _, __: None,  # the salts are in the ledger's vault, and in the holders' bundles
        views.directory,
        identity.ledger_url,
        clock,
        ForeignVerification(
            Fetching(settings),
            NodeSources(identity.ledger_url, views.directory, lists),
            cpu,
            read_anchors(settings.issuer_anchors),
        ),
        complete_until=served.instant,
        max_age=max_age,
        pathway_position=views.pathway_position,
    )
    return MirrorNode(
        settings=settings,
        identity=identity,
        policy=policy,
        directory=directory,
        upstream=upstream,
        served=served,
        views=views,
        lookup=lookup,
        lists=lists,
        verification=verification,
        follower=follower,
        clock=clock,
        cpu=cpu,
    )


def _lookup(served: ServedHead, views: ViewNode, identity: MirrorIdentity, policy: Policy, clock: Clock) -> Lookup:
    published = PublishedLog(served, served)
    statuses = Statuses(
        facts=views.facts,
        record=lambda facts, known_at: views.record(facts.institution, known_at),
        edition=views.edition,
        successor=lambda _: None,  # which award replaced another is not public
        log=published,
        now=clock,
        pathway=views.pathway_name,
    )
    evidences = Evidences(
        published,
        served,
        views.facts,
        views.edition_position,
        views.directory.record,
        _vkeys(identity, policy),
        parts=Parts(views),  # what opens them is in the ledger's vault, and in the holders' bundles
    )
    answers = MirroredStatuses(statuses, served, identity.ledger_url)
    return Lookup(identity.ledger_url, views, answers, evidences, published, clock)
