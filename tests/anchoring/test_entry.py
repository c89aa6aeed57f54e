"""Entries and state commitments: golden bytes, every byte changed, other forms refused."""

import json
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from anchoring.cosignature import Cosigner
from anchoring.entry import LOG_ITSELF, MAX_VERSION, STATE_COMMITTED, Entry, parse_entry
from anchoring.error import EntryTooLargeError, MalformedError
from anchoring.state import (
    BLOCK_BITS,
    BLOCK_BYTES,
    CHUNK_BYTES,
    StateCommitment,
    StatusTree,
    parse_state_commitment,
    read_status_bit,
    status_leaf,
)
from anchoring.tile import MAX_ENTRY_BYTES
from anchoring.tree import EMPTY_ROOT, leaf_hash, tree_root, verify_inclusion

ENTRY = Entry(
    "credential.revoked.v1",
    UUID("0190a3c1-d2e3-8f4a-a6f1-c0ffee123456"),
    2,
    b'{"reason":"incorrect_data"}',
)
GOLDEN = b'cairn-entry/v1\ncredential.revoked.v1\n0190a3c1d2e38f4aa6f1c0ffee123456\n2\n{"reason":"incorrect_data"}'


def test_entry_has_golden_bytes_when_encoded() -> None:
    assert ENTRY.encode() == GOLDEN
    assert parse_entry(GOLDEN) == ENTRY


@given(
    st.from_regex(r"\A[a-z0-9_.]{1,64}\Z"),
    st.uuids(),
    st.integers(1, MAX_VERSION),
    st.binary(max_size=200),
)
def test_entry_round_trips_for_any_parts(topic: str, originator: UUID, version: int, body: bytes) -> None:
    entry = Entry(topic, originator, version, body)
    assert parse_entry(entry.encode()) == entry


def test_entry_is_refused_or_another_when_any_byte_changes() -> None:
    for at in range(len(GOLDEN)):
        for value in range(256):
            changed = GOLDEN[:at] + bytes([value]) + GOLDEN[at + 1 :]
            if changed == GOLDEN:
                continue
            assert leaf_hash(changed) != leaf_hash(GOLDEN)
            try:
                entry = parse_entry(changed)
            except MalformedError:
                continue
            assert entry != ENTRY
            assert entry.encode() == changed  # whatever is read has exactly one spelling


REFUSED_ENTRIES = {
    "empty": b"",
    "another version": GOLDEN.replace(b"/v1\n", b"/v2\n", 1),
    "upper-case hex": GOLDEN.replace(b"c0ffee", b"C0FFEE"),
    "dashed uuid": GOLDEN.replace(b"0190a3c1d2e3", b"0190a3c1-d2e3"),
    "short uuid": GOLDEN.replace(b"0190a3c1", b"0190a3c"),
    "leading zero": GOLDEN.replace(b"\n2\n", b"\n02\n"),
    "version 0": GOLDEN.replace(b"\n2\n", b"\n0\n"),
    "negative version": GOLDEN.replace(b"\n2\n", b"\n-2\n"),
    "version of 2**63": GOLDEN.replace(b"\n2\n", b"\n9223372036854775808\n"),
    "very long version": GOLDEN.replace(b"\n2\n", b"\n" + b"9" * 5000 + b"\n"),
    "no version": GOLDEN.replace(b"\n2\n", b"\n\n"),
    "empty topic": GOLDEN.replace(b"credential.revoked.v1", b""),
    "long topic": GOLDEN.replace(b"credential", b"c" * 60),
    "upper-case topic": GOLDEN.replace(b"credential", b"Credential"),
    "topic not ASCII": GOLDEN.replace(b"credential", "крed".encode()),
    "carriage returns": GOLDEN.replace(b"\n", b"\r\n"),
    "leading newline": b"\n" + GOLDEN,
    "header alone, unfinished": GOLDEN.split(b"\n2")[0],
    "byte order mark": b"\xef\xbb\xbf" + GOLDEN,
}


@pytest.mark.parametrize("case", REFUSED_ENTRIES)
def test_entry_is_refused_when_not_canonical(case: str) -> None:
    with pytest.raises(MalformedError):
        parse_entry(REFUSED_ENTRIES[case])


@pytest.mark.parametrize("topic,version", [("", 1), ("A", 1), ("a\n", 1), ("x" * 65, 1), ("a", 0), ("a", 1 << 63)])
def test_entry_is_not_encoded_when_a_part_is_out_of_range(topic: str, version: int) -> None:
    with pytest.raises(MalformedError):
        Entry(topic, LOG_ITSELF, version, b"").encode()


def test_entry_takes_a_body_up_to_the_limit_and_not_beyond() -> None:
    room = MAX_ENTRY_BYTES - len(Entry("a", LOG_ITSELF, 1, b"").encode())
    longest = Entry("a", LOG_ITSELF, 1, bytes(room))
    assert parse_entry(longest.encode()) == longest
    with pytest.raises(EntryTooLargeError):
        Entry("a", LOG_ITSELF, 1, bytes(room + 1)).encode()
    with pytest.raises(EntryTooLargeError):
        parse_entry(longest.encode() + b"x")


# ── state commitments ────────────────────────────────────────────────────────────────────────────

COSIGNER = Cosigner("operator.example", Ed25519PrivateKey.from_private_bytes(bytes([2] * 32)))
STATE = StateCommitment(69_999, 2, bytes([1] * 32), bytes([2] * 32), 3, bytes([3] * 32), COSIGNER.vkey)
BODY = (
    b'{"version":1,"covered_size":69999,"status_lists":2,"status_roots":{"revocation":"'
    + b"01" * 32
    + b'","suspension":"'
    + b"02" * 32
    + b'"},"directory_size":3,"directory_root":"'
    + b"03" * 32
    + b'","cosigner":"operator.example+36fd7c11+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"}'
)


def commitment(body: bytes, version: int = 69_999, topic: str = STATE_COMMITTED) -> Entry:
    return Entry(topic, LOG_ITSELF, version, body)


def test_state_commitment_has_golden_bytes_when_written() -> None:
    assert STATE.body() == BODY
    assert parse_entry(STATE.entry()) == commitment(BODY)
    assert parse_state_commitment(parse_entry(STATE.entry())) == STATE
    assert list(json.loads(BODY)["status_roots"]) == ["revocation", "suspension"]


def test_state_commitment_is_refused_or_another_when_any_byte_changes() -> None:
    for at in range(len(BODY)):
        for bit in (0x01, 0x02, 0x10, 0x20, 0x80):
            changed = BODY[:at] + bytes([BODY[at] ^ bit]) + BODY[at + 1 :]
            try:
                state = parse_state_commitment(commitment(changed))
            except MalformedError:
                continue
            assert state != STATE
            assert state.body() == changed


REFUSED_STATES = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b"\xff",
    "list": b"[]",
    "number": b"1",
    "deep": b"[" * 4000,
    "too long": b" " * 5000,
    "member missing": BODY.replace(b'"status_lists":2,', b""),
    "member unknown": BODY[:-1] + b',"more":1}',
    "member twice": BODY.replace(b'"version":1', b'"version":1,"version":1'),
    "other order": BODY.replace(b'"version":1,"covered_size":69999', b'"covered_size":69999,"version":1'),
    "space": BODY.replace(b":2,", b": 2,"),
    "newline": BODY + b"\n",
    "another version": BODY.replace(b'"version":1', b'"version":2'),
    "float": BODY.replace(b'"status_lists":2', b'"status_lists":2.0'),
    "exponent": BODY.replace(b'"status_lists":2', b'"status_lists":2e0'),
    "boolean": BODY.replace(b'"status_lists":2', b'"status_lists":true'),
    "negative": BODY.replace(b'"status_lists":2', b'"status_lists":-2'),
    "above 2**53": BODY.replace(b'"status_lists":2', b'"status_lists":9007199254740992'),
    "very long number": BODY.replace(b'"status_lists":2', b'"status_lists":' + b"9" * 4000),
    "not a number": BODY.replace(b'"status_lists":2', b'"status_lists":NaN'),
    "upper-case hex": BODY.replace(b"03" * 32, b"0A" * 32),
    "short hash": BODY.replace(b"03" * 32, b"03" * 31),
    "hash null": BODY.replace(b'"' + b"03" * 32 + b'"', b"null"),
    "roots as list": BODY.replace(b'{"revocation"', b'["revocation"', 1),
    "escaped text": BODY.replace(b"operator", b"\\u006fperator"),
    "another key type": BODY.replace(b"+36fd7c11+", b"+36fd7c12+"),
    "another covered size": BODY.replace(b"69999", b"69998"),
}


@pytest.mark.parametrize("case", REFUSED_STATES)
def test_state_commitment_is_refused_when_not_in_its_one_form(case: str) -> None:
    with pytest.raises(MalformedError):
        parse_state_commitment(commitment(REFUSED_STATES[case]))


def test_state_commitment_is_refused_when_the_entry_is_of_another_kind() -> None:
    with pytest.raises(MalformedError, match="no state commitment"):
        parse_state_commitment(commitment(BODY, topic="log.anchor_recorded.v1"))
    with pytest.raises(MalformedError, match="no state commitment"):
        parse_state_commitment(Entry(STATE_COMMITTED, UUID(int=1), 69_999, BODY))
    with pytest.raises(MalformedError):
        parse_state_commitment(commitment(BODY, version=69_998))


def test_state_commitment_is_not_written_when_nothing_is_covered() -> None:
    empty = StateCommitment(0, 0, EMPTY_ROOT, EMPTY_ROOT, 0, EMPTY_ROOT, COSIGNER.vkey)
    with pytest.raises(MalformedError):
        empty.entry()


# ── status trees ─────────────────────────────────────────────────────────────────────────────────


def test_status_tree_is_empty_when_there_is_no_block() -> None:
    tree = StatusTree()
    assert (len(tree), tree.blocks, tree.root()) == (0, 0, EMPTY_ROOT)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, BLOCK_BITS - 1), st.booleans()), max_size=20),
    st.integers(0, 2),
)
def test_status_tree_equals_one_over_its_bytes_when_bits_are_set(
    changes: list[tuple[int, int, bool]], asked_early: int
) -> None:
    tree, expected = StatusTree(), bytearray(3 * BLOCK_BYTES)
    assert [tree.append_block() for _ in range(3)] == [0, 1, 2]
    for step, (block, index, value) in enumerate(changes):
        tree.set_bit(block, index, value=value)
        bit = block * BLOCK_BITS + index
        expected[bit // 8] &= ~(0x80 >> bit % 8) & 0xFF
        expected[bit // 8] |= (0x80 >> bit % 8) if value else 0
        assert tree.bit(block, index) is value
        chunk = tree.chunk(status_leaf(block, index))
        assert read_status_bit(chunk, index) is value
        if step == asked_early:
            tree.root()
    chunks = [bytes(expected[at : at + CHUNK_BYTES]) for at in range(0, len(expected), CHUNK_BYTES)]
    assert tree.root() == tree_root(map(leaf_hash, chunks)) == StatusTree(bytes(expected)).root()
    assert b"".join(tree.block(number) for number in range(3)) == bytes(expected)


def test_status_tree_proves_its_chunks_when_asked() -> None:
    tree = StatusTree(bytes(range(256)) * (3 * BLOCK_BYTES // 256))
    for leaf in range(len(tree)):
        verify_inclusion(
            leaf=leaf_hash(tree.chunk(leaf)),
            index=leaf,
            size=48,
            proof=tree.inclusion_proof(leaf),
            root=tree.root(),
        )


@pytest.mark.parametrize("block,index,leaf", [(0, 0, 0), (0, 8191, 0), (0, 8192, 1), (0, 131_071, 15), (3, 0, 48)])
def test_status_leaf_is_the_chunk_s_number(block: int, index: int, leaf: int) -> None:
    assert status_leaf(block, index) == leaf


@pytest.mark.parametrize("block,index", [(-1, 0), (0, -1), (0, BLOCK_BITS)])
def test_status_bit_is_refused_when_out_of_range(block: int, index: int) -> None:
    tree = StatusTree(bytes(BLOCK_BYTES))
    with pytest.raises(ValueError, match="no status bit"):
        status_leaf(block, index)
    with pytest.raises(ValueError, match="no status bit"):
        tree.set_bit(block, index, value=True)
    with pytest.raises(ValueError, match="no status bit"):
        tree.bit(block, index)


def test_status_bit_is_refused_when_the_block_or_chunk_is_none() -> None:
    tree = StatusTree(bytes(BLOCK_BYTES))
    with pytest.raises(IndexError):
        tree.set_bit(1, 0, value=True)
    assert tree.root() == StatusTree(bytes(BLOCK_BYTES)).root()
    with pytest.raises(IndexError):
        tree.bit(1, 0)
    with pytest.raises(ValueError, match="whole blocks"):
        StatusTree(bytes(BLOCK_BYTES - 1))
    with pytest.raises(ValueError, match="chunk of 1023"):
        read_status_bit(bytes(1023), 0)
    with pytest.raises(ValueError, match="no status bit"):
        read_status_bit(bytes(1024), -1)
