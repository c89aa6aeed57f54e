"""The tree against its definition, and proofs that must be refused."""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.error import ProofError
from anchoring.tree import (
    EMPTY_ROOT,
    CompactRange,
    MemoryTree,
    leaf_hash,
    node_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 100
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(LARGEST)]


@cache
def naive_root(start: int, end: int) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    size = end - start
    if size == 0:
        return sha256(b"").digest()
    if size == 1:
        return LEAVES[start]
    half = max(1 << bit for bit in range(10) if 1 << bit < size)
    left, right = naive_root(start, start + half), naive_root(start + half, end)
    return sha256(b"\x01" + left + right).digest()


def naive_path(index: int, start: int, end: int) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1, word for word."""
    size = end - start
    if size == 1:
        return []
    half = max(1 << bit for bit in range(10) if 1 << bit < size)
    if index < half:
        return [*naive_path(index, start, start + half), naive_root(start + half, end)]
    return [*naive_path(index - half, start + half, end), naive_root(start, start + half)]


def naive_consistency(old: int, start: int, end: int, *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2, word for word."""
    size = end - start
    if old == size:
        return [] if known else [naive_root(start, end)]
    half = max(1 << bit for bit in range(10) if 1 << bit < size)
    middle = start + half
    if old <= half:
        left = naive_consistency(old, start, middle, known=known)
        return [*left, naive_root(middle, end)]
    right = naive_consistency(old - half, middle, end, known=False)
    return [*right, naive_root(start, middle)]


TREE = MemoryTree(LEAVES)


@pytest.mark.parametrize(
    "entry,start",
    [(b"", "6e340b9c"), (b"L123456", "395aa064")],
)
def test_leaf_hash_is_the_published_one_when_given_known_entries(entry: bytes, start: str) -> None:
    assert leaf_hash(entry).hex().startswith(start)


def test_node_hash_is_the_published_one_when_given_known_children() -> None:
    assert node_hash(b"N123", b"N456").hex().startswith("aa217fe8")


def test_empty_root_is_the_published_one() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tree_root([]) == MemoryTree().root() == CompactRange().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_root_follows_the_definition_for_every_size(size: int) -> None:
    assert tree_root(LEAVES[:size]) == naive_root(0, size)
    assert TREE.root(size) == MemoryTree(LEAVES[:size]).root() == naive_root(0, size)


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_inclusion_follows_the_definition_for_every_index(size: int) -> None:
    for index in range(size):
        proof = TREE.inclusion_proof(index, size)
        assert proof == naive_path(index, 0, size)
        verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=naive_root(0, size))


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_consistency_follows_the_definition_for_every_older_size(size: int) -> None:
    for old in range(1, size + 1):
        proof = TREE.consistency_proof(old, size)
        assert proof == naive_consistency(old, 0, size, known=True)
        verify_consistency(
            old_size=old,
            old_root=naive_root(0, old),
            new_size=size,
            new_root=naive_root(0, size),
            proof=proof,
        )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 64, 65, 100])
def test_inclusion_is_refused_when_anything_is_changed(size: int) -> None:
    root = naive_root(0, size)
    for index in range(size):
        leaf, proof = LEAVES[index], TREE.inclusion_proof(index, size)
        flipped = [bytes([hash_[0] ^ 1]) + hash_[1:] for hash_ in proof]
        wrong: list[tuple[bytes, int, int, list[bytes], bytes]] = [
            (leaf[:-1] + bytes([leaf[-1] ^ 1]), index, size, proof, root),
            (leaf, index, size, proof, root[:-1] + bytes([root[-1] ^ 1])),
            (leaf, index, size, [*proof, root], root),
            (leaf, index, size, [leaf, *proof], root),
            (leaf, index, 0, proof, root),
            (leaf, -1, size, proof, root),
            (leaf, size, size, proof, root),
            (leaf[:-1], index, size, proof, root),
            (leaf, index, size, [hash_[:-1] for hash_ in proof] or [b""], root),
        ]
        wrong += [(leaf, other, size, proof, root) for other in range(size) if other != index]
        wrong += [(leaf, index, size, [*proof[:at], flipped[at], *proof[at + 1 :]], root) for at in range(len(proof))]
        wrong += [(leaf, index, size, proof[:at], root) for at in range(len(proof))]
        for bad_leaf, bad_index, bad_size, bad_proof, bad_root in wrong:
            with pytest.raises(ProofError):
                verify_inclusion(leaf=bad_leaf, index=bad_index, size=bad_size, proof=bad_proof, root=bad_root)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 9, 64, 65, 100])
def test_consistency_is_refused_when_anything_is_changed(size: int) -> None:
    new_root = naive_root(0, size)
    for old in range(1, size):
        old_root, proof = naive_root(0, old), TREE.consistency_proof(old, size)
        wrong: list[tuple[int, bytes, int, bytes, list[bytes]]] = [
            (old, new_root, size, new_root, proof),
            (old, old_root, size, old_root, proof),
            (old, old_root, size, new_root, [*proof, new_root]),
            (old, old_root, size, new_root, proof[:-1]),
            (old, old_root, size, new_root, []),
            (0, EMPTY_ROOT, size, new_root, []),
            (0, old_root, size, new_root, proof),
            (size, new_root, old, old_root, proof),
            (old, old_root[:-1], size, new_root, proof),
        ]
        wrong += [
            (old, old_root, size, new_root, [*proof[:at], bytes(32), *proof[at + 1 :]]) for at in range(len(proof))
        ]
        for bad_old, bad_old_root, bad_new, bad_new_root, bad_proof in wrong:
            with pytest.raises(ProofError):
                verify_consistency(
                    old_size=bad_old,
                    old_root=bad_old_root,
                    new_size=bad_new,
                    new_root=bad_new_root,
                    proof=bad_proof,
                )


def test_consistency_is_refused_when_sizes_are_equal_but_not_the_trees() -> None:
    verify_consistency(old_size=3, old_root=LEAVES[0], new_size=3, new_root=LEAVES[0], proof=[])
    for root, proof in ((LEAVES[1], []), (LEAVES[0], [LEAVES[0]])):
        with pytest.raises(ProofError):
            verify_consistency(old_size=3, old_root=LEAVES[0], new_size=3, new_root=root, proof=proof)


@given(st.integers(1, LARGEST), st.lists(st.tuples(st.integers(0, 99), st.binary(max_size=8))))
def test_memory_tree_equals_a_new_one_when_leaves_are_replaced(size: int, changes: list[tuple[int, bytes]]) -> None:
    tree, leaves = MemoryTree(LEAVES[:size]), LEAVES[:size]
    for index, entry in changes:
        if index < size:
            tree.replace(index, leaf_hash(entry))
            leaves[index] = leaf_hash(entry)
    fresh = MemoryTree(leaves)
    assert tree.root() == fresh.root()
    assert [tree.inclusion_proof(i) for i in range(size)] == [fresh.inclusion_proof(i) for i in range(size)]


def test_memory_tree_refuses_what_it_does_not_hold() -> None:
    tree = MemoryTree(LEAVES[:5])
    for index, size in ((5, None), (-1, None), (0, 6), (3, 3), (0, 0)):
        with pytest.raises(ValueError, match="tree of"):
            tree.inclusion_proof(index, size)
    for old, new in ((0, 5), (6, None), (4, 3), (1, 6)):
        with pytest.raises(ValueError, match=r"proof from|tree of"):
            tree.consistency_proof(old, new)
    for size in (-1, 6):
        with pytest.raises(ValueError, match="no root"):
            tree.root(size)
    for index in (-1, 5):
        with pytest.raises(IndexError):
            tree.replace(index, LEAVES[0])


def test_compact_range_has_every_root_when_it_grows() -> None:
    growing = CompactRange()
    for size, leaf in enumerate(LEAVES):
        assert (len(growing), growing.root()) == (size, naive_root(0, size))
        growing.append(leaf)
