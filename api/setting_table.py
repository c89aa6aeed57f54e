"""Every setting as docs/settings.md has to show it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic.fields import FieldInfo

from api.setting import Settings, env_name


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line of docs/settings.md."""

    variable: str
    default: str
    unit: str
    description: str


def describe_settings() -> tuple[SettingRow, ...]:
    """Return every setting as its documentation has to show it."""
    return tuple(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> SettingRow:
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
    default = field.default
    if default is None or default == ():
        shown = "(none)"
    else:
        shown = str(default).lower() if isinstance(default, bool) else str(default)
    return SettingRow(env_name(name), shown, unit, field.description or "")
