"""Commands on awards: sign anew what a stolen key signed, sign further forms."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from anchoring.checkpoint_store import SqliteCheckpointStore
from api.cli.operator import opened, operator
from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import EXIT_CODES, Terminal
from api.ledger_node import LedgerNode
from api.log_node import LOG_DATABASE
from api.reissue import KeyReissue, Reissues

credential_app = typer.Typer(no_args_is_help=True, help=f"Awards that were made. {EXIT_CODES}")


@credential_app.callback()
def credential() -> None:
    """Awards that were made."""


@credential_app.command("reissue")
def reissue(
    institution: Annotated[str, typer.Option(help="Slug of the institution whose key was stolen.")],
    key: Annotated[str | None, typer.Option(help="Id, such as key-1; without it, every key declared stolen.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Sign anew what a stolen key signed and nobody outside had seen before. May be interrupted and repeated."""
    terminal = Terminal(as_json=as_json)
    with opened(data) as node, closing(SqliteCheckpointStore(data / LOG_DATABASE)) as store:
        reissues = Reissues(node.reissuance, store)
        found = []
        for key_id in _stolen(node, institution) if key is None else [key]:
            with terminal.progress(f"{institution} {key_id}", node.ledger.newest()) as bar:
                done = (
                    reissues.list_affected(institution, key_id, bar.reach)
                    if dry_run
                    else reissues.reissue_all(institution, key_id, operator(), bar.reach)
                )
            found.append(done)
            terminal.say(_sentence(done, dry_run=dry_run))
    if not found:
        terminal.say(f"no key of {institution} was declared stolen; nothing is to be signed anew")
    terminal.result(found, "\n".join(public_id for one in found for public_id in one.credentials))


@credential_app.command("add-form")
def add_form(
    public_id: Annotated[str, typer.Argument(help="Public id of the award.")],
    form: Annotated[list[str], typer.Option(help="A form that its institution offers by now; once for each.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Sign further forms of an award's document; each is in the log before it leaves."""
    terminal = Terminal(as_json=as_json)
    with opened(data) as node:
        outcome = node.form_adding.add(public_id=public_id, forms=form, actor=operator())
    terminal.result({"id": public_id, "added": outcome.answer}, f"{public_id}: added {', '.join(outcome.answer)}")


def _stolen(node: LedgerNode, slug: str) -> list[str]:
    keys = node.ledger.institution(slug).keys
    return [key.key_id for key in keys if key.compromised_at is not None]


def _sentence(done: KeyReissue, *, dry_run: bool) -> str:
    count = len(done.credentials)
    if dry_run:
        said = f"{done.key}: {count:,} awards would be signed anew; their holders would need the new bundle"
    elif count:
        said = f"{done.key}: {count:,} awards signed anew with {done.signed_with}; their holders need the new bundle"
    else:
        said = f"{done.key}: nothing is to be signed anew"
    if done.erased:
        said += f"; {done.erased:,} whose personal data was erased stay as they are"
    return said
