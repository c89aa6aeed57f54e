"""Whose officers sign in with their institution's own account: the file that `CAIRN_DESK_ACCOUNTS` names.

    [[provider]]
    issuer = "https://login.riverside.example"
    client_id = "cairn-desk"
    client_secret_file = "riverside.secret"     # beside this file; without it the client is a public one
    officer = "email"                           # the claim that names the officer in the record
    networks = ["10.20.0.0/24"]                 # where the provider is, if not at a public address
    certificates = "riverside-ca.pem"           # who vouches for its host, if not the system's authorities

    [[provider.grant]]
    institution = "riverside-university"        # slug in this ledger
    claim = "groups"
    value = "credential-officers"

A grant lets in whoever has the value in the claim, or among the values of the claim. Without any grant that fits, an
account of the provider opens nothing: that somebody works at a university does not make them an officer.
"""

from __future__ import annotations

import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from api.guarded_get import Reach
from api.setting import SettingError
from ledger.error import InvalidInputError
from ledger.text import check_text

DEFAULT_SESSION_MINUTES: Final = 240
MAX_SESSION_MINUTES: Final = 600
MAX_SECRET_CHARS: Final = 1_024


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who acts for an institution: whoever has *value* in *claim*."""

    institution: str
    claim: str
    value: str


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenID provider.

    Attributes:
        issuer: Its identifier, to the letter: an https address.
        client_id: What it calls this ledger.
        grant: Who acts for whom.
        client_secret_file: File with the client's secret, beside the settings' file; None: a public client.
        officer: The claim that names the officer in the record; it should never be given to somebody else.
        scopes: What is asked for beside ``openid``.
        networks: Where it is, if not at a public address.
        certificates: Who vouches for its host (PEM), if not the system's authorities.
        session_minutes: How long a session lasts at most: so long an officer who is locked out there may stay here.
    """

    issuer: str
    client_id: str
    grant: tuple[Grant, ...]
    client_secret_file: Path | None = None
    officer: str = "email"
    scopes: tuple[str, ...] = ("profile", "email")
    networks: tuple[str, ...] = ()
    certificates: Path | None = None
    session_minutes: int = DEFAULT_SESSION_MINUTES

    @property
    def reach(self) -> Reach:
        """How far requests to it may go."""
        return Reach(tuple(ip_network(one) for one in self.networks), self.certificates)

    def secret(self) -> str | None:
        """The client's secret, read anew each time, so that it can be changed; None for a public client.

        Raises:
            OSError, ValueError: The file cannot be read, or holds no text.
        """
        if self.client_secret_file is None:
            return None
        return self.client_secret_file.read_text("utf-8").strip()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: tuple[Provider, ...]


def read_providers(path: Path | None) -> tuple[Provider, ...]:
    """Read the file.

    Args:
        path: Where it is; None: nobody signs in with an account.

    Raises:
        SettingError: It cannot be read, or says what cannot be; the message never holds a secret.
    """
    if path is None:
        return ()
    try:
        read = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File, dec_hook=_path)
        providers = tuple(_checked(one, path.parent) for one in read.provider)
        _check_once(providers)
    except (OSError, ValueError, InvalidInputError) as error:  # msgspec's and tomllib's errors are ValueErrors
        message = f"CAIRN_DESK_ACCOUNTS: {error}"
        raise SettingError(message) from error
    return providers


def _check_once(providers: tuple[Provider, ...]) -> None:
    """Refuse two providers for one institution: nobody could tell which is asked. Raises ValueError."""
    seen: dict[str, str] = {}
    for provider in providers:
        for grant in provider.grant:
            if seen.setdefault(grant.institution, provider.issuer) != provider.issuer:
                _refuse(f"two providers let people in for {grant.institution!r}")


def _path(kind: type, value: object) -> object:
    """Make a path of a text."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    message = f"{value!r} is no {kind.__name__}"
    raise ValueError(message)


def _checked(provider: Provider, directory: Path) -> Provider:
    """Refuse what cannot be. Raises OSError, ValueError."""
    parts = urlsplit(provider.issuer)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        _refuse(f"issuer {provider.issuer!r} is no https address without a query or fragment")
    for name in ("client_id", "officer"):
        if not getattr(provider, name).strip():
            _refuse(f"{name} is empty")
    if not provider.grant:
        _refuse(f"{provider.issuer} has no grant: nobody could sign in")
    if not 1 <= provider.session_minutes <= MAX_SESSION_MINUTES:
        _refuse(f"session_minutes lies between 1 and {MAX_SESSION_MINUTES}")
    check_text(provider.client_id)
    located = msgspec.structs.replace(
        provider,
        client_secret_file=_located(provider.client_secret_file, directory),
        certificates=_located(provider.certificates, directory),
    )
    _ = located.reach
    if located.certificates is not None:
        located.certificates.read_bytes()
    secret = located.secret()
    if secret is not None and not 0 < len(secret) <= MAX_SECRET_CHARS:
        _refuse(f"client_secret_file has 1 to {MAX_SECRET_CHARS} characters")
    return located


def _located(path: Path | None, directory: Path) -> Path | None:
    return None if path is None else directory / path


def _refuse(message: str) -> None:
    raise ValueError(message)
