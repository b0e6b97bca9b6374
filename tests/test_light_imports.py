"""What a module may load when it is imported: heavy libraries come in where they are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

#: Libraries that take from a tenth of a second to several to load.
HEAVY = {
    "geopandas", "pandas", "rasterio", "numba", "sklearn", "scipy", "matplotlib", "xarray", "pyogrio", "skops",
    "openpyxl", "dask", "pyarrow", "shapely", "pyproj", "exactextract", "pyflwdir", "PIL", "lxml", "typst", "docx",
    "netCDF4", "h5py", "eccodes", "pytest", "jinja2",
}  # fmt: skip
#: What only a learned model, an Excel file, a derivation, a drawing or a terminal needs.
RARE = {
    "sklearn", "skops", "dask", "distributed", "pytest", "openpyxl", "PIL", "lxml", "pyogrio", "exactextract",
    "pyflwdir", "scipy.signal", "scipy.stats", "scipy.ndimage", "scipy.optimize", "matplotlib", "typst", "docx",
    "netCDF4", "h5py", "eccodes", "rich",
}  # fmt: skip

#: Modules imported in one process, and what may not be loaded then.
ENTRIES: dict[tuple[str, ...], set[str]] = {
    (
        "risk_models.levels", "risk_models.errors", "risk_models.district.settingsfile",
        "risk_models.district.settings", "risk_models.district.outgoing", "risk_models.district.feeds",
        "risk_models.warning.records", "risk_models.warning.states",
    ): HEAVY | {"numpy"},
    (
        "risk_models.district", "risk_models.terrain", "risk_models.risk", "risk_models.risk.susceptibility",
        "risk_models.plan", "risk_models.outlook", "reports.bulletin", "reports.figures", "reports.periodic",
        "reports.onemap", "reports.story",
    ): HEAVY | {"numpy"},
    ("risk_models",): HEAVY | {"numpy", "pandas"},
    ("risk_models.district.model",): RARE | {"numba", "xarray", "scipy"},
    ("risk_models.terrain.hotspots",): RARE | {"geopandas", "rasterio", "xarray"},
    ("risk_models.risk.table", "risk_models.warning.decide"): RARE | {"numba", "xarray", "scipy", "rasterio"},
    ("risk_models.risk.scorer",): RARE,
    ("risk_models.forecast.blend", "risk_models.forecast.wetness"): RARE,
    ("risk_models.forecast.readers.gauge_table",): RARE,
    ("reports.bulletin.model", "reports.words", "reports.style"): RARE | {"geopandas", "numba", "xarray", "scipy"},
    ("wuyu.progress",): HEAVY | RARE | {"numpy"},
    ("wuyu.cycle", "wuyu.desk", "wuyu.rain"): RARE - {"lxml"},
    ("reports.bulletin.build",): RARE | {"numba", "xarray", "scipy", "rasterio"},
}  # fmt: skip

LOADED = """
import json, sys
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_what_is_not_needed_is_not_loaded(root: Path, entry: tuple[str, ...]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *entry], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert loaded.issuperset(entry)
    assert sorted(loaded & ENTRIES[entry]) == []


def test_the_names_exist_elsewhere() -> None:
    """A library that is misspelt here would never be found loaded."""
    for name in sorted((HEAVY | RARE) - {"pyflwdir", "exactextract", "eccodes"}):
        assert import_module(name)


LAZY = [
    "risk_models.district", "risk_models.outlook", "risk_models.plan", "risk_models.risk",
    "risk_models.risk.susceptibility", "risk_models.terrain", "reports.bulletin", "reports.figures", "reports.onemap",
    "reports.periodic", "reports.story",
]  # fmt: skip


@pytest.mark.parametrize("name", LAZY)
def test_every_name_of_a_package_is_there(name: str) -> None:
    package: ModuleType = import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is not None
    assert set(package.__all__) <= set(dir(package))
    assert package.__file__ is not None
    modules = {path.stem for path in Path(package.__file__).parent.iterdir()}
    assert not modules & set(package.__all__), "a module would stand in the place of the name"
    with pytest.raises(AttributeError, match=rf"module '{name}' has no attribute 'no_such_name'"):
        _ = package.no_such_name
