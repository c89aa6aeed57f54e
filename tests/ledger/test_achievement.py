"""Rules of the aggregate Achievement: the nine elements that a template holds."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from ledger.achievement import (
    MAX_CREDITS_CENTI,
    MAX_OUTCOMES,
    MAX_TEXT_CHARS,
    MAX_TITLE_CHARS,
    MAX_WORKLOAD_MINUTES,
    Achievement,
    Outcome,
    Template,
)
from ledger.detail import Details, Image, Part, Related, ResultDescription
from ledger.error import EventTooLargeError, InvalidInputError, MissingElementError, RuleError
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper
from tests.ledger.full_award import DETAILS
from tests.ledger.scenario import IDENTITY, Scenario
from tests.ledger.world import TEMPLATE

T0 = datetime(2026, 1, 1, tzinfo=UTC)
INSTITUTION = UUID("6f1c2a52-4d0e-5c1b-9a57-0c3c1d7f8e22")
PUBLISHED = Achievement.Published(institution=INSTITUTION, code="X-1", edition=1, template=TEMPLATE, recorded_at=T0)
REVISED_TEMPLATE = msgspec.structs.replace(TEMPLATE, title="Data Analysis")


def altered(**changes: object) -> Template:
    return msgspec.structs.replace(TEMPLATE, **changes)


def test_achievement_is_published_as_edition_one_when_well_formed() -> None:
    event = Achievement.publish(id=IDENTITY, institution=INSTITUTION, code="X-1", template=TEMPLATE, at=T0)
    assert event == DomainEvent(IDENTITY, 1, PUBLISHED)


@pytest.mark.parametrize("code", ["", "-x", "x-", "a b", "a/b", "x" * 65, "x\n", "é"])
def test_achievement_refuses_publication_when_the_code_is_ill_formed(code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Achievement.publish(id=IDENTITY, institution=INSTITUTION, code=code, template=TEMPLATE, at=T0)
    assert caught.value.pointer == "/code"


def test_achievement_is_revised_as_the_next_edition_when_something_differs() -> None:
    expected = Achievement.Revised(
        institution=INSTITUTION, code="X-1", edition=2, template=REVISED_TEMPLATE, recorded_at=T0
    )
    after = Scenario(Achievement, PUBLISHED).when(lambda a: a.revise(template=REVISED_TEMPLATE, at=T0)).then(expected)
    assert after.editions == (TEMPLATE, REVISED_TEMPLATE)


def test_achievement_refuses_a_revision_when_nothing_differs() -> None:
    Scenario(Achievement, PUBLISHED).when(lambda a: a.revise(template=TEMPLATE, at=T0)).then_refused(
        RuleError, "nothing differs"
    )


@pytest.mark.parametrize(
    "changes, pointer, element",
    [
        ({"title": " "}, "/title", "title"),
        ({"description": ""}, "/description", "description"),
        ({"outcomes": ()}, "/outcomes", "learning outcomes"),
        ({"outcomes": (Outcome(text="does"), Outcome(text=" "))}, "/outcomes/1/text", "learning outcomes"),
        ({"assessment": ""}, "/assessment", "type of assessment"),
        ({"participation": "\t"}, "/participation", "form of participation"),
        ({"quality_assurance": ""}, "/quality_assurance", "type of quality assurance"),
        ({"criteria": ""}, "/criteria", "criteria"),
        ({"credits_centi": None}, "/credits_centi", "notional workload"),
        ({"eqf_level": None}, "/eqf_level", "level of the learning experience"),
    ],
)
def test_template_names_the_element_when_a_mandatory_one_is_missing(
    changes: dict[str, object], pointer: str, element: str
) -> None:
    with pytest.raises(MissingElementError, match=element) as caught:
        altered(**changes).check()
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "changes", [{"credits_centi": None, "workload_minutes": 600}, {"eqf_level": None, "qf_ehea": "first"}]
)
def test_template_is_complete_when_the_other_measure_is_given(changes: dict[str, object]) -> None:
    altered(**changes).check()


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"title": "t" * (MAX_TITLE_CHARS + 1)}, "/title"),
        ({"description": "t" * (MAX_TEXT_CHARS + 1)}, "/description"),
        ({"supervision": "t" * (MAX_TEXT_CHARS + 1)}, "/supervision"),
        ({"outcomes": (Outcome(text="x"),) * (MAX_OUTCOMES + 1)}, "/outcomes"),
        ({"outcomes": (Outcome(text="x" * (MAX_TEXT_CHARS + 1)),)}, "/outcomes/0/text"),
        ({"outcomes": (Outcome(text="x", skill_uri="javascript:alert(1)"),)}, "/outcomes/0/skill_uri"),
        ({"outcomes": (Outcome(text="x", skill_uri="https://e.example/a b"),)}, "/outcomes/0/skill_uri"),
        ({"credits_centi": 0}, "/credits_centi"),
        ({"credits_centi": MAX_CREDITS_CENTI + 1}, "/credits_centi"),
        ({"workload_minutes": -1}, "/workload_minutes"),
        ({"workload_minutes": MAX_WORKLOAD_MINUTES + 1}, "/workload_minutes"),
        ({"eqf_level": 0}, "/eqf_level"),
        ({"eqf_level": 9}, "/eqf_level"),
        ({"language": "English"}, "/language"),
        ({"language": "en\n"}, "/language"),
    ],
)
def test_template_is_refused_when_an_element_is_ill_formed(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        altered(**changes).check()
    assert (caught.value.pointer, type(caught.value)) == (pointer, InvalidInputError)


def test_achievement_event_is_refused_when_the_log_could_not_hold_it() -> None:
    template = altered(outcomes=tuple(Outcome(text=str(n) + "ж" * (MAX_TEXT_CHARS - 9)) for n in range(MAX_OUTCOMES)))
    event = Achievement.publish(id=IDENTITY, institution=INSTITUTION, code="X-1", template=template, at=T0)
    with pytest.raises(EventTooLargeError, match="shorten the texts"):
        make_mapper().to_stored_event(event)


def detailed(**changes: object) -> Details:
    return msgspec.structs.replace(DETAILS, **changes)


def test_achievement_is_published_in_detail_when_there_are_details() -> None:
    event = Achievement.publish(
        id=IDENTITY, institution=INSTITUTION, code="X-1", template=TEMPLATE, details=DETAILS, at=T0
    )
    assert event.body == Achievement.PublishedInDetail(
        institution=INSTITUTION, code="X-1", edition=1, template=TEMPLATE, details=DETAILS, recorded_at=T0
    )
    after = Scenario(Achievement, event.body).state
    assert (after.editions, after.details) == ((TEMPLATE,), (DETAILS,))


def test_achievement_takes_editions_with_and_without_details_in_any_order() -> None:
    with_details = Achievement.RevisedInDetail(
        institution=INSTITUTION, code="X-1", edition=2, template=TEMPLATE, details=DETAILS, recorded_at=T0
    )
    without = Achievement.Revised(institution=INSTITUTION, code="X-1", edition=3, template=TEMPLATE, recorded_at=T0)
    Scenario(Achievement, PUBLISHED).when(lambda a: a.revise(template=TEMPLATE, details=DETAILS, at=T0)).then(
        with_details
    )
    after = Scenario(Achievement, PUBLISHED, with_details).when(lambda a: a.revise(template=TEMPLATE, at=T0))
    assert after.then(without).details == (None, DETAILS, None)


def test_achievement_refuses_a_revision_when_the_details_do_not_differ_either() -> None:
    published = Achievement.PublishedInDetail(
        institution=INSTITUTION, code="X-1", edition=1, template=TEMPLATE, details=DETAILS, recorded_at=T0
    )
    Scenario(Achievement, published).when(lambda a: a.revise(template=TEMPLATE, details=DETAILS, at=T0)).then_refused(
        RuleError, "nothing differs"
    )


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"achievement_type": "Thing"}, "/details/achievement_type"),
        ({"achievement_type": "ext:"}, "/details/achievement_type"),
        ({"isced_f": "5"}, "/details/isced_f"),
        ({"tags": ("a", " ")}, "/details/tags/1"),
        ({"tags": ("a",) * 31}, "/details/tags"),
        ({"field_of_study": "x" * 201}, "/details/field_of_study"),
        ({"image": Image(url="ftp://north.example/x.png")}, "/details/image/url"),
        ({"image": Image(url="https://north.example/x y.png")}, "/details/image/url"),
        ({"related": (Related(id="DATA-1"),)}, "/details/related/0/id"),
        ({"parts": (Part(title="P", credits_centi=0),)}, "/details/parts/0/credits_centi"),
        ({"results": (DETAILS.results[0], DETAILS.results[0])}, "/details/results/1/code"),
        ({"results": (ResultDescription(code="a b", name="N", type="Percent"),)}, "/details/results/0/code"),
        (
            {"results": (ResultDescription(code="a", name="N", type="Percent", required_level="l"),)},
            "/details/results/0/required_level",
        ),
        (
            {
                "results": (
                    ResultDescription(code="a", name="N", type="Status", allowed_values=("x",), required_value="y"),
                )
            },
            "/details/results/0/required_value",
        ),
    ],
)
def test_achievement_refuses_details_that_are_ill_formed(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Achievement.publish(
            id=IDENTITY,
            institution=INSTITUTION,
            code="X-1",
            template=TEMPLATE,
            details=detailed(**changes),
            at=T0,
        )
    assert caught.value.pointer == pointer
