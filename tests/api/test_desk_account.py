"""Signing in with an institution's account: whom a provider's answer lets in, and every answer that lets in nobody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, quote_plus, urlsplit

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from openvc.did.base import DidResolutionError

from api.desk.account import ATTEMPT_SECONDS, AccountError, Accounts, Entitled
from api.desk.account_setting import Provider, read_providers
from api.desk.provider_reading import KEPT_SECONDS, WELL_KNOWN, ProviderReading
from api.guarded_get import Call, Reach
from api.page.language import read_messages
from api.setting import SettingError
from tests.api.served import BASE, SLUG, open_school, serving

ISSUER: Final = "https://login.test/realm"
CLIENT: Final = "cairn:desk"
SECRET: Final = "s3cret %+/ that is long enough to be a key of a MAC"
SETTINGS: Final = f"""
[[provider]]
issuer = "{ISSUER}"
client_id = "{CLIENT}"
client_secret_file = "secret"
networks = ["10.0.0.0/8", "127.0.0.1/32"]
session_minutes = 30

[[provider.grant]]
institution = "{SLUG}"
claim = "groups"
value = "officers"

[[provider.grant]]
institution = "other"
claim = "role"
value = "issuer"
"""
GOOD: Final[dict[str, Any]] = {
    "email": "anna@riverside.example",
    "email_verified": True,
    "groups": ["staff", "officers"],
}


class FakeProvider:
    """Answers as a provider does, and can be told to answer otherwise.

    Attributes:
        issuer: Its identifier.
        claims: What is true of whoever signs in.
        changes: What its ID token says otherwise; None: not at all.
        header: What its ID token's header says otherwise.
        keys: What it says its keys are; None: its own.
        userinfo: What the userinfo endpoint says.
        metadata: What it says otherwise of itself.
        asked: Every address that was asked, with the form.
        seconds: The clock, of both sides.
    """

    def __init__(self, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.key: Any = RSAKey.generate_key(2_048, {"kid": "one"})
        self.alg = "RS256"
        self.claims: dict[str, Any] = dict(GOOD)
        self.changes: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.keys: dict[str, Any] | None = None
        self.userinfo: dict[str, Any] = {"sub": "u-1"}
        self.metadata: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, str] | None]] = []
        self.headers: list[dict[str, str]] = []
        self.nonce = ""
        self.challenge = ""
        self.seconds = 1_800_000_000.0
        self.is_down = False
        self.token: str | None = None

    def ask(self, url: str, call: Call, seconds: float, most: int, reach: Reach) -> bytes:
        """Stand in the place of the network."""
        assert seconds <= 5
        assert most <= 1_000_000
        assert reach.allows("10.1.2.3")
        assert not reach.allows("192.168.0.1")
        form = None if call.form is None else dict(call.form)
        self.asked.append((url.removeprefix(self.issuer), form))
        self.headers.append(dict(call.headers))
        if self.is_down:
            raise DidResolutionError("https://login.test: it is down")
        answers: dict[str, Callable[[], Any]] = {
            WELL_KNOWN: self._metadata,
            "/keys": lambda: self.keys or {"keys": [self.key.as_dict(private=False)]},
            "/token": lambda: self._tokens(form or {}),
            "/me": lambda: self.userinfo,
        }
        return json.dumps(answers[url.removeprefix(self.issuer)]()).encode()

    def _metadata(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth?kind=x",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/me",
            "scopes_supported": ["openid"],
        }
        return {**said, **self.metadata}

    def _tokens(self, form: dict[str, str]) -> dict[str, str]:
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != self.challenge or form["code"] != "code-1":
            raise DidResolutionError("https://login.test answered 400; a redirect is not followed")
        return {"id_token": self.token or self.id_token(), "access_token": "access-1", "token_type": "Bearer"}

    def id_token(self) -> str:
        now = int(self.seconds)
        said = {"iss": self.issuer, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 300, "nonce": self.nonce}
        claims = {name: value for name, value in {**said, **self.claims, **self.changes}.items() if value is not None}
        header = {"alg": self.alg, "kid": "one", **self.header}
        return jwt.encode(header, claims, self.key, algorithms=[self.alg])


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    file = tmp_path / "accounts.toml"
    file.write_text(SETTINGS)
    return file


@pytest.fixture
def accounts(provider: FakeProvider, settings: Path) -> Accounts:
    return make(provider, read_providers(settings))


def make(provider: FakeProvider, providers: tuple[Provider, ...]) -> Accounts:
    readings = [ProviderReading(one, lambda: provider.seconds, provider.ask) for one in providers]
    return Accounts(readings, f"{BASE}/desk/account/done", lambda: provider.seconds, b"k" * 32)


def go(accounts: Accounts, provider: FakeProvider, institution: str = SLUG) -> tuple[str, dict[str, str]]:
    """Go to the provider; returns the cookie and what the browser comes back with."""
    attempt = accounts.begin(institution, "ru")
    asked = dict(parse_qsl(urlsplit(attempt.location).query))
    provider.nonce, provider.challenge = asked["nonce"], asked["code_challenge"]
    return attempt.cookie, {"code": "code-1", "state": asked["state"], "iss": ISSUER}


def enter(accounts: Accounts, provider: FakeProvider, institution: str = SLUG) -> Entitled:
    cookie, answer = go(accounts, provider, institution)
    return accounts.finish(institution, cookie, answer)


def refused(accounts: Accounts, provider: FakeProvider, institution: str = SLUG) -> tuple[str, str]:
    with pytest.raises(AccountError) as error:
        enter(accounts, provider, institution)
    assert SECRET not in error.value.detail
    return error.value.failure, error.value.detail


# ── who gets in ────────────────────────────────────────────────────────────────────────────────────


def test_officer_gets_in_for_the_institution_whose_grant_fits(accounts: Accounts, provider: FakeProvider) -> None:
    assert enter(accounts, provider) == Entitled("account anna@riverside.example", SLUG, 1_800, "ru")
    token = next(form for path, form in provider.asked if path == "/token")
    assert token is not None
    assert token["redirect_uri"] == f"{BASE}/desk/account/done/{SLUG}"
    assert len(token["code_verifier"]) == 43
    basic = base64.b64decode(provider.headers[1]["Authorization"].removeprefix("Basic ")).decode()
    assert basic == f"cairn%3Adesk:{quote_plus(SECRET)}"
    assert basic.endswith("s3cret+%25%2B%2F+that+is+long+enough+to+be+a+key+of+a+MAC")
    assert "/me" not in [path for path, _ in provider.asked]


def test_browser_is_sent_with_all_that_the_standard_asks_for(accounts: Accounts) -> None:
    attempts = [accounts.begin(SLUG, "en") for _ in range(2)]
    one, other = (parse_qs(urlsplit(attempt.location).query) for attempt in attempts)
    assert attempts[0].location.startswith(f"{ISSUER}/auth?kind=x&")
    assert {name: values for name, values in one.items() if name not in {"state", "nonce", "code_challenge"}} == {
        "kind": ["x"],
        "response_type": ["code"],
        "client_id": [CLIENT],
        "redirect_uri": [f"{BASE}/desk/account/done/{SLUG}"],
        "scope": ["openid profile email"],
        "code_challenge_method": ["S256"],
        "ui_locales": ["en"],
    }
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name][0]) == 43
        assert one[name] != other[name]
    assert len({one[name][0] for name in ("state", "nonce", "code_challenge")}) == 3


def test_claims_come_from_the_userinfo_endpoint_when_the_token_lacks_one(
    accounts: Accounts, provider: FakeProvider
) -> None:
    provider.claims = {"email": "anna@riverside.example"}
    provider.userinfo = {"sub": "u-1", "groups": "officers", "email": "forged@riverside.example"}
    assert enter(accounts, provider).officer == "account anna@riverside.example"
    assert provider.headers[-1]["Authorization"] == "Bearer access-1"
    provider.userinfo = {"sub": "u-2", "groups": "officers"}
    assert refused(accounts, provider)[0] == "account_failed"


def test_public_client_and_one_without_basic_say_who_they_are_in_the_form(
    settings: Path, provider: FakeProvider
) -> None:
    settings.write_text(SETTINGS.replace('client_secret_file = "secret"\n', ""))
    enter(make(provider, read_providers(settings)), provider)
    assert provider.asked[1][1] is not None
    assert (provider.asked[1][1]["client_id"], "client_secret" in provider.asked[1][1]) == (CLIENT, False)
    assert "Authorization" not in provider.headers[1]
    settings.write_text(SETTINGS)
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    provider.asked.clear()
    enter(make(provider, read_providers(settings)), provider)
    assert provider.asked[1][1] is not None
    assert provider.asked[1][1]["client_secret"] == SECRET


@pytest.mark.parametrize(
    "alg, key",
    [
        ("RS512", RSAKey.generate_key(2_048, {"kid": "one"})),
        ("PS256", RSAKey.generate_key(2_048, {"kid": "one"})),
        ("ES256", ECKey.generate_key("P-256", {"kid": "one"})),
        ("ES384", ECKey.generate_key("P-384", {"kid": "one"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "one"})),
    ],
)
def test_token_is_taken_under_each_algorithm_that_signs(
    accounts: Accounts,
    provider: FakeProvider,
    alg: str,
    key: Any,  # noqa: ANN401  a key of the library
) -> None:
    provider.alg, provider.key = alg, key
    assert enter(accounts, provider).institution == SLUG


def test_key_that_is_new_is_asked_for_once_it_signs(accounts: Accounts, provider: FakeProvider) -> None:
    enter(accounts, provider)
    provider.key, provider.header = RSAKey.generate_key(2_048, {"kid": "two"}), {"kid": "two"}
    assert (
        refused(accounts, provider)[0] == "account_failed"
    )  # the keys at hand are fresh: they are not asked for again
    provider.seconds += 60
    assert enter(accounts, provider).institution == SLUG
    assert [path for path, _ in provider.asked].count("/keys") == 2
    provider.seconds += KEPT_SECONDS
    enter(accounts, provider)
    assert [path for path, _ in provider.asked].count(WELL_KNOWN) == 2


UNREADABLE: Final[list[Any]] = [
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
    {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "RSA", "kid": "one"},
    {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": 7},
    {"kty": "OKP", "crv": "X25519", "x": "AA"},
    {"kty": ["RSA"]},
    {},
    "no key",
    None,
]


def test_key_that_cannot_be_read_is_passed_over_and_the_others_are_taken(
    accounts: Accounts, provider: FakeProvider
) -> None:
    provider.keys = {"keys": [*UNREADABLE, provider.key.as_dict(private=False)]}
    assert enter(accounts, provider).institution == SLUG


@pytest.mark.parametrize("keys", [{"keys": []}, {"keys": UNREADABLE}, {"keys": {"kty": "RSA"}}, {"kty": "RSA"}])
def test_provider_is_of_no_use_when_none_of_its_keys_can_be_read(
    accounts: Accounts, provider: FakeProvider, keys: dict[str, Any]
) -> None:
    provider.keys = keys
    with pytest.raises(AccountError, match="keys of") as error:
        enter(accounts, provider)
    assert error.value.failure == "account_unreachable"


# ── tokens that let in nobody ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://login.test/other"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": [CLIENT, "another"]},
        {"aud": None},
        {"azp": "another"},
        {"exp": 1_800_000_000 - 61},
        {"exp": None},
        {"iat": 1_800_000_000 + 61},
        {"iat": None},
        {"nonce": "n" * 43},
        {"nonce": None},
        {"sub": None},
        {"sub": 7},
    ],
    ids=str,
)
def test_token_is_refused_when_a_claim_is_wrong(
    accounts: Accounts, provider: FakeProvider, changes: dict[str, Any]
) -> None:
    provider.changes = changes
    assert refused(accounts, provider)[0] == "account_failed"


def test_token_for_this_client_alone_is_taken_as_a_list_too(accounts: Accounts, provider: FakeProvider) -> None:
    provider.changes = {"aud": [CLIENT], "azp": CLIENT}
    assert enter(accounts, provider).institution == SLUG


def test_token_is_refused_when_no_key_of_the_provider_signed_it(accounts: Accounts, provider: FakeProvider) -> None:
    cookie, answer = go(accounts, provider)
    good = provider.id_token()
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    public = provider.key.as_pem(private=False)
    mac_head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
    mac = base64.urlsafe_b64encode(hmac.digest(public, f"{mac_head}.{body}".encode(), "sha256")).decode().rstrip("=")
    other = jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2_048), algorithms=["RS256"])
    shared = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])
    flipped = signature[:40] + ("A" if signature[40] != "A" else "B") + signature[41:]
    unprotected = jws.serialize_compact({"alg": "RS256", "kid": "one"}, b"no claims", provider.key)
    wrong = [
        f"{none}.{body}.", f"{none}.{body}.{signature}", f"{mac_head}.{body}.{mac}", other, shared,
        f"{head}.{body}.{flipped}", f"{head}.{body}.", f"{head}.{body}", "", "a.b.c", unprotected,
    ]  # fmt: skip
    for token in wrong:
        provider.token = token or " "
        with pytest.raises(AccountError) as error:
            accounts.finish(SLUG, cookie, answer)
        assert error.value.failure == "account_failed", token
    provider.token = good
    assert accounts.finish(SLUG, cookie, answer).institution == SLUG


# ── attempts that let in nobody ────────────────────────────────────────────────────────────────────


def test_answer_is_refused_when_it_is_not_of_this_browsers_attempt(accounts: Accounts, provider: FakeProvider) -> None:
    cookie, answer = go(accounts, provider)
    others, _ = go(accounts, provider)
    for brought, said in (
        (others, answer),
        ("", answer),
        ("x", answer),
        (cookie.replace(SLUG, "other"), answer),
        (cookie.replace("1800000000", "1800000001"), answer),
        (cookie, {**answer, "state": ""}),
        (cookie, {**answer, "state": "s" * 43}),
        (cookie, {**answer, "state": "é"}),
        (cookie, {**answer, "code": ""}),
        (cookie, {**answer, "iss": "https://evil.test"}),
    ):
        with pytest.raises(AccountError) as error:
            accounts.finish(SLUG, brought, said)
        assert error.value.failure == "account_failed", (brought, said)
    assert not any(path == "/token" for path, _ in provider.asked)


def test_attempt_is_of_another_process_or_too_old(accounts: Accounts, settings: Path, provider: FakeProvider) -> None:
    cookie, answer = go(accounts, provider)
    other = Accounts(
        [ProviderReading(one, time.monotonic, provider.ask) for one in read_providers(settings)],
        f"{BASE}/desk/account/done", lambda: provider.seconds, b"o" * 32,
    )  # fmt: skip
    for seconds, asked in ((0, other), (ATTEMPT_SECONDS + 1, accounts), (-ATTEMPT_SECONDS - 2, accounts)):
        provider.seconds += seconds
        with pytest.raises(AccountError, match="attempt"):
            asked.finish(SLUG, cookie, answer)


def test_provider_that_names_itself_in_answers_has_to(accounts: Accounts, provider: FakeProvider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    cookie, answer = go(accounts, provider)
    del answer["iss"]
    with pytest.raises(AccountError, match="another provider"):
        accounts.finish(SLUG, cookie, answer)


def test_code_of_another_provider_is_sent_nowhere_when_it_comes_to_that_ones_address(
    provider: FakeProvider, settings: Path
) -> None:
    """The second provider sends its visitors on to the first, which says in no answer who it is (RFC 9700, 4.4)."""
    second = FakeProvider("https://second.test")
    second.metadata = {"authorization_endpoint": f"{ISSUER}/auth"}
    others = SETTINGS.replace(ISSUER, second.issuer).replace(SLUG, "second").replace('"other"', '"second"')
    settings.write_text(SETTINGS + others)
    asks = {ISSUER: provider.ask, second.issuer: second.ask}
    readings = [ProviderReading(one, lambda: provider.seconds, asks[one.issuer]) for one in read_providers(settings)]
    accounts = Accounts(readings, f"{BASE}/desk/account/done", lambda: provider.seconds, b"k" * 32)
    cookie, answer = go(accounts, provider, "second")
    del answer["iss"]
    for came_to in (SLUG, "other"):
        with pytest.raises(AccountError, match="another institution's address") as error:
            accounts.finish(came_to, cookie, answer)
        assert error.value.failure == "account_failed"
    assert [path for path, _ in (*provider.asked, *second.asked) if path == "/token"] == []


def test_every_institution_has_an_address_of_its_own_to_come_back_to(accounts: Accounts) -> None:
    asked = [parse_qs(urlsplit(accounts.begin(one, "en").location).query) for one in (SLUG, "other")]
    assert [one["redirect_uri"] for one in asked] == [
        [f"{BASE}/desk/account/done/{SLUG}"],
        [f"{BASE}/desk/account/done/other"],
    ]


def test_answer_that_is_an_error_lets_in_nobody(accounts: Accounts, provider: FakeProvider) -> None:
    cookie, answer = go(accounts, provider)
    with pytest.raises(AccountError, match="access_denied") as error:
        accounts.finish(SLUG, cookie, {"error": "access_denied", "state": answer["state"], "iss": ISSUER})
    assert error.value.failure == "account_denied"


def test_verifier_of_another_attempt_is_of_no_use(accounts: Accounts, provider: FakeProvider) -> None:
    """Whoever has the code alone, from a log or a history, has not the verifier that follows from the cookie."""
    stolen, _ = go(accounts, provider)
    own = accounts.begin(SLUG, "en")
    state = dict(parse_qsl(urlsplit(own.location).query))["state"]
    go_on = {"code": "code-1", "state": state, "iss": ISSUER}
    assert stolen != own.cookie
    with pytest.raises(AccountError, match="400"):
        accounts.finish(SLUG, own.cookie, go_on)


# ── whom no grant lets in ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": ["staff"]},
        {"groups": "staff"},
        {"groups": {"officers": True}},
        {"groups": ["officers-of-nothing"]},
        {"groups": None},
        {"email": None},
        {"email": ""},
        {"email": 7},
        {"email": "x" * 121},
        {"email": "a\nb"},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": "True"},
        {"email_verified": 1},
        {"email_verified": ""},
    ],
    ids=str,
)
def test_account_opens_nothing_without_a_grant_or_a_name(
    accounts: Accounts, provider: FakeProvider, claims: dict[str, Any]
) -> None:
    provider.claims = {**GOOD, **claims}
    assert refused(accounts, provider)[0] == "account_not_entitled"


@pytest.mark.parametrize("said", [True, "true", None], ids=str)
def test_address_counts_when_it_is_verified_or_the_provider_never_says_so(
    accounts: Accounts, provider: FakeProvider, said: object
) -> None:
    provider.claims = {**GOOD, "email_verified": said}
    assert enter(accounts, provider).officer == "account anna@riverside.example"


@pytest.mark.parametrize("said", [False, "false"], ids=str)
def test_grant_on_an_address_is_refused_when_that_is_not_verified_whatever_names_the_officer(
    provider: FakeProvider, settings: Path, said: object
) -> None:
    by_address = SETTINGS.replace('claim = "groups"\nvalue = "officers"', f'claim = "email"\nvalue = "{GOOD["email"]}"')
    settings.write_text(by_address.replace("session_minutes", 'officer = "preferred_username"\nsession_minutes'))
    accounts = make(provider, read_providers(settings))
    provider.claims = {**GOOD, "preferred_username": "anna"}
    assert enter(accounts, provider).officer == "account anna"
    provider.claims["email_verified"] = said
    assert refused(accounts, provider)[0] == "account_not_entitled"


def test_address_is_refused_when_the_userinfo_endpoint_alone_says_that_it_is_not_verified(
    accounts: Accounts, provider: FakeProvider
) -> None:
    del provider.claims["email_verified"]
    provider.userinfo = {"sub": "u-1", "email_verified": False}
    assert refused(accounts, provider)[0] == "account_not_entitled"


def test_unverified_address_is_no_hindrance_when_nothing_goes_by_it(provider: FakeProvider, settings: Path) -> None:
    settings.write_text(SETTINGS.replace("session_minutes", 'officer = "preferred_username"\nsession_minutes'))
    provider.claims = {**GOOD, "preferred_username": "anna", "email_verified": False}
    assert enter(make(provider, read_providers(settings)), provider).officer == "account anna"


def test_grant_is_for_its_own_institution_alone(accounts: Accounts, provider: FakeProvider) -> None:
    assert refused(accounts, provider, "other")[0] == "account_not_entitled"
    provider.claims = {"email": "a@x.example", "role": "issuer"}
    assert enter(accounts, provider, "other").institution == "other"
    assert refused(accounts, provider)[0] == "account_not_entitled"
    with pytest.raises(AccountError, match="no provider"):
        accounts.begin("unknown", "en")


# ── providers that cannot be asked ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://login.test/other"},
        {"token_endpoint": "http://login.test/token"},
        {"jwks_uri": "ftp://login.test/keys"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
def test_provider_is_not_asked_when_what_it_says_of_itself_cannot_be(
    accounts: Accounts, provider: FakeProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    with pytest.raises(AccountError) as error:
        accounts.begin(SLUG, "en")
    assert error.value.failure == "account_unreachable"


def test_provider_that_is_down_lets_in_nobody(accounts: Accounts, provider: FakeProvider, settings: Path) -> None:
    cookie, answer = go(accounts, provider)
    provider.is_down = True
    with pytest.raises(AccountError) as error:
        accounts.finish(SLUG, cookie, answer)
    assert error.value.failure == "account_unreachable"
    provider.is_down = False
    settings.with_name("secret").unlink()
    with pytest.raises(AccountError, match="secret cannot be read"):
        accounts.finish(SLUG, cookie, answer)


# ── the settings ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "old, new",
    [
        (f'issuer = "{ISSUER}"', 'issuer = "http://login.test"'),
        (f'issuer = "{ISSUER}"', 'issuer = "https://login.test/?x"'),
        (f'issuer = "{ISSUER}"', 'issuer = "https://u@login.test"'),
        (f'client_id = "{CLIENT}"', 'client_id = ""'),
        (f'client_id = "{CLIENT}"', ""),
        ('"secret"', '"no-such-file"'),
        ("session_minutes = 30", "session_minutes = 0"),
        ("session_minutes = 30", "session_minutes = 601"),
        ("session_minutes = 30", "sesion_minutes = 30"),
        ('"10.0.0.0/8"', '"10.0.0.1/8"'),
        ('"10.0.0.0/8"', '"intranet"'),
        ("session_minutes = 30", 'certificates = "no-such.pem"'),
        ('claim = "role"\n', ""),
    ],
)
def test_settings_stop_the_start_when_they_cannot_be(settings: Path, old: str, new: str) -> None:
    assert old in SETTINGS
    settings.write_text(SETTINGS.replace(old, new, 1))
    with pytest.raises(SettingError, match="CAIRN_DESK_ACCOUNTS"):
        read_providers(settings)


def test_settings_have_one_provider_for_an_institution_and_a_grant_for_a_provider(settings: Path) -> None:
    settings.write_text(SETTINGS + SETTINGS.replace(ISSUER, "https://second.test"))
    with pytest.raises(SettingError, match="two providers"):
        read_providers(settings)
    settings.write_text(SETTINGS.partition("[[provider.grant]]")[0])
    with pytest.raises(SettingError):
        read_providers(settings)
    assert read_providers(None) == ()


# ── the pages ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def served(tmp_path: Path, settings: Path) -> Iterator[Any]:
    """A ledger whose institution's provider is at a port where nobody answers."""
    settings.write_text(SETTINGS.replace(ISSUER, "https://127.0.0.1:9"))
    with serving(tmp_path / "data", desk_accounts=settings) as found:
        open_school(found)
        yield found


def test_door_offers_accounts_of_institutions_that_are_registered(served: Any) -> None:  # noqa: ANN401  a served ledger
    page = served.http.get("/desk", params={"lang": "en"}).text
    assert f'href="/desk/account/{SLUG}?lang=en"' in page
    assert "/desk/account/other" not in page


def test_door_says_why_nobody_was_let_in_and_the_log_says_more(served: Any) -> None:  # noqa: ANN401  a served ledger
    say = read_messages("en")["desk"]
    answer = served.http.get(
        f"/desk/account/done/{SLUG}", params={"state": "x", "code": "top-secret-code", "lang": "en"}
    )
    assert answer.status_code == 401
    assert say["account_failed"] in answer.text
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    unreachable = served.http.get(f"/desk/account/{SLUG}", params={"lang": "en"})
    assert unreachable.status_code == 503
    assert say["account_unreachable"].replace("'", "&#39;") in unreachable.text
    assert served.http.get("/desk/account/nobody").status_code == 401
    logged = served.log.getvalue()
    assert '"failure": "account_unreachable"' in logged
    assert "no attempt of this browser" in logged
    assert "top-secret-code" not in logged


def test_door_offers_no_account_when_none_is_set_up(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as found:
        open_school(found)
        assert "/desk/account" not in found.http.get("/desk").text
