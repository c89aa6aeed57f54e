"""Status lists as documents: is it signed, and by whom? What is in one is for `status`.

Source: W3C Bitstring Status List v1.0 section 3.2 (validate), steps 5 and 6; IETF Token Status List section 8.3.
"""

from __future__ import annotations

from datetime import datetime

from verifier.foreign.credential import Credential, problem
from verifier.foreign.format import read_credential, read_presented
from verifier.foreign.issuer import Issuers
from verifier.foreign.jws import Jws, is_jws, parse_jws
from verifier.foreign.securing import judge_token_key, judge_token_signature, secure
from verifier.foreign.source import Sources, read_bytes
from verifier.report import Check, State

_AWAY = {"issuer_key_off": "list_off", "issuer_key_unreachable": "list_unreachable"}


class ListError(Exception):
    """A list says nothing that counts.

    Attributes:
        case: Reason code: `list_unusable`, or that its issuer's keys are not to be had.
    """

    def __init__(self, why: str, case: str = "list_unusable") -> None:
        super().__init__(why)
        self.case = case


class Lists:
    """Reads status lists for one credential.

    Args:
        sources: Where they are.
        issuers: Finds the keys that sign them.
        issuer: The credential's issuer, whose lists count.
        now: The present, aware.
    """

    def __init__(self, sources: Sources, issuers: Issuers, issuer: str, now: datetime) -> None:
        self.sources = sources
        self._issuers = issuers
        self.issuer = issuer
        self.now = now

    def credential(self, url: str) -> Credential:
        """Return a list that is a credential, once its proof is good and its issuer's.

        Raises:
            ListError: It is not.
            InputError: It is no credential, or malformed.
            SourceMissingError: It is not at hand.

        Not checked: whether that issuer is the one whose lists count; dates; what is in it.
        """
        presented = read_presented(read_bytes(self.sources, url))
        if presented.kind != "credential" or presented.carrier != "plain":
            raise ListError("not a status list")
        credential = read_credential(presented)
        wrong = problem(credential)
        if wrong is not None:
            raise ListError(wrong)
        secured = secure(credential, self._issuers, self.now)
        for check in secured.checks:
            _require(check)
        return secured.credential

    def token(self, url: str) -> Jws:
        """Return a list that is a token, once the issuer's signature on it is good.

        Raises:
            ListError: It is not.
            InputError: It is no token, or malformed.
            SourceMissingError: It is not at hand.
        """
        raw = read_bytes(self.sources, url).strip()
        text = raw.decode("ascii", "replace")
        if not is_jws(text):
            raise ListError("not a status list token")
        jws = parse_jws(text)
        key, found = judge_token_key(self._issuers, self.issuer, jws)
        _require(key)
        _require(judge_token_signature(jws, found))
        return jws

    def require_age(self, url: str, ttl: object, units_per_second: int) -> None:
        """Have a list fetched again that is kept longer than it says it may be.

        Raises:
            ListError: Its time to live is no number.
            SourceMissingError: It is too old.
        """
        if ttl is None:
            return
        if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or ttl < 0:
            raise ListError("a time to live that is no number")
        self.sources.require_age(url, ttl / units_per_second)


def _require(check: Check) -> None:
    if check.state in {State.FAILED, State.UNKNOWN}:
        why = f"{check.summary.en} {check.detail}".strip()
        raise ListError(why, _AWAY.get(check.reason, "list_unusable"))
