"""The container samples, without a container engine: the file by compose's own rules, the image by its parts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from api.setting import load_settings
from loadtests.front import SAMPLE
from tests.setup.repository import ROOT, text

PLACE: Final = ROOT / "docs" / "deploy" / "container"
_COPIES: Final = re.compile(r"^COPY (?!--from)(?P<words>.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PLACE / "compose.yaml").read_text("utf-8"))
    return found


def test_compose_file_is_accepted_when_compose_reads_it() -> None:
    program = shutil.which("docker-compose")
    assert program is not None, "docker-compose is not installed: apt-get install docker-compose"
    command = [program, "-f", str(PLACE / "compose.yaml"), "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"ledger", "mirror-1", "mirror-2", "front"} == set(yaml.safe_load(done.stdout)["services"])


def test_services_start_what_cairn_understands_when_compose_runs_them(compose: dict[str, Any], tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("cairn")
    for name in ("ledger", "mirror-1", "mirror-2"):
        service = compose["services"][name]
        words = service["command"]
        told = subprocess.run([program, words[0], "--help"], capture_output=True, text=True, check=True).stdout
        for option in (word for word in words if word.startswith("--")):
            assert option in told, (name, option)
        given = {
            key: value.replace("${CAIRN_BASE_URL:-", "").rstrip("}") for key, value in service["environment"].items()
        }
        load_settings(given, data_dir=tmp_path)
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        data = words[words.index("--data") + 1]
        mounts = [volume.split(":")[1] for volume in service["volumes"]]
        assert any(data.startswith(f"{mount}/") for mount in mounts)


def test_front_asks_the_services_by_name_when_its_addresses_are_replaced(compose: dict[str, Any]) -> None:
    done = subprocess.run(
        ["sed", "-f", str(PLACE / "nginx.sed"), str(SAMPLE)], capture_output=True, text=True, check=True
    )
    asked = set(re.findall(r"server ([a-z0-9-]+):(80\d\d)", done.stdout))
    assert asked == {("ledger", "8000"), ("mirror-1", "8001"), ("mirror-2", "8002")}
    assert "127.0.0.1:80" not in done.stdout
    mounts = [volume.split(":")[:2] for volume in compose["services"]["front"]["volumes"]]
    (root,) = set(re.findall(r"root (\S+);", done.stdout))
    assert ["ledger", Path(root).parent.as_posix()] in mounts


def test_image_has_every_package_when_it_is_built(tmp_path: Path) -> None:
    """The image's own steps, in a directory that holds what it copies and nothing else."""
    written = (PLACE / "Containerfile").read_text("utf-8")
    copied = [word for found in _COPIES.finditer(written) for word in found["words"].split()[:-1]]
    included = tomllib.loads(text("pyproject.toml"))["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {package.rstrip("*") for package in included} <= set(copied)
    source, target = tmp_path / "source", tmp_path / "target"
    for name in copied:
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, place, ignore=leave_out) if (ROOT / name).is_dir() else shutil.copy(
            ROOT / name, place
        )
    install = next(line for line in written.splitlines() if line.endswith("--no-index ."))
    options = [word for word in install.split() if word.startswith("--") and word != "--no-cache-dir"]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *options]
    subprocess.run([*pip, "--target", str(target), "."], cwd=source, check=True, capture_output=True)
    for package in ("ledger", "anchoring", "projections", "verifier", "api"):
        kept = {
            file.relative_to(ROOT)
            for file in (ROOT / package).rglob("*")
            if file.suffix in {".py", ".html", ".css", ".json"}
        }
        missing = [str(file) for file in kept if not (target / file).is_file()]
        assert missing == []
