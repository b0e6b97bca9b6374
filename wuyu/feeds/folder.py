"""The drop-folder source: every finished plain file of a folder below the district's. The folder is only read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from wuyu.feeds.source import Arrival, FetchError, is_unfinished

__all__ = ["FolderSource"]

MAX_BYTES = 512_000_000


class FolderSource:
    """Files of a drop folder, by name; unfinished, hidden and linked ones are left alone.

    Parameters
    ----------
    feed_id : str
    path : str or Path
        A file or a folder, relative to the district's folder.
    district_root : Path
        The path must stay inside it.
    """

    def __init__(self, feed_id: str, path: str | Path, district_root: Path) -> None:
        self.feed_id, self.path = feed_id, path
        self.root = district_root.resolve()
        self.marks: dict[str, str] = {}

    def fetch(self, since: datetime) -> Iterator[Arrival]:  # noqa: ARG002 - a folder gives what it has
        """Give every file; see `Source.fetch`."""
        problems = []
        for path in self._paths():
            try:
                yield _arrival(path)
            except OSError as failure:
                problems.append(f"{path.name}: {failure.strerror or failure}")
        if problems:
            raise FetchError("; ".join(problems))

    def _paths(self) -> list[Path]:
        place = (self.root / self.path).resolve()
        if not place.is_relative_to(self.root):
            raise FetchError(f"the path of feed {self.feed_id} leaves the district folder: {self.path}")
        if not place.exists():
            raise FetchError(f"feed {self.feed_id} brought nothing: {self.path} is not there")
        try:
            paths = sorted(place.iterdir()) if place.is_dir() else [place]
        except OSError as failure:
            raise FetchError(f"feed {self.feed_id}: {failure.strerror or failure}") from None
        return [path for path in paths if path.is_file() and not path.is_symlink() and not is_unfinished(path.name)]


def _arrival(path: Path) -> Arrival:
    facts = path.stat()
    if facts.st_size > MAX_BYTES:
        identity = f"{path.name} {facts.st_size} {facts.st_mtime_ns}"
        return Arrival.too_large(path.name, identity, size_bytes=facts.st_size, limit_bytes=MAX_BYTES)
    return Arrival.of(path.name, path.read_bytes())
