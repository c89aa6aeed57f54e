"""A state machine against a model of two lines: whatever is done, Credential and model agree."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.aggregate import fold
from ledger.credential import Credential
from ledger.error import RuleError
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper
from ledger.reason import Reason
from tests.ledger.scenario import IDENTITY
from tests.ledger.test_credential import ISSUED, T0, T1, Command

NEXT = {
    ("active", "suspend"): "suspended",
    ("suspended", "reinstate"): "active",
    ("active", "revoke"): "revoked",
    ("suspended", "revoke"): "revoked",
    ("active", "replace"): "replaced",
    ("suspended", "replace"): "replaced",
}
"""The model: which act leads from which state to which; all others are refused."""
DAYS = st.integers(min_value=-3, max_value=3)


class CredentialMachine(RuleBasedStateMachine):
    """Acts at random dates upon one award."""

    @initialize()
    def issue(self) -> None:
        self.history = [DomainEvent(IDENTITY, 1, ISSUED)]
        self.mapper = make_mapper()
        self.now, self.model, self.since = T1, "active", T0

    @property
    def credential(self) -> Credential:
        state = fold(Credential)(None, self.history)
        assert state is not None
        return state

    @rule(days=st.integers(min_value=0, max_value=5))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(days=DAYS, reason=st.sampled_from(Reason))
    def suspend(self, days: int, reason: Reason) -> None:
        when = self.now + timedelta(days=days)
        dated = self.since <= when <= self.now
        self.act("suspend", lambda c: c.suspend(reason=reason, effective_at=when, note=None, at=self.now), dated=dated)

    @rule(days=DAYS)
    def reinstate(self, days: int) -> None:
        when = self.now + timedelta(days=days)
        dated = self.since <= when <= self.now
        self.act("reinstate", lambda c: c.reinstate(effective_at=when, at=self.now), dated=dated)

    @rule(days=DAYS, reason=st.sampled_from(Reason))
    def revoke(self, days: int, reason: Reason) -> None:
        when = self.now + timedelta(days=days)
        dated = T0 <= when <= self.now
        self.act("revoke", lambda c: c.revoke(reason=reason, effective_at=when, note=None, at=self.now), dated=dated)

    @rule()
    def replace(self) -> None:
        command: Command = lambda c: c.replace(reason=Reason.SUPERSEDED, successor="ab" * 32, at=self.now)  # noqa: E731  one line says what the command does
        self.act("replace", command, dated=True)

    def act(self, name: str, command: Command, *, dated: bool) -> None:
        expected = NEXT.get((self.model, name)) if dated else None
        try:
            decided = list(command(self.credential))
        except RuleError:
            assert expected is None
            return
        assert expected is not None
        self.history += decided
        self.model, self.since = expected, self.credential.since

    @invariant()
    def agrees(self) -> None:
        assert self.credential.state == self.model
        assert self.credential.version == len(self.history)

    @invariant()
    def survives_storage(self) -> None:
        newest = self.history[-1]
        assert self.mapper.to_domain_event(self.mapper.to_stored_event(newest)) == newest


TestCredentialMachine = CredentialMachine.TestCase
