"""Certificate chains of issuers: they count when they lead to an anchor and name the issuer, never by themselves."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from openvc.keys import P256SigningKey

from api.issuer_anchor import read_anchors
from api.setting import SettingError
from tests.verifier.foreign.maker import (
    NOW,
    Issuer,
    badge,
    badge_claims,
    did_key,
    did_web,
    encode,
    judge,
    sd_jwt,
    token,
)
from verifier.foreign.source import Missing
from verifier.report import Report, State, Verdict

ISS = "https://school.example/issuer"


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@cache
def private(text: str) -> ec.EllipticCurvePrivateKey:
    del text
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    subject: str,
    by: str,
    *,
    ca: bool = False,
    names: Sequence[x509.GeneralName] = (),
    ends: datetime = NOW + timedelta(days=30),
) -> x509.Certificate:
    key = private(subject)
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(private(by).public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if ca:
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        made = made.add_extension(usage, critical=True)
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(private(by), hashes.SHA256())


ROOT = certificate("root", "root", ca=True)
OTHER_ROOT = certificate("other root", "other root", ca=True)
MIDDLE = certificate("middle", "root", ca=True)
LEAF = certificate("leaf", "middle", names=[x509.UniformResourceIdentifier(ISS)])
ANCHORS = (ROOT.public_bytes(Encoding.DER),)
KEY = P256SigningKey(private("leaf"), "x")
ISSUER = Issuer(ISS, ISS, KEY)


def x5c(*chain: x509.Certificate) -> list[str]:
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain]


def shown(*chain: x509.Certificate, **header: Any) -> str:  # noqa: ANN401  (any JSON)
    return token(badge_claims(badge(ISSUER)), ISSUER, **{"kid": None, "x5c": x5c(*chain), **header})


def refused(report: Report) -> None:
    assert (report.verdict, report.check("issuer.key").reason) == (Verdict.INVALID, "issuer_key_other")


def test_chain_counts_when_it_leads_to_an_anchor_and_names_the_issuer() -> None:
    report = judge(shown(LEAF, MIDDLE), anchors=ANCHORS)
    assert report.verdict is Verdict.VALID
    assert judge(shown(LEAF, MIDDLE, ROOT), anchors=ANCHORS).verdict is Verdict.VALID
    dns = certificate("leaf", "middle", names=[x509.DNSName("school.example")])
    assert judge(shown(dns, MIDDLE), anchors=ANCHORS).verdict is Verdict.VALID


def test_chain_is_unknown_when_it_leads_to_no_anchor() -> None:
    other = (OTHER_ROOT.public_bytes(Encoding.DER),)
    ended = certificate("leaf", "middle", names=[x509.UniformResourceIdentifier(ISS)], ends=NOW - timedelta(days=1))
    forged = certificate("leaf", "mallory", names=[x509.UniformResourceIdentifier(ISS)])
    no_ca = certificate("middle", "root")
    cases: list[tuple[str, Sequence[bytes]]] = [
        (shown(LEAF, MIDDLE), ()),
        (shown(LEAF, MIDDLE), other),
        (shown(LEAF), ANCHORS),
        (shown(ended, MIDDLE), ANCHORS),
        (shown(forged, MIDDLE), ANCHORS),
        (shown(LEAF, no_ca), ANCHORS),
    ]
    for made, anchors in cases:
        report = judge(made, anchors=anchors)
        assert (report.verdict, report.reason) == (Verdict.UNKNOWN, "issuer_key_chain")
        assert report.check("genuine.signature").state is not State.PASSED


def test_chain_is_refused_when_its_leaf_names_another_issuer() -> None:
    for names in ([x509.UniformResourceIdentifier("https://evil.example/issuer")], [x509.DNSName("evil.example")], []):
        refused(judge(shown(certificate("leaf", "middle", names=names), MIDDLE), anchors=ANCHORS))


@pytest.mark.parametrize("chain", [[], "x", [5], ["????"], ["AAAA"], x5c(*[MIDDLE] * 9)], ids=range(6))
def test_chain_is_refused_when_it_is_none(chain: object) -> None:
    refused(judge(shown(x5c=chain), anchors=ANCHORS))


def test_signature_has_to_be_by_the_leaf() -> None:
    thief = P256SigningKey(private("thief"), "x")
    made = token(badge_claims(badge(ISSUER)), Issuer(ISS, ISS, thief), kid=None, x5c=x5c(LEAF, MIDDLE))
    report = judge(made, anchors=ANCHORS)
    assert (report.verdict, report.reason) == (Verdict.INVALID, "proof_wrong")


def test_chain_is_not_looked_at_when_the_issuer_says_itself_which_key_is_its_own() -> None:
    issuer = did_key()
    made = token(badge_claims(badge(issuer)), issuer, x5c=x5c(LEAF, MIDDLE))
    assert judge(made, anchors=ANCHORS).verdict is Verdict.VALID
    web = did_web()
    made = token(badge_claims(badge(web)), web, x5c=x5c(LEAF, MIDDLE))
    assert judge(made, {web.did: Missing("off")}, anchors=ANCHORS).reason == "issuer_key_off"


def test_chain_is_looked_at_when_the_issuers_own_keys_are_not_to_be_had() -> None:
    address = "https://school.example/.well-known/jwt-vc-issuer/issuer"
    assert judge(shown(LEAF, MIDDLE), {address: Missing("unreachable")}, anchors=ANCHORS).verdict is Verdict.VALID
    own = encode({"issuer": ISS, "jwks": {"keys": [did_key("ES256").jwk]}})
    assert judge(shown(LEAF, MIDDLE), {address: own}, anchors=ANCHORS).reason == "proof_wrong"


def test_sd_jwt_is_judged_by_its_chain_as_well() -> None:
    issuer_part, _, rest = sd_jwt(ISSUER).partition("~")
    claims = badge_claims(badge(ISSUER))
    assert issuer_part
    assert rest is not None
    made = token({**claims, "vct": "urn:x"}, ISSUER, kid=None, typ="dc+sd-jwt", x5c=x5c(LEAF, MIDDLE)) + "~"
    assert judge(made, anchors=ANCHORS).check("issuer.key").state is State.PASSED
    assert judge(made).reason == "issuer_key_chain"


def test_anchors_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "anchors.pem"
    file.write_bytes(ROOT.public_bytes(Encoding.PEM) + OTHER_ROOT.public_bytes(Encoding.PEM))
    assert read_anchors(file) == (*ANCHORS, OTHER_ROOT.public_bytes(Encoding.DER))
    assert read_anchors(None) == ()
    file.write_bytes(b"nothing")
    for wrong in (file, tmp_path / "none.pem"):
        with pytest.raises(SettingError, match="CAIRN_ISSUER_ANCHORS"):
            read_anchors(wrong)
