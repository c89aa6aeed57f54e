"""Three hundred made-up learners. No name here is meant to be anybody's: surnames are invented.

The names are there to try the ledger: two scripts, letters with diacritics, apostrophes and
hyphens, and surnames that change with gender.
"""

from __future__ import annotations

from itertools import product
from random import Random

import msgspec

from api.demo.catalogue import Script

MAIL_DOMAIN = "example.org"


class Learner(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up person. ``reference`` is unique, such as ``S-2021-0042``, and so are the others."""

    reference: str
    name: str
    email: str
    script: Script


class _Culture(msgspec.Struct, frozen=True, kw_only=True):
    """Where names come from: each surname as (masculine, feminine)."""

    script: Script
    count: int
    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[tuple[str, str], ...]


def make_people(rng: Random, first_year: int) -> tuple[Learner, ...]:
    """Make up all learners.

    Args:
        rng: Seeded; the same seed makes the same people.
        first_year: The year in which the first of them earn something; references lie up to three
            years before it.

    Returns:
        300 learners with unique names, references and addresses, in the order of their numbers.
    """
    named = [(culture.script, name) for culture in _CULTURES for name in _names(rng, culture)]
    rng.shuffle(named)
    return tuple(
        _learner(number, script, name, first_year - rng.randrange(4))
        for number, (script, name) in enumerate(named, start=1)
    )


def _learner(number: int, script: Script, name: str, year: int) -> Learner:
    reference = f"S-{year}-{number:04}"
    return Learner(reference=reference, name=name, email=f"{reference.lower()}@{MAIL_DOMAIN}", script=script)


def _names(rng: Random, culture: _Culture) -> list[str]:
    women = (f"{given} {own}" for given, (_, own) in product(culture.women, culture.surnames))
    men = (f"{given} {own}" for given, (own, _) in product(culture.men, culture.surnames))
    return rng.sample([*women, *men], culture.count)


def _same(*surnames: str) -> tuple[tuple[str, str], ...]:
    return tuple((surname, surname) for surname in surnames)


def _with_a(*surnames: str) -> tuple[tuple[str, str], ...]:
    return tuple((surname, f"{surname}а") for surname in surnames)


_GERMAN = _Culture(
    script="latin",
    count=44,
    women=("Änne", "Friederike", "Gesa", "Jördis", "Käthe", "Mareike", "Svenja", "Wiebke"),
    men=("Bjarne", "Götz", "Henrik", "Jörn", "Lasse", "Matthäus", "Thorben", "Ulf"),
    surnames=_same(
        *("Moorhövel", "Tannlößer", "Weißenquell", "Dachsbröker", "Eschenträger", "Nebelkämper"),
        *("Rohrdommler", "Krähenbüschel", "Hagebüttner", "Salzmüffel", "Windheger", "Ährenfelder"),
    ),
)
_SWEDISH = _Culture(
    script="latin",
    count=40,
    women=("Åsa", "Ebba", "Elin", "Frida", "Hjördis", "Linnéa", "Märta", "Tove"),
    men=("Anders", "Björn", "Eskil", "Göran", "Håkan", "Isak", "Måns", "Örjan"),
    surnames=_same(
        *("Granvåg", "Lingonsjö", "Hjortronmyr", "Snöfalk", "Tallbränning", "Älvsten"),
        *("Norrskär", "Blåsippe", "Kråkholm-Ås", "Frostäng", "Mossgärde", "Skogsväv"),
    ),
)
_FRENCH = _Culture(
    script="latin",
    count=38,
    women=("Aurélie", "Céline", "Élodie", "Françoise", "Maëlle", "Noémie", "Océane", "Zoé"),
    men=("Aurèle", "Benoît", "Cédric", "Gaëtan", "Jérôme", "Loïc", "Rémi", "Théo"),
    surnames=_same(
        *(
            "Valdebrune",
            "L'Hermelin",
            "Grandorme-Duval",
            "Sourceclaire",
            "Brisevent",
            "Pré-aux-Oies",
        ),
        *("Châtelperle", "Noirruisseau", "Fauvebois", "D'Aubeclair", "Mielléger", "Tourterêve"),
    ),
)
_POLISH = _Culture(
    script="latin",
    count=30,
    women=("Agnieszka", "Bożena", "Halina", "Jagoda", "Łucja", "Małgorzata", "Żaneta", "Zofia"),
    men=("Błażej", "Grzegorz", "Jędrzej", "Łukasz", "Michał", "Paweł", "Sławomir", "Zdzisław"),
    surnames=(
        *(("Wrzosowiejski", "Wrzosowiejska"), ("Mgłowski", "Mgłowska")),
        *(("Świerkosielski", "Świerkosielska"), ("Jaskółecki", "Jaskółecka")),
        *(("Łąkodolski", "Łąkodolska"), ("Źródłowicki", "Źródłowicka")),
    ),
)
_ESTONIAN = _Culture(
    script="latin",
    count=18,
    women=("Külli", "Maarja", "Õie", "Piret", "Ülle"),
    men=("Jüri", "Märt", "Kaarel", "Tõnis", "Ülo"),
    surnames=_same("Põhjavöö", "Kuuselõhn", "Järvetäht", "Rändrähn", "Öörahu", "Lumehõlm"),
)
_UKRAINIAN = _Culture(
    script="cyrillic",
    count=60,
    women=("Богдана", "Ганна", "Дарина", "Євгенія", "Іванна", "Мар'яна", "Оксана", "Соломія"),
    men=("Андрій", "Богдан", "Дем'ян", "Євген", "Лук'ян", "Олексій", "Святослав", "Юрій"),
    surnames=_same(
        *("Вербоцвітенко", "Зоремостенко", "Хмарочуб", "Калиногай", "Журавлесвіт", "Тихоброденко"),
        *("Ясенолист", "Мед'янотрав", "Рособерезенко", "Ґедзешапка", "Степовірник", "Їжакодуб"),
    ),
)
_BULGARIAN = _Culture(
    script="cyrillic",
    count=50,
    women=("Албена", "Биляна", "Весела", "Десислава", "Жечка", "Невена", "Ралица", "Цветелина"),
    men=("Асен", "Борислав", "Велизар", "Живко", "Калоян", "Огнян", "Стоил", "Явор"),
    surnames=_with_a(
        *("Горожитов", "Росенцветов", "Щъркелодъбов", "Ясноводов", "Къпинолистов", "Бързеев"),
        *("Лъчезвездев", "Орехокрилов", "Ветропоятов", "Синекаменов", "Чучулигов", "Мъглижков"),
    ),
)
_RUSSIAN = _Culture(
    script="cyrillic",
    count=20,
    women=("Алёна", "Василиса", "Евдокия", "Любовь", "Ульяна"),
    men=("Артём", "Всеволод", "Игнат", "Пётр", "Фёдор"),
    surnames=_with_a(
        *("Ветролистов", "Снегожданов", "Подъелочкин", "Тихоречин"),
        *("Журавлёнков", "Мёдоцветов"),
    ),
)
_CULTURES = (
    *(_GERMAN, _SWEDISH, _FRENCH, _POLISH),
    *(_ESTONIAN, _UKRAINIAN, _BULGARIAN, _RUSSIAN),
)
