"""By what one version of a register is told from another: the names and bytes of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from risk_models.district.contracts import OPTIONAL_RASTERS, OPTIONAL_TABLES, RASTERS, TABLES
from risk_models.district.settings import SETTINGS_FILE, DistrictSettings

__all__ = ["content_hash", "file_digest", "layers_of", "rasters_of", "register_digests"]

#: Files beside a file, of the same name, without which it reads otherwise.
_PARTS = {".shp": (".shx", ".dbf", ".prj", ".cpg"), ".tif": (".tfw",), ".tiff": (".tfw",)}
#: Files beside a raster whose name goes on from its own.
_RASTER_PARTS = (".aux.xml", ".msk")


def layers_of(settings: DistrictSettings) -> list[str]:
    """Return the names of the tables that a district has."""
    return [name for name in TABLES | OPTIONAL_TABLES if getattr(settings.layers, name) is not None]


def rasters_of(settings: DistrictSettings) -> list[str]:
    """Return the names of the rasters that a district has."""
    return [name for name in RASTERS | OPTIONAL_RASTERS if getattr(settings.rasters, name) is not None]


def register_digests(root: Path, settings: DistrictSettings) -> dict[str, str]:
    """Return the files of a register with the SHA-256 of each: settings, layers, rasters, all that was learned.

    Parameters
    ----------
    root : Path
        The district folder.
    settings : DistrictSettings

    Returns
    -------
    dict of str to str
        By path relative to the folder, ordered; an empty digest for a file that cannot be read.
    """
    return {relative: file_digest(root / relative) for relative in sorted(_register_files(root, settings))}


def content_hash(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 over names and bytes of the files that `register_digests` lists.

    Examples
    --------
    >>> content_hash({"district.yaml": "00"})[:12]
    'd338f28ceb44'
    """
    digest = hashlib.sha256()
    for relative, found in sorted(digests.items()):
        digest.update(relative.encode() + b"\0")
        digest.update(bytes.fromhex(found))
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; an empty text if it cannot be read."""
    try:
        if not path.is_file():  # a pipe would never end
            return ""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _register_files(root: Path, settings: DistrictSettings) -> set[str]:
    paths = {SETTINGS_FILE}
    paths.update(getattr(settings.layers, name).path for name in layers_of(settings) if name != "outages")
    rasters = {getattr(settings.rasters, name).path for name in rasters_of(settings)}
    paths |= rasters
    for learned in (settings.model, settings.rain_error):  # without them the district goes on
        if learned is not None and (root / learned.path).is_file():
            paths.add(learned.path)
    parts = {raster + suffix for raster in rasters for suffix in _RASTER_PARTS}
    for path in [path for path in paths if Path(path).suffix.lower() in _PARTS]:
        suffixes = _PARTS[Path(path).suffix.lower()]
        parts.update(Path(path).with_suffix(suffix).as_posix() for suffix in suffixes)
    return paths | {part for part in parts if (root / part).is_file()}
