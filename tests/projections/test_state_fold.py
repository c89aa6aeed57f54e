import random
import threading
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from anchoring.anchor_record import AnchorRecord
from anchoring.cosignature import Cosigner
from anchoring.entry import parse_entry
from anchoring.state import (
    StateCommitment,
    StatusTree,
    parse_state_commitment,
    read_status_bit,
    status_leaf,
)
from anchoring.tree import EMPTY_ROOT, leaf_hash, tree_root, verify_inclusion
from projections.directory_record import parse_record
from projections.error import CorruptionError, NotCommittedError
from projections.institution_directory import DirectoryReader, InstitutionDirectory
from projections.state_fold import DirectoryProof, Purpose, StateFold, StatusProof
from projections.table import MemoryTable
from tests.projections.history import MAPPER, History, day, issued, registered, revoked, suspended, varied_history

TARTU, AWARD = UUID(int=1), UUID(int=11)
VKEY = Cosigner("operator.example", Ed25519PrivateKey.from_private_bytes(bytes(32))).vkey


def fold() -> StateFold:
    return StateFold(MAPPER, VKEY)


def read(framed: bytes) -> StateCommitment:
    return parse_state_commitment(parse_entry(framed))


def verify_status(state: StateCommitment, purpose: Purpose, proof: StatusProof) -> None:
    """As a verifier does it, with nothing but the commitment and the proof."""
    verify_inclusion(
        leaf=leaf_hash(proof.chunk),
        index=proof.leaf,
        size=state.status_lists * 16,
        proof=proof.proof,
        root=state.revocation_root if purpose == "revocation" else state.suspension_root,
    )


def verify_directory(state: StateCommitment, proof: DirectoryProof) -> None:
    verify_inclusion(
        leaf=leaf_hash(proof.record),
        index=proof.leaf,
        size=state.directory_size,
        proof=proof.proof,
        root=state.directory_root,
    )


def small() -> History:
    history = History()
    history.add(TARTU, registered("tartu"))
    history.add(AWARD, issued(TARTU, 1, 70_000))
    return history


def test_state_fold_commits_to_the_empty_trees_when_nothing_changes_them() -> None:
    anchor = AnchorRecord(
        kind="rfc3161",
        name="tsa.example",
        checkpoint_size=3,
        checkpoint_root=bytes(32),
        token_sha256=bytes(32),
        time=day(2),
    ).entry(1)
    state = read(fold().commit([anchor], 1))
    assert state == StateCommitment(1, 0, EMPTY_ROOT, EMPTY_ROOT, 0, EMPTY_ROOT, VKEY)


def test_state_fold_commits_to_what_a_straightforward_fold_gives_when_history_varies() -> None:
    history = varied_history(5, 300)
    state = read(fold().commit(history.entries(), 300))
    trees = {"revocation": StatusTree(), "suspension": StatusTree()}
    places: dict[UUID, tuple[int, int]] = {}
    for event in history.events:
        body = msgspec.json.decode(event.state)
        if event.topic == "credential.issued.v1":
            places[event.originator_id] = (body["status_block"], body["status_index"])
            for tree in trees.values():
                while tree.blocks <= body["status_block"]:
                    tree.append_block()
        elif event.topic.startswith("credential.") and event.topic != "credential.reissued.v1":
            purpose = (
                "revocation" if event.topic in {"credential.revoked.v1", "credential.replaced.v1"} else "suspension"
            )
            trees[purpose].set_bit(*places[event.originator_id], value=event.topic != "credential.reinstated.v1")
    directory = MemoryTable()
    InstitutionDirectory(MAPPER).apply(history.events, directory)
    reader = DirectoryReader(directory)
    records = [reader.record(number) or b"" for number in range(len(reader))]
    assert state.status_lists == trees["revocation"].blocks > 1
    assert (state.revocation_root, state.suspension_root) == (trees["revocation"].root(), trees["suspension"].root())
    assert state.revocation_root != state.suspension_root
    assert state.directory_size == len(records) > 1
    assert state.directory_root == tree_root(map(leaf_hash, records))


@given(st.integers(0, 20), st.lists(st.integers(1, 25), max_size=12))
def test_state_fold_gives_the_same_commitment_when_entries_come_in_other_portions(
    seed: int, portions: list[int]
) -> None:
    entries = varied_history(seed).entries()
    divided, start = fold(), 0
    for portion in portions:
        if start + portion < len(entries):
            divided.commit(entries[start : start + portion], start + portion)
            start += portion
    assert divided.commit(entries[start:], 1000) == fold().commit(entries, 1000)


def test_state_fold_proves_every_bit_and_record_when_history_varies() -> None:
    history = varied_history(8, 200)
    whole = fold()
    state = read(whole.commit(history.entries(), 200))
    revoked_places = 0
    for event in history.events:
        if event.topic == "institution.registered.v1":
            proof = whole.directory_proof(event.originator_id)
            verify_directory(state, proof)
            assert parse_record(proof.record).institution == event.originator_id
        if event.topic == "credential.issued.v1":
            body = msgspec.json.decode(event.state)
            ended = any(
                other.originator_id == event.originator_id
                and other.topic in {"credential.revoked.v1", "credential.replaced.v1"}
                for other in history.events
            )
            bit = whole.status_proof("revocation", body["status_block"], body["status_index"])
            verify_status(state, "revocation", bit)
            assert bit.leaf == status_leaf(body["status_block"], body["status_index"])
            assert read_status_bit(bit.chunk, body["status_index"]) == ended
            revoked_places += ended
    assert revoked_places > 3


def test_state_fold_proves_under_the_older_commitment_when_a_newer_one_is_made() -> None:
    history, states = small(), fold()
    older = read(states.commit(history.entries(), 2))
    history.add(AWARD, revoked(day(2)))
    history.add(UUID(int=2), registered("narva"))
    newer = read(states.commit(history.entries()[2:], 5))
    for covered_size, state, expected in ((2, older, False), (5, newer, True)):
        proof = states.status_proof("revocation", 1, 70_000, covered_size)
        verify_status(state, "revocation", proof)
        assert read_status_bit(proof.chunk, 70_000) is expected
        verify_directory(state, states.directory_proof(TARTU, covered_size))
    assert states.status_proof("revocation", 1, 70_000) == states.status_proof("revocation", 1, 70_000, 5)
    with pytest.raises(NotCommittedError):
        states.directory_proof(UUID(int=2), 2)


def test_state_fold_keeps_two_states_when_many_are_committed() -> None:
    history, states = small(), fold()
    entries = history.entries()
    for size, entry in ((1, entries[0]), (3, entries[1])):
        states.commit([entry], size)
    history.add(AWARD, suspended(day(2)))
    states.commit(history.entries()[2:], 5)
    assert [states.committed(size).covered_size for size in (3, 5)] == [3, 5]
    assert states.committed().covered_size == states.covered() == 5
    with pytest.raises(NotCommittedError, match="state of 1 entries"):
        states.committed(1)


@pytest.mark.parametrize("block, index", [(2, 0), (-1, 0), (0, 131_072), (0, -1)])
def test_state_fold_refuses_a_proof_when_there_is_no_such_place(block: int, index: int) -> None:
    states = fold()
    states.commit(small().entries(), 2)
    with pytest.raises(NotCommittedError):
        states.status_proof("suspension", block, index)


def test_state_fold_stays_as_it_was_when_an_entry_cannot_have_happened() -> None:
    history, states = small(), fold()
    states.commit(history.entries(), 2)
    history.add(AWARD, revoked(day(2)))
    history.add(UUID(int=12), issued(TARTU, 1, 70_000))
    entries = history.entries()
    with pytest.raises(CorruptionError, match="is in use"):
        states.commit(entries[2:], 5)
    assert states.covered() == 2
    unspoiled = fold()
    unspoiled.commit(entries[:2], 2)
    assert states.commit(entries[2:3], 4) == unspoiled.commit(entries[2:3], 4)


def test_state_fold_names_the_log_entry_when_it_cannot_be_read() -> None:
    states = fold()
    with pytest.raises(CorruptionError, match="log entry 4 cannot be read"):
        states.commit([*small().entries(), b"cairn-entry/v0\n"], 5)
    assert states.covered() == 0


@pytest.mark.parametrize("size", [1, 2])
def test_state_fold_refuses_when_the_size_does_not_grow(size: int) -> None:
    states = fold()
    states.commit(small().entries(), 2)
    with pytest.raises(CorruptionError, match="cannot follow"):
        states.commit([], size)


def test_state_fold_passes_over_commitments_when_they_are_among_the_entries() -> None:
    entries = small().entries()
    states, plain = fold(), fold()
    first = states.commit(entries[:1], 1)
    assert states.commit([first, *entries[1:]], 3) == plain.commit(entries, 3)


def test_state_fold_gives_consistent_proofs_when_read_while_it_commits() -> None:
    history, states, published = small(), fold(), dict[int, StateCommitment]()
    published[2] = read(states.commit(history.entries(), 2))
    failures, stop, checked = list[BaseException](), threading.Event(), [0]

    def reader() -> None:
        chance = random.Random(1)
        try:
            while not stop.is_set():
                state = states.committed()
                known = published.get(state.covered_size)
                if known is None:
                    continue
                index = chance.randrange(131_072)
                verify_status(known, "revocation", state.status_proof("revocation", 0, index))
                verify_directory(known, state.directory_proof(TARTU))
                checked[0] += 1
        except BaseException as error:  # noqa: BLE001  the test shows whatever it is
            failures.append(error)

    threads = [threading.Thread(target=reader) for _ in range(2)]
    for thread in threads:
        thread.start()
    size = 2
    for number in range(150):
        award = UUID(int=100 + number)
        seen = len(history.events)
        history.add(award, issued(TARTU, 0, number * 800), revoked(day(3)))
        size += 3
        published[size] = read(states.commit(history.entries()[seen:], size))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert checked[0] > 0
