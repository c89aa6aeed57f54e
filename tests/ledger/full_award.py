"""An award in which nothing is left out: every element that a template or a claim may have has a value of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from ledger.achievement import Template
from ledger.claim import AwardClaim
from ledger.credential_id import credential_aggregate_id
from ledger.detail import (
    Alignment,
    Details,
    Entitlement,
    Identifier,
    Image,
    NationalLevel,
    Part,
    Related,
    ResultDescription,
    RubricLevel,
)
from ledger.document import Award
from ledger.institution import Institution
from ledger.performance import Assessor, Evidence, Result
from ledger.status_allocation import StatusPlace
from tests.ledger.scenario import Scenario
from tests.ledger.test_identity import GOOD
from tests.ledger.test_institution import REGISTERED
from tests.ledger.world import START, TEMPLATE, claim

HOLDER_JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ENDORSEMENT: dict[str, Any] = {
    "@context": [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    ],
    "id": "urn:uuid:6f1c2a52-0000-4c1b-9a57-0c3c1d7f8e21",
    "type": ["VerifiableCredential", "EndorsementCredential"],
    "name": "Endorsement",
    "issuer": {"id": "did:web:south.example", "type": ["Profile"], "name": "Southern College"},
    "validFrom": "2026-01-15T00:00:00Z",
    "credentialSubject": {
        "id": "did:example:ada",
        "type": ["EndorsementSubject"],
        "endorsementComment": "We count it towards our diploma.",
    },
    "proof": {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": "2026-01-15T00:00:00Z",
        "verificationMethod": "did:web:south.example#key-1",
        "proofPurpose": "assertionMethod",
        "proofValue": "z2Drop",
    },
}
FULL_TEMPLATE: Template = msgspec.structs.replace(
    TEMPLATE,
    workload_minutes=3_930,
    qf_ehea="first",
    supervision="proctored on site",
    prerequisites="secondary school mathematics",
    stackable="towards the Data Diploma",
)
DETAILS = Details(
    achievement_type="Course",
    tags=("data", "statistics"),
    alignments=(
        Alignment(
            name="Clean a data set",
            url="https://case.example/ims/case/v1p0/CFItems/d7",
            framework="Digital Skills Framework",
            type="CFItem",
            code="D.7",
            description="Finds and mends errors in a data set.",
        ),
        Alignment(
            name="Data Analyst Certificate",
            url="https://credentialengineregistry.example/resources/ce-0001",
            framework="Credential Registry",
            type="ceterms:Credential",
            code="ce-0001",
            description="A certificate that asks for the same.",
        ),
    ),
    related=(Related(id="https://ledger.example/institutions/north/achievements/ET/1", language="et", version="1b"),),
    identifiers=(Identifier(identifier="REG-2026-77", type="ext:nationalRegister"),),
    field_of_study="Statistics and data science",
    isced_f="0542",
    specialization="Official statistics",
    national_level=NationalLevel(framework="EstQF", level="level six", url="https://estqf.example/levels/6"),
    image=Image(url="https://north.example/badges/data-1.png", caption="A plotted curve"),
    results=(
        ResultDescription(
            code="exam",
            name="Final examination",
            type="Percent",
            value_min="0",
            value_max="100",
            required_value="51",
        ),
        ResultDescription(
            code="portfolio",
            name="Portfolio",
            type="RubricCriterionLevel",
            allowed_values=("pass", "merit", "distinction"),
            required_value="merit",
            levels=(
                RubricLevel(code="sound", name="Sound", level="L1", points="3", description="Does what was asked."),
                RubricLevel(code="strong", name="Strong", level="L2", points="5", description="Does more than asked."),
            ),
            required_level="sound",
        ),
    ),
    parts=(
        Part(title="Cleaning Data", id="https://north.example/modules/clean", credits_centi=125),
        Part(title="Plotting Data", id="https://north.example/modules/plot", credits_centi=150),
    ),
    entitles_to=(Entitlement(title="Data Analysis II", id="https://north.example/courses/data-2"),),
)
FULL_CLAIM: AwardClaim = claim(
    "Ада Пример",
    reference="S-1",
    email="ada@example.org",
    id="did:example:ada",
    grade="отлично",
    valid_until=datetime(2031, 1, 1, tzinfo=UTC),
    results=(
        Result(description="exam", value="87", status="Completed"),
        Result(
            description="portfolio",
            value="distinction",
            achieved_level="strong",
            alignments=(Alignment(name="Report writing", url="https://case.example/ims/case/v1p0/CFItems/r2"),),
        ),
    ),
    evidence=(
        Evidence(
            url="https://north.example/portfolios/77",
            name="Portfolio of seven plots",
            description="Plots with their data.",
            narrative="Made between October and January.",
            genre="Portfolio",
            audience="Employers",
        ),
    ),
    narrative="Led the group that cleaned the census sample.",
    activity_start=date(2025, 10, 6),
    activity_end=date(2026, 1, 30),
    license_number="DA-000123",
    role="Group leader",
    term="Autumn 2025",
    source=Assessor(id="did:web:exams.example", name="Examination Board", url="https://exams.example"),
    endorsements=(ENDORSEMENT, "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJkaWQ6d2ViOnNvdXRoLmV4YW1wbGUifQ.c2lnbmF0dXJl"),
    holder_jwk=HOLDER_JWK,
)


def full_award(**changes: object) -> Award:
    """The award; parts may be given otherwise."""
    award = Award(
        public_id=GOOD,
        aggregate_id=credential_aggregate_id(GOOD),
        institution=_accredited(),
        achievement_code="DATA-1",
        edition=2,
        template=FULL_TEMPLATE,
        details=DETAILS,
        claim=FULL_CLAIM,
        key_id="key-1",
        place=StatusPlace(3, 131_071),
        recorded_at=START,
    )
    return msgspec.structs.replace(award, **changes)


def _accredited() -> Institution:
    institution: Institution = Scenario(Institution, REGISTERED).state
    granted = institution.grant_accreditation(
        by="Example Quality Agency",
        scope="Micro-credentials in informatics",
        valid_from=datetime(2024, 1, 1, tzinfo=UTC),
        valid_until=datetime(2032, 1, 1, tzinfo=UTC),
        at=START,
    )
    return institution.evolve(granted[0].body)
