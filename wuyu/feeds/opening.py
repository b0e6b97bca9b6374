"""Which source brings the files of a feed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from risk_models.district.settings import HttpFeedSettings, SftpFeedSettings, SqlFeedSettings
from wuyu.feeds.source import Feed, Source

__all__ = ["open_source"]


def open_source(feed: Feed, district_root: Path, *, now: datetime, marks: Mapping[str, str]) -> Source:
    """Return the source of a feed; nothing is connected yet.

    Parameters
    ----------
    feed : Feed
        From the district's settings.
    district_root : Path
        Paths of the settings lie below it.
    now : datetime
        Time of the look.
    marks : mapping of str to str
        As the last look left them.

    Raises
    ------
    ConfigError
        If a secret is not in the environment.
    """
    # Each brings its own library along: load the one that is needed.
    if isinstance(feed, HttpFeedSettings):
        from wuyu.feeds.http import HttpSource

        return HttpSource(feed, district_root, now=now, marks=marks)
    if isinstance(feed, SftpFeedSettings):
        from wuyu.feeds.sftp import SftpSource

        return SftpSource(feed, district_root, marks=marks)
    if isinstance(feed, SqlFeedSettings):
        from wuyu.feeds.sql import SqlSource

        return SqlSource(feed)
    from wuyu.feeds.folder import FolderSource

    return FolderSource(feed.id, getattr(feed, "path", "."), district_root)
