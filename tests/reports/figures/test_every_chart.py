"""What holds for every chart of a report: size, bytes, language, source, mark, no data."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reports.figures.chance_charts import chance_bars, chance_bars_figure, reliability_chart, reliability_figure
from reports.figures.chance_map import chance_map, chance_map_figure
from reports.figures.level_charts import level_calendar, level_calendar_figure, town_ranking, town_ranking_figure
from reports.figures.rain_charts import (
    depth_duration_chart,
    depth_duration_figure,
    rain_by_month_chart,
    rain_by_month_figure,
    return_level_curve,
)
from reports.fonts import missing_glyphs
from reports.style import styled
from risk_models.outlook.extremes import return_levels
from risk_models.standards import load_standards
from tests.reports.figures.sample import chances, days, maxima, months, reliability, texts, towns

LANGS = ("zh", "en")


@pytest.fixture(autouse=True)
def _house_style() -> Any:
    with styled():
        yield


@pytest.fixture(scope="module")
def formula() -> Any:
    return load_standards().storm_formula("zz-f2")


def _all(district: Any, formula: Any) -> dict[str, tuple[Callable[..., bytes], tuple[Any, ...], dict[str, Any]]]:
    yearly = pd.Series(np.random.default_rng(1).gumbel(50, 15, 30), index=range(1990, 2020))
    levels = return_levels(yearly, rng=np.random.default_rng(2), n_resamples=50)
    return {
        "depth-duration": (depth_duration_chart, (maxima(), formula), {}),
        "months": (rain_by_month_chart, (months(5),), {}),
        "chances": (chance_bars, (chances(),), {"title": "Title 题"}),
        "towns": (town_ranking, (towns(),), {"unit": "个"}),
        "calendar": (level_calendar, (days("2021-07-01", "2021-09-30"),), {}),
        "curve": (return_level_curve, (yearly, levels), {"window_h": 24}),
        "reliability": (reliability_chart, (reliability(),), {}),
        "map": (chance_map, (district, pd.Series(0.3, index=district.hotspots.index)), {"title": "Title 题"}),
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
