"""The storm of a drill: files laid into the feed folders as they arrived, or as they should not have."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from risk_models.errors import ConfigError
from risk_models.files import write_whole

__all__ = ["Storm", "storm_of"]

_ISSUED = re.compile(r"(\d{8}T\d{4})Z")
_TABLES, _FOLDER = ("gauge_table", "observations", "signals"), "ensemble_netcdf"
_GAUGES = _TABLES[0]
_TIMES = ("seen_at", "issued_at")


@dataclass
class _Source:
    """One feed: where its storm lies, where it is laid down, and how late its files come."""

    id: str
    kind: str
    origin: Path
    target: Path
    delay: timedelta
    withheld: bool = False
    torn: bool = False
    blank_from: dict[str, datetime] = field(default_factory=dict)

    def lay(self, now: datetime) -> None:
        if self.withheld:
            return
        known = now - self.delay
        (self._lay_table if self.kind in _TABLES else self._lay_files)(known)

    def _lay_table(self, known: datetime) -> None:
        self._put(self.target, self.table(known))

    def table(self, known: datetime) -> bytes:
        """Return the table as it was at a time."""
        reader = csv.reader(io.StringIO(self.origin.read_text(encoding="utf-8-sig")))
        head, *rows = reader
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(head)
        place = next((head.index(name) for name in _TIMES if name in head), 0)
        writer.writerows(self._blanked(head, row, place) for row in rows if _time(row[place], self.origin) <= known)
        return text.getvalue().encode()

    def _blanked(self, head: list[str], row: list[str], place: int) -> list[str]:
        at = _time(row[place], self.origin)
        return ["" if at >= self.blank_from.get(name, _NEVER) else value for name, value in zip(head, row, strict=True)]

    def _lay_files(self, known: datetime) -> None:
        for path in sorted(self.origin.iterdir()):
            target = self.target / path.name
            if _issued(path) <= known and (not target.exists() or target.stat().st_size != path.stat().st_size):
                self._put(target, path.read_bytes())

    def _put(self, target: Path, data: bytes) -> None:
        torn, self.torn = self.torn, False
        if torn:
            data = data[: len(data) // 2]
        if not target.exists() or target.read_bytes() != data:
            write_whole(target, data)

    def newest(self) -> Path:
        """Return the file that was laid down last."""
        if self.kind in _TABLES:
            return self.target
        return max(self.target.iterdir(), key=_issued)


_NEVER = datetime.max.replace(tzinfo=UTC)


class Storm:
    """All feeds of a drill.

    Parameters
    ----------
    sources : iterable of _Source
    """

    def __init__(self, sources: list[_Source]) -> None:
        self.sources = {source.id: source for source in sources}

    def lay(self, now: datetime) -> None:
        """Lay down what has arrived by now."""
        for source in self.sources.values():
            source.lay(now)

    def withhold(self, feed: str) -> None:
        """Let nothing arrive in a feed (all of them without a name) until it is released."""
        for source in self._named(feed):
            source.withheld = True

    def release(self, feed: str) -> None:
        """Let arrive what was withheld."""
        for source in self._named(feed):
            source.withheld = False

    def tear(self, feed: str) -> None:
        """Break the next file off in its middle; the one after is whole."""
        for source in self._named(feed):
            source.torn = True

    def silence(self, gauge: str, since: datetime) -> None:
        """Let a gauge report nothing from a time on."""
        for source in self.sources.values():
            if source.kind == _GAUGES:
                source.blank_from[gauge] = since

    def lay_older(self, feed: str, now: datetime) -> None:
        """Lay a table down as it was at a time, over a newer one; or an old forecast once more, under a new name."""
        for source in self._named(feed):
            if source.kind in _TABLES:
                write_whole(source.target, source.table(now - source.delay))
            else:
                older = max((path for path in source.origin.iterdir() if _issued(path) <= now), key=_issued)
                write_whole(source.target / f"resent-{older.name}", older.read_bytes())

    def lay_again(self, feed: str) -> None:
        """Lay the newest file down once more: a folder gets it under another name, a table is written anew."""
        for source in self._named(feed):
            path = source.newest()
            again = path if source.kind in _TABLES else path.with_name(f"again-{path.name}")
            write_whole(again, path.read_bytes())

    def _named(self, feed: str) -> list[_Source]:
        if feed and feed not in self.sources:
            raise ConfigError(f"the drill has no feed {feed!r}; there are: {', '.join(self.sources)}")
        return [source for source in self.sources.values() if feed in ("", source.id)]


def storm_of(
    district: Path, copy: Path, feeds: list[dict[str, Any]], delay_min: dict[str, float]
) -> tuple[Storm, list[dict[str, Any]]]:
    """Return the storm that lies in the feeds of a district, and the settings of the feeds into which it is laid.

    Parameters
    ----------
    district : Path
        Where the whole storm lies.
    copy : Path
        The district folder of the drill.
    feeds : list of dict
        As ``district.yaml`` has them.
    delay_min : dict of str to float
        By feed.

    Raises
    ------
    ConfigError
        If a feed is of a kind that a drill cannot play, or a file of it has no time.
    """
    sources, settings = [], []
    for feed in feeds:
        if feed.get("kind") not in (*_TABLES, _FOLDER):
            raise ConfigError(
                f"feed {feed.get('id')!r}: a drill plays {', '.join(_TABLES)} and {_FOLDER}, not {feed.get('kind')!r}"
            )
        name = f"drill/{feed['id']}" + (".csv" if feed["kind"] in _TABLES else "")
        target = copy / name
        (target.parent if feed["kind"] in _TABLES else target).mkdir(parents=True, exist_ok=True)
        delay = timedelta(minutes=delay_min.get(feed["id"], 0.0))
        sources.append(_Source(feed["id"], feed["kind"], district / feed["path"], target, delay))
        settings.append({**feed, "path": name})
    return Storm(sources), settings


def _time(text: str, path: Path) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigError(f"{path}: the first column must hold times with offset for a drill; found {text[:40]!r}")
    return found.astimezone(UTC)


def _issued(path: Path) -> datetime:
    found = _ISSUED.search(path.name)
    if found is None:
        raise ConfigError(f"{path}: a drill takes the issue time from the name, e.g. 20210720T0600Z.nc")
    return datetime.strptime(found[1], "%Y%m%dT%H%M").replace(tzinfo=UTC)
