"""Copies of registers in ``<out>/register/<digest>``: a folder that has this name is whole, and nobody changes it.

What is checked is what is kept: the files are copied aside, the copy is checked, and only then gets its name. A file
that the version before had too is a hard link to it, so that rasters are copied once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from risk_models.district.digests import file_digest
from risk_models.district.settings import SETTINGS_FILE
from risk_models.files import aside_of, leftovers, make_folders, rename_folder, write_whole

__all__ = ["FOLDER", "copied_aside", "is_whole", "keep", "kept_at", "show_settings"]

FOLDER: Final = "register"
"""Folder below that of the products; DAG files read `district.yaml` in it."""

#: Age from which what a killed process left aside is removed [s].
_LEFT_S: Final = 86_400


def kept_at(out: Path, digest: str) -> Path:
    """Return where the version of a digest is kept.

    Examples
    --------
    >>> kept_at(Path("out"), "0123456789abcdef0123456789abcdef").as_posix()
    'out/register/0123456789abcdef01234567'
    """
    return out / FOLDER / digest[:24]


def is_whole(folder: Path, digests: Mapping[str, str]) -> bool:
    """Return True if a folder holds every file with its bytes."""
    return all(found and file_digest(folder / relative) == found for relative, found in digests.items())


@contextmanager
def copied_aside(root: Path, out: Path, digests: Mapping[str, str], *, before: Path | None) -> Iterator[Path]:
    """Give a copy of the files of a register; what has not got a name by the end of the block is removed.

    Parameters
    ----------
    root : Path
        The district folder.
    out : Path
        Folder of the products.
    digests : mapping of str to str
        The files, as `register_digests` lists them; one that cannot be read is left out.
    before : Path or None
        A version that is kept.

    Raises
    ------
    OSError
        If a file cannot be read, or the copy cannot be written.
    """
    shelf = out / FOLDER
    make_folders(shelf)
    aside = aside_of(shelf / "copy")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        _sweep(shelf, aside)
        for relative, found in digests.items():
            if found:
                _copy(root / relative, aside / relative, found, None if before is None else before / relative)
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):  # it holds a version
            shelf.rmdir()


def keep(aside: Path, target: Path, digests: Mapping[str, str]) -> None:
    """Give a checked copy its name, unless a whole one has it; one that was damaged makes way.

    Raises
    ------
    OSError
        If it cannot be brought to the disk.
    """
    if target.exists() and not is_whole(target, digests):
        damaged = aside.with_name(f"{aside.name.removesuffix('.part')}-damaged.part")
        target.rename(damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    try:
        if not target.exists():
            rename_folder(aside, target)
    except OSError:
        if not is_whole(target, digests):  # else another process was faster
            raise


def show_settings(kept: Path, out: Path) -> None:
    """Let ``<out>/register/district.yaml`` be that of the version in use: who reads no ledger goes by it."""
    shown = out / FOLDER / SETTINGS_FILE
    if file_digest(shown) != file_digest(kept / SETTINGS_FILE):
        write_whole(shown, (kept / SETTINGS_FILE).read_bytes())


def _copy(source: Path, target: Path, found: str, before: Path | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if before is not None and file_digest(before) == found:
        try:
            os.link(before, target)
        except OSError:  # a share that has no hard links
            shutil.copyfile(before, target)
        return
    shutil.copyfile(source, target)


def _sweep(shelf: Path, aside: Path) -> None:
    """Remove what killed processes left; times are those of the disk, so that no clock is asked."""
    now = aside.stat().st_mtime
    for left in leftovers(shelf):
        if left.is_dir() and now - left.stat().st_mtime > _LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
