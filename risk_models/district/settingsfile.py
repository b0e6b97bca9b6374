"""`district.yaml` read into settings, with every problem named by key path and line."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from risk_models.district.contracts import OPTIONAL_RASTERS, OPTIONAL_TABLES, RASTERS, TABLES
from risk_models.district.schema import nearest
from risk_models.district.settings import SETTINGS_FILE, Datum, DistrictSettings
from risk_models.district.yamlfile import KeyPath, YamlFile, read_yaml
from risk_models.errors import BadInputError, Finding

__all__ = ["SettingsFile", "load_settings", "read_settings"]

DATUMS: tuple[str, ...] = get_args(Datum)

# Stand-ins let the tables be checked although the settings are wrong; they never reach a loaded district.
_STAND_IN_NAME = {"zh": "-", "en": "-"}
_STAND_IN_DISTRICT: dict[str, Any] = {
    "code": "0",
    "name": _STAND_IN_NAME,
    "city": _STAND_IN_NAME,
    "bureau": _STAND_IN_NAME,
    "projected_crs": "EPSG:3857",
    "demonstration": True,
}


@dataclass(frozen=True)
class SettingsFile:
    """What was found in `district.yaml`.

    Attributes
    ----------
    settings : DistrictSettings or None
        If there are error findings these hold stand-ins and serve to go on checking only.
    yaml : YamlFile
        For the line of a key.
    findings : tuple of Finding
    undated : frozenset of str
        Layers whose datum is not known.
    skipped : frozenset of str
        Layers and rasters that cannot be looked for.
    """

    settings: DistrictSettings | None
    yaml: YamlFile
    findings: tuple[Finding, ...]
    undated: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()


def load_settings(directory: str | Path, *, check_crs: bool = True) -> DistrictSettings:
    """Load the settings of a district folder without its tables.

    Parameters
    ----------
    directory : str or Path
    check_crs : bool
        False for who draws and measures nothing: whether the reference system exists is then left to who does.

    Returns
    -------
    DistrictSettings

    Raises
    ------
    BadInputError
        With every finding of the file.

    Examples
    --------
    >>> load_settings("no-such-folder")
    Traceback (most recent call last):
    ...
    BadInputError: settings of no-such-folder: 1 problem
    """
    result = read_settings(directory, check_crs=check_crs)
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if errors or result.settings is None:
        raise BadInputError(f"settings of {Path(directory).name}", errors)
    return result.settings


def read_settings(directory: str | Path, *, check_crs: bool = True) -> SettingsFile:
    """Read `district.yaml` of a folder and list every problem in it; never raises for bad content.

    Parameters
    ----------
    directory : str or Path
    check_crs : bool
        As in `load_settings`.

    Returns
    -------
    SettingsFile

    Examples
    --------
    >>> read_settings("no-such-folder").findings[0].code
    'missing-file'
    """
    yaml = read_yaml(Path(directory) / SETTINGS_FILE)
    if yaml.data is None:
        return SettingsFile(None, yaml, yaml.findings)
    if not isinstance(yaml.data, dict):
        finding = Finding(code="not-settings", message="the file is no mapping of keys", file=yaml.name)
        return SettingsFile(None, yaml, (*yaml.findings, finding))
    context = {"check_crs": check_crs}
    errors = _errors(yaml.data, context)
    findings = [*yaml.findings, *(_finding(error, yaml) for error in errors)]
    if not errors:
        settings = DistrictSettings.model_validate(yaml.data, context=context)
        return SettingsFile(settings, yaml, (*findings, *_mapping_findings(settings, yaml)))
    repaired, undated, skipped = _with_stand_ins(yaml.data, errors)
    if _errors(repaired, context):
        return SettingsFile(None, yaml, tuple(findings))
    settings = DistrictSettings.model_validate(repaired, context=context)
    findings.extend(_mapping_findings(settings, yaml))
    return SettingsFile(settings, yaml, tuple(findings), undated, skipped)


def _errors(data: dict[Any, Any], context: dict[str, bool]) -> list[ErrorDetails]:
    try:
        DistrictSettings.model_validate(data, context=context)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _finding(error: ErrorDetails, yaml: YamlFile) -> Finding:
    path: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
    dotted = ".".join(str(part) for part in path)
    at: dict[str, Any] = {"file": yaml.name, "row": yaml.line(path), "column": dotted or None}
    kind, context = error["type"], error.get("ctx", {})
    value = None if isinstance(error["input"], dict | list) else str(error["input"])
    if path[-1:] == ("datum",) and kind in ("missing", "literal_error", "string_type"):
        return _datum_finding(kind, value, at)
    if kind == "extra_forbidden":
        return _unknown_key(path, at)
    if kind == "missing":
        return Finding(code="missing-key", message="the key is missing", **at, fix=f"add {path[-1]}")
    if kind == "literal_error":
        accepted = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        return Finding(code="not-accepted", message="the value is not accepted", **at, value=value, accepted=accepted)
    if kind == "string_type":
        fix = "put it in quotes, so that it stays text"
        return Finding(code="not-text", message="the value is not text", **at, value=value, accepted="text", fix=fix)
    message = str(context["error"]) if kind == "value_error" else error["msg"][0].lower() + error["msg"][1:]
    return Finding(code="bad-setting", message=message, **at, value=value)


def _datum_finding(kind: str, value: str | None, at: dict[str, Any]) -> Finding:
    accepted = ", ".join(DATUMS)
    fix = "ask who made the layer: GCJ-02 taken for WGS84 moves every point by about half a kilometre"
    if kind == "missing" or value in (None, "", "None"):
        message = "the datum of the layer is not stated"
        return Finding(code="unstated-datum", message=message, **at, accepted=accepted, fix=fix)
    hint = nearest(str(value), DATUMS)
    message = "the datum of the layer is unknown" + (f"; nearest: {hint}" if hint else "")
    return Finding(code="unknown-datum", message=message, **at, value=value, accepted=accepted, fix=fix)


def _unknown_key(path: KeyPath, at: dict[str, Any]) -> Finding:
    known = _known_keys(path[:-1])
    hint = nearest(str(path[-1]), known)
    return Finding(
        code="unknown-key",
        message="the key is unknown" + (f"; nearest: {hint}" if hint else ""),
        **at,
        value=str(path[-1]),
        accepted=", ".join(known),
        fix=f"write {hint}" if hint else "remove it",
    )


def _known_keys(path: KeyPath) -> list[str]:
    """Return the fields of the model (of every one that may stand there) at a key path."""
    models: list[type[BaseModel]] = [DistrictSettings]
    for part in path:
        if not isinstance(part, int):
            models = [found for model in models for found in _models_in(model.model_fields[part].annotation)]
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _mapping_findings(settings: DistrictSettings, yaml: YamlFile) -> list[Finding]:
    """Name every column mapping whose left side is no column of the contract."""
    findings = []
    for table in (TABLES | OPTIONAL_TABLES).values():
        layer = getattr(settings.layers, table.name)
        for name in layer.columns if layer is not None else ():
            if name in table.names:
                continue
            path: KeyPath = ("layers", table.name, "columns", name)
            hint = nearest(name, table.names)
            findings.append(
                Finding(
                    code="unknown-mapping",
                    message="the mapped column is no column of the contract" + (f"; nearest: {hint}" if hint else ""),
                    file=yaml.name,
                    row=yaml.line(path),
                    column=".".join(map(str, path)),
                    value=name,
                    accepted=", ".join(table.names),
                    fix="write the contract's name on the left, the name in the file on the right",
                )
            )
    return findings


def _with_stand_ins(
    data: dict[Any, Any], errors: list[ErrorDetails]
) -> tuple[dict[Any, Any], frozenset[str], frozenset[str]]:
    """Return a copy of the settings in which each wrong part is dropped or replaced, and what must be skipped."""
    repaired = copy.deepcopy(data)
    undated: set[str] = set()
    skipped: set[str] = set()
    # Unknown keys go first: a later repair may take the section in which they stand.
    for error in sorted(errors, key=lambda error: error["type"] != "extra_forbidden"):
        path = error["loc"]
        if error["type"] == "extra_forbidden":
            _parent(repaired, path).pop(path[-1], None)
        elif path[:1] == ("layers",) and path[2:] == ("datum",):
            _parent(repaired, path)["datum"] = "WGS84"
            undated.add(str(path[1]))
        elif path[:1] == ("district",):
            _stand_in_district(repaired, path)
            if path[1:2] in ((), ("projected_crs",)):
                undated.update(TABLES | OPTIONAL_TABLES)
                skipped.update(RASTERS | OPTIONAL_RASTERS)
        elif path[:1] in (("layers",), ("rasters",)):
            skipped.update(_stand_in_paths(repaired, path))
        else:
            for section in [path[0]] if path else ["feeds", "five_pre"]:
                repaired.pop(section, None)
    return repaired, frozenset(undated), frozenset(skipped)


def _parent(data: dict[Any, Any], path: tuple[str | int, ...]) -> Any:
    node: Any = data
    for part in path[:-1]:
        node = node[part]
    return node


def _stand_in_district(data: dict[Any, Any], path: tuple[str | int, ...]) -> None:
    section = data.get("district")
    if len(path) == 1 or not isinstance(section, dict):
        data["district"] = dict(_STAND_IN_DISTRICT)
    elif path[1] in _STAND_IN_DISTRICT:
        section[path[1]] = _STAND_IN_DISTRICT[str(path[1])]
    else:
        section.pop(path[1], None)


def _stand_in_paths(data: dict[Any, Any], path: tuple[str | int, ...]) -> set[str]:
    """Give the layers or rasters at `path` a stand-in path; return their names."""
    group = str(path[0])
    names = list(TABLES if group == "layers" else RASTERS) if len(path) == 1 else [str(path[1])]
    if not isinstance(data.get(group), dict):
        data[group] = {}
    for name in names:
        data[group][name] = {"path": "absent"} | ({"datum": "WGS84"} if group == "layers" else {})
    return set(names)
