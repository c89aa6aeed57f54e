"""merkletools as an oracle: its trees can be forged, the same forgeries are refused here.

Its shape is that of RFC 6962 (a lone node is promoted); what it lacks are the two prefixes, the
index and the size. ADR 0001 says what follows.
"""

from hashlib import sha256
from itertools import pairwise
from typing import Any

import merkletools
import pytest

from anchoring.error import ProofError
from anchoring.tree import MemoryTree, leaf_hash, node_hash, tree_root, verify_inclusion

ENTRIES = [b"issued to Ada", b"issued to Bo", b"issued to Cy"]


def plain(data: bytes) -> bytes:
    return sha256(data).digest()


def their_tree(leaves: list[bytes]) -> Any:  # noqa: ANN401  (the library has no types)
    tree = merkletools.MerkleTools()
    tree.add_leaf([leaf.hex() for leaf in leaves])
    tree.make_tree()
    return tree


def their_root(entries: list[bytes]) -> str:
    root: str = their_tree([plain(entry) for entry in entries]).get_merkle_root()
    return root


FORGED = [plain(ENTRIES[0]) + plain(ENTRIES[1]), ENTRIES[2]]


def test_merkletools_gives_two_logs_one_root_when_forged() -> None:
    assert FORGED != ENTRIES
    assert their_root(FORGED) == their_root(ENTRIES)


def test_tree_gives_another_root_when_forged_the_same_way() -> None:
    honest = tree_root(map(leaf_hash, ENTRIES))
    for inner in (FORGED[0], leaf_hash(ENTRIES[0]) + leaf_hash(ENTRIES[1])):
        assert leaf_hash(inner) != node_hash(leaf_hash(ENTRIES[0]), leaf_hash(ENTRIES[1]))
        assert tree_root(map(leaf_hash, [inner, ENTRIES[2]])) != honest


def test_merkletools_takes_an_inner_node_for_an_entry() -> None:
    tree = their_tree([plain(entry) for entry in ENTRIES])
    proof, root = tree.get_proof(0), tree.get_merkle_root()
    never_logged = plain(plain(ENTRIES[0]) + plain(ENTRIES[1]))
    assert tree.validate_proof(proof[1:], never_logged.hex(), root)


def test_inclusion_refuses_when_an_inner_node_is_shown_as_an_entry() -> None:
    tree = MemoryTree(map(leaf_hash, ENTRIES))
    inner = node_hash(leaf_hash(ENTRIES[0]), leaf_hash(ENTRIES[1]))
    shown = leaf_hash(ENTRIES[0]) + leaf_hash(ENTRIES[1])
    for leaf in (inner, leaf_hash(shown)):
        for index in range(3):
            for proof in (tree.inclusion_proof(0), tree.inclusion_proof(0)[1:]):
                with pytest.raises(ProofError):
                    verify_inclusion(leaf=leaf, index=index, size=3, proof=proof, root=tree.root())


def test_merkletools_takes_the_root_itself_for_an_entry() -> None:
    tree = their_tree([plain(entry) for entry in ENTRIES])
    assert tree.validate_proof([], tree.get_merkle_root(), tree.get_merkle_root())


def test_inclusion_refuses_when_the_root_is_shown_as_an_entry() -> None:
    root = tree_root(map(leaf_hash, ENTRIES))
    for index in range(3):
        with pytest.raises(ProofError):
            verify_inclusion(leaf=root, index=index, size=3, proof=[], root=root)


def test_merkletools_proves_no_index_but_inclusion_does() -> None:
    tree = their_tree([plain(entry) for entry in ENTRIES])
    proof = tree.get_proof(1)
    assert tree.validate_proof(proof, plain(ENTRIES[1]).hex(), tree.get_merkle_root())
    assert all("index" not in step for step in proof)  # nothing in it says "1 of 3"
    ours = MemoryTree(map(leaf_hash, ENTRIES))
    for index in (0, 2):
        with pytest.raises(ProofError):
            verify_inclusion(
                leaf=leaf_hash(ENTRIES[1]),
                index=index,
                size=3,
                proof=ours.inclusion_proof(1),
                root=ours.root(),
            )


@pytest.mark.parametrize("size", range(1, 101))
def test_tree_equals_merkletools_when_that_is_given_the_prefixes(size: int) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    theirs = merkletools.MerkleTools()
    theirs.hash_function = lambda data: sha256(b"\x01" + data)
    theirs.add_leaf([leaf.hex() for leaf in leaves])
    theirs.make_tree()
    ours = MemoryTree(leaves)
    assert theirs.get_merkle_root() == ours.root().hex()
    for index in range(size):
        path = [next(iter(step.values())) for step in theirs.get_proof(index)]
        assert path == [hash_.hex() for hash_ in ours.inclusion_proof(index)]
    assert all(one != other for one, other in pairwise(leaves))
