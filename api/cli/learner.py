"""`cairn learner …`: links to learners' own pages, for who runs the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.operator import opened, operator
from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import EXIT_CODES, Terminal
from api.ledger_node import learner_address

learner_app = typer.Typer(no_args_is_help=True, help=f"Links to learners' own pages. {EXIT_CODES}")


@learner_app.command("link")
def link(
    institution: Annotated[str, typer.Argument(help="Slug of the learner's institution.")],
    learner: Annotated[str | None, typer.Option(help="What the institution calls the learner.")] = None,
    credential: Annotated[str | None, typer.Option(help="Id of any award of the learner instead.")] = None,
    days: Annotated[int, typer.Option(help="How long it lasts, 1 to 365 days.")] = 30,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make a link to a learner's page. It is shown this once: hand it to the learner, and keep no copy."""
    with opened(data) as node:
        made = node.links.make(slug=institution, reference=learner, credential=credential, days=days, actor=operator())
        address = learner_address(node, made)
    answer = {"prefix": made.link.prefix, "link": address, "expires_at": made.link.expires_at.isoformat()}
    Terminal(as_json=as_json).result(answer, address)


@learner_app.command("revoke")
def revoke(
    prefix: Annotated[str, typer.Argument(help="The first 16 characters of the link's secret part.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Revoke a link: whoever looks at the page is shown out at once."""
    with opened(data) as node:
        node.links.revoke(prefix, actor=operator())
    Terminal(as_json=as_json).result({"revoked": prefix}, f"{prefix} revoked")
