from uuid import UUID

import pytest

from ledger.achievement import Achievement
from projections.achievement_catalogue import AchievementCatalogue, CatalogueReader
from projections.error import CorruptionError
from projections.table import MemoryTable
from tests.projections.history import MAPPER, History, day, template

TARTU, NARVA = UUID(int=1), UUID(int=2)
SOIL, ROCK, RIVER = UUID(int=11), UUID(int=12), UUID(int=13)


def published(institution: UUID, code: str, title: str = "Soil") -> Achievement.Published:
    return Achievement.Published(
        institution=institution, code=code, edition=1, template=template(title), recorded_at=day(1)
    )


def revised(institution: UUID, code: str, edition: int, title: str = "Soil") -> Achievement.Revised:
    return Achievement.Revised(
        institution=institution, code=code, edition=edition, template=template(title), recorded_at=day(edition)
    )


def read(history: History) -> CatalogueReader:
    table = MemoryTable()
    AchievementCatalogue(MAPPER).apply(history.events, table)
    return CatalogueReader(table)


def three() -> History:
    history = History(gap=10)
    history.add(SOIL, published(TARTU, "SOIL-1"))
    history.add(ROCK, published(TARTU, "ROCK-1", "Rock"))
    history.add(RIVER, published(NARVA, "SOIL-1", "River"))
    history.add(SOIL, revised(TARTU, "SOIL-1", 2, "Soil and peat"))
    return history


def test_catalogue_keeps_every_edition_when_an_achievement_is_revised() -> None:
    catalogue = read(three())
    first, second = catalogue.editions(SOIL)
    assert (first.edition, first.template, first.recorded_at, first.position) == (1, template("Soil"), day(1), 10)
    assert (second.edition, second.template.title, second.position) == (2, "Soil and peat", 40)
    assert catalogue.edition(SOIL, 2) == second
    assert catalogue.edition(SOIL, 3) is catalogue.edition(SOIL, 0) is catalogue.edition(UUID(int=9), 1) is None


def test_catalogue_finds_by_code_when_two_institutions_use_the_same() -> None:
    catalogue = read(three())
    tartu, narva = catalogue.by_code(TARTU, "SOIL-1"), catalogue.by_code(NARVA, "SOIL-1")
    assert tartu == catalogue.listing(SOIL)
    assert tartu is not None
    assert (tartu.title, tartu.editions, tartu.code) == ("Soil and peat", 2, "SOIL-1")
    assert narva is not None
    assert narva.achievement == RIVER
    assert catalogue.by_code(NARVA, "ROCK-1") is None


def test_catalogue_pages_in_order_of_publication_when_listed() -> None:
    catalogue = read(three())
    assert [listing.code for listing in catalogue.page(TARTU)] == ["SOIL-1", "ROCK-1"]
    assert [listing.code for listing in catalogue.page(TARTU, after=0, limit=1)] == ["ROCK-1"]
    assert [listing.code for listing in catalogue.page(TARTU, limit=1)] == ["SOIL-1"]
    assert catalogue.count(TARTU) == 2
    assert catalogue.page(UUID(int=9)) == []


@pytest.mark.parametrize(
    "identity, body, match",
    [
        (UUID(int=14), published(TARTU, "SOIL-1"), "has this code already"),
        (SOIL, published(TARTU, "SOIL-1"), "out of turn"),
        (SOIL, revised(TARTU, "SOIL-1", 4), "out of turn"),
        (UUID(int=14), revised(TARTU, "PEAT-1", 2), "out of turn"),
        (SOIL, revised(TARTU, "PEAT-1", 3), "moves no achievement"),
        (SOIL, revised(NARVA, "SOIL-1", 3), "moves no achievement"),
    ],
)
def test_catalogue_refuses_when_no_rule_lets_an_event_happen(
    identity: UUID, body: Achievement.Published | Achievement.Revised, match: str
) -> None:
    history = three()
    history.add(identity, body)
    with pytest.raises(CorruptionError, match=match):
        read(history)
