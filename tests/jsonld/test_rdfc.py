"""RDFC-1.0 over datasets of the kinds that the W3C's tests are about, held against two other implementations."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from itertools import permutations

import pyoxigraph
import pytest

from tests.node.processor import Processor
from verifier.error import FormatError, WorkExceededError
from verifier.jsonld.canonical import canonical_dataset
from verifier.jsonld.nquads import parse_nquads
from verifier.jsonld.rdfc import MAX_STEPS, HashName

RDFC = {
    "sha256": pyoxigraph.CanonicalizationAlgorithm.RDFC_1_0_SHA_256,
    "sha384": pyoxigraph.CanonicalizationAlgorithm.RDFC_1_0_SHA_384,
}


def by_oxigraph(nquads: str, hash_name: str) -> str:
    dataset = pyoxigraph.Dataset(pyoxigraph.parse(nquads.encode(), pyoxigraph.RdfFormat.N_QUADS))
    dataset.canonicalize(RDFC[hash_name])
    written = pyoxigraph.serialize(dataset, format=pyoxigraph.RdfFormat.N_QUADS)
    assert written is not None
    return "".join(sorted(written.decode().splitlines(keepends=True)))


def ring(size: int, *properties: str) -> str:
    return "".join(
        f"_:e{n} <urn:{name}> _:e{(n + step) % size} .\n"
        for n in range(size)
        for step, name in enumerate(properties, start=1)
    )


def clique(size: int) -> str:
    return "".join(f"_:e{a} <urn:p> _:e{b} .\n" for a, b in permutations(range(size), 2))


def both_ways(*edges: tuple[int, int]) -> str:
    return "".join(f"_:e{a} <urn:p> _:e{b} .\n_:e{b} <urn:p> _:e{a} .\n" for a, b in edges)


def renamed(nquads: str, chance: random.Random) -> str:
    labels = sorted(set(re.findall(r"_:\w+", nquads)))
    others = dict(zip(labels, chance.sample([f"_:n{n}" for n in range(100)], len(labels)), strict=True))
    return re.sub(r"_:\w+", lambda found: others[found[0]], nquads)


DATASETS = {
    "nothing": "",
    "no blank nodes": "<urn:a> <urn:b> <urn:c> .\n<urn:a> <urn:b> <urn:c> .\n<urn:a> <urn:b> <urn:c> <urn:g> .\n",
    "one": '_:x <urn:p> "v" .\n',
    "itself": "_:x <urn:p> _:x .\n",
    "two alike by themselves": "_:x <urn:p> _:x .\n_:y <urn:p> _:y .\n",
    "diamond": "<urn:a> <urn:p> _:x .\n<urn:a> <urn:p> _:y .\n_:x <urn:q> _:z .\n_:y <urn:q> _:z .\n",
    "ring of two": ring(2, "p"),
    "ring of three, doubled": ring(3, "p", "q"),
    "ring of five": ring(5, "p"),
    "two rings": ring(3, "p") + ring(3, "p").replace("_:e", "_:f"),
    "duplicate paths": '_:a <urn:p> _:b .\n_:b <urn:q> "F" .\n_:c <urn:p> _:d .\n_:d <urn:q> "F" .\n',
    "graph named by a blank node": "_:a <urn:p> _:b _:g .\n_:g <urn:q> _:a .\n_:b <urn:p> <urn:c> .\n",
    "same in two graphs": "_:a <urn:p> _:b .\n_:a <urn:p> _:b <urn:g> .\n",
    "list": '<urn:s> <urn:p> _:l0 .\n_:l0 <urn:first> "a" .\n_:l0 <urn:rest> _:l1 .\n_:l1 <urn:first> "a" .\n'
    "_:l1 <urn:rest> <urn:nil> .\n",
    "labels and types": '_:a <urn:p> "v"@en .\n'
    '_:a <urn:p> "v"@de .\n_:a <urn:p> "v" .\n_:a <urn:p> "1"^^<urn:t> .\n'
     '_:a <urn:p> "s"^^<http://www.w3.org/2001/XMLSchema#string> .\n',
    "clique of four": clique(4),
    # Every node has three neighbours in both parts, so that only long walks tell them apart.
    "utility graph beside a prism": both_ways(
        *((a, b) for a in (0, 1, 2) for b in (3, 4, 5)),
        *((6, 7), (7, 8), (8, 6), (9, 10), (10, 11), (11, 9), (6, 9), (7, 10), (8, 11)),
    ),
    "grid": "".join(f"_:g{x}{y} <urn:r> _:g{(x + 1) % 3}{y} .\n_:g{x}{y} <urn:d> _:g{x}{(y + 1) % 2} .\n"
                    for x in range(3) for y in range(2)),
}  # fmt: skip


@pytest.mark.parametrize("hash_name", ["sha256", "sha384"])
@pytest.mark.parametrize("name", DATASETS)
def test_canonical_dataset_equals_oxigraph_when_nodes_are_alike(name: str, hash_name: HashName) -> None:
    assert canonical_dataset(DATASETS[name], hash_name=hash_name).nquads.decode() == by_oxigraph(
        DATASETS[name], hash_name
    )


@pytest.mark.parametrize("name", DATASETS)
def test_canonical_dataset_equals_rdf_canonize_when_nodes_are_alike(name: str, node: Processor) -> None:
    assert canonical_dataset(DATASETS[name]).nquads.decode() == node.ask(dataset=DATASETS[name])["nquads"]


@pytest.mark.parametrize("name", DATASETS)
def test_canonical_dataset_is_the_same_when_nodes_are_named_and_ordered_otherwise(name: str) -> None:
    chance, nquads = random.Random(name), DATASETS[name]
    for _ in range(5):
        lines = renamed(nquads, chance).splitlines(keepends=True)
        chance.shuffle(lines)
        assert canonical_dataset("".join(lines)).nquads == canonical_dataset(nquads).nquads


def test_canonical_dataset_equals_both_others_when_datasets_are_made_at_random(node: Processor) -> None:
    chance, solved = random.Random(10), 0
    for _ in range(150):
        nodes = [f"_:e{n}" for n in range(chance.randint(1, 6))]
        terms, graphs = [*nodes, "<urn:a>", '"l"'], ["", " <urn:g>"]
        nquads = "".join(
            f"{chance.choice(nodes)} <urn:{chance.choice('pq')}> {chance.choice(terms)}{chance.choice(graphs)} .\n"
            for _ in range(chance.randint(1, 9))
        )
        ours = canonical_dataset(nquads).nquads.decode()
        assert ours == by_oxigraph(nquads, "sha256") == node.ask(dataset=nquads)["nquads"]
        solved += 1
    assert solved == 150


def test_canonical_dataset_is_the_same_in_every_process_also_where_the_algorithm_leaves_it_open() -> None:
    """Nodes that share the hash of their surroundings, and are not alike, go by the order of what was given."""
    given = "_:b4 <urn:q> _:b2 _:b3 .\n_:b4 <urn:p> _:b0 .\n_:b0 <urn:q> _:b3 _:b2 .\n"
    program = (
        "import sys\n"
        "from verifier.jsonld.canonical import canonical_dataset\n"
        "print(canonical_dataset(sys.argv[1]).nquads.decode())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, given],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in range(6)
    }
    assert len(found) == 1


def test_canonical_dataset_tells_the_names_it_gave() -> None:
    found = canonical_dataset('_:zz <urn:p> "1" .\n_:yy <urn:p> "2" .\n')
    assert set(found.names) == {"zz", "yy"}
    assert set(found.names.values()) == {"c14n0", "c14n1"}
    assert f'_:{found.names["zz"]} <urn:p> "1" .\n' in found.nquads.decode()


@pytest.mark.parametrize("code", [*range(0x20), 0x7F, 0x22, 0x5C, 0xFFFE, 0xFFFF])
def test_literal_is_escaped_as_canonical_nquads_has_it_when_a_character_is_special(code: int) -> None:
    short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
    escaped = short.get(code, f"\\u{code:04X}")
    written = canonical_dataset(f'<urn:s> <urn:p> "\\u{code:04x}" .\n').nquads.decode()
    assert written == f'<urn:s> <urn:p> "{escaped}" .\n'
    assert written == by_oxigraph(written, "sha256")


@pytest.mark.parametrize(
    "code", [0x20, 0x27, 0x7E, 0x80, 0xA0, 0x85, 0x2028, 0xD7FF, 0xE000, 0xFFFD, 0x10000, 0x10FFFF]
)
def test_literal_stays_as_it_is_when_a_character_is_plain(code: int) -> None:
    written = canonical_dataset(f'<urn:s> <urn:p> "\\U{code:08X}" .\n').nquads.decode()
    assert written == f'<urn:s> <urn:p> "{chr(code)}" .\n'


@pytest.mark.parametrize("size", [8, 10, 40])
def test_canonical_dataset_is_refused_when_it_is_poisoned(size: int) -> None:
    with pytest.raises(WorkExceededError):
        canonical_dataset(clique(size))


def test_canonical_dataset_is_refused_when_a_ring_is_longer_than_can_be_followed() -> None:
    with pytest.raises(WorkExceededError):
        canonical_dataset(ring(MAX_STEPS, "p"))


@pytest.mark.parametrize(
    "text",
    [
        "<urn:a> <urn:b> .",
        "<urn:a> _:b <urn:c> .",
        '"a" <urn:b> <urn:c> .',
        '<urn:a> <urn:b> "c" "g" .',
        "<urn:a> <urn:b> <urn:c>",
        '<urn:a> <urn:b> "\\ud800" .',
        '<urn:a> <urn:b> "\\U00110000" .',
        '<urn:a> <urn:b> "\\x" .',
        "<urn:a b> <urn:b> <urn:c> .",
        '<urn:a> <urn:b> "x"@ .',
    ],
)
def test_parse_nquads_refuses_a_line_when_it_is_no_quad(text: str) -> None:
    with pytest.raises(FormatError):
        parse_nquads(text)


def test_parse_nquads_passes_over_comments_and_white_space() -> None:
    quads = parse_nquads("# one\r\n\r\n \t<urn:a>\t<urn:b>  _:c_1.x <urn:g> . # two\n<urn:a><urn:b><urn:c>.")
    assert [quad.line() for quad in quads] == ["<urn:a> <urn:b> _:c_1.x <urn:g> .\n", "<urn:a> <urn:b> <urn:c> .\n"]
