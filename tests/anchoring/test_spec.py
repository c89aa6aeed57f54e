"""The pages in docs/spec show the golden bytes of the tests, and name every finding of fsck."""

import re
from pathlib import Path

from anchoring.tree import leaf_hash
from tests.anchoring.test_anchor import RECORD
from tests.anchoring.test_entry import GOLDEN, STATE
from tests.anchoring.test_note import NOTE

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "docs" / "spec"


def test_entry_page_shows_the_golden_entry() -> None:
    page = (SPEC / "entry.md").read_text()
    assert f"```text\n{GOLDEN.decode()}\n```" in page
    assert leaf_hash(GOLDEN).hex() in page
    assert f"These {len(GOLDEN)} bytes" in page


def test_state_commitment_page_shows_the_golden_commitment() -> None:
    page = (SPEC / "state-commitment.md").read_text()
    assert f"```text\n{STATE.entry().decode()}\n```" in page
    assert leaf_hash(STATE.entry()).hex() in page


def test_log_page_shows_the_golden_checkpoint_and_anchor_record() -> None:
    page = (SPEC / "log.md").read_text()
    assert NOTE.decode() in page
    assert f"```text\n{RECORD.entry(1).decode()}\n```" in page


def test_log_page_names_every_code_when_fsck_can_report_it() -> None:
    sources = [(ROOT / "anchoring" / name).read_text() for name in ("fsck.py", "fsck_tree.py")]
    codes = {code for source in sources for code in re.findall(r'(?:_find|Finding)\(\s*"([a-z_]+)"', source)}
    assert len(codes) > 10
    page = (SPEC / "log.md").read_text()
    assert [code for code in sorted(codes) if f"`{code}`" not in page] == []
    named = set(re.findall(r"^\| (`[a-z_`, ]+) \|", page.split("fsck` reports")[1], re.MULTILINE))
    assert {code for row in named for code in re.findall(r"[a-z_]+", row)} == codes
