"""A wallet of other people's (npm's @openid4vc/openid4vci) takes awards from a learner's page over https."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from openvc.openid4vci import parse_credential_issuer_metadata, parse_credential_offer
from openvc.proof.sd_jwt import SdJwtVcProofSuite

from tests.api.wallet import Key, Offered, decoded, ed25519_key, p256_key, read_offer
from tests.api.wallet import take as take_by_hand
from tests.node.processor import Node
from tests.system.school import Caller, Json, loaded, open_school
from tests.system.serving import Serving, cairn
from tests.system.suite_server import SuiteServing

SLUG: Final = "wallet-college"
OWN_PAGE: Final = {"Sec-Fetch-Site": "same-origin"}
LEARNER: Final[Json] = {"name": "Mari Maasikas", "reference": "W-1"}
OFFERED: Final = ("sd-jwt", "vc-jwt", "vc-jwt-es256")


class Learner:
    """Somebody who looks at their page."""

    def __init__(self, school: Caller) -> None:
        self._http = school.serving.http
        link = loaded(school.post("/v1/learner-links", {"reference": LEARNER["reference"]}))
        self.prefix = link["prefix"]
        entered = self._http.post("/mine/enter", data={"link": link["link"], "lang": "en"}, headers=OWN_PAGE)
        assert entered.status_code == 303, entered.text
        self._cookie = entered.headers["set-cookie"].partition(";")[0]

    def offer(self, award: str, form: str = "sd-jwt") -> Offered:
        """Press the button."""
        answered = self._http.post(
            "/mine/wallet",
            data={"award": award, "form": form, "lang": "en"},
            headers={"Cookie": self._cookie, **OWN_PAGE},
        )
        assert answered.status_code == 200, answered.text
        return read_offer(answered.text)


@pytest.fixture(scope="module")
def school(suite: SuiteServing) -> Caller:
    """An institution that offers what wallets take."""
    return prepared(open_school(suite, SLUG))


def prepared(caller: Caller) -> Caller:
    """Have an institution offer what wallets take."""
    rotated = caller.post(f"/v1/institutions/{SLUG}/keys", {"algorithm": "P-256"})
    assert rotated.is_success, rotated.text
    chosen = caller.post(f"/v1/institutions/{SLUG}/forms", {"forms": list(OFFERED)})
    assert chosen.is_success, chosen.text
    return caller


@pytest.fixture(scope="module")
def wallet(suite: SuiteServing) -> Iterator[Node]:
    """The wallet, which trusts the server's certificate."""
    node = Node("wallet.mjs", NODE_EXTRA_CA_CERTS=str(suite.certificate))
    yield node
    node.close()


def issue(school: Caller) -> str:
    made: str = school.issue(learner=LEARNER, grade="A+")["id"]
    return made


def take(wallet: Node, offer: str, tx_code: str, key: Key, **members: object) -> dict[str, Any]:
    return wallet.ask(offer=offer, txCode=tx_code, key=key.private, alg=key.alg, **members)


def claims_in(token: str) -> Json:
    read: Json = decoded(token.split(".")[1])
    return read


def withheld(token: str, name: str) -> str:
    """An SD-JWT without one of its disclosures."""
    issued, *disclosures = token.split("~")[:-1]
    kept = [one for one in disclosures if decoded(one)[1] != name]
    assert len(kept) == len(disclosures) - 1
    return "~".join([issued, *kept, ""])


def judged(suite: SuiteServing, token: str, media_type: str) -> Json:
    answered = suite.http.post("/v1/verify", content=token.encode(), headers={"Content-Type": media_type})
    assert answered.status_code == 200, answered.text
    return loaded(answered)


@pytest.mark.parametrize("make", [ed25519_key, p256_key], ids=["Ed25519", "P-256"])
def test_wallet_takes_an_sd_jwt_by_the_qr_code_and_shows_it_with_a_key_binding(
    suite: SuiteServing, school: Caller, wallet: Node, make: Callable[[], Key]
) -> None:
    key, award = make(), issue(school)
    offered = Learner(school).offer(award)
    answer = take(wallet, offered.photographed, offered.tx_code, key)
    assert "error" not in answer, answer
    assert answer["draft"] == "V1", "the client reads it as the final specification, and as no draft"
    [token] = answer["credentials"]
    claims = claims_in(token)
    assert claims["cnf"] == {"jwk": key.public}
    assert claims["jti"] == f"{suite.url}/verify/{award}"
    report = judged(suite, token, "application/dc+sd-jwt")
    assert report["verdict"] == "valid", report["checks"]
    shown = SdJwtVcProofSuite().create_presentation(
        withheld(token, "grade"), holder_key=key.signing, audience="https://harbour.example", nonce="n-1"
    )
    report = judged(suite, shown, "application/dc+sd-jwt")
    assert report["verdict"] == "valid", report["checks"]


@pytest.mark.parametrize("form", ["vc-jwt", "vc-jwt-es256"])
@pytest.mark.parametrize("method", ["jwk", "did:key", "did:jwk"])
def test_wallet_takes_an_open_badge_by_the_link_and_is_its_subject(
    suite: SuiteServing, school: Caller, wallet: Node, form: str, method: str
) -> None:
    key, award = (ed25519_key if form == "vc-jwt" else p256_key)(), issue(school)
    offered = Learner(school).offer(award, form)
    answer = take(wallet, offered.opened, offered.tx_code, key, didUrl=key.urls.get(method))
    assert "error" not in answer, answer
    [token] = answer["credentials"]
    claims = claims_in(token)
    subject = claims["credentialSubject"]["id"]
    assert claims["sub"] == subject
    if method == "did:key":
        assert subject == key.did_key
    else:
        assert decoded(subject.removeprefix("did:jwk:")) == key.public
    assert claims["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    report = judged(suite, token, "application/vc+jwt")
    assert report["verdict"] == "valid", report["checks"]
    assert report["credential"] == award


def test_client_is_told_why_when_the_code_is_wrong_or_the_offer_was_taken(school: Caller, wallet: Node) -> None:
    key = ed25519_key()
    offered = Learner(school).offer(issue(school))
    wrong = f"{(int(offered.tx_code) + 1) % 1_000_000:06}"
    assert take(wallet, offered.opened, wrong, key)["answer"]["error"] == "invalid_grant"
    assert "credentials" in take(wallet, offered.opened, offered.tx_code, key)
    assert take(wallet, offered.opened, offered.tx_code, key)["answer"]["error"] == "invalid_grant"
    assert "404" in str(take(wallet, offered.photographed, offered.tx_code, key)), "the address is over as well"


def test_copy_is_invalid_when_the_award_is_revoked(suite: SuiteServing, school: Caller, wallet: Node) -> None:
    award = issue(school)
    offered = Learner(school).offer(award)
    [token] = take(wallet, offered.opened, offered.tx_code, p256_key())["credentials"]
    revoked = school.post(f"/v1/credentials/{award}/revocation", {"reason": "incorrect_data"})
    assert revoked.is_success, revoked.text
    report = judged(suite, token, "application/dc+sd-jwt")
    assert (report["verdict"], report["reason"]) == ("invalid", "revoked")


def test_parsers_of_openvc_take_offer_and_metadata(suite: SuiteServing, school: Caller) -> None:
    offered = Learner(school).offer(issue(school))
    offer = parse_credential_offer(suite.http.get(offered.address).text)
    place = "/.well-known/openid-credential-issuer/institutions/" + SLUG
    metadata = parse_credential_issuer_metadata(suite.http.get(place).text)
    assert metadata.credential_issuer == offer.credential_issuer == f"{suite.url}/institutions/{SLUG}"
    assert set(metadata.credential_configurations_supported) == set(OFFERED) > set()
    assert set(offer.credential_configuration_ids) == {"sd-jwt"}


def test_audit_and_fsck_find_nothing_when_awards_were_taken_into_wallets(serving: Serving) -> None:
    school = prepared(open_school(serving, SLUG))
    award, key = issue(school), ed25519_key()
    for form in ("sd-jwt", "sd-jwt", "vc-jwt"):
        take_by_hand(serving.http, Learner(school).offer(award, form), key)
    serving.http.get(f"/v1/credentials/{award}/evidence")
    checked = cairn(serving.home, "fsck", "--data", serving.data)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    audited = cairn(serving.home, "audit", serving.url)
    assert audited.returncode == 0, audited.stdout + audited.stderr
