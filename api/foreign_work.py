"""What is done with credentials from elsewhere in a worker process: pure functions, each under a limit of its own.

Source: `api.cpu_bound` says how they are run and stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from verifier.checks.time import Asked
from verifier.document import VC_CONTEXT
from verifier.error import VerifierError
from verifier.foreign.format import Presented, read_presented
from verifier.foreign.issuer import Issuers
from verifier.foreign.presentation import Presentation, judge_holder
from verifier.foreign.source import Answer, Gathered
from verifier.foreign.verify import verify_foreign
from verifier.jsonld.canonical import canonical_nquads
from verifier.report import Check, Report


def canonicalised(members: dict[str, Any]) -> None:
    """Canonicalise a document, for the sake of what it costs. Pure; runs in another process."""
    canonical_nquads({name: value for name, value in members.items() if name != "proof"})


def judge_credential(
    presented: Presented,
    known: Mapping[str, Answer],
    asked: Asked,
    listed: Mapping[str, str],
    anchors: Sequence[bytes] = (),
) -> tuple[Report, list[str]]:
    """Judge a credential once, and say which sources were lacking. Pure; can run in another process."""
    sources = Gathered(known)
    report = verify_foreign(presented, sources=sources, asked=asked, listed=listed, anchors=anchors)
    return report, sources.wanted


def judge_presenter(
    presentation: Presentation, known: Mapping[str, Answer], asked: Asked, anchors: Sequence[bytes] = ()
) -> tuple[Check, list[str]]:
    """Judge a presentation's holder once, and say which sources were lacking. Pure, as `judge_credential`."""
    sources = Gathered(known)
    check = judge_holder(presentation, Issuers(sources, asked.now, anchors), asked)
    return check, sources.wanted


def warm_up() -> None:
    """In the worker, before its first document: have everything loaded that a judgement needs."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    nothing = read_presented(b'{"@context":["%s"],"proof":{}}' % VC_CONTEXT.encode("ascii"))
    judge_credential(nothing, {}, Asked(now, None, None), {})
    try:
        canonicalised({"@context": [VC_CONTEXT], "type": ["VerifiableCredential"]})
    except VerifierError as error:  # a context that is installed cannot be refused
        raise RuntimeError(str(error)) from error
