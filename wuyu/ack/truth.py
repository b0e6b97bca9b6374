"""What towns saw, as rows that warnings can be measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from sqlalchemy import select

from wuyu.ledger.acknowledgements import AckRequest, FloodReport, Seen

if TYPE_CHECKING:
    from wuyu.ledger import Ledger

__all__ = ["TRUTH_COLUMNS", "truth_rows"]

TRUTH_COLUMNS = ("event_key", "area_code", "hotspot_id", "seen_at", "known", "flooded", "depth_m", "message_id")


def truth_rows(ledger: Ledger, *, event_key: str | None = None) -> pd.DataFrame:
    """Return one row per report and hotspot, oldest first, without names.

    Parameters
    ----------
    ledger : Ledger
    event_key : str, optional
        Only those of one event.

    Returns
    -------
    DataFrame
        Columns `TRUTH_COLUMNS`. ``known`` is False where nobody looked: such a row is neither a hit nor a miss.
        ``flooded`` bool; ``depth_m`` [m], 0 where it was dry, NaN where it was flooded and nobody guessed, or unknown;
        ``seen_at`` UTC, NaT if unknown.
    """
    query = select(FloodReport, AckRequest).join(AckRequest, AckRequest.id == FloodReport.request_id)
    if event_key is not None:
        query = query.where(AckRequest.event_key == event_key)
    with ledger.reading() as session:
        rows = [
            (
                asked.event_key,
                asked.area_code,
                report.hotspot_id,
                report.seen_at,
                report.seen != Seen.UNCHECKED,
                report.seen == Seen.FLOODED,
                report.depth_m,
                asked.message_id,
            )
            for report, asked in session.execute(query.order_by(FloodReport.id))
        ]
    table = pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))
    table["seen_at"] = pd.to_datetime(table["seen_at"], utc=True)
    return table.astype({"known": bool, "flooded": bool, "depth_m": float})
