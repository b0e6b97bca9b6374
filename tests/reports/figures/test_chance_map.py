"""The map of chances: classes and the unknown counted, the likeliest named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.figures.chance_map import chance_map_figure
from reports.style import styled
from risk_models.standards import load_standards
from tests.reports.figures.sample import texts


@pytest.fixture(autouse=True)
def _house_style() -> Any:
    with styled():
        yield


def test_chance_map_counts_classes_and_unknown(sample_district: Any) -> None:
    chance = pd.Series(0.1, index=sample_district.hotspots.index)
    chance.iloc[:4], chance.iloc[4:6], chance.iloc[6] = 0.7, 0.4, np.nan
    figure = chance_map_figure(sample_district, chance.drop(index=chance.index[7]), lang="zh", title="八月")
    words = set(texts(figure))
    assert {"高\n≥60%：4", "较高\n40–60%：2", "一般\n20–40%：0", "较低\n<20%：52", "未知：2"} <= words
    assert {"N", "2 km", "演示数据", "界线为示意", "八月"} <= words
    drawn = {item.get_gid(): item for item in figure.axes[0].collections if item.get_gid()}
    assert len(drawn["high"].get_offsets()) == 4
    assert len(drawn["unknown"].get_offsets()) == 2


def test_chance_map_names_the_likeliest_and_speaks_english(sample_district: Any) -> None:
    chance = pd.Series(0.05, index=sample_district.hotspots.index)
    chance["EQ-020"] = 0.91
    words = texts(chance_map_figure(sample_district, chance, lang="en", title=""))
    assert f"{sample_district.hotspots['hotspot_name_en']['EQ-020']} 91%" in words
    assert not any("\u4e00" <= char <= "\u9fff" for word in words for char in word)


def test_chance_map_of_600_hotspots_has_them_all(sample_district: Any) -> None:
    from types import SimpleNamespace

    many = pd.concat([sample_district.hotspots] * 10)
    many.index = [f"H{k}" for k in range(len(many))]
    district = SimpleNamespace(settings=sample_district.settings, towns=sample_district.towns, hotspots=many)
    figure = chance_map_figure(district, pd.Series(0.5, index=many.index), lang="zh", title="")
    assert "较高\n40–60%：600" in texts(figure)


def test_too_many_classes_are_refused(sample_district: Any) -> None:
    classes = load_standards().wording_levels() * 2
    with pytest.raises(ValueError, match="1 to 4 classes of chance, got 8"):
        chance_map_figure(sample_district, pd.Series(dtype=float), lang="zh", title="", wording=classes)
