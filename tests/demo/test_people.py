"""The made-up learners."""

from __future__ import annotations

import re
import unicodedata
from random import Random

import pytest

from api.demo.people import make_people

PEOPLE = make_people(Random(7), 2021)


def test_people_are_three_hundred_and_nobody_is_there_twice() -> None:
    assert len(PEOPLE) == 300
    for field in ("name", "reference", "email"):
        assert len({getattr(learner, field) for learner in PEOPLE}) == 300


def test_people_are_the_same_when_the_seed_is_the_same() -> None:
    assert make_people(Random(7), 2021) == PEOPLE


def test_people_are_others_when_the_seed_is_another() -> None:
    assert make_people(Random(8), 2021) != PEOPLE


@pytest.mark.parametrize("script, word", [("latin", "LATIN"), ("cyrillic", "CYRILLIC")])
def test_every_name_is_written_in_one_script(script: str, word: str) -> None:
    names = [learner.name for learner in PEOPLE if learner.script == script]
    assert len(names) >= 100
    for letter in "".join(names):
        if letter.isalpha():
            assert unicodedata.name(letter).startswith(word)


def test_names_carry_diacritics_apostrophes_and_hyphens() -> None:
    letters = {letter for learner in PEOPLE for letter in learner.name.lower()}
    assert {"'", "-", "ß", "ö", "å", "ł", "ż", "é", "õ", "ё", "ї", "ъ"} <= letters


def test_references_and_addresses_have_their_form() -> None:
    for learner in PEOPLE:
        assert re.fullmatch(r"S-20(18|19|20|21)-0\d{3}", learner.reference)
        assert learner.email == f"{learner.reference.lower()}@example.org"
        assert unicodedata.is_normalized("NFC", learner.name)
