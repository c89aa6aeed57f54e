"""Asking one witness: a real one, and ones that answer as no witness should."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.add_checkpoint import Outcome
from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import Cosigner
from anchoring.cosigner_key import parse_cosigner_key
from anchoring.error import WitnessError
from anchoring.witness_client import Ask, WitnessClient
from tests.anchoring.doubles import START, Clock
from tests.anchoring.witness_world import KEYS, Tree, WitnessWorld, make_world

LOG = Tree()
OTHER = Cosigner("other.example", Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))
ED25519, MLDSA = KEYS.cosigners()
NAMED = [("0", parse_cosigner_key(ED25519.vkey)), ("1", parse_cosigner_key(MLDSA.vkey))]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WitnessWorld]:
    made = make_world(tmp_path)
    yield made
    made.store.close()


def client(ask: Ask, tree: Tree = LOG, clock: Clock | None = None) -> WitnessClient:
    def prove(checkpoint: Checkpoint, old: int) -> list[bytes]:
        return list(tree.proof(old, checkpoint.size))

    return WitnessClient(NAMED, ask, prove, clock or Clock())


def asking(world: WitnessWorld, asked: list[bytes] | None = None) -> Ask:
    def ask(body: bytes) -> tuple[Outcome, bytes]:
        if asked is not None:
            asked.append(body)
        answer = world.start().add_checkpoint(body)
        return answer.outcome, answer.text.encode()

    return ask


def cosign(asker: WitnessClient, size: int, tree: Tree = LOG) -> list[str]:
    note = tree.note(size)
    return [one.name for one in asker.cosign(note, tree.checkpoint(size).text(), tree.checkpoint(size))]


def test_client_gets_every_size_cosigned_by_all_keys_with_one_request_each(world: WitnessWorld) -> None:
    asked = list[bytes]()
    asker = client(asking(world, asked))
    for size in (1, 255, 256, 257, 257, 600):
        assert cosign(asker, size) == ["0", "1"]
    assert len(asked) == 6


def test_client_goes_on_from_what_the_witness_saw_when_it_was_restarted(world: WitnessWorld) -> None:
    cosign(client(asking(world)), 300)
    asked = list[bytes]()
    assert cosign(client(asking(world, asked)), 600) == ["0", "1"]
    assert [body.split(b"\n")[0] for body in asked] == [b"old 0", b"old 300"]
    assert cosign(client(asking(world)), 600) == ["0", "1"]


def test_client_says_that_the_log_is_an_old_copy_when_the_witness_saw_more(world: WitnessWorld) -> None:
    cosign(client(asking(world)), 600)
    asker = client(asking(world))
    for _ in range(2):
        with pytest.raises(WitnessError, match="has seen 600 entries, this log has 300: an old copy"):
            cosign(asker, 300)
    assert cosign(asker, 600) == ["0", "1"]


def test_client_says_that_the_witness_refuses_a_fork(world: WitnessWorld) -> None:
    cosign(client(asking(world)), 300)
    fork = Tree(branch="other")
    with pytest.raises(WitnessError, match="does not extend the one it saw before"):
        cosign(client(asking(world), fork), 400, fork)


def test_client_says_in_the_witness_s_words_why_it_is_refused(world: WitnessWorld) -> None:
    world.store.distrust(LOG.signer.vkey)
    with pytest.raises(WitnessError, match=r"does not know this log; .* \(this witness does not know the log\)"):
        cosign(client(asking(world)), 300)


@pytest.mark.parametrize("seconds, refused", [(59, False), (-59, False), (61, True), (-61, True)])
def test_client_takes_no_cosignature_of_another_time(seconds: int, refused: bool, world: WitnessWorld) -> None:  # noqa: FBT001  a table
    ours = Clock()
    ours.advance(seconds)
    asker = client(asking(world), clock=ours)
    if not refused:
        assert cosign(asker, 300) == ["0", "1"]
        return
    with pytest.raises(WitnessError, match=re.escape(f"its clock is {-seconds:+} s from ours")):
        cosign(asker, 300)


def _lines(size: int = 300) -> bytes:
    return "".join(one.cosign(LOG.checkpoint(size).text(), START) for one in KEYS.cosigners()).encode()


ANSWERS: dict[str, tuple[Outcome, bytes]] = {
    "nothing": (Outcome.COSIGNED, b""),
    "an empty line": (Outcome.COSIGNED, b"\n"),
    "a web page": (Outcome.COSIGNED, b"<html>\n"),
    "not UTF-8": (Outcome.COSIGNED, b"\xff\n"),
    "no newline": (Outcome.COSIGNED, _lines()[:-1]),
    "another checkpoint's": (Outcome.COSIGNED, _lines(301)),
    "another key's": (Outcome.COSIGNED, OTHER.cosign(LOG.checkpoint(300).text(), START).encode()),
    "one good and one wrong": (Outcome.COSIGNED, _lines() + _lines(301)),
    "too many lines": (Outcome.COSIGNED, _lines() * 9),
    "a size that is none": (Outcome.CONFLICT, b"many\n"),
    "a size without newline": (Outcome.CONFLICT, b"3"),
    "a size of other digits": (Outcome.CONFLICT, "٣\n".encode()),
    "malformed": (Outcome.MALFORMED, b"\x1b[31mred\n"),
    "not now": (Outcome.UNAVAILABLE, b"x" * 100_000),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_client_refuses_an_answer_when_it_is_no_cosignature(name: str) -> None:
    with pytest.raises(WitnessError) as caught:
        cosign(client(lambda _: ANSWERS[name]), 300)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_client_passes_over_lines_of_keys_it_does_not_know() -> None:
    lines = OTHER.cosign(LOG.checkpoint(300).text(), START).encode() + _lines()
    assert cosign(client(lambda _: (Outcome.COSIGNED, lines)), 300) == ["0", "1"]


def test_client_gives_up_when_the_witness_names_ever_other_sizes() -> None:
    sizes = itertools.cycle([b"1\n", b"2\n"])
    asked = list[bytes]()

    def ask(body: bytes) -> tuple[Outcome, bytes]:
        asked.append(body)
        return Outcome.CONFLICT, next(sizes)

    with pytest.raises(WitnessError, match="another size each time"):
        cosign(client(ask), 300)
    assert len(asked) == 3
