"""Commands for who runs the ledger: institutions, their keys, bearer keys, erasure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any, get_args

import msgspec
import typer
from rich.table import Table

from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import EXIT_CODES, Exit, Terminal
from api.database import ledger_is_there
from api.instant import in_utc
from api.ledger_node import LedgerNode, open_ledger
from api.setting import load_settings
from ledger.access import Actor
from ledger.form.kind import BASE, FORMS
from ledger.institution import Institution, InstitutionKind
from ledger.limit import NO_LIMITS, CredentialKind, Limits
from ledger.reason import Reason
from ledger.signing_algorithm import Algorithm

institution_app = typer.Typer(
    no_args_is_help=True, help=f"Register institutions and enter their accreditations. {EXIT_CODES}"
)
keys_app = typer.Typer(no_args_is_help=True, help=f"Signing keys of institutions. {EXIT_CODES}")
access_app = typer.Typer(no_args_is_help=True, help=f"Bearer keys for the API. {EXIT_CODES}")

Slug = Annotated[str, typer.Argument(help="Slug of the institution.")]


@contextmanager
def opened(data: Data, *, may_be_new: bool = False) -> Iterator[LedgerNode]:
    """Open the ledger in *data* for one command; only one that begins a ledger makes it where there is none."""
    if not may_be_new and not ledger_is_there(data):
        Terminal().fail(f"there is no ledger in {data}", Exit.USAGE)
    node = open_ledger(load_settings(os.environ, data_dir=data))
    try:
        yield node
    finally:
        node.close()


def operator() -> Actor:
    """Who acts when a command is run on the machine itself."""
    return Actor(name="command-line", role="operator")


@institution_app.command("add")
def add_institution(
    slug: Slug,
    name: Annotated[str, typer.Option(help="Full name.")],
    country: Annotated[str, typer.Option(help="Two capital letters, such as EE.")],
    kind: Annotated[InstitutionKind, typer.Option(help="What it is.")] = "university",
    did_key: Annotated[
        Algorithm | None, typer.Option(help="Identify it by its one key, of this kind, for ever (did:key).")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Register an institution and make its first signing key; makes the ledger too when there is none."""
    with opened(data, may_be_new=True) as node:
        outcome = node.registry.register(
            slug=slug,
            name=name,
            country=country,
            kind=kind,
            did_key=did_key,
            actor=operator(),
        )
    Terminal(as_json=as_json).result(outcome.answer, f"{slug} registered as {outcome.answer['did']}")


@institution_app.command("accredit")
def accredit(
    slug: Slug,
    by: Annotated[str, typer.Option(help="Who accredits.")],
    scope: Annotated[str, typer.Option(help="For what.")],
    since: Annotated[datetime, typer.Option(help="From when, UTC.", formats=["%Y-%m-%d"])],
    until: Annotated[datetime | None, typer.Option(help="To when, UTC.", formats=["%Y-%m-%d"])] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="For machines, once for each: level=6, field=0613 (ISCED-F), kind=degree, country=EE."),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Enter an accreditation; what levels, fields and kinds it is limited to is checked against every award."""
    with opened(data) as node:
        outcome = node.registry.grant_accreditation(
            slug=slug,
            by=by,
            scope=scope,
            limits=_limits(limit or []),
            valid_from=in_utc(since),
            valid_until=None if until is None else in_utc(until),
            actor=operator(),
        )
    Terminal(as_json=as_json).result(outcome.answer, f"{slug}: {outcome.answer['accreditation']}")


@institution_app.command("withdraw")
def withdraw(
    slug: Slug,
    accreditation: Annotated[str, typer.Argument(help="Id, such as accreditation-1.")],
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.OTHER,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Enter that an accreditation was withdrawn."""
    with opened(data) as node:
        outcome = node.registry.withdraw_accreditation(
            slug=slug,
            accreditation_id=accreditation,
            reason=reason,
            effective_at=None,
            actor=operator(),
        )
    Terminal(as_json=as_json).result(outcome.answer, f"{slug}: {accreditation} withdrawn")


@institution_app.command("forms")
def forms(
    slug: Slug,
    offer: Annotated[
        list[str] | None, typer.Option(help="A form to offer, such as vc-jwt; once for each. See docs/spec/mapping.md.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Offer no form but the Open Badge.")] = False,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Show in which forms an institution offers its documents, or choose them for all awards from now on."""
    with opened(data) as node:
        if offer or none:
            node.registry.choose_forms(slug=slug, forms=[] if none else (offer or []), actor=operator())
        offered = {BASE.name, *node.ledger.institution(slug).forms}
    table = Table("form", "offered", "what it is")
    for form in FORMS:
        table.add_row(form.name, "yes" if form.name in offered else "", form.about)
    answer = {"institution": slug, "forms": [form.name for form in FORMS if form.name in offered]}
    Terminal(as_json=as_json).result(answer, table)


@institution_app.command("list")
def list_institutions(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List institutions."""
    with opened(data) as node:
        found = node.institutions()
    table = Table("slug", "name", "country", "kind", "keys", "accreditations")
    for one in found:
        table.add_row(
            one.slug,
            one.name,
            one.country,
            one.kind,
            str(len(one.keys)),
            str(len(one.accreditations)),
        )
    Terminal(as_json=as_json).result([_public(one) for one in found], table)


@keys_app.command("list")
def list_keys(slug: Slug, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List an institution's signing keys, past and present."""
    with opened(data) as node:
        institution = node.ledger.institution(slug)
    table = Table("key", "public half", "from", "retired", "revoked", "compromised since")
    for key in institution.keys:
        dates = (key.valid_from, key.retired_at, key.revoked_at, key.compromised_at)
        table.add_row(
            key.key_id,
            key.multibase,
            *("" if date is None else f"{date:%Y-%m-%d}" for date in dates),
        )
    Terminal(as_json=as_json).result(msgspec.to_builtins(institution.keys), table)


@keys_app.command("rotate")
def rotate_key(
    slug: Slug,
    algorithm: Annotated[
        Algorithm | None, typer.Option(help="Kind of key; the one that awards are signed with, if not given.")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Bring a new signing key into force and retire the one of its kind before."""
    with opened(data) as node:
        outcome = node.registry.rotate_key(slug=slug, algorithm=algorithm, actor=operator())
    Terminal(as_json=as_json).result(outcome.answer, f"{slug} now signs with {outcome.answer['key']}")


@keys_app.command("revoke")
def revoke_key(
    slug: Slug,
    key: Annotated[str, typer.Argument(help="Id, such as key-1.")],
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.OTHER,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Revoke a signing key: nothing signed with it afterwards is good."""
    with opened(data) as node:
        outcome = node.registry.revoke_key(slug=slug, key_id=key, reason=reason, effective_at=None, actor=operator())
    Terminal(as_json=as_json).result(
        outcome.answer, f"{slug}: {key} revoked; `cairn keys rotate {slug}` makes a new one"
    )


@keys_app.command("compromised")
def declare_compromised(
    slug: Slug,
    key: Annotated[str, typer.Argument(help="Id, such as key-1.")],
    since: Annotated[datetime, typer.Option(help="Since when it was in other hands, UTC.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Declare since when a signing key was in other hands; again to move the date."""
    at = in_utc(since)
    with opened(data) as node:
        outcome = node.registry.declare_compromised(slug=slug, key_id=key, compromised_at=at, actor=operator())
    terminal = Terminal(as_json=as_json)
    terminal.result(outcome.answer, f"{slug}: {key} compromised since {at:%Y-%m-%d %H:%M:%S} UTC")
    terminal.say(f"next: `cairn keys rotate {slug}`, then `cairn credential reissue --institution {slug}`")


@access_app.command("grant")
def grant_access(
    institution: Annotated[str | None, typer.Option(help="Slug; without it, an operator key.")] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "command-line",
    days: Annotated[int, typer.Option(min=1, max=1095, help="How long it is good.")] = 365,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make a bearer key. It is shown once. Makes the ledger too when there is none."""
    with opened(data, may_be_new=True) as node:
        now = node.ledger.now()
        owner = None if institution is None else node.ledger.institution(institution).id
        token = node.access.grant(
            role="operator" if owner is None else "issuer",
            institution=owner,
            label=label,
            expires_at=now + timedelta(days=days),
            actor=operator(),
            at=now,
        )
    Terminal(as_json=as_json).result({"key": token}, token)


@access_app.command("list")
def list_access(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List bearer keys, without their secrets."""
    with opened(data) as node:
        keys = node.access.list()
    table = Table("prefix", "role", "label", "expires", "revoked")
    for key in keys:
        revoked = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d}"
        table.add_row(key.prefix, key.role, key.label, f"{key.expires_at:%Y-%m-%d}", revoked)
    Terminal(as_json=as_json).result(msgspec.to_builtins(keys), table)


@access_app.command("revoke")
def revoke_access(
    prefix: Annotated[str, typer.Argument(help="The part after cairn_.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Revoke a bearer key."""
    with opened(data) as node:
        node.access.revoke(prefix, actor=operator(), at=node.ledger.now())
    Terminal(as_json=as_json).result({"revoked": prefix}, f"{prefix} revoked")


def erase(
    institution: Annotated[str | None, typer.Option(help="Slug of the learner's institution.")] = None,
    learner: Annotated[str | None, typer.Option(help="What the institution calls the learner.")] = None,
    credential: Annotated[str | None, typer.Option(help="Id of any award of the learner instead.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Erase a learner's personal data for good. The log stays whole, and every old proof still verifies."""
    terminal = Terminal(as_json=as_json)
    if (credential is None) == (institution is None or learner is None):
        terminal.fail("name the learner: --institution and --learner, or --credential", Exit.USAGE)
    if not yes and not typer.confirm("Erase everything personal of this learner? It cannot be undone.", err=True):
        terminal.fail("nothing was erased")
    with opened(data) as node:
        if credential is not None:
            outcome = node.erasing.erase_holder(public_id=credential, actor=operator())
        else:
            outcome = node.erasing.erase_learner(slug=str(institution), reference=str(learner), actor=operator())
    terminal.result(outcome.answer, f"erased; the log holds {outcome.answer['erasure']} and nothing else of it")


def _limits(texts: list[str]) -> Limits | None:
    """Read limits such as ``level=6``; None when there are none."""
    named: dict[str, list[str]] = {"level": [], "field": [], "kind": [], "country": []}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in named or not value or (name == "level" and not value.isdecimal()):
            Terminal().fail(f"{text!r} is no limit; write level=6, field=0613, kind=degree or country=EE", Exit.USAGE)
        named[name].append(value)
    if len(named["country"]) > 1:
        Terminal().fail("an accreditation holds in one country; enter one for each", Exit.USAGE)
    members: dict[str, object] = {
        "fields": named["field"],
        "kinds": named["kind"],
        "levels": [*map(int, named["level"])],
    }
    members["country"] = next(iter(named["country"]), None)
    try:
        limits = msgspec.convert(members, Limits)
    except msgspec.ValidationError:
        Terminal().fail(f"a kind is one of {', '.join(get_args(CredentialKind))}", Exit.USAGE)
    return None if limits == NO_LIMITS else limits


def _public(institution: Institution) -> Any:  # noqa: ANN401  any JSON value
    return msgspec.to_builtins(institution)
