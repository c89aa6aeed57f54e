import random
from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest

from ledger.credential import Credential
from ledger.event import Event
from ledger.unpacking import Unpacking
from projections.credential_status import CredentialFacts, CredentialStatus, StatusEvent, parse_facts
from projections.error import CorruptionError
from projections.short_row import NO_END, SEPARATOR, TOUCHED, mark_of, short_key, touched_after
from projections.table import MemoryTable
from tests.projections.history import (
    MAPPER,
    History,
    damaged,
    day,
    issued,
    reinstated,
    reissued,
    revoked,
    suspended,
    varied_history,
)

INSTITUTION = UUID(int=1)
CREDENTIAL = UUID("0190a3c1-d2e3-8f4a-a6f1-c0ffee123456")

GOLDEN = (
    b'{"institution":"00000000-0000-0000-0000-000000000001","achievement":"00000000-0000-0000-0000-00000000004d",'
    b'"edition":1,"key_id":"key-1","commitments":{"vc+jcs":"' + b"ab" * 32 + b'"},"status_block":3,"status_index":9,'
    b'"valid_from":"2026-01-02T00:00:00Z","valid_until":null,"recorded_at":"2026-01-02T00:00:00Z","events":['
    b'{"kind":"issued","reason":null,"effective_at":"2026-01-02T00:00:00Z","recorded_at":"2026-01-02T00:00:00Z",'
    b'"position":1},'
    b'{"kind":"suspended","reason":"under_review","effective_at":"2026-01-03T00:00:00Z",'
    b'"recorded_at":"2026-01-03T00:00:00Z","position":2},'
    b'{"kind":"reinstated","reason":null,"effective_at":"2026-01-04T00:00:00Z","recorded_at":"2026-01-04T00:00:00Z",'
    b'"position":3},'
    b'{"kind":"revoked","reason":"incorrect_data","effective_at":"2026-01-02T12:00:00Z",'
    b'"recorded_at":"2026-01-05T00:00:00Z","position":4}]}'
)

_SIGNED = issued(INSTITUTION)
OWN = Credential.Attested(
    institution=INSTITUTION,
    key_id="key-1",
    commitments=_SIGNED.commitments,
    status_block=0,
    status_index=0,
    valid_from=day(2),
    valid_until=None,
    recorded_at=day(2),
)
PART = Credential.Parted(institution=INSTITUTION, status_block=0, status_index=0, recorded_at=day(2))
UNPACKING = Unpacking.Made(
    institution=INSTITUTION,
    programme=UUID(int=3),
    edition=1,
    key_id="key-1",
    whole="ab" * 32,
    leaves=2,
    root="cd" * 32,
    status_block=0,
    status_index=0,
    recorded_at=day(2),
)


def fold(history: History) -> MemoryTable:
    table = MemoryTable()
    CredentialStatus(MAPPER).apply(history.events, table)
    return table


def test_credential_status_stores_these_very_bytes_when_an_award_has_a_whole_history() -> None:
    history = History()
    history.add(CREDENTIAL, issued(INSTITUTION, 3, 9, at=day(2)), suspended(day(3)), reinstated(day(4)))
    history.add(CREDENTIAL, revoked(day(2.5), recorded=day(5)))
    assert fold(history).items() == [
        (CREDENTIAL.bytes, GOLDEN),
        (short_key(CREDENTIAL.bytes), b""),
        (b"\xff" * 16 + b"touched", bytes([0, 0, 0, 0, 0, 0, 0, 3]) + b"\x56" * 3),
    ]
    assert msgspec.json.encode(parse_facts(GOLDEN)) == GOLDEN


@pytest.mark.parametrize("valid_until", [None, day(90)])
def test_credential_status_stores_these_very_facts_when_an_award_is_issued(valid_until: datetime | None) -> None:
    odd = {"vc+jcs": "ab" * 32, 'vc+\u2028"\\/é😀': "cd" * 32}
    body = msgspec.structs.replace(
        issued(INSTITUTION, 3, 9, at=day(2)),
        commitments=odd,
        key_id='k"é\n',
        valid_from=day(-3),
        valid_until=valid_until,
    )
    history = History()
    history.add(CREDENTIAL, body)
    stored = fold(history).get(CREDENTIAL.bytes) or b""
    event = StatusEvent("issued", None, day(-3), day(2), 1)
    members = {name: getattr(body, name) for name in body.__struct_fields__}
    assert parse_facts(stored) == CredentialFacts(**members, events=(event,))
    assert msgspec.json.encode(parse_facts(stored)) == stored


def test_credential_status_keeps_every_signature_when_an_award_is_signed_anew() -> None:
    history = History()
    history.add(CREDENTIAL, issued(INSTITUTION, 3, 9, at=day(2)), suspended(day(3)), reissued(day(4)))
    stored = fold(history).get(CREDENTIAL.bytes) or b""
    facts = parse_facts(stored)
    assert [(one.key_id, one.position) for one in facts.signings] == [("key-1", 1), ("key-2", 3)]
    assert facts.signings[1].commitments == {"vc+jcs": "12" * 32}
    assert [event.kind for event in facts.events] == ["issued", "suspended", "reissued"]
    assert (facts.key_id, facts.recorded_at) == ("key-1", day(2))
    assert msgspec.json.encode(facts) == stored


def test_credential_status_refuses_when_an_award_is_issued_twice() -> None:
    history = History()
    history.add(CREDENTIAL, issued(INSTITUTION), issued(INSTITUTION, index=1))
    with pytest.raises(CorruptionError, match=r"at position 2: this credential was issued before"):
        fold(history)


def test_credential_status_refuses_when_an_award_changes_that_was_never_issued() -> None:
    history = History()
    history.add(CREDENTIAL, revoked(day(3)))
    with pytest.raises(CorruptionError, match="never issued"):
        fold(history)


def test_credential_status_names_the_event_when_its_bytes_are_not_an_event() -> None:
    history = History()
    history.add(CREDENTIAL, issued(INSTITUTION), revoked(day(3)))
    history.events[1] = damaged(history.events[1])
    with pytest.raises(
        CorruptionError, match=rf"event at position 2 \(credential\.revoked\.v1\) .*version 2 of {CREDENTIAL}"
    ):
        fold(history)


def test_credential_status_passes_over_unread_when_a_topic_is_not_its_own() -> None:
    history = History()
    history.add(CREDENTIAL, issued(INSTITUTION))
    history.events.append(
        msgspec.structs.replace(history.events[0], position=2, topic="weather.changed.v1", state=b"?")
    )
    assert [key for key, _ in fold(history).items()] == [CREDENTIAL.bytes, short_key(CREDENTIAL.bytes)]


def test_award_to_which_nothing_has_happened_has_this_very_short_row_beside_its_row() -> None:
    history = History()
    body = msgspec.structs.replace(issued(INSTITUTION, at=day(2)), valid_until=day(9.5))
    history.add(CREDENTIAL, body)
    kind = b64encode(sha256(GOLDEN.partition(b',"commitments"')[0]).digest()[:18])
    assert fold(history).get(short_key(CREDENTIAL.bytes)) == (
        kind + b",2026-01-02T00:00:00Z,2026-01-02T00:00:00Z,1,2026-01-09T12:00:00Z"
    )


@pytest.mark.parametrize("seed", range(20))
def test_there_is_a_short_row_of_just_those_awards_to_which_nothing_has_happened(seed: int) -> None:
    table = fold(varied_history(seed, 200))
    rows = {key: row for key, row in table.items() if len(key) == 16}
    shorts = {key[16:]: row for key, row in table.items() if len(key) == 32}
    assert rows.keys() == shorts.keys()
    for key, row in rows.items():
        facts = parse_facts(row)
        assert msgspec.json.encode(facts) == row
        assert bool(shorts[key]) == (len(facts.events) == 1)
        if shorts[key]:
            [event] = facts.events
            _, begins, recorded, position, until = shorts[key].split(SEPARATOR)
            told = {"effective_at": begins.decode(), "recorded_at": recorded.decode(), "position": int(position)}
            assert msgspec.to_builtins(event) == {"kind": "issued", "reason": None, **told}
            assert msgspec.to_builtins(facts.valid_from) == begins.decode()
            assert msgspec.to_builtins(facts.valid_until) == (None if until == NO_END else until.decode())
    assert any(shorts.values())
    assert not all(shorts.values())


@pytest.mark.parametrize("birth", [OWN, PART, UNPACKING], ids=["own making", "part", "unpacking"])
def test_what_is_no_award_by_an_achievement_has_no_short_row(birth: Event) -> None:
    history = History()
    history.add(CREDENTIAL, birth)
    assert [key for key, _ in fold(history).items()] == [CREDENTIAL.bytes]


@pytest.mark.parametrize("seed", range(20))
def test_view_tells_of_every_award_that_is_touched_however_events_are_cut_into_batches(seed: int) -> None:
    history, chosen = varied_history(seed, 200), random.Random(seed)
    shown, table, told = CredentialStatus(MAPPER), MemoryTable(), 0
    events = list(history.events)
    while events:
        before = {key: row for key, row in table.items() if len(key) == 32}
        batch = [events.pop(0) for _ in range(min(len(events), chosen.randrange(1, 20)))]
        shown.apply(batch, table)
        told, marks = touched_after(table.get(TOUCHED), told)
        assert marks is not None
        changed = [key for key, row in before.items() if table.get(key) != row]
        assert {mark_of(key) for key in changed} <= set(marks)
    assert table.items() == fold(history).items()
    assert told > 0
