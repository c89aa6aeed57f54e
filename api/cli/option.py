"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA = Path("var/ledger")

Data = Annotated[Path, typer.Option("--data", help="Data directory of the ledger.", show_default=True)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        help="Trust policy (C2SP tlog-policy) instead of what `cairn trust add` has collected.",
    ),
]
