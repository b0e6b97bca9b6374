"""What a cycle knew of a warning that waits: kept in the log, so that an officer is shown it without the risk table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from reports.words import is_missing
from risk_models.risk.depth_words import DEPTH_CLASSES

if TYPE_CHECKING:
    from risk_models.risk import RiskTable
    from risk_models.warning.records import WarningRecord
    from wuyu.approval.book import Waiting
    from wuyu.station import Station

__all__ = ["BASIS", "HOTSPOTS_MAX", "bases", "basis_of"]

BASIS: Final = "approval-basis"
"""What the log calls it."""
HOTSPOTS_MAX: Final = 4
"""Hotspots told of each town; the draft bulletin has them all."""

_HOTSPOT: Final = (
    *("hotspot_name", "hotspot_name_en", "level", "sag_known", "depth_p50_m", "depth_p90_m"),
    *DEPTH_CLASSES,
    "first_15cm_at",
)
_RAIN: Final = ("obs_1h_mm", "obs_3h_mm", "obs_24h_mm", "fc_3h_mm_p50", "fc_3h_mm_p90")
_SOURCES: Final = ("observed_until", "ladder_step", "ladder_zh", "ladder_en", "feeds_zh", "issued_signals")


def basis_of(record: WarningRecord, table: RiskTable) -> dict[str, Any]:
    """Return what supports a warning, as JSON takes it.

    Parameters
    ----------
    record : WarningRecord
    table : RiskTable
        Of its cycle.

    Returns
    -------
    dict
        ``hotspots``: the worst, at most `HOTSPOTS_MAX`; ``rain``: the most of the town's hotspots [mm], None if
        unknown; ``sources``: how old the rain is, what stood in for it, and
        the signals of the weather office.
    """
    known = [hotspot_id for hotspot_id in record.hotspot_ids if hotspot_id in table.index][:HOTSPOTS_MAX]
    rows = table[table["town_code"] == record.area_code]
    return {
        "hotspots": [
            {"hotspot_id": hotspot_id} | {name: _plain(table.at[hotspot_id, name]) for name in _HOTSPOT}
            for hotspot_id in known
        ],
        "rain": {name: _plain(rows[name].max()) for name in _RAIN},
        "sources": {name: table.attrs[name] for name in _SOURCES if name in table.attrs},
    }


def bases(station: Station, items: list[Waiting]) -> list[Mapping[str, Any]]:
    """Return the basis of each warning; empty where its cycle is lost.

    A warning that was decided before the basis was kept has its risk table read once more.
    """
    return [_read_again(station, item) if item.basis is None else item.basis for item in items]


def _read_again(station: Station, item: Waiting) -> Mapping[str, Any]:
    from risk_models.risk import read_risk

    cycle = station.ledger.cycle_of(item.message_id)
    return {} if cycle is None else basis_of(item.record, read_risk(station.out / cycle.risk_paths["parquet"]))


def _plain(value: Any) -> Any:
    """Return a value of a table as JSON takes it: unknown as None, a moment as text."""
    if is_missing(value):
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False).isoformat()
    return value.item() if hasattr(value, "item") else value
