"""The pages under docs/spec say every code, reason, member and limit that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from api import foreign
from verifier import bundle, evidence
from verifier.checks.log import MAX_SIGNATURES
from verifier.directory import Accreditation, Key, Record
from verifier.foreign import baked, credential, disclosure, jws, presentation, securing, source
from verifier.foreign.plan import FOREIGN_PLAN, PRESENTATION_PLAN
from verifier.integrity import selective
from verifier.plan import FULL_PLAN
from verifier.strict_json import MAX_DEPTH, MAX_NUMBER_CHARS
from verifier.wire import MAX_PROOF_HASHES
from verifier.wording import SENTENCES

SPEC = Path(__file__).parents[2] / "docs" / "spec"


def page(name: str) -> str:
    return (SPEC / f"{name}.md").read_text("utf-8")


CODES = {*FULL_PLAN, *FOREIGN_PLAN, *PRESENTATION_PLAN}


@pytest.mark.parametrize("code", sorted(CODES))
def test_report_page_names_every_check(code: str) -> None:
    assert f"`{code}`" in page("report")


@pytest.mark.parametrize("reason", sorted(SENTENCES))
def test_report_page_names_every_reason(reason: str) -> None:
    assert f"`{reason}`" in page("report")


def test_report_page_names_no_check_that_is_not_there() -> None:
    named = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)`", page("report"), re.MULTILINE))
    assert named == CODES


@pytest.mark.parametrize(
    "form",
    [evidence.Evidence, evidence.Anchor, evidence.ProvedEntry, evidence.ProvedChunk, Record, Key, Accreditation],
)
def test_evidence_page_names_every_member(form: type[msgspec.Struct]) -> None:
    text = page("evidence")
    for member in form.__struct_fields__:
        assert re.search(rf"[`.\[\]]{member}[`.\[]", text), member


@pytest.mark.parametrize(
    "limit",
    [
        evidence.MAX_EVIDENCE_BYTES,
        bundle.MAX_DOCUMENT_BYTES,
        bundle.MAX_BUNDLE_BYTES,
        evidence.MAX_ENTRIES,
        evidence.MAX_ANCHORS,
        MAX_PROOF_HASHES,
        MAX_SIGNATURES,
        MAX_DEPTH,
        MAX_NUMBER_CHARS,
        baked.MAX_IMAGE_BYTES,
        baked.MAX_CREDENTIAL_BYTES,
        baked.MAX_CHUNKS,
        baked.MAX_ELEMENTS,
        baked.MAX_ELEMENT_DEPTH,
        jws.MAX_JWS_CHARS,
        disclosure.MAX_SD_JWT_CHARS,
        disclosure.MAX_DISCLOSURES,
        securing.MAX_PROOFS,
        selective.MAX_VALUE_CHARS,
        selective.MAX_STATEMENTS,
        credential.MAX_STATUS_ENTRIES,
        presentation.MAX_CREDENTIALS,
        source.MAX_SOURCE_BYTES,
        foreign.MAX_SOURCES,
    ],
)
def test_report_page_names_every_limit(limit: int) -> None:
    assert re.search(rf"\b{limit:,}\b", page("report").partition("## Limits")[2])
