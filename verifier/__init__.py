"""Pure checks over a document and its proofs, ending in a report of named steps and a verdict.

    policy = parse_policy(text)
    report = verify_bundle(parse_bundle(data), policy, now=now)
    report.verdict, report.sentence.en, [check.code for check in report.checks]

No database, no network, no clock: what to look at, whom to trust and what time it is are
arguments. It works when the issuer and the ledger are gone. Of our packages it imports anchoring
alone.

    strict_json, wire, error            untrusted bytes to typed values, all or nothing
    evidence, bundle, document, policy  the formats; file_kind tells them apart
    credential_id, commitment           identifiers and commitments, written independently
    event, directory, timeline          what log entries and directory records say
    checks/, plan, verify               the numbered steps
    report, conclusion, wording         what is told at the end
"""

from verifier.bundle import Bundle, parse_bundle, parse_document
from verifier.error import FutureInstantError, InputError, PolicyError, VerifierError
from verifier.evidence import Evidence, parse_evidence
from verifier.policy import Policy, format_policy, merge_policies, parse_policy, trust_key
from verifier.report import Check, Group, Mode, Report, State, Verdict
from verifier.unlogged import LogSearch
from verifier.verify import LIVE_MAX_AGE, verify_bundle, verify_document, verify_evidence

__all__ = [
    "LIVE_MAX_AGE",
    "Bundle",
    "Check",
    "Evidence",
    "FutureInstantError",
    "Group",
    "InputError",
    "LogSearch",
    "Mode",
    "Policy",
    "PolicyError",
    "Report",
    "State",
    "Verdict",
    "VerifierError",
    "format_policy",
    "merge_policies",
    "parse_bundle",
    "parse_document",
    "parse_evidence",
    "parse_policy",
    "trust_key",
    "verify_bundle",
    "verify_document",
    "verify_evidence",
]
