"""A new district folder to be filled in: commented settings, tables with headers only, the data dictionary."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from risk_models.district.contracts import TABLES, data_dictionary
from risk_models.district.settings import SETTINGS_FILE, DistrictIdentity, Name
from risk_models.errors import ConfigError

__all__ = ["new_district"]

_SETTINGS = """\
# Settings of the district. Check the folder with: wuyu district check
district:
  code: {code}               # administrative code, in quotes so that it stays text
  name: {{zh: {name_zh}, en: {name_en}}}
  city: {{zh: 填写城市, en: fill in the city}}
  bureau: {{zh: {bureau_zh}, en: {bureau_en}}}
  timezone: Asia/Shanghai
  projected_crs: {projected_crs}   # in metres, e.g. CGCS2000 / 3-degree Gauss-Kruger of your zone
  demonstration: false            # true marks every product as demonstration data

# One entry per table. path: below this folder (.csv .xlsx .geojson .gpkg .shp .zip .parquet).
# datum: WGS84, CGCS2000, GCJ-02 or BD-09. Ask who made the layer: maps of Chinese web services are GCJ-02 (or BD-09),
# and GCJ-02 taken for WGS84 moves every point by about half a kilometre.
# columns: contract name -> name in your file, where they differ. layer: sheet of a workbook or layer of a GeoPackage.
layers:
{layers}
# GeoTIFF with one band, in projected_crs, covering the district.
rasters:
  dem: {{path: dem.tif}}                 # ground elevation [m]
  land_cover: {{path: land_cover.tif}}   # classes 1-8, see DATA.md

# Which row group of each dated table of standards is in force.
standards:
  rain_signals: cma-2007
  precipitation_grades: gbt-28592-2012
  storm_formula: zz-f2             # of Zhengzhou: choose the formula of your city
  depth_classes: zz-road-2024
  risk_matrix: wuyu-4x4
  likelihood_bands: fgs-bands
  response_levels: zz-practice
  five_pre: s-research

warning:
  horizon_h: 24                    # hours ahead that are scored
  past_h: 72                       # hours of observed rain that are read
  lead_h: 72                       # hours of forecast that are read
  valid_h: 12                      # a warning holds this long unless renewed
  downgrade_after_cycles: 3        # lower looks at newer data in a row before a warning is lowered
  minimum_duration_h: 3            # a warning stands at least this long
  approval_from: orange            # an officer approves from this level
  approval_deadline_min: {{orange: 15, red: 10}}
  duty_chain: []                   # called in turn: {{name: 张三, phone: "0371-12345678", mailbox: a@b.example}}
  # second_person_from: red        # two different officers must sign from this level

# Sources of rain below this folder, e.g. {{id: gauges, kind: gauge_table, path: feeds/gauges.csv, stale_after_h: 2}}
feeds: []

mail: {{sender: "duty@district.example", status: Test}}   # Actual, Exercise or Test
cap: {{sender: duty@district.example, sector_code: "000", event_code: "11A02"}}
seasons: {{flood_season: ["05-15", "09-30"], key_period: ["07-16", "08-15"]}}
"""


def new_district(directory: str | Path, *, code: str, name_zh: str, name_en: str, projected_crs: str) -> Path:
    """Write a template of a district folder.

    The two rasters are left out: invented ground would look like real ground. `check_district` names them and the
    empty tables until they are filled in.

    Parameters
    ----------
    directory : str or Path
        Must not exist yet, or be empty.
    code : str
        Administrative code.
    name_zh, name_en : str
        Name of the district.
    projected_crs : str
        In metres, e.g. ``EPSG:4547``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If the folder holds files, or an argument is not accepted.

    Examples
    --------
    >>> new_district("out/none", code="4101 03", name_zh="某区", name_en="Some District", projected_crs="EPSG:4326")
    Traceback (most recent call last):
    ...
    ConfigError: code: String should match pattern ...
    """
    folder = Path(directory)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder.name}: the folder is not empty; choose a new one")
    _check_arguments(code, name_zh, name_en, projected_crs)
    folder.mkdir(parents=True, exist_ok=True)
    text = _SETTINGS.format(
        code=_quoted(code),
        name_zh=_quoted(name_zh),
        name_en=_quoted(name_en),
        bureau_zh=_quoted(f"{name_zh}应急管理局"),
        bureau_en=_quoted(f"{name_en} Emergency Management Bureau"),
        projected_crs=_quoted(projected_crs),
        layers="".join(_layer_line(name) for name in TABLES),
    )
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8", newline="\n")
    (folder / "DATA.md").write_text(data_dictionary(), encoding="utf-8", newline="\n")
    for name, table in TABLES.items():
        if table.shape == "polygon":
            content = json.dumps({"type": "FeatureCollection", "features": []}, indent=1) + "\n"
            (folder / f"{name}.geojson").write_text(content, encoding="utf-8", newline="\n")
        else:
            # With the byte-order mark a spreadsheet opens Chinese text as it is.
            (folder / f"{name}.csv").write_text(",".join(table.names) + "\n", encoding="utf-8-sig", newline="\n")
    return folder


def _quoted(text: str) -> str:
    # A JSON string is a YAML string.
    return json.dumps(text, ensure_ascii=False)


def _layer_line(name: str) -> str:
    if TABLES[name].shape == "none":
        return f"  {name}: {{path: {name}.csv, columns: {{}}}}\n"
    suffix = "geojson" if TABLES[name].shape == "polygon" else "csv"
    return f"  {name}: {{path: {name}.{suffix}, datum: CGCS2000, columns: {{}}}}\n"


def _check_arguments(code: str, name_zh: str, name_en: str, projected_crs: str) -> None:
    try:
        name = Name(zh=name_zh, en=name_en)
        DistrictIdentity(code=code, name=name, city=name, bureau=name, projected_crs=projected_crs, demonstration=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {first['msg']} (found {first['input']!r})") from None
