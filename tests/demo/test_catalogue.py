"""The made-up institutions and what they offer."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from api.demo import catalogue as catalogue_module
from api.demo.catalogue import (
    CatalogueError,
    InstitutionEntry,
    load_catalogue,
    load_skills,
)
from ledger.achievement import Template

SOURCES = Path(__file__).parents[2] / "docs" / "demo-sources.md"
SKILL_URI = re.compile(
    r"http://data\.europa\.eu/esco/skill/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


@pytest.fixture(scope="module")
def institutions() -> tuple[InstitutionEntry, ...]:
    return load_catalogue()


@pytest.fixture(scope="module")
def templates(institutions: tuple[InstitutionEntry, ...]) -> list[Template]:
    """Every edition of every achievement."""
    return [
        template
        for institution in institutions
        for entry in institution.achievements
        for template in (entry.template, *(revision.template for revision in entry.revisions))
    ]


def test_catalogue_has_institutions_of_every_kind_and_one_name_in_cyrillic(
    institutions: tuple[InstitutionEntry, ...],
) -> None:
    kinds = {institution.kind for institution in institutions}
    assert kinds >= {"university", "vocational_college", "company_academy"}
    assert any(re.search("[а-яА-Я]", institution.name) for institution in institutions)
    assert len({institution.country for institution in institutions}) == len(institutions)


def test_catalogue_has_at_least_thirty_six_achievements_with_unique_codes_per_institution(
    institutions: tuple[InstitutionEntry, ...],
) -> None:
    assert sum(len(institution.achievements) for institution in institutions) >= 36
    for institution in institutions:
        codes = [entry.code for entry in institution.achievements]
        assert len(set(codes)) == len(codes)


def test_every_template_names_all_elements_of_the_recommendation(
    templates: list[Template],
) -> None:
    for template in templates:
        assert 3 <= len(template.title) <= 120
        assert template.credits_centi or template.workload_minutes
        assert template.eqf_level or template.qf_ehea
        assert template.assessment
        assert template.participation in {"online", "onsite", "blended"}
        assert template.quality_assurance
        assert template.criteria
        assert template.supervision


def test_every_template_has_two_to_five_outcomes_that_are_sentences(
    templates: list[Template],
) -> None:
    for template in templates:
        assert 2 <= len(template.outcomes) <= 5
        for outcome in template.outcomes:
            assert outcome.text[0].isupper()
            assert outcome.text.endswith(".")
            assert 15 <= len(outcome.text) <= 400


def test_workload_of_one_credit_lies_between_twenty_five_and_thirty_hours(
    templates: list[Template],
) -> None:
    for template in templates:
        if template.credits_centi is None or template.workload_minutes is None:
            continue
        hours = template.workload_minutes / 60 / (template.credits_centi / 100)
        assert 25 <= hours <= 30, template.title


def test_level_and_cycle_agree_when_both_are_given(templates: list[Template]) -> None:
    cycles = {5: "short", 6: "first", 7: "second", 8: "third"}
    for template in templates:
        if template.qf_ehea is not None:
            assert template.eqf_level is not None
            assert cycles[template.eqf_level] == template.qf_ehea, template.title


def test_templates_are_written_in_several_languages(templates: list[Template]) -> None:
    assert {template.language for template in templates} >= {"en", "de", "uk", "ru", "bg", "fr"}


def test_every_skill_uri_is_well_formed_and_stands_in_the_list_of_sources(
    templates: list[Template],
) -> None:
    listed = SOURCES.read_text(encoding="utf-8")
    named = {
        (outcome.skill_name, outcome.skill_uri)
        for template in templates
        for outcome in template.outcomes
        if outcome.skill_uri is not None
    }
    assert len(named) >= 40
    for name, uri in named:
        assert uri is not None
        assert SKILL_URI.fullmatch(uri)
        assert f"| {name} | {uri} |" in listed


def test_every_skill_of_the_table_is_used_and_has_a_uri_of_its_own(
    templates: list[Template],
) -> None:
    skills = load_skills()
    used = {outcome.skill_name for template in templates for outcome in template.outcomes}
    assert set(skills) == used - {None}
    assert len(set(skills.values())) == len(skills)


def test_every_revision_differs_from_the_edition_before_it(
    institutions: tuple[InstitutionEntry, ...],
) -> None:
    revised = [e for i in institutions for e in i.achievements if e.revisions]
    assert len(revised) >= 3
    for entry in revised:
        editions = [entry.template, *(revision.template for revision in entry.revisions)]
        assert all(old != new for old, new in pairwise(editions))


def test_nothing_is_published_before_the_institution_joined_and_is_accredited(
    institutions: tuple[InstitutionEntry, ...],
) -> None:
    for institution in institutions:
        accredited = min(entry.from_day for entry in institution.accreditations)
        for entry in institution.achievements:
            assert entry.published_day > max(institution.joined_day, accredited), entry.code


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ('title = "Academic', 'titel = "Academic', "unknown field `titel`"),
        ('participation = "online"\n', "", "missing required field `participation`"),
        ('assessment = "Essay"', 'assessment = " "', "type of assessment"),
        ('skill = "write English"', 'skill = "write Elvish"', "'write Elvish' is not in"),
        ('country = "UA"', "country = 4", "Expected `str`"),
        ('slug = "somewhere"', "slug = ", "Invalid"),
    ],
)
def test_catalogue_is_refused_when_a_file_is_not_as_it_should_be(
    old: str, new: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert old in SMALL_FILE
    content = tmp_path / "content"
    content.mkdir()
    (content / "somewhere.toml").write_text(SMALL_FILE.replace(old, new), encoding="utf-8")
    (content / "skills.toml").write_text('"write English" = "http://a.example/1"', encoding="utf-8")
    monkeypatch.setattr(catalogue_module, "files", lambda _: tmp_path)
    monkeypatch.setattr(catalogue_module, "INSTITUTION_FILES", ("somewhere.toml",))
    with pytest.raises(CatalogueError, match=re.escape(complaint)):
        load_catalogue()


SMALL_FILE = """
slug = "somewhere"
name = "Somewhere"
country = "UA"
kind = "university"
joined_day = 0
script = "latin"
grades = ["1"]
quality_assurance = "reviewed"
[[accreditations]]
by = "Nobody"
scope = "all"
from_day = 0
[[achievements]]
code = "A"
published_day = 1
title = "Academic Writing"
language = "en"
description = "Writing."
workload_minutes = 60
eqf_level = 6
assessment = "Essay"
participation = "online"
criteria = "Write one."
outcomes = [{ text = "Writes.", skill = "write English" }]
"""


def test_small_file_is_read_when_nothing_is_wrong_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tmp_path / "content"
    content.mkdir()
    (content / "somewhere.toml").write_text(SMALL_FILE, encoding="utf-8")
    (content / "skills.toml").write_text('"write English" = "http://a.example/1"', encoding="utf-8")
    monkeypatch.setattr(catalogue_module, "files", lambda _: tmp_path)
    monkeypatch.setattr(catalogue_module, "INSTITUTION_FILES", ("somewhere.toml",))
    [institution] = load_catalogue()
    [entry] = institution.achievements
    assert entry.template.outcomes[0].skill_uri == "http://a.example/1"
    assert msgspec.structs.asdict(entry.template)["quality_assurance"] == "reviewed"
