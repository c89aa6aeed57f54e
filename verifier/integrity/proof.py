"""Verify the Data Integrity proofs of a document: sets, chains, and the suites over JSON and over RDF.

Plan for each proof; the numbers come back in the code.

 1. It is an object of type DataIntegrityProof, of a suite that is known here, with the members it must have.
 2. Its purpose, and challenge and domain where the caller has some, are the expected ones.
 3. It was created by now, and has not expired.
 4. The proofs it builds on (`previousProof`) are there, each once.
 5. Its own ``@context``, if it has one, is how the document's begins.
 6. The key that its method names may be used for that purpose, and is of the suite's kind.
 7. The signature is by that key over hash(proof options) || hash(document with the proofs it builds on).
 8. For the suites over RDF: the JSON says no more and nothing else than the RDF that was signed.

Nothing is raised on untrusted input. `unknown` stands where nothing was found out: no key, no such suite here, a
context that is not installed, too much work.

Not checked: whether the key belongs to the document's issuer (`binding.controller_of`), and what the document says.

Longer than other modules because the eight steps are one verification, read from top to bottom.

Source: W3C VC Data Integrity 1.0 section 4; EdDSA Cryptosuites 1.0 and ECDSA Cryptosuites 1.0, section 3 of each.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
import rfc8785
from openvc.errors import OpenvcError

from verifier.base58 import decode_base58
from verifier.error import (
    ContextRefusedError,
    JsonLdError,
    KeyRefusedError,
    KeyUnavailableError,
    NotCompiledError,
    ProofError,
    WorkExceededError,
)
from verifier.integrity.selective import SUITE as SELECTIVE
from verifier.integrity.selective import require_derived
from verifier.jsonld.agreement import require_agreement
from verifier.jsonld.canonical import Effort, canonical_form, require_same_meaning
from verifier.jsonld.rdfc import HashName
from verifier.jsonld.shape import Read
from verifier.jsonld.template import Form
from verifier.public_key import SIGNATURE_BYTES, PublicKey
from verifier.report import State

TYPE: Final = "DataIntegrityProof"
MAX_PROOFS: Final = 16
"""Proofs of one document."""
CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far ahead of ours a signer's clock may be."""
MAX_PROOF_VALUE: Final = 200
"""Characters; a signature by P-384 takes 133."""
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_CONTEXT: Final = "@context"

CanonicalJson = Callable[[Any], bytes]


class KeySource(Protocol):
    """Where the keys of verification methods are found.

    Concurrency: as the adapter says. It may ask a network; `verify_proofs` asks once for each proof.
    """

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return the key of a method that its controller authorised for a purpose.

        Raises:
            KeyRefusedError: There is no such key, it is malformed, or it is not for that purpose.
            KeyUnavailableError: It could not be had.
        """


class ProofOutcome(msgspec.Struct, frozen=True):
    """What was found out about one proof.

    Attributes:
        state: Passed, failed or unknown.
        code: Stable code of the case.
        detail: For those who want to know.
        cryptosuite: As the proof says.
        verification_method: As the proof says.
        created: As the proof says.
        purpose: As the proof says.
    """

    state: State
    code: str
    detail: str
    cryptosuite: str | None
    verification_method: str | None
    created: datetime | None
    purpose: str | None


class Suite(msgspec.Struct, frozen=True):
    """A cryptosuite: the kinds of key it takes, whether it signs RDF or JSON, and whether parts may be withheld."""

    algorithms: frozenset[str]
    rdf: bool
    is_selective: bool = False


SUITES: Final[Mapping[str, Suite]] = {
    "eddsa-jcs-2022": Suite(frozenset({"EdDSA"}), rdf=False),
    "eddsa-rdfc-2022": Suite(frozenset({"EdDSA"}), rdf=True),
    "ecdsa-jcs-2019": Suite(frozenset({"ES256", "ES384"}), rdf=False),
    "ecdsa-rdfc-2019": Suite(frozenset({"ES256", "ES384"}), rdf=True),
    SELECTIVE: Suite(frozenset({"ES256"}), rdf=True, is_selective=True),
}
HASHES: Final[Mapping[str, HashName]] = {"EdDSA": "sha256", "ES256": "sha256", "ES384": "sha384"}
_FUNCTIONS: Final = {"sha256": hashlib.sha256, "sha384": hashlib.sha384}
"""Hash of the document and of the proof's options, by the kind of key."""


def is_over_rdf(cryptosuite: str | None) -> bool:
    """Tell whether a suite signs what a document states, rather than how its JSON is written."""
    return cryptosuite is not None and cryptosuite in SUITES and SUITES[cryptosuite].rdf


class _Stop(Exception):  # noqa: N818  ends the judging of one proof; no error
    def __init__(self, state: State, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.state, self.code, self.detail = state, code, detail


class _Expected(msgspec.Struct, frozen=True):
    purpose: str
    now: datetime | None
    challenge: str | None
    domain: str | None


def verify_proofs(  # noqa: PLR0913  (what is held against it, and the means)
    document: dict[str, Any],
    keys: KeySource,
    *,
    purpose: str,
    now: datetime,
    challenge: str | None = None,
    domain: str | None = None,
    canonical_json: CanonicalJson = rfc8785.dumps,
    effort: Effort = Effort.LEARN,
    read: Read | None = None,
) -> tuple[ProofOutcome, ...]:
    """Verify every proof of a document.

    Args:
        document: The document with its ``proof``: one object, or a list of them.
        keys: Where keys come from.
        purpose: What every proof has to be for, such as ``assertionMethod``.
        now: The instant to judge by, aware.
        challenge: The challenge that a proof has to answer; None asks for none.
        domain: The domain that a proof has to be for; None asks for none.
        canonical_json: RFC 8785; a quicker writing of the same bytes may be given.
        effort: How much may be done for it.
        read: The document without its ``proof`` as `SHAPES` read it, where somebody has had it read already.

    Returns:
        One outcome for each proof, in order; one that says so where there is none. The document is proved if there is
        no outcome but `passed`.

    Raises:
        NotCompiledError: It would have cost more, and only known shapes were wanted.
    """
    expected = _Expected(purpose, now, challenge, domain)
    return _verify(document, keys, expected, canonical_json, effort, read)


def unfinished(document: Mapping[str, Any], detail: str) -> tuple[ProofOutcome, ...]:
    """Return the outcomes of a document whose verification was stopped: nothing was found out about any proof."""
    proofs = document.get("proof")
    stop = _Stop(State.UNKNOWN, "work_exceeded", detail)
    return tuple(_outcome(proof, stop) for proof in (proofs if isinstance(proofs, list) and proofs else [proofs]))


class _OneKey(msgspec.Struct, frozen=True):
    """A key source for a caller who knows whose key it has to be."""

    key: PublicKey

    def verification_key(self, method: str, purpose: str) -> PublicKey:  # noqa: ARG002  it is the same for all
        return self.key


def require_proof(
    document: dict[str, Any],
    key: PublicKey,
    *,
    purpose: str = "assertionMethod",
    canonical_json: CanonicalJson = rfc8785.dumps,
) -> None:
    """Require that each proof of a document is by one key, whatever method it names.

    Raises:
        ProofError: One does not hold.

    Not checked: when it was made and whether it has expired.
    """
    found = _verify(document, _OneKey(key), _Expected(purpose, None, None, None), canonical_json, Effort.LEARN)
    for outcome in found:
        if outcome.state is not State.PASSED:
            raise ProofError(outcome.code, outcome.detail)


def _verify(
    document: dict[str, Any],
    keys: KeySource,
    expected: _Expected,
    canonical_json: CanonicalJson,
    effort: Effort,
    read: Read | None = None,
) -> tuple[ProofOutcome, ...]:
    proofs = document.get("proof")
    proofs = proofs if isinstance(proofs, list) else [proofs]
    if document.get("proof") is None or not proofs:
        return (_outcome({}, _Stop(State.FAILED, "proof_missing")),)
    if len(proofs) > MAX_PROOFS:
        return (_outcome({}, _Stop(State.FAILED, "too_many_proofs", f"{len(proofs)}, at most {MAX_PROOFS}")),)
    judge = _Judge(document, proofs, keys, expected, canonical_json, effort, read)
    return tuple(judge.outcome(proof) for proof in proofs)


class _Judge:
    def __init__(
        self,
        document: dict[str, Any],
        proofs: Sequence[Any],
        keys: KeySource,
        expected: _Expected,
        canonical_json: CanonicalJson,
        effort: Effort,
        read: Read | None,
    ) -> None:
        self._unsecured = {name: member for name, member in document.items() if name != "proof"}
        self._proofs = proofs
        self._keys = keys
        self._expected = expected
        self._canonical_json = canonical_json
        self._effort = effort
        self._read = read

    def outcome(self, proof: Any) -> ProofOutcome:  # noqa: ANN401  any JSON value
        try:
            created = self._verify(proof)
        except _Stop as stop:
            return _outcome(proof, stop)
        except WorkExceededError as error:
            return _outcome(proof, _Stop(State.UNKNOWN, "work_exceeded", str(error)))
        except ContextRefusedError as error:
            return _outcome(proof, _Stop(State.UNKNOWN, "context_refused", str(error)))
        except JsonLdError as error:
            return _outcome(proof, _Stop(State.FAILED, "document_refused", str(error)))
        except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
            return _outcome(proof, _Stop(State.FAILED, "document_refused", str(error)))
        suite, method, purpose = proof["cryptosuite"], proof["verificationMethod"], proof["proofPurpose"]
        return ProofOutcome(State.PASSED, "proof_good", "", suite, method, created, purpose)

    def _verify(self, proof: Any) -> datetime | None:  # noqa: ANN401  any JSON value
        """Return when a good proof was made, if it says so."""
        suite, signature = _read(proof)  # 1
        _require_expected(proof, self._expected)  # 2
        created = _require_current(proof, self._expected.now)  # 3
        previous = self._previous(proof)  # 4
        context = _context(proof, self._unsecured.get(_CONTEXT))  # 5
        key = self._key(proof, suite)  # 6
        unsecured = self._unsecured if context is None else {**self._unsecured, _CONTEXT: context}
        document = {**unsecured, "proof": previous} if previous else unsecured
        options = {name: member for name, member in proof.items() if name != "proofValue"}
        if suite.is_selective:
            self._require_derived(proof, options, key, previous)  # 7, 8
            return created
        if len(signature) != SIGNATURE_BYTES[key.alg]:
            raise _Stop(State.FAILED, "proof_malformed", f"a signature of {len(signature)} bytes")
        if suite.rdf:
            options[_CONTEXT] = unsecured.get(_CONTEXT)
            forms = self._signed_rdf(key, document, options, signature)  # 7
            self._require_same(unsecured, options, forms if document is unsecured else None)  # 8
        elif not self._signed_json(key, document, options, signature):  # 7
            raise _Stop(State.FAILED, "signature_wrong")
        return created

    def _require_derived(
        self, proof: Mapping[str, Any], options: dict[str, Any], key: PublicKey, previous: list[Any]
    ) -> None:
        if self._effort is Effort.KNOWN:
            raise NotCompiledError("a derived proof")
        if previous or _CONTEXT in proof:
            raise _Stop(State.UNKNOWN, "suite_unknown", f"{SELECTIVE} with a previous proof or a context of its own")
        options[_CONTEXT] = self._unsecured.get(_CONTEXT)
        try:
            require_derived(self._unsecured, options, proof["proofValue"], key)
        except ProofError as error:
            raise _Stop(State.FAILED, error.code, str(error)) from error
        require_agreement(self._unsecured, options)

    def _previous(self, proof: Mapping[str, Any]) -> list[Any]:
        if "previousProof" not in proof:
            return []
        named = proof["previousProof"]
        names = named if isinstance(named, list) else [named]
        found = []
        for name in names:
            same = [other for other in self._proofs if isinstance(other, dict) and other.get("id") == name]
            if not isinstance(name, str) or len(same) != 1:
                raise _Stop(State.FAILED, "previous_proof_missing", f"{len(same)} proofs of the id {str(name)[:100]!r}")
            found += same
        return found

    def _key(self, proof: Mapping[str, Any], suite: Suite) -> PublicKey:
        try:
            key = self._keys.verification_key(proof["verificationMethod"], proof["proofPurpose"])
        except KeyRefusedError as error:
            raise _Stop(State.FAILED, "key_refused", str(error)) from error
        except KeyUnavailableError as error:
            raise _Stop(State.UNKNOWN, "key_unavailable", str(error)) from error
        if key.alg not in suite.algorithms:
            raise _Stop(State.FAILED, "key_unsuited", f"a key for {key.alg}")
        return key

    def _signed_rdf(self, key: PublicKey, document: Any, options: Any, signature: bytes) -> tuple[Form, Form]:  # noqa: ANN401  any JSON value
        digest = HASHES[key.alg]
        hashed = _FUNCTIONS[digest]
        of_options = canonical_form(options, digest, self._effort)
        of_document = canonical_form(document, digest, self._effort, self._reading(document))
        data = hashed(of_options.nquads).digest() + hashed(of_document.nquads).digest()
        if not key.verify(data, signature):
            raise _Stop(State.FAILED, "signature_wrong")
        return of_document, of_options

    def _reading(self, document: Any) -> Read | None:  # noqa: ANN401  any JSON value
        """Return what is known of the document that is hashed, if it is the one that was read."""
        return self._read if document is self._unsecured else None

    def _require_same(self, document: dict[str, Any], options: dict[str, Any], forms: tuple[Form, Form] | None) -> None:
        if forms is not None:
            require_same_meaning(document, options, forms, self._effort)
        elif self._effort is Effort.KNOWN:
            raise NotCompiledError("a chain of proofs")
        else:
            require_agreement(document, options)

    def _signed_json(self, key: PublicKey, document: Any, options: dict[str, Any], signature: bytes) -> bool:  # noqa: ANN401  any JSON value
        write = self._canonical_json
        hashed = _FUNCTIONS[HASHES[key.alg]]
        read = self._reading(document)
        written = None if read is None else read.canonical_json()
        tail = hashed(write(document) if written is None else written).digest()
        # Signers without a context of the proof's own hash the document's with the options; read by the letter, the
        # specification has them hash none. The document's context is signed either way.
        candidates = [options] if _CONTEXT in options else [{**options, _CONTEXT: document.get(_CONTEXT)}, options]
        if document.get(_CONTEXT) is None:
            candidates = [options]
        return any(key.verify(hashed(write(candidate)).digest() + tail, signature) for candidate in candidates)


def _read(proof: Any) -> tuple[Suite, bytes]:  # noqa: ANN401  any JSON value
    """Step 1."""
    if not isinstance(proof, dict):
        raise _Stop(State.FAILED, "proof_malformed", "not an object")
    for name in ("type", "verificationMethod", "proofPurpose", "proofValue"):
        if not isinstance(proof.get(name), str) or not proof[name]:
            raise _Stop(State.FAILED, "proof_malformed", f"{name} is missing or no string")
    if proof["type"] != TYPE:
        raise _Stop(State.UNKNOWN, "suite_unknown", f"a proof of type {proof['type'][:100]!r}")
    suite = proof.get("cryptosuite")
    if not isinstance(suite, str) or not suite:
        raise _Stop(State.FAILED, "proof_malformed", "cryptosuite is missing or no string")
    if suite not in SUITES:
        raise _Stop(State.UNKNOWN, "suite_unknown", f"the cryptosuite {suite[:100]!r}")
    if "id" in proof and not isinstance(proof["id"], str):
        raise _Stop(State.FAILED, "proof_malformed", "id is no string")
    known = SUITES[suite]
    return known, b"" if known.is_selective else _signature(proof["proofValue"])


def _signature(value: str) -> bytes:
    if not value.startswith("z") or len(value) > MAX_PROOF_VALUE:
        raise _Stop(State.FAILED, "proof_malformed", "proofValue is not written in base58btc with a z before it")
    signature = signature_of(value)
    if signature is None:
        raise _Stop(State.FAILED, "proof_malformed", "proofValue is not base58btc")
    return signature


def signature_of(value: str) -> bytes | None:
    """Read a ``proofValue``; None if it is none."""
    if not value.startswith("z") or len(value) > MAX_PROOF_VALUE:
        return None
    try:
        return decode_base58(value[1:])
    except OpenvcError:
        return None


def _require_expected(proof: Mapping[str, Any], expected: _Expected) -> None:
    """Step 2."""
    if proof["proofPurpose"] != expected.purpose:
        detail = f"{proof['proofPurpose'][:100]!r}, expected {expected.purpose!r}"
        raise _Stop(State.FAILED, "purpose_differs", detail)
    if expected.challenge is not None and proof.get("challenge") != expected.challenge:
        raise _Stop(State.FAILED, "challenge_differs")
    domains = proof.get("domain")
    if expected.domain is not None and expected.domain not in (domains if isinstance(domains, list) else [domains]):
        raise _Stop(State.FAILED, "domain_differs")


def _require_current(proof: Mapping[str, Any], now: datetime | None) -> datetime | None:
    """Step 3; returns when the proof was made, if it says so."""
    created, expires = parse_date_time(proof, "created"), parse_date_time(proof, "expires")
    if now is None:
        return created
    if created is not None and created > now + CLOCK_SKEW:
        raise _Stop(State.FAILED, "created_in_future", str(proof["created"]))
    if expires is not None and expires < now:
        raise _Stop(State.FAILED, "proof_expired", str(proof["expires"]))
    return created


def parse_date_time(proof: Mapping[str, Any], name: str) -> datetime | None:
    """Read a dateTimeStamp of a proof; without an offset it is in UTC. None if there is none."""
    if name not in proof:
        return None
    value = proof[name]
    if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
        raise _Stop(State.FAILED, "proof_malformed", f"{name} is no dateTimeStamp")
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Stop(State.FAILED, "proof_malformed", f"{name} is no such date") from error


def _context(proof: Mapping[str, Any], context: Any) -> Any:  # noqa: ANN401  any JSON value
    """Step 5: return the context to verify under, None for the document's own."""
    if _CONTEXT not in proof:
        return None
    own = proof[_CONTEXT]
    if type(own) is list and own == context and all(type(one) is str for one in own):
        return None  # the same, and not only equal: true is 1 to Python
    head = own if isinstance(own, list) else [own]
    whole = context if isinstance(context, list) else [context]
    if not head or whole[: len(head)] != head:
        raise _Stop(State.FAILED, "proof_context_differs")
    return own


def _outcome(proof: Any, stop: _Stop) -> ProofOutcome:  # noqa: ANN401  any JSON value
    told = proof if isinstance(proof, dict) else {}
    try:
        created = parse_date_time(told, "created")
    except _Stop:
        created = None
    suite, method, purpose = (
        told[name] if isinstance(told.get(name), str) else None
        for name in ("cryptosuite", "verificationMethod", "proofPurpose")
    )
    return ProofOutcome(stop.state, stop.code, stop.detail, suite, method, created, purpose)
