"""The revocation lists of 1EdTech: a JSON document at an address, with the ids of credentials that were revoked.

Nobody signs such a list. What it says against a credential counts wherever it is, since the issuer's signature names
the address. That it says nothing counts only on the issuer's own host: there TLS says whose word the list is, as it
does for the issuer's keys. On any other host somebody may have taken a name off the list.

Deprecated in favour of Bitstring Status Lists by Open Badges 3.0 (September 2025), and still in many badges.

Source: 1EdTech Revocation List Status Method 1.0.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlsplit

from verifier.foreign.credential import Credential, identifier
from verifier.foreign.source import read_source
from verifier.foreign.status_list import ListError, Lists

REVOCATION_LIST: Final = "1EdTechRevocationList"
MEMBERS: Final = ("revokedCredential", "revokedCredentials")
"""What the list is called: by the specification, and by 1EdTech's own validator."""
MAX_REVOKED: Final = 100_000


def is_listed(entry: dict[str, Any], credential: Credential, lists: Lists) -> bool:
    """Tell whether a list says that a credential is revoked.

    Args:
        entry: The status entry; its `id` is the address of the list.
        credential: The credential, with good signature.
        lists: Where lists are, and whose count.

    Raises:
        ListError: The list says nothing that counts.
        InputError: It is no strict JSON object.
        SourceMissingError: It is not at hand.
    """
    url = identifier(entry) or ""
    if not url.startswith("https://") or credential.id is None:
        raise ListError("a list that is not under an https address, or a credential without an id")
    found = read_source(lists.sources, url)
    owner = identifier(found.get("issuer"))
    if owner is None and not any(name in found for name in MEMBERS):
        raise ListError("neither a list of credentials nor an issuer")
    if owner not in {None, lists.issuer}:
        raise ListError(f"the list is of another issuer: {str(owner)[:200]}")
    if credential.id in _revoked(found):
        return True
    if urlsplit(url).netloc != host_of(lists.issuer):
        raise ListError("nobody signed the list, and it is not on the issuer's own host")
    return False


def host_of(issuer: str) -> str | None:
    """Return the host, and its port if it has one, whose TLS speaks for an issuer; None if it is a key itself."""
    if issuer.startswith("https://"):
        return urlsplit(issuer).netloc
    for method, place in (("did:web:", 2), ("did:webvh:", 3)):
        parts = issuer.split(":")
        if issuer.startswith(method) and len(parts) > place:
            return unquote(parts[place])
    return None


def _revoked(found: dict[str, Any]) -> set[str]:
    lists = [found[name] for name in MEMBERS if name in found]
    entries = [one for listed in lists for one in (listed if isinstance(listed, list) else [listed])]
    if len(entries) > MAX_REVOKED or not all(isinstance(one, dict) for one in entries):
        raise ListError("a list whose entries are no objects, or too many")
    named = [(identifier(one), one.get("revoked", True)) for one in entries]
    if any(name is None or not isinstance(revoked, bool) for name, revoked in named):
        raise ListError("an entry without an id, or neither revoked nor not")
    return {name for name, revoked in named if name is not None and revoked}
