"""Awards into wallets over a real ledger: who gets what, once, and what everybody else is told."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from openvc.multibase import encode_multibase
from openvc.openid4vci import GRANT_PRE_AUTHORIZED_CODE

from api.guess import GUESSES_PER_MINUTE
from api.public_write import WALLET_CREDENTIAL, WALLET_NONCE, WALLET_TOKEN, WALLET_WRITES
from api.wallet.key_proof import plain
from api.wallet.nonce import NONCE_SECONDS, Nonces
from api.wallet.offer import (
    MAX_OF_LEARNER,
    OFFER_SECONDS,
    TOKEN_SECONDS,
    TX_CODE_DIGITS,
    TX_CODE_TRIES,
    Offers,
)
from ledger.learner_link import LearnerLink
from tests.api.desk import OWN_PAGE
from tests.api.diploma import award as award_diploma
from tests.api.diploma import publish_programme, unpack
from tests.api.served import BASE, OPERATOR, SLUG, Served, open_school, serving
from tests.api.wallet import (
    Key,
    Offered,
    ask_credential,
    ask_nonce,
    ask_token,
    decoded,
    did_jwk,
    ed25519_key,
    encoded,
    p256_key,
    read_offer,
    request_for,
    take,
)
from tests.files import contents
from tests.ledger.world import START, SetClock

ISSUER: Final = f"{BASE}/institutions/{SLUG}"
LEARNER: Final[dict[str, Any]] = {"name": "Mari Maasikas", "reference": "S-1"}
FORMS: Final = ["sd-jwt", "vc-jwt"]
METADATA: Final = f"/.well-known/openid-credential-issuer/institutions/{SLUG}"
KEY: Final = ed25519_key()


@dataclass
class School:
    """A served ledger with an institution that offers what wallets take."""

    served: Served
    key: str

    def issue(self, **members: object) -> str:
        """Make an award."""
        return str(self.served.issue(self.key, **{"learner": LEARNER, "grade": "A+", **members})["id"])

    def link(self, reference: str = "S-1") -> tuple[str, dict[str, str]]:
        """The prefix of a fresh link, and header fields of whoever came in by it."""
        made = done(self.served.write("POST", "/v1/learner-links", {"reference": reference}, self.key))
        entered = self.served.http.post("/mine/enter", data={"link": made["link"], "lang": "en"}, headers=OWN_PAGE)
        assert entered.status_code == 303, entered.text
        return made["prefix"], {"Cookie": entered.headers["set-cookie"].partition(";")[0]}

    def press(self, cookie: dict[str, str], award: str, form: str = "sd-jwt", **fields: str) -> httpx.Response:
        """Press the button on the learner's page."""
        data = {"award": award, "form": form, "lang": "en", **fields}
        return self.served.http.post("/mine/wallet", data=data, headers={"Accept": "text/html", **OWN_PAGE, **cookie})

    def offer(self, award: str | None = None, form: str = "sd-jwt") -> Offered:
        """A fresh offer, of a fresh award when none is named."""
        taken = award or self.issue()
        answered = self.press(self.link()[1], taken, form)
        assert answered.status_code == 200, answered.text
        return read_offer(answered.text)

    def token(self, offered: Offered) -> str:
        """The access token for an offer."""
        return str(done(ask_token(self.served.http, offered))["access_token"])

    def proof(self, key: Key = KEY, *, header: dict[str, Any] | None = None, **claims: object) -> str:
        """A key proof with a fresh nonce."""
        return key.proof(ISSUER, **{"nonce": ask_nonce(self.served.http), **claims}, header=header)


def done(answered: httpx.Response) -> dict[str, Any]:
    assert answered.is_success, answered.text
    read: dict[str, Any] = answered.json()
    return read


def refusal(answered: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which no cache may keep."""
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["content-type"] == "application/json"
    assert set(answered.json()) == {"error", "error_description"}
    return answered.status_code, answered.json()["error"]


def fill(served: Served) -> School:
    key = open_school(served)
    done(served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": FORMS}, key))
    return School(served, key)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    with serving(tmp_path_factory.mktemp("wallet") / "data") as served:
        yield fill(served)


# ── metadata ───────────────────────────────────────────────────────────────────────────────────────


def test_metadata_says_who_issues_what_and_where(school: School) -> None:
    answered = school.served.http.get(METADATA)
    assert answered.headers["cache-control"] == "public, max-age=300"
    assert answered.headers["access-control-allow-origin"] == "*"
    told = done(answered)
    assert told["credential_issuer"] == ISSUER
    assert told["authorization_servers"] == [BASE]
    assert told["display"] == [{"name": "Riverside University"}]
    offered = told["credential_configurations_supported"]
    assert {name: one["format"] for name, one in offered.items()} == {"sd-jwt": "dc+sd-jwt", "vc-jwt": "jwt_vc_json"}
    server = done(school.served.http.get("/.well-known/oauth-authorization-server"))
    assert (server["issuer"], server["token_endpoint"]) == (BASE, f"{BASE}/openid4vci/token")
    assert server["grant_types_supported"] == [GRANT_PRE_AUTHORIZED_CODE]


def test_claims_that_metadata_names_are_in_the_document(school: School) -> None:
    token = take(school.served.http, school.offer(), KEY)
    issued, *disclosures = token.split("~")[:-1]
    claims = decoded(issued.split(".")[1]) | {decoded(one)[1]: decoded(one)[2] for one in disclosures}
    offered = done(school.served.http.get(METADATA))["credential_configurations_supported"]["sd-jwt"]
    assert claims["vct"] == offered["vct"]
    for one in offered["credential_metadata"]["claims"]:
        found: Any = claims
        for step in one["path"]:
            found = found[step]
        assert found, one


@pytest.mark.parametrize("slug", ["nobody", "coast-college", "a" * 64, "..%2f"])
def test_metadata_is_for_institutions_alone_that_offer_something_to_wallets(school: School, slug: str) -> None:
    body = {"slug": "coast-college", "name": "Coast College", "country": "EE", "kind": "university"}
    school.served.write("POST", "/v1/institutions", body, school.served.key())
    answered = school.served.http.get(f"/.well-known/openid-credential-issuer/institutions/{slug}")
    assert answered.status_code in {404, 422}


# ── the learner's page ─────────────────────────────────────────────────────────────────────────────


def test_offer_is_by_value_and_by_reference_and_is_shown_to_its_learner_alone(school: School) -> None:
    award = school.issue()
    _, cookie = school.link()
    answered = school.press(cookie, award)
    assert answered.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answered.headers
    offered = read_offer(answered.text)
    referred = school.served.http.get(offered.address)
    assert referred.headers["cache-control"] == "no-store"
    assert done(referred) == offered.offer
    grant = offered.offer["grants"][GRANT_PRE_AUTHORIZED_CODE]
    assert grant["tx_code"] == {
        "input_mode": "numeric", "length": TX_CODE_DIGITS, "description": "The code on the page of your awards",
    }  # fmt: skip
    assert offered.tx_code not in str(offered.offer), "the code to type is on the page and nowhere else"
    assert offered.code not in school.served.http.get("/mine/wallet", headers=cookie).text, "shown once"
    assert school.served.http.get(f"{BASE}/openid4vci/offers/{'x' * 43}").status_code == 404


def test_offer_is_of_ones_own_award_in_a_form_that_is_offered(school: School) -> None:
    award, other = school.issue(), school.issue(learner={"name": "Jaan Tamm", "reference": "S-2"})
    _, cookie = school.link()
    assert school.press(cookie, other).status_code == 404
    for form in ("elm", "vc-jwt-es256", "open-badge", ""):
        assert school.press(cookie, award, form).status_code == 404
    anybody = school.press({}, award)
    assert (anybody.status_code, anybody.headers["location"]) == (303, "/mine/enter?lang=en")
    foreign = school.served.http.post(
        "/mine/wallet", data={"award": award, "form": "sd-jwt"}, headers={**cookie, "Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403


def test_page_shows_what_can_be_taken_and_how_often_it_was(school: School) -> None:
    publish_programme(school.served, school.key, SLUG, modules=1)
    person = {"name": "Kadri Kask", "reference": "S-3"}
    award, revoked = school.issue(learner=person), school.issue(learner=person)
    done(school.served.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "other"}, school.key))
    diploma = award_diploma(school.served, school.key, learner=person)
    [part] = [one["id"] for one in done(unpack(school.served, school.key, diploma, 1))["parts"]]
    _, cookie = school.link("S-3")
    page = school.served.http.get("/mine/wallet?lang=en", headers=cookie).text
    assert set(re.findall(r'name="award" value="([^"]*)"', page)) == {award, diploma}
    for one in (revoked, part):
        assert school.press(cookie, one).status_code == 422
    take(school.served.http, read_offer(school.press(cookie, award).text), KEY)
    assert "in a wallet 1×" in school.served.http.get("/mine/wallet?lang=en", headers=cookie).text


def test_page_says_that_nothing_is_offered_to_wallets(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        plain_school = School(served, open_school(served))
        award = plain_school.issue()
        _, cookie = plain_school.link()
        page = served.http.get("/mine/wallet?lang=ru", headers=cookie)
        assert "не подписывает" in page.text
        assert "<form class" not in page.text
        assert plain_school.press(cookie, award).status_code == 404


# ── the token ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "members, code",
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"pre-authorized_code": None}, "invalid_request"),
        ({"tx_code": None}, "invalid_request"),
        ({"client_id": "x" * 501}, "invalid_request"),
        ({"pre-authorized_code": "x" * 43}, "invalid_grant"),
        ({"tx_code": "wrong"}, "invalid_grant"),
        ({"tx_code": "１２３４５６"}, "invalid_grant"),
        ({"pre-authorized_code": "\ud83d".encode("utf-8", "replace").decode() * 9}, "invalid_grant"),
    ],
)
def test_token_is_refused_with_the_code_of_the_specification(
    school: School, members: dict[str, str | None], code: str
) -> None:
    offered = school.offer()
    assert refusal(ask_token(school.served.http, offered, **members)) == (400, code)
    assert ask_token(school.served.http, offered).status_code == 200, "and the offer stands"


@pytest.mark.parametrize(
    "content, kind",
    [
        (b"{}", "application/json"),
        (b"grant_type=%FF", "application/x-www-form-urlencoded"),
        (b"a=1&a=1", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
def test_token_is_refused_for_what_is_no_form(school: School, content: bytes, kind: str) -> None:
    answered = school.served.http.post(WALLET_TOKEN, content=content, headers={"Content-Type": kind})
    assert refusal(answered) == (400, "invalid_request")


def test_refusals_do_not_tell_a_wrong_code_from_a_used_one_or_a_wrong_transaction_code(school: School) -> None:
    offered, used = school.offer(), school.offer()
    school.token(used)
    answers = [
        ask_token(school.served.http, offered, **{"pre-authorized_code": "x" * 43}),
        ask_token(school.served.http, offered, tx_code=offered.wrong_tx_code),
        ask_token(school.served.http, used),
    ]
    assert len({(one.status_code, one.text) for one in answers}) == 1


def test_transaction_code_can_be_tried_a_few_times(school: School) -> None:
    offered = school.offer()
    for _ in range(TX_CODE_TRIES):
        assert ask_token(school.served.http, offered, tx_code=offered.wrong_tx_code).status_code == 400
    assert refusal(ask_token(school.served.http, offered)) == (400, "invalid_grant")


def test_code_that_is_used_twice_ends_the_token(school: School) -> None:
    offered = school.offer()
    token = school.token(offered)
    assert school.served.http.get(offered.address).status_code == 404, "nobody reads an offer that was taken"
    assert refusal(ask_token(school.served.http, offered)) == (400, "invalid_grant")
    answered = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof()))
    assert refusal(answered) == (401, "invalid_token")


def test_codes_are_not_tried_by_the_dozen(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        own = fill(served)
        offered = own.offer()
        wrong = {"pre-authorized_code": "x" * 43}
        told = [ask_token(served.http, offered, **wrong).status_code for _ in range(GUESSES_PER_MINUTE + 1)]
        assert told == [400] * GUESSES_PER_MINUTE + [429]
        assert ask_credential(served.http, "x", {}).status_code == 429
        assert served.http.get(offered.address).status_code == 429


# ── the credential ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", FORMS)
def test_copy_verifies_here_and_the_log_has_it(school: School, form: str) -> None:
    award = school.issue()
    document = take(school.served.http, school.offer(award, form), p256_key())
    kind = "application/dc+sd-jwt" if form == "sd-jwt" else "application/vc+jwt"
    school.served.wait_until_published(award)
    report = done(school.served.http.post("/v1/verify", content=document.encode(), headers={"Content-Type": kind}))
    assert (report["verdict"], report["credential"]) == ("valid", award), report["checks"]
    status = done(school.served.http.get(f"/v1/credentials/{award}/status"))
    assert [event["kind"] for event in status["events"]] == ["issued", "form_added"]
    start, dot, signature = document.partition("~")[0].rpartition(".")
    altered = start + dot + ("A" if signature[0] != "A" else "B") + signature[1:]
    altered += document.removeprefix(start + dot + signature)
    again = done(school.served.http.post("/v1/verify", content=altered.encode(), headers={"Content-Type": kind}))
    assert again["verdict"] == "invalid"


def test_copy_is_given_again_for_the_same_key_and_to_no_other(school: School) -> None:
    award = school.issue()
    token = school.token(school.offer(award))
    first, again = (
        done(ask_credential(school.served.http, token, request_for("sd-jwt", school.proof()))) for _ in range(2)
    )
    assert first == again
    other = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof(ed25519_key())))
    assert refusal(other) == (400, "credential_request_denied")
    assert len(school.served.node.parts.copies.kept(award)) == 1


@pytest.mark.parametrize(
    "change, code",
    [
        (None, "invalid_credential_request"),
        ({"proofs": None}, "invalid_credential_request"),
        ({"proofs": {}}, "invalid_credential_request"),
        ({"proofs": {"jwt": []}}, "invalid_credential_request"),
        ({"proofs": {"jwt": ["a.b.c", "a.b.c"]}}, "invalid_credential_request"),
        ({"proofs": {"jwt": ["a.b.c"], "attestation": ["x"]}}, "invalid_credential_request"),
        ({"proofs": {"jwt": ["a.b.c"]}}, "invalid_proof"),
        ({"proofs": {"jwt": ["."]}}, "invalid_proof"),
        ({"proofs": {"jwt": ["\u00e9"]}}, "invalid_credential_request"),
        ({"proofs": {"attestation": ["a.b.c"]}}, "invalid_proof"),
        ({"proofs": {"di_vp": [{}]}}, "invalid_proof"),
        ({"credential_configuration_id": "vc-jwt"}, "unknown_credential_configuration"),
        ({"credential_configuration_id": "paper"}, "unknown_credential_configuration"),
        ({"credential_configuration_id": 7}, "invalid_credential_request"),
        ({"credential_identifier": "x"}, "invalid_credential_request"),
        ({"credential_response_encryption": {"jwk": {}, "enc": "A128GCM"}}, "invalid_encryption_parameters"),
    ],
)
def test_credential_is_refused_with_the_code_of_the_specification(
    school: School, change: dict[str, object] | None, code: str
) -> None:
    token = school.token(school.offer())
    body = None if change is None else {**request_for("sd-jwt", "a.b.c"), **change}
    assert refusal(ask_credential(school.served.http, token, body)) == (400, code)
    made = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof()))
    assert made.status_code == 200, "and the token is good for a right request"


def test_credential_is_asked_for_by_configuration_and_never_without_a_proof(school: School) -> None:
    token = school.token(school.offer())
    named = {"credential_identifier": "x", "proofs": {"jwt": ["a.b.c"]}}
    assert refusal(ask_credential(school.served.http, token, named)) == (400, "unknown_credential_identifier")
    bare = {"credential_configuration_id": "sd-jwt"}
    assert refusal(ask_credential(school.served.http, token, bare)) == (400, "invalid_proof")
    send = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for content in (b"{", b'{"a":1,"a":2}', b"x" * 70_000):
        answered = school.served.http.post(WALLET_CREDENTIAL, content=content, headers=send)
        assert refusal(answered) == (400, "invalid_credential_request")


STRANGER: Final = ed25519_key()
NOT_PROVED: Final[dict[str, dict[str, Any]]] = {
    "another audience": {"aud": "https://elsewhere.example"},
    "two audiences": {"aud": [ISSUER, "https://elsewhere.example"]},
    "no audience": {"aud": None},
    "no nonce": {"nonce": None},
    "a nonce that is no text": {"nonce": 7},
    "no date": {"iat": None},
    "an old date": {"iat": int(time.time()) - 3_600},
    "a date to come": {"iat": int(time.time()) + 3_600},
    "a client that nobody named": {"iss": "somebody"},
    "another type": {"header": {"typ": "JWT"}},
    "no type": {"header": {"typ": None}},
    "no algorithm": {"header": {"alg": "none"}},
    "a shared secret": {"header": {"alg": "HS256"}},
    "another algorithm than the key's": {"header": {"alg": "ES256"}},
    "no key": {"header": {"jwk": None}},
    "another key": {"header": {"jwk": STRANGER.public}},
    "a private key": {"header": {"jwk": KEY.private}},
    "two keys": {"header": {"kid": KEY.urls["did:key"]}},
    "a DID of another key": {"header": {"jwk": None, "kid": STRANGER.urls["did:key"]}},
    "a DID that would be fetched": {"header": {"jwk": None, "kid": "did:web:elsewhere.example#0"}},
    "a DID without such a key": {"header": {"jwk": None, "kid": KEY.did_jwk + "#1"}},
    "no DID": {"header": {"jwk": None, "kid": "key-1"}},
    "a long kid": {"header": {"jwk": None, "kid": "did:key:z" + "1" * 9_000}},
    "a certificate": {"header": {"jwk": None, "x5c": ["AAAA"]}},
    "an unknown critical member": {"header": {"crit": ["x"], "x": 1}},
}


@pytest.mark.parametrize("wrong", NOT_PROVED.values(), ids=NOT_PROVED)
def test_key_is_not_proved_when(school: School, wrong: dict[str, Any]) -> None:
    award = school.issue()
    token = school.token(school.offer(award))
    answered = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof(**wrong)))
    assert refusal(answered) == (400, "invalid_proof")
    assert school.served.node.parts.copies.kept(award) == ()


P256: Final = p256_key()
POINT: Final = b"".join(base64.urlsafe_b64decode(P256.public[name] + "=") for name in ("x", "y"))
SORTED: Final = did_jwk(dict(sorted(P256.public.items())))
NAMED: Final[dict[str, tuple[Key, str, str]]] = {
    "a did:jwk": (KEY, KEY.did_jwk, KEY.did_jwk),
    "a did:jwk in another order": (P256, SORTED, SORTED),
    "text after the padding": (KEY, KEY.did_jwk + "==:Dr. Jane Doe <b>MD</b>", KEY.did_jwk),
    "characters outside the alphabet": (KEY, KEY.did_jwk + "<>?.", KEY.did_jwk),
    "spaces": (KEY, "did:jwk:" + encoded(json.dumps(KEY.public).encode()), KEY.did_jwk),
    "further members": (P256, did_jwk({**P256.public, "name": "Dr. Jane Doe"}), P256.did_jwk),
    "a did:key": (P256, P256.did_key, P256.did_key),
    "a did:key with both coordinates": (P256, "did:key:" + encode_multibase(b"\x80\x24\x04" + POINT), P256.did_key),
}


@pytest.mark.parametrize("key, named, signed", NAMED.values(), ids=NAMED)
def test_subject_is_a_did_of_the_key_alone_whatever_the_wallet_calls_it(
    school: School, key: Key, named: str, signed: str
) -> None:
    token = school.token(school.offer(form="vc-jwt"))
    fragment = named.removeprefix("did:key:") if named.startswith("did:key:") else "0"
    for kid in (named, f"{named}#{fragment}"):
        proof = school.proof(key, header={"jwk": None, "kid": kid})
        answered = done(ask_credential(school.served.http, token, request_for("vc-jwt", proof)))
        claims = decoded(answered["credentials"][0]["credential"].split(".")[1])
        assert (claims["sub"], claims["credentialSubject"]["id"]) == (signed, signed)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_key_is_not_proved_when_any_part_of_the_proof_was_altered(school: School, place: int) -> None:
    token = school.token(school.offer())
    parts = school.proof().split(".")
    parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
    answered = ask_credential(school.served.http, token, request_for("sd-jwt", ".".join(parts)))
    assert refusal(answered) == (400, "invalid_proof")


def test_nonce_is_used_once_and_is_one_of_ours(school: School) -> None:
    token = school.token(school.offer())
    nonce = ask_nonce(school.served.http)
    made = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof(nonce=nonce)))
    assert made.status_code == 200, made.text
    for other in (nonce, "x" * 75, "", Nonces(time.monotonic).make()):
        answered = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof(nonce=other)))
        assert refusal(answered) == (400, "invalid_proof" if not other else "invalid_nonce")


def test_nonce_of_a_proof_that_proves_nothing_is_not_used_up(school: School) -> None:
    token, nonce = school.token(school.offer()), ask_nonce(school.served.http)
    for header, status in (({"jwk": STRANGER.public}, 400), (None, 200)):
        proof = school.proof(nonce=nonce, header=header)
        assert ask_credential(school.served.http, token, request_for("sd-jwt", proof)).status_code == status


def test_wallet_that_names_itself_does_so_in_the_proof(school: School) -> None:
    for told, status in (("wallet-1", 200), ("wallet-2", 400), (None, 200)):
        token = done(ask_token(school.served.http, school.offer(), client_id="wallet-1"))["access_token"]
        answered = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof(iss=told)))
        assert answered.status_code == status, answered.text


def test_who_has_no_token_is_told_so_and_no_more(school: School) -> None:
    for headers in ({}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer " + "x" * 200}):
        answered = school.served.http.post(WALLET_CREDENTIAL, json={}, headers=headers)
        assert (answered.status_code, answered.content) == (401, b"")
        assert answered.headers["www-authenticate"] == "Bearer"
    answered = ask_credential(school.served.http, "x" * 43, {})
    assert refusal(answered) == (401, "invalid_token")
    assert answered.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("step", ["offer", "token", "credential"])
def test_offer_ends_with_the_link_that_it_was_made_by(school: School, step: str) -> None:
    prefix, cookie = school.link()
    offered = read_offer(school.press(cookie, school.issue()).text)
    token = school.token(offered) if step == "credential" else ""
    done(school.served.write("POST", f"/v1/learner-links/{prefix}/revocation", {}, school.key))
    if step == "offer":
        assert school.served.http.get(offered.address).status_code == 404
    elif step == "token":
        assert refusal(ask_token(school.served.http, offered)) == (400, "invalid_grant")
    else:
        answered = ask_credential(school.served.http, token, request_for("sd-jwt", school.proof()))
        assert refusal(answered) == (401, "invalid_token")


@pytest.mark.parametrize("ending", ["the link is revoked", "the code is used again", "the learner is erased"])
def test_credential_is_refused_when_the_token_ends_while_the_request_is_being_sent(school: School, ending: str) -> None:
    person = {"name": "Tiina Tamm", "reference": "S-4"}
    award = school.issue(learner=person)
    prefix, cookie = school.link("S-4")
    offered = read_offer(school.press(cookie, award).text)
    token = school.token(offered)
    body = json.dumps(request_for("sd-jwt", school.proof())).encode()

    def end() -> None:
        if ending == "the link is revoked":
            done(school.served.write("POST", f"/v1/learner-links/{prefix}/revocation", {}, school.key))
        elif ending == "the code is used again":
            assert refusal(ask_token(school.served.http, offered)) == (400, "invalid_grant")
        else:
            school.served.node.parts.erasing.erase_learner(slug=SLUG, reference="S-4", actor=OPERATOR)

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:10]
        await asyncio.to_thread(end)
        yield body[10:]

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answered = school.served.http.post(WALLET_CREDENTIAL, content=slowly(), headers=headers)
    assert refusal(answered) == (401, "invalid_token")
    if ending != "the learner is erased":
        assert school.served.node.parts.copies.kept(award) == ()


@pytest.mark.parametrize("ending", ["revoked", "erased", "not offered any more"])
def test_credential_is_denied_when_the_award_ended_meanwhile(tmp_path: Path, ending: str) -> None:
    with serving(tmp_path / "data") as served:
        own = fill(served)
        award = own.issue()
        token = own.token(own.offer(award))
        if ending == "revoked":
            done(served.write("POST", f"/v1/credentials/{award}/revocation", {"reason": "other"}, own.key))
        elif ending == "erased":
            served.node.parts.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
        else:
            done(served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": ["vc-jwt"]}, own.key))
        answered = ask_credential(served.http, token, request_for("sd-jwt", own.proof()))
        told = (401, "invalid_token") if ending == "erased" else (400, "credential_request_denied")
        assert refusal(answered) == told


# ── what is written down, and who may ask ──────────────────────────────────────────────────────────


def test_no_secret_is_in_the_log_or_on_the_disk(school: School) -> None:
    offered = school.offer()
    done(school.served.http.get(offered.address))
    token = school.token(offered)
    nonce = ask_nonce(school.served.http)
    document = done(ask_credential(school.served.http, token, request_for("sd-jwt", school.proof(nonce=nonce))))
    signature = document["credentials"][0]["credential"].split("~")[0].rpartition(".")[2]
    secrets = [offered.code, offered.address.rpartition("/")[2], token, nonce, signature]
    logged = school.served.log.getvalue()
    assert "/openid4vci/offers/{reference}" in logged
    assert not [one for one in secrets if one in logged]
    for file, kept in contents(school.served.node.settings.data_dir):
        assert not [one for one in secrets if one.encode() in kept], file


@pytest.mark.parametrize("path", sorted(WALLET_WRITES))
def test_wallet_in_a_browser_may_ask_from_wherever_it_is(school: School, path: str) -> None:
    origin = {"Origin": "https://wallet.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = school.served.http.request("OPTIONS", path, headers=asked).headers
    assert allowed["access-control-allow-origin"] == "*"
    assert "POST" in allowed["access-control-allow-methods"]
    assert "Authorization" in allowed["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in allowed
    answered = school.served.http.post(path, headers=origin)
    assert answered.headers["access-control-allow-origin"] == "*"


def test_requests_of_wallets_are_counted(tmp_path: Path) -> None:
    with serving(tmp_path / "data", rate_limit_per_minute=4) as served:
        told = [served.http.post(WALLET_NONCE).status_code for _ in range(5)]
        assert told == [200, 200, 200, 200, 429]


# ── by the parts ───────────────────────────────────────────────────────────────────────────────────


class Seconds:
    """A clock of seconds that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def link_called(prefix: str) -> LearnerLink:
    return LearnerLink(
        prefix=prefix, kind="page", learner=b"x", institution=UUID(int=1), created_at=START,
        expires_at=SetClock().advance(days=1), revoked_at=None,
    )  # fmt: skip


def test_offer_and_token_are_short_lived() -> None:
    clock = Seconds()
    offers = Offers(clock, lambda _: True)
    made, late = (offers.make(link_called("a"), "award", ISSUER, "sd-jwt") for _ in range(2))
    clock.now += OFFER_SECONDS - 1
    token = offers.take(made.offer.code, made.offer.tx_code, None)
    assert token is not None
    clock.now += 1
    assert offers.referred(late.reference) is None
    assert offers.take(late.offer.code, late.offer.tx_code, None) is None
    clock.now += TOKEN_SECONDS - 2
    assert offers.bearer(token) is made.offer
    clock.now += 1
    assert offers.bearer(token) is None
    assert len(offers) == 0, "nothing is kept of them"


def test_offers_take_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    offers = Offers(Seconds(), lambda _: True)
    own = [offers.make(link_called("a"), "award", ISSUER, "sd-jwt") for _ in range(MAX_OF_LEARNER + 2)]
    assert [offers.referred(one.reference) is not None for one in own] == [False] * 2 + [True] * MAX_OF_LEARNER
    monkeypatch.setattr("api.wallet.offer.MAX_OFFERS", MAX_OF_LEARNER + 1)
    for number in range(3):
        offers.make(link_called(f"b{number}"), "award", ISSUER, "sd-jwt")
    assert len(offers) == MAX_OF_LEARNER + 1


def test_nonce_ends_and_has_one_spelling() -> None:
    clock = Seconds()
    nonces = Nonces(clock)
    late, nonce = nonces.make(), nonces.make()
    assert nonce != late
    last = nonce[-1]
    others = [nonce[:-1] + one for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_" if one != last]
    assert not any(nonces.use(one) for one in [*others, nonce + "=", f" {nonce}", "é" * 75])
    assert nonces.use(nonce)
    assert not nonces.use(nonce)
    clock.now += NONCE_SECONDS
    assert not nonces.use(late)


def test_description_of_a_refusal_is_what_oauth_lets_it_be() -> None:
    assert plain(ValueError('a "b" \\ ä\n' + "x" * 300)) == "a ?b? ? ??" + "x" * 190
