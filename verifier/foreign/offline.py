"""Verification without any network: what a file holds, and nothing else.

Issuers whose identifier is their key can be judged; for the others, and for every status list, the answer is `unknown`.
A document that says that it is of some ledger is not judged by its signature alone, however good: without the ledger's
word nobody can tell that its key was not stolen. Its holder has a bundle with that word.

Source: docs/spec/report.md, "A document without evidence" and "A credential from elsewhere".
"""

from __future__ import annotations

import re
from typing import Final

from verifier.checks.form import is_base_form, read_form
from verifier.checks.time import Asked
from verifier.error import InputError
from verifier.foreign.credential import Credential
from verifier.foreign.format import Presented, read_credential, read_presented
from verifier.foreign.issuer import Issuers
from verifier.foreign.presentation import (
    conclude_presentation,
    judge_holder,
    read_presentation,
    unreadable_presentation,
)
from verifier.foreign.source import Missing, SourceMissingError
from verifier.foreign.verify import unreadable_credential, verify_foreign
from verifier.report import Report
from verifier.unlogged import judge_unlogged, judge_unlogged_form

_LEDGER_ID: Final = re.compile(r"https?://[^/\s]+/verify/[0-9a-v]{36}", re.ASCII)


class Offline:
    """Sources for whoever has no network: there are none."""

    def get(self, name: str) -> bytes:
        """Say that the network is off."""
        raise SourceMissingError(name, Missing("off", "verified without a network"))

    def require_age(self, name: str, seconds: float) -> None:
        """Say the same."""
        del seconds
        self.get(name)


def judge_offline(presented: Presented, sources: Offline, asked: Asked) -> Report:
    """Judge a credential without a network."""
    try:
        credential = read_credential(presented)
        if is_of_ledger(credential):
            return _judge_ledgers_own(credential, asked)
    except InputError as error:
        return unreadable_credential(str(error), asked)
    return verify_foreign(presented, sources=sources, asked=asked)


def judge_offline_presentation(presented: Presented, sources: Offline, asked: Asked) -> Report:
    """Judge a presentation, and every credential in it, without a network."""
    try:
        presentation = read_presentation(presented)
    except InputError as error:
        return unreadable_presentation(str(error), asked)
    holder = judge_holder(presentation, Issuers(sources, asked.now), asked)
    return conclude_presentation(holder, [_judge_one(one, sources, asked) for one in presentation.credentials], asked)


def is_of_ledger(credential: Credential) -> bool:
    """Whether a credential's id is an address of a ledger of this kind, on whatever host."""
    return _LEDGER_ID.fullmatch(credential.id or "") is not None


def _judge_ledgers_own(credential: Credential, asked: Asked) -> Report:
    if credential.form == "data-integrity" and is_base_form(credential.members):
        return judge_unlogged(credential.members, asked, None)
    return judge_unlogged_form(read_form(credential), asked, None)


def _judge_one(data: bytes, sources: Offline, asked: Asked) -> Report:
    try:
        presented = read_presented(data)
    except InputError as error:
        return unreadable_credential(str(error), asked)
    if presented.kind != "credential" or presented.carrier != "plain":
        return unreadable_credential("not a credential", asked)
    return judge_offline(presented, sources, asked)
