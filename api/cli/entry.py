"""The command's entry point: every command in one tree, every expected error one line on standard error."""

from __future__ import annotations

import sqlite3
import sys
import traceback

import typer

from anchoring.error import AnchoringError
from api.cli import audit as audit_command
from api.cli import backup, bench, maintenance, operator, serve, serve_https
from api.cli import cascade as cascade_command
from api.cli import demo as demo_command
from api.cli import follow as follow_command
from api.cli import verify as verify_command
from api.cli.credential import credential_app
from api.cli.learner import learner_app
from api.cli.log import log_app
from api.cli.terminal import EXIT_CODES, Exit, Terminal
from api.cli.trust import trust_app
from api.cli.vault import vault_app
from api.cli.witness import witness_app
from api.error import ApiError
from api.identity import IdentityError
from api.mirror.error import MirrorError
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
    MirrorError,
    sqlite3.Error,
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
    app.command("serve-https")(serve_https.serve_https)
    app.command("demo")(demo_command.demo)
    app.command("follow")(follow_command.follow)
    app.command("verify")(verify_command.verify)
    app.command("audit")(audit_command.audit)
    app.command("disclose")(audit_command.disclose)
    app.command("cascade")(cascade_command.cascade)
    app.command("fsck")(maintenance.fsck)
    app.command("rebuild")(maintenance.rebuild)
    app.command("anchor")(maintenance.anchor)
    app.command("bench")(bench.bench)
    app.command("backup")(backup.backup)
    app.command("restore")(backup.restore_backup)
    app.command("erase")(operator.erase)
    app.add_typer(operator.institution_app, name="institution")
    app.add_typer(operator.keys_app, name="keys")
    app.add_typer(operator.access_app, name="access")
    app.add_typer(credential_app, name="credential")
    app.add_typer(learner_app, name="learner")
    app.add_typer(log_app, name="log")
    app.add_typer(trust_app, name="trust")
    app.add_typer(vault_app, name="vault")
    app.add_typer(witness_app, name="witness")
    _explain_exit_codes(app)
    return app


def _explain_exit_codes(app: typer.Typer) -> None:
    """Put the meaning of the exit codes under the help of every command."""
    for command in app.registered_commands:
        command.epilog = EXIT_CODES
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _explain_exit_codes(group.typer_instance)


def main() -> None:
    """Run the command and exit with a code that means something."""
    try:
        code = make_app()(standalone_mode=False)
    except typer.TyperException as error:
        _show_usage(error)
        sys.exit(Exit.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(Exit.FAILURE)
    except EXPECTED as error:
        Terminal().say(f"error: {error}")
        sys.exit(Exit.FAILURE)
    except Exception:  # noqa: BLE001  a defect of ours; Python's own exit code, 1, would say «invalid»
        traceback.print_exc()
        sys.exit(Exit.FAILURE)
    sys.exit(code if isinstance(code, int) else Exit.VALID)


def _show_usage(error: typer.TyperException) -> None:
    """Say what is wrong with the call, in the library's words where it has a way to print them."""
    show = getattr(error, "show", None)
    if callable(show):
        show()
    else:
        Terminal().say(f"error: {error}")
