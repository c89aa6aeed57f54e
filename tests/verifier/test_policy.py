"""Trust policies: read, written, merged, and refused when a line could be taken two ways."""

from __future__ import annotations

import pytest

from anchoring.cosignature import Cosigner
from anchoring.note import NoteSigner
from anchoring.tlog_policy import MAX_LINES
from tests.verifier.small_log import SmallLog, authority, private_key
from verifier import Policy, PolicyError, format_policy, merge_policies, parse_policy, trust_key

LOG = NoteSigner("a.example/log", private_key("a")).vkey
LOG_2 = NoteSigner("b.example/log", private_key("b")).vkey
W1 = Cosigner("w.example/1", private_key("w1")).vkey
W2 = Cosigner("w.example/2", private_key("w2")).vkey
W3 = Cosigner("w.example/3", private_key("w3")).vkey

WHOLE = f"""# a policy
log {LOG} https://a.example/log
log {LOG_2}

witness north {W1} https://w.example/1
witness south {W2}
witness west {W3}
group coast any south west
group both 2 north coast
quorum both
{authority("stamp").policy_line}"""


def test_policy_is_read_whole_and_written_back_to_the_same() -> None:
    policy = parse_policy(WHOLE)

    assert [log.vkey for log in policy.logs] == [LOG, LOG_2]
    assert [name for name, _ in policy.witnesses] == ["north", "south", "west"]
    assert policy.quorum == "both"
    assert [one.name for one in policy.authorities] == ["stamp"]
    again = parse_policy(format_policy(policy))
    assert format_policy(again) == format_policy(policy)
    assert again.groups == policy.groups


@pytest.mark.parametrize(
    "names,met",
    [
        ({"north", "south"}, True),
        ({"north", "west"}, True),
        ({"south", "west"}, False),
        ({"north"}, False),
        (set(), False),
        ({"north", "south", "west"}, True),
    ],
)
def test_quorum_is_met_only_by_the_witnesses_it_names(names: set[str], met: bool) -> None:  # noqa: FBT001  the expected answer of a table row
    assert parse_policy(WHOLE).satisfied_by(frozenset(names)) is met
    assert Policy().satisfied_by(frozenset(names))


@pytest.mark.parametrize(
    "text",
    [
        "trust me",
        "log",
        "log x",
        f"log {W1}",
        f"log {LOG} https://a b",
        f"witness {W1}",
        f"witness a {LOG}",
        f"witness a {W1}\nwitness a {W2}",
        f"witness a {W1}\nwitness b {W1}",
        f"witness none {W1}",
        f"witness a#b {W1}",
        f"witness a {W1}\ngroup a any a",
        f"witness a {W1}\ngroup g any",
        f"witness a {W1}\ngroup g any b",
        f"witness a {W1}\ngroup g any a a",
        f"witness a {W1}\ngroup g 2 a",
        f"witness a {W1}\ngroup g 0 a",
        f"witness a {W1}\ngroup g 01 a",
        f"witness a {W1}\ngroup g most a",
        f"witness a {W1}\ngroup g any g",
        "quorum a",
        "quorum none\nquorum none",
        "tsa a",
        "tsa a AAAA",
        "tsa a !",
        f"log {LOG}\n" * (MAX_LINES + 1),
        "#" * 300_000,
    ],
)
def test_policy_is_refused_when_a_line_is_malformed_or_contradicts(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_policy(text)


def test_policy_error_names_the_line() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(f"# one\nlog {LOG}\n\nlog nonsense\n")
    assert caught.value.pointer == "line 4"


def test_trusting_takes_a_logs_key_and_a_cosigners_key_and_nothing_else() -> None:
    policy = trust_key(trust_key(Policy(), LOG), W1, pinned=True)

    assert [log.vkey for log in policy.logs] == [LOG]
    assert [name for name, _ in policy.witnesses] == ["w.example/1"]
    assert policy.pinned == {W1}
    assert trust_key(trust_key(policy, LOG), W1) == policy
    for wrong in ("", "x", LOG[:-1], LOG.replace("+", "-"), W1 + " "):
        with pytest.raises(PolicyError):
            trust_key(policy, wrong)


def test_trusting_tells_witnesses_of_one_name_apart() -> None:
    twin = Cosigner("w.example/1", private_key("twin")).vkey
    policy = trust_key(trust_key(Policy(), W1), twin)

    names = [name for name, _ in policy.witnesses]
    assert len(set(names)) == 2
    assert parse_policy(format_policy(policy)).witnesses[1][1].vkey == twin


def test_merging_trusts_what_either_trusts_and_keeps_the_first_quorum() -> None:
    mine = parse_policy(f"log {LOG}\nwitness a {W1}\nquorum a\n")
    theirs = parse_policy(f"log {LOG}\nlog {LOG_2}\nwitness a {W1}\nwitness b {W2}\ngroup g all a b\nquorum g\n")

    merged = merge_policies(mine, theirs)

    assert [log.vkey for log in merged.logs] == [LOG, LOG_2]
    assert merged.quorum == "a"
    assert merge_policies(Policy(), theirs).quorum == "g"
    assert merge_policies(merged, theirs) == merged
    clash = parse_policy(f"witness a {W3}\n")
    with pytest.raises(PolicyError):
        merge_policies(mine, clash)


def test_a_chain_of_certificates_ends_in_a_self_signed_one() -> None:
    policy = parse_policy(authority("stamp").policy_line + authority("other").policy_line.replace("other", "stamp"))

    assert [one.name for one in policy.authorities] == ["stamp", "stamp"]
    assert all(one.is_closed for one in policy.authorities)


def test_policy_of_the_small_log_is_the_same_when_read_back() -> None:
    policy = SmallLog().policy(witness=True, tsa=True)
    assert format_policy(parse_policy(format_policy(policy))) == format_policy(policy)
