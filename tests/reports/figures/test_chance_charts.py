"""Bars of chances and the reliability diagram, read back through their artists."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.container import BarContainer

from reports.figures.chance_charts import chance_bars_figure, reliability_figure
from reports.style import styled
from tests.reports.figures.sample import chances, hatched, reliability, texts


@pytest.fixture(autouse=True)
def _house_style() -> Any:
    with styled():
        yield


def test_chances_are_bars_with_their_interval_and_unknown_is_not_zero() -> None:
    figure = chance_bars_figure(chances(), lang="zh", title="八月")
    axes = figure.axes[0]
    bars = [item for item in axes.containers if isinstance(item, BarContainer)]
    assert [item[0].get_width() for item in bars] == [0.64, 0.001]
    (gap,) = hatched(figure)
    assert (gap.get_width(), gap.get_y() + gap.get_height() / 2) == pytest.approx((1.0, 1.0))
    words = texts(figure)
    assert {"64%（50%～78%）", "未知", "<1%", "八月"} <= set(words)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["甲", "乙", "丙"]


def test_long_labels_stay_on_the_sheet() -> None:
    table = chances().assign(label=["很长的风险点名称" * 5, "A hotspot with a very long name " * 3, "甲"])
    figure = chance_bars_figure(table, lang="en", title="Chance " * 40)
    figure.canvas.draw()
    for text in [*figure.axes[0].get_yticklabels(), *figure.texts]:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= 1200


def test_reliability_shows_points_counts_and_intervals() -> None:
    figure = reliability_figure(reliability(), lang="zh")
    diagram, counts = figure.axes
    points = diagram.containers[0].lines[0]
    assert points.get_xydata().tolist() == [[0.1, 0.0], [0.5, 0.75]]
    assert [bar.get_height() for bar in counts.patches] == [12, 4]
    assert {"n=12", "n=4", "12", "4"} <= set(texts(figure))


def test_nothing_verified_is_said() -> None:
    figure = reliability_figure(reliability().iloc[:0], lang="en")
    assert "No statement of probability could be verified" in texts(figure)
    assert not figure.axes[0].containers
