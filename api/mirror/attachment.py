"""What is signed outside the log and has to fit it: status lists by institutions, tokens by time-stamp authorities.

A mirror has nobody's key, so it passes such documents on as their signers made them, byte for byte, and only when they
say what the log says. A list that is behind the verified log, or ahead of it, is not served until one fits.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from openvc.status.bitstring import StatusListError, decode_bitstring

from anchoring.anchor_record import AnchorRecord
from anchoring.checkpoint import parse_checkpoint
from anchoring.error import AnchoringError
from anchoring.note import parse_note
from anchoring.storage import StoredAnchor
from anchoring.time_anchor import AnchorProof
from api.error import NotReadyError, UnknownResourceError
from api.mirror.directory import MirrorDirectory
from api.mirror.error import AttachmentError, UpstreamError
from api.mirror.head import Head, ServedHead
from api.mirror.refold import Refold
from api.mirror.upstream import Upstream
from api.signed_list import SIGN_AGAIN_AFTER, SignedList
from ledger.document import PURPOSES
from projections.directory_record import DirectoryRecord, parse_record
from projections.state_fold import CommittedState
from verifier.error import VerifierError
from verifier.integrity.proof import require_proof
from verifier.public_key import PublicKey

FETCH_AGAIN_AFTER: Final = SIGN_AGAIN_AFTER
"""From then on the ledger signs a list anew when it is asked for one."""
CLOCK_SKEW: Final = timedelta(seconds=60)
ANCHORS_FILE: Final = "anchors.json"
MAX_ANCHOR_PAGES: Final = 10_000
RETRY: Final = {"Retry-After": "5"}

Json = dict[str, Any]


class DocumentError(Exception):
    """A fetched document is not what it has to be; it is not kept."""


class MirroredStatusLists:
    """Status lists as their institutions signed them. ``refresh`` belongs to one thread, ``signed`` to any.

    Args:
        directory: Keeps them.
        upstream: Gives them.
        served: What they have to agree with.
        ledger_url: Address that stands in them.
        owner: The institution whose block of places it is.
        now: Present instant.
    """

    def __init__(
        self,
        directory: MirrorDirectory,
        upstream: Upstream,
        served: ServedHead,
        ledger_url: str,
        owner: Callable[[int], UUID | None],
        now: Callable[[], datetime],
    ) -> None:
        self._directory = directory
        self._upstream = upstream
        self._served = served
        self._ledger_url = ledger_url
        self._owner = owner
        self._now = now
        self._lock = threading.Lock()
        self._lists: dict[int, tuple[SignedList, ...]] = {}

    def recall(self, head: Head) -> None:
        """Take the kept lists that still fit; nobody is asked."""
        for number in range(2 * len(head.state.revocation.blocks)):
            self._recall(number, head.state, list_bits(head.state, number))

    def refresh(self, head: Head) -> None:
        """Fetch every list that changed, or that its institution is about to sign again.

        Lists for the head before stay at hand: it is served until this returns.

        Raises:
            UpstreamError: The ledger does not answer, or a list does not fit; then the others were looked at all the
                same.
        """
        problems = []
        for number in range(2 * len(head.state.revocation.blocks)):
            bits = list_bits(head.state, number)
            try:
                if not self._is_current(number, bits):
                    self._fetch(number, head.state, bits)
            except DocumentError as error:
                problems.append(f"status list {number}: {error}")
        if problems:
            raise UpstreamError("; ".join(problems))

    def signed(self, number: int) -> SignedList:
        """The list with *number*, as its institution signed it.

        Raises:
            UnknownResourceError: There is no such list.
            NotReadyError: None is at hand that says what the verified log says, or the log as seen is too old.
        """
        head = self._served.head
        if head is None or not 0 <= number < 2 * len(head.state.revocation.blocks):
            message = "there is no such status list"
            raise UnknownResourceError(message)
        if self._served.is_too_old:
            message = "this mirror has not seen the log for too long to pass on a status list; ask the ledger itself"
            raise NotReadyError(message, headers=RETRY)
        kept = self._fitting(number, list_bits(head.state, number))
        if kept is None:
            message = (
                "this mirror has no copy of this list that its institution signed and that says what the log says; "
                "it cannot sign one itself. Try again, or ask the ledger itself"
            )
            raise NotReadyError(message, headers=RETRY)
        return kept

    def _fitting(self, number: int, bits: bytes) -> SignedList | None:
        digest = hashlib.sha256(bits).digest()
        with self._lock:
            return next((one for one in self._lists.get(number, ()) if one.digest == digest), None)

    def _is_current(self, number: int, bits: bytes) -> bool:
        kept = self._fitting(number, bits)
        return kept is not None and self._now() - kept.signed_at < FETCH_AGAIN_AFTER

    def _recall(self, number: int, state: CommittedState, bits: bytes) -> None:
        kept = self._directory.document(_file_name(number))
        if kept is not None:
            with suppress(DocumentError):
                self._keep(number, self._verified(number, kept, state, bits))

    def _fetch(self, number: int, state: CommittedState, bits: bytes) -> None:
        fetched = self._upstream.document(f"/status-lists/{number}")
        if fetched is None:
            raise DocumentError("the ledger does not serve it")
        self._keep(number, self._verified(number, fetched, state, bits))
        self._directory.keep_document(_file_name(number), fetched)

    def _keep(self, number: int, found: SignedList) -> None:
        with self._lock:
            others = [one for one in self._lists.get(number, ()) if one.digest != found.digest]
            self._lists[number] = (found, *others[:1])

    def _verified(self, number: int, body: bytes, state: CommittedState, bits: bytes) -> SignedList:
        """Check that a list is of its institution, by its key, of this number, and says what the log says."""
        owner = self._owner(number // len(PURPOSES))
        if owner is None or owner not in state.numbers:
            raise DocumentError("the log names no institution for it yet")
        record = parse_record(state.records[state.numbers[owner]])
        value = _object(body)
        try:
            subject, proof = value["credentialSubject"], value["proof"]
            said = (value["issuer"], value["id"], subject["statusPurpose"])
            signed_at = datetime.fromisoformat(proof["created"])
            decoded = decode_bitstring(subject["encodedList"])
            key_id = _check_signature(value, str(proof["verificationMethod"]), record)
        except (KeyError, TypeError, ValueError, AttributeError, StatusListError, VerifierError) as error:
            raise DocumentError(f"it is not a list signed by {record.slug}: {error}") from error
        if said != (record.did, f"{self._ledger_url}/status-lists/{number}", PURPOSES[number % len(PURPOSES)]):
            raise DocumentError("it is another list than was asked for")
        if signed_at.tzinfo is None or signed_at > self._now() + CLOCK_SKEW:
            raise DocumentError("it was signed in the future")
        if decoded != bits:
            raise DocumentError("it does not say what the log says, as far as that was verified")
        digest, etag = hashlib.sha256(bits).digest(), f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return SignedList(body, etag, digest, key_id, signed_at)


def _file_name(number: int) -> str:
    return f"status-list-{number}.json"


def list_bits(state: CommittedState, number: int) -> bytes:
    """Return the 16,384 bytes of a status list: even numbers are revocations, odd ones suspensions."""
    status = state.suspension if number % len(PURPOSES) else state.revocation
    return status.blocks[number // len(PURPOSES)]


def _check_signature(value: Json, method: str, record: DirectoryRecord) -> str:
    """Verify the proof with the institution's key that it names; return the key's id.

    Raises:
        ValueError: It names no key of the institution that may speak for it.
        VerifierError: The signature is not good.
    """
    did, _, key_id = method.partition("#")
    key = next((key for key in record.keys if did == record.did and key.key_id == key_id), None)
    if key is None or key.revoked_at is not None or key.compromised_at is not None:
        message = "no key of the institution that may speak for it"
        raise ValueError(message)
    require_proof(value, PublicKey.from_multibase(key.multibase))
    return key_id


class MirroredAnchors:
    """Time anchors whose tokens the log's own records name. For one thread.

    Args:
        directory: Keeps them.
        upstream: Gives them.
        served: Offers them.
    """

    def __init__(self, directory: MirrorDirectory, upstream: Upstream, served: ServedHead) -> None:
        self._directory = directory
        self._upstream = upstream
        self._served = served
        self._kept: dict[int, Json] = {}
        self._is_loaded = False

    def refresh(self, records: Mapping[int, AnchorRecord]) -> None:
        """Fetch tokens of anchors that the log records and that are not here yet.

        Raises:
            UpstreamError: The list could not be had, or lacks a token that fits.
        """
        self.recall(records)
        if records.keys() - self._kept.keys():
            for page in self._pages():
                self._take(page, records)
            kept = [self._kept[index] for index in sorted(self._kept)]
            self._directory.keep_document(ANCHORS_FILE, msgspec.json.encode({"anchors": kept}))
        self._offer()
        missing = records.keys() - self._kept.keys()
        if missing:
            message = f"the ledger does not give the tokens of {len(missing)} time anchors that its log records"
            raise UpstreamError(message)

    def recall(self, records: Mapping[int, AnchorRecord]) -> None:
        """Offer the kept ones that the log records; nobody is asked."""
        if self._is_loaded:
            return
        with suppress(DocumentError):
            self._take(_items(self._directory.document(ANCHORS_FILE)), records)
        self._is_loaded = True
        self._offer()

    def _offer(self) -> None:
        anchors = [_anchor(serial, self._kept[index]) for serial, index in enumerate(sorted(self._kept), start=1)]
        self._served.keep_anchors(anchors)

    def _pages(self) -> Iterator[list[Json]]:
        path = "/v1/anchors"
        for _ in range(MAX_ANCHOR_PAGES):
            body = self._upstream.document(path)
            yield _items(body)
            following = None if body is None else _object(body).get("next")
            if not isinstance(following, str | int):
                return
            path = f"/v1/anchors?after={following}"

    def _take(self, items: list[Json], records: Mapping[int, AnchorRecord]) -> None:
        """Keep those that are exactly what the log recorded; whatever else is served is passed over."""
        for item in items:
            index = item.get("log_index")
            if not isinstance(index, int) or index in self._kept or (record := records.get(index)) is None:
                continue
            try:
                if _is_recorded(_anchor(0, item), record):
                    self._kept[index] = item
            except (KeyError, TypeError, ValueError, AttributeError, AnchoringError):
                continue


def _anchor(serial: int, item: Json) -> StoredAnchor:
    at = datetime.fromisoformat(item["time"])
    proof = AnchorProof(item["kind"], item["name"], at, base64.b64decode(item["token"], validate=True))
    return StoredAnchor(serial, proof, item["checkpoint"].encode(), item["size"], item["log_index"])


def _is_recorded(anchor: StoredAnchor, record: AnchorRecord) -> bool:
    proof, checkpoint = anchor.proof, parse_checkpoint(parse_note(anchor.checkpoint).text)
    named = (proof.kind, proof.name, proof.digest, proof.at.replace(microsecond=0))
    covered = (anchor.size, checkpoint.size, checkpoint.root)
    return named == (record.kind, record.name, record.token_sha256, record.time) and covered == (
        record.checkpoint_size,
        record.checkpoint_size,
        record.checkpoint_root,
    )


def _object(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body, type=Json)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DocumentError(f"it is not a JSON object: {error}") from error


def _items(body: bytes | None) -> list[Json]:
    found = None if body is None else _object(body).get("anchors")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


class MirrorAttachments:
    """Both kinds, looked at in turn."""

    def __init__(self, lists: MirroredStatusLists, anchors: MirroredAnchors) -> None:
        self._lists = lists
        self._anchors = anchors

    def recall(self, head: Head, refold: Refold) -> None:
        """Take what was kept for *head*; nobody is asked."""
        self._anchors.recall(refold.anchors)
        self._lists.recall(head)

    def refresh(self, head: Head, refold: Refold) -> None:
        """Fetch what is new for *head*.

        Raises:
            AttachmentError: Something could not be had; everything was tried.
        """
        problems = []
        try:
            self._anchors.refresh(refold.anchors)
        except (UpstreamError, DocumentError) as error:
            problems.append(str(error))
        try:
            self._lists.refresh(head)
        except (UpstreamError, DocumentError) as error:
            problems.append(str(error))
        if problems:
            raise AttachmentError("; ".join(problems))
