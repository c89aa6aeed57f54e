"""The shape of verifiable credentials and presentations: what the data models demand, checked member by member.

    credential_problems(document)     -> every problem with a credential of the VC Data Model 2.0 or 1.1
    presentation_problems(document)   -> the same for a presentation and the credentials in it

A problem names its type (a URL of the Recommendation), the place (JSON pointer) and what is wrong there. An empty
answer means that the shape is right; nothing is said about signatures, terms of contexts or status lists.

Source: W3C Verifiable Credentials Data Model 2.0, sections 4, 5 and 7; W3C Verifiable Credentials Data Model 1.1,
sections 4 and 5; W3C Bitstring Status List 1.0, section 2.1.
"""

from __future__ import annotations

from verifier.data_model.credential import V1_CONTEXT, V2_CONTEXT, credential_problems, issuer_of
from verifier.data_model.envelope import Envelope, is_envelope, open_envelope
from verifier.data_model.presentation import credentials_of, holder_of, presentation_problems
from verifier.data_model.problem import DataProblem

__all__ = [
    "V1_CONTEXT",
    "V2_CONTEXT",
    "DataProblem",
    "Envelope",
    "credential_problems",
    "credentials_of",
    "holder_of",
    "is_envelope",
    "issuer_of",
    "open_envelope",
    "presentation_problems",
]
