"""Commands on the log's own keys: bring new ones into use, take the old out of use, declare them stolen.

Private halves are secrets of the vault, one for each role and generation. New ones are durable before the event that
names them: a crash in between leaves secrets that the next attempt takes up. Old ones are deleted in the transaction
that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome
from ledger.error import NotFoundError
from ledger.event import Event
from ledger.log_key import FIRST_GENERATION, LOG_KEYS_ID, LogKeys
from ledger.store import Write
from ledger.vault import Vault

SECRETS = ("log-signing-key", "log-operator-key", "log-ml-dsa-44-key")
"""Names of the first generation's secrets; those of generation n end in ``-n``."""
MakeVkeys = Callable[[int], dict[str, str]]
"""Gives the verifier keys of a generation, by role, making its secrets when there are none."""


def secret_name(name: str, generation: int) -> str:
    """Name of a generation's secret."""
    return name if generation == FIRST_GENERATION else f"{name}-{generation}"


class LogKeeping:
    """Keeps the log's keys.

    Args:
        ledger: The event store.
        vault: Where the private halves are.
        vkeys: Gives the verifier keys of a generation.
    """

    def __init__(self, ledger: Ledger, vault: Vault, vkeys: MakeVkeys) -> None:
        self._ledger = ledger
        self._vault = vault
        self._vkeys = vkeys

    def keys(self) -> LogKeys:
        """Every generation of the log's keys."""
        try:
            return self._ledger.load(LogKeys, LOG_KEYS_ID, "such log key")
        except NotFoundError:
            return LogKeys.first(self._vkeys(FIRST_GENERATION))

    def rotate(self, *, actor: Actor) -> Outcome:
        """Make new keys and bring them into use beside those in use. The answer is their generation.

        Raises:
            ForbiddenError: The actor is not the operator.
            RuleError: The change before is not finished.
        """
        return self._carry_out(actor, "log.key.rotate", self._introduce)

    def retire(self, *, actor: Actor) -> Outcome:
        """Take the older keys out of use and destroy their private halves. The answer is their generation.

        Raises:
            ForbiddenError: The actor is not the operator.
            RuleError: No older keys are in use.
        """
        return self._carry_out(actor, "log.key.retire", lambda keys, now: keys.retire(at=now))

    def declare_compromised(self, *, generation: int | None, compromised_at: datetime, actor: Actor) -> Outcome:
        """Declare since when keys were in other hands. Keys in use are replaced and destroyed in the same transaction.

        Args:
            generation: Which; None for the newest.
            compromised_at: Since when; declared again, the date is moved.
            actor: Who declares.

        Raises:
            ForbiddenError: The actor is not the operator.
            NotFoundError: No such generation.
            RuleError: The date lies in the future.
        """

        def decide(keys: LogKeys, now: datetime) -> list[Event]:
            number = keys.newest.number if generation is None else generation
            bodies: list[Event] = []
            if keys.retiring is not None:
                bodies += keys.retire(at=now)
            if number == keys.newest.number:
                bodies += self._introduce(keys.after(bodies), now)
                bodies += keys.after(bodies).retire(at=now)
            state = keys.after(bodies)
            return [*bodies, *state.declare_compromised(number=number, compromised_at=compromised_at, at=now)]

        return self._carry_out(actor, "log.key.compromise", decide)

    def _introduce(self, keys: LogKeys, now: datetime) -> list[Event]:
        keys.require_settled()  # before any key is made
        return keys.introduce(vkeys=self._vkeys(keys.newest.number + 1), at=now)

    def _carry_out(self, actor: Actor, act: str, decide_bodies: Callable[[LogKeys, datetime], list[Event]]) -> Outcome:
        actor.require_operator()

        def decide(now: datetime) -> Decision:
            keys = self.keys()
            bodies = decide_bodies(keys, now)
            writes: list[Write] = [audit(actor, act, None, 1, now)]
            for body in bodies:
                if isinstance(body, LogKeys.Retired):
                    names = [secret_name(name, body.generation) for name in SECRETS]
                    writes.append(self._vault.destroy_secrets(names))
            return Decision(keys.follow(*bodies), writes, {"generation": keys.after(bodies).newest.number})

        return self._ledger.carry_out(self._vault, None, decide)
