"""An outside measurer against a real server, with a key or without.

The measurer is schemathesis. It sends what the API's description allows and what it does not, and looks at statuses,
media types, shapes and header fields. How many cases each operation gets is bounded: a few in every run of the tests,
and every boundary of every member in turn in the long run (``make soak``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.system.school import open_school
from tests.system.serving import Serving, environment

MEASURER: Final = Path(sys.executable).with_name("schemathesis")
SEED: Final = "3"
FEW: Final = ("--phases", "examples,fuzzing", "--max-examples", "5")
MANY: Final = ("--phases", "examples,coverage,fuzzing", "--max-examples", "10")
# Rules beyond the description's forms (a date that does not exist, an award that does not) refuse valid-looking data.
LEFT_OUT: Final = "positive_data_acceptance"
LONGEST_SECONDS: Final = 1_800


def measure(place: Path, *, with_key: bool, cases: tuple[str, ...]) -> None:
    """Try every operation; fails with what was found."""
    assert MEASURER.exists(), "install it with `make test-setup`"
    server = Serving(place / "data", place / "home")
    server.start()
    try:
        school = open_school(server)
        keys = ["--header", f"Authorization: Bearer {school.key}"] if with_key else []
        options = ["run", f"{server.url}/openapi.json", "--continue-on-failure", "--no-color", "--seed", SEED]
        options += ["--checks", "all", "--exclude-checks", LEFT_OUT, "--mode", "all", *cases]
        done = subprocess.run(
            [str(MEASURER), *options, *keys],
            cwd=place,
            env={**environment(place), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout[done.stdout.find("= FAILURES") :]
    finally:
        server.close()
