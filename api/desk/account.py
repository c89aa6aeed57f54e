"""Signing in with an institution's own account: OpenID Connect, authorization code flow with PKCE.

Going there: the browser gets a cookie with 256 random bits and the institution, and is sent to the provider. State,
nonce and PKCE verifier follow from the cookie under a secret of this process, so nothing is kept here, and each is of
use in that browser alone, for ten minutes.

Coming back, in this order:

1. The cookie is one of ours, and young enough; the state is the one that follows from it.
2. The answer is the provider's whom this browser was sent to, and no error: it came to the address of the attempt's
   institution, of which no other provider knows, and names that provider if it names one (`iss`).
3. The code is exchanged at the token endpoint, with the verifier, and with the client's secret if it has one.
4. The ID token is signed with a key of the provider's by one of the algorithms below, is of that issuer, for this
   client alone, not expired, and carries the nonce. (`joserfc` looks at signature and times.)
5. Claims that the ID token does not have are asked for at the userinfo endpoint; its subject has to be the same.
6. A grant of the settings has to fit; only then is there an officer, and for that institution alone. An address counts
   neither for a grant nor as a name unless `email_verified` is true; a provider that never says it vouches for all.

Source: OpenID Connect Core 1.0 sections 3.1.2.1, 3.1.3.7, 5.1, 5.3.2; RFC 7636; RFC 9207; RFC 9700 sections 2.1,
4.4, 4.7.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote_plus, urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from api.desk.account_setting import Grant, Provider
from api.desk.provider_reading import Metadata, ProviderError, ProviderReading
from api.guarded_get import Call
from api.page.language import FALLBACK, LANGUAGES, Language

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
"""Signatures with a private key of the provider's; never `none`, and never a MAC under something that is shared."""
ATTEMPT_SECONDS: Final = 600
"""How long one may take to sign in there."""
LEEWAY_SECONDS: Final = 60
"""By how much the provider's clock may differ."""
MAX_OFFICER_CHARS: Final = 120
MAX_ANSWER_CHARS: Final = 4_096
EMAIL: Final = "email"
EMAIL_VERIFIED: Final = "email_verified"
ACCOUNT: Final = "account "
"""How the name of an officer begins who signed in so. No key and no link is called so."""
_ATTEMPT: Final = re.compile(r"([0-9]{1,12})\.([a-z0-9-]{1,64})\.([a-z]{2})\.([A-Za-z0-9_-]{43})")

Failure = Literal["account_failed", "account_denied", "account_unreachable", "account_not_entitled"]


class AccountError(Exception):
    """Nobody was let in.

    Args:
        failure: Why; a sentence of the pages has this name.
        detail: For the operator's log, without a secret.
    """

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure: Failure = failure
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to a provider: where the browser is sent, and the cookie that it brings back."""

    location: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Entitled:
    """An officer, by name, and the slug of the institution; for so many seconds at most, in that language."""

    officer: str
    institution: str
    seconds: int
    language: Language


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class Accounts:
    """Signs officers in. Safe for threads.

    Args:
        readings: The providers.
        done: Where providers send the browser back to; behind it stands the institution's slug. An institution has one
            provider, so that no two of these have an address in common.
        now: Seconds since 1970.
        secret: 32 bytes of this process.
    """

    def __init__(self, readings: Sequence[ProviderReading], done: str, now: Callable[[], float], secret: bytes) -> None:
        self._by_institution = {grant.institution: one for one in readings for grant in one.provider.grant}
        self._done = done
        self._now = now
        self._secret = secret

    @property
    def institutions(self) -> list[str]:
        """Slugs of the institutions whose officers sign in so."""
        return sorted(self._by_institution)

    def begin(self, institution: str, language: Language) -> Attempt:
        """Send a browser to an institution's provider, which is told the language.

        Raises:
            AccountError: The institution has none, or it cannot be reached.
        """
        reading = self._reading(institution)
        metadata = _reached(reading.metadata)
        random = secrets.token_urlsafe(32)
        cookie = f"{int(self._now())}.{institution}.{language}.{random}"
        asked = {
            "response_type": "code",
            "client_id": reading.provider.client_id,
            "redirect_uri": self._redirect_uri(institution),
            "scope": " ".join(("openid", *reading.provider.scopes)),
            "state": self._derived("state", cookie),
            "nonce": self._derived("nonce", cookie),
            "code_challenge": _challenge(self._derived("verifier", cookie)),
            "code_challenge_method": "S256",
            "ui_locales": language,
        }
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return Attempt(f"{metadata.authorization_endpoint}{joint}{urlencode(asked)}", cookie)

    def finish(self, came_to: str, cookie: str, answer: Mapping[str, str]) -> Entitled:
        """Find out whom a provider has sent back.

        Args:
            came_to: The institution whose address the browser came back to.
            cookie: The attempt's.
            answer: Parameters of the address that the browser came back to.

        Raises:
            AccountError: Nobody whom a grant lets in.
        """
        institution, language = self._attempted(cookie, answer)  # 1.
        if came_to != institution:  # 2.
            raise AccountError("account_failed", "the answer came to another institution's address than the attempt's")
        reading = self._reading(institution)
        metadata = _reached(reading.metadata)
        code = _code(metadata, answer)  # 2.
        redirect_uri = self._redirect_uri(institution)
        tokens = _reached(lambda: self._exchange(reading, metadata, cookie, code, redirect_uri))  # 3.
        claims = self._verified(reading, tokens.id_token, self._derived("nonce", cookie))  # 4.
        claims = _reached(lambda: _completed(reading, metadata, tokens, claims, institution))  # 5.
        officer = _officer(reading.provider, claims, institution)  # 6.
        return Entitled(f"{ACCOUNT}{officer}", institution, reading.provider.session_minutes * 60, language)

    # ── the attempt ───────────────────────────────────────────────────────────────────────────────────────

    def _reading(self, institution: str) -> ProviderReading:
        found = self._by_institution.get(institution)
        if found is None:
            raise AccountError("account_failed", "no provider is set up for this institution")
        return found

    def _redirect_uri(self, institution: str) -> str:
        return f"{self._done}/{institution}"

    def _derived(self, purpose: str, cookie: str) -> str:
        """43 characters that follow from a cookie, and that nobody can tell who has not this process's secret."""
        digest = hmac.digest(self._secret, f"{purpose}\n{cookie}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")

    def _attempted(self, cookie: str, answer: Mapping[str, str]) -> tuple[str, Language]:
        found = _ATTEMPT.fullmatch(cookie)
        if found is None or not 0 <= self._now() - int(found[1]) <= ATTEMPT_SECONDS:
            raise AccountError("account_failed", "no attempt of this browser, or it took too long")
        if not hmac.compare_digest(answer.get("state", "").encode(), self._derived("state", cookie).encode()):
            raise AccountError("account_failed", "the state is not that of this browser's attempt")
        return found[2], next((one for one in LANGUAGES if one == found[3]), FALLBACK)

    # ── what the provider says ────────────────────────────────────────────────────────────────────────────

    def _exchange(
        self, reading: ProviderReading, metadata: Metadata, cookie: str, code: str, redirect_uri: str
    ) -> _Tokens:
        provider = reading.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": self._derived("verifier", cookie),
        }
        headers = {"Accept": "application/json"}
        try:
            secret = provider.secret()
        except (OSError, ValueError) as error:
            message = f"the client's secret cannot be read: {type(error).__name__}"
            raise ProviderError(message) from error
        if secret is None:
            form["client_id"] = provider.client_id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
        else:
            form |= {"client_id": provider.client_id, "client_secret": secret}
        tokens: _Tokens = reading.ask(metadata.token_endpoint, Call(form, headers), _Tokens)
        return tokens

    def _verified(self, reading: ProviderReading, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token; see 4."""
        provider = reading.provider
        registry = JWTClaimsRegistry(
            now=int(self._now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = _decoded(reading, token)
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise AccountError("account_failed", f"the ID token: {type(error).__name__} {error}"[:300]) from error
        audience, party = claims["aud"], claims.get("azp", provider.client_id)
        if audience not in (provider.client_id, [provider.client_id]) or party != provider.client_id:
            raise AccountError("account_failed", "the ID token is for others too")
        return claims


def _decoded(reading: ProviderReading, token: str) -> dict[str, Any]:
    """The claims of a signed token, by the keys as they were, or as they are when one is not among them."""
    keys = _reached(reading.keys)
    try:
        return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
    except InvalidKeyIdError:
        keys = _reached(lambda: reading.keys(unknown=True))
        return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)


def _code(metadata: Metadata, answer: Mapping[str, str]) -> str:
    """The code that the provider gave; see 2."""
    said = answer.get("iss")
    if said != metadata.issuer and (said is not None or metadata.authorization_response_iss_parameter_supported):
        raise AccountError("account_failed", "the answer is of another provider than the one that was asked")
    if "error" in answer:
        raise AccountError("account_denied", f"the provider said {answer['error'][:100]!r}")
    code = answer.get("code", "")
    if not 0 < len(code) <= MAX_ANSWER_CHARS:
        raise AccountError("account_failed", "the answer has no code")
    return code


def _completed(
    reading: ProviderReading, metadata: Metadata, tokens: _Tokens, claims: dict[str, Any], institution: str
) -> dict[str, Any]:
    """The claims, with those of the userinfo endpoint when one is missing; see 5."""
    provider = reading.provider
    wanted = {provider.officer, *(grant.claim for grant in provider.grant if grant.institution == institution)}
    wanted |= {EMAIL_VERIFIED} if EMAIL in wanted else set()
    if wanted <= claims.keys() or metadata.userinfo_endpoint is None or not tokens.access_token:
        return claims
    headers = {"Accept": "application/json", "Authorization": f"Bearer {tokens.access_token}"}
    more: dict[str, Any] = reading.ask(metadata.userinfo_endpoint, Call(headers=headers), dict)
    if more.get("sub") != claims["sub"]:
        raise AccountError("account_failed", "the userinfo endpoint speaks of somebody else")
    return {**more, **claims}


def _officer(provider: Provider, claims: Mapping[str, Any], institution: str) -> str:
    """What the officer is called, if a grant fits; see 6."""
    grants = [grant for grant in provider.grant if grant.institution == institution]
    if not any(_fits(grant, claims) for grant in grants):
        raise AccountError("account_not_entitled", f"no grant for {institution} fits subject {claims['sub'][:80]!r}")
    officer = claims.get(provider.officer)
    is_name = isinstance(officer, str) and officer.isprintable() and 0 < len(officer.strip()) <= MAX_OFFICER_CHARS
    if not isinstance(officer, str) or not is_name or not _counts(provider.officer, claims):
        raise AccountError(
            "account_not_entitled", f"the claim {provider.officer!r} does not name the officer, or is not verified"
        )
    return officer.strip()


def _fits(grant: Grant, claims: Mapping[str, Any]) -> bool:
    value = claims.get(grant.claim)
    is_there = grant.value in value if isinstance(value, list) else value == grant.value
    return is_there and _counts(grant.claim, claims)


def _counts(claim: str, claims: Mapping[str, Any]) -> bool:
    """Whether a claim may be relied on: an address that the provider does not call verified may not."""
    said = claims.get(EMAIL_VERIFIED, True)
    return claim != EMAIL or said is True or said == "true"  # some providers write it as text


def _challenge(verifier: str) -> str:
    """Source: RFC 7636 section 4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def _reached(ask: Callable[[], Any]) -> Any:  # noqa: ANN401  what was asked for
    """What a provider answers. Raises AccountError."""
    try:
        return ask()
    except ProviderError as error:
        raise AccountError("account_unreachable", str(error)[:300]) from error
