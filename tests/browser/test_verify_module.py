"""The pages' verifier (api/static/verify.mjs) in Node, against the Python one: the same file, key and instant.

On every file, good or altered, both come to the same verdict; on those that hold together also to the same checks. More
files than in each run of the tests: VERIFY_FILES=100000.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from api.page.asset import OWN_CODES, asset, lean, offline_script
from tests.api.diploma import award, publish_programme, unpack
from tests.api.served import SLUG, open_school, serving
from tests.browser.corpus import Case, altered, flipped, good_cases, places, relogged
from tests.node.processor import Node
from tests.verifier.small_log import NOW, SmallLog, compact
from verifier import InputError, parse_evidence, parse_policy, verify_evidence
from verifier.wording import SENTENCES

FILES: Final = int(os.environ.get("VERIFY_FILES", "1200"))
MADE_WORSE: Final = frozenset({"plain", "anchored", "within limits", "suspended reinstated", "stacked", "attested"})
Found = tuple[str, str]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    started = Node("evidence.mjs")
    assert started.ask(can=True) == {"can": True}, "this Node has no Ed25519 in WebCrypto: Node 20 or later"
    yield started
    started.close()


def ask(node: Node, data: bytes, case: Case) -> dict[str, Any]:
    """What the pages' verifier says."""
    return node.ask(
        data=base64.b64encode(data).decode(),
        vkeys=[case.vkey],
        now=case.now.timestamp() * 1000,
        at=None if case.at is None else case.at.timestamp() * 1000,
        maxAge=None if case.max_age is None else case.max_age.total_seconds(),
    )


def judge(data: bytes, case: Case) -> tuple[Found, dict[str, Found]]:
    """What the Python verifier says, trusting the log's key alone."""
    policy = parse_policy(f"log {case.vkey}\n")
    try:
        report = verify_evidence(parse_evidence(data), policy, now=case.now, at=case.at, max_age=case.max_age)
    except InputError as error:
        return ("refused", str(error)), {}
    return (report.verdict.value, report.reason), {c.code: (c.state.value, c.reason) for c in report.checks}


CASES: Final = {case.name: case for case in good_cases()}


@pytest.mark.parametrize("name", CASES)
def test_module_comes_to_the_same_checks_as_the_python_verifier(node: Node, name: str) -> None:
    case = CASES[name]
    data = compact(case.file)
    verdict, checks = judge(data, case)
    found = ask(node, data, case)
    assert (found["verdict"], found["reason"]) == verdict
    assert {code: (state, reason) for code, state, reason in found["checks"]}.items() <= checks.items()
    left = {state for code, (state, _) in checks.items() if code not in {one[0] for one in found["checks"]}}
    assert left <= {"skipped"}


def test_module_comes_to_the_same_verdict_when_anything_was_altered(node: Node) -> None:
    """Never `valid` where the other is not, and never anything else either."""
    rng = random.Random(0)
    base = [case for name, case in CASES.items() if name in MADE_WORSE]
    seen: Counter[tuple[str, str]] = Counter()
    for number in range(FILES):
        case = relogged(rng) if number % 3 == 0 else rng.choice(base)
        data = compact(case.file)
        if number % 3 == 1:
            data = flipped(case.file, rng)
        elif number % 3 == 2:
            data = compact(altered(case.file, rng.choice(list(places(case.file))[1:]), rng))
        verdict, _ = judge(data, case)
        found = ask(node, data, case)
        seen[verdict[0], found["verdict"]] += 1
        assert found["verdict"] == verdict[0], (number, case.name, verdict, found)
    assert {one for one, _ in seen} == {"valid", "invalid", "unknown", "refused"}


def test_module_agrees_on_files_that_a_real_ledger_gave(node: Node, tmp_path: Path) -> None:
    """Awards, a part of an unpacked diploma, and what is altered in them."""
    rng = random.Random(1)
    with serving(tmp_path / "data") as served:
        key = open_school(served)
        publish_programme(served, key, SLUG, modules=2)
        diploma = award(served, key, learner={"name": "Mari Maasikas", "reference": "S-1"})
        part, other = (one["id"] for one in unpack(served, key, diploma, 1, 2).json()["parts"])
        change = {"reason": "under_review"}
        assert served.write("POST", f"/v1/credentials/{other}/suspension", change, key).status_code < 300
        vkey = served.http.get("/log/vkey").text.strip()
        for public_id, wanted in ((part, "valid"), (other, "invalid"), (diploma, "valid")):
            file = json.loads(served.http.get(f"/v1/credentials/{public_id}/evidence").content)
            case = Case("real", file, now=datetime.now(UTC), max_age=timedelta(minutes=10), vkey=vkey)
            verdict, checks = judge(compact(file), case)
            found = ask(node, compact(file), case)
            assert (found["verdict"], found["reason"]) == verdict
            assert verdict[0] == wanted
            assert {code: (state, reason) for code, state, reason in found["checks"]}.items() <= checks.items()
            for _ in range(FILES // 12):
                data = compact(altered(file, rng.choice(list(places(file))[1:]), rng))
                assert ask(node, data, case)["verdict"] == judge(data, case)[0][0]


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', "[" * 33 + "]" * 33, '{"a":1e400}', '{"a":NaN}', '{"a":01}', '{"a":9007199254740992}',
     '"\\ud800"', '"\t"', "{} {}", "\ufeff{}", '{"a":1,}', "[1,]", "[,1]", '{"a" 1}', "nul",
     "", " ", '{"a":"\\x"}', "{'a':1}"],
)  # fmt: skip
def test_module_refuses_json_that_two_readers_could_take_for_two_things(node: Node, text: str) -> None:
    case = CASES["plain"]
    for data in (text.encode(), text.encode("utf-16"), b"\xff" + text.encode()):
        assert ask(node, data, case)["verdict"] == judge(data, case)[0][0] == "refused"


def test_module_refuses_keys_that_are_none_and_the_future(node: Node) -> None:
    case = CASES["plain"]
    log = SmallLog()
    data = compact(case.file)
    for vkey in ("", "x", log.operator.vkey, log.signer.vkey[:-4] + "AAAA", log.signer.vkey + " "):
        found = ask(node, data, Case("plain", case.file, vkey=vkey))
        assert found["verdict"] == "refused", vkey
    assert ask(node, data, Case("plain", case.file, vkey=case.vkey, at=NOW + timedelta(days=1)))["verdict"] == "refused"


def test_module_knows_the_codes_that_pages_have_sentences_for() -> None:
    words = set(re.findall(r'"([a-z_]+)"', asset("verify.mjs").decode()))
    assert set(OWN_CODES) == words & set(SENTENCES) - {"valid"}


def test_module_is_sent_without_comments_and_says_the_same(node: Node, tmp_path: Path) -> None:
    whole = Path("api/static/verify.mjs").read_text("utf-8")
    assert lean(whole) == asset("verify.mjs").decode()
    assert not re.search(r"^\s|^//|^\*|; // ", asset("verify.mjs").decode(), re.MULTILINE)
    assert "import " not in offline_script()
    assert "</" not in offline_script()
    place = Path("tests/node/evidence.mjs").resolve()
    (tmp_path / "verify.mjs").write_bytes(asset("verify.mjs"))
    sent = place.read_text("utf-8").replace("../../api/static/verify.mjs", str(tmp_path / "verify.mjs"))
    script = tmp_path / "sent.mjs"
    script.write_text(sent, "utf-8")
    other = Node(str(script))
    for case in list(CASES.values())[:12]:
        assert ask(other, compact(case.file), case) == ask(node, compact(case.file), case)
    other.close()
