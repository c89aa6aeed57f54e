"""Shape of embedded proofs: what has to be there before anything is computed.

Source: W3C VC Data Integrity 1.0, section 2.1 (Proofs).
"""

from __future__ import annotations

from typing import Final

from verifier.data_model.problem import CRYPTOGRAPHIC_SECURITY, Problems
from verifier.data_model.value import is_url, objects_of, seconds_of
from verifier.strict_json import Json

MAX_PROOFS: Final = 16
"""Most proofs of one document that are looked at. Our own limit; real documents have one or two."""
_NEEDED: Final = ("type", "proofPurpose", "verificationMethod", "proofValue")


def check_proofs(value: Json, pointer: str, problems: Problems) -> None:
    """Note what is wrong with the member `proof`: one proof or several."""
    proofs = objects_of(value, pointer, problems)
    if len(proofs) > MAX_PROOFS:
        problems.add(f"at most {MAX_PROOFS} proofs are looked at", pointer, CRYPTOGRAPHIC_SECURITY)
        return
    for proof, place in proofs:
        for name in _NEEDED:
            if not isinstance(proof.get(name), str) or not proof[name]:
                problems.add(f"a proof has the text {name}", f"{place}/{name}", CRYPTOGRAPHIC_SECURITY)
        for name in ("created", "expires"):
            moment = proof.get(name)
            if name in proof and (not isinstance(moment, str) or seconds_of(moment, needs_zone=False) is None):
                # One without an offset is read as UTC, which section 2.1 wants.
                problems.add("a date and time belongs here", f"{place}/{name}")
        if "id" in proof and not is_url(proof["id"]):
            problems.add("an id is one URL", f"{place}/id")
