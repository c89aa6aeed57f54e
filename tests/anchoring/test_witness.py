"""A witness's answers, case by case of C2SP tlog-witness, and what it remembers."""

import base64
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.add_checkpoint import MAX_REQUEST_BYTES, Outcome, format_add_checkpoint, parse_add_checkpoint
from anchoring.checkpoint import Checkpoint, verify_checkpoint
from anchoring.cosignature import CosignatureVerifier, Cosigner
from anchoring.error import ConflictError, CorruptionError, MalformedError
from anchoring.note import NoteSigner, format_note, parse_note
from anchoring.subtree_cosignature import SubtreeVerifier
from anchoring.tlog_policy import parse_log_key
from anchoring.tree import EMPTY_ROOT
from anchoring.witness import Seen, Witness, origin_digest
from anchoring.witness_store import SqliteWitnessStore, WitnessKeys
from tests.anchoring.doubles import ORIGIN, START, Clock
from tests.anchoring.test_log_machine import FaultError, Faults
from tests.anchoring.witness_world import KEYS, Tree, WitnessWorld, make_world

FORK = Tree(branch="other")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WitnessWorld]:
    made = make_world(tmp_path)
    yield made
    made.store.close()


def ask(world: WitnessWorld, body: bytes) -> Outcome:
    return world.start().add_checkpoint(body).outcome


def stored_size(world: WitnessWorld) -> int:
    seen = world.store.seen(ORIGIN)
    return 0 if seen is None else seen.checkpoint.size


def test_witness_cosigns_with_both_keys_when_the_log_is_new(world: WitnessWorld) -> None:
    answer = world.start().add_checkpoint(world.log.request(0, 300))
    assert answer.outcome is Outcome.COSIGNED
    note = parse_note(world.log.note(300) + answer.text.encode())
    ed25519, mldsa = (cosigner.vkey for cosigner in KEYS.cosigners())
    assert CosignatureVerifier(ed25519).verify(note) == START
    assert SubtreeVerifier(mldsa).verify(note) == START
    assert len(note.signatures) == 3


def test_witness_cosigns_when_the_log_has_grown(world: WitnessWorld) -> None:
    for old, new in itertools.pairwise([0, 1, 255, 256, 257, 600]):
        assert ask(world, world.log.request(old, new)) is Outcome.COSIGNED
    assert stored_size(world) == 600


def test_witness_cosigns_again_when_nothing_has_changed(world: WitnessWorld) -> None:
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED
    world.clock.advance(30)
    again = world.start().add_checkpoint(world.log.request(300, 300))
    assert again.outcome is Outcome.COSIGNED
    seen = world.store.seen(ORIGIN)
    assert seen is not None
    assert (seen.at - START).total_seconds() == 30


def test_witness_shows_what_it_cosigned_last(world: WitnessWorld) -> None:
    witness, digest = world.start(), origin_digest(ORIGIN)
    assert witness.latest(digest) is None
    lines = witness.add_checkpoint(world.log.request(0, 300)).text
    shown = witness.latest(digest)
    assert shown == world.log.note(300) + lines.encode()
    assert verify_checkpoint(parse_note(shown), parse_log_key(world.log.signer.vkey)).size == 300


def test_witness_keeps_only_the_signatures_that_it_checked(world: WitnessWorld) -> None:
    stranger = Cosigner("stranger.example", Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))
    text = world.log.checkpoint(300).text()
    note = world.log.note(300) + stranger.cosign(text, START).encode()
    assert ask(world, format_add_checkpoint(0, [], note)) is Outcome.COSIGNED
    shown = world.start().latest(origin_digest(ORIGIN))
    assert shown is not None
    assert b"stranger" not in shown


def test_witness_knows_no_log_when_its_origin_is_another(world: WitnessWorld) -> None:
    other = Tree(origin="other.example/log")
    assert ask(world, other.request(0, 300)) is Outcome.UNKNOWN_LOG
    assert world.store.distrust(world.log.signer.vkey)
    assert ask(world, world.log.request(0, 300)) is Outcome.UNKNOWN_LOG


def test_witness_refuses_when_an_unknown_key_signed(world: WitnessWorld) -> None:
    assert ask(world, Tree(seed=2).request(0, 300)) is Outcome.UNTRUSTED


def test_witness_refuses_when_a_known_key_has_a_wrong_signature(world: WitnessWorld) -> None:
    good, wrong = world.log.note(300), world.log.signer.sign(world.log.checkpoint(301).text()).encode()
    text = world.log.checkpoint(300).text().encode()
    assert ask(world, format_add_checkpoint(0, [], text + b"\n" + wrong)) is Outcome.UNTRUSTED
    assert ask(world, format_add_checkpoint(0, [], good + wrong)) is Outcome.UNTRUSTED
    assert stored_size(world) == 0


def test_witness_refuses_when_a_known_key_signed_for_another_origin(world: WitnessWorld) -> None:
    other = Tree(origin="other.example/log", seed=3)
    world.store.trust(parse_log_key(other.signer.vkey))
    text = Checkpoint(ORIGIN, 300, world.log.tree(300).root()).text()
    assert ask(world, format_add_checkpoint(0, [], format_note(text, [other.signer.sign(text)]))) is Outcome.UNTRUSTED


def test_witness_accepts_any_of_a_logs_keys(world: WitnessWorld) -> None:
    successor = Tree(seed=4)
    world.store.trust(parse_log_key(successor.signer.vkey))
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED
    assert ask(world, successor.request(300, 400)) is Outcome.COSIGNED


def test_witness_says_what_it_saw_last_when_the_old_size_differs(world: WitnessWorld) -> None:
    assert world.start().add_checkpoint(world.log.request(5, 300)).text == "0\n"
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED
    for old, new in [(0, 400), (299, 400), (301, 400), (200, 250), (0, 0)]:
        answer = world.start().add_checkpoint(world.log.request(old, new))
        assert (answer.outcome, answer.text) == (Outcome.CONFLICT, "300\n")


def test_witness_refuses_when_the_log_rolls_back(world: WitnessWorld) -> None:
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED
    assert ask(world, world.log.request(300, 299)) is Outcome.MALFORMED
    assert ask(world, world.log.request(299, 299)) is Outcome.CONFLICT
    assert stored_size(world) == 300


def test_witness_refuses_a_fork_whatever_proof_comes_with_it(world: WitnessWorld) -> None:
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED
    assert ask(world, FORK.request(300, 300)) is Outcome.INCONSISTENT
    assert ask(world, FORK.request(300, 400)) is Outcome.INCONSISTENT
    for proof in ([], [bytes(32)], world.log.proof(300, 400)):
        assert ask(world, format_add_checkpoint(300, proof, FORK.note(400))) is Outcome.INCONSISTENT
    assert stored_size(world) == 300


def test_witness_refuses_a_proof_where_none_is_due(world: WitnessWorld) -> None:
    assert ask(world, format_add_checkpoint(0, [bytes(32)], world.log.note(300))) is Outcome.INCONSISTENT
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED
    assert ask(world, format_add_checkpoint(300, [bytes(32)], world.log.note(300))) is Outcome.INCONSISTENT


def test_witness_cosigns_an_empty_tree_only_with_its_own_root(world: WitnessWorld) -> None:
    wrong = Checkpoint(ORIGIN, 0, bytes(32)).text()
    assert ask(world, format_add_checkpoint(0, [], format_note(wrong, [world.log.signer.sign(wrong)]))) is (
        Outcome.INCONSISTENT
    )
    assert world.log.checkpoint(0).root == EMPTY_ROOT
    assert ask(world, world.log.request(0, 0)) is Outcome.COSIGNED
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED


def test_witness_gives_no_cosignature_when_its_clock_went_back(world: WitnessWorld) -> None:
    assert ask(world, world.log.request(0, 300)) is Outcome.COSIGNED
    world.clock.advance(-2)
    answer = world.start().add_checkpoint(world.log.request(300, 400))
    assert answer.outcome is Outcome.UNAVAILABLE
    assert "clock went back 2 s" in answer.text
    world.clock.advance(2)
    assert ask(world, world.log.request(300, 400)) is Outcome.COSIGNED


GOOD = Tree().request(256, 300)
BODIES = {
    "nothing": b"",
    "no old size": GOOD.replace(b"old 256\n", b""),
    "capital": GOOD.replace(b"old", b"Old"),
    "two spaces": GOOD.replace(b"old 256", b"old  256"),
    "leading zero": GOOD.replace(b"old 256", b"old 0256"),
    "sign": GOOD.replace(b"old 256", b"old +256"),
    "negative": GOOD.replace(b"old 256", b"old -1"),
    "too large": GOOD.replace(b"old 256", b"old 9223372036854775808"),
    "other digits": GOOD.replace(b"old 256", "old ٢".encode()),
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "no empty line": GOOD.replace(b"\n\n", b"\n", 1),
    "no checkpoint": GOOD.partition(b"\n\n")[0] + b"\n\n",
    "no signature": GOOD.partition("\n— ".encode())[0] + b"\n",
    "no last newline": GOOD[:-1],
    "extension line": GOOD.replace(b"\n\n\xe2\x80\x94", b"\nmore\n\n\xe2\x80\x94"),
    "two lines": Tree().request(0, 300).replace(b"\n300\n", b"\n"),
    "short hash": GOOD.replace(b"old 256\n", b"old 256\n" + base64.b64encode(bytes(31)) + b"\n"),
    "not base64": GOOD.replace(b"old 256\n", b"old 256\nhash\n"),
    "loose base64": GOOD.replace(b"old 256\n", b"old 256\n" + base64.b64encode(bytes(32))[:-2] + b"B=\n"),
    "64 hashes": format_add_checkpoint(256, [bytes(32)] * 64, Tree().note(300)),
    "too long": GOOD + b"x" * MAX_REQUEST_BYTES,
    "not UTF-8": GOOD.replace(b"test.cairn", b"test\xffcairn"),
}


@pytest.mark.parametrize("name", BODIES)
def test_witness_calls_a_request_malformed_when_it_breaks_the_form(name: str, world: WitnessWorld) -> None:
    assert BODIES[name] != GOOD
    answer = world.start().add_checkpoint(BODIES[name])
    assert answer.outcome is Outcome.MALFORMED
    assert answer.text.endswith("\n")
    with pytest.raises(MalformedError):
        parse_add_checkpoint(BODIES[name])


def test_request_is_read_with_63_hashes_and_16_signatures() -> None:
    names = [NoteSigner(f"k{n}.example", Ed25519PrivateKey.from_private_bytes(bytes([n] * 32))) for n in range(1, 16)]
    text = Tree().checkpoint(300).text()
    note = Tree().note(300) + "".join(name.sign(text) for name in names).encode()
    request = parse_add_checkpoint(format_add_checkpoint(256, [bytes(32)] * 63, note))
    assert (request.old_size, len(request.proof), len(request.note.signatures)) == (256, 63, 16)


def test_exactly_one_wins_when_two_requests_come_at_once(tmp_path: Path) -> None:
    worlds = [make_world(tmp_path)]
    assert ask(worlds[0], worlds[0].log.request(0, 100)) is Outcome.COSIGNED
    # A second connection, as of another process over the same file.
    store = SqliteWitnessStore(tmp_path / "witness.db")
    worlds.append(WitnessWorld(store, Tree(), Clock()))
    sizes, answers, barrier = range(101, 109), list[tuple[Outcome, str]](), threading.Barrier(8)

    def run(size: int) -> None:
        witness = worlds[size % 2].start()
        barrier.wait()
        answer = witness.add_checkpoint(Tree().request(100, size))
        answers.append((answer.outcome, answer.text))

    threads = [threading.Thread(target=run, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = stored_size(worlds[0])
    assert [outcome for outcome, _ in answers].count(Outcome.COSIGNED) == 1
    assert [text for outcome, text in answers if outcome is Outcome.CONFLICT] == [f"{won}\n"] * 7
    for each in worlds:
        each.store.close()


class FaultyStore(SqliteWitnessStore):
    """A store whose next swap fails: before it is kept, or after."""

    fail: str | None = None

    def compare_and_swap(self, old: Seen | None, new: Seen) -> None:
        how, self.fail = self.fail, None
        if how == "not kept":
            raise sqlite3.OperationalError("disk I/O error")
        super().compare_and_swap(old, new)
        if how == "kept":
            raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("how", ["not kept", "kept"])
def test_witness_never_cosigns_a_fork_when_its_store_failed(how: str, tmp_path: Path) -> None:
    make_world(tmp_path).store.close()
    store = FaultyStore(tmp_path / "witness.db")
    witness, log = Witness(KEYS.cosigners(), store, Clock()), Tree()
    assert witness.add_checkpoint(log.request(0, 300)).outcome is Outcome.COSIGNED
    store.fail = how
    with pytest.raises(sqlite3.OperationalError):
        witness.add_checkpoint(log.request(300, 400))
    kept = 400 if how == "kept" else 300
    # Now the log may only go on from what is stored; a fork of either size is refused.
    for asked in (witness, Witness(KEYS.cosigners(), SqliteWitnessStore(tmp_path / "witness.db"), Clock())):
        assert asked.add_checkpoint(FORK.request(kept, 500)).outcome is Outcome.INCONSISTENT
        assert asked.add_checkpoint(FORK.request(kept, kept)).outcome is Outcome.INCONSISTENT
        assert asked.add_checkpoint(log.request(700 - kept, 600)).text == f"{kept}\n"
    assert witness.add_checkpoint(log.request(kept, 400)).outcome is Outcome.COSIGNED


STORE_CALLS = ("log_keys", "seen", "compare_and_swap")


def _asked_with_a_fault(file: Path, step: int, *, persisted: bool, restart: bool) -> int:
    """Ask four times, one store call failing; then ask again and for a fork. Returns how many calls there were."""
    make_world(file.parent).store.close()
    store, faults, log = SqliteWitnessStore(file), Faults(), Tree()
    faults.wrap(store, *STORE_CALLS)
    faults.arm(step, persisted=persisted)
    witness, given = Witness(KEYS.cosigners(), store, Clock()), [0]
    for size in (300, 400, 400, 500):
        with suppress(FaultError):
            if witness.add_checkpoint(log.request(given[-1], size)).outcome is Outcome.COSIGNED:
                given.append(size)
    calls = faults.calls
    faults.disarm()
    if restart:
        store.close()
        store = SqliteWitnessStore(file)
        witness = Witness(KEYS.cosigners(), store, Clock())
    seen = store.seen(log.checkpoint(1).origin)
    kept = 0 if seen is None else seen.checkpoint.size
    assert kept >= max(given)  # whatever was given away is remembered
    assert seen is None or seen.checkpoint == log.checkpoint(kept)
    if kept:
        assert witness.add_checkpoint(FORK.request(kept, 600)).outcome is Outcome.INCONSISTENT
        assert witness.add_checkpoint(FORK.request(kept, kept)).outcome is Outcome.INCONSISTENT
    assert witness.add_checkpoint(log.request(kept, 600)).outcome is Outcome.COSIGNED
    store.close()
    return calls


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("persisted", [False, True])
def test_witness_comes_through_when_any_one_call_to_its_store_fails(
    tmp_path: Path, *, persisted: bool, restart: bool
) -> None:
    (tmp_path / "counted").mkdir()
    calls = _asked_with_a_fault(tmp_path / "counted" / "witness.db", 10_000, persisted=False, restart=False)
    assert calls >= 4 * len(STORE_CALLS)
    for step in range(calls):
        (tmp_path / str(step)).mkdir()
        _asked_with_a_fault(tmp_path / str(step) / "witness.db", step, persisted=persisted, restart=restart)


def test_witness_stays_true_to_one_history_whatever_is_asked_and_fails(tmp_path: Path) -> None:
    """Every cosigned state, in the order given, is of one history that only grows."""
    make_world(tmp_path).store.close()
    store = FaultyStore(tmp_path / "witness.db")
    witness, trees = Witness(KEYS.cosigners(), store, Clock()), (Tree(size=40), Tree(branch="other", size=40))
    sizes, given = [0, 1, 7, 8, 9, 31, 40], list[Checkpoint]()
    faults: list[str | None] = [None, "not kept", None, "kept", None]
    steps = itertools.product(range(3), sizes, sizes, trees)
    for number, (_, old, new, tree) in enumerate(steps):
        store.fail = faults[number % len(faults)]
        with suppress(sqlite3.OperationalError):
            if witness.add_checkpoint(tree.request(old, new)).outcome is Outcome.COSIGNED:
                given.append(tree.checkpoint(new))
    assert given
    assert [one.size for one in given] == sorted(one.size for one in given)
    histories = [all(one == tree.checkpoint(one.size) for one in given) for tree in trees]
    assert any(histories)


# The contract of a `WitnessStore`: any other adapter joins the list.
STORES: dict[str, Callable[[Path], SqliteWitnessStore]] = {"sqlite": lambda path: SqliteWitnessStore(path / "w.db")}


@pytest.mark.parametrize("make", STORES.values(), ids=STORES.keys())
def test_store_keeps_one_state_a_log_and_swaps_it_only_from_what_is_there(
    make: Callable[[Path], SqliteWitnessStore], tmp_path: Path
) -> None:
    store, log, other = make(tmp_path), Tree(), Tree(origin="other.example/log")
    first, second = Seen(log.checkpoint(1), START, log.note(1)), Seen(log.checkpoint(2), START, log.note(2))
    foreign = Seen(other.checkpoint(5), START, other.note(5))
    assert store.seen(ORIGIN) is None
    store.compare_and_swap(None, first)
    for wrong in (None, second):
        with pytest.raises(ConflictError):
            store.compare_and_swap(wrong, second)
    store.compare_and_swap(None, foreign)
    store.compare_and_swap(first, second)
    again = make(tmp_path)
    assert (again.seen(ORIGIN), again.seen(other.origin)) == (second, foreign)
    assert again.seen_by_digest(origin_digest(ORIGIN)) == second
    assert again.seen_by_digest("") is None
    store.close()
    again.close()


@pytest.mark.parametrize("make", STORES.values(), ids=STORES.keys())
def test_store_knows_the_keys_it_was_told_until_it_is_told_to_forget(
    make: Callable[[Path], SqliteWitnessStore], tmp_path: Path
) -> None:
    store, one, two = make(tmp_path), Tree(), Tree(seed=2)
    for tree in (one, two, one):
        store.trust(parse_log_key(tree.signer.vkey))
    assert {key.vkey for key in store.log_keys(ORIGIN)} == {one.signer.vkey, two.signer.vkey}
    assert store.distrust(one.signer.vkey)
    assert not store.distrust(one.signer.vkey)
    assert [key.vkey for key in store.logs()] == [two.signer.vkey]
    store.close()


def test_store_keeps_its_keys_once_and_from_other_users(tmp_path: Path) -> None:
    store = SqliteWitnessStore(tmp_path / "witness.db")
    assert store.keys() is None
    with pytest.raises(MalformedError):
        store.keep_keys(WitnessKeys("a b", bytes(32), bytes(32)))
    store.keep_keys(KEYS)
    assert store.keys() == KEYS
    with pytest.raises(ConflictError):
        store.keep_keys(KEYS)
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}
    store.close()


def test_store_says_that_it_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"no database" * 100)
    with pytest.raises(CorruptionError):
        SqliteWitnessStore(tmp_path / "junk.db")
    world = make_world(tmp_path)
    ask(world, world.log.request(0, 300))
    for sql in ("UPDATE seen SET note = x'00'", "UPDATE seen SET origin = 'other', note = note"):
        world.store._db.execute("SAVEPOINT before")
        world.store._db.execute(sql)
        with pytest.raises(CorruptionError):
            world.start().add_checkpoint(world.log.request(300, 400))
        world.store._db.execute("ROLLBACK TO before")
        world.store._db.execute("RELEASE before")
    world.store._db.execute("UPDATE identity SET format = 'cairn-witness/v2'")
    with pytest.raises(CorruptionError):
        world.store.keys()
    world.store.close()
