from pathlib import Path

import pytest

from anchoring.entry import parse_entry
from anchoring.state import read_status_bit
from ledger.credential_id import credential_aggregate_id
from ledger.reason import Reason
from projections.achievement_catalogue import AchievementCatalogue, CatalogueReader
from projections.credential_status import CredentialStatus, parse_facts
from projections.fold import Projection
from projections.institution_directory import DirectoryReader, InstitutionDirectory
from projections.log_feed import LogFeed
from projections.projector import Projector, Track
from projections.source import LedgerSource, Notification
from projections.state_fold import StateFold
from projections.status_answer import judge
from projections.status_lists import StatusListReader, StatusLists
from projections.view import View
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle
from tests.projections.history import MAPPER
from tests.projections.test_state_fold import VKEY


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A ledger with an institution, an achievement, and three awards of which the second is revoked."""
    made = settle(open_world(tmp_path))
    public_ids = made.issue(claim("Ada Example"), claim("Bo Example"), claim("Cy Example"))
    made.clock.advance(days=1)
    made.lifecycle.revoke(public_id=public_ids[1], reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR)
    return made


def views(directory: Path, world: World) -> dict[str, View]:
    folds: list[Projection] = [
        make(MAPPER) for make in (CredentialStatus, InstitutionDirectory, AchievementCatalogue, StatusLists)
    ]
    opened = {
        fold.NAME: View(directory / "views", fold.NAME, fold.VERSION, writable=True, map_bytes=32 << 20)
        for fold in folds
    }
    Projector(LedgerSource(world.ledger), [Track(opened[fold.NAME], fold) for fold in folds]).catch_up()
    return opened


def test_ledger_source_gives_the_stored_bytes_in_order_when_read_in_portions(world: World) -> None:
    source = LedgerSource(world.ledger)
    events: list[Notification] = []
    while portion := source.read(events[-1].position if events else 0, 2):
        events += portion
    assert [(event.topic, event.state) for event in events] == world.events()
    assert source.newest() == events[-1].position
    world.close()


def test_every_view_tells_the_same_story_when_fed_from_a_ledger(world: World, tmp_path: Path) -> None:
    opened = views(tmp_path, world)
    directory, catalogue, lists = (
        DirectoryReader(opened["institution_directory"]),
        CatalogueReader(opened["achievement_catalogue"]),
        StatusListReader(opened["status_lists"]),
    )
    record = directory.by_slug(SLUG)
    assert record is not None
    issued = [event for event in world.ledger.read(0, 100) if event.topic == "credential.issued.v1"]
    states = StateFold(MAPPER, VKEY)
    entries = [item.entry for item in LogFeed(LedgerSource(world.ledger)).read(0, 100)]
    states.commit(entries, len(entries))
    found = []
    for event in issued:
        facts = parse_facts(opened["credential_status"].get(parse_entry(entries[event.id - 1]).originator.bytes) or b"")
        answer = judge(facts, now=world.clock(), institution=record)
        found.append(answer.state)
        assert answer.issuer is not None
        assert answer.issuer.key == "in_force"
        assert facts.achievement is not None
        assert facts.edition is not None
        edition = catalogue.edition(facts.achievement, facts.edition)
        assert edition is not None
        assert edition.institution == facts.institution == record.institution == lists.owner(facts.status_block)
        proof = states.status_proof("revocation", facts.status_block, facts.status_index)
        assert read_status_bit(proof.chunk, facts.status_index) == (answer.state == "revoked")
        assert proof.chunk in (lists.bits(2 * facts.status_block) or b"")
    assert found == ["active", "revoked", "active"]
    assert lists.allocated(0) == 3
    world.close()


def test_credential_status_is_found_by_public_id_when_fed_from_a_ledger(world: World, tmp_path: Path) -> None:
    public_id = world.issue(claim("Di Example"))[0]
    stored = views(tmp_path, world)["credential_status"].get(credential_aggregate_id(public_id).bytes)
    assert stored is not None
    assert parse_facts(stored).recorded_at == world.clock()
    world.close()
