"""Batches: what is made of many claims at once is what is made of each by itself."""

from __future__ import annotations

import msgspec

from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential_id import credential_aggregate_id
from ledger.issuance import AT_ONCE
from ledger.vault import LEARNER_SQL, SEAL_SQL
from tests.ledger.world import OPERATOR, SLUG, World, claim


def test_rows_of_a_batch_are_in_the_order_of_their_keys(world: World) -> None:
    claims = [claim(f"Learner {number}", reference=f"S-{number % 30}") for number in range(50)]
    task = world.issuance.issuing(slug=SLUG, claims=claims, actor=OPERATOR)
    decision = task.decide(world.ledger.now())
    rows = {write.sql: [row[:2] for row in write.rows] for write in decision.writes}
    assert [len(rows[sql]) for sql in (LEARNER_SQL, SEAL_SQL)] == [30, 50]
    assert all(rows[sql] == sorted(rows[sql]) for sql in (LEARNER_SQL, SEAL_SQL))


def test_awards_of_a_batch_are_in_the_order_of_its_claims_when_it_is_made_in_pieces(world: World) -> None:
    claims = [
        claim(f"Learner {number}", reference=f"S-{number}" if number % 3 else None, grade=f"{number}")
        for number in range(2 * AT_ONCE + 3)
    ]
    heard: list[int] = []
    outcome = world.issuance.issue(slug=SLUG, claims=claims, actor=OPERATOR, told=heard.append)
    assert heard == list(range(1, len(claims) + 1))
    events = world.ledger.read(outcome.position - len(claims), len(claims))
    for claimed, public_id, made, event in zip(claims, outcome.answer, outcome.made, events, strict=True):
        award = credential_aggregate_id(public_id)
        kept = world.issuance.sealed_document(public_id)
        assert kept == made
        assert msgspec.msgpack.decode(kept.claim, type=type(claimed)) == claimed
        assert claimed.learner.name.encode() in kept.document
        assert event.originator_id == award
        issued = world.ledger.event_mapper.to_domain_event(event).body
        assert issued.commitments == {DOCUMENT_KIND: commit(award, DOCUMENT_KIND, kept.document, kept.salt)}
