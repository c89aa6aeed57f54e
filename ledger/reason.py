"""The closed list of reasons for which the status of a credential changes.

A reason is a code and never free text: the log is public. What an officer wishes to add goes to the vault, and the
event holds only a salted commitment to it.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a credential was suspended, revoked or replaced."""

    ISSUED_IN_ERROR = "issued_in_error"
    INCORRECT_DATA = "incorrect_data"
    ACADEMIC_MISCONDUCT = "academic_misconduct"
    ASSESSMENT_INVALIDATED = "assessment_invalidated"
    WITHDRAWN_BY_HOLDER = "withdrawn_by_holder"
    KEY_COMPROMISE = "key_compromise"
    ACCREDITATION_WITHDRAWN = "accreditation_withdrawn"
    UNDER_REVIEW = "under_review"
    SUPERSEDED = "superseded"
    ORIGIN_WITHDRAWN = "origin_withdrawn"
    COMPONENT_LOST = "component_lost"
    OTHER = "other"
