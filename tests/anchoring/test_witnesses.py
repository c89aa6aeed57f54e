"""Asking all witnesses at once, and what the sequencer publishes or withholds by their answers."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.add_checkpoint import Outcome
from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.cosigner_key import parse_cosigner_key
from anchoring.error import WitnessError
from anchoring.fsck import check
from anchoring.note import NoteVerifier, parse_note
from anchoring.publication import LogKeys
from anchoring.reader import LogReader
from anchoring.sequencer import Sequencer, SequencerSettings
from anchoring.subtree_cosignature import SubtreeCosigner, SubtreeVerifier
from anchoring.tile import CHECKPOINT_PATH
from anchoring.tlog_policy import TlogPolicy, parse_log_key, parse_tlog_policy
from anchoring.witness import Witness
from anchoring.witness_client import WitnessClient
from anchoring.witness_store import SqliteWitnessStore, WitnessKeys
from anchoring.witnesses import Witnesses
from tests.anchoring.doubles import Log, RollingCommitter, make_log

PATIENCE = 30.0


class Folding(RollingCommitter):
    """A committer that remembers which states it was asked for."""

    def __init__(self, cosigner: str) -> None:
        super().__init__(cosigner)
        self.sizes: list[int] = []

    def commit(self, entries: Sequence[bytes], covered_size: int) -> bytes:
        self.sizes.append(covered_size)
        return super().commit(entries, covered_size)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)


@dataclass
class Peer:
    """A witness of another university; `down` and `hangs` say how it fails."""

    name: str
    log: Log
    directory: Path
    down: bool = False
    hangs: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.hangs.set()
        seed = self.name.encode().ljust(32)[:32]
        self.keys = WitnessKeys(f"{self.name}.example", seed, seed)
        self.store = SqliteWitnessStore(self.directory / f"{self.name}.db")
        self.store.trust(parse_log_key(self.log.keys.log.vkey))
        self.witness = Witness(self.keys.cosigners(), self.store, self.log.clock)

    def ask(self, body: bytes) -> tuple[Outcome, bytes]:
        self.asked += 1
        self.hangs.wait(PATIENCE)
        if self.down:
            raise WitnessError("cannot be reached")
        answer = self.witness.add_checkpoint(body)
        return answer.outcome, answer.text.encode()

    def client(self) -> WitnessClient:
        keys = [(self.name, parse_cosigner_key(self.keys.cosigners()[0].vkey))]
        return WitnessClient(keys, self.ask, self._prove, self.log.clock, self.let_go.set)

    def _prove(self, checkpoint: Checkpoint, old: int) -> list[bytes]:
        return LogReader(self.log.tiles.read, checkpoint).consistency_proof(old)


@dataclass
class Consortium:
    """A log and its three peers."""

    log: Log
    peers: dict[str, Peer]
    late: threading.Event = field(default_factory=threading.Event)
    opened: list[Witnesses] = field(default_factory=list)

    def policy(self, quorum: str) -> TlogPolicy:
        lines = [f"witness {name} {peer.keys.cosigners()[0].vkey}" for name, peer in self.peers.items()]
        return parse_tlog_policy("\n".join([*lines, f"group g {quorum} north south west", "quorum g"]))

    def start(
        self, quorum: str = "2", *, wait: float = PATIENCE, withhold: bool = False
    ) -> tuple[Sequencer, Witnesses]:
        """Start the log, as after a restart."""
        clients = [peer.client() for peer in self.peers.values()]
        witnesses = Witnesses(self.policy(quorum), clients, time.monotonic, wait, self.late.set)
        witnesses.start()
        self.opened.append(witnesses)
        sequencer = Sequencer(
            feed=self.log.feed,
            committer=RollingCommitter(self.log.keys.operator.vkey),
            tiles=self.log.tiles,
            store=self.log.store,
            keys=self.log.keys,
            clock=self.log.clock,
            oldest_unpublished_at=self.log.oldest_now,
            settings=SequencerSettings(withhold=withhold),
            witnesses=witnesses,
        )
        return sequencer, witnesses

    def public(self) -> tuple[int, set[str]]:
        """Return the size of the public checkpoint, and whose good cosignatures are on it."""
        content = self.log.tiles.read(CHECKPOINT_PATH)
        if content is None:
            return 0, set()
        note = parse_note(content)
        on_it = {line.name for line in note.signatures}
        signed = {name for name, peer in self.peers.items() if peer.keys.name in on_it}
        for name in signed:
            parse_cosigner_key(self.peers[name].keys.cosigners()[0].vkey).verify(note)
        return parse_checkpoint(note.text).size, signed


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Consortium]:
    log = make_log(tmp_path)
    made = Consortium(log, {name: Peer(name, log, tmp_path) for name in ("north", "south", "west")})
    yield made
    for peer in made.peers.values():
        peer.hangs.set()
    for witnesses in made.opened:
        witnesses.close()
        for thread in witnesses._threads:
            thread.join(PATIENCE)
    for peer in made.peers.values():
        peer.store.close()


def test_checkpoint_is_published_with_every_cosignature_when_all_witnesses_answer(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, witnesses = world.start("all")
    sequencer.sequence()
    assert world.public() == (4, {"north", "south", "west"})
    assert witnesses.is_met()
    assert [(one.size, one.error) for one in witnesses.standing()] == [(4, None)] * 3


def test_way_to_each_witness_is_closed_when_no_more_is_asked_and_what_is_under_way_has_ended(
    world: Consortium,
) -> None:
    west = world.peers["west"]
    west.hangs.clear()
    world.log.feed.add(3)
    sequencer, witnesses = world.start("1")
    sequencer.sequence()
    eventually(lambda: west.asked == 1)
    assert not any(peer.let_go.is_set() for peer in world.peers.values())
    witnesses.close()
    assert all(world.peers[name].let_go.wait(PATIENCE) for name in ("north", "south"))
    assert not west.let_go.is_set()
    west.hangs.set()
    assert west.let_go.wait(PATIENCE)


def test_checkpoint_is_published_without_waiting_for_a_witness_that_hangs(world: Consortium) -> None:
    world.peers["west"].hangs.clear()
    world.log.feed.add(3)
    sequencer, witnesses = world.start("2")
    sequencer.sequence()  # returns while west still hangs: it would wait half a minute else
    assert world.public() == (4, {"north", "south"})
    world.peers["west"].hangs.set()
    eventually(world.late.is_set)
    sequencer.heartbeat(ask=False)
    assert world.public() == (4, {"north", "south", "west"})
    assert witnesses.is_met()


def test_checkpoint_is_published_and_said_to_lack_the_quorum_when_witnesses_are_down(world: Consortium) -> None:
    for name in ("south", "west"):
        world.peers[name].down = True
    world.log.feed.add(3)
    sequencer, witnesses = world.start("2")
    sequencer.sequence()
    assert world.public() == (4, {"north"})
    assert not witnesses.is_met()
    assert {one.name: one.error for one in witnesses.standing()} == {
        "north": None,
        "south": "cannot be reached",
        "west": "cannot be reached",
    }
    world.peers["south"].down = False
    eventually(world.late.is_set)  # by itself: nobody asked again
    sequencer.heartbeat(ask=False)
    assert world.public() == (4, {"north", "south"})
    assert witnesses.is_met()


def test_a_hanging_witness_delays_one_publication_at_most(world: Consortium) -> None:
    world.peers["west"].hangs.clear()
    sequencer, _ = world.start("all", wait=0.2)
    for size in (2, 4, 6):
        world.log.feed.add(1)
        sequencer.sequence()
        assert world.public()[0] == size
        assert "west" not in world.public()[1]
    assert world.peers["west"].asked == 1


def test_heartbeat_has_the_witnesses_sign_the_new_time(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, witnesses = world.start("all")
    sequencer.sequence()
    world.log.clock.advance(30)
    sequencer.heartbeat()
    assert world.public() == (4, {"north", "south", "west"})
    assert {one.at for one in witnesses.standing()} == {world.log.clock.now}


def test_cosignatures_stay_on_the_checkpoint_when_witnesses_go_down_and_the_log_restarts(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, _ = world.start("all")
    sequencer.sequence()
    for peer in world.peers.values():
        peer.down = True
    world.log.clock.advance(30)
    sequencer.heartbeat()
    assert world.public() == (4, {"north", "south", "west"})
    again, witnesses = world.start("all")
    again.recover()
    assert world.public() == (4, {"north", "south", "west"})
    assert witnesses.is_met()


def test_checkpoint_is_withheld_until_the_quorum_signs_when_so_chosen(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, _ = world.start("2", withhold=True)
    sequencer.sequence()
    assert world.public()[0] == 4
    for name in ("south", "west"):
        world.peers[name].down = True
    world.log.feed.add(3)
    sequencer.sequence()
    assert sequencer.withheld_since is not None
    assert world.public()[0] == 4
    # Nothing is committed behind it, no heartbeat calls the old one the newest, and a restart changes nothing.
    world.log.feed.add(3)
    assert sequencer.sequence() is None
    assert sequencer.heartbeat() is None
    committed = world.log.store.load()
    assert committed is not None
    assert committed.size == 8
    world.opened[0].close()
    again, _ = world.start("2", withhold=True)
    again.recover()
    assert again.sequence() is None
    assert world.public()[0] == 4
    world.peers["south"].down = False
    eventually(lambda: again.sequence() is not None)  # the witness's thread has asked again by itself
    assert again.withheld_since is None
    assert world.public()[0] == 12
    report = check(world.log.tiles, world.log.store, NoteVerifier(world.log.keys.log.vkey))
    assert report.findings == ()


def test_nothing_is_public_when_the_first_checkpoint_is_withheld(world: Consortium) -> None:
    for peer in world.peers.values():
        peer.down = True
    world.log.feed.add(3)
    sequencer, _ = world.start("any", withhold=True)
    sequencer.sequence()
    assert world.log.tiles.read(CHECKPOINT_PATH) is None
    again, _ = world.start("any", withhold=True)
    again.recover()
    assert world.log.tiles.read(CHECKPOINT_PATH) is None


def test_state_of_the_public_checkpoint_is_folded_as_one_when_a_newer_one_is_withheld(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, _ = world.start("any", withhold=True)
    sequencer.sequence()
    for peer in world.peers.values():
        peer.down = True
    world.log.feed.add(3)
    sequencer.sequence()
    again, _ = world.start("any", withhold=True)
    folded = Folding(world.log.keys.operator.vkey)
    again._committer = folded
    again.recover()
    assert folded.sizes == [3, 7]


def test_log_signs_with_ml_dsa_as_well_when_it_has_the_key(world: Consortium) -> None:
    log, plain = world.log, world.log.keys
    successor = SubtreeCosigner(plain.log.name, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    log.keys = LogKeys(plain.log, plain.operator, successor)
    log.feed.add(3)
    sequencer = log.start()
    sequencer.sequence()
    verifier = SubtreeVerifier(successor.vkey)

    def signed_at() -> float:
        return verifier.verify(parse_note(log.tiles.read(CHECKPOINT_PATH) or b"")).timestamp()

    assert signed_at() == log.clock.now.timestamp()
    log.oldest = lambda: log.clock.now.replace(year=2025)
    log.feed.add(3)
    sequencer.sequence()
    assert signed_at() == 0  # a backlog: the log signs, and says nothing of the time
