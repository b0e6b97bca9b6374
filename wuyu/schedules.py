"""What a schedule must know of a district before anything is opened: its time zone and its feeds, as they are written.

The settings that were last found good (``WUYU_OUT``) go before those in the folder (``WUYU_DISTRICT``). Nothing is
checked here, so that a slip in them takes no DAG away; whatever runs reads them checked.
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
    """Return the time zone of the district; UTC without one.

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
    """Return the feeds of the district; none without one."""
    feeds = _settings().get("feeds") or []
    return [feed for feed in feeds if isinstance(feed, dict) and "id" in feed] if isinstance(feeds, list) else []


def _settings() -> dict[str, Any]:
    """Return ``district.yaml`` as it was last found good, else as it lies in the folder; empty if there is none."""
    import yaml

    for variable, below in (("WUYU_OUT", "register/district.yaml"), ("WUYU_DISTRICT", "district.yaml")):
        path = Path(os.environ.get(variable, ""), below)
        try:
            settings = yaml.safe_load(path.read_bytes()) if os.environ.get(variable) else None
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(settings, dict):
            return settings
    return {}
