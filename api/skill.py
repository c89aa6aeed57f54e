"""Skills: who certifies one, what somebody's credentials show, and the shortest way to what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from api.error import FieldError, InvalidRequestError, UnknownResourceError
from api.lookup import Lookup
from api.verification import Verification
from ledger.skill import ESCO_SKILL, STEPS, Offer, shortest_way, skills_of
from projections.achievement_catalogue import Edition
from verifier.error import InputError
from verifier.foreign.format import read_credential, read_presented
from verifier.report import Report, Verdict

MAX_CREDENTIALS: Final = 20
"""Credentials in one request: each is verified, which may take a quarter of a second of a processor."""
MAX_SKILLS: Final = 100
"""Skills of one vacancy; ESCO's longest occupations have about as many essential ones."""
MAX_OFFERS: Final = 200
"""Micro-credentials that are considered for one skill."""
MINUTES_A_CENTICREDIT: Final = 15
"""25 hours an ECTS credit where only credits are given. Source: ECTS Users' Guide 2015, 25 to 30 hours."""


class Shown(msgspec.Struct, frozen=True):
    """A credential that was shown: its report, and the skills that it certifies with their labels."""

    report: Report
    skills: dict[str, str]


class Skills:
    """Answers about skills.

    Args:
        lookup: The public look-ups.
        verification: Judges what is shown.
    """

    def __init__(self, lookup: Lookup, verification: Verification) -> None:
        self._lookup = lookup
        self._views = lookup.views
        self._verification = verification

    def page(self, after: int, limit: int) -> dict[str, Any]:
        """A page of skills, in the order in which they were first mentioned."""
        found = self._views.skills.page(after, limit)
        following = after + len(found)
        more = following + 1 < self._views.skills.count()
        return {"skills": msgspec.to_builtins(found), "next": following if more else None}

    def skill(self, uri: str, after: int, limit: int) -> dict[str, Any]:
        """A skill and the micro-credentials that certify it, page by page.

        Raises:
            UnknownResourceError: No edition of any micro-credential certifies it.
        """
        skill = self._views.skills.skill(uri)
        if skill is None:
            message = "no micro-credential here certifies such a skill; send its whole URI, percent-encoded"
            raise UnknownResourceError(message)
        found = self._views.skills.certifications(uri, after, limit)
        following = after + len(found)
        offers = []
        for one in found:
            newest = self._edition(one.achievement)
            if newest is not None:
                offers.append({**self._named(newest), "editions": list(one.editions), "current": one.current})
        more = following + 1 < skill.achievements
        return {"uri": uri, "label": skill.label, "achievements": offers, "next": following if more else None}

    def profile(self, credentials: Sequence[object]) -> dict[str, Any]:
        """What skills somebody's credentials show. Only those that are valid count; nothing is kept.

        Raises:
            InvalidRequestError: One is nothing that can be judged.
        """
        with self._verification.one_request():
            shown = [self._shown(one, f"/credentials/{number}") for number, one in enumerate(credentials)]
        held = _held(shown)
        return {
            "skills": [{"uri": uri, "label": label, "credentials": by} for uri, (label, by) in sorted(held.items())],
            "credentials": [_summary(one) for one in shown],
        }

    def coverage(self, wanted: Sequence[str], credentials: Sequence[object]) -> dict[str, Any]:
        """How far credentials cover a list of skills, and the fewest micro-credentials that close the gap.

        Raises:
            InvalidRequestError: A credential is nothing that can be judged.
        """
        profile = self.profile(credentials)
        held = {one["uri"]: one for one in profile["skills"]}
        asked = list(dict.fromkeys(wanted))
        missing = [uri for uri in asked if uri not in held]
        return {
            "covered": [held[uri] for uri in asked if uri in held],
            "missing": missing,
            **self.way(missing),
            "credentials": profile["credentials"],
        }

    def way(self, missing: Sequence[str], steps: int = STEPS) -> dict[str, Any]:
        """The fewest micro-credentials that certify skills which are missing, and what none certifies.

        Args:
            missing: URIs of skills, each once.
            steps: How far the search may go; see :func:`ledger.skill.shortest_way`.
        """
        editions, is_whole = self._offers(missing)
        way = shortest_way(missing, [_offer(key, edition) for key, edition in editions.items()], steps)
        return {
            "way": [
                {**self._named(editions[key]), "closes": sorted(set(missing) & set(_skills(editions[key])))}
                for key in way.keys
            ],
            "is_shortest": way.is_shortest and is_whole,
            "not_offered": list(way.beyond),
        }

    def label(self, uri: str) -> str:
        """What a skill is called; the URI itself where no micro-credential here certifies it."""
        known = self._views.skills.skill(uri)
        return uri if known is None else known.label

    def _offers(self, missing: Iterable[str]) -> tuple[dict[str, Edition], bool]:
        """What could be earned, newest editions by name; and whether that is all there is."""
        editions: dict[str, Edition] = {}
        is_whole = True
        for uri in missing:
            found = self._views.skills.certifications(uri, limit=MAX_OFFERS + 1)
            is_whole = is_whole and len(found) <= MAX_OFFERS
            for one in found[:MAX_OFFERS]:
                newest = self._edition(one.achievement) if one.current else None
                if newest is not None:
                    editions[str(self._named(newest)["url"])] = newest
        return editions, is_whole

    def _edition(self, achievement: Any) -> Edition | None:  # noqa: ANN401  a UUID, as the index keeps it
        listing = self._views.catalogue.listing(achievement)
        return None if listing is None else self._views.catalogue.edition(achievement, listing.editions)

    def _named(self, edition: Edition) -> dict[str, Any]:
        slug = self._views.record(edition.institution).slug
        template = edition.template
        return {
            "institution": slug,
            "code": edition.code,
            "edition": edition.edition,
            "title": template.title,
            "credits_centi": template.credits_centi,
            "workload_minutes": template.workload_minutes,
            "url": self._lookup.edition_url(slug, edition.code, edition.edition),
        }

    def _shown(self, credential: object, pointer: str) -> Shown:
        try:
            if isinstance(credential, str) and credential.isalnum():
                report = self._verification.credential(credential, None)
                return Shown(report, self._known(report) or {})
            data = credential.encode() if isinstance(credential, str) else msgspec.json.encode(credential)
            report = self._verification.verify(data, None)
            known = self._known(report)
            return Shown(report, _aligned(data) if known is None else known)
        except UnknownResourceError as error:
            message = "there is no such award; check that the whole id was copied"
            raise InvalidRequestError(message, errors=(FieldError(message, pointer),)) from error
        except (InputError, UnicodeEncodeError) as error:
            message = f"this is no credential, bundle or id of an award: {error}"
            raise InvalidRequestError(message, errors=(FieldError(message, pointer),)) from error

    def _known(self, report: Report) -> dict[str, str] | None:
        """The skills of an award of this ledger are those of the edition in the log, whatever its document says.

        None where there is no edition: then the document is all there is.
        """
        if report.credential is None:
            return None
        try:
            edition = self._views.edition(self._lookup.evidences.facts(report.credential))
        except UnknownResourceError:
            return None
        return None if edition is None else _skills(edition)


def _skills(edition: Edition) -> dict[str, str]:
    return skills_of(edition.template, edition.details)


def _offer(key: str, edition: Edition) -> Offer:
    template = edition.template
    minutes = template.workload_minutes or (template.credits_centi or 0) * MINUTES_A_CENTICREDIT
    return Offer(key=key, skills=frozenset(_skills(edition)), minutes=minutes)


def _held(shown: Sequence[Shown]) -> dict[str, tuple[str, list[int]]]:
    """Each skill with its label and the numbers of the valid credentials that certify it."""
    held: dict[str, tuple[str, list[int]]] = {}
    for number, one in enumerate(shown):
        if one.report.verdict is Verdict.VALID:
            for uri, label in one.skills.items():
                held.setdefault(uri, (label, []))[1].append(number)
    return held


def _summary(one: Shown) -> dict[str, Any]:
    report = one.report
    return {
        "verdict": report.verdict.value,
        "reason": report.reason,
        "sentence": report.sentence.to_json(),
        "credential": report.credential,
    }


def _aligned(data: bytes) -> dict[str, str]:
    """The ESCO skills that a foreign credential names among the alignments of its achievement."""
    presented = read_presented(data)
    if presented.kind != "credential":
        return {}
    subjects = read_credential(presented).members.get("credentialSubject")
    found: dict[str, str] = {}
    for subject in subjects if isinstance(subjects, list) else [subjects]:
        achievement = subject.get("achievement") if isinstance(subject, dict) else None
        alignments = achievement.get("alignment") if isinstance(achievement, dict) else None
        for one in alignments if isinstance(alignments, list) else [alignments]:
            named = one if isinstance(one, dict) else {}
            uri = named.get("targetUrl")
            if isinstance(uri, str) and uri.startswith(ESCO_SKILL):
                found[uri] = str(named.get("targetName") or uri)
    return found
