from pathlib import Path

import pytest
from pydantic import ValidationError

from api.setting import SettingError, env_name, load_settings
from api.setting_table import SettingRow, describe_settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def documented_rows() -> dict[str, list[str]]:
    lines = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `CAIRN_")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize("row", describe_settings(), ids=lambda row: row.variable)
def test_docs_show_default_unit_and_meaning_of_every_setting(row: SettingRow) -> None:
    assert row.unit
    assert row.description
    shown = documented_rows()[row.variable]
    assert shown[1:] == [f"`{row.default}`", row.unit, row.description]


def test_docs_show_no_setting_that_does_not_exist() -> None:
    assert set(documented_rows()) == {row.variable for row in describe_settings()}


def test_settings_take_defaults_when_environment_is_empty() -> None:
    settings = load_settings({})
    assert settings.log_origin == "127.0.0.1:8000/log"
    assert settings.key_dir == Path("var/ledger.keys")
    assert settings.is_loopback


def test_settings_read_values_when_environment_names_them() -> None:
    settings = load_settings(
        {
            "CAIRN_BASE_URL": "https://ledger.example.edu",
            "CAIRN_TSA_URLS": "https://one.example/tsa, https://two.example",
            "CAIRN_ORIGIN": "ledger.example.edu/2026",
            "CAIRN_DEMONSTRATION": "true",
            "HOME": "/nowhere",
        }
    )
    assert settings.tsa_urls == ("https://one.example/tsa", "https://two.example")
    assert settings.log_origin == "ledger.example.edu/2026"
    assert settings.demonstration
    assert not settings.is_loopback


def test_settings_prefer_overrides_when_both_are_given() -> None:
    settings = load_settings({"CAIRN_PORT": "9000"}, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "127.0.0.1")


def test_settings_look_at_nothing_but_the_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_PORT", "9000")
    assert load_settings({}).port == 8000


def test_settings_are_frozen_when_made() -> None:
    settings = load_settings({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # writing to it is the test


@pytest.mark.parametrize(
    "variable, value",
    [
        ("CAIRN_PROT", "8000"),
        ("CAIRN_port", "8000"),
        ("CAIRN_MODEL_CONFIG", "x"),
        ("CAIRN_PORT", "65536"),
        ("CAIRN_PORT", "eighty"),
        ("CAIRN_BASE_URL", "http://ledger.example/"),
        ("CAIRN_BASE_URL", "http://ledger.example/path"),
        ("CAIRN_BASE_URL", "http://user:hunter2@ledger.example"),
        ("CAIRN_BASE_URL", "http://ledger.example:99999"),
        ("CAIRN_BASE_URL", "ftp://ledger.example"),
        ("CAIRN_BASE_URL", "ledger.example"),
        ("CAIRN_ORIGIN", "two words"),
        ("CAIRN_ORIGIN", "plus+sign"),
        ("CAIRN_TSA_URLS", "https://good.example,file:///etc/passwd"),
        ("CAIRN_MAX_BATCH_BODY_BYTES", "2048"),
        ("CAIRN_SEQUENCING_INTERVAL_MS", "0"),
        ("CAIRN_TRUSTED_PROXY_COUNT", "-1"),
    ],
)
def test_settings_refuse_to_load_when_value_is_wrong(variable: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings({variable: value})
    assert "hunter2" not in str(caught.value)
    named = variable if variable != "CAIRN_MAX_BATCH_BODY_BYTES" else "max_batch_body_bytes"
    assert named in str(caught.value)


def test_env_name_is_the_variable_of_the_field() -> None:
    assert env_name("data_dir") == "CAIRN_DATA_DIR"
