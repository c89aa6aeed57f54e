"""The command's entry point: every command in one tree, every expected error one line on standard error."""

from __future__ import annotations

import sys

import click
import typer

from anchoring.error import AnchoringError
from api.cli import audit as audit_command
from api.cli import demo as demo_command
from api.cli import maintenance, operator, serve
from api.cli import verify as verify_command
from api.cli.terminal import EXIT_CODES, Exit, Terminal
from api.cli.trust import trust_app
from api.error import ApiError
from api.identity import IdentityError
from api.setting import SettingError
from ledger.error import LedgerError
from projections.error import ProjectionError
from verifier.error import VerifierError

EXPECTED = (
    LedgerError,
    AnchoringError,
    ProjectionError,
    VerifierError,
    ApiError,
    SettingError,
    IdentityError,
    OSError,
)


def make_app() -> typer.Typer:
    """Make the tree of commands."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help=f"An event-sourced ledger of micro-credentials that anyone can check.\n\n{EXIT_CODES}",
    )
    app.command("serve")(serve.serve)
    app.command("demo")(demo_command.demo)
    app.command("verify", epilog=EXIT_CODES)(verify_command.verify)
    app.command("audit", epilog=EXIT_CODES)(audit_command.audit)
    app.command("fsck", epilog=EXIT_CODES)(maintenance.fsck)
    app.command("rebuild")(maintenance.rebuild)
    app.command("anchor")(maintenance.anchor)
    app.command("erase")(operator.erase)
    app.add_typer(operator.institution_app, name="institution")
    app.add_typer(operator.keys_app, name="keys")
    app.add_typer(operator.access_app, name="access")
    app.add_typer(trust_app, name="trust")
    return app


def main() -> None:
    """Run the command and exit with a code that means something."""
    try:
        code = make_app()(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(Exit.USAGE)
    except click.exceptions.Abort:
        sys.exit(Exit.FAILURE)
    except EXPECTED as error:
        Terminal().say(f"error: {error}")
        sys.exit(Exit.FAILURE)
    except KeyboardInterrupt:
        sys.exit(Exit.FAILURE)
    sys.exit(code if isinstance(code, int) else Exit.VALID)
