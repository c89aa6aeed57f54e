"""Judges credentials and presentations of whatever issuer. What cannot be told is not verified.

Plan for a credential; the numbers come back in the code.

 1. Its shape is as its data model demands, digests of related resources at hand included.
 2. Every term in it is defined by contexts that are installed here.
 3. Every proof verifies, and one at least is by a key of the issuer's.
 4. It is in force at this instant.
 5. No status list speaks against it; one that cannot be had does so only if the caller wants the status checked.

A presentation: 1 and 2 alike; its proof is for authentication, answers the challenge, is for the domain, and is the
holder's if it names one; every credential in it is judged like any other. A credential in it that has no proof of its
own is the holder's own word, and has to be by the holder.

Source: W3C VC Data Model 2.0, sections 4.13 and 7.1; VC-API 1.0, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from api.document_work import DocumentWork, Expected
from api.strict_json import JsonValue
from api.vc_api.elsewhere import Verifies, judge_envelope
from api.vc_api.judgement import Judgement
from api.vc_api.listed_status import ListedStatus, Word
from api.vc_api.request import VerifyRequest
from verifier.data_model import (
    DataProblem,
    credential_problems,
    credentials_of,
    holder_of,
    is_envelope,
    issuer_of,
    presentation_problems,
)
from verifier.data_model.envelope import CREDENTIAL, PRESENTATION
from verifier.data_model.problem import CRYPTOGRAPHIC_SECURITY, MALFORMED_VALUE, RANGE
from verifier.data_model.value import seconds_of
from verifier.error import ContextRefusedError, JsonLdError
from verifier.integrity.binding import controller_of
from verifier.integrity.known_key import KeysOnce
from verifier.integrity.proof import KeySource, ProofOutcome, is_over_rdf
from verifier.jsonld.context import context_bytes
from verifier.jsonld.shape import Read
from verifier.report import State

ASSERTION: Final = "assertionMethod"
AUTHENTICATION: Final = "authentication"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PERIOD: Final = (("validFrom", False), ("issuanceDate", False), ("validUntil", True), ("expirationDate", True))
"""Members that are instants, and whether each is an end."""


def resource_at_hand(url: str) -> bytes | None:
    """Give a context that is installed here, to compare the digest that a credential has of it."""
    try:
        return context_bytes(url)
    except ContextRefusedError:
        return None


def term_problems(work: DocumentWork, document: dict[str, Any]) -> tuple[DataProblem, ...]:
    """Say what of *document* no installed context defines, or why that cannot be told."""
    try:
        work.require_terms({name: value for name, value in document.items() if name != "proof"})
    except ContextRefusedError as error:
        return (DataProblem(MALFORMED_VALUE, f"a context is not one of those at hand: {error}", "/@context"),)
    except JsonLdError as error:
        return (DataProblem(MALFORMED_VALUE, f"the document cannot be read as JSON-LD: {error}"),)
    return ()


class Judging:
    """Judges documents.

    Args:
        work: Does what a stranger's document may make costly.
        keys: Finds keys.
        status: Reads status lists.
        now: Present instant.
        tokens: Judges what is enveloped; None: nothing enveloped is verified.
    """

    def __init__(
        self,
        work: DocumentWork,
        keys: KeySource,
        status: ListedStatus,
        now: Callable[[], datetime],
        tokens: Verifies | None = None,
    ) -> None:
        self._work = work
        self._keys = keys
        self._status = status
        self._tokens = tokens
        self._now = now

    def credential(self, asked: VerifyRequest) -> Judgement:
        """Judge a credential."""
        document, problems = asked.document, _purpose_problems(asked, ASSERTION)
        expected = Expected(ASSERTION, self._now(), asked.challenge, asked.domain)
        keys = KeysOnce(self._keys)
        if isinstance(document, dict) and not problems:
            judged = self._familiar(document, asked, expected, keys)
            if judged is not None:
                return judged
        problems = (*problems, *credential_problems(document, resource_at_hand))  # 1
        if problems:
            return Judgement(problems)
        if not isinstance(document, dict) or is_envelope(document, CREDENTIAL):
            return judge_envelope(self._tokens, document, asked, "credential")
        return self._secured(document, asked, expected, keys)

    def presentation(self, asked: VerifyRequest) -> Judgement:
        """Judge a presentation and every credential in it."""
        document = asked.document
        problems = (*_purpose_problems(asked, AUTHENTICATION), *presentation_problems(document, resource_at_hand))
        if problems:
            return Judgement(problems)
        if not isinstance(document, dict) or is_envelope(document, PRESENTATION):
            return judge_envelope(self._tokens, document, asked, "presentation")
        expected = Expected(AUTHENTICATION, self._now(), asked.challenge, asked.domain)
        outcomes = self._proofs(document, expected, KeysOnce(self._keys))
        found = [*term_problems(self._work, document), *proof_problems(outcomes), *_holder_problems(document, outcomes)]
        if found:
            return Judgement(tuple(found))
        return self._held(document, asked)

    def _held(self, document: dict[str, Any], asked: VerifyRequest) -> Judgement:
        judged: list[Judgement] = []
        for number, credential in enumerate(credentials_of(document)):
            one = self._one_held(document, credential, asked)
            judged.append(_moved(one, f"/verifiableCredential/{number}"))
        return Judgement(
            tuple(problem for one in judged for problem in one.problems),
            tuple(problem for one in judged for problem in one.warnings),
        )

    def _one_held(self, document: dict[str, Any], credential: JsonValue, asked: VerifyRequest) -> Judgement:
        if not isinstance(credential, dict) or is_envelope(credential, CREDENTIAL):
            return judge_envelope(self._tokens, credential, asked, "credential", is_held=True)
        if "proof" in credential:
            # The challenge is the presentation's to answer.
            expected, keys = Expected(ASSERTION, self._now()), KeysOnce(self._keys)
            judged = self._familiar(credential, asked, expected, keys)
            return judged or self._secured(credential, asked, expected, keys)
        # The presentation's proof covers it: the holder's own word, or nobody's.
        if holder_of(document) is None or issuer_of(credential) != holder_of(document):
            detail = "a credential without a proof of its own is by the holder whom the presentation names"
            return Judgement((DataProblem(CRYPTOGRAPHIC_SECURITY, detail, "/issuer"),))
        return self._in_force(credential, asked)

    def _familiar(
        self, document: dict[str, Any], asked: VerifyRequest, expected: Expected, keys: KeysOnce
    ) -> Judgement | None:
        """Judge a credential of a familiar make, if it is found good in one pass; None says nothing."""
        outcome = self._work.verify_familiar(document, keys, expected)  # 1, 2, 3
        if outcome is None:
            return None
        problems = _issuer_problems(document, (outcome,))  # 3
        return Judgement(problems) if problems else self._in_force(document, asked)

    def _secured(self, document: dict[str, Any], asked: VerifyRequest, expected: Expected, keys: KeysOnce) -> Judgement:
        # Taken apart once, for the proof and for the terms: of a known shape every term is defined.
        read = self._work.read({name: value for name, value in document.items() if name != "proof"})
        outcomes = self._proofs(document, expected, keys, read)  # 3
        is_defined = read is not None or _is_proved_rdf(outcomes)
        problems = () if is_defined else term_problems(self._work, document)  # 2
        problems = problems or (*proof_problems(outcomes), *_issuer_problems(document, outcomes))
        if problems:
            return Judgement(problems)
        self._work.make_familiar(document)
        return self._in_force(document, asked)

    def _proofs(
        self, document: dict[str, Any], expected: Expected, keys: KeysOnce, read: Read | None = None
    ) -> tuple[ProofOutcome, ...]:
        listed = document.get("proof")
        proofs = [proof for proof in (listed if isinstance(listed, list) else [listed]) if isinstance(proof, dict)]
        known = keys.known([(str(proof.get("verificationMethod")), expected.purpose) for proof in proofs])
        return self._work.verify_proofs(document, known, expected, read)

    def _in_force(self, document: dict[str, Any], asked: VerifyRequest) -> Judgement:
        problems = _period_problems(document, self._now())  # 4
        warnings: list[DataProblem] = []
        listed = document.get("credentialStatus", [])
        for entry in listed if isinstance(listed, list) else [listed]:  # 5
            said = self._status.of(entry, document)
            if said.problem is None:
                continue
            speaks = said.word is Word.SET or asked.needs_status
            (problems if speaks else warnings).append(said.problem)
        return Judgement(tuple(problems), tuple(warnings))


def proof_problems(outcomes: tuple[ProofOutcome, ...]) -> tuple[DataProblem, ...]:
    """Say of every proof that did not verify why; *unknown* is no better than failed here."""
    return tuple(
        DataProblem(CRYPTOGRAPHIC_SECURITY, f"{outcome.code}: {outcome.detail}".removesuffix(": "), "/proof")
        for outcome in outcomes
        if outcome.state is not State.PASSED
    )


def _is_proved_rdf(outcomes: tuple[ProofOutcome, ...]) -> bool:
    """Tell whether a proof over RDF is good, which shows that every term is defined."""
    return any(outcome.state is State.PASSED and is_over_rdf(outcome.cryptosuite) for outcome in outcomes)


def _purpose_problems(asked: VerifyRequest, purpose: str) -> tuple[DataProblem, ...]:
    """Refuse a caller who expects proofs for anything but *purpose*: others are never accepted."""
    if asked.purpose in {None, purpose}:
        return ()
    detail = f"proofs of documents of this kind are for {purpose}"
    return (DataProblem(CRYPTOGRAPHIC_SECURITY, detail, "/options/expectedProofPurpose"),)


def _issuer_problems(document: dict[str, Any], outcomes: tuple[ProofOutcome, ...]) -> tuple[DataProblem, ...]:
    controllers = {controller_of(outcome.verification_method or "") for outcome in outcomes}
    if issuer_of(document) in controllers:
        return ()
    return (DataProblem(CRYPTOGRAPHIC_SECURITY, "no proof is by a key of the issuer's", "/issuer"),)


def _holder_problems(document: dict[str, Any], outcomes: tuple[ProofOutcome, ...]) -> tuple[DataProblem, ...]:
    holder = holder_of(document)
    controllers = {controller_of(outcome.verification_method or "") for outcome in outcomes}
    if holder is None or holder in controllers:
        return ()
    return (DataProblem(CRYPTOGRAPHIC_SECURITY, "no proof is by a key of the holder's", "/holder"),)


def _period_problems(document: dict[str, Any], now: datetime) -> list[DataProblem]:
    """Say whether the document is not in force yet, or no longer; its dates have been read before."""
    since = now - _EPOCH
    # Whole microseconds, compared with seconds times a million: both are exact, and fractions are slow.
    moment = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    problems: list[DataProblem] = []
    for name, is_end in _PERIOD:
        value = document.get(name)
        if not isinstance(value, str):
            continue
        seconds = seconds_of(value, needs_zone=False)
        if seconds is not None and (seconds * 1_000_000 < moment if is_end else seconds * 1_000_000 > moment):
            detail = "the credential has expired" if is_end else "the credential is not in force yet"
            problems.append(DataProblem(RANGE, detail, f"/{name}"))
    return problems


def _moved(judged: Judgement, pointer: str) -> Judgement:
    def move(problems: tuple[DataProblem, ...]) -> tuple[DataProblem, ...]:
        return tuple(msgspec.structs.replace(one, pointer=pointer + one.pointer) for one in problems)

    return Judgement(move(judged.problems), move(judged.warnings))
