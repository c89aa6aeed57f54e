"""Is it what its issuer signed? One set of checks over the three ways in which credentials of the field are secured.

    1. The keys: whom the document names as issuer has to have said that the key is its own.
    2. The signature, with that key. A document with several proofs needs all of them good and one of them its issuer's.
    3. The claims of a token against the credential in it; of an SD-JWT the disclosures, and the holder's key binding.
    4. The terms: a word that no context defines is refused in every form, so that what is shown is what was signed.

Source: W3C VC Data Integrity 1.0 sections 4.4 and 4.5; W3C VC JOSE COSE section 3; RFC 9901 section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from openvc.did.base import multikey_to_jwk

from verifier.error import (
    ChainUntrustedError,
    ContextRefusedError,
    ContextsContradictError,
    FormatError,
    InputError,
    JsonLdError,
    KeyRefusedError,
    KeyUnavailableError,
    WorkExceededError,
)
from verifier.foreign.credential import Credential
from verifier.foreign.issuer import ASSERTION, Issuers
from verifier.foreign.jws import Jws
from verifier.foreign.plan import CLAIMS, HOLDER, KEY, SIGNATURE, TERMS
from verifier.foreign.sd_jwt import disclosed, is_early
from verifier.foreign.source import SourceMissingError
from verifier.foreign.vc_jwt import disagreement
from verifier.integrity.binding import controller_of
from verifier.integrity.proof import SUITES, ProofOutcome, verify_proofs
from verifier.jsonld.canonical import SHAPES
from verifier.jsonld.context import Loader
from verifier.jsonld.expansion import expand
from verifier.public_key import PublicKey
from verifier.report import Check, State, failed, not_judged, passed, skipped, unknown

MAX_PROOFS: Final = 8
"""Most proofs of one document; each costs a signature check."""
REGISTERED: Final = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "status", "vct", "vct#integrity", "_sd_alg", "_sd"}
)
"""Claims of the token itself, which no context has to define. Source: RFC 7519 section 4.1; RFC 7800; RFC 9901."""
UNCHECKED: Final = REGISTERED | {"proof"}
"""Members that are not for a document's vocabulary; a proof is held against its own suite's rules."""
DISCLOSED_BY: Final = frozenset({"EdDSA", "ES256", "ES384"})
"""Kinds of keys under whose signature openvc puts disclosures back."""
_PROOF: Final = "document/proof"
_HEADER: Final = "token/header"


@dataclass(frozen=True, slots=True)
class Secured:
    """What the securing of a credential came to.

    Attributes:
        credential: With every disclosed claim.
        key: Check `issuer.key`.
        signature: Check `genuine.signature`.
        claims: Check `genuine.claims`.
        terms: Check `genuine.terms`.
        holder: Check `genuine.holder`.
    """

    credential: Credential
    key: Check
    signature: Check
    claims: Check
    terms: Check
    holder: Check

    @property
    def checks(self) -> tuple[Check, ...]:
        """All five."""
        return (self.key, self.signature, self.claims, self.terms, self.holder)

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against it and key and signature are good."""
        stands = {State.PASSED, State.SKIPPED}
        return all(check.state in stands for check in self.checks)


class WatchedKeys:
    """Hands on keys, and remembers the two ways in which one was not to be had.

    Args:
        issuers: Finds keys.
    """

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers
        self.refused: KeyRefusedError | None = None
        self.unavailable: KeyUnavailableError | None = None

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return a key; see `Issuers.verification_key`."""
        try:
            return self._issuers.verification_key(method, purpose)
        except KeyRefusedError as error:
            self.refused = error
            raise
        except KeyUnavailableError as error:
            self.unavailable = error
            raise


def secure(credential: Credential, issuers: Issuers, now: datetime) -> Secured:
    """Judge how a credential is secured.

    Args:
        credential: See `read_credential`.
        issuers: Finds keys.
        now: The present, aware.

    Not checked: its status, its dates, what it says.
    """
    if credential.form == "data-integrity":
        return _secure_document(credential, issuers, now)
    jws = credential.jws
    if jws is None:
        raise FormatError("a token without a token")
    key, found = judge_token_key(issuers, credential.issuer, jws)
    signature = judge_token_signature(jws, found)
    if credential.form == "vc-jwt":
        return _secure_token(credential, jws, key, signature)
    return _secure_disclosures(credential, key, signature, found, now)


def judge_token_key(
    issuers: Issuers, issuer: str, jws: Jws, purpose: str = ASSERTION
) -> tuple[Check, PublicKey | None]:
    """Judge step 1 for a token: does its issuer say that the key is its own?"""
    try:
        found = issuers.token_key(issuer, jws, purpose)
    except KeyRefusedError as error:
        return failed(KEY, "issuer_key_other", detail=str(error), looked_at=_HEADER), None
    except KeyUnavailableError as error:
        return unavailable(KEY, error, _HEADER), None
    return passed(KEY, "issuer_key_bound", detail=found.multibase, looked_at=_HEADER), found


def judge_token_signature(jws: Jws, key: PublicKey | None) -> Check:
    """Judge step 2 for a token: is the signature by that key, with the key's own algorithm?"""
    if key is None:
        return not_judged(SIGNATURE, KEY)
    try:
        good = key.verify(jws.signed, jws.signature, jws.alg)
    except (InputError, ValueError) as error:
        return failed(SIGNATURE, "proof_wrong", detail=str(error), looked_at="token")
    detail = f"{jws.alg} by {key.multibase}"
    judge, case = (passed, "proof_good") if good else (failed, "proof_wrong")
    return judge(SIGNATURE, case, detail=detail, looked_at="token")


def unavailable(code: str, error: KeyUnavailableError, place: str) -> Check:
    """Say that a key is not at hand: because the network is off, or because it did not give it."""
    if isinstance(error, ChainUntrustedError):
        return unknown(code, "issuer_key_chain", detail=str(error), looked_at=place)
    cause = error.__cause__
    is_off = isinstance(cause, SourceMissingError) and cause.missing.reason == "off"
    return unknown(code, "issuer_key_off" if is_off else "issuer_key_unreachable", detail=str(error), looked_at=place)


def judge_terms(members: Mapping[str, Any]) -> Check:
    """Judge step 4: does every word have a meaning? Contexts come from installed packages alone."""
    place = "document/@context"
    if "@context" not in members:
        return skipped(TERMS, "no_terms", looked_at="document")
    words = {name: value for name, value in members.items() if name not in UNCHECKED}
    try:
        _require_defined(words)
    except ContextsContradictError as error:
        return unknown(TERMS, "contexts_contradict", detail=str(error), looked_at=place)
    except ContextRefusedError as error:
        return unknown(TERMS, "context_unknown", detail=str(error), looked_at=place)
    except WorkExceededError as error:
        return unknown(TERMS, "terms_too_costly", detail=str(error), looked_at=place)
    except JsonLdError as error:
        return failed(TERMS, "terms_undefined", detail=str(error), looked_at=place)
    return passed(TERMS, "terms_defined", looked_at=place)


def _require_defined(words: dict[str, Any]) -> None:
    """Read a document as JSON-LD, unless it is of a shape that was read before.

    Raises:
        JsonLdError: As `expand`.
    """
    if not SHAPES.knows(words):
        expand(words, Loader())
        SHAPES.learn(words)


def proofs_of(members: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a document's proofs.

    Raises:
        FormatError: None, more than MAX_PROOFS, or one that is no object.
    """
    told = members.get("proof")
    listed = told if isinstance(told, list) else [told]
    if not 1 <= len(listed) <= MAX_PROOFS or not all(isinstance(one, dict) for one in listed):
        raise FormatError(f"{len(listed)} proofs, or one that is no object", "/proof")
    return [dict(one) for one in listed if isinstance(one, dict)]


def judge_outcomes(code: str, wrong: str, outcomes: tuple[ProofOutcome, ...], keys: WatchedKeys) -> Check:
    """Come to one check from a document's proofs: failed if one is, else unknown if one is, else passed."""
    detail = "; ".join(f"{one.cryptosuite} {one.state.value} {one.detail}".strip() for one in outcomes)
    states = {one.state for one in outcomes}
    if keys.refused is not None or keys.unavailable is not None:
        return not_judged(code, KEY)
    if State.FAILED in states:
        return failed(code, wrong, detail=detail, looked_at=_PROOF)
    if states != {State.PASSED}:
        return unknown(code, "proof_unknown", detail=detail, looked_at=_PROOF)
    return passed(code, "proof_good", detail=detail, looked_at=_PROOF)


def _secure_document(credential: Credential, issuers: Issuers, now: datetime) -> Secured:
    keys = WatchedKeys(issuers)
    methods = [str(one.get("verificationMethod", "")) for one in proofs_of(credential.members)]
    outcomes = verify_proofs(credential.members, keys, purpose=ASSERTION, now=now)
    # A suite over RDF refuses undefined words itself; what it took need not be read a second time.
    is_read = all(one.state is State.PASSED and SUITES[one.cryptosuite or ""].rdf for one in outcomes)
    key = _judge_controllers(methods, credential.issuer, keys)
    return Secured(
        credential=credential,
        key=key,
        signature=judge_outcomes(SIGNATURE, "proof_wrong", outcomes, keys),
        claims=skipped(CLAIMS, "no_claims", looked_at="document"),
        terms=passed(TERMS, "terms_defined", looked_at=_PROOF) if is_read else judge_terms(credential.members),
        holder=skipped(HOLDER, "holder_not_shown", looked_at="document"),
    )


def _judge_controllers(methods: list[str], issuer: str, keys: WatchedKeys) -> Check:
    """Judge step 1 for a document: one of its proofs has to be by a key of its issuer, and every key has to be good."""
    if issuer not in {controller_of(method) for method in methods}:
        detail = f"issuer {issuer[:200]}, keys {', '.join(method[:200] for method in methods)}"
        return failed(KEY, "issuer_key_other", detail=detail, looked_at=("document/issuer", _PROOF))
    if keys.refused is not None:
        return failed(KEY, "issuer_key_other", detail=str(keys.refused), looked_at=_PROOF)
    if keys.unavailable is not None:
        return unavailable(KEY, keys.unavailable, _PROOF)
    return passed(KEY, "issuer_key_bound", detail=", ".join(methods), looked_at=("document/issuer", _PROOF))


def _secure_token(credential: Credential, jws: Jws, key: Check, signature: Check) -> Secured:
    try:
        wrong = disagreement(credential, jws)
    except FormatError as error:
        wrong = str(error)
    place = "token/payload"
    claims = (
        passed(CLAIMS, "claims_agree", looked_at=place)
        if wrong is None
        else failed(CLAIMS, "claims_differ", detail=wrong, looked_at=place)
    )
    holder = skipped(HOLDER, "holder_not_shown", looked_at="token")
    return Secured(credential, key, signature, claims, judge_terms(credential.members), holder)


def _secure_disclosures(
    credential: Credential, key: Check, signature: Check, found: PublicKey | None, now: datetime
) -> Secured:
    place = "token/disclosures"
    if found is None or signature.state is not State.PASSED:
        ground = KEY if found is None else SIGNATURE
        rest = [not_judged(code, ground) for code in (CLAIMS, TERMS, HOLDER)]
        return Secured(credential, key, signature, rest[0], rest[1], rest[2])
    if is_early(credential, now):
        # Its dates say so; disclosures of what does not hold yet are not read.
        rest = [not_judged(code, "dates.valid_from") for code in (CLAIMS, TERMS, HOLDER)]
        return Secured(credential, key, signature, rest[0], rest[1], rest[2])
    if found.alg not in DISCLOSED_BY:
        claims = unknown(CLAIMS, "disclosures_unread", detail=found.alg, looked_at=place)
        rest = [not_judged(code, CLAIMS) for code in (TERMS, HOLDER)]
        return Secured(credential, key, signature, claims, rest[0], rest[1])
    try:
        whole, is_bound = disclosed(credential, multikey_to_jwk(found.multibase), now)
    except (FormatError, ValueError) as error:
        claims = failed(CLAIMS, "claims_differ", detail=str(error), looked_at=place)
        rest = [not_judged(code, CLAIMS) for code in (TERMS, HOLDER)]
        return Secured(credential, key, signature, claims, rest[0], rest[1])
    holder = (
        passed(HOLDER, "holder_bound", looked_at="token/key_binding")
        if is_bound
        else skipped(HOLDER, "holder_not_shown", looked_at="token")
    )
    claims = passed(CLAIMS, "claims_agree", looked_at=place)
    return Secured(whole, key, signature, claims, judge_terms(whole.members), holder)
