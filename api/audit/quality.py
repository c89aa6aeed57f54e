"""Reviews and figures of micro-credentials, decided again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from api.audit.rule import Illegal
from ledger.event import DomainEvent
from ledger.quality import Quality, Review, check_figures

if TYPE_CHECKING:
    from api.audit.folded import Around


def replay_quality(
    before: Quality | None,
    originator: UUID,  # noqa: ARG001  it follows from the achievement
    body: Quality.ReviewScheduled | Quality.Reviewed | Quality.FiguresPublished,
    around: Around,
) -> DomainEvent:
    """Decide an event of quality again. Figures are held against what may be published: the counts behind are nowhere.

    Raises:
        Illegal: There is no such achievement of the institution, or no such edition.
        LedgerError: The command would have refused it.
    """
    achievement = around.achievements.get(body.achievement.bytes)
    if achievement is None or achievement.institution != body.institution:
        message = "it names an achievement that the institution never published"
        raise Illegal(message)
    state, at = before or Quality.of(achievement), body.recorded_at
    if isinstance(body, Quality.ReviewScheduled):
        [decided] = state.schedule(due_on=body.due_on, at=at)
        return decided
    if not 1 <= body.edition <= len(achievement.editions):
        message = f"there is no edition {body.edition} of «{achievement.code}»"
        raise Illegal(message)
    if isinstance(body, Quality.Reviewed):
        members = {name: getattr(body, name) for name in Review.__struct_fields__}
        [decided] = state.review(Review(**members), edition=len(achievement.editions), at=at)
        return decided
    check_figures(state, body, at)
    return DomainEvent(state.id, state.version + 1, msgspec.structs.replace(body))
