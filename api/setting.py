"""Every setting of a Cairn process, read once from the environment.

The environment is passed in as a mapping by the command that starts the process, and nothing else
looks at it. Settings are frozen: what runs was decided at start. A misspelt ``CAIRN_`` name stops
the start instead of being ignored. docs/settings.md lists every setting; a test compares the two.

Longer than other modules because it is one table, in one place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

S3_ADDRESS: Final = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[A-Za-z0-9._/-]*))?")
ENV_PREFIX: Final = "CAIRN_"
KIB: Final = 1024
MIB: Final = 1024 * KIB


class SettingError(ValueError):
    """A setting is unknown or out of range; the message names the variable, never its value."""


def _unit(unit: str) -> dict[str, JsonValue]:
    return {"unit": unit}


class Settings(BaseModel):
    """What an operator may decide about one process. Every default runs a ledger on one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(
        default=Path("var/ledger"),
        json_schema_extra=_unit("path"),
        description="Directory of the ledger, the log and the views.",
    )
    kek_dir: Path | None = Field(
        default=None,
        json_schema_extra=_unit("path"),
        description="Directory of the key-encryption keys; by default `<data_dir>.keys`, "
        "beside the data and outside its backups.",
    )
    database: SecretStr | None = Field(
        default=None,
        json_schema_extra=_unit("URL"),
        description="PostgreSQL database of events, vault and access, `postgresql://user@host/name`; none: the file "
        "`ledger.db` in the data directory. Its password may stand in it, or in libpq's password file.",
    )
    standby_lost: Literal["stop", "degrade"] = Field(
        default="stop",
        json_schema_extra=_unit("word"),
        description="What becomes of writes when PostgreSQL asks for a synchronous standby and none is connected: they "
        "are refused until one is (`stop`), or acknowledged from one machine alone (`degrade`).",
    )
    tiles: str | None = Field(
        default=None,
        json_schema_extra=_unit("URL or path"),
        description="Where tiles and checkpoint are that several processes of one ledger share: `s3://bucket/prefix`, "
        "or the absolute path of a directory; what the log has committed to is then in the database. None: `log` and "
        "`log.db` in the data directory.",
    )
    tiles_endpoint: str | None = Field(
        default=None,
        json_schema_extra=_unit("URL"),
        description="Address of the S3-compatible store; none: Amazon's own of the region.",
    )
    tiles_region: str = Field(
        default="us-east-1",
        pattern=r"^[a-z0-9-]{1,64}$",
        json_schema_extra=_unit("name"),
        description="Region of that store.",
    )
    tiles_access_key: SecretStr | None = Field(
        default=None,
        json_schema_extra=_unit("text"),
        description="Key id by which that store knows this process; none: what the machine's role offers.",
    )
    tiles_secret_key: SecretStr | None = Field(
        default=None,
        json_schema_extra=_unit("text"),
        description="The secret that belongs to it.",
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000",
        json_schema_extra=_unit("URL"),
        description="Address at which the public reaches this ledger; stands in every document, "
        "so it cannot change after the first issue.",
    )
    host: str = Field(
        default="127.0.0.1",
        json_schema_extra=_unit("address"),
        description="Address to listen on.",
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65_535,
        json_schema_extra=_unit("port"),
        description="Port to listen on; 0 lets the system choose.",
    )
    origin: str | None = Field(
        default=None,
        pattern=r"^[^\s+]{1,255}$",
        json_schema_extra=_unit("name"),
        description="Origin line of the log's checkpoints; by default host and port of `base_url` "
        "followed by `/log`. It cannot change once the log is signed.",
    )
    demonstration: bool = Field(
        default=False,
        json_schema_extra=_unit("boolean"),
        description="Say on every page that the content is made up.",
    )
    sequencing_interval_ms: int = Field(
        default=200,
        ge=10,
        le=60_000,
        json_schema_extra=_unit("milliseconds"),
        description="Pause between two looks for events that the log has not published yet.",
    )
    heartbeat_seconds: int = Field(
        default=30,
        ge=1,
        le=3_600,
        json_schema_extra=_unit("seconds"),
        description="Pause between two cosignatures of an unchanged checkpoint.",
    )
    witness_policy: Path | None = Field(
        default=None,
        json_schema_extra=_unit("path"),
        description="C2SP tlog-policy of this log: the witnesses to ask, each with its URL, and their quorum; "
        "none: nobody is asked.",
    )
    witness_withhold: bool = Field(
        default=False,
        json_schema_extra=_unit("boolean"),
        description="Keep a checkpoint back until the witnesses' quorum has signed it, instead of publishing it with "
        "what there is.",
    )
    witness_wait_ms: int = Field(
        default=1_000,
        ge=0,
        le=10_000,
        json_schema_extra=_unit("milliseconds"),
        description="How long a publication waits for witnesses that answered well the last time.",
    )
    tsa_urls: tuple[str, ...] = Field(
        default=(),
        json_schema_extra=_unit("URLs, comma separated"),
        description="RFC 3161 time-stamp authorities that anchor the log; none: not anchored.",
    )
    tsa_certificates: tuple[Path, ...] = Field(
        default=(),
        json_schema_extra=_unit("paths, comma separated"),
        description="Certificates of the authorities, pinned: a PEM file each, the signing certificate first and its "
        "chain up to the self-signed root behind it, in the order of `CAIRN_TSA_URLS`.",
    )
    evm_rpc_url: str | None = Field(
        default=None,
        json_schema_extra=_unit("URL"),
        description="JSON-RPC address of a node, or of a signer in front of one, that anchors the log in transactions; "
        "none: no such anchor.",
    )
    evm_chain_id: int | None = Field(
        default=None,
        gt=0,
        json_schema_extra=_unit("number"),
        description="The chain that counts, 1 to 2^53-1; nothing is sent to a node of another.",
        le=(1 << 53) - 1,
    )
    evm_account: str | None = Field(
        default=None,
        pattern=r"^0x[0-9a-f]{40}$",
        json_schema_extra=_unit("address"),
        description="Account that sends to itself, in lower case; the node or its signer holds the key.",
    )
    evm_confirmations: int = Field(
        default=12,
        ge=1,
        le=1_000,
        json_schema_extra=_unit("blocks"),
        description="How deep in the chain a transaction has to be, its own block counted.",
    )
    anchor_interval_seconds: int = Field(
        default=3_600,
        ge=1,
        json_schema_extra=_unit("seconds"),
        description="Pause between two time anchors.",
    )
    follow_url: str | None = Field(
        default=None,
        json_schema_extra=_unit("URL"),
        description="Ledger that `cairn serve --role verifier` follows.",
    )
    follow_log: str | None = Field(
        default=None,
        json_schema_extra=_unit("URL"),
        description="Where checkpoint and tiles of that ledger are read, if not from the ledger itself: an address "
        "below which `checkpoint` and `tile/` stand, or `s3://bucket/prefix` of the store above.",
    )
    follow_poll_seconds: float = Field(
        default=0.25,
        ge=0.05,
        le=3_600,
        json_schema_extra=_unit("seconds"),
        description="Pause between two looks of `cairn follow` at the ledger that it follows.",
    )
    follow_max_age_seconds: int = Field(
        default=600,
        ge=1,
        json_schema_extra=_unit("seconds"),
        description="Age of what `cairn follow` has verified above which it calls nothing valid and `/readyz` fails.",
    )
    fetch: bool = Field(
        default=False,
        json_schema_extra=_unit("boolean"),
        description="Whether keys of foreign issuers and their status lists are fetched when somebody has a credential "
        "verified; otherwise what is on the network is «unknown».",
    )
    fetch_timeout_seconds: int = Field(
        default=5,
        ge=1,
        le=60,
        json_schema_extra=_unit("seconds"),
        description="Longest time to wait for one such answer.",
    )
    fetch_deadline_seconds: int = Field(
        default=10,
        ge=1,
        le=120,
        json_schema_extra=_unit("seconds"),
        description="Longest time that one request spends on all such answers together, looking up hosts included; "
        "what is not there by then is «unknown».",
    )
    fetch_max_bytes: int = Field(
        default=MIB,
        ge=KIB,
        le=MIB,
        json_schema_extra=_unit("bytes"),
        description="Longest such answer.",
    )
    fetch_cache_seconds: int = Field(
        default=60,
        ge=0,
        le=86_400,
        json_schema_extra=_unit("seconds"),
        description="How long such an answer is kept and used again; a revocation elsewhere is seen that much later. "
        "A status list with a shorter time to live is kept no longer than that.",
    )
    fetch_cache_entries: int = Field(
        default=256,
        ge=0,
        le=65_536,
        json_schema_extra=_unit("answers"),
        description="How many such answers are kept, of 32 MiB at most.",
    )
    issuer_anchors: Path | None = Field(
        default=None,
        json_schema_extra=_unit("path"),
        description="File of X.509 certificates (PEM) that the certificate chain of a foreign issuer (`x5c`) may "
        "lead to; none: a key that only such a chain vouches for is «unknown».",
    )
    backup_retention_days: int = Field(
        default=35,
        ge=0,
        le=36_500,
        json_schema_extra=_unit("days"),
        description="How long backups are kept; so long a retired key-encryption key is, which opens them.",
    )
    shortcut: bool = Field(
        default=True,
        json_schema_extra=_unit("boolean"),
        description="Answer plain questions for the status of an untouched award from the connection, the quick way.",
    )
    kept_answers_bytes: int = Field(
        default=320_000_000,
        ge=0,
        le=2**40,
        json_schema_extra=_unit("bytes"),
        description="Memory that each serving process may use for such answers on awards that were asked for twice; "
        "an award takes 500 to 700 bytes.",
    )
    one_processor: bool = Field(
        default=True,
        json_schema_extra=_unit("boolean"),
        description="Keep the threads of this process on one processor at a time while others leave room on it, which "
        "Python works faster on.",
    )
    projecting_process: bool = Field(
        default=True,
        json_schema_extra=_unit("boolean"),
        description="Keep the views up to date in a second process, where there is more than one processor.",
    )
    desk_accounts: Path | None = Field(
        default=None,
        json_schema_extra=_unit("path"),
        description="TOML file that says which institutions' officers sign in at the desk with their own account "
        "(OpenID Connect), see desk.md; none: with the institution's key alone.",
    )
    learner_erases: bool = Field(
        default=False,
        json_schema_extra=_unit("boolean"),
        description="Erase a learner at once who asks for it on their own page; otherwise the institution decides.",
    )
    own_audit_seconds: int = Field(
        default=600,
        ge=0,
        le=86_400,
        json_schema_extra=_unit("seconds"),
        description="Longest time that an audit may take which somebody asks for on the page about audits; 0: this "
        "server does not audit itself. One that was cut off goes on from there when it is asked for again.",
    )
    own_audit_pause_seconds: int = Field(
        default=600,
        ge=0,
        le=86_400,
        json_schema_extra=_unit("seconds"),
        description="How long the next such audit waits after each; there is one at a time.",
    )
    rate_limit_per_minute: int = Field(
        default=12_000,
        ge=0,
        json_schema_extra=_unit("requests per minute and client"),
        description="Sustained limit on public routes; 0 switches it off.",
    )
    rate_limit_burst: int = Field(
        default=1_000,
        ge=0,
        json_schema_extra=_unit("requests per second and client"),
        description="Limit within any one second on public routes; 0 switches it off.",
    )
    trusted_proxy_count: int = Field(
        default=0,
        ge=0,
        le=16,
        json_schema_extra=_unit("proxies"),
        description="How many proxies of ours stand in front and append to `X-Forwarded-For`; 0 ignores that header.",
    )
    status_prefix_awards: int = Field(
        default=1_000,
        ge=2,
        le=10_000,
        json_schema_extra=_unit("awards"),
        description="How many awards share a prefix at least by which statuses are looked up without saying which "
        "award is meant; all of them when there are fewer.",
    )
    max_body_bytes: int = Field(
        default=256 * KIB,
        ge=KIB,
        json_schema_extra=_unit("bytes"),
        description="Largest request body, but for batches.",
    )
    max_batch_body_bytes: int = Field(
        default=16 * MIB,
        ge=KIB,
        json_schema_extra=_unit("bytes"),
        description="Largest body of a request that issues a batch.",
    )
    verify_batch_lines: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        json_schema_extra=_unit("lines"),
        description="Most lines of one batch that is verified, empty ones counted.",
    )
    verify_batch_line_bytes: int = Field(
        default=1_500_000,
        ge=KIB,
        le=16 * MIB,
        json_schema_extra=_unit("bytes"),
        description="Longest line of such a batch; a longer one is passed over with a problem.",
    )
    verify_batch_bytes: int = Field(
        default=512 * MIB,
        ge=KIB,
        json_schema_extra=_unit("bytes"),
        description="Most bytes of such a batch; no more than a line of them is held at a time.",
    )
    verify_batch_seconds: int = Field(
        default=600,
        ge=1,
        le=86_400,
        json_schema_extra=_unit("seconds"),
        description="Longest time that such a batch takes.",
    )
    verify_batch_quiet_seconds: int = Field(
        default=30,
        ge=1,
        le=3_600,
        json_schema_extra=_unit("seconds"),
        description="How long such a batch waits for a client that sends nothing, or reads nothing.",
    )
    verify_batch_fetch_seconds: int = Field(
        default=120,
        ge=1,
        le=86_400,
        json_schema_extra=_unit("seconds"),
        description="Longest time that such a batch spends on waiting for other hosts; what was not fetched by then is "
        "«unknown».",
    )
    verify_batches_per_client: int = Field(
        default=2,
        ge=1,
        json_schema_extra=_unit("batches"),
        description="How many such batches of one client are under way at a time.",
    )
    verify_batches: int = Field(
        default=8,
        ge=1,
        le=256,
        json_schema_extra=_unit("batches"),
        description="How many such batches are under way at a time, of all clients; they take turns.",
    )
    ready_disk_floor_bytes: int = Field(
        default=256 * MIB,
        ge=0,
        json_schema_extra=_unit("bytes"),
        description="Free space in the data directory below which `/readyz` fails.",
    )
    ready_projection_lag_events: int = Field(
        default=10_000,
        ge=0,
        json_schema_extra=_unit("events"),
        description="How far a view may be behind before `/readyz` fails.",
    )
    ready_unpublished_seconds: int = Field(
        default=10,
        ge=1,
        json_schema_extra=_unit("seconds"),
        description="Age of the oldest unpublished event above which `/readyz` fails.",
    )

    @field_validator("tsa_urls", "tsa_certificates", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("tsa_urls")
    @classmethod
    def _check_tsa_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            _check_web_url(url)
        return value

    @field_validator("tiles")
    @classmethod
    def _check_tiles(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/") and S3_ADDRESS.fullmatch(value) is None:
            raise ValueError("must be s3://bucket/prefix, or an absolute path")
        return value

    @field_validator("follow_log")
    @classmethod
    def _check_follow_log(cls, value: str | None) -> str | None:
        if value is not None and S3_ADDRESS.fullmatch(value) is None:
            _check_web_url(value)
        return value

    @field_validator("evm_rpc_url", "tiles_endpoint", "follow_url")
    @classmethod
    def _check_other_url(cls, value: str | None) -> str | None:
        if value is not None:
            _check_web_url(value)
        return value

    @field_validator("database", mode="before")
    @classmethod
    def _check_database(cls, value: object) -> object:
        if isinstance(value, str):
            if not value:
                return None
            if not value.startswith(("postgresql://", "postgres://")) or any(map(str.isspace, value)):
                raise ValueError("must be empty, or a URL that begins with postgresql://")
        return value

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        _check_web_url(value)
        parts = urlsplit(value)
        if parts.path or parts.query or parts.fragment:
            raise ValueError("must be scheme, host and port alone, without a slash at the end")
        return value

    @model_validator(mode="after")
    def _check_batch_is_larger(self) -> Self:
        if self.max_batch_body_bytes < self.max_body_bytes:
            raise ValueError("max_batch_body_bytes must not be below max_body_bytes")
        given = [self.evm_rpc_url is None, self.evm_chain_id is None, self.evm_account is None]
        if len(set(given)) > 1:
            raise ValueError("CAIRN_EVM_RPC_URL, CAIRN_EVM_CHAIN_ID and CAIRN_EVM_ACCOUNT belong together")
        if (self.tiles_access_key is None) != (self.tiles_secret_key is None):
            raise ValueError("CAIRN_TILES_ACCESS_KEY and CAIRN_TILES_SECRET_KEY belong together")
        return self

    @property
    def log_origin(self) -> str:
        """Origin line of the log's checkpoints, chosen or derived from the base URL."""
        return self.origin or f"{urlsplit(self.base_url).netloc}/log"

    @property
    def key_dir(self) -> Path:
        """Directory of the key-encryption keys, chosen or beside the data directory."""
        return self.kek_dir or self.data_dir.with_name(f"{self.data_dir.name}.keys")

    @property
    def is_loopback(self) -> bool:
        """Whether the base URL names this machine alone, so that plain HTTP is no risk."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def _check_web_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http or https URL with a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password")
    _ = parts.port  # raises ValueError when it is not a number up to 65535


def load_settings(environ: Mapping[str, str], **overrides: object) -> Settings:
    """Read the settings from the environment, with overrides from the command line on top.

    Args:
        environ: The process environment. Only names that begin with ``CAIRN_`` are looked at.
        overrides: Settings by field name; ``None`` means that nothing was given.

    Raises:
        SettingError: A ``CAIRN_`` variable names no setting, or a value is out of range.
    """
    given: dict[str, object] = {}
    for variable, value in environ.items():
        if variable.startswith(ENV_PREFIX):
            name = variable.removeprefix(ENV_PREFIX).lower()
            if variable != env_name(name) or name not in Settings.model_fields:
                raise SettingError(f"{variable} is not a setting; docs/settings.md lists them")
            given[name] = value
    given |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingError(_plain_sentence(error)) from None


def env_name(field: str) -> str:
    """Return the environment variable of a setting."""
    return f"{ENV_PREFIX}{field.upper()}"


def _plain_sentence(error: ValidationError) -> str:
    """Name each wrong variable and the rule it breaks, without its value (it may be a secret)."""
    parts = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        where = env_name(str(item["loc"][0])) if item["loc"] else "settings"
        parts.append(f"{where}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
