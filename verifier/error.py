"""What can go wrong in reading untrusted input, as one tree of exceptions.

    VerifierError
    ├── InputError               the bytes given are not what they claim to be; nothing was judged
    │   ├── TooLargeError        more bytes, depth or items than a named limit allows
    │   ├── JsonError            not strict JSON (I-JSON without its optional parts)
    │   │   ├── DuplicateKeyError
    │   │   ├── NumberError      NaN, an infinity, an integer that not every reader keeps exact
    │   │   └── SurrogateError   a lone surrogate, which no Unicode text contains
    │   ├── FormatError          strict JSON, but not of the format, or not its canonical form
    │   │   └── NewFormatError   a format of this project that this version does not know
    │   └── PolicyError          a trust policy that cannot be read; says the line
    ├── JsonLdError              a document that has no RDF form here
    │   ├── ContextRefusedError  it names a context that is not on this machine, or one that bends known terms
    │   │   └── ContextsContradictError
    │   ├── UndefinedTermError   it holds what no context defines, so that no signature would cover it
    │   └── WorkExceededError    it would cost more work than a named limit allows
    ├── NotCompiledError         a document that has to go the general way, which was not wanted here
    ├── ProofError               a proof that does not hold, or that nothing could be found out about
    ├── KeyRefusedError          a key or a method that nothing can be verified with
    ├── KeyUnavailableError      a key that could not be had; another time, or elsewhere, it may be
    │   └── ChainUntrustedError  a key in a certificate chain that leads to nobody who is trusted here
    └── FutureInstantError       asked about an instant that has not come (also a ValueError)

Once the input has been read, nothing is raised any more: what does not hold is a `failed` or an
`unknown` check of the report.
"""

from __future__ import annotations


class VerifierError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(VerifierError):
    """Untrusted input was refused as a whole.

    Attributes:
        pointer: JSON Pointer (RFC 6901) of the offending place; empty for the whole input.
        reason: The plain sentence without the pointer.
    """

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(f"{reason} (at {pointer})" if pointer else reason)
        self.reason = reason
        self.pointer = pointer


class TooLargeError(InputError):
    """The input exceeds a named limit of size, depth or count."""


class JsonError(InputError):
    """The input is not strict JSON."""


class DuplicateKeyError(JsonError):
    """An object has two members of one name."""


class NumberError(JsonError):
    """A number that is not finite, or an integer beyond 2**53 - 1."""


class SurrogateError(JsonError):
    """A string or a member name holds a lone surrogate."""


class FormatError(InputError):
    """The JSON is not of the expected format, or not written in its canonical form."""


class NewFormatError(FormatError):
    """The file names a format of this project that this version does not know; nothing can be said about it."""


class PolicyError(InputError):
    """A policy line is unknown, malformed, or contradicts an earlier one."""


class JsonLdError(VerifierError):
    """A document cannot be read as JSON-LD, or what it says has no RDF form."""


class ContextRefusedError(JsonLdError):
    """A context that is not among the installed ones, or an inline one that bends the meaning of known terms."""


class ContextsContradictError(ContextRefusedError):
    """Two installed contexts define a word differently, and one of them forbids that: there is no reading of both."""


class UndefinedTermError(JsonLdError):
    """A property, a type or an identifier that would be dropped on the way to RDF, and so not be signed."""


class WorkExceededError(JsonLdError):
    """The document costs more work than a named limit allows; nothing was found out about it."""


class NotCompiledError(VerifierError):
    """Only what costs next to nothing was wanted, and this document has to go the general way."""


class ProofError(VerifierError):
    """The proof of a document does not hold.

    Attributes:
        code: Code of the outcome; see `verifier.integrity.proof`.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


class KeyRefusedError(VerifierError):
    """The key or the verification method is malformed, of another kind, or not authorised."""


class KeyUnavailableError(VerifierError):
    """The key could not be had: not known here, or not reachable now."""


class ChainUntrustedError(KeyUnavailableError):
    """The key comes in a certificate chain that leads to no anchor of this verifier's."""


class FutureInstantError(VerifierError, ValueError):
    """The instant asked about lies in the future; no evidence can speak of it."""
