"""Towns by level and the calendar of levels, read back through their artists, in colour and in grey."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reports.figures.level_charts import level_calendar_figure, town_ranking_figure
from reports.style import UNKNOWN_HATCH, styled
from risk_models.levels import Level
from tests.reports.figures.sample import days, hatched, texts, towns


@pytest.fixture(autouse=True)
def _house_style() -> Any:
    with styled():
        yield


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
