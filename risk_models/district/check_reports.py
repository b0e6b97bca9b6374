"""What the settings of periodic reports name must be there: files, towns, hotspots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from risk_models.district.cells import ParsedTable
from risk_models.district.settings import DistrictSettings
from risk_models.district.yamlfile import YamlFile
from risk_models.errors import Finding

__all__ = ["check_reports"]


def check_reports(
    root: Path, settings: DistrictSettings, tables: Mapping[str, ParsedTable], yaml: YamlFile
) -> Iterator[Finding]:
    """Yield what the settings of reports name in vain.

    Parameters
    ----------
    root : Path
        District folder.
    settings : DistrictSettings
    tables : mapping of str to ParsedTable
        Tables that could be read.
    yaml : YamlFile
        For rows.

    Yields
    ------
    Finding
        A warning for a file that is not there (reports then say what is missing), an error for a path that leaves the
        folder and for a town or hotspot that is not registered.
    """
    yield from _files(root, settings, yaml)
    known = {"towns": ("towns", "town_code"), "hotspots": ("hotspots", "hotspot_id")}
    for place, period in enumerate(settings.important_periods):
        for key, (table, column) in known.items():
            if table not in tables:
                continue
            ids = set(tables[table].values[column])
            for name in getattr(period, key):
                if name not in ids:
                    at = ("important_periods", place, key)
                    message, fix = f"the table {table} has no '{name}'", f"name an id of the table {table}"
                    yield _finding(yaml, at, "unknown-id", message, value=name, fix=fix)


def _files(root: Path, settings: DistrictSettings, yaml: YamlFile) -> Iterator[Finding]:
    record = settings.rain_record
    named: dict[tuple[str, ...], str | None] = {
        ("rain_record", "path"): record.path if record else None,
        ("seasonal_forecasts",): settings.seasonal_forecasts,
        ("reports", "templates"): settings.reports.templates,
    }
    base = root.resolve()
    for at, path in named.items():
        if path is None:
            continue
        target = (base / path).resolve()
        if not target.is_relative_to(base):
            yield _finding(yaml, at, "outside-folder", "the path leaves the district folder", value=path)
        elif not target.exists():
            fix = "without it reports say what is missing"
            yield _finding(
                yaml, at, "missing-file", "there is no such file yet", value=path, fix=fix, severity="warning"
            )


def _finding(yaml: YamlFile, at: tuple[Any, ...], code: str, message: str, **parts: Any) -> Finding:
    column = ".".join(map(str, at))
    return Finding(code=code, message=message, file=yaml.name, row=yaml.line(at), column=column, **parts)
