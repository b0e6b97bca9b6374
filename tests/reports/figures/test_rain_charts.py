"""Charts of rain, by duration, month and return period, read back through their artists."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import BarContainer

from reports.figures.rain_charts import (
    depth_duration_figure,
    rain_by_month_figure,
    reduced_variate,
    return_level_figure,
)
from reports.style import styled
from risk_models.outlook.extremes import return_levels
from risk_models.outlook.record import TooShort
from risk_models.standards import load_standards
from tests.reports.figures.sample import hatched, maxima, months, texts


@pytest.fixture(autouse=True)
def _house_style() -> Any:
    with styled():
        yield


@pytest.fixture(scope="module")
def formula() -> Any:
    return load_standards().storm_formula("zz-f2")


def test_storm_formula_is_dashed_outside_its_range(formula: Any) -> None:
    axes = depth_duration_figure(maxima(), formula, lang="zh").axes[0]
    solid = [line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 20]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata()) > 20]
    assert len(solid) == len(dashed) == 6
    for line in solid:
        inside = np.isfinite(line.get_ydata())
        assert line.get_xdata()[inside].max() * 60 <= formula.minutes_max
    assert all(np.nanmin(line.get_ydata()) > 50 for line in dashed)
    # Two years and an hour: 40.0 mm, the worked value of the formula's own test.
    assert solid[0].get_ydata()[np.argmin(abs(solid[0].get_xdata() - 1))] == pytest.approx(40.0, abs=0.5)


def test_greatest_amounts_stand_where_they_were_measured(formula: Any) -> None:
    axes = depth_duration_figure(maxima(), formula, lang="en").axes[0]
    points = {line.get_gid(): line for line in axes.lines if str(line.get_gid()).startswith("gauge:")}
    assert list(points) == ["gauge:甲站", "gauge:乙站"]
    assert points["gauge:甲站"].get_xydata().tolist() == [[1, 60], [3, 88], [24, 190]]
    assert len({line.get_marker() for line in points.values()}) == 2


def test_unknown_amount_is_a_cross_and_no_point_at_zero(formula: Any) -> None:
    table = maxima()
    table.loc[table["window_h"] == 3, "rain_mm"] = np.nan
    axes = depth_duration_figure(table, formula, lang="zh").axes[0]
    crosses = next(line for line in axes.lines if line.get_gid() == "unknown")
    assert crosses.get_xdata().tolist() == [3]
    assert crosses.get_ydata()[0] > 0.9
    drawn = np.concatenate([line.get_ydata() for line in axes.lines if str(line.get_gid()).startswith("gauge:")])
    assert not (drawn == 0).any()
    assert "无资料" in texts(axes.figure)


def test_labels_of_the_formula_keep_clear_of_each_other(formula: Any) -> None:
    table = maxima().assign(rain_mm=900.0)
    figure = depth_duration_figure(table, formula, lang="zh")
    figure.canvas.draw()
    labels = [text for text in figure.axes[0].texts if text.get_text().endswith("年")]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert [label.get_text() for label in labels] == ["2年", "5年", "10年", "20年", "50年", "100年"]
    assert all(lower.y1 <= upper.y0 + 1.5 for lower, upper in pairwise(boxes))


def test_more_gauges_than_markers_share_one_entry(formula: Any) -> None:
    table = pd.concat([maxima().head(3).assign(gauge=f"站{k}") for k in range(9)])
    words = texts(depth_duration_figure(table, formula, lang="zh"))
    assert words.count("其他站") == 1
    assert "站6" not in words


@pytest.mark.parametrize("n", [1, 5, 12])
def test_months_are_bars_beside_their_normal(n: int) -> None:
    axes = rain_by_month_figure(months(n), lang="en").axes[0]
    band, observed = (item for item in axes.containers if isinstance(item, BarContainer))
    assert [bar.get_height() for bar in observed] == pytest.approx(months(n)["observed_mm"].tolist())
    assert [bar.get_y() for bar in band] == pytest.approx(months(n)["p10_mm"].tolist())
    assert [bar.get_y() + bar.get_height() for bar in band] == pytest.approx(months(n)["p90_mm"].tolist())
    assert axes.get_xticklabels()[0].get_text() == "May\n2021"


def test_months_across_a_year_name_the_new_year() -> None:
    labels = [
        tick.get_text() for tick in rain_by_month_figure(months(4, "2021-11"), lang="zh").axes[0].get_xticklabels()
    ]
    assert labels == ["11月\n2021年", "12月", "1月\n2022年", "2月"]


def test_month_without_data_is_hatched_and_has_no_bar() -> None:
    table = months(5)
    table.loc[2, "observed_mm"] = np.nan
    figure = rain_by_month_figure(table, lang="zh")
    (gap,) = hatched(figure)
    assert gap.get_x() + gap.get_width() / 2 == pytest.approx(2)
    assert gap.get_height() == pytest.approx(figure.axes[0].get_ylim()[1])
    assert len(figure.axes[0].containers[1]) == 4
    assert "无资料" in texts(figure)


def test_missing_normal_is_said() -> None:
    table = months(3).assign(normal_mm=np.nan, p10_mm=np.nan, p90_mm=np.nan)
    assert "Normal: no data" in texts(rain_by_month_figure(table, lang="en"))


def test_return_levels_stand_on_their_maxima() -> None:
    yearly = pd.Series(np.random.default_rng(1).gumbel(50, 15, 30), index=range(1990, 2020))
    yearly.iloc[3] = np.nan
    levels = return_levels(yearly, rng=np.random.default_rng(2))
    axes = return_level_figure(yearly, levels, window_h=24, lang="en").axes[0]
    points = next(line for line in axes.lines if line.get_label().startswith("annual maxima"))
    assert len(points.get_xdata()) == 29
    assert points.get_xdata()[0] == pytest.approx(reduced_variate((29 + 0.12) / 0.56))
    assert points.get_ydata()[0] == yearly.max()
    words = texts(axes.figure)
    assert {"annual maxima (n = 29)", "1 year(s) without data", "90% interval", "Rain in 24 h (mm)"} <= set(words)
    assert str(yearly.idxmax()) in words


def test_extrapolated_levels_are_dashed() -> None:
    yearly = pd.Series(np.random.default_rng(1).gumbel(50, 15, 24), index=range(2000, 2024))
    levels = return_levels(yearly, rng=np.random.default_rng(2))
    axes = return_level_figure(yearly, levels, window_h=1, lang="zh").axes[0]
    solid, dashed = axes.lines[:2]
    beyond = levels.table["is_extrapolated"].to_numpy()
    assert beyond.any()
    assert np.isnan(solid.get_ydata()[beyond]).all()
    assert np.isfinite(dashed.get_ydata()[beyond]).all()
    assert dashed.get_linestyle() == "--"


@pytest.mark.parametrize(("yearly", "lang"), [([60.0, 75.0], "zh"), ([], "en")])
def test_short_record_says_so_and_draws_no_curve(yearly: list[float], lang: Any) -> None:
    series = pd.Series(yearly, index=range(2020, 2020 + len(yearly)), dtype=float)
    short = TooShort("重现期雨量", "return levels", 10, len(yearly), "years")
    figure = return_level_figure(series, short, window_h=1, lang=lang)
    said = "".join(texts(figure)).replace("\n", "").replace(" ", "")
    assert (short.zh if lang == "zh" else short.en).replace(" ", "") in said
    assert not figure.axes[0].collections
