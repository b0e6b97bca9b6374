"""Files that are whole or absent, also after a power cut: write aside, flush, rename, flush the folder.

A reader never sees half a file, two processes that write the same file do not take each other's, and once a call has
returned, the file and its name are on the disk: what refers to it may be written down.
"""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["aside_of", "flush_folder", "leftovers", "make_folders", "rename_folder", "whole_file", "write_whole"]


def aside_of(path: Path) -> Path:
    """Return where this thread of this process writes `path` before it is whole.

    Examples
    --------
    >>> name = aside_of(Path("risk/a.csv")).name
    >>> name.startswith(f".a.csv.{os.getpid()}-"), name.endswith(".part")
    (True, True)
    """
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")


def leftovers(folder: Path, name: str = "") -> list[Path]:
    """Return what killed processes left aside in a folder, all or of one name; remove it while nobody writes."""
    return sorted(folder.glob(f".{glob.escape(name)}.*.part" if name else ".*.part"))


@contextmanager
def whole_file(path: Path, *, mode: int | None = None, make_folder: bool = True) -> Iterator[Path]:
    """Give a path aside to be filled; at the end of the block it takes the place of `path`, or vanishes on an error.

    Parameters
    ----------
    path : Path
    mode : int, optional
        Permissions of the file, set before it gets its name.
    make_folder : bool
        Make the folder if it is absent; False where that would hide that a share is not mounted.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "a.txt") as aside:
    ...     _ = aside.write_text("whole")
    >>> [path.name for path in folder.iterdir()], (folder / "a.txt").read_text()
    (['a.txt'], 'whole')
    """
    if make_folder:
        make_folders(path.parent)
    aside = aside_of(path)
    try:
        yield aside
        if mode is not None:
            aside.chmod(mode)
        _flush(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    flush_folder(path.parent)


def write_whole(path: Path, data: bytes | str, *, mode: int | None = None, make_folder: bool = True) -> Path:
    r"""Write a file as one step; returns `path`.

    Parameters
    ----------
    path : Path
    data : bytes or str
        Text is written as UTF-8, line ends as they are.
    mode, make_folder
        As `whole_file` takes them.
    """
    with whole_file(path, mode=mode, make_folder=make_folder) as aside:
        aside.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def rename_folder(aside: Path, target: Path) -> None:
    """Let a folder of finished files take a name that is free; whatever is in it is brought to the disk first."""
    for path in sorted(aside.rglob("*")):
        if path.is_file():
            _flush(path)
    for folder in (*sorted((path for path in aside.rglob("*") if path.is_dir()), reverse=True), aside):
        flush_folder(folder)
    aside.rename(target)
    flush_folder(target.parent)


def flush_folder(folder: Path) -> None:
    """Bring the names of a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, and bring each new name to the disk."""
    missing = [folder, *folder.parents]
    missing = [one for one in missing if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(missing):
        flush_folder(one.parent)
