"""Labels of constructed rain."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from reports.periodic.rain_labels import RainLabel, rain_labels
from risk_models.errors import BadInputError

LABEL = {
    "synthetic": True,
    "label": "made up",
    "label_zh": "构造",
    "first_hour_end": "2021-07-17T09:00:00+08:00",
    "last_hour_end": "2021-07-22T08:00:00+08:00",
}


def place(tmp_path: Path, text: str | None) -> Any:
    (tmp_path / "storm").mkdir()
    if text is not None:
        (tmp_path / "storm" / "metadata.json").write_text(text, encoding="utf-8")
    feeds = (
        SimpleNamespace(kind="gauge_table", path="storm/gauges.csv"),
        SimpleNamespace(kind="gauge_table", path="storm/gauges.csv"),
        SimpleNamespace(kind="ensemble_netcdf", path="storm/ensemble"),
    )
    return SimpleNamespace(root=tmp_path, settings=SimpleNamespace(feeds=feeds))


def test_a_label_beside_a_gauge_table_is_read_once(tmp_path: Path) -> None:
    (label,) = rain_labels(place(tmp_path, json.dumps(LABEL)))
    assert label == RainLabel(
        first_at=pd.Timestamp("2021-07-17T01:00Z"), last_at=pd.Timestamp("2021-07-22T00:00Z"), zh="构造", en="made up"
    )
    assert label.touches(pd.Timestamp("2021-07-21T23:00Z"), pd.Timestamp("2021-08-01T00:00Z"))
    assert not label.touches(pd.Timestamp("2021-07-22T00:00Z"), pd.Timestamp("2021-08-01T00:00Z"))


@pytest.mark.parametrize("text", [None, json.dumps(LABEL | {"synthetic": False})])
def test_observed_rain_has_no_label(tmp_path: Path, text: str | None) -> None:
    assert rain_labels(place(tmp_path, text)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        json.dumps({"synthetic": True}),
        json.dumps(LABEL | {"last_hour_end": "2021-07-22T08:00"}),
        json.dumps({name: value for name, value in LABEL.items() if name != "synthetic"}),
        json.dumps(LABEL | {"synthetic": None}),
        json.dumps(LABEL | {"synthetic": "no"}),
    ],
)
def test_a_damaged_label_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        rain_labels(place(tmp_path, text))
    assert caught.value.findings[0].file == "storm/metadata.json"
