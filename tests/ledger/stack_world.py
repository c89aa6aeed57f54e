"""A small world for stacking: a university with three modules and a certificate, a college with one module more."""

from __future__ import annotations

from typing import Any

import msgspec

from ledger.achievement import Template
from ledger.claim import LearnerClaim
from ledger.component_reading import PresentedAward
from ledger.credential_id import credential_aggregate_id
from ledger.detail import Details
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.text_form import convert
from ledger.stacking_up import StackClaim
from tests.ledger.world import OPERATOR, SLUG, TEMPLATE, World, claim

OTHER = "south"
MODULES = ("MOD-1", "MOD-2", "MOD-3")
FOREIGN_MODULE = "MOD-9"
CERTIFICATE, MASTER = "CERT", "MASTER"
PATHWAY, MASTER_PATHWAY = "CERT-PATH", "MASTER-PATH"
CENTI = 500
LEARNER = LearnerClaim(name="Ada Example", reference="S-1")


def rules(
    credits_centi: int = 2 * CENTI, on_loss: str = "review", deadline_days: int = 30, **members: object
) -> PathwayRules:
    """At least *credits_centi* from any modules."""
    text = {
        "format": "cairn/pathway/v1",
        "unit": {"kind": "ects"},
        "rule": {"rule": "minimum", "id": "total", "credits": credits_centi},
        "cascade": {"on_loss": on_loss, "deadline_days": deadline_days, "appeal_days": 14},
        **members,
    }
    read = convert(text, PathwayRules)
    read.check()
    return read


def template(title: str, credits_centi: int = CENTI) -> Template:
    return msgspec.structs.replace(
        TEMPLATE, title=title, credits_centi=credits_centi, supervision="Supervised onsite with identity verification"
    )


def settle_stacks(world: World, stack_rules: PathwayRules | None = None) -> World:
    """Publish everything; *world* has its one institution already."""
    world.registry.register(
        slug=OTHER, name="Southern College", country="EE", kind="vocational_college", actor=OPERATOR
    )
    for code in MODULES:
        world.catalogue.publish(slug=SLUG, code=code, template=template(f"Module {code}"), actor=OPERATOR)
    world.catalogue.publish(slug=OTHER, code=FOREIGN_MODULE, template=template("Module of the south"), actor=OPERATOR)
    for code, kind in ((CERTIFICATE, "Certificate"), (MASTER, "MasterDegree")):
        world.catalogue.publish(
            slug=SLUG,
            code=code,
            template=template(f"The {kind}", 1_000),
            details=Details(achievement_type=kind),
            actor=OPERATOR,
        )
    publish(world, stack_rules or rules())
    return world


def publish(world: World, stack_rules: PathwayRules, *changes: str, code: str = PATHWAY, to: str = CERTIFICATE) -> int:
    answer = world.pathways.publish(
        slug=SLUG, code=code, achievement=to, rules=stack_rules, changes=changes, actor=OPERATOR
    ).answer
    number: int = answer["version"]
    return number


def award(world: World, code: str, *, slug: str = SLUG, reference: str = "S-1", **members: Any) -> str:  # noqa: ANN401  members of a claim
    claimed = claim(achievement=code, reference=reference, **members)
    made: list[str] = world.issuance.issue(slug=slug, claims=[claimed], actor=OPERATOR).answer
    return made[0]


def modules(world: World, count: int = 3) -> list[str]:
    return [award(world, code) for code in MODULES[:count]]


def with_bundle(world: World, public_id: str) -> PresentedAward:
    """An award as its holder presents it."""
    kept = world.issuance.sealed_document(public_id)
    return PresentedAward(award=public_id, document=msgspec.json.decode(kept.document), salt=kept.salt)


def stack_claim(*awards: str | PresentedAward, pathway: str = PATHWAY, **members: object) -> StackClaim:
    presented = tuple(one if isinstance(one, PresentedAward) else PresentedAward(award=one) for one in awards)
    return msgspec.structs.replace(StackClaim(pathway=pathway, learner=LEARNER, awards=presented), **members)


def stack(world: World, *awards: str | PresentedAward, **members: Any) -> str:  # noqa: ANN401  members of a claim
    claimed = stack_claim(*awards, **members)
    made: str = world.stacking.stack(slug=SLUG, claim=claimed, actor=OPERATOR).answer
    return made


def try_out(world: World, *awards: str | PresentedAward, **members: Any) -> dict[str, Any]:  # noqa: ANN401  as above
    return world.stacking.try_out(slug=SLUG, claim=stack_claim(*awards, **members), actor=OPERATOR)


def topics(world: World, public_id: str) -> list[str]:
    """Topics of an award's events, without their common beginning and version."""
    stored = world.ledger.store.select_events(credential_aggregate_id(public_id))
    return [event.topic.removeprefix("credential.").removesuffix(".v1") for event in stored]
