"""Whose key is it? The part of a verification method that names its controller.

Source: W3C Controlled Identifiers 1.0 section 2.2; VC Data Integrity section 2.1 (verificationMethod).
"""

from __future__ import annotations


def controller_of(method: str) -> str:
    """Return the identifier that a verification method belongs to: all before the fragment.

    A did:key without a fragment is its own controller. An address of https without a fragment names a document whose
    ``controller`` has to be read; it is returned as it is.

    Not checked: that the controller says so itself; whoever hands out the key checks that.
    """
    return method.partition("#")[0]
