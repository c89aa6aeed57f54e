"""Batches: what is made of many claims at once is what is made of each by itself."""

from __future__ import annotations

from ledger.vault import LEARNER_SQL, SEAL_SQL
from tests.ledger.world import OPERATOR, SLUG, World, claim


def test_rows_of_a_batch_are_in_the_order_of_their_keys(world: World) -> None:
    claims = [claim(f"Learner {number}", reference=f"S-{number % 30}") for number in range(50)]
    task = world.issuance.issuing(slug=SLUG, claims=claims, actor=OPERATOR)
    decision = task.decide(world.ledger.now())
    rows = {write.sql: [row[:2] for row in write.rows] for write in decision.writes}
    assert [len(rows[sql]) for sql in (LEARNER_SQL, SEAL_SQL)] == [30, 50]
    assert all(rows[sql] == sorted(rows[sql]) for sql in (LEARNER_SQL, SEAL_SQL))
