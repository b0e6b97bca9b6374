"""Figures of periodic reports: read back through their artists, in colour and in grey."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from reports.figures import period_charts as charts
from reports.figures.chance_charts import chance_bars_figure, reliability_figure
from reports.figures.chance_map import chance_map_figure
from reports.figures.level_charts import level_calendar_figure, town_ranking_figure
from reports.figures.rain_charts import (
    depth_duration_figure,
    rain_by_month_figure,
    reduced_variate,
    return_level_figure,
)
from reports.fonts import missing_glyphs
from reports.style import UNKNOWN_HATCH, styled
from risk_models.levels import Level
from risk_models.outlook.extremes import return_levels
from risk_models.outlook.record import TooShort
from risk_models.standards import load_standards

LANGS = ("zh", "en")


@pytest.fixture(autouse=True)
def _house_style() -> Any:
    with styled():
        yield


@pytest.fixture(scope="module")
def formula() -> Any:
    return load_standards().storm_formula("zz-f2")


def texts(figure: Figure) -> list[str]:
    """Every text of a figure: axes, legends, free text."""
    figure.canvas.draw()
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def hatched(figure: Figure) -> list[Rectangle]:
    """Every patch drawn as unknown on the axes."""
    return [
        patch for axes in figure.axes for patch in axes.patches
        if isinstance(patch, Rectangle) and patch.get_hatch() == UNKNOWN_HATCH and min(patch.get_facecolor()) > 0.9
    ]  # fmt: skip


def maxima(**changes: float) -> pd.DataFrame:
    rows = [(w, mm, gauge) for gauge in ("甲站", "乙站") for w, mm in ((1, 60.0), (3, 88.0), (24, 190.0))]
    return pd.DataFrame(rows, columns=["window_h", "rain_mm", "gauge"])


def months(n: int, first: str = "2021-05") -> pd.DataFrame:
    index = pd.period_range(first, periods=n, freq="M")
    base = np.linspace(20, 150, n)
    return pd.DataFrame(
        {"month": index, "observed_mm": base, "normal_mm": base + 5, "p10_mm": base / 2, "p90_mm": base * 2}
    )


def towns(n: int = 18) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {"town": [f"镇办{k}" for k in range(n)]}
        | {name: rng.integers(0, 5, n).astype(float) for name in ("red", "orange", "yellow", "blue")}
    )


def chances() -> pd.DataFrame:
    return pd.DataFrame(
        {"label": ["甲", "乙", "丙"], "p": [0.64, np.nan, 0.001], "p_low": [0.5, np.nan, np.nan],
         "p_high": [0.78, np.nan, np.nan]}
    )  # fmt: skip


def reliability() -> pd.DataFrame:
    return pd.DataFrame({"p_from": [0.0, 0.4], "p_to": [0.2, 0.6], "p_mean": [0.1, 0.5], "share": [0.0, 0.75],
                         "n": [12, 4]})  # fmt: skip


def days(first: str, last: str, level: int = 0) -> pd.Series:
    index = pd.date_range(first, last)
    return pd.Series(level, index=index)


# ---- rain -------------------------------------------------------------------------------------------------------


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


# ---- chances ----------------------------------------------------------------------------------------------------


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


# ---- levels -----------------------------------------------------------------------------------------------------


def test_towns_are_ranked_worst_first_and_unknown_last() -> None:
    table = towns()
    table.loc[4, "orange"] = np.nan
    table.loc[9, ["red", "orange", "yellow", "blue"]] = 0.0
    figure = town_ranking_figure(table, lang="zh", unit="风险点数")
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    known = table.drop(index=4).sort_values(["red", "orange", "yellow", "blue"], ascending=False, kind="stable")
    assert names == [*known["town"], "镇办4"]
    (gap,) = hatched(figure)
    assert gap.get_y() + gap.get_height() / 2 == pytest.approx(17)
    red = [patch.get_width() for patch in figure.axes[0].patches if patch.get_gid() == "red"]
    assert red == known["red"].tolist()


def test_levels_differ_in_grey() -> None:
    """Lightness or hatch tells any two neighbouring levels of a bar apart."""
    from matplotlib.colors import to_rgb

    figure = town_ranking_figure(towns(3), lang="en", unit="Hotspots")
    looks = {
        patch.get_gid(): (np.dot(to_rgb(patch.get_facecolor()), (0.299, 0.587, 0.114)), patch.get_hatch() or "")
        for patch in figure.axes[0].patches if patch.get_gid()
    }  # fmt: skip
    assert set(looks) == {"red", "orange", "yellow", "blue"}
    for one, (grey, hatch) in looks.items():
        for other, (other_grey, other_hatch) in looks.items():
            assert one == other or abs(grey - other_grey) > 0.2 or hatch != other_hatch
    assert {"Ⅰ Red", "Ⅱ Orange", "Ⅲ Yellow", "Ⅳ Blue"} <= set(texts(figure))


@pytest.mark.parametrize(
    ("first", "last", "n_months"),
    [("2021-01-01", "2021-12-31", 12), ("2021-05-15", "2021-09-30", 5), ("2021-07-01", "2021-07-31", 1),
     ("2021-06-04", "2021-06-10", 1)],
)  # fmt: skip
def test_calendar_has_a_cell_per_day_of_the_period(first: str, last: str, n_months: int) -> None:
    levels = days(first, last)
    levels.iloc[[1, 2, 3]] = [int(Level.RED), int(Level.UNKNOWN), int(Level.BLUE)]
    figure = level_calendar_figure(levels, lang="zh")
    cells = {patch.get_gid(): patch for patch in figure.axes[0].patches if patch.get_gid()}
    assert list(cells) == [day.date().isoformat() for day in levels.index]
    assert cells[levels.index[2].date().isoformat()].get_hatch() == UNKNOWN_HATCH
    words = texts(figure)
    assert (words.count("Ⅰ"), words.count("?"), words.count("Ⅳ")) == (1, 1, 1)
    assert {"Ⅰ 红色：1天", "? 未知：1天", f"无：{len(levels) - 3}天"} <= set(words)
    assert sum("年" in word and word.endswith("月") for word in words) == n_months
    assert figure.get_figheight() < 7.5


def test_calendar_puts_days_below_their_weekday() -> None:
    figure = level_calendar_figure(days("2021-07-01", "2021-07-31"), lang="en")
    cells = {patch.get_gid(): patch for patch in figure.axes[0].patches if patch.get_gid()}
    monday, sunday, friday = (cells[f"2021-07-{day}"] for day in ("05", "04", "02"))
    assert monday.get_x() < friday.get_x() < sunday.get_x()
    assert monday.get_y() == pytest.approx(sunday.get_y() + sunday.get_height())


def test_missing_level_reads_as_unknown() -> None:
    levels = days("2021-07-01", "2021-07-03").astype(float)
    levels.iloc[0] = np.nan
    assert "? Unknown: 1 d" in texts(level_calendar_figure(levels, lang="en"))


# ---- map --------------------------------------------------------------------------------------------------------


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


# ---- all --------------------------------------------------------------------------------------------------------


def _all(district: Any, formula: Any) -> dict[str, tuple[Callable[..., bytes], tuple[Any, ...], dict[str, Any]]]:
    yearly = pd.Series(np.random.default_rng(1).gumbel(50, 15, 30), index=range(1990, 2020))
    levels = return_levels(yearly, rng=np.random.default_rng(2), n_resamples=50)
    return {
        "depth-duration": (charts.depth_duration_chart, (maxima(), formula), {}),
        "months": (charts.rain_by_month_chart, (months(5),), {}),
        "chances": (charts.chance_bars, (chances(),), {"title": "Title 题"}),
        "towns": (charts.town_ranking, (towns(),), {"unit": "个"}),
        "calendar": (charts.level_calendar, (days("2021-07-01", "2021-09-30"),), {}),
        "curve": (charts.return_level_curve, (yearly, levels), {"window_h": 24}),
        "reliability": (charts.reliability_chart, (reliability(),), {}),
        "map": (charts.chance_map, (district, pd.Series(0.3, index=district.hotspots.index)), {"title": "Title 题"}),
    }


@pytest.mark.parametrize("lang", LANGS)
def test_every_figure_is_1200_wide_repeatable_and_fits_a_page(sample_district: Any, formula: Any, lang: Any) -> None:
    for function, inputs, extra in _all(sample_district, formula).values():
        first, second = (function(*inputs, lang=lang, source="甲 Source", is_demonstration=True, **extra) for _ in "ab")
        assert first == second
        image = Image.open(io.BytesIO(first))
        assert image.width == 1200
        assert image.height / image.width * 150 < 200  # mm, at the width of a figure in a document
        assert len(first) < 150_000


def test_inputs_are_left_as_they_were(sample_district: Any, formula: Any) -> None:
    for function, inputs, extra in _all(sample_district, formula).values():
        before = [item.copy() if isinstance(item, (pd.DataFrame, pd.Series)) else None for item in inputs]
        function(*inputs, lang="zh", **extra)
        for old, new in zip(before, inputs, strict=True):
            if isinstance(old, pd.DataFrame):
                pd.testing.assert_frame_equal(old, new)
            elif isinstance(old, pd.Series):
                pd.testing.assert_series_equal(old, new)


@pytest.mark.parametrize("lang", LANGS)
def test_source_and_mark_are_written_in_the_language(formula: Any, lang: Any) -> None:
    for figure in (
        depth_duration_figure(maxima(), formula, lang=lang, source="甲 Source", is_demonstration=True),
        rain_by_month_figure(months(3), lang=lang, source="甲 Source", is_demonstration=True),
        chance_bars_figure(chances(), lang=lang, title="", source="甲 Source", is_demonstration=True),
        town_ranking_figure(towns(), lang=lang, unit="", source="甲 Source", is_demonstration=True),
        level_calendar_figure(days("2021-07-01", "2021-07-31"), lang=lang, source="甲 Source", is_demonstration=True),
        reliability_figure(reliability(), lang=lang, source="甲 Source", is_demonstration=True),
    ):
        written = {text.get_text() for text in figure.texts}
        assert "甲 Source" in written
        assert {"zh": "演示数据", "en": "Demonstration data"}[lang] in written


def test_no_figure_speaks_of_demonstration_unless_told(formula: Any) -> None:
    assert not any("演示" in word for word in texts(depth_duration_figure(maxima(), formula, lang="zh")))


@pytest.mark.parametrize("lang", LANGS)
def test_empty_input_says_no_data(formula: Any, lang: Any) -> None:
    said = {"zh": "无资料", "en": "no data"}[lang]
    for figure in (
        depth_duration_figure(maxima().iloc[:0], formula, lang=lang),
        rain_by_month_figure(months(3).iloc[:0], lang=lang),
        chance_bars_figure(chances().iloc[:0], lang=lang, title=""),
        town_ranking_figure(towns().iloc[:0], lang=lang, unit=""),
        level_calendar_figure(days("2021-07-01", "2021-07-31").iloc[:0], lang=lang),
    ):
        assert said in texts(figure)


def test_every_word_of_the_figures_can_be_drawn(sample_district: Any, formula: Any) -> None:
    table = towns().assign(town="名🌧")
    for lang in LANGS:
        figures = [
            depth_duration_figure(maxima(), formula, lang=lang),
            town_ranking_figure(table, lang=lang, unit="雨🌧"),
            level_calendar_figure(days("2021-07-01", "2021-07-31", 4), lang=lang),
            chance_map_figure(sample_district, pd.Series(dtype=float), lang=lang, title="雨🌧"),
        ]
        assert missing_glyphs("".join(word for figure in figures for word in texts(figure))) == ""
