"""The archive of periodic reports: whole folders or none, and a copy of the newest where people look.

``reports/<kind>/<period>/r<N>/`` holds what was issued, ``draft/`` beside it what is being consulted on; ``<period>``
is the key of the span, with ``-outlook`` for that edition. The newest files lie in ``reports/`` as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from risk_models.files import leftovers, make_folders, rename_folder, write_whole
from wuyu.ledger import ReportKey

__all__ = ["DRAFT", "Archive", "digests"]

DRAFT = "draft"


class Archive:
    """The folder of one report.

    Parameters
    ----------
    out : Path
        Folder of the products.
    key : ReportKey
    """

    def __init__(self, out: Path, key: ReportKey) -> None:
        self.top = out / "reports"
        self.folder = self.top / key.kind / key.period

    @property
    def draft(self) -> Path:
        """Folder of the draft."""
        return self.folder / DRAFT

    def revision(self, number: int) -> Path:
        """Return the folder of an issue."""
        return self.folder / f"r{number}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let the processes that write this report go one after the other; what a killed one left is removed."""
        make_folders(self.folder)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in leftovers(self.folder):
                shutil.rmtree(left, ignore_errors=True)
            yield

    @contextmanager
    def writing(self, target: Path) -> Iterator[Path]:
        """Give a folder to fill; at the end it takes the place of `target`, or vanishes if anything went wrong."""
        aside, old = (self.folder / f".{target.name}.{word}{os.getpid()}.part" for word in ("", "old."))
        aside.mkdir(parents=True)
        try:
            yield aside
            if target.exists():
                target.rename(old)
            rename_folder(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)

    def show(self, folder: Path, names: Mapping[str, str]) -> list[Path]:
        """Copy files to where people look; returns the copies.

        Parameters
        ----------
        folder : Path
            Of a draft or an issue.
        names : mapping of str to str
            Name in the folder to name of the copy.
        """
        copies = []
        for name, shown in names.items():
            copy, data = self.top / shown, (folder / name).read_bytes()
            if not copy.is_file() or copy.read_bytes() != data:
                write_whole(copy, data)
            copies.append(copy)
        return copies

    def hide(self, names: Mapping[str, str]) -> None:
        """Remove the copies of a draft that is over."""
        for shown in names.values():
            (self.top / shown).unlink(missing_ok=True)


def digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file of a folder by its name; empty if it is not there."""
    if not folder.is_dir():
        return {}
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
