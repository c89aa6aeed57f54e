"""Credentials of the field over HTTP: whatever the form, from here or from anywhere, one route and one report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openvc.did.base import DidResolutionError
from typer.testing import CliRunner

from api import example
from api.cli.entry import make_app as make_cli
from api.fetching import Fetching
from api.foreign import MAX_SOURCES, ForeignVerification
from api.own_source import NodeSources
from api.setting import Settings
from tests.api.served import BASE, SLUG, Served, open_school, serving
from tests.verifier.foreign.maker import (
    LIST_URL,
    NOW,
    Issuer,
    badge,
    badge_claims,
    baked_png,
    baked_svg,
    did_document,
    did_key,
    did_web,
    encode,
    sd_jwt,
    sign,
    status_entry,
    status_list,
    token,
)
from verifier.checks.time import Asked
from verifier.foreign.format import read_presented
from verifier.report import Report, Verdict

ISSUER = did_key()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("foreign") / "data") as served:
        open_school(served)
        yield served


def verified(ledger: Served, content: bytes | str, media_type: str, **query: str) -> dict[str, Any]:
    answered = ledger.http.post("/v1/verify", content=content, headers={"Content-Type": media_type}, params=query)
    assert answered.status_code == httpx.codes.OK, answered.text
    report: dict[str, Any] = answered.json()
    return report


def check(report: dict[str, Any], code: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in report["checks"] if one["code"] == code)
    return found


def test_route_takes_every_form(ledger: Served) -> None:
    document = json.dumps(sign(badge(ISSUER), ISSUER))
    over_rdf = json.dumps(sign(badge(ISSUER), ISSUER, "eddsa-rdfc-2022"))
    made = token(badge_claims(badge(ISSUER)), ISSUER)
    shown: list[tuple[bytes | str, str]] = [
        (document, "application/json"),
        (document, "application/vc"),
        (document, "application/ld+json"),
        (over_rdf, "application/vc+ld+json"),
        (made, "application/vc+jwt"),
        (made, "application/jwt"),
        (made, "text/plain"),
        (sd_jwt(ISSUER), "application/dc+sd-jwt"),
        (baked_png(document), "image/png"),
        (baked_png(made), "image/png"),
        (baked_svg(document, as_text=True), "image/svg+xml"),
    ]
    for content, media_type in shown:
        report = verified(ledger, content, media_type)
        assert report["verdict"] == "valid", (media_type, report["sentence"])
        assert report["reason"] == "valid_foreign"


def test_route_takes_a_presentation(ledger: Served) -> None:
    presentation = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "holder": ISSUER.did,
        "verifiableCredential": [sign(badge(ISSUER), ISSUER)],
    }
    report = verified(ledger, encode(sign(presentation, ISSUER, proof_purpose="authentication")), "application/vp")
    assert (report["verdict"], report["credentials"][0]["verdict"]) == ("valid", "valid")


@pytest.mark.parametrize(
    "content, media_type, status",
    [
        (b"{}", "application/xml", httpx.codes.UNSUPPORTED_MEDIA_TYPE),
        (b"{}", "application/json; charset=latin-1", httpx.codes.UNSUPPORTED_MEDIA_TYPE),
        (b"a.b.c", "application/json", httpx.codes.BAD_REQUEST),
        (b'{"a":1,"a":2}', "application/json", httpx.codes.BAD_REQUEST),
        (b"not a token", "application/vc+jwt", httpx.codes.UNPROCESSABLE_ENTITY),
        (b"{}", "image/png", httpx.codes.UNPROCESSABLE_ENTITY),
        (b"\x89PNG\r\n\x1a\nxxxx", "image/png", httpx.codes.UNPROCESSABLE_ENTITY),
        (b"e" * 2_000_000, "application/vc+jwt", httpx.codes.REQUEST_ENTITY_TOO_LARGE),
        (b"\x89PNG" * 2_000_000, "image/png", httpx.codes.REQUEST_ENTITY_TOO_LARGE),
    ],
)
def test_route_refuses_what_it_cannot_judge(ledger: Served, content: bytes, media_type: str, status: int) -> None:
    answered = ledger.http.post("/v1/verify", content=content, headers={"Content-Type": media_type})
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"] == "application/problem+json"


def test_route_never_asks_the_network_by_default(ledger: Served) -> None:
    issuer = did_web()
    report = verified(ledger, encode(sign(badge(issuer), issuer)), "application/json")
    assert (report["verdict"], report["reason"]) == ("unknown", "issuer_key_off")
    listed = sign(badge(ISSUER, credentialStatus=[status_entry()]), ISSUER)
    assert verified(ledger, encode(listed), "application/json")["reason"] == "list_off"


def test_route_answers_in_time_when_a_document_is_poison(ledger: Served) -> None:
    names = [f"urn:bnode:{number}" for number in range(8)]
    achievements = [
        {"type": ["Achievement"], "related": [{"type": ["Related"], "id": f"_:b{other}"} for other in range(8)]}
        | {"id": f"_:b{number}"}
        for number, _ in enumerate(names)
    ]
    document = badge(ISSUER)
    document["evidence"] = [{"id": f"_:e{n}", "type": ["Evidence"], "name": "x"} for n in range(8)]
    document["credentialSubject"]["achievement"]["related"] = achievements
    proof = sign(badge(ISSUER), ISSUER)["proof"] | {"cryptosuite": "eddsa-rdfc-2022"}
    own = {**document, "proof": proof, "id": f"{BASE}/verify/{'0' * 36}"}
    for shown in ({**document, "proof": proof}, own):
        begin = time.process_time()
        assert verified(ledger, encode(shown), "application/json")["verdict"] != "valid"
        assert time.process_time() - begin < 2


def test_institution_of_this_ledger_is_judged_without_the_network(ledger: Served) -> None:
    record = ledger.node.views.record_of(SLUG)
    stranger = did_key(name="mallory")
    forged = sign(badge(Issuer(record.did, f"{record.did}#key-1", stranger.key)), _as(record.did, stranger))
    report = verified(ledger, encode(forged), "application/json")
    assert (report["verdict"], report["reason"]) == ("invalid", "proof_wrong")
    other = sign(badge(_as(record.did, stranger)), stranger)
    assert verified(ledger, encode(other), "application/json")["reason"] == "issuer_key_other"


def test_institution_of_this_ledger_is_never_valid_with_what_the_ledger_does_not_know(ledger: Served) -> None:
    record = ledger.node.views.record_of(SLUG)
    key = ledger.node.parts.keys.signing_key(record.institution, "key-1", f"{record.did}#key-1")
    issuer = Issuer(record.did, f"{record.did}#key-1", key)
    document = sign(badge(issuer), issuer)
    report = verified(ledger, encode(document), "application/json")
    assert (report["verdict"], report["reason"]) == ("unknown", "not_known_here")
    stolen = sign(badge(issuer, id=f"{BASE}/verify/{'0' * 36}"), issuer, "eddsa-rdfc-2022")
    report = verified(ledger, encode(stolen), "application/json")
    assert (report["verdict"], report["reason"]) == ("invalid", "signed_outside")
    stolen_token = token(badge_claims(badge(issuer, id=f"{BASE}/verify/{'0' * 36}")), issuer)
    report = verified(ledger, stolen_token, "application/vc+jwt")
    assert (report["verdict"], report["reason"]) == ("invalid", "signed_outside")


def _as(did: str, issuer: Issuer) -> Issuer:
    return Issuer(did, f"{did}#key-1", issuer.key)


def test_report_is_the_same_on_a_day_asked_about(ledger: Served) -> None:
    document = encode(sign(badge(ISSUER), ISSUER))
    day = (NOW - timedelta(days=1)).date().isoformat()
    assert verified(ledger, document, "application/json", at=day)["reason"] == "valid_foreign_as_of"
    assert verified(ledger, document, "application/json", at="2001-01-01")["reason"] == "not_yet_valid"


# ── fetching switched on, with a world of our own ──


class World:
    """Addresses and what is under them; counts what is asked."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        del timeout_seconds, max_bytes
        self.asked.append(url)
        if url not in self.pages:
            message = "nobody there"
            raise DidResolutionError(message)
        return self.pages[url]


def judged(ledger: Served, world: World, document: dict[str, Any]) -> Report:
    sources = NodeSources(BASE, ledger.node.views.directory, ledger.node.status_lists)
    foreign = ForeignVerification(Fetching(Settings(fetch=True), world), sources, cpu=None)
    asked = Asked(NOW, None, None)
    return foreign.credential(read_presented(encode(document)), document["issuer"]["id"], asked)


def test_world_is_asked_for_keys_first_and_for_lists_when_the_signature_is_good(ledger: Served) -> None:
    issuer = did_web()
    document = sign(badge(issuer, credentialStatus=[status_entry()]), issuer)
    home = "https://school.example/.well-known/did.json"
    world = World({home: encode(did_document(issuer)), LIST_URL: status_list(issuer)})
    assert judged(ledger, world, document).verdict is Verdict.VALID
    assert world.asked == [home, LIST_URL]
    world.pages[LIST_URL] = status_list(issuer, 94_567)
    assert judged(ledger, world, document).reason == "list_revocation"
    del world.pages[LIST_URL]
    assert judged(ledger, world, document).reason == "list_unreachable"


def test_world_is_not_asked_for_anything_under_this_ledgers_own_address(ledger: Served) -> None:
    own = f"{BASE}/status-lists/99"
    document = sign(badge(ISSUER, credentialStatus=[status_entry(statusListCredential=own)]), ISSUER)
    world = World({})
    assert judged(ledger, world, document).reason == "list_unreachable"
    nobody = did_web("ledger.test:institutions:nobody")
    assert judged(ledger, world, sign(badge(nobody), nobody)).reason == "issuer_key_unreachable"
    assert world.asked == []


def test_world_is_asked_for_a_bounded_number_of_things(ledger: Served) -> None:
    entries = [status_entry(statusListCredential=f"https://lists.example/{number}") for number in range(8)]
    world = World({})
    judged(ledger, world, sign(badge(ISSUER, credentialStatus=entries), ISSUER))
    assert len(world.asked) == 8 <= MAX_SOURCES


def test_cli_judges_foreign_files_without_a_network(tmp_path: Path) -> None:
    badge_file = tmp_path / "badge.png"
    badge_file.write_bytes(baked_png(json.dumps(sign(badge(ISSUER), ISSUER))))
    result = CliRunner().invoke(make_cli(), ["verify", str(badge_file), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["reason"] == "valid_foreign"
    web = did_web()
    other = tmp_path / "token.jwt"
    other.write_text(token(badge_claims(badge(web)), web))
    result = CliRunner().invoke(make_cli(), ["verify", str(other), "--json"])
    assert json.loads(result.stdout)["reason"] == "issuer_key_off"


@pytest.mark.parametrize("suite", ["eddsa-jcs-2022", "eddsa-rdfc-2022"])
@pytest.mark.parametrize("name", ["urn:test:7", None])
def test_document_that_an_institution_signed_under_any_id_is_judged_by_the_log(
    ledger: Served, suite: str, name: str | None
) -> None:
    did = ledger.node.views.record_of(SLUG).did
    credential = {**example.VC_API_CREDENTIAL, "issuer": did, "id": name and f"{name}:{suite}"}
    body = {"credential": {key: value for key, value in credential.items() if value}, "options": {"cryptosuite": suite}}
    key = {"Authorization": f"Bearer {ledger.key(SLUG)}"}
    issued = ledger.http.post("/vc-api/credentials/issue", json=body, headers=key)
    assert issued.status_code == httpx.codes.CREATED, issued.text
    document = issued.json()["verifiableCredential"]
    report = verified(ledger, encode(document), "application/vc")
    trouble = [one for one in report["checks"] if one["state"] in {"failed", "unknown"}]
    assert (report["verdict"], report["reason"]) == ("valid", "valid"), trouble
    assert check(report, "genuine.recorded")["state"] == "passed"
    document["credentialSubject"]["id"] = "did:example:other"
    assert verified(ledger, encode(document), "application/vc")["verdict"] == "invalid"
