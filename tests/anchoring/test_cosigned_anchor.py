"""Witnesses' words kept as time anchors: which one is kept, what it is called, and what happens when there is none."""

import threading
import time

import pytest

from anchoring.anchor_record import parse_anchor_record
from anchoring.anchorer import Anchorer
from anchoring.checkpoint import parse_checkpoint
from anchoring.cosigned_anchor import CosignedAnchor, anchor_name, full_name
from anchoring.cosigner_key import parse_cosigner_key
from anchoring.entry import parse_entry
from anchoring.error import AnchorError, MalformedError
from anchoring.fsck import check
from anchoring.note import NoteVerifier, parse_note
from anchoring.reader import LogReader
from anchoring.tile import CHECKPOINT_PATH
from anchoring.witness_anchor import verify_cosignature_token
from anchoring.witness_store import WitnessKeys
from anchoring.witnesses import REMEMBERED, Witnesses
from tests.anchoring.test_witnesses import Consortium, world

__all__ = ["world"]


def anchor(witnesses: Witnesses, name: str = "north") -> CosignedAnchor:
    return CosignedAnchor(f"{name}.example", lambda text: witnesses.given(name, text))


def committed(world: Consortium) -> bytes:
    published = world.log.store.load()
    assert published is not None
    return published.note


def test_first_cosignature_of_a_checkpoint_is_kept_when_the_witness_signed_it_again(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, witnesses = world.start("all")
    sequencer.sequence()
    first = world.log.clock.now
    world.log.clock.advance(30)
    sequencer.heartbeat()
    proof = anchor(witnesses).stamp(committed(world))
    key = world.peers["north"].keys.cosigners()[0]
    assert (proof.kind, proof.name, proof.at) == ("cosignature", "north.example", first)
    verifier = parse_cosigner_key(key.vkey)
    assert verify_cosignature_token(proof.token, committed(world), verifier) == first  # type: ignore[arg-type]  # this vkey is an Ed25519 one


def test_cosignature_is_kept_when_the_next_checkpoint_came_already(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, witnesses = world.start("all")
    sequencer.sequence()
    old, at = committed(world), world.log.clock.now
    for _ in range(REMEMBERED - 1):
        world.log.clock.advance(1)
        world.log.feed.add(1)
        sequencer.sequence()
    assert anchor(witnesses).stamp(old).at == at
    world.log.feed.add(1)
    sequencer.sequence()
    with pytest.raises(AnchorError, match="has not cosigned"):
        anchor(witnesses).stamp(old)


def test_cosignature_is_kept_after_a_restart_when_it_is_on_the_public_checkpoint(world: Consortium) -> None:
    world.log.feed.add(3)
    world.start("all")[0].sequence()
    for peer in world.peers.values():
        peer.down = True
    sequencer, witnesses = world.start("all", wait=0.1)
    sequencer.recover()
    assert anchor(witnesses).stamp(committed(world)).at == world.log.clock.now


def test_anchor_fails_with_the_witness_s_words_when_it_is_down(world: Consortium) -> None:
    world.peers["north"].down = True
    world.log.feed.add(3)
    sequencer, witnesses = world.start("2")
    sequencer.sequence()
    with pytest.raises(AnchorError, match="cannot be reached"):
        anchor(witnesses).stamp(committed(world))
    assert anchor(witnesses, "south").stamp(committed(world)).at == world.log.clock.now


def test_anchor_waits_for_a_cosignature_that_is_under_way(world: Consortium) -> None:
    world.peers["north"].hangs.clear()
    world.log.feed.add(3)
    sequencer, witnesses = world.start("2")
    sequencer.sequence()
    started = time.monotonic()
    threading.Timer(0.3, world.peers["north"].hangs.set).start()
    assert anchor(witnesses).stamp(committed(world)).at == world.log.clock.now
    assert time.monotonic() - started > 0.1


def test_kept_cosignatures_are_logged_once_and_cause_no_more_of_themselves(world: Consortium) -> None:
    world.log.feed.add(3)
    sequencer, witnesses = world.start("all")
    sequencer.sequence()
    stamped = parse_checkpoint(parse_note(committed(world)).text)
    anchorer = Anchorer([anchor(witnesses, name) for name in world.peers], world.log.store, world.log.clock)
    assert [one.error for one in anchorer.run_once()] == [None] * 3
    sequencer.sequence()
    public = parse_checkpoint(parse_note(world.log.tiles.read(CHECKPOINT_PATH) or b"").text)
    reader = LogReader(world.log.tiles.read, public)
    records = [parse_anchor_record(parse_entry(reader.entry(at))) for at in range(stamped.size, public.size - 1)]
    assert {(one.kind, one.name) for one in records} == {("cosignature", f"{name}.example") for name in world.peers}
    assert {(one.checkpoint_size, one.checkpoint_root) for one in records} == {(stamped.size, stamped.root)}
    assert anchorer.run_once(at_once=True) == []
    assert check(world.log.tiles, world.log.store, NoteVerifier(world.log.keys.log.vkey)).findings == ()


def test_anchor_is_named_after_its_key_with_the_id_behind_it_when_the_name_alone_is_not_enough() -> None:
    keys = WitnessKeys("north.example", bytes(32), bytes(32)).cosigners()
    ed25519, mldsa = (parse_cosigner_key(one.vkey) for one in keys)
    assert anchor_name(ed25519, frozenset()) == "north.example"
    assert (
        anchor_name(ed25519, frozenset({"north.example"}))
        == full_name(ed25519)
        == "+".join(ed25519.vkey.split("+")[:2])
    )
    assert anchor_name(mldsa, frozenset()) == full_name(mldsa) == "+".join(mldsa.vkey.split("+")[:2])
    with pytest.raises(MalformedError):
        CosignedAnchor("n" * 129, lambda _: pytest.fail("nobody is asked"))


def test_anchor_fails_when_the_checkpoint_is_none(world: Consortium) -> None:
    _, witnesses = world.start("all")
    with pytest.raises(AnchorError):
        anchor(witnesses).stamp(b"no note")
