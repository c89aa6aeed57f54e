"""When the anchors of a ledger are asked."""

from datetime import timedelta

import pytest

from anchoring.anchor_schedule import AnchorSchedule
from anchoring.cosigned_anchor import CosignedAnchor
from anchoring.evm import EvmAnchor
from api.anchor_setup import anchor_schedules


@pytest.mark.parametrize("chosen, kept", [(3600, 600), (600, 600), (60, 60)])
def test_witnesses_words_are_kept_every_ten_minutes_at_least(chosen: int, kept: int) -> None:
    chain = EvmAnchor("chain", lambda *_: None, chain_id=1, account="0x" + "11" * 20)
    witness = CosignedAnchor("witness", lambda _: pytest.fail("nobody is asked"))
    found = anchor_schedules([chain, witness], timedelta(seconds=chosen))
    assert found["chain"] == AnchorSchedule(interval=timedelta(seconds=chosen))
    assert found["witness"].interval == timedelta(seconds=kept)
    assert found["witness"].longest_retry == timedelta(minutes=1)
