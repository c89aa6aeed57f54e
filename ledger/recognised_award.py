"""What a recognition is about: an award of this ledger, or one from elsewhere, signed or on paper.

Of an award of this ledger everything is known from its template; who decides shows by document and salt that the holder
gave it to them. What comes from elsewhere is entered by who decides, with the document itself or scans of it; the
ledger keeps these in the vault and judges none of them.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import msgspec

from ledger.achievement import MAX_CREDITS_CENTI, MAX_EQF, MAX_OUTCOMES, MAX_TEXT_CHARS, MAX_WORKLOAD_MINUTES, MIN_EQF
from ledger.detail import ISCED_F
from ledger.error import InvalidInputError
from ledger.limit import CredentialKind
from ledger.text import check_text, is_blank

Origin: TypeAlias = Literal["ledger", "document", "paper"]
MAX_NAME_CHARS: Final = 200
MAX_FIELDS: Final = 20
MAX_FILES: Final = 10
MAX_FILE_BYTES: Final = 8 << 20
"""All files of one recognition together. Source: half of the largest request body (CAIRN_MAX_BATCH_BODY_BYTES)."""
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+-]{1,100}")


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document or a scan, as it is sent; ``content`` is base64."""

    name: str
    media_type: str
    content: str

    @property
    def raw(self) -> bytes:
        """The exact bytes. Raises InvalidInputError."""
        try:
            return b64decode(self.content, validate=True)
        except (binascii.Error, ValueError) as error:
            message = "the content of a file is base64, with padding"
            raise InvalidInputError(message, "/content") from error


class KeptFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file as the decision names it: the vault has the bytes."""

    name: str
    media_type: str
    sha256: str
    bytes: int


class HeldAward(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="origin", tag="ledger"
):
    """An award of this ledger, with what opens its commitment: document and salt, or the holder's bundle of both.

    An institution that recognises what it awarded itself needs neither.
    """

    credential: str
    document: dict[str, Any] | str | None = None
    salt: str | None = None
    bundle: dict[str, Any] | None = None


class _OutsideAward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered of an award from elsewhere."""

    title: str
    awarded_by: str
    awarded_on: date
    files: tuple[File, ...]
    country: str | None = None
    valid_until: date | None = None
    credits_centi: int | None = None
    workload_minutes: int | None = None
    eqf_level: int | None = None
    fields: tuple[str, ...] = ()
    kind: CredentialKind = "other"
    outcomes: tuple[str, ...] = ()
    grade: str | None = None


class SignedAward(_OutsideAward, frozen=True, kw_only=True, tag_field="origin", tag="document"):
    """An award from elsewhere as a digital document, in any format: the first file is the document."""


class PaperAward(_OutsideAward, frozen=True, kw_only=True, tag_field="origin", tag="paper"):
    """An award on paper, entered with its evidence (scans, a letter of the awarding body)."""


AwardShown: TypeAlias = HeldAward | SignedAward | PaperAward
"""An award as it is shown to who decides."""


class RecognisedAward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The award in a decision. Personal: it is in the vault, and the log holds a commitment to it.

    Attributes:
        origin: Where it comes from.
        credential: Public id, of an award of this ledger.
        institution: Slug of who awarded it, of an award of this ledger.
        achievement: That institution's code for it, of an award of this ledger.
        edition: Edition of that achievement.
        title: What was awarded.
        awarded_by: Who awarded it.
        country: Where, ISO 3166-1 alpha-2.
        awarded_on: On which day.
        valid_until: Last day of its validity, None without an end.
        credits_centi: Size in hundredths of an ECTS credit.
        workload_minutes: Size in minutes of workload.
        eqf_level: 1 to 8.
        fields: ISCED-F codes.
        kind: Kind of credential.
        outcomes: Learning outcomes in words.
        grade: As awarded.
        files: What was shown from elsewhere.
    """

    origin: Origin
    title: str
    awarded_by: str
    awarded_on: date
    credential: str | None = None
    institution: str | None = None
    achievement: str | None = None
    edition: int | None = None
    country: str | None = None
    valid_until: date | None = None
    credits_centi: int | None = None
    workload_minutes: int | None = None
    eqf_level: int | None = None
    fields: tuple[str, ...] = ()
    kind: CredentialKind = "other"
    outcomes: tuple[str, ...] = ()
    grade: str | None = None
    files: tuple[KeptFile, ...] = ()

    @property
    def source(self) -> str:
        """Key of what is recognised: the id of an award of this ledger, or the digest of the first file."""
        return self.credential if self.credential is not None else f"sha256:{self.files[0].sha256}"


def enter(shown: SignedAward | PaperAward, today: date) -> tuple[RecognisedAward, tuple[bytes, ...]]:
    """Take in an award from elsewhere.

    Args:
        shown: What was entered of it.
        today: The present day, UTC.

    Returns:
        The award, and the exact bytes of its files in their order.

    Raises:
        InvalidInputError: Something is not well formed, or there is no file; the pointer is relative to *shown*.
    """
    _check(shown, today)
    contents = tuple(_content(file, f"/files/{number}") for number, file in enumerate(shown.files))
    if sum(map(len, contents)) > MAX_FILE_BYTES:
        message = f"the files have at most {MAX_FILE_BYTES} bytes together; send smaller scans"
        raise InvalidInputError(message, "/files")
    files = tuple(
        KeptFile(name=file.name, media_type=file.media_type, sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw))
        for file, raw in zip(shown.files, contents, strict=True)
    )
    members = {name: getattr(shown, name) for name in _OutsideAward.__struct_fields__ if name != "files"}
    origin: Origin = "document" if isinstance(shown, SignedAward) else "paper"
    return RecognisedAward(origin=origin, files=files, **members), contents


def _check(shown: SignedAward | PaperAward, today: date) -> None:
    check_text(shown)
    for name in ("title", "awarded_by", "grade"):
        _check_name(getattr(shown, name), f"/{name}", is_optional=name == "grade")
    if shown.country is not None and not _COUNTRY.fullmatch(shown.country):
        message = "a country is two capital letters (ISO 3166-1 alpha-2), such as EE"
        raise InvalidInputError(message, "/country")
    if shown.awarded_on > today:
        message = "awarded_on lies in the future"
        raise InvalidInputError(message, "/awarded_on")
    if shown.valid_until is not None and shown.valid_until < shown.awarded_on:
        message = "an award ends after it begins"
        raise InvalidInputError(message, "/valid_until")
    check_size(shown.credits_centi, shown.workload_minutes, shown.eqf_level)
    check_fields(shown.fields, "/fields")
    check_outcomes(shown.outcomes, "/outcomes")
    if not 0 < len(shown.files) <= MAX_FILES:
        message = f"an award from elsewhere comes with 1 to {MAX_FILES} files: the document itself, or scans of it"
        raise InvalidInputError(message, "/files")


def check_size(credits_centi: int | None, workload_minutes: int | None, level: int | None) -> None:
    """Refuse sizes and levels that there are not. Raises InvalidInputError."""
    for name, value, limit in (
        ("credits_centi", credits_centi, MAX_CREDITS_CENTI),
        ("workload_minutes", workload_minutes, MAX_WORKLOAD_MINUTES),
    ):
        if value is not None and not 0 < value <= limit:
            message = f"{name} lies between 1 and {limit}"
            raise InvalidInputError(message, f"/{name}")
    if level is not None and not MIN_EQF <= level <= MAX_EQF:
        message = f"an EQF level lies between {MIN_EQF} and {MAX_EQF}"
        raise InvalidInputError(message, "/eqf_level")


def check_fields(fields: tuple[str, ...], pointer: str) -> None:
    """Refuse what is no list of ISCED-F codes. Raises InvalidInputError."""
    wrong = len(fields) > MAX_FIELDS or len(set(fields)) != len(fields)
    if wrong or not all(ISCED_F.fullmatch(field) for field in fields):
        message = f"up to {MAX_FIELDS} different ISCED-F codes of two to four digits, such as 0613"
        raise InvalidInputError(message, pointer)


def check_outcomes(outcomes: tuple[str, ...], pointer: str) -> None:
    """Refuse blank, over-long, repeated or too many learning outcomes. Raises InvalidInputError."""
    if len(outcomes) > MAX_OUTCOMES or len(set(outcomes)) != len(outcomes):
        message = f"up to {MAX_OUTCOMES} learning outcomes, each of them once"
        raise InvalidInputError(message, pointer)
    for number, outcome in enumerate(outcomes):
        if is_blank(outcome) or len(outcome) > MAX_TEXT_CHARS:
            message = f"a learning outcome has 1 to {MAX_TEXT_CHARS} characters"
            raise InvalidInputError(message, f"{pointer}/{number}")


def _check_name(value: str | None, pointer: str, *, is_optional: bool) -> None:
    if value is None and is_optional:
        return
    if value is None or is_blank(value) or len(value) > MAX_NAME_CHARS:
        message = f"this has 1 to {MAX_NAME_CHARS} characters"
        raise InvalidInputError(message, pointer)


def _content(file: File, pointer: str) -> bytes:
    _check_name(file.name, f"{pointer}/name", is_optional=False)
    if not _MEDIA_TYPE.fullmatch(file.media_type):
        message = "a media type is one such as application/pdf, without parameters"
        raise InvalidInputError(message, f"{pointer}/media_type")
    try:
        raw = file.raw
    except InvalidInputError as error:
        raise InvalidInputError(error.detail, f"{pointer}{error.pointer}") from error
    if not raw:
        message = "the file is empty"
        raise InvalidInputError(message, f"{pointer}/content")
    return raw
