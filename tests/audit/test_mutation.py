"""One fraud in each log, by an operator who has the keys: each is found, at its entry, and named for what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.anchor_record import AnchorRecord
from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import Cosigner
from anchoring.entry import Entry, parse_entry
from api.audit.replay import Replay
from ledger.achievement import Achievement
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id, make_public_id
from ledger.event import DomainEvent, Event
from ledger.institution import Institution
from ledger.limit import Limits
from ledger.log_key import LOG_KEYS_ID, LogKeys
from ledger.reason import Reason
from tests.audit.made_log import (
    COSIGNER,
    LogMaker,
    audit,
    bodies,
    found,
    framed,
    later,
    made_log,
    quick_findings,
    sample_events,
    slow_findings,
)
from tests.ledger.full_award import DETAILS

Change = Callable[[LogMaker], int]


def _state(maker: LogMaker) -> Replay:
    return maker._replay


def _last_award(maker: LogMaker) -> DomainEvent:
    state = _state(maker)
    for _, entry in reversed(list(bodies(maker.entries, "credential.issued.v1"))):
        if entry.originator.bytes not in state.changed:
            return DomainEvent(entry.originator, 1, state._mapper.decode(entry.topic, entry.body, "here"))
    raise AssertionError


def _award(maker: LogMaker, seconds: float = 1, changes: Mapping[str, object] | None = None) -> DomainEvent:
    """A further award that is like the last one and legal, but for *changes*."""
    body = _last_award(maker).body
    assert isinstance(body, Credential.Issued)
    institution = _state(maker).registry.institutions[body.institution.bytes]
    free = next(
        n for n in range(131_072) if _state(maker).places.trouble(body.status_block, n, body.institution.bytes) is None
    )
    at = later(seconds)
    members = {name: getattr(body, name) for name in body.__struct_fields__}
    members |= {"key_id": institution.keys[-1].key_id, "status_index": free, "recorded_at": at, **(changes or {})}
    issued = Credential.Issued(**members)
    identity = credential_aggregate_id(make_public_id(issued.recorded_at, uuid4().bytes))
    return DomainEvent(identity, 1, issued)


def _added(maker: LogMaker, *events: DomainEvent) -> int:
    index = maker.add(*map(framed, events))
    maker.commit()
    return index


def _revoked_twice(maker: LogMaker) -> int:
    award = _last_award(maker)
    revoked = Credential.Revoked(reason=Reason.OTHER, effective_at=later(), note=None, recorded_at=later())
    return _added(maker, DomainEvent(award.originator_id, 2, revoked), DomainEvent(award.originator_id, 3, revoked))


def _reinstated_while_active(maker: LogMaker) -> int:
    body = Credential.Reinstated(effective_at=later(), recorded_at=later())
    return _added(maker, DomainEvent(_last_award(maker).originator_id, 2, body))


def _revoked_before_it_began(maker: LogMaker) -> int:
    award = _last_award(maker)
    assert isinstance(award.body, Credential.Issued)
    early = award.body.valid_from - timedelta(days=1)
    body = Credential.Revoked(reason=Reason.OTHER, effective_at=early, note=None, recorded_at=later())
    return _added(maker, DomainEvent(award.originator_id, 2, body))


def _change_of_nothing(maker: LogMaker) -> int:
    body = Credential.Revoked(reason=Reason.OTHER, effective_at=later(), note=None, recorded_at=later())
    return _added(maker, DomainEvent(uuid4(), 2, body))


def _version_left_out(maker: LogMaker) -> int:
    body = Credential.Revoked(reason=Reason.OTHER, effective_at=later(), note=None, recorded_at=later())
    return _added(maker, DomainEvent(_last_award(maker).originator_id, 3, body))


def _key_of_its_own_choice(maker: LogMaker) -> int:
    school = next(iter(_state(maker).registry.institutions.values()))
    body = Institution.KeyRotated(
        key_id="key-9", key_multibase="z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH",
        retired_key_id=school.keys[-1].key_id, effective_at=later(), recorded_at=later(),
    )  # fmt: skip
    return _added(maker, DomainEvent(school.id, school.version + 1, body))


def _edition_out_of_turn(maker: LogMaker) -> int:
    offer = next(iter(_state(maker).registry.achievements.values()))
    body = Achievement.Revised(
        institution=offer.institution, code=offer.code, edition=9, template=offer.editions[-1], recorded_at=later()
    )
    return _added(maker, DomainEvent(offer.id, offer.version + 1, body))


def _same_submission(maker: LogMaker) -> int:
    _, entry = next(bodies(maker.entries, "submission.accepted.v1"))
    index = maker.add(entry.encode())
    maker.commit()
    return index


@pytest.mark.parametrize(
    "change",
    [
        _revoked_twice,
        _reinstated_while_active,
        _revoked_before_it_began,
        _change_of_nothing,
        _version_left_out,
        _key_of_its_own_choice,
        _edition_out_of_turn,
    ],
)
def test_audit_names_the_entry_when_a_transition_is_illegal(tmp_path: Path, change: Change) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(change(maker)))
    assert set(found(audit(log))) == {("transition-illegal", at[0])}
    assert quick_findings(log) == slow_findings(log)


def test_audit_names_the_entry_when_a_submission_comes_twice(tmp_path: Path) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(_same_submission(maker)))
    # Its instant runs back as well, if the log has gone on long enough since.
    assert ("transition-illegal", at[0]) in found(audit(log))


@pytest.mark.parametrize(
    "code, changes",
    [
        ("award-impossible", {"institution": UUID(int=5)}),
        ("award-impossible", {"achievement": UUID(int=5)}),
        ("award-impossible", {"edition": 99}),
        ("award-impossible", {"valid_from": later(86_400)}),
        ("award-impossible", {"commitments": {}}),
        ("key-not-in-force", {"key_id": "key-77"}),
        ("place-impossible", {"status_index": 131_072}),
        ("place-impossible", {"status_block": 5_000_000}),
    ],
)
def test_audit_names_the_entry_when_an_award_could_not_be_made(
    tmp_path: Path, code: str, changes: dict[str, object]
) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(_added(maker, _award(maker, 1, changes))))
    assert (code, at[0]) in found(audit(log))
    assert quick_findings(log) == slow_findings(log)


def test_audit_finds_nothing_when_a_further_award_is_legal(tmp_path: Path) -> None:
    log = made_log(tmp_path / "log", lambda maker: (_added(maker, _award(maker)), None)[1])
    assert found(audit(log)) == []


def _rotated_and_signed_anew(maker: LogMaker, key_id: str | None) -> int:
    award = _last_award(maker)
    assert isinstance(award.body, Credential.Issued)
    school = _state(maker).registry.institutions[award.body.institution.bytes]
    [event] = school.rotate_key(key_multibase="z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH", at=later(-60))
    assert isinstance(event.body, Institution.KeyRotated)
    maker.add(framed(event))
    body = Credential.Reissued(
        key_id=key_id or event.body.key_id, commitments={"vc+jcs": "ab" * 32}, recorded_at=later()
    )
    return _added(maker, DomainEvent(award.originator_id, 2, body))


@pytest.mark.parametrize("key_id, codes", [(None, set[str]()), ("key-1", {"key-not-in-force", "transition-illegal"})])
def test_audit_names_the_entry_when_an_award_is_signed_anew_with_another_key_than_the_one_in_force(
    tmp_path: Path, key_id: str | None, codes: set[str]
) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(_rotated_and_signed_anew(maker, key_id)), 130)
    assert set(found(audit(log))) == {(code, at[0]) for code in codes}
    assert quick_findings(log) == slow_findings(log)


def _offered_and_added(maker: LogMaker, changes: Mapping[str, object]) -> int:
    """An institution offers forms, publishes an edition in detail, and adds two forms to an award."""
    award = _last_award(maker)
    assert isinstance(award.body, Credential.Issued)
    state = _state(maker)
    school = state.registry.institutions[award.body.institution.bytes]
    [chosen] = school.choose_forms(forms=["vc-jwt", "elm"], at=later(-60))
    offer = state.registry.achievements[award.body.achievement.bytes]
    [edition] = offer.revise(template=offer.editions[-1], details=DETAILS, at=later(-50))
    key_id = school.keys[-1].key_id
    first = Credential.FormAdded(key_id=key_id, commitments={"elm": "ab" * 32}, recorded_at=later(-40))
    members: dict[str, Any] = {
        "key_id": key_id,
        "commitments": {"vc+jwt": "cd" * 32},
        "recorded_at": later(),
        **changes,
    }
    _added(maker, chosen, edition, DomainEvent(award.originator_id, 2, first))
    return _added(maker, DomainEvent(award.originator_id, 3, Credential.FormAdded(**members)))


@pytest.mark.parametrize(
    "changes, codes",
    [
        ({}, set[str]()),
        ({"commitments": {"elm": "cd" * 32}}, {"transition-illegal"}),
        ({"commitments": {"vc+jcs": "cd" * 32}}, {"transition-illegal"}),
        ({"commitments": {}}, {"transition-illegal"}),
        ({"key_id": "key-77"}, {"key-not-in-force"}),
    ],
)
def test_audit_names_the_entry_when_a_form_could_not_be_added(
    tmp_path: Path, changes: dict[str, object], codes: set[str]
) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(_offered_and_added(maker, changes)), 130)
    assert set(found(audit(log))) == {(code, at[0]) for code in codes}
    assert quick_findings(log) == slow_findings(log)


def test_audit_names_the_entry_when_forms_are_offered_that_cannot_be_signed(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        school = next(iter(_state(maker).registry.institutions.values()))
        body = Institution.FormsChosen(forms=("vc-jwt-es256",), recorded_at=later())
        at.append(_added(maker, DomainEvent(school.id, school.version + 1, body)))

    log = made_log(tmp_path / "log", change, 130)
    assert found(audit(log)) == [("transition-illegal", at[0])]


def test_audit_names_the_entry_when_a_place_is_used_twice(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        body = _last_award(maker).body
        assert isinstance(body, Credential.Issued)
        place = {"status_block": body.status_block, "status_index": body.status_index}
        at.append(_added(maker, _award(maker, 1, place)))

    log = made_log(tmp_path / "log", change)
    assert found(audit(log)) == [("place-impossible", at[0])]
    assert quick_findings(log) == slow_findings(log)


def test_audit_names_the_entry_when_an_award_is_issued_twice(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        one = _award(maker)
        maker.add(framed(one))
        at.append(_added(maker, DomainEvent(one.originator_id, 1, _award(maker).body)))

    log = made_log(tmp_path / "log", change)
    assert found(audit(log)) == [("transition-illegal", at[0])]
    assert quick_findings(log) == slow_findings(log)


def test_audit_names_the_entry_when_it_is_dated_back(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        maker.add(framed(_award(maker, 86_400)))
        at.append(_added(maker, _award(maker, 60)))

    log = made_log(tmp_path / "log", change)
    assert found(audit(log)) == [("recorded-back", at[0])]
    assert quick_findings(log) == slow_findings(log)


def test_audit_names_the_award_when_its_issuer_was_not_accredited_that_day(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        award = _award(maker)
        assert isinstance(award.body, Credential.Issued)
        school = _state(maker).registry.institutions[award.body.institution.bytes]
        [event] = school.withdraw_accreditation(
            accreditation_id="accreditation-1", reason=Reason.OTHER, effective_at=later(-60), at=later(-30)
        )
        maker.add(framed(event))
        at.append(_added(maker, award))

    log = made_log(tmp_path / "log", change)
    report = audit(log)
    assert found(report) == [("issuer-not-accredited", at[0])]
    assert (report.differences, report.objections, report.verdict) == (0, 1, "0 differences, 1 objection")


@pytest.mark.parametrize(
    "limits, code",
    [
        (Limits(levels=(6,)), None),
        (Limits(levels=(7,)), "issuer-not-entitled"),
        (Limits(kinds=("degree",)), "issuer-not-entitled"),
        (Limits(fields=("06",)), "entitlement-unclear"),
    ],
)
def test_audit_names_the_award_when_the_accreditation_of_that_day_does_not_extend_to_it(
    tmp_path: Path, limits: Limits, code: str | None
) -> None:
    """The accreditation in words ends, and one with limits takes its place."""
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        award = _award(maker)
        assert isinstance(award.body, Credential.Issued)
        school = _state(maker).registry.institutions[award.body.institution.bytes]
        [event] = school.withdraw_accreditation(
            accreditation_id="accreditation-1", reason=Reason.OTHER, effective_at=later(-60), at=later(-30)
        )
        maker.add(framed(event))
        school = _state(maker).registry.institutions[award.body.institution.bytes]
        [event] = school.grant_accreditation(
            by="Agency", scope="Limited", valid_from=later(-60), valid_until=None, at=later(-20), limits=limits
        )
        maker.add(framed(event))
        at.append(_added(maker, award))

    report = audit(made_log(tmp_path / "log", change))
    assert found(report) == ([] if code is None else [(code, at[0])])
    assert (report.differences, report.objections) == (0, 0 if code is None else 1)


def test_audit_reports_and_does_not_fail_an_issuer_when_nobody_ever_accredited_it(tmp_path: Path) -> None:
    granted = "institution.accreditation_granted.v1"
    maker = LogMaker()
    maker.events(event for event in sample_events(400) if granted != event.body.TOPIC)
    log = LogMaker()
    versions: dict[UUID, int] = {}
    for entry in map(parse_entry, maker.entries):
        version = versions[entry.originator] = versions.get(entry.originator, 0) + 1
        log.add(Entry(entry.topic, entry.originator, version, entry.body).encode())
    log.commit()
    report = audit(log.write(tmp_path / "log"))
    assert found(report) == []
    assert {one.code for one in report.notices} == {"never-accredited"}


def test_audit_names_the_commitment_when_a_bit_is_set_that_no_event_explains(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        maker.add(framed(_award(maker)))
        places = maker.places()
        places.revocation.set_bit(0, 77, value=not places.revocation.bit(0, 77))
        at.append(maker.commit(places))

    report = audit(made_log(tmp_path / "log", change))
    assert found(report) == [("state-wrong", at[0])]
    assert "revocation_root" in report.findings[0].what


def test_audit_says_so_when_the_checkpoint_does_not_end_with_a_commitment(tmp_path: Path) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(maker.add(framed(_award(maker)))))
    assert found(audit(log)) == [("state-missing", at[0])]


def _anchor(maker: LogMaker, number: int, size: int, seconds: float, root: bytes | None = None) -> int:
    tree = LogMaker()
    tree.entries = maker.entries[:size]
    record = AnchorRecord(
        kind="rfc3161",
        name="tsa",
        checkpoint_size=size,
        checkpoint_root=root or tree.checkpoint().root,
        token_sha256=sha256(bytes([number])).digest(),
        time=later(seconds),
    )
    return maker.add(record.entry(number))


def _two_anchors(maker: LogMaker) -> int:
    size = len(maker.entries)
    _anchor(maker, 1, size - 1, 60)
    index = _anchor(maker, 2, size, 30)
    maker.commit()
    return index


def _anchor_left_out(maker: LogMaker) -> int:
    index = _anchor(maker, 2, len(maker.entries), 60)
    maker.commit()
    return index


def _anchor_before_its_entries(maker: LogMaker) -> int:
    maker.add(framed(_award(maker, 86_400)))
    size = maker.commit() + 1
    index = _anchor(maker, 1, size, 60)
    maker.commit()
    return index


def _anchor_of_the_future(maker: LogMaker) -> int:
    index = _anchor(maker, 1, len(maker.entries) + 50, 60, b"r" * 32)
    maker.commit()
    return index


@pytest.mark.parametrize("change", [_two_anchors, _anchor_left_out, _anchor_before_its_entries, _anchor_of_the_future])
def test_audit_names_the_anchor_when_it_is_out_of_order(tmp_path: Path, change: Change) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(change(maker)))
    assert found(audit(log)) == [("anchor-order", at[0])]


def test_audit_names_the_anchor_when_it_is_over_another_tree(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        at.append(_anchor(maker, 1, 300, 60, b"x" * 32))
        maker.commit()

    assert found(audit(made_log(tmp_path / "log", change))) == [("anchor-root", at[0])]


def test_audit_finds_nothing_when_anchors_are_in_order(tmp_path: Path) -> None:
    def change(maker: LogMaker) -> None:
        _anchor(maker, 1, 300, 60)
        _anchor(maker, 2, len(maker.entries), 90)
        maker.commit()

    report = audit(made_log(tmp_path / "log", change))
    assert (found(report), report.anchors) == ([], 2)


def test_audit_names_the_checkpoint_when_the_log_does_not_extend_it(tmp_path: Path) -> None:
    log = made_log(tmp_path / "log")
    same = Checkpoint("made.cairn.example/log", 350, b"f" * 32)
    report = audit(log, [("from-elsewhere", same)])
    assert [(one.code, one.where) for one in report.findings] == [("checkpoint-inconsistent", "from-elsewhere")]


def test_audit_counts_the_checkpoint_when_the_log_extends_it(tmp_path: Path) -> None:
    earlier: list[Checkpoint] = []

    def change(maker: LogMaker) -> None:
        earlier.append(maker.checkpoint())
        _added(maker, _award(maker))

    log = made_log(tmp_path / "log", change)
    report = audit(log, [("earlier", earlier[0])])
    assert (found(report), report.checkpoints) == ([], 1)


NEXT_OPERATOR = Cosigner("operator.example", Ed25519PrivateKey.from_private_bytes(bytes([9] * 32))).vkey


def _log_key(maker: LogMaker, version: int, body: Event) -> int:
    return maker.add(framed(DomainEvent(LOG_KEYS_ID, version, body)))


def _introduced(maker: LogMaker, previous: str, operator: str = NEXT_OPERATOR) -> int:
    vkeys = {"log": "second", "operator": operator}
    body = LogKeys.Introduced(
        generation=2, vkeys=vkeys, previous={"log": "first", "operator": previous}, recorded_at=later()
    )
    return _log_key(maker, 1, body)


def test_audit_finds_nothing_when_the_log_changes_its_keys(tmp_path: Path) -> None:
    def change(maker: LogMaker) -> None:
        _introduced(maker, maker.cosigner)
        maker.cosigner = NEXT_OPERATOR
        maker.commit()
        first = {"log": "first", "operator": COSIGNER.vkey}
        _log_key(maker, 2, LogKeys.Retired(generation=1, vkeys=first, recorded_at=later(2)))
        stolen = LogKeys.Compromised(generation=1, vkeys=first, compromised_at=later(1), recorded_at=later(3))
        _log_key(maker, 3, stolen)
        maker.commit()

    assert found(audit(made_log(tmp_path / "log", change))) == []


def _other_cosigner(maker: LogMaker) -> int:
    """The operator's key changes, and no event says so."""
    maker.cosigner = NEXT_OPERATOR
    return maker.commit()


def _old_cosigner(maker: LogMaker) -> int:
    """The event says that the operator's key changes, and it does not."""
    _introduced(maker, maker.cosigner)
    return maker.commit()


def _other_previous(maker: LogMaker) -> int:
    """The new keys follow on keys that the log never had."""
    index = _introduced(maker, NEXT_OPERATOR)
    maker.cosigner = NEXT_OPERATOR
    maker.commit()
    return index


def _retired_in_use(maker: LogMaker) -> int:
    """The only keys are taken out of use."""
    index = _log_key(maker, 1, LogKeys.Retired(generation=1, vkeys={"log": "first"}, recorded_at=later()))
    maker.commit()
    return index


@pytest.mark.parametrize(
    "change, code",
    [
        (_other_cosigner, "state-wrong"),
        (_old_cosigner, "state-wrong"),
        (_other_previous, "log-key-unknown"),
        (_retired_in_use, "transition-illegal"),
    ],
)
def test_audit_names_the_entry_when_the_logs_keys_do_not_follow(tmp_path: Path, change: Change, code: str) -> None:
    at: list[int] = []
    log = made_log(tmp_path / "log", lambda maker: at.append(change(maker)))
    assert found(audit(log)) == [(code, at[0])]
