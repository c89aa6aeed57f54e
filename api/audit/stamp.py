"""Time anchors and checkpoints: what was signed or stamped once must be a part of the log as it is now."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from hashlib import sha256

import msgspec
from rfc3161_client import decode_timestamp_response

from anchoring.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from anchoring.error import AnchoringError, CorruptionError
from anchoring.note import parse_note
from anchoring.reader import LogReader
from anchoring.rfc3161 import KIND as RFC3161
from anchoring.rfc3161 import verify_rfc3161
from anchoring.tlog_policy import LogKey
from anchoring.tree import verify_consistency
from api.audit.finding import Findings
from api.audit.instant import instant, milliseconds
from api.audit.replay import LoggedAnchor
from api.instant import in_utc
from ledger.event import Instant
from verifier.policy import Authority

Fetch = Callable[[str], "bytes | None"]


class ServedAnchor(msgspec.Struct, frozen=True):
    """A time anchor with its token, as a server gives it out."""

    kind: str
    name: str
    time: Instant
    size: int
    checkpoint: str
    token: str
    log_index: int | None


class ServedAnchors(msgspec.Struct, frozen=True):
    """A page of the anchors that a server gives out."""

    anchors: list[ServedAnchor]
    next: int | None = None


def read_checkpoint(content: bytes, log: LogKey) -> Checkpoint:
    """Read a checkpoint that an auditor brings: a signed note, whose signature is verified, or its three lines alone.

    Raises:
        AnchoringError: It is neither, or not of this log.
    """
    text = content.decode("utf-8", "replace")
    if "\n\n" in text:
        return verify_checkpoint(parse_note(content), log)
    return parse_checkpoint(text)


def check_part(reader: LogReader, checkpoint: Checkpoint, where: str, findings: Findings) -> bool:
    """Check that the log as it is now extends *checkpoint*; returns whether it does.

    Its tiles are verified against the newest signed root, so their root over the first entries is what it says today.
    """
    now = reader.checkpoint
    try:
        if checkpoint.origin != now.origin:
            what = f"it is of {checkpoint.origin}, and this log is {now.origin}"
        elif checkpoint.size > now.size:
            what = f"it covers {checkpoint.size} entries, and the log has {now.size}"
        elif reader.root(checkpoint.size) != checkpoint.root:
            what = f"the first {checkpoint.size} entries of the log are not those that it was signed over"
        else:
            return True
    except CorruptionError as error:
        what = str(error)
    findings.add("checkpoint-inconsistent", where, what)
    return False


def check_extension(reader: LogReader, previous: Checkpoint, when: str, findings: Findings) -> bool:
    """Check that the log only grew since *previous*; returns whether it did. *when* that was goes into the words."""
    if previous.size == 0:
        return True
    try:
        verify_consistency(
            old_size=previous.size,
            old_root=previous.root,
            new_size=reader.checkpoint.size,
            new_root=reader.checkpoint.root,
            proof=reader.consistency_proof(previous.size),
        )
    except AnchoringError as error:
        what = f"the log is not an extension of the {previous.size} entries {when}: {error}"
        findings.add("log-forked", "checkpoint", what)
        return False
    return True


def check_logged_anchors(reader: LogReader, anchors: list[LoggedAnchor], findings: Findings) -> None:
    """Check that each anchor record of the log names a checkpoint that the log really had."""
    for number, anchor in enumerate(anchors, start=1):
        if anchor.size <= anchor.index and reader.root(anchor.size) != anchor.root:
            what = f"anchor {number} is over another tree of {anchor.size} entries than this log's"
            findings.at(anchor.index, "anchor-root", what)


class StampCheck:
    """Compares the tokens that a server gives out with what the log says of them.

    Args:
        reader: The log.
        log: The log's key.
        authorities: Time-stamping authorities that the auditor's policy names.
        findings: Where differences go.
    """

    def __init__(self, reader: LogReader, log: LogKey, authorities: tuple[Authority, ...], findings: Findings) -> None:
        self._reader = reader
        self._log = log
        self._authorities = authorities
        self._findings = findings
        self.verified = 0

    def run(self, fetch: Fetch, logged: list[LoggedAnchor]) -> int:
        """Check what is answered at ``/v1/anchors``; returns how many anchors the log has."""
        try:
            served = list(_pages(fetch))
            tokens = [base64.b64decode(one.token, validate=True) for one in served]
        except (msgspec.MsgspecError, ValueError) as error:
            self._findings.add("anchors-unreadable", "/v1/anchors", f"the answer cannot be read: {error}")
            return len(logged)
        by_digest = {sha256(token).digest(): (one, token) for one, token in zip(served, tokens, strict=True)}
        for number, record in enumerate(logged, start=1):
            found = by_digest.pop(record.token_sha256, None)
            if found is None:
                what = "the token of a logged time anchor is not served"
                self._findings.add("anchor-missing", f"anchor {number}", what, record.index)
            else:
                self._one(f"anchor {number}", record, *found)
        for one, _ in by_digest.values():
            if one.log_index is not None and one.log_index < self._reader.checkpoint.size:
                self._findings.add("anchor-unlogged", f"anchor of {one.size} entries", "the log has no such record")
        return len(logged)

    def _one(self, where: str, record: LoggedAnchor, served: ServedAnchor, token: bytes) -> None:
        try:
            checkpoint = verify_checkpoint(parse_note(served.checkpoint.encode()), self._log)
        except AnchoringError as error:
            self._findings.add(
                "anchor-differs", where, f"the stamped checkpoint is not the log's: {error}", record.index
            )
            return
        if (checkpoint.size, checkpoint.root) != (record.size, record.root):
            self._findings.add("anchor-differs", where, "the stamped checkpoint is not the logged one", record.index)
        check_part(self._reader, checkpoint, where, self._findings)
        if record.kind == RFC3161:
            self._token(where, record, served.checkpoint.encode(), token)

    def _token(self, where: str, record: LoggedAnchor, note: bytes, token: bytes) -> None:
        """Compare the token with the note and the logged time; verify it if the policy names its authority."""
        try:
            info = decode_timestamp_response(token).tst_info
            stamped, digest = in_utc(info.gen_time), info.message_imprint.message
        except Exception as error:  # noqa: BLE001  hostile DER makes the library raise many kinds
            self._findings.add("anchor-differs", where, f"the token is not a time-stamp: {error}", record.index)
            return
        if digest != sha256(note).digest():
            self._findings.add("anchor-differs", where, "the token stamps something else", record.index)
        if milliseconds(stamped) // 1000 != record.time // 1000:
            what = f"the token says {stamped:%Y-%m-%d %H:%M:%S}, the log {instant(record.time):%Y-%m-%d %H:%M:%S}"
            self._findings.add("anchor-differs", where, what, record.index)
        for authority in self._authorities:
            if authority.name == record.name:
                self._verify(where, record, note, token, authority)

    def _verify(self, where: str, record: LoggedAnchor, note: bytes, token: bytes, authority: Authority) -> None:
        chain = authority.chain
        try:
            verify_rfc3161(
                token,
                note,
                authority.certificate,
                intermediates=chain[:-1],
                roots=chain[-1:] or (authority.certificate,),
            )
        except AnchoringError as error:
            self._findings.add("anchor-signature", where, str(error), record.index)
        else:
            self.verified += 1


def _pages(fetch: Fetch) -> Iterator[ServedAnchor]:
    """Yield the served anchors; ValueError when the pages do not go on."""
    after: int | None = 0
    while after is not None:
        page = msgspec.json.decode(fetch(f"/v1/anchors?after={after}") or b"", type=ServedAnchors)
        yield from page.anchors
        if page.next is not None and page.next <= after:
            message = f"the page after {after} is followed by the one after {page.next}"
            raise ValueError(message)
        after = page.next
