"""Each award of which there is doubt, judged by its issuer's accreditations as they stand at the end of the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anchoring.entry import parse_entry
from api.audit.accreditation import entitled
from api.audit.finding import Finding, Findings
from api.audit.history import AwardHistory
from api.audit.replay import Replay
from ledger.credential import Credential
from ledger.event import EventMapper
from projections.directory_record import Entitlement


def judge_entitlements(replay: Replay, history: AwardHistory, mapper: EventMapper, findings: Findings) -> list[Finding]:
    """Object to every award that its issuer was not entitled to make when it was made, or when it was recorded.

    Returns:
        Notices: the institutions that were never accredited at all.
    """
    institutions = list(replay.registry.institutions.values())
    known = {one.id: one for one in institutions}
    for index in _ordered(replay.days.doubtful(institutions, replay.registry.subject)):
        entry = parse_entry(history.entry(index))
        if entry.topic != Credential.Issued.TOPIC:
            continue
        body = mapper.decode(entry.topic, entry.body, f"at {index}")
        assert isinstance(body, Credential.Issued)  # noqa: S101  the mapper goes by the topic
        institution = known.get(body.institution)
        if institution is None or not institution.accreditations:
            continue
        subject = replay.registry.subject((body.achievement.bytes, body.edition))
        for day, moment in (("awarded", body.valid_from), ("recorded", body.recorded_at)):
            found = entitled(institution, subject, moment)
            if found != "entitled":
                _object(findings, index, found, institution.slug, f"when this was {day}, {moment:%Y-%m-%d}")
                break
    return [
        Finding(
            code="never-accredited",
            where=one.slug,
            what=f"{one.name} has made {awards:,} awards and no accreditation of it was ever entered",
        )
        for one, awards in replay.days.never(institutions)
    ]


def _object(findings: Findings, index: int, found: Entitlement, slug: str, when: str) -> None:
    """Object to an award that its issuer was not entitled to make, or of which there is no telling."""
    if found == "unaccredited":
        findings.object(index, "issuer-not-accredited", f"{slug} had no accreditation in force {when}")
    elif found == "outside":
        what = f"{slug} was accredited, and for awards of another level, field, kind or country, {when}"
        findings.object(index, "issuer-not-entitled", what)
    else:
        what = f"{slug} was accredited within limits to what the achievement does not state, {when}"
        findings.object(index, "entitlement-unclear", what)


def _ordered(parts: Sequence[range]) -> Iterator[int]:
    """Yield every index of *parts* once, in order."""
    done = 0
    for part in sorted(parts, key=lambda one: one.start):
        yield from range(max(part.start, done), part.stop)
        done = max(done, part.stop)
