"""The command's entry point: every command in one tree, every expected error one line on standard error."""

from __future__ import annotations

import gc
import importlib
import sqlite3
import sys
import traceback
from collections.abc import Iterable
from typing import Any, Final

import typer

from api.cli.terminal import EXIT_CODES, Exit, Terminal

COMMANDS: Final = {
    "serve": "api.cli.serve:serve",
    "serve-https": "api.cli.serve_https:serve_https",
    "demo": "api.cli.demo:demo",
    "follow": "api.cli.follow:follow",
    "verify": "api.cli.verify:verify",
    "audit": "api.cli.audit:audit",
    "disclose": "api.cli.audit:disclose",
    "cascade": "api.cli.cascade:cascade",
    "fsck": "api.cli.maintenance:fsck",
    "rebuild": "api.cli.maintenance:rebuild",
    "anchor": "api.cli.maintenance:anchor",
    "bench": "api.cli.bench:bench",
    "backup": "api.cli.backup:backup",
    "restore": "api.cli.backup:restore_backup",
    "erase": "api.cli.operator:erase",
    "institution": "api.cli.operator:institution_app",
    "keys": "api.cli.operator:keys_app",
    "access": "api.cli.operator:access_app",
    "credential": "api.cli.credential:credential_app",
    "learner": "api.cli.learner:learner_app",
    "log": "api.cli.log:log_app",
    "trust": "api.cli.trust:trust_app",
    "vault": "api.cli.vault:vault_app",
    "witness": "api.cli.witness:witness_app",
}
"""Every command and group of commands, and where it is: imported only when it is wanted, since together they take a
second to import."""
EXPECTED: Final = (
    "ledger.error:LedgerError",
    "anchoring.error:AnchoringError",
    "projections.error:ProjectionError",
    "verifier.error:VerifierError",
    "api.error:ApiError",
    "api.setting:SettingError",
    "api.identity:IdentityError",
    "api.mirror.error:MirrorError",
    "api.page.catalogue:CatalogueError",
)
"""Errors whose message is all that there is to say."""


def make_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Make the tree of commands, or the part of it that has *names*."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help=f"An event-sourced ledger of micro-credentials that anyone can check.\n\n{EXIT_CODES}",
    )
    app.callback()(lambda: None)  # so that one command alone keeps its name
    for name in names:
        found = _load(COMMANDS[name])
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    _explain_exit_codes(app)
    return app


def _load(place: str) -> Any:  # noqa: ANN401  whatever is there
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _explain_exit_codes(app: typer.Typer) -> None:
    """Put the meaning of the exit codes under the help of every command."""
    for command in app.registered_commands:
        command.epilog = EXIT_CODES
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _explain_exit_codes(group.typer_instance)


def main() -> None:
    """Run the command and exit with a code that means something."""
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    gc.disable()  # what is imported stays; looking through it for what could go is a seventh of the start
    try:
        app = make_app([wanted] if wanted in COMMANDS and "--help" not in sys.argv[1:2] else COMMANDS)
        gc.enable()
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        _show_usage(error)
        sys.exit(Exit.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(Exit.FAILURE)
    except Exception as error:  # noqa: BLE001  a defect of ours; Python's own exit code, 1, would say «invalid»
        if isinstance(error, (sqlite3.Error, OSError, *map(_load, EXPECTED))):
            Terminal().say(f"error: {error}")
        else:
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
