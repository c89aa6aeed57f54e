from pathlib import Path
from uuid import UUID

import pytest
from openvc.did.base import parse_did_document

from anchoring.tree import leaf_hash
from ledger.institution import Institution
from ledger.limit import Limits
from ledger.reason import Reason
from projections.directory_record import did_document, encode_record, parse_record
from projections.error import CorruptionError
from projections.institution_directory import DirectoryReader, InstitutionDirectory
from projections.table import MemoryTable
from tests.projections.history import MAPPER, MULTIBASE, History, day, registered
from verifier.directory import Limits as VerifierLimits
from verifier.directory import parse_record as verifier_parse_record

FIRST, SECOND = UUID(int=1), UUID(int=2)
OTHER_MULTIBASE = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
GOLDEN = (
    b'{"accreditations":[{"accreditation_id":"accreditation-1","by":"Ministry of Education","scope":"EQF 5-7",'
    b'"valid_from":"2026-01-02T00:00:00Z","valid_until":null,"withdrawn_at":"2026-01-20T00:00:00Z"}],'
    b'"country":"EE","did":"did:web:ledger.example:institutions:tartu",'
    b'"institution":"00000000-0000-0000-0000-000000000001",'
    b'"keys":[{"compromised_at":"2026-01-04T00:00:00Z","key_id":"key-1","multibase":"' + MULTIBASE.encode() + b'",'
    b'"retired_at":"2026-01-05T06:00:00.250000Z","revoked_at":"2026-01-06T00:00:00Z",'
    b'"valid_from":"2026-01-01T00:00:00Z"},'
    b'{"compromised_at":null,"key_id":"key-2","multibase":"' + OTHER_MULTIBASE.encode() + b'","retired_at":null,'
    b'"revoked_at":null,"valid_from":"2026-01-05T06:00:00.250000Z"}],'
    b'"kind":"university","name":"University of tartu","number":0,"registered_at":"2026-01-01T00:00:00Z",'
    b'"slug":"tartu"}'
)


def eventful() -> History:
    """One institution to which everything happened, and a second one."""
    rotated_at = day(5.25).replace(microsecond=250_000)
    history = History()
    history.add(
        FIRST,
        registered("tartu"),
        Institution.AccreditationGranted(
            accreditation_id="accreditation-1",
            by="Ministry of Education",
            scope="EQF 5-7",
            valid_from=day(2),
            valid_until=None,
            recorded_at=day(3),
        ),
        Institution.KeyRotated(
            key_id="key-2",
            key_multibase=OTHER_MULTIBASE,
            retired_key_id="key-1",
            effective_at=rotated_at,
            recorded_at=rotated_at,
        ),
        Institution.KeyRevoked(key_id="key-1", reason=Reason.KEY_COMPROMISE, effective_at=day(6), recorded_at=day(6)),
        Institution.KeyCompromised(key_id="key-1", compromised_at=day(3), recorded_at=day(7)),
        Institution.KeyCompromised(key_id="key-1", compromised_at=day(4), recorded_at=day(8)),
        Institution.AccreditationWithdrawn(
            accreditation_id="accreditation-1", reason=Reason.OTHER, effective_at=day(20), recorded_at=day(21)
        ),
    )
    history.add(SECOND, registered("narva", day(9)))
    return history


def read(history: History) -> DirectoryReader:
    table = MemoryTable()
    InstitutionDirectory(MAPPER).apply(history.events, table)
    return DirectoryReader(table)


def test_directory_stores_these_very_bytes_when_everything_happened_to_an_institution() -> None:
    assert read(eventful()).record(0) == GOLDEN
    assert encode_record(parse_record(GOLDEN)) == GOLDEN


def test_directory_finds_the_same_record_when_asked_by_number_id_slug_or_did() -> None:
    directory = read(eventful())
    found = directory.by_id(SECOND)
    assert found is not None
    assert (found.number, found.slug) == (1, "narva")
    assert found == directory.by_slug("narva") == directory.by_did("did:web:ledger.example:institutions:narva")
    assert directory.record(1) == encode_record(found)


@pytest.mark.parametrize(
    "known, compromised, keys",
    [(1, None, 1), (6.99, None, 2), (7, 3, 2), (7.99, 3, 2), (8, 4, 2), (99, 4, 2)],
)
def test_directory_knows_what_was_known_then_when_a_date_was_moved(
    known: float, compromised: float | None, keys: int
) -> None:
    table = MemoryTable()
    InstitutionDirectory(MAPPER).apply(eventful().events, table)
    record = DirectoryReader(table).known_at(FIRST, day(known))
    assert record is not None
    moved = None if compromised is None else day(compromised)
    assert (record.keys[0].compromised_at, len(record.keys)) == (moved, keys)


def test_directory_knows_nothing_when_asked_about_before_the_registration() -> None:
    table = MemoryTable()
    InstitutionDirectory(MAPPER).apply(eventful().events, table)
    assert DirectoryReader(table).known_at(FIRST, day(0.99)) is None
    assert DirectoryReader(table).known_at(UUID(int=9), day(99)) is None


def test_directory_finds_nothing_when_the_name_is_unknown() -> None:
    directory = read(eventful())
    assert directory.by_id(UUID(int=3)) is directory.by_slug("tart") is directory.by_did("did:web:x") is None
    assert directory.record(2) is None


def test_directory_pages_in_order_of_registration_when_listed() -> None:
    directory = read(eventful())
    assert len(directory) == 2
    assert [record.slug for record in directory.page()] == ["tartu", "narva"]
    assert [record.slug for record in directory.page(limit=1)] == ["tartu"]
    assert [record.slug for record in directory.page(after=0, limit=1)] == ["narva"]
    assert directory.page(after=1) == []


def test_directory_refuses_when_a_slug_is_registered_twice() -> None:
    history = eventful()
    history.add(UUID(int=3), registered("tartu"))
    with pytest.raises(CorruptionError, match="registered already"):
        read(history)


def test_directory_refuses_when_an_unknown_institution_changes() -> None:
    history = History()
    history.add(FIRST, Institution.KeyCompromised(key_id="key-1", compromised_at=day(3), recorded_at=day(7)))
    with pytest.raises(CorruptionError, match="never registered"):
        read(history)


def test_did_document_is_accepted_by_openvc_when_keys_were_retired() -> None:
    record = read(eventful()).by_id(FIRST)
    assert record is not None
    document = parse_did_document(did_document(record))
    assert document.id == record.did
    assert [method.id for method in document.verification_methods] == [f"{record.did}#key-1", f"{record.did}#key-2"]
    assert {method.type for method in document.verification_methods} == {"Multikey"}
    assert [method.public_key_jwk["crv"] for method in document.verification_methods] == ["Ed25519", "Ed25519"]
    assert list(document.relationships["assertionMethod"]) == [f"{record.did}#key-2"]


def test_did_document_lets_retired_keys_assert_when_asked_but_never_compromised_ones() -> None:
    history = History()
    rotations = [
        Institution.KeyRotated(
            key_id=f"key-{number}",
            key_multibase=MULTIBASE,
            retired_key_id=f"key-{number - 1}",
            effective_at=day(number),
            recorded_at=day(number),
        )
        for number in (2, 3)
    ]
    compromised = Institution.KeyCompromised(key_id="key-1", compromised_at=day(2), recorded_at=day(4))
    history.add(FIRST, registered("tartu"), *rotations, compromised)
    record = read(history).by_id(FIRST)
    assert record is not None
    assert did_document(record)["assertionMethod"] == [f"{record.did}#key-3"]
    lenient = did_document(record, retired_may_assert=True)
    assert lenient["assertionMethod"] == [f"{record.did}#key-2", f"{record.did}#key-3"]
    assert lenient["@context"] == ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]


def test_specification_shows_the_golden_record_and_its_leaf_hash_when_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "directory.md").read_text("utf-8")
    assert GOLDEN.decode() in page
    assert f"These {len(GOLDEN)} bytes" in page
    assert leaf_hash(GOLDEN).hex() in page


GOLDEN_OF_VERSION_2 = (
    b'{"accreditations":[{"accreditation_id":"accreditation-1","by":"Ministry of Education","limits":null,'
    b'"scope":"EQF 5-7","valid_from":"2026-01-02T00:00:00Z","valid_until":null,"withdrawn_at":null},'
    b'{"accreditation_id":"accreditation-2","by":"Quality Agency","limits":{"country":"EE","fields":["06","0541"],'
    b'"kinds":["micro_credential","certificate"],"levels":[5,6]},"scope":"Short courses in computing",'
    b'"valid_from":"2026-01-04T00:00:00Z","valid_until":"2026-12-31T00:00:00Z","withdrawn_at":null}],'
    b'"country":"EE","did":"did:web:ledger.example:institutions:tartu",'
    b'"institution":"00000000-0000-0000-0000-000000000001",'
    b'"keys":[{"compromised_at":null,"key_id":"key-1","multibase":"' + MULTIBASE.encode() + b'","retired_at":null,'
    b'"revoked_at":null,"valid_from":"2026-01-01T00:00:00Z"}],'
    b'"kind":"university","name":"University of tartu","number":0,"registered_at":"2026-01-01T00:00:00Z",'
    b'"slug":"tartu","version":2}'
)


def limited() -> History:
    """An institution with an accreditation in words, and one with limits after it."""
    history = History()
    history.add(
        FIRST,
        registered("tartu"),
        Institution.AccreditationGranted(
            accreditation_id="accreditation-1",
            by="Ministry of Education",
            scope="EQF 5-7",
            valid_from=day(2),
            valid_until=None,
            recorded_at=day(3),
        ),
        Institution.AccreditationGrantedWithin(
            accreditation_id="accreditation-2",
            by="Quality Agency",
            scope="Short courses in computing",
            limits=Limits(
                levels=(5, 6), fields=("06", "0541"), kinds=("micro_credential", "certificate"), country="EE"
            ),
            valid_from=day(4),
            valid_until=day(365),
            recorded_at=day(4),
        ),
    )
    return history


def test_directory_stores_a_record_of_version_2_when_an_accreditation_has_limits() -> None:
    directory = read(limited())
    assert directory.record(0) == GOLDEN_OF_VERSION_2
    assert encode_record(parse_record(GOLDEN_OF_VERSION_2)) == GOLDEN_OF_VERSION_2
    known = directory.known_at(FIRST, day(3))
    assert known is not None
    assert b'"version"' not in encode_record(known)


def test_directory_keeps_version_2_when_the_institution_changes_afterwards() -> None:
    history = limited()
    history.add(
        FIRST,
        Institution.AccreditationWithdrawn(
            accreditation_id="accreditation-2", reason=Reason.OTHER, effective_at=day(20), recorded_at=day(21)
        ),
    )
    record = read(history).by_id(FIRST)
    assert record is not None
    assert [one.limits for one in record.accreditations] == [
        None,
        parse_record(GOLDEN_OF_VERSION_2).accreditations[1].limits,
    ]
    assert record.accreditations[1].withdrawn_at == day(20)


def test_verifier_reads_a_record_of_version_2_as_the_ledger_wrote_it() -> None:
    record = verifier_parse_record(GOLDEN_OF_VERSION_2)
    assert record.version == 2
    limits = record.accreditations[1].limits
    assert isinstance(limits, VerifierLimits)
    assert (limits.levels, limits.fields, limits.country) == ([5, 6], ["06", "0541"], "EE")


def test_specification_shows_the_golden_record_of_version_2_when_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "directory.md").read_text("utf-8")
    assert GOLDEN_OF_VERSION_2.decode() in page
    assert f"These {len(GOLDEN_OF_VERSION_2)} bytes" in page
