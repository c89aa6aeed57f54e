"""The policy a log goes by: C2SP's lines alone, exactly one quorum, each member in one way."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.cosignature import Cosigner
from anchoring.error import MalformedError
from anchoring.note import NoteSigner
from anchoring.subtree_cosignature import SubtreeCosigner
from anchoring.tlog_policy import parse_tlog_policy, tlog_lines

LOG = NoteSigner("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))).vkey
LOG_PQ = SubtreeCosigner("a.example/log", MLDSA44PrivateKey.from_seed_bytes(bytes([1] * 32))).vkey
LOG_RENAMED = NoteSigner("b.example/log", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))).vkey
W1 = Cosigner("w.example/1", Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))).vkey
W1_AGAIN = Cosigner("w.example/other", Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))).vkey
W2 = SubtreeCosigner("w.example/2", MLDSA44PrivateKey.from_seed_bytes(bytes([2] * 32))).vkey

WHOLE = f"""# comment
log {LOG} https://a.example/log
log {LOG_PQ}
witness north {W1} https://w.example/1
\twitness  south {W2}

group both all north south
quorum both
"""


def test_policy_is_read_with_keys_of_both_kinds_and_where_to_ask() -> None:
    policy = parse_tlog_policy(WHOLE)
    assert [log.vkey for log in policy.logs] == [LOG, LOG_PQ]
    assert [key.vkey for _, key in policy.witnesses] == [W1, W2]
    assert policy.urls == (("north", "https://w.example/1"),)
    assert not policy.satisfied_by(frozenset({"north"}))
    assert policy.satisfied_by(frozenset({"north", "south"}))
    written = "\n".join(tlog_lines(policy))
    assert tlog_lines(parse_tlog_policy(written)) == tlog_lines(policy)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "0 quorum lines"),
        ("quorum none\nquorum none", "2 quorum lines"),
        ("tsa a b\nquorum none", "line 1: unknown line 'tsa'"),
        (f"log {W1}\nquorum none", "line 1: not a log's key"),
        (f"witness a {LOG}\nquorum a", "line 1: not a cosigner's key"),
        (f"witness a {W1}\nwitness b {W1_AGAIN}\nquorum a", "line 2: the same witness key"),
        (f"witness a {W1}\nwitness b {W2}\ngroup g any a b\ngroup h any a\nquorum g", "line 4: a member"),
        (f"witness a {W1}\ngroup g any none\nquorum g", "line 2: a group of members that are not defined"),
        (f"witness a {W1}\ngroup g 2 a\nquorum g", "line 2: a group takes"),
        ("quorum g", "line 1: a quorum that is not defined"),
        ("quorum none\r\n", "line 1: a control character"),
        ("# a\x0bb\nquorum none", "line 1: a control character"),
        ("#\nquorum\x0cnone", "line 2: a control character"),
        ("quorum none\x7f", "line 1: a control character"),
        ("quorum\u00a0none", "line 1: unknown line"),
        (f"witness a {W1}\ngroup\u2003g any a\nquorum a", "line 2: unknown line"),
        (f"log {LOG}\nlog {LOG}\nquorum none", "line 2: the same log key"),
        (f"log {LOG}\nlog {LOG_RENAMED}\nquorum none", "line 2: the same log key"),
        (f"quorum a\nwitness a {W1}", "line 1: a quorum that is not defined"),
        (f"witness a {W1}\ngroup g any h\ngroup h any a\nquorum g", "line 2: a group of members"),
        (f"witness a {W1}\ngroup g -1 a\nquorum g", "line 2: a group takes"),
        (f"witness a {W1}\ngroup g 0x1 a\nquorum g", "line 2: a group takes"),
    ],
)
def test_policy_is_refused_with_its_line_when_it_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_tlog_policy(text)
