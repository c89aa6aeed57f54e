import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.tree import EMPTY_ROOT, MemoryTree, leaf_hash, verify_inclusion
from projections.versioned_tree import VersionedTree

edits = st.lists(st.tuples(st.integers(0, 9), st.sets(st.integers(0, 40), max_size=6)), max_size=6)


@given(edits)
def test_tree_equals_one_built_at_once_when_leaves_are_appended_and_replaced(story: list[tuple[int, set[int]]]) -> None:
    tree, leaves = VersionedTree(), list[bytes]()
    for step, (appended, replaced) in enumerate(story):
        before, root = tree, tree.root()
        change = {index: leaf_hash(f"{step}/{index}".encode()) for index in replaced if index < len(leaves)}
        change |= {len(leaves) + n: leaf_hash(f"{step}+{n}".encode()) for n in range(appended)}
        tree = tree.with_leaves(change)
        leaves = [change.get(index, leaf) for index, leaf in enumerate(leaves)]
        leaves += [change[index] for index in sorted(change) if index >= len(leaves)]
        assert before.root() == root
    expected = MemoryTree(leaves)
    assert (len(tree), tree.root()) == (len(leaves), expected.root())
    for index, leaf in enumerate(leaves):
        proof = tree.inclusion_proof(index)
        assert proof == expected.inclusion_proof(index)
        verify_inclusion(leaf=leaf, index=index, size=len(leaves), proof=proof, root=tree.root())


def test_tree_is_the_empty_one_when_nothing_was_put() -> None:
    assert VersionedTree().root() == VersionedTree().with_leaves({}).root() == EMPTY_ROOT


def test_tree_refuses_when_a_leaf_would_leave_a_gap() -> None:
    tree = VersionedTree().with_leaves({0: leaf_hash(b"")})
    with pytest.raises(ValueError, match="gap"):
        tree.with_leaves({2: leaf_hash(b"")})
    assert len(tree) == 1


def test_tree_refuses_when_a_proof_is_asked_of_a_leaf_it_lacks() -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        VersionedTree().inclusion_proof(0)
