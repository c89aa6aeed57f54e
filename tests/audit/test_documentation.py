"""Every finding that an audit can name is explained to whoever reads it."""

from __future__ import annotations

import ast
from pathlib import Path

import api.audit
from api.page.language import read_messages

NAMING = {"add": 0, "_find": 0, "at": 1, "object": 1}
"""Functions that name findings, and which of their arguments is the code."""


def _codes(source: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in NAMING:
            at = NAMING[node.func.attr]
            code = node.args[at] if len(node.args) > at else None
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                found.add(code.value)
    return found


def test_auditing_page_explains_every_code_when_an_audit_can_give_it() -> None:
    sources = list(Path(api.audit.__file__).parent.glob("*.py"))
    codes = set().union(*(_codes(source) for source in sources))
    assert len(codes) > 25  # else the functions above have other names by now
    page = (Path(__file__).parents[2] / "docs" / "auditing.md").read_text("utf-8")
    assert {code for code in codes if f"`{code}`" not in page} == set()
    told = read_messages("en")["finding"]
    assert {code for code in codes if code.replace("-", "_") not in told} == set()
