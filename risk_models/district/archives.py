"""Zip files opened with care: few members, bounded size and ratio, flat and unique names."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from risk_models.errors import refuse

__all__ = ["check_members", "extract_shapefile"]

SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MAX_MEMBERS = 2_000
MAX_TOTAL_BYTES = 500_000_000
MAX_RATIO = 100
# Below this size a high ratio harms nobody: attribute files are padded with blanks and shrink a lot.
RATIO_FREE_BYTES = 5_000_000
_CHUNK_BYTES = 1 << 20


def check_members(archive: zipfile.ZipFile, file: str) -> None:
    """Refuse an archive whose directory promises too much.

    Parameters
    ----------
    archive : ZipFile
    file : str
        Name for findings.

    Raises
    ------
    BadInputError
        If there are too many members, or too many bytes once unpacked, in all or against the packed size.
    """
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        refuse(file, "zip-too-many", f"the archive has {len(members)} members", accepted=f"at most {MAX_MEMBERS}")
    total = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    if total > MAX_TOTAL_BYTES or (total > RATIO_FREE_BYTES and total > MAX_RATIO * packed):
        accepted = f"at most {MAX_TOTAL_BYTES} bytes and {MAX_RATIO} times the packed size"
        refuse(file, "zip-bomb", f"the archive unpacks to {total} bytes from {packed}", accepted=accepted)
    if any(member.flag_bits & 0x1 for member in members):
        refuse(file, "zip-encrypted", "the archive is encrypted", fix="save it without a password")


def extract_shapefile(path: Path, file: str, target: Path) -> Path:
    """Unpack the parts of the one shapefile in an archive; other members are left where they are.

    Parameters
    ----------
    path : Path
        The archive.
    file : str
        Name for findings.
    target : Path
        An empty folder.

    Returns
    -------
    Path
        The ``.shp`` file.

    Raises
    ------
    BadInputError
        If the archive is unsafe or does not hold exactly one shapefile with its .shp, .shx and .dbf.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, file)
            parts = _parts(archive, file)
            written = 0
            for name, member in parts.items():
                written = _copy(archive, member, target / name, written, file)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        refuse(file, "bad-zip", f"the archive cannot be read: {error}")
    return target / next(name for name in parts if name.endswith(".shp"))


def _parts(archive: zipfile.ZipFile, file: str) -> dict[str, zipfile.ZipInfo]:
    parts: dict[str, zipfile.ZipInfo] = {}
    stems = set()
    for member in archive.infolist():
        name = member.filename
        if "/" in name or "\\" in name or ":" in name or ".." in name or stat.S_ISLNK(member.external_attr >> 16):
            refuse(file, "zip-unsafe", f"the member {name!r} is not a plain file", accepted="files without folders")
        suffix = Path(name).suffix.lower()
        if suffix not in SHAPEFILE_PARTS:
            continue
        if f"layer{suffix}" in parts:
            refuse(file, "zip-duplicate", f"the archive has two {suffix} files", accepted="one shapefile")
        parts[f"layer{suffix}"] = member
        stems.add(Path(name).stem.casefold())
    missing = [suffix for suffix in (".shp", ".shx", ".dbf") if f"layer{suffix}" not in parts]
    if missing or len(stems) != 1:
        accepted = "one shapefile: .shp, .shx, .dbf, .prj, .cpg of one name"
        refuse(file, "zip-incomplete", f"the archive lacks {', '.join(missing) or 'a common name'}", accepted=accepted)
    return parts


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, written: int, file: str) -> int:
    """Copy one member and count its real bytes, whatever the directory of the archive promised."""
    with archive.open(member) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > MAX_TOTAL_BYTES:
                refuse(file, "zip-bomb", "the archive unpacks to too many bytes", accepted=f"at most {MAX_TOTAL_BYTES}")
            sink.write(chunk)
    return written
