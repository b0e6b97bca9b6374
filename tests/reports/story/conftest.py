"""A run of twelve hours for the story page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.story import StoryInputs

HOURS = pd.date_range("2021-07-20T02:00", periods=12, freq="h", tz="UTC")


def _warnings(town_codes: pd.Index) -> pd.DataFrame:
    rows = []
    for number, code in enumerate(town_codes[:9]):
        steps = [("NEW", 2, 2), ("CON", 2, 3), ("UPG", 4 if number < 5 else 3, 5), ("CAN", 4 if number < 5 else 3, 10)]
        for revision, (action, level, hour) in enumerate(steps):
            rows.append(
                {"warning_id": f"W-{code}", "revision": revision, "action": action, "area_code": code, "level": level,
                 "issued_at": HOURS[hour] + pd.Timedelta(minutes=5), "valid_to": HOURS[hour] + pd.Timedelta(hours=6)}
            )  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(signed_at=table["issued_at"], refused_at=pd.NaT, is_sent=True, answered_at=pd.NaT)


@pytest.fixture(scope="session")
def story_inputs(sample_district: Any) -> StoryInputs:
    """Return the inputs of the page."""
    codes = sample_district.towns.index
    gauges = pd.DataFrame({"gauge_name": ["郑州站"]}, index=pd.Index(["57083"], name="gauge_id"))
    strength = np.array([0, 0, 1, 1, 2, 4, 4, 3, 2, 1, 0, 0])
    rain = np.array([0.2, 1, 4, 9, 22, 41, 201.9, 80, np.nan, 12, 3, 0])
    counts = {
        f"n_{name}": strength * factor for name, factor in (("red", 6), ("orange", 5), ("yellow", 7), ("blue", 9))
    }
    cycles = pd.DataFrame({"valid_at": HOURS, "rain_mm": rain, **counts, "n_unknown": 3})
    levels = [
        {"valid_at": at, "town_code": code, "level": -1 if number == 17 else min(4, int(strong * (1 + number % 3) / 2))}
        for at, strong in zip(HOURS, strength, strict=True)
        for number, code in enumerate(codes)
    ]
    warnings = _warnings(codes)
    files = ["onemap.html", "index.html", "ledger.sqlite", "rehearsal/design_storms.csv", "rehearsal/design_storms.png"]
    files += [f"reports/2021-07-month{lang}.{ending}" for lang in ("", ".en") for ending in ("docx", "pdf")]
    files += [f"risk/{at:%Y%m%dT%H%MZ}.{ending}" for at in HOURS for ending in ("geojson", "parquet")]
    for _, row in warnings[warnings["action"] != "CON"].iterrows():
        stem = f"bulletins/{row['area_code']}/{row['warning_id']}.r{row['revision']}"
        files += [f"{stem}.{ending}" for ending in ("html", "pdf", "txt", "cap.xml", "png")]
    files += [f"mailbox/new/{n}.eml" for n in range(27)]
    mails = [{"recipient": f"town{n % 9 + 1:02d}@erqi.example", "status": "sent" if n else "failed"} for n in range(27)]
    return StoryInputs(
        district=SimpleNamespace(**vars(sample_district), gauges=gauges),
        files=files,
        cycles=cycles,
        town_levels=pd.DataFrame(levels),
        warnings=warnings,
        deliveries=pd.DataFrame(mails),
    )
