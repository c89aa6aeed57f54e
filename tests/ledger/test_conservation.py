"""Credits are conserved over any history of award, unpack, suspend, revoke, replace, held against a small model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import RuleError
from ledger.part import read_leaf
from ledger.reason import Reason
from ledger.separating import Completed, Separation
from ledger.spending import SpendingBook
from tests.ledger.diploma import CREDITS, DIPLOMA, PARTIAL, PROGRAMME, award, draft
from tests.ledger.world import OPERATOR, SLUG, TEMPLATE, World, claim, open_world, settle

MODULES: Final = 4
WORTH: Final = 3 * CREDITS
"""What the diploma is worth: one module fewer than there are, so that asking for all of them is asking for too much."""
ACTS: Final = ("award", "partial", "unpack", "suspend", "reinstate", "revoke", "replace", "revoke a part")


@dataclass
class Model:
    """What has to be true: which wholes there are, how they stand, and whether their parts hold."""

    states: dict[str, str] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)
    unpacked: dict[str, list[str]] = field(default_factory=dict)
    chosen: dict[str, frozenset[int]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def may_unpack(self, whole: str, modules: frozenset[int]) -> bool:
        """Whether the rules let *whole* be unpacked into *modules*; the first one is required of a diploma."""
        holds = self.states[whole] == "active" and whole not in self.unpacked
        return holds and 0 < len(modules) * CREDITS <= WORTH and (whole not in self.full or 1 in modules)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as directory:
        made = settle(open_world(Path(directory)))
        codes = {**{f"MOD-{n}": CREDITS for n in range(1, MODULES + 1)}, DIPLOMA: WORTH, PARTIAL: WORTH}
        for code, credits_centi in codes.items():
            template = msgspec.structs.replace(TEMPLATE, title=code, credits_centi=credits_centi)
            made.catalogue.publish(slug=SLUG, code=code, template=template, actor=OPERATOR)
        modules = draft(MODULES).modules
        elective = (modules[0], *(msgspec.structs.replace(module, required=False) for module in modules[1:]))
        asked = draft(MODULES, credits_centi=WORTH, modules=elective, withdrawal="revoke")
        made.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=asked, actor=OPERATOR)
        yield made
        made.close()


acts = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 3), st.frozensets(st.integers(1, MODULES), min_size=1)),
    min_size=3,
    max_size=9,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=acts)
def test_credits_are_conserved_over_any_history(world: World, history: list[tuple[str, int, frozenset[int]]]) -> None:
    model = Model()
    for act, which, modules in history:
        world.clock.advance(seconds=1)
        if act in {"award", "partial"}:
            made = award(world, DIPLOMA if act == "award" else PARTIAL)
            model.states[made] = "active"
            model.full |= {made} if act == "award" else set()
        elif model.states:
            _change(world, model, act, list(model.states)[which % len(model.states)], modules)
        _require_conserved(world, model)


def _change(world: World, model: Model, act: str, whole: str, modules: frozenset[int]) -> None:
    if act == "unpack":
        may = model.may_unpack(whole, modules)
        try:
            parts = _unpack(world, whole, modules)
        except RuleError:
            assert not may
        else:
            assert may
            model.unpacked[whole], model.chosen[whole] = parts, modules
    elif act == "revoke a part":
        for part in model.unpacked.get(whole, [])[:1]:
            is_over = part in model.revoked or model.states[whole] in {"revoked", "replaced"}
            with pytest.raises(RuleError) if is_over else nullcontext():
                world.lifecycle.revoke(public_id=part, reason=Reason.OTHER, actor=OPERATOR)
            model.revoked.add(part)
    elif act == "replace" and model.states[whole] in {"active", "suspended"}:
        again = claim(achievement=DIPLOMA if whole in model.full else PARTIAL)
        outcome = world.issuance.replace(public_id=whole, claim=again, reason=Reason.OTHER, actor=OPERATOR)
        model.states |= {whole: "replaced", outcome.answer[0]: "active"}
        model.full |= {outcome.answer[0]} if whole in model.full else set()
    elif act == "suspend" and model.states[whole] == "active":
        world.lifecycle.suspend(public_id=whole, reason=Reason.OTHER, actor=OPERATOR)
        model.states[whole] = "suspended"
    elif act == "reinstate" and model.states[whole] == "suspended":
        world.lifecycle.reinstate(public_id=whole, actor=OPERATOR)
        model.states[whole] = "active"
    elif act == "revoke" and model.states[whole] in {"active", "suspended"}:
        world.lifecycle.revoke(public_id=whole, reason=Reason.OTHER, actor=OPERATOR)
        model.states[whole] = "revoked"


def _unpack(world: World, whole: str, modules: frozenset[int]) -> list[str]:
    completed = tuple(Completed(module=f"M{n}", completed_on=date(2025, n, 1)) for n in sorted(modules))
    asked = Separation(diploma=whole, programme=PROGRAMME, completed=completed)
    answer = world.separating.unpack(slug=SLUG, asked=asked, actor=OPERATOR).answer
    return [part["id"] for part in answer["parts"]]


def _require_conserved(world: World, model: Model) -> None:
    book = SpendingBook(world.ledger.store)
    for whole, state in model.states.items():
        identity = credential_aggregate_id(whole)
        assert world.ledger.load(Credential, identity, "").state == state
        parts = model.unpacked.get(whole, [])
        kept = [world.parts.find(part) for part in parts]
        own = {one.opening.unpacking for one in kept if one is not None}
        found = [row for row in book.rows(identity) if row.kind == "unpacking"]
        rows = [row for row in found if row.stack in own]
        # A diploma that takes another's place has its acts of spending too. Those are over: it may be unpacked anew.
        assert all(row.released for row in found if row.stack not in own)
        assert len(rows) == (1 if parts else 0)
        assert all(row.released is (state in {"revoked", "replaced"}) for row in rows)
        leaves = [read_leaf(one.opening.leaf) for one in kept if one is not None]
        assert len(leaves) == len(parts)
        assert sum(leaf.credits_centi for leaf in leaves) <= WORTH
        assert len({leaf.achievement for leaf in leaves}) == len(leaves) == len(model.chosen.get(whole, ()))
        for row in rows:
            # The parts hold exactly as the diploma does: the policy is to revoke.
            due = "revoked" if state == "replaced" else state
            assert world.ledger.load(Credential, row.stack, "").state == due
