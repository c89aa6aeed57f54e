"""An audit's report as one HTML page that needs nothing else: no script, no font, no image, no address is loaded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from api.audit.report import AuditReport

MAX_SHOWN = 1_000
"""Findings on the page; the JSON report has more."""
_TEMPLATES = Path(__file__).parents[1] / "templates"


def html_page(report: AuditReport) -> str:
    """Return the page. Everything in it that came from the audited server is escaped."""
    return _template().render(report=report, shown=report.findings[:MAX_SHOWN])


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("audit.html")
