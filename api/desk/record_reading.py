"""Who did what, as the record of acts shows it.

The store of acts names who acted in few words (`ledger.access`): the prefix of a key, an officer's account, the prefix
of a learner's link, or what runs on the machine itself. Here each becomes somebody whom an officer knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from api.desk.account import ACCOUNT
from ledger.access import Access, AccessKey, Act
from ledger.cascade import RUNNER

LINK: Final = "link "
"""How a learner is called who acts by a link; see `api.route.mine`."""
WAIVE: Final = "stacking.waive"
_FOR: Final = " for "

Kind = Literal["key", "account", "learner", "rules", "operator"]


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever acted.

    Attributes:
        kind: With an institution's key, an account, or a learner's link; by rules that were published; the operator.
        name: What they are called; empty where nobody says.
        prefix: Of the key or link; empty without one.
        decided_for: The officer who decided, where the act names one; empty elsewhere.
    """

    kind: Kind
    name: str
    prefix: str = ""
    decided_for: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An act with whoever did it.

    Attributes:
        act: The act.
        code: A sentence of the pages has this name, if any.
        rest: What the act says beyond that: of a waiver the rule and the reason's code.
        person: Who.
    """

    act: Act
    code: str
    rest: str
    person: Person


def entries(access: Access, institution: UUID, acts: Iterable[Act]) -> list[Entry]:
    """Acts of an institution, with whoever did them."""
    keys = {key.prefix: key for key in access.list()}
    return [_entry(act, institution, keys) for act in acts]


def _entry(act: Act, institution: UUID, keys: dict[str, AccessKey]) -> Entry:
    code, _, rest = act.act.partition(" ")
    actor, decided_for = act.actor, ""
    if code == WAIVE:
        actor, _, decided_for = actor.partition(_FOR)
    return Entry(act, code.replace(".", "_"), rest, _person(actor, institution, keys, decided_for))


def _person(actor: str, institution: UUID, keys: dict[str, AccessKey], decided_for: str) -> Person:
    key = keys.get(actor)
    if key is not None and key.institution == institution:
        return Person("key", key.label, actor, decided_for)
    if actor.startswith(ACCOUNT):
        return Person("account", actor.removeprefix(ACCOUNT), "", decided_for)
    if actor.startswith(LINK):
        return Person("learner", "", actor.removeprefix(LINK), decided_for)
    if actor == RUNNER.name:
        return Person("rules", "")
    return Person("operator", "", actor, decided_for)
