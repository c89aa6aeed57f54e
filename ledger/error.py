"""Errors of the ledger.

::

    LedgerError
    ├── InvalidInputError            what was asked for can never be done as asked
    │   ├── MissingElementError      a mandatory element of the EU Recommendation is missing
    │   └── EventTooLargeError       the framed event would exceed the log's 65,535 bytes
    ├── NotFoundError                no such institution, achievement, credential, learner or key
    ├── RuleError                    a rule of the domain refuses it in the present state
    │   └── NotStackedError          awards do not stack by a pathway's rules, or nobody could tell
    ├── ConflictError                somebody else changed the same thing first
    │   ├── MovedError               what it was decided on has changed meanwhile
    │   └── IdempotencyError         the key was used before with another body
    ├── ErasedError                  the personal data asked for has been erased
    ├── AccessError                  who asks may not do this
    │   ├── AuthenticationError      the key is unknown, revoked or expired
    │   └── ForbiddenError           the key is good, but not for this
    ├── CorruptionError              stored bytes are not what was written
    ├── ClockError                   the clock is behind what was recorded already
    ├── StorageError                 the database could not record or read (disk full, lock held, file or server gone)
    │   ├── UnreachableError         the database's server is not there at this moment
    │   ├── NoStandbyError           the database lacks the standby without which nothing is to be acknowledged
    │   └── OutcomeUnknownError      it broke off, or lost its standby, while it recorded; nobody knows if it has
    └── KeyEncryptionError           no key-encryption key opens this
"""

from __future__ import annotations


class LedgerError(Exception):
    """Base of every error that the ledger raises on purpose."""


class InvalidInputError(LedgerError):
    """Input that can never be accepted as it is.

    Args:
        detail: A plain sentence that says what is wrong and what to do.
        pointer: RFC 6901 JSON pointer of the offending member, relative to the command's own body, or ``""``.
    """

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class MissingElementError(InvalidInputError):
    """A mandatory element of a micro-credential is missing.

    Source: Council Recommendation of 16 June 2022 (2022/C 243/02), Annex I.
    """


class EventTooLargeError(InvalidInputError):
    """The framed event would be larger than a log entry may be (65,535 bytes)."""


class NotFoundError(LedgerError):
    """The thing named does not exist in this ledger."""


class RuleError(LedgerError):
    """A rule of the domain refuses the command in the present state."""


class OutdatedError(RuleError):
    """What the command was made from is not the newest any more: somebody has published since."""


class NotStackedError(RuleError):
    """Awards do not stack by a pathway's rules, or whether they do could not be told.

    Args:
        detail: A plain sentence.
        evaluation: What the evaluation came to, as JSON values.
        undecided: Whether the budget ran out before it could be told.
    """

    def __init__(self, detail: str, evaluation: dict[str, object], *, undecided: bool) -> None:
        super().__init__(detail)
        self.evaluation = evaluation
        self.undecided = undecided


class ConflictError(LedgerError):
    """Somebody else changed the same aggregate first; the command may be tried again."""


class MovedError(ConflictError):
    """What a command was decided on is not what was there at its instant, or is not there any more: decide again."""


class IdempotencyError(ConflictError):
    """The idempotency key was used before with another body."""


class ErasedError(LedgerError):
    """The personal data that was asked for has been erased."""


class AccessError(LedgerError):
    """The caller may not do this."""


class AuthenticationError(AccessError):
    """The bearer key is unknown, revoked or expired."""


class ForbiddenError(AccessError):
    """The bearer key is good, but not for this institution or act."""


class CorruptionError(LedgerError):
    """Stored bytes are not what the ledger wrote."""


class ClockError(LedgerError):
    """The clock has jumped back behind what was recorded; nothing was recorded, and it may be tried again."""


class StorageError(LedgerError):
    """The database could not do what was asked; nothing of the command was recorded, and it may be tried again."""


class UnreachableError(StorageError):
    """The database's server is not there at this moment, which says nothing about what is stored."""


class NoStandbyError(StorageError):
    """No synchronous standby is connected, and the operator wants nothing to be acknowledged without one."""


class OutcomeUnknownError(StorageError):
    """The database broke off while it recorded, or lost its standby; the same request with its key finds out."""


class KeyEncryptionError(LedgerError):
    """No key-encryption key at hand opens what is asked for."""
