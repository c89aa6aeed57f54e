"""Entries that say where a credential's status is to be found.

Source: W3C VC Data Model 2.0, section 4.10; W3C Bitstring Status List 1.0, section 2.1.
"""

from __future__ import annotations

import re
from typing import Final

from verifier.data_model.problem import Problems
from verifier.data_model.value import check_id, check_type, is_url
from verifier.strict_json import Json

BITSTRING_ENTRY: Final = "BitstringStatusListEntry"
MAX_STATUS_SIZE: Final = 16
"""Most bits of one status that are read: 65,536 messages. Our own limit."""
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def check_status_entry(entry: dict[str, Json], pointer: str, problems: Problems) -> None:
    """Note what is wrong with one entry of `credentialStatus`."""
    check_id(entry, pointer, problems)
    if BITSTRING_ENTRY in check_type(entry, pointer, problems):
        _check_bitstring_entry(entry, pointer, problems)


def _check_bitstring_entry(entry: dict[str, Json], pointer: str, problems: Problems) -> None:
    purpose, index = entry.get("statusPurpose"), entry.get("statusListIndex")
    if not isinstance(purpose, str) or not purpose:
        problems.add("a status purpose is a text", f"{pointer}/statusPurpose")
    if not isinstance(index, str) or _INDEX.fullmatch(index) is None:
        problems.add(
            "a status list index is a number from 0 up, written as a text in base 10", f"{pointer}/statusListIndex"
        )
    if not is_url(entry.get("statusListCredential")):
        problems.add("a status list credential is one URL", f"{pointer}/statusListCredential")
    elif entry.get("id") == entry["statusListCredential"]:
        problems.add("the id of an entry is not the URL of the list", f"{pointer}/id")
    _check_messages(entry, pointer, problems)
    if "statusReference" in entry:
        references = entry["statusReference"]
        urls = references if isinstance(references, list) else [references]
        if not urls or not all(is_url(url) for url in urls):
            problems.add("a status reference is one or more URLs", f"{pointer}/statusReference")


def _check_messages(entry: dict[str, Json], pointer: str, problems: Problems) -> None:
    size = entry.get("statusSize", 1)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= MAX_STATUS_SIZE:
        problems.add(f"a status size is a whole number from 1 to {MAX_STATUS_SIZE}", f"{pointer}/statusSize")
        return
    messages = entry.get("statusMessage")
    if messages is None:
        if size > 1 or "statusMessage" in entry:
            problems.add("a status of several bits names its messages", f"{pointer}/statusMessage")
        return
    if not isinstance(messages, list) or len(messages) != 2**size:
        problems.add("there is one status message for each value that the status can have", f"{pointer}/statusMessage")
        return
    for number, message in enumerate(messages):
        told = isinstance(message, dict) and all(isinstance(message.get(name), str) for name in ("status", "message"))
        if not told:
            problems.add("a status message has the texts status and message", f"{pointer}/statusMessage/{number}")
