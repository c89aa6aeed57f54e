"""Notes, checkpoints and cosignatures: golden bytes, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from anchoring.cosignature import CosignatureVerifier, Cosigner
from anchoring.error import MalformedError, SignatureError
from anchoring.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Note,
    NoteSigner,
    NoteVerifier,
    format_note,
    parse_note,
    parse_signature_line,
    verify_note,
)
from anchoring.tree import EMPTY_ROOT

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = "test.cairn.example/log"
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
COSIGNER = Cosigner("operator.example", Ed25519PrivateKey.from_private_bytes(bytes([2] * 32)))
LOG = NoteVerifier(SIGNER.vkey)
OPERATOR = CosignatureVerifier(COSIGNER.vkey)
CHECKPOINT = Checkpoint(ORIGIN, 70_000, bytes(range(32)))
TEXT = CHECKPOINT.text()
NOTE = format_note(TEXT, [SIGNER.sign(TEXT), COSIGNER.cosign(TEXT, AT)])

# ── verifier keys ────────────────────────────────────────────────────────────────────────────────

PUBLISHED_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def test_vkey_is_read_when_it_is_the_published_example() -> None:
    verifier = NoteVerifier(PUBLISHED_VKEY)
    assert (verifier.name, verifier.key_id.hex()) == ("example.com/foo", "530d903a")


def test_vkey_is_refused_when_any_byte_changes() -> None:
    for at in range(len(PUBLISHED_VKEY)):
        for sign in ("A", "a", "0", "+", " ", "\n", "="):
            changed = PUBLISHED_VKEY[:at] + sign + PUBLISHED_VKEY[at + 1 :]
            if changed != PUBLISHED_VKEY:
                with pytest.raises(MalformedError):
                    NoteVerifier(changed)


def test_vkey_is_refused_when_cut_or_of_the_other_type() -> None:
    for end in range(len(PUBLISHED_VKEY)):
        with pytest.raises(MalformedError):
            NoteVerifier(PUBLISHED_VKEY[:end])
    with pytest.raises(MalformedError):
        NoteVerifier(COSIGNER.vkey)
    with pytest.raises(MalformedError):
        CosignatureVerifier(SIGNER.vkey)
    with pytest.raises(MalformedError):
        NoteVerifier(PUBLISHED_VKEY + "\n")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u2003b", "a\x00", "\x85"])
def test_key_name_is_refused_when_it_cannot_stand_in_a_line(name: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
    with pytest.raises(MalformedError):
        NoteSigner(name, key)
    with pytest.raises(MalformedError):
        Cosigner(name, key)


# ── notes ────────────────────────────────────────────────────────────────────────────────────────


def test_note_has_golden_bytes_when_signed() -> None:
    assert SIGNER.vkey == "test.cairn.example/log+451b095a+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
    assert NOTE.decode() == (
        "test.cairn.example/log\n"
        "70000\n"
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
        "\n"
        "— test.cairn.example/log RRsJWoent+1yvsLkA4xrFnDSV/vg+KqeWHL34ELujZ3Qv"
        "XRkmAt9d3zxM31MRLuMol+50J7/ITNo1o0A7vtnixzVFg4=\n"
        "— operator.example Nv18EQAAAABppCpAzKNpftO0K0szFbVH3uNbSJxsRBV8sqOskzs"
        "R92X2u0sHxV1XF6pW7x2yajwxM1z0dDb+sQ5aSGY+ZZiqMgp1Aw==\n"
    )


def test_note_verifies_when_both_signatures_are_asked_for() -> None:
    note = parse_note(NOTE)
    assert note.encode() == NOTE
    assert [signature.name for signature in verify_note(note, [LOG, OPERATOR])] == [
        ORIGIN,
        "operator.example",
    ]
    assert verify_checkpoint(note, LOG) == CHECKPOINT
    assert OPERATOR.verify(note) == AT


def verify_all(raw: bytes) -> None:
    note = parse_note(raw)
    verify_checkpoint(note, LOG)
    OPERATOR.verify(note)


def test_note_fails_when_any_byte_changes() -> None:
    for at in range(len(NOTE)):
        for bit in (0x01, 0x02, 0x20, 0x80):
            changed = NOTE[:at] + bytes([NOTE[at] ^ bit]) + NOTE[at + 1 :]
            with pytest.raises((MalformedError, SignatureError)):
                verify_all(changed)


def test_note_fails_when_any_byte_is_cut_or_doubled() -> None:
    for at in range(len(NOTE)):
        for changed in (NOTE[:at] + NOTE[at + 1 :], NOTE[:at] + NOTE[at : at + 1] + NOTE[at:]):
            if changed == NOTE:
                continue
            with pytest.raises((MalformedError, SignatureError)):
                verify_all(changed)


def test_note_verifies_when_strangers_signed_too() -> None:
    strangers = [NoteSigner(f"s{number}", Ed25519PrivateKey.generate()).sign(TEXT) for number in range(40)]
    note = parse_note(format_note(TEXT, [*strangers, SIGNER.sign(TEXT)]))
    assert len(verify_note(note, [LOG])) == 1


def test_note_is_refused_when_no_known_key_signed() -> None:
    stranger = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    note = parse_note(format_note(TEXT, [stranger.sign(TEXT)]))
    with pytest.raises(SignatureError, match="no signature by a known key"):
        verify_note(note, [LOG])
    with pytest.raises(SignatureError):
        verify_note(parse_note(NOTE), [])


def test_note_is_refused_when_one_of_two_signatures_by_a_known_key_is_wrong() -> None:
    wrong = SIGNER.sign(TEXT.replace("70000", "70001"))
    for lines in ([wrong, SIGNER.sign(TEXT)], [SIGNER.sign(TEXT), wrong]):
        with pytest.raises(SignatureError, match="is wrong"):
            verify_note(parse_note(format_note(TEXT, lines)), [LOG])


LINE = SIGNER.sign(TEXT)
REFUSED_NOTES = {
    "empty": b"",
    "no signature": TEXT.encode() + b"\n",
    "no blank line": (TEXT + LINE).encode(),
    "no last newline": NOTE[:-1],
    "no text": ("\n" + LINE).encode(),
    "hyphen for dash": NOTE.replace("\N{EM DASH}".encode(), b"-"),
    "two spaces": NOTE.replace(b" operator", b"  operator"),
    "trailing space": NOTE[:-1] + b" \n",
    "carriage return": NOTE.replace(b"\n", b"\r\n"),
    "tab in text": NOTE.replace(b"70000", b"70000\t"),
    "null in text": NOTE.replace(b"70000", b"70000\x00"),
    "not UTF-8": b"\xff" + NOTE,
    "surrogate": b"\xed\xa0\x80" + NOTE,
    "unpadded base64": format_note(TEXT, [LINE.rstrip("=\n") + "\n"]),
    "url base64": format_note(TEXT, [LINE.replace("+", "-").replace("/", "_")]),
    "short signature": format_note(TEXT, ["\N{EM DASH} a AAAAAA==\n"]),
    "line break in base64": NOTE[:-5] + b"\n" + NOTE[-5:],
    "too long": b"a" * MAX_NOTE_BYTES + b"\n\n" + LINE.encode(),
    "too many signatures": format_note(TEXT, [LINE] * (MAX_SIGNATURES + 1)),
}


@pytest.mark.parametrize("case", REFUSED_NOTES)
def test_note_is_refused_when_not_canonical(case: str) -> None:
    with pytest.raises(MalformedError):
        parse_note(REFUSED_NOTES[case])


def test_note_takes_as_many_signatures_as_the_limit() -> None:
    assert len(parse_note(format_note(TEXT, [LINE] * MAX_SIGNATURES)).signatures) == MAX_SIGNATURES


def test_note_keeps_blank_lines_when_they_are_in_the_text() -> None:
    text = "a\n\nb\n"
    note = parse_note(format_note(text, [SIGNER.sign(text)]))
    assert note.text == text
    assert verify_note(note, [LOG])


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "\x00\n", "\r\n"])
def test_signing_is_refused_when_the_text_is_no_note_text(text: str) -> None:
    with pytest.raises(MalformedError):
        SIGNER.sign(text)
    with pytest.raises(MalformedError):
        COSIGNER.cosign(text, AT)


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────────


def test_checkpoint_has_golden_text_when_written() -> None:
    root = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert f"test.cairn.example/log\n70000\n{root}\n" == TEXT
    assert parse_checkpoint(TEXT) == CHECKPOINT
    assert parse_checkpoint(Checkpoint("o", 0, EMPTY_ROOT).text()).size == 0


REFUSED_CHECKPOINTS = {
    "empty": "",
    "two lines": TEXT.rsplit("\n", 2)[0] + "\n",
    "extension line": TEXT + "extension\n",
    "empty extension line": TEXT + "\n",
    "no last newline": TEXT[:-1],
    "no origin": "\n" + TEXT.split("\n", 1)[1],
    "leading zero": TEXT.replace("70000", "070000"),
    "plus": TEXT.replace("70000", "+70000"),
    "negative": TEXT.replace("70000", "-1"),
    "hexadecimal": TEXT.replace("70000", "0x10"),
    "underscore": TEXT.replace("70000", "70_000"),
    "space": TEXT.replace("70000", " 70000"),
    "arabic digits": TEXT.replace("70000", "٧٠٠٠٠"),
    "size of 2**63": TEXT.replace("70000", str(1 << 63)),
    "very long size": TEXT.replace("70000", "9" * 5000),
    "short root": Checkpoint("o", 1, bytes(31)).text(),
    "long root": Checkpoint("o", 1, bytes(33)).text(),
    "root bits beyond the padding": TEXT.replace("Hh8=", "Hh9="),
    "root without padding": TEXT.replace("Hh8=", "Hh8"),
    "empty tree with another root": Checkpoint("o", 0, bytes(32)).text(),
}


@pytest.mark.parametrize("case", REFUSED_CHECKPOINTS)
def test_checkpoint_is_refused_when_not_canonical(case: str) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(REFUSED_CHECKPOINTS[case])


def test_checkpoint_is_refused_when_the_key_is_of_another_origin() -> None:
    text = Checkpoint("other.example/log", 1, bytes(32)).text()
    with pytest.raises(MalformedError, match="another origin"):
        verify_checkpoint(parse_note(format_note(text, [SIGNER.sign(text)])), LOG)


def test_checkpoint_is_refused_when_only_the_operator_signed() -> None:
    note = parse_note(format_note(TEXT, [COSIGNER.cosign(TEXT, AT)]))
    with pytest.raises(SignatureError):
        verify_checkpoint(note, LOG)


# ── cosignatures ─────────────────────────────────────────────────────────────────────────────────


def test_cosignature_signs_the_published_message_form() -> None:
    (signature,) = parse_note(format_note(TEXT, [COSIGNER.cosign(TEXT, AT)])).signatures
    key = Ed25519PrivateKey.from_private_bytes(bytes([2] * 32)).public_key()
    key.verify(signature.blob[8:], f"cosignature/v1\ntime 1772366400\n{TEXT}".encode())
    assert int.from_bytes(signature.blob[:8]) == 1_772_366_400


def test_cosignature_gives_the_latest_time_when_there_are_several() -> None:
    times = [AT, AT + timedelta(hours=1), AT - timedelta(hours=1)]
    lines = [COSIGNER.cosign(TEXT, at) for at in times]
    assert OPERATOR.verify(parse_note(format_note(TEXT, lines))) == times[1]


def test_cosignature_cuts_the_fraction_and_keeps_the_instant_when_zoned() -> None:
    at = AT.astimezone(timezone(timedelta(hours=3))) + timedelta(milliseconds=999)
    note = parse_note(format_note(TEXT, [COSIGNER.cosign(TEXT, at)]))
    assert OPERATOR.verify(note) == AT


def test_cosignature_is_refused_when_absent() -> None:
    note = parse_note(format_note(TEXT, [SIGNER.sign(TEXT)]))
    with pytest.raises(SignatureError, match="no cosignature"):
        OPERATOR.verify(note)


def test_cosignature_is_refused_when_given_for_another_text() -> None:
    line = COSIGNER.cosign(TEXT.replace("70000", "70001"), AT)
    with pytest.raises(SignatureError):
        OPERATOR.verify(parse_note(format_note(TEXT, [line])))


def test_cosignature_is_refused_when_any_bit_of_the_time_changes() -> None:
    signature = parse_signature_line(COSIGNER.cosign(TEXT, AT)[:-1])
    for bit in range(len(signature.blob) * 8):
        blob = bytearray(signature.blob)
        blob[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            OPERATOR.verify_signature(TEXT, bytes(blob))
    for blob_ in (b"", signature.blob[:-1], signature.blob + b"\x00"):
        with pytest.raises(SignatureError):
            OPERATOR.verify_signature(TEXT, blob_)


def test_cosignature_is_refused_when_its_time_cannot_be_told() -> None:
    seconds = 1 << 62
    key = Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))
    message = f"cosignature/v1\ntime {seconds}\n{TEXT}".encode()
    with pytest.raises(SignatureError, match="9999"):
        OPERATOR.verify_signature(TEXT, seconds.to_bytes(8) + key.sign(message))


@pytest.mark.parametrize("at", [datetime(2026, 3, 1), datetime(1969, 1, 1, tzinfo=UTC)])  # noqa: DTZ001  a naive instant is what has to be refused
def test_cosigning_is_refused_when_the_time_is_naive_or_before_1970(at: datetime) -> None:
    with pytest.raises(ValueError, match="no time"):
        COSIGNER.cosign(TEXT, at)


def test_a_log_signature_never_passes_as_a_cosignature_when_keys_are_the_same() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
    same = Cosigner(ORIGIN, key)
    assert same.key_id != SIGNER.key_id
    note = Note(TEXT, (parse_signature_line(SIGNER.sign(TEXT)[:-1]),))
    with pytest.raises(SignatureError):
        CosignatureVerifier(same.vkey).verify(note)
