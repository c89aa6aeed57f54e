"""Disclosures: what an operator shows an accreditor of the awards behind the log.

A file of lines: a header, one line for each award with its document and the salt of its commitment, and a last line
that says how many there were, so that a file which was cut off is noticed. All of it is personal data.

What is checked of it: :mod:`api.audit.disclosure_check`.

Source: docs/spec/disclosures.md.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import msgspec

from api.audit.part_check import DisclosedPart
from api.audit.recognised_check import ShownDetails
from ledger.event import Instant
from ledger.part import KeptWhole, Opening

FORMAT: Final = "cairn/disclosures/v3"
WITHOUT_RECOGNITIONS: Final = "cairn/disclosures/v2"
"""Without what recognitions decided; read as before."""
WITHOUT_DERIVATIONS: Final = "cairn/disclosures/v1"
"""Without derivations and parts too; read as before."""
WARNING: Final = (
    "This file is personal data: names, results and the salts that open the log's commitments. "
    "Use it for the audit it was made for, pass it to nobody, and destroy it afterwards."
)
MAX_LINE_BYTES: Final = 512 * 1024
"""Twice the longest document that the verifier takes."""
_AGGREGATE: Final = r"^[0-9a-f]{32}\Z"


class DisclosureError(Exception):
    """The file cannot be read as disclosures."""


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First line. ``institution`` is a slug, or null when awards of all are in the file."""

    format: str
    warning: str
    origin: str
    institution: str | None
    made_at: Instant


class RecognitionPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a recognition decided: its id, the version of the event, the details, and the salt in base64."""

    recognition: Annotated[str, msgspec.Meta(pattern=_AGGREGATE)]
    version: int
    details: msgspec.Raw
    salt: str

    def decoded(self) -> tuple[UUID, ShownDetails]:
        """The same, as bytes.

        Raises:
            binascii.Error: The salt is not base64.
        """
        shown = ShownDetails(self.version, bytes(self.details), base64.b64decode(self.salt, validate=True))
        return UUID(hex=self.recognition), shown


class StackPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a stacked award was made of: the derivation, and the salt of the commitment to it in base64.

    ``recognitions`` are the decisions by which something counts in it, as far as they were made by then.
    """

    derivation: msgspec.Raw
    salt: str
    recognitions: tuple[RecognitionPart, ...] = ()


class PartLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shows a part of an unpacked diploma: ids as 32 hexadecimal digits, bytes in base64.

    ``whole`` is the diploma, ``whole_salt`` the salt of the commitment to it; ``leaf``, ``index`` and ``proof`` show
    the part under the root of the unpacking.
    """

    unpacking: Annotated[str, msgspec.Meta(pattern=_AGGREGATE)]
    whole: Annotated[str, msgspec.Meta(pattern=_AGGREGATE)]
    whole_salt: str
    leaf: str
    index: int
    proof: tuple[str, ...]

    def decoded(self, part: UUID) -> DisclosedPart:
        """The same, as bytes.

        Raises:
            binascii.Error: Something is not base64.
        """
        return DisclosedPart(
            part=part,
            unpacking=UUID(hex=self.unpacking),
            whole=UUID(hex=self.whole),
            whole_salt=base64.b64decode(self.whole_salt, validate=True),
            leaf=base64.b64decode(self.leaf, validate=True),
            index=self.index,
            proof=tuple(base64.b64decode(one, validate=True) for one in self.proof),
        )


class ShownStack(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator shows of a stacked award.

    Attributes:
        derivation: Its canonical bytes.
        salt: Of the commitment to them.
        recognitions: Each decision by which something counts in it, with the recognition's id.
    """

    derivation: bytes
    salt: bytes
    recognitions: tuple[tuple[UUID, ShownDetails], ...]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One award: aggregate id, kind of the form, salt in base64, the signed document; and its stack, if it is one."""

    aggregate: Annotated[str, msgspec.Meta(pattern=_AGGREGATE)]
    kind: str
    salt: str
    document: msgspec.Raw
    stack: StackPart | None = None
    part: PartLine | None = None


class Trailer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Last line."""

    end: str
    awards: int


class Disclosures:
    """A file of disclosures; its header is read at once, its lines when they are asked for.

    Args:
        path: The file.

    Raises:
        DisclosureError: It is none.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            first = file.readline(MAX_LINE_BYTES)
        try:
            self.header = msgspec.json.decode(first, type=Header)
        except msgspec.MsgspecError as error:
            message = f"{path.name} does not begin like a file of disclosures: {error}"
            raise DisclosureError(message) from error
        if self.header.format not in {FORMAT, WITHOUT_RECOGNITIONS, WITHOUT_DERIVATIONS}:
            message = f"{path.name} is of the format {self.header.format[:40]!r}, and this version reads {FORMAT}"
            raise DisclosureError(message)

    @property
    def has_derivations(self) -> bool:
        """Whether stacked awards come with what they were made of."""
        return self.header.format != WITHOUT_DERIVATIONS

    @property
    def has_recognitions(self) -> bool:
        """Whether stacked awards come with what the recognitions in them decided."""
        return self.header.format == FORMAT

    def lines(self) -> Iterator[Line]:
        """Yield the awards.

        Raises:
            DisclosureError: A line is not one, or the file does not end as it must.
        """
        count = 0
        with self._path.open("rb") as file:
            file.readline(MAX_LINE_BYTES)
            for number in range(2, 1 << 62):
                raw = file.readline(MAX_LINE_BYTES)
                if raw.startswith(b'{"end":'):
                    self._require_end(raw, count, file.read(1))
                    return
                count += 1
                try:
                    line = msgspec.json.decode(raw, type=Line)
                except msgspec.MsgspecError as error:
                    message = f"line {number} of {self._path.name} is no disclosure, or the file was cut off: {error}"
                    raise DisclosureError(message) from error
                is_stack, is_part = line.stack is not None, line.part is not None
                has_decisions = line.stack is not None and bool(line.stack.recognitions)
                if ((is_stack or is_part) and not self.has_derivations) or (
                    has_decisions and not self.has_recognitions
                ):
                    message = f"line {number} of {self._path.name} has a member that its format has no place for"
                    raise DisclosureError(message)
                yield line

    def _require_end(self, raw: bytes, count: int, more: bytes) -> None:
        try:
            trailer = msgspec.json.decode(raw, type=Trailer)
        except msgspec.MsgspecError:
            trailer = Trailer(end="", awards=-1)
        if trailer != Trailer(end=self.header.format, awards=count) or more:
            message = f"{self._path.name} does not end as a file of {count} disclosures does"
            raise DisclosureError(message)


def write_header(origin: str, institution: str | None, made_at: datetime) -> bytes:
    """Return the first line."""
    header = Header(format=FORMAT, warning=WARNING, origin=origin, institution=institution, made_at=made_at)
    return msgspec.json.encode(header) + b"\n"


def write_line(
    aggregate: UUID,
    kind: str,
    salt: bytes,
    document: bytes,
    stack: ShownStack | None = None,
    part: tuple[Opening, KeptWhole] | None = None,
) -> bytes:
    """Return an award's line; *document* is the exact form that is committed to.

    Args:
        aggregate: The award.
        kind: Of the form.
        salt: Of the commitment to it.
        document: The form.
        stack: Of a stacked award, what it was made of.
        part: What opens a part of an unpacked diploma, and what the unpacking is of.
    """
    shown = None
    if stack is not None:
        decisions = tuple(
            RecognitionPart(
                recognition=recognition.hex,
                version=details.version,
                details=msgspec.Raw(details.form),
                salt=base64.b64encode(details.salt).decode(),
            )
            for recognition, details in stack.recognitions
        )
        salt_text = base64.b64encode(stack.salt).decode()
        shown = StackPart(derivation=msgspec.Raw(stack.derivation), salt=salt_text, recognitions=decisions)
    line = Line(
        aggregate=aggregate.hex,
        kind=kind,
        salt=base64.b64encode(salt).decode(),
        document=msgspec.Raw(document),
        stack=shown,
        part=None if part is None else _part_line(*part),
    )
    return msgspec.json.encode(line) + b"\n"


def _part_line(opening: Opening, whole: KeptWhole) -> PartLine:
    return PartLine(
        unpacking=opening.unpacking.hex,
        whole=whole.whole.hex,
        whole_salt=base64.b64encode(whole.salt).decode(),
        leaf=base64.b64encode(opening.leaf).decode(),
        index=opening.index,
        proof=tuple(base64.b64encode(one).decode() for one in opening.path),
    )


def write_trailer(awards: int) -> bytes:
    """Return the last line."""
    return msgspec.json.encode(Trailer(end=FORMAT, awards=awards)) + b"\n"
