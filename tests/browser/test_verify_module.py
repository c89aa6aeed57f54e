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
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.subtree_cosignature import SubtreeCosigner
from api.page.asset import OWN_CODES, asset, lean, offline_script
from tests.api.diploma import award, publish_programme, unpack
from tests.api.served import SLUG, open_school, serving
from tests.browser.corpus import Case, altered, flipped, good_cases, places, policies, relogged
from tests.node.processor import Node
from tests.verifier.small_log import NOW, SmallLog, authority, compact
from verifier import InputError, parse_evidence, parse_policy, verify_evidence
from verifier.error import PolicyError
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


def ask(node: Node, data: bytes, case: Case, policy: str | None = None) -> dict[str, Any]:
    """What the pages' verifier says, by the word of the log alone, or by another policy."""
    return node.ask(
        data=base64.b64encode(data).decode(),
        policy=case.policy if policy is None else policy,
        now=case.now.timestamp() * 1000,
        at=None if case.at is None else case.at.timestamp() * 1000,
        maxAge=None if case.max_age is None else case.max_age.total_seconds(),
    )


def judge(data: bytes, case: Case, policy: str | None = None) -> tuple[Found, dict[str, Found]]:
    """What the Python verifier says, by the same policy."""
    known = parse_policy(case.policy if policy is None else policy)
    try:
        report = verify_evidence(parse_evidence(data), known, now=case.now, at=case.at, max_age=case.max_age)
    except InputError as error:
        return ("refused", str(error)), {}
    return (report.verdict.value, report.reason), {c.code: (c.state.value, c.reason) for c in report.checks}


CASES: Final = {case.name: case for case in good_cases()}
POLICIES: Final = policies()


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


@pytest.mark.parametrize("name", POLICIES)
def test_module_comes_to_the_same_checks_by_any_policy(node: Node, name: str) -> None:
    """Witnesses, quorums and retired keys, on every file that holds together."""
    seen = set()
    for case in CASES.values():
        policy = case.policy + POLICIES[name]
        data = compact(case.file)
        verdict, checks = judge(data, case, policy)
        found = ask(node, data, case, policy)
        assert (found["verdict"], found["reason"]) == verdict, case.name
        assert {code: (state, reason) for code, state, reason in found["checks"]}.items() <= checks.items(), case.name
        seen |= {reason for _, reason in checks.values()}
    wanted = {
        "a witness": {"cosigned", "fresh_witnessed", "anchored", "compromised_later"},
        "both of two": {"quorum_not_met"},
        "a witness under another name": {"anchor_misnamed"},
        "another witness of that name": {"anchor_wrong"},
        "the log's key retired late": {"log_retired", "log_known_then"},
    }
    assert wanted.get(name, set()) <= seen


def test_module_passes_over_what_it_cannot_verify_and_counts_it(node: Node) -> None:
    """Time-stamping authorities, and keys of ML-DSA-44: as if they were not there."""
    case = CASES["anchored"]
    data = compact(case.file)
    pqc = SubtreeCosigner("pqc.example", MLDSA44PrivateKey.from_seed_bytes(bytes(32))).vkey
    more = authority("stamp").policy_line + f"witness pq {pqc}\ngroup any any pq w1\nquorum any\n"
    policy = f"{case.policy}witness w1 {SmallLog().witness.vkey}\n{more}"
    found = ask(node, data, case, policy)
    assert found["passedOver"] == 2
    verdict, checks = judge(data, case, policy.replace(authority("stamp").policy_line, ""))
    assert (found["verdict"], found["reason"]) == verdict
    assert {code: (state, reason) for code, state, reason in found["checks"]}.items() <= checks.items()
    assert found["anchors"] == [["w1", True], ["w1", True], ["stamp", False]]
    needed = policy.replace("quorum any", "quorum pq")
    assert ask(node, data, case, needed)["reason"] == "quorum_not_met"


def test_module_refuses_the_same_policies(node: Node) -> None:
    case, log = CASES["plain"], SmallLog()
    w1 = f"witness w1 {log.witness.vkey}\n"
    bad = (
        "x y\n", "log\n", "log a b c\n", f"log {log.operator.vkey}\n", f"log {log.signer.vkey}\n" * 2, "witness w1\n",
        w1 * 2, f"witness none {log.witness.vkey}\n", f"witness a#b {log.witness.vkey}\n", f"{w1}group g 2 w1\n",
        f"{w1}group g any w1 w1\n", f"{w1}group g any w2\n", f"{w1}group g 0 w1\n", f"{w1}group g any none\n",
        f"{w1}group w1 any w1\n", f"{w1}group g any w1\ngroup h any w1\n", "quorum w1\n", "quorum none\nquorum none\n",
        f"{w1}quorum w1 w1\n", "retired x 2025-03-03T09:30:00Z\n", f"retired {log.signer.vkey}\n",
        f"retired {log.signer.vkey} 2025-03-03\n", f"retired {log.signer.vkey} 2025-03-03T09:30:00Z\n" * 2,
        "log\x00\n", f"{w1[:-1]}\r\n", "#\x01\n", "#\n" * 513, f"#{'x' * 262_144}\n", f"witness w2 {log.signer.vkey}\n",
        f"{w1}witness w2 other+{log.witness.vkey.split('+', 1)[1]}\n",
    )  # fmt: skip
    good = ("", "\n", "# x\n", f"{w1}quorum none\n", f"\t{w1}group g 1 w1\n  quorum   g\n", f"quorum none\n{w1}")
    for text in (*bad, *good):
        try:
            parse_policy(text)
            is_good = True
        except PolicyError:
            is_good = False
        assert is_good is (text in good), text
        assert (ask(node, compact(case.file), case, text)["verdict"] != "refused") is is_good, text


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
        policy = case.policy + rng.choice(list(POLICIES.values()))
        verdict, _ = judge(data, case, policy)
        found = ask(node, data, case, policy)
        seen[verdict[0], found["verdict"]] += 1
        assert found["verdict"] == verdict[0], (number, case.name, policy, verdict, found)
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
    for vkey in ("", "x", log.operator.vkey, log.signer.vkey[:-4] + "AAAA"):
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
