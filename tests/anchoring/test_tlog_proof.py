"""Proof files: golden bytes, what is refused, and that nothing in one can be changed unnoticed."""

import base64
from pathlib import Path

import pytest

from anchoring.checkpoint import parse_checkpoint
from anchoring.error import AnchoringError, MalformedError
from anchoring.note import NoteVerifier, format_note, parse_note, verify_note
from anchoring.reader import LogReader
from anchoring.tile import CHECKPOINT_PATH
from anchoring.tlog_proof import MAX_EXTRA_BYTES, TlogProof, parse_tlog_proof
from tests.anchoring.doubles import log_keys, make_log

ROOT = base64.b64encode(bytes(range(32))).decode()
TEXT = f"test.cairn.example/log\n2\n{ROOT}\n"
NOTE = format_note(TEXT, [log_keys().log.sign(TEXT)])
GOLDEN = f"c2sp.org/tlog-proof@v1\nextra aGVsbG8=\nindex 1\n{ROOT}\n\n".encode() + NOTE


def test_tlog_proof_has_golden_bytes_when_written() -> None:
    proof = parse_tlog_proof(GOLDEN)
    assert (proof.index, len(proof.hashes), proof.note, proof.extra) == (1, 1, NOTE, b"hello")
    assert proof.encode() == GOLDEN
    bare = TlogProof(1, proof.hashes, proof.note)
    assert bare.encode() == GOLDEN.replace(b"extra aGVsbG8=\n", b"")
    assert parse_tlog_proof(bare.encode()) == bare


@pytest.mark.parametrize(
    "old, new",
    [
        (b"@v1", b"@v2"),
        (b"index 1", b"index 01"),
        (b"index 1", b"index +1"),
        (b"index 1", b"index 1 "),
        (b"index 1", b"index -1"),
        (b"index 1", "index ١".encode()),
        (b"index 1", b"index 9223372036854775808"),
        (b"index 1\n", b""),
        (b"aGVsbG8=", b"aGVsbG8"),
        (b"aGVsbG8=", b"aGVsbG9="),
        (b"extra aGVsbG8=\n", b"extra aGVsbG8=\nextra aGVsbG8=\n"),
        (b"extra aGVsbG8=\nindex 1\n", b"index 1\nextra aGVsbG8=\n"),
        (b"index 1\n", b"index 1\nAAAA\n"),
        (b"index 1\n", b"index 1\r\n"),
        (b"index 1\n", b"index 1\n\n"),
        (b"\ntest.cairn.example/log\n2\n", b"\ntest.cairn.example/log\n02\n"),
        (NOTE, b""),
    ],
)
def test_tlog_proof_is_refused_when_not_in_its_one_form(old: bytes, new: bytes) -> None:
    assert old in GOLDEN
    with pytest.raises(MalformedError):
        parse_tlog_proof(GOLDEN.replace(old, new, 1))


def test_tlog_proof_is_refused_when_it_is_too_large() -> None:
    proof = parse_tlog_proof(GOLDEN)
    longest = TlogProof(1, proof.hashes * 63, proof.note, bytes(MAX_EXTRA_BYTES))
    assert parse_tlog_proof(longest.encode()) == longest
    for larger in (
        TlogProof(1, proof.hashes * 64, proof.note),
        TlogProof(1, proof.hashes, proof.note, bytes(MAX_EXTRA_BYTES + 1)),
        TlogProof(1, proof.hashes, proof.note + bytes(300_000)),
    ):
        with pytest.raises(MalformedError):
            parse_tlog_proof(larger.encode())


def test_tlog_proof_shows_its_entry_alone_when_any_byte_is_changed(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.feed.add(300)
    log.start().sequence()
    note = log.tiles.read(CHECKPOINT_PATH)
    assert note is not None
    reader = LogReader(log.tiles.read, parse_checkpoint(parse_note(note).text))
    entry = reader.entry(77)
    content = TlogProof(77, tuple(reader.inclusion_proof(77)), note, entry).encode()
    _require(content, entry)
    operator = content.rindex("— operator".encode())  # what follows is a cosignature that this reader does not know
    for at in range(operator):
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        with pytest.raises((AnchoringError, AssertionError)):
            _require(changed, entry)


def _require(content: bytes, entry: bytes) -> None:
    proof = parse_tlog_proof(content)
    assert verify_note(parse_note(proof.note), [NoteVerifier(log_keys().log.vkey)])
    proof.verify_entry(entry)
    assert proof.extra == entry
