"""Views made of real reports over a small real log, for the tests of the pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from api.page.language import Language
from api.page.view import HomeView, Refusal, Sample, VerifyView
from tests.verifier.judging import judge
from tests.verifier.small_log import ISSUED, NOW, SmallLog

APRIL = ISSUED.replace(month=4, day=1, hour=0, minute=0)
VERDICTS = ("valid", "invalid", "unknown")


def verify_view(
    verdict: str = "valid",
    language: Language = "en",
    *,
    at: datetime | None = None,
    **template: object,
) -> VerifyView:
    """Return the view of an award that is valid, revoked, or not freshly known about."""
    log = SmallLog()
    if template:
        log.publish_edition(**template)
    award = log.issue()
    if verdict == "invalid":
        log.change(award, "revoked", APRIL, reason="academic_misconduct")
    log.publish(NOW - timedelta(days=2) if verdict == "unknown" else NOW)
    report = judge(log.evidence(award), log.policy(), at=at)
    assert report.verdict.value == verdict
    return VerifyView(
        report=report,
        credential=report.credential or "",
        checked_at=NOW,
        asked_at=None if at is None else at.date().isoformat(),
        language=language,
        vkey=log.signer.vkey,
    )


def home_view(language: Language = "en", *, refusal: Refusal | None = None) -> HomeView:
    """Return a home page with one sample of each verdict."""
    names = {
        "valid": ("A valid award", "Действительное свидетельство"),
        "invalid": ("Revoked after misconduct", "Отозвано за нарушение этики"),
        "unknown": ("Key was compromised", "Ключ скомпрометирован"),
    }
    samples = tuple(
        Sample({"en": en, "ru": ru}, "0" * 36, verdict, f"cairn verify {verdict}.json")
        for verdict, (en, ru) in names.items()
    )
    return HomeView(samples=samples, refusal=refusal, language=language)
