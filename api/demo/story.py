"""The demonstration's last hours: a Master's that is stacked, a diploma that is unpacked, and what goes wrong.

Twelve micro-credentials of two institutions, one of them earned abroad and recognised, stack into three certificates,
and these into a Master's. A second learner tries the same and is refused, for each rule in turn, with the explanation.
A third loses a micro-credential after it was stacked. A diploma of forty modules is unpacked, and so is what somebody
holds who left after five semesters.

Everything is done by the commands that the API gives, and nothing is decided here: what is refused, the ledger refuses.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from api.demo.catalogue import load_skills
from api.demo.driver import SimulatedClock
from api.demo.showcase import Showcase
from api.demo.story_content import (
    CERTIFICATES,
    OWN,
    MasterFile,
    Module,
    Offer,
    ProgrammeFile,
    Recognised,
    master_file,
    pathways,
    programme_file,
)
from api.ledger_node import LedgerNode
from ledger.access import Actor
from ledger.achievement import Outcome, Template
from ledger.claim import AwardClaim, LearnerClaim
from ledger.component_reading import RECOGNITION, PresentedAward
from ledger.decision import DecisionClaim, StandsFor
from ledger.prospectus import ModuleDraft, ProgrammeDraft
from ledger.reason import Reason
from ledger.recognised_award import File, PaperAward
from ledger.separating import Completed, Separation
from ledger.stacking_up import StackClaim

LASTS: Final = timedelta(hours=4)
"""How long before the end of the five years it begins."""
CREDITS: Final = 500
SEMESTERS_STAYED: Final = 5
CAPSTONE: Final = "RES-LEAD"
CAPSTONE_DAYS: Final = 60
"""How many days before the end the capstone is awarded: after everything else."""
GRADES: Final = ("1,0", "1,3", "1,7", "2,0", "2,3")


SHOWN: Final = (
    Showcase(
        state="stacked_master",
        award="master",
        expected="valid",
        sentence="A Master's that three certificates stack into, and twelve micro-credentials into these.",
    ),
    Showcase(
        state="component_revoked",
        award="lost_cert_res",
        expected="invalid",
        sentence="A certificate that lost a micro-credential after it was stacked: suspended by its pathway's policy.",
    ),
    Showcase(
        state="unpacked_diploma",
        award="diploma",
        expected="valid",
        sentence="A diploma of forty modules, unpacked: each module is an award of its own.",
    ),
)
"""What the closing table shows of it; each ``award`` is a short name."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        awards: Public ids of awards worth looking at, by short names.
        refusals: What was refused: the rule that was not met, and the whole explanation.
    """

    awards: dict[str, str]
    refusals: tuple[tuple[str, dict[str, Any]], ...]


class StoryTeller:
    """Carries the story out.

    Args:
        node: The ledger, at the end of the five years.
        clock: The simulated clock.
        end: When the five years end.
    """

    def __init__(self, node: LedgerNode, clock: SimulatedClock, end: datetime) -> None:
        self._node = node
        self._clock = clock
        self._now = end - LASTS
        self._end = end
        self._actor = Actor(name="demonstration", role="operator")
        self._awards: dict[str, str] = {}
        self._skills = load_skills()

    def tell(self) -> Story:
        """Carry everything out, in order of time."""
        self._publish_master()
        held = self._earn("M-0001", "Ilka Brandt")
        self._stack_all("M-0001", "Ilka Brandt", held, into="master")
        refusals = self._refused()
        self._lose_a_component()
        self._unpack()
        return Story(awards=self._awards, refusals=refusals)

    # ── the Master's ────────────────────────────────────────────────────────────────────────────────────────

    def _publish_master(self) -> None:
        content = master_file()
        parts = (*content.offers, *content.abroad)
        for offer in parts:
            self._offer(content, offer, CREDITS)
        for certificate in content.certificates:
            self._offer(content, certificate, 4 * CREDITS)
        self._offer(content, content.master, 12 * CREDITS)
        for code, rules in pathways().items():
            self._step()
            self._node.pathways.publish(slug=OWN, code=code, achievement=code, rules=rules, actor=self._actor)

    def _offer(self, content: MasterFile | ProgrammeFile, offer: Offer | Module, credits_centi: int) -> None:
        self._step()
        slug = offer.institution if isinstance(offer, Offer) else OWN
        language = offer.language if isinstance(offer, Offer) else "de"
        described = offer.description if isinstance(offer, Offer) else offer.outcome
        skill = None if offer.skill is None else self._skills[offer.skill]
        template = Template(
            title=offer.title,
            language=language,
            description=described,
            outcomes=(Outcome(text=offer.outcome, skill_uri=skill, skill_name=offer.skill),),
            assessment=content.assessment,
            participation=content.participation,
            supervision=content.supervision,
            quality_assurance="Institutional accreditation; each module is reviewed every year",
            criteria=content.criteria,
            credits_centi=credits_centi,
            workload_minutes=credits_centi * 15,
            eqf_level=content.eqf_level,
        )
        self._node.catalogue.publish(slug=slug, code=offer.code, template=template, actor=self._actor)

    def _earn(self, reference: str, name: str, leave_out: Sequence[str] = ()) -> dict[str, str]:
        """Award every micro-credential but some, and recognise the one from abroad; ids by code."""
        content = master_file()
        held: dict[str, str] = {}
        earned = [offer for offer in content.offers if offer.code != "RES-ECOLOGY"]
        for number, offer in enumerate((*earned, *content.abroad)):
            if offer.code not in leave_out:
                day = self._day(CAPSTONE_DAYS if offer.code == CAPSTONE else 400 - 20 * number)
                held[offer.code] = self._award(
                    offer.institution, offer.code, reference, name, day, GRADES[number % len(GRADES)]
                )
        if "RES-ECOLOGY" not in leave_out:
            held["RES-ECOLOGY"] = self._recognise(content.recognised, reference)
        return held

    def _award(self, slug: str, code: str, reference: str, name: str, day: date, grade: str | None) -> str:
        self._step()
        claim = AwardClaim(
            achievement=code, learner=LearnerClaim(name=name, reference=reference), awarded_on=day, grade=grade
        )
        [public_id] = self._node.issuance.issue(slug=slug, claims=[claim], actor=self._actor).answer
        return str(public_id)

    def _recognise(self, recognised: Recognised, reference: str) -> str:
        self._step()
        scan = base64.b64encode(b"%PDF-1.4 a made-up certificate\n").decode()
        shown = PaperAward(
            title=recognised.title,
            awarded_by=recognised.awarded_by,
            awarded_on=self._day(500),
            files=(File(name="certificate.pdf", media_type="application/pdf", content=scan),),
            country=recognised.country,
            credits_centi=recognised.credits_centi,
            eqf_level=recognised.eqf_level,
            outcomes=(recognised.outcome,),
        )
        decision = DecisionClaim(decision="full", stands_for=(StandsFor(institution=OWN, code="RES-ECOLOGY"),))
        outcome = self._node.recognising.decide(
            slug=OWN, shown=shown, decision=decision, actor=self._actor, learner=reference
        )
        return RECOGNITION + UUID(outcome.answer["recognition"]).hex

    def _stack_all(self, reference: str, name: str, held: dict[str, str], into: str) -> None:
        certificates = {}
        for code, parts in CERTIFICATES.items():
            awards = [self._presented(held[part]) for part in parts]
            certificates[code] = self._stack(code, reference, name, awards)
            self._awards[f"{into}_{code.lower().replace('-', '_')}"] = certificates[code]
        awards = [self._presented(public_id) for public_id in certificates.values()]
        self._awards[into] = self._stack("MSC-LR", reference, name, awards)

    def _stack(self, code: str, reference: str, name: str, awards: list[PresentedAward]) -> str:
        self._step()
        claim = StackClaim(pathway=code, learner=LearnerClaim(name=name, reference=reference), awards=tuple(awards))
        return str(self._node.stacking.stack(slug=OWN, claim=claim, actor=self._actor).answer)

    def _presented(self, award: str) -> PresentedAward:
        """What the learner hands in: an own award by its id, another institution's with document and salt."""
        if award.startswith(RECOGNITION):
            return PresentedAward(award=award)
        credential = self._node.ledger.credential(award)
        if credential.institution == self._node.ledger.institution(OWN).id:
            return PresentedAward(award=award)
        kept = self._node.issuance.sealed_document(award)
        return PresentedAward(award=award, document=json.loads(kept.document), salt=kept.salt)

    # ── what is refused ─────────────────────────────────────────────────────────────────────────────────────

    def _refused(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """Try a certificate for each rule with awards that fall short of that rule; nothing is made."""
        reference, name = "M-0002", "Noor Haddad"
        held = self._earn(reference, name)
        law, rewet, lead = held["RES-LAW"], held["RES-REWET"], held["RES-LEAD"]
        ecology = held["RES-ECOLOGY"]
        old = self._award(OWN, "RES-REWET", reference, name, self._day(8 * 366), "1,7")
        weak = self._award(OWN, "RES-REWET", reference, name, self._day(200), "3,7")
        early = self._award(OWN, "RES-LEAD", reference, name, self._day(900), "1,7")
        revoked = self._award(OWN, "RES-REWET", reference, name, self._day(150), "1,7")
        self._step()
        self._node.lifecycle.revoke(public_id=revoked, reason=Reason.ISSUED_IN_ERROR, note=None, actor=self._actor)
        unaccredited = self._award(OWN, "RES-REWET", reference, name, self._day(2_370), "1,7")
        geo = [held[code] for code in ("GEO-SCENARIO", "GEO-IMPACT", "GEO-OPEN")]
        cases: dict[str, list[str]] = {
            "core": [law, lead, ecology],
            "capstone": [law, rewet, ecology],
            "order": [law, rewet, early, ecology],
            "size": [law, rewet, lead],
            "category": [rewet, lead, held["GEO-OPEN"], held["GEO-CLOUD"]],
            "level": [rewet, lead, *self._lower(reference, name)],
            "residency": [rewet, law, ecology, held["GEO-OPEN"]],
            "recency": [old, lead, law, ecology],
            "grade": [weak, lead, law, ecology],
            "quality": [unaccredited, lead, law, ecology],
            "status": [revoked, lead, law, ecology],
        }
        refused = [(rule, self._tried("CERT-RES", reference, name, awards)) for rule, awards in cases.items()]
        refused.append(("partner", self._tried("CERT-GEO", reference, name, geo)))
        whole = [rewet, lead, law, ecology]
        self._stack("CERT-RES", reference, name, [self._presented(award) for award in whole])
        refused.append(("overlap", self._tried("CERT-RES", reference, name, whole)))
        return tuple(refused)

    def _lower(self, reference: str, name: str) -> list[str]:
        """Two awards of a level that is too low; the five years before have published what they are awards of."""
        return [self._award(OWN, code, reference, name, self._day(300), "1,7") for code in ("DATA-PY-5", "DATA-SQL-3")]

    def _tried(self, code: str, reference: str, name: str, awards: list[str]) -> dict[str, Any]:
        presented = tuple(self._presented(award) for award in awards)
        claim = StackClaim(pathway=code, learner=LearnerClaim(name=name, reference=reference), awards=presented)
        return self._node.stacking.try_out(slug=OWN, claim=claim, actor=self._actor)

    def _lose_a_component(self) -> None:
        """A third learner has the Master's, and then one micro-credential is revoked."""
        reference, name = "M-0003", "Jonas Lindqvist"
        held = self._earn(reference, name)
        self._stack_all(reference, name, held, into="lost")
        self._step()
        self._node.lifecycle.revoke(
            public_id=held["RES-REWET"], reason=Reason.ACADEMIC_MISCONDUCT, note=None, actor=self._actor
        )
        for _ in range(2):  # the certificate first, then what it was stacked into
            self._step()
            self._node.cascade.run(self._actor)

    # ── the diploma ─────────────────────────────────────────────────────────────────────────────────────────

    def _unpack(self) -> None:
        content = programme_file()
        for module in content.modules:
            self._offer(content, module, module.credits_centi)
        whole = sum(module.credits_centi for module in content.modules)
        for code, title, worth in (
            (content.code, content.title, whole),
            (f"{content.code}-TEIL", "Teilabschluss", None),
        ):
            outcome = "Bearbeitet Aufgaben der Landschaftsinformatik selbständig."
            offer = Offer(code=code, title=title, description=content.description, outcome=outcome, language="de")
            self._offer(content, offer, worth or whole)
        draft = ProgrammeDraft(
            title=content.title,
            language=content.language,
            achievement=content.code,
            partial=f"{content.code}-TEIL",
            credits_centi=whole,
            withdrawal="review",
            review_days=30,
            modules=tuple(
                ModuleDraft(code=module.code, achievement=module.code, semester=module.semester)
                for module in content.modules
            ),
        )
        self._step()
        self._node.prospectus.publish(slug=OWN, code=content.code, draft=draft, actor=self._actor)
        self._unpack_one("B-0001", "Mirjam Oja", content.code, content.modules, "diploma")
        left = [module for module in content.modules if module.semester <= SEMESTERS_STAYED]
        self._unpack_one("B-0002", "Teo Valk", f"{content.code}-TEIL", left, "partial_diploma")

    def _unpack_one(self, reference: str, name: str, code: str, modules: Sequence[Module], called: str) -> None:
        award = self._award(OWN, code, reference, name, self._day(30), None)
        completed = tuple(
            Completed(
                module=module.code,
                completed_on=self._day(1_300 - 180 * module.semester + 30),
                grade=GRADES[number % len(GRADES)],
            )
            for number, module in enumerate(modules)
        )
        self._step()
        asked = Separation(diploma=award, programme=programme_file().code, completed=completed)
        outcome = self._node.separating.unpack(slug=OWN, asked=asked, actor=self._actor)
        self._awards[called] = award
        self._awards[f"{called}_module"] = str(outcome.answer["parts"][0]["id"])

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self) -> None:
        """Let ten seconds pass."""
        self._now += timedelta(seconds=10)
        self._clock.set(self._now)

    def _day(self, before: int) -> date:
        """The day so many days before the end."""
        return (self._end - timedelta(days=before)).date()
