"""Pure checks over a document and its proofs, ending in a report of named steps and a verdict.

No database, no network, no clock: what to look at, whom to trust and what time it is are
arguments. It works when the issuer and the ledger are gone. Of our packages it imports anchoring
alone.
"""
