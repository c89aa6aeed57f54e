"""The vault and its key ring: what is sealed opens in its place, under its key, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest

from ledger.commitment import DOCUMENT_KIND
from ledger.credential_id import credential_aggregate_id
from ledger.error import CorruptionError, ErasedError, KeyEncryptionError, NotFoundError
from ledger.key_ring import KEY_BYTES, KeyRing, open_key_ring
from ledger.store import Commit, Write
from ledger.vault import SEAL_SQL, Vault
from tests.ledger.storage import both_databases
from tests.ledger.world import OPERATOR, SLUG, SeededRandom, World, claim

__all__ = ["both_databases"]  # the fixture: each test runs on both

NORTH, SOUTH = UUID(int=1), UUID(int=2)
CONTEXT = b"context"


def keep(world: World, owner: UUID, kind: str, plain: bytes, reference: str | None = "S-1") -> None:
    learner = world.vault.learner(NORTH, reference)
    rows = [world.vault.seal(learner, owner, kind, plain)]
    [result] = world.ledger.store.record([Commit((), [*learner.writes, Write(SEAL_SQL, rows)])])
    assert result == []


def test_vault_opens_what_was_sealed_in_its_place(world: World) -> None:
    keep(world, UUID(int=10), "document", b"plain")
    assert world.vault.open(UUID(int=10), "document") == b"plain"


@pytest.mark.parametrize("column", ["aggregate_id", "kind"])
def test_vault_reports_corruption_when_two_rows_were_swapped(world: World, column: str) -> None:
    keep(world, UUID(int=10), "a", b"one")
    keep(world, UUID(int=10) if column == "kind" else UUID(int=11), "b" if column == "kind" else "a", b"two")
    first, second = world.ledger.store.query("SELECT aggregate_id, kind, sealed FROM vault_item")
    for row, other in ((first, second), (second, first)):
        world.alter("UPDATE vault_item SET sealed=? WHERE aggregate_id=? AND kind=?", (other[2], row[0], row[1]))
    for row in (first, second):
        with pytest.raises(CorruptionError, match="altered"):
            world.vault.open(UUID(bytes=row[0]), row[1])


def test_vault_reports_corruption_when_a_row_was_given_to_another_learner(world: World) -> None:
    keep(world, UUID(int=10), "a", b"one", "S-1")
    keep(world, UUID(int=11), "a", b"two", "S-2")
    other = world.vault.find_learner(NORTH, "S-2")
    world.alter("UPDATE vault_item SET learner=? WHERE aggregate_id=?", (other, UUID(int=10).bytes))
    with pytest.raises(CorruptionError):
        world.vault.open(UUID(int=10), "a")


def test_vault_reports_corruption_when_any_byte_was_altered_or_cut(world: World) -> None:
    keep(world, UUID(int=10), "a", b"plain")
    sealed = bytes(world.ledger.store.query("SELECT sealed FROM vault_item")[0][0])
    altered = [sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in range(len(sealed))]
    for broken in (*altered, *(sealed[:n] for n in range(len(sealed))), sealed + b"\x00"):
        world.alter("UPDATE vault_item SET sealed=?", (broken,))
        with pytest.raises(CorruptionError):
            world.vault.open(UUID(int=10), "a")


def test_vault_finds_a_learner_by_reference_within_one_institution_only(world: World) -> None:
    keep(world, UUID(int=10), "a", b"one")
    handle = world.vault.find_learner(NORTH, "S-1")
    assert world.vault.learner(NORTH, "S-1").handle == handle == world.vault.learner_of(UUID(int=10)).handle
    for institution, reference in ((SOUTH, "S-1"), (NORTH, "S-2"), (NORTH, "s-1")):
        with pytest.raises(NotFoundError, match="may have been erased"):
            world.vault.find_learner(institution, reference)
        assert world.vault.learner(institution, reference).writes


def test_vault_makes_a_new_learner_each_time_when_there_is_no_reference(world: World) -> None:
    assert world.vault.learner(NORTH, None).handle != world.vault.learner(NORTH, None).handle


def test_vault_says_erased_when_there_is_nothing(world: World) -> None:
    with pytest.raises(ErasedError):
        world.vault.open(UUID(int=10), "a")
    with pytest.raises(ErasedError):
        world.vault.learner_of(UUID(int=10))


def test_vault_holds_nothing_that_can_be_read_without_the_key_ring(world: World) -> None:
    [public_id] = world.issue(claim("Ада Пример", reference="S-777", email="ada@example.org"))
    assert world.issuance.sealed_document(public_id).document.find("Ада Пример".encode()) > 0
    stored = b"".join(file.read_bytes() for file in world.directory.iterdir())
    for plain in ("Ада Пример".encode(), b"S-777", b"ada@example.org"):
        assert plain not in stored


def test_vault_cannot_be_opened_with_another_key_ring(world: World) -> None:
    [public_id] = world.issue(claim())
    stranger = Vault(world.ledger.store, KeyRing({"00000001": bytes(32)}, os.urandom), os.urandom)
    with pytest.raises(KeyEncryptionError, match=r"restore its file kek-[0-9a-f]{8}\.key"):
        stranger.open(credential_aggregate_id(public_id), DOCUMENT_KIND)
    with pytest.raises(KeyEncryptionError):
        stranger.secret("status-places")


def test_vault_cannot_be_opened_with_another_key_of_the_same_name(world: World) -> None:
    [public_id] = world.issue(claim())
    wrapped = bytes(world.ledger.store.query("SELECT wrapped FROM vault_learner")[0][0])
    impostor = KeyRing({wrapped[:4].hex(): bytes(32)}, os.urandom)
    with pytest.raises(KeyEncryptionError, match="does not open"):
        Vault(world.ledger.store, impostor, os.urandom).open(credential_aggregate_id(public_id), DOCUMENT_KIND)


def test_vault_keeps_one_secret_per_name_when_two_ask_at_first(world: World) -> None:
    other = Vault(world.ledger.store, world.key_ring, os.urandom)
    assert world.vault.secret("a") == other.secret("a") != other.secret("b")


def test_vault_says_which_when_a_kept_answer_is_missing_or_altered(world: World) -> None:
    submission = UUID(int=5)
    with pytest.raises(ErasedError, match="no longer here"):
        world.vault.answer(submission)
    world.ledger.store.record([Commit((), [world.vault.keep_answer(submission, b'["x"]')])])
    assert world.vault.answer(submission) == b'["x"]'
    for broken in (b"", b"short", bytes(40)):
        world.alter("UPDATE vault_answer SET sealed=?", (broken,))
        with pytest.raises(CorruptionError, match="was altered"):
            world.vault.answer(submission)


def test_vault_refuses_a_row_of_a_learner_who_was_erased_meanwhile(world: World) -> None:
    keep(world, UUID(int=10), "a", b"one")
    learner = world.vault.learner(NORTH, "S-1")
    world.ledger.store.record([Commit((), world.vault.erase(learner.handle))])
    late = Write(SEAL_SQL, [world.vault.seal(learner, UUID(int=11), "a", b"two")])
    [result] = world.ledger.store.record([Commit((), [late])])
    assert isinstance(result, Exception)
    assert world.ledger.store.query("SELECT COUNT(*) FROM vault_item")[0][0] == 0


def test_key_ring_opens_under_older_keys_and_wraps_under_the_newest() -> None:
    old, new = ("00000001", bytes(32)), ("00000002", b"\x01" * 32)
    wrapped = KeyRing(dict([old]), os.urandom).wrap(b"secret", CONTEXT)
    both = KeyRing(dict([old, new]), os.urandom)
    assert both.unwrap(wrapped, CONTEXT) == b"secret"
    assert both.wrap(b"secret", CONTEXT)[:4].hex() == "00000002"


def test_key_ring_refuses_another_context_and_every_altered_or_cut_byte() -> None:
    ring = KeyRing({"00000001": bytes(32)}, os.urandom)
    wrapped = ring.wrap(b"secret", CONTEXT)
    altered = [wrapped[:n] + bytes([wrapped[n] ^ 1]) + wrapped[n + 1 :] for n in range(len(wrapped))]
    for broken in (*altered, *(wrapped[:n] for n in range(len(wrapped)))):
        with pytest.raises(KeyEncryptionError):
            ring.unwrap(broken, CONTEXT)
    with pytest.raises(KeyEncryptionError, match="belongs to another place"):
        ring.unwrap(wrapped, b"elsewhere")


def test_key_ring_refuses_to_be_empty() -> None:
    with pytest.raises(KeyEncryptionError, match="at least one"):
        KeyRing({}, os.urandom)


def test_key_ring_directory_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "keys"
    wrapped = open_key_ring(directory, SeededRandom(1)).wrap(b"secret", CONTEXT)
    [file] = directory.iterdir()
    assert file.name == f"kek-{wrapped[:4].hex()}.key"
    assert (directory.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert open_key_ring(directory, SeededRandom(2)).unwrap(wrapped, CONTEXT) == b"secret"
    assert list(directory.iterdir()) == [file]


def test_key_ring_directory_is_usable_when_a_crash_left_an_unfinished_key(tmp_path: Path) -> None:
    (tmp_path / "kek-01020304.new").write_text("0011", "ascii")
    ring = open_key_ring(tmp_path, SeededRandom(1))
    assert ring.unwrap(ring.wrap(b"secret", CONTEXT), CONTEXT) == b"secret"


def test_key_ring_directory_is_usable_when_its_first_key_was_cut_short(tmp_path: Path) -> None:
    def fail_at_the_key(count: int) -> bytes:
        if count == KEY_BYTES:
            raise KeyboardInterrupt
        return bytes(count)

    with pytest.raises(KeyboardInterrupt):
        open_key_ring(tmp_path, fail_at_the_key)
    assert [file.suffix for file in tmp_path.iterdir()] == [".new"]
    ring = open_key_ring(tmp_path, SeededRandom(1))
    assert ring.unwrap(ring.wrap(b"secret", CONTEXT), CONTEXT) == b"secret"


@pytest.mark.parametrize(
    "name, text",
    [
        ("kek-00000001.key", ""),
        ("kek-00000001.key", "00" * 31),
        ("kek-00000001.key", "zz" * 32),
        ("kek-xyz.key", "00" * 32),
    ],
)
def test_key_ring_directory_is_refused_when_a_file_is_no_key(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "ascii")
    with pytest.raises(KeyEncryptionError, match=name):
        open_key_ring(tmp_path, SeededRandom(1))


def test_private_keys_are_destroyed_with_the_event_that_ends_them(world: World) -> None:
    def kept() -> list[str]:
        return [key_id for (key_id,) in world.ledger.store.query("SELECT key_id FROM vault_signing_key ORDER BY 1")]

    institution = world.ledger.institution(SLUG)
    assert kept() == ["key-1"]
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
    assert kept() == ["key-2"]
    with pytest.raises(NotFoundError, match="private half of key-1"):
        world.keys.signing_key(institution.id, "key-1", "did:example#key-1")
    world.registry.declare_compromised(slug=SLUG, key_id="key-2", compromised_at=world.ledger.now(), actor=OPERATOR)
    assert kept() == []
