"""What verification really says of the awards that the demonstration shows, worked out as a server would."""

from __future__ import annotations

from typing import Final

import msgspec

from api.anchor_setup import own_policy
from api.demo.driver import Driver
from api.demo.showcase import Showcase, Verdict
from api.error import UnknownResourceError
from api.evidence import Evidences
from api.fetching import Fetching
from api.foreign import ForeignVerification
from api.ledger_node import LedgerNode
from api.log_node import LogNode
from api.own_source import NodeSources
from api.verification import Verification, vault_salt
from ledger.credential_id import credential_aggregate_id
from projections.achievement_catalogue import AchievementCatalogue, CatalogueReader
from projections.credential_status import CredentialFacts, CredentialStatus, parse_facts
from projections.fold import Projection
from projections.institution_directory import DirectoryReader, InstitutionDirectory
from projections.source import LedgerSource
from projections.table import MemoryTable

PAGE: Final = 5_000


class Judge:
    """Judges awards of a ledger that nobody serves yet: its views are folded in memory.

    Args:
        node: The ledger.
        log: Its log, wholly published.
    """

    def __init__(self, node: LedgerNode, log: LogNode) -> None:
        mapper = node.ledger.event_mapper
        folds: tuple[Projection, ...] = (
            CredentialStatus(mapper),
            InstitutionDirectory(mapper),
            AchievementCatalogue(mapper),
        )
        self._status, directory, catalogue = tables = tuple(MemoryTable() for _ in folds)
        source, position = LedgerSource(node.ledger), 0
        while batch := source.read(position, PAGE):
            for fold, table in zip(folds, tables, strict=True):
                fold.apply(batch, table)
            position = batch[-1].position
        self._catalogue = CatalogueReader(catalogue)
        institutions = DirectoryReader(directory)
        evidences = Evidences(
            log.published, log.state, self._facts, self._edition_position, institutions.record, [log.keys.log.vkey]
        )
        self._verification = Verification(
            own_policy(node, log.keys),
            evidences,
            vault_salt(node.issuance, node.attesting, node.parts),
            institutions,
            node.identity.base_url,
            node.ledger.now,
            ForeignVerification(
                Fetching(node.settings), NodeSources(node.identity.base_url, institutions, lists=None), cpu=None
            ),
        )

    def verdict(self, driver: Driver, showcase: Showcase) -> Verdict:
        """What verification says of *showcase*: of its document if it was forged, else of its award."""
        forged = driver.forged.get(showcase.award)
        if forged is None:
            return self.award(driver.credentials[showcase.award])
        return self._verification.verify(msgspec.json.encode(forged), None).verdict.value

    def award(self, public_id: str) -> Verdict:
        """What verification says of an award."""
        return self._verification.credential(public_id, None).verdict.value

    def _facts(self, public_id: str) -> CredentialFacts:
        stored = self._status.get(credential_aggregate_id(public_id).bytes)
        if stored is None:
            message = "there is no such award"
            raise UnknownResourceError(message)
        return parse_facts(stored)

    def _edition_position(self, facts: CredentialFacts) -> int:
        assert facts.achievement is not None  # noqa: S101  the demonstration makes awards alone
        assert facts.edition is not None  # noqa: S101  the same
        edition = self._catalogue.edition(facts.achievement, facts.edition)
        if edition is None:
            message = "there is no such edition"
            raise UnknownResourceError(message)
        return edition.position
