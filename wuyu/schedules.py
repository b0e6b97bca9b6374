"""What a schedule must know of a district before anything is opened: its time zone and its feeds, as they are written.

Nothing is checked here, so that a slip in the settings takes no DAG away; whatever runs reads them checked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = ["FALLBACK_ZONE", "feeds_as_written", "zone_as_written"]

FALLBACK_ZONE: Final = "UTC"
"""Of a district that names none, or none that is known."""


def zone_as_written() -> str:
    """Return the time zone in the ``district.yaml`` of ``WUYU_DISTRICT``; UTC without one.

    Examples
    --------
    >>> os.environ.pop("WUYU_DISTRICT", None) and None
    >>> zone_as_written()
    'UTC'
    """
    identity = _settings().get("district")
    zone = identity.get("timezone") if isinstance(identity, dict) else None
    try:
        return ZoneInfo(zone).key if isinstance(zone, str) else FALLBACK_ZONE
    except (LookupError, OSError, ValueError):  # unknown, or no name of a zone at all
        return FALLBACK_ZONE


def feeds_as_written() -> list[dict[str, Any]]:
    """Return the feeds in the ``district.yaml`` of ``WUYU_DISTRICT``; none without one."""
    feeds = _settings().get("feeds") or []
    return [feed for feed in feeds if isinstance(feed, dict) and "id" in feed] if isinstance(feeds, list) else []


def _settings() -> dict[str, Any]:
    import yaml

    path = Path(os.environ.get("WUYU_DISTRICT", ""), "district.yaml")
    if not os.environ.get("WUYU_DISTRICT"):
        return {}
    try:
        settings = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError):
        return {}
    return settings if isinstance(settings, dict) else {}
