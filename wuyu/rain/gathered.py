"""What was read for a cycle, and what had to be passed over; how the settings of a feed become options of a reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import xarray as xr

from risk_models.forecast.readers.registry import read_any
from wuyu.feeds.select import SelectedFile
from wuyu.feeds.status import FeedLine

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = ["FeedFilesRead", "delay_of", "feeds_of_kind", "read_field", "reader_options", "state_of"]

Read = TypeVar("Read")
FileState = tuple[Path, int, int]
"""Path, time of the last change [ns], size [byte]."""

MARGIN_DEG = 0.6
"""Around the district that is kept of a grid of degrees: a cell of a global model and more."""
_CROPPED = ("grib", "imerg", "netcdf_cf")


@dataclass
class FeedFilesRead:
    """What was read for a cycle, and what had to be passed over."""

    used: list[SelectedFile] = field(default_factory=list)
    lost: list[SelectedFile] = field(default_factory=list)
    notes: list[FeedLine] = field(default_factory=list)

    def attempt(self, file: SelectedFile, reader: Callable[[SelectedFile], Read]) -> Read | None:
        """Read a file again; None, with a note, if it cannot be read any more."""
        try:
            return reader(file)
        except Exception as error:  # a lost or damaged file must not stop a cycle
            self.lost.append(file)
            self.say(
                f"数据源{file.feed_id}：已接收的文件{file.name}无法读取，已跳过。",
                f"Feed {file.feed_id}: {file.name} cannot be read any more ({type(error).__name__}); passed over.",
            )
            return None

    def say(self, zh: str, en: str) -> None:
        """Add a sentence for the products."""
        self.notes.append(FeedLine(zh, en))


def feeds_of_kind(desk: Desk, kinds: Sequence[str]) -> Iterator[FeedSettings]:
    """Give the feeds of some kinds, in the order of the settings."""
    return (feed for feed in desk.settings.feeds if feed.kind in kinds)


def delay_of(feed: FeedSettings) -> timedelta:
    """Return the time from issue, or end of a step, until a file can be had."""
    return timedelta(minutes=feed.availability_delay_min)


def reader_options(desk: Desk, feed: FeedSettings) -> dict[str, Any]:
    """Return the options of a feed's reader: its settings, and of a grid of degrees the part that is needed."""
    options: dict[str, Any] = dict(feed.options)
    if feed.kind in _CROPPED and "bbox" not in options:
        lon, lat = (desk.district.hotspots[name] for name in ("lon", "lat"))
        options["bbox"] = (
            lon.min() - MARGIN_DEG,
            lat.min() - MARGIN_DEG,
            lon.max() + MARGIN_DEG,
            lat.max() + MARGIN_DEG,
        )
    return options


def read_field(desk: Desk, files: Sequence[SelectedFile]) -> xr.Dataset:
    """Read a field of rain from the files of one feed (several for GRIB only), with the issue time the ledger knows."""
    first = files[0]
    feed = next(feed for feed in desk.settings.feeds if feed.id == first.feed_id)
    states = tuple(state_of(file) for file in files)
    dataset = _decoded(states, feed.kind, json.dumps(reader_options(desk, feed), sort_keys=True)).copy()
    issued_at: datetime | None = first.issued_at
    if issued_at is not None and not dataset.attrs.get("issued_at"):
        dataset = dataset.assign_attrs(issued_at=issued_at.isoformat())
    return dataset


def state_of(file: SelectedFile) -> FileState:
    """Return a file and its state, as the key of what was read: one lost or changed since is not told from memory."""
    state = file.path.stat()
    return file.path, state.st_mtime_ns, state.st_size


@lru_cache(maxsize=4)
def _decoded(states: tuple[FileState, ...], kind: str, options: str) -> xr.Dataset:
    """Read files once for all the cycles that stand on them: a forecast serves six hours and more."""
    paths = [path for path, *_ in states]
    return read_any(paths if len(paths) > 1 else paths[0], kind=kind, **json.loads(options))[0]
