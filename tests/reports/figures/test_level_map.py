"""The level map: what it shows, how small and how repeatable it is."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from reports.figures import LevelMap
from reports.figures.level_map import _Spots
from risk_models.levels import Level
from risk_models.observation import Now

TOWN = "410103001"


@pytest.fixture(scope="module")
def level_map(sample_district):
    return LevelMap(sample_district)


def _share(png: bytes, colour: str) -> float:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return float((pixels == wanted).all(axis=1).mean())


def test_same_input_same_bytes_whatever_was_drawn_before(sample_district, sample_risk, level_map):
    first = level_map.png(sample_risk, town_code=TOWN)
    level_map.png(sample_risk)
    assert level_map.png(sample_risk, town_code=TOWN) == first
    assert LevelMap(sample_district).png(sample_risk, town_code=TOWN) == first


def test_map_is_small_enough_for_a_mail(sample_risk, level_map):
    for png in (level_map.png(sample_risk), level_map.png(sample_risk, town_code=TOWN)):
        assert len(png) < 70_000
        assert Image.open(io.BytesIO(png)).size == (900, 711)


def test_level_in_force_colours_the_town(sample_risk, level_map):
    from reports.style import tint

    for level in (Level.RED, Level.BLUE):
        png = level_map.png(sample_risk, town_code=TOWN, levels={TOWN: level})
        assert _share(png, tint(level.fill)) > 0.1


def test_unknown_hotspots_are_counted_and_town_is_not_green(sample_district, sample_risk, level_map):
    unknown = sample_risk.copy()
    unknown["level"] = -1
    level_map.png(unknown, town_code=TOWN)
    own = int((sample_risk["town_code"] == TOWN).sum())
    assert [label.get_text() for label in level_map._counts[Level.UNKNOWN]] == [str(own), str(len(unknown))]
    assert [label.get_text() for label in level_map._counts[Level.NONE]] == ["0", "0"]


def test_what_stands_now_is_marked_and_counted(sample_risk, level_map):
    dry = level_map.png(sample_risk, town_code=TOWN)
    own = sample_risk.index[sample_risk["town_code"] == TOWN]
    other = sample_risk.index[sample_risk["town_code"] != TOWN]
    wet = sample_risk.assign(now="dry")
    wet.loc[[*own[:2], other[0]], "now"], wet.loc[own[2], "now"] = "stands", "unconfirmed"
    assert level_map.png(wet, town_code=TOWN) != dry
    counts = {state: [label.get_text() for label in labels] for state, labels in level_map._now_counts.items()}
    assert counts == {Now.STANDS: ["2", "3"], Now.UNCONFIRMED: ["1", "1"]}
    ring, corners = (level_map._main.now[state][1].get_xdata() for state in (Now.STANDS, Now.UNCONFIRMED))
    assert sorted(ring) == sorted(wet.geometry.x[[*own[:2], other[0]]])
    assert list(corners) == [wet.geometry.x[own[2]]]


def test_a_table_that_does_not_tell_now_has_no_count_of_it(sample_risk, level_map):
    level_map.png(sample_risk.assign(now="unknown", place=0))
    assert [label.get_text() for label in level_map._now_counts[Now.STANDS]] == ["", "—"]
    bare = sample_risk.drop(columns=["now", "place"])
    assert level_map.png(bare) == level_map.png(sample_risk.assign(now="unknown", place=0))


def test_names_go_to_the_first_places_of_the_order(sample_risk, level_map):
    level = sample_risk["level"].max()
    alike = sample_risk.index[sample_risk["level"] == level]
    assert len(alike) > 1
    table = sample_risk.copy()
    table.loc[alike[::-1], "place"] = range(1, len(alike) + 1)
    spots = _Spots.of(table, None)
    first = [spots.ids[at] for at in level_map._ranking(spots, None, {})]
    assert first[: len(alike)] == list(alike[::-1])[: len(first)]


def test_rows_of_the_table_carry_their_number_on_the_map(sample_risk, level_map):
    own = sample_risk[(sample_risk["town_code"] == TOWN) & (sample_risk["level"] >= 1)]
    level_map.png(sample_risk, town_code=TOWN, listed=own.index)
    written = {label.get_text().split(" ")[0] for label in level_map._moving if hasattr(label, "get_text")}
    assert {str(number) for number in range(1, len(own) + 1)} <= written


def test_only_the_first_rows_carry_their_name(sample_risk, level_map):
    own = sample_risk[(sample_risk["town_code"] == TOWN) & (sample_risk["level"] >= 1)]
    level_map.png(sample_risk, town_code=TOWN, listed=own.index)
    written = {label.get_text() for label in level_map._moving if hasattr(label, "get_text")}
    names = list(own["hotspot_name"])
    assert f"1 {names[0]}" in written
    assert len(own) > 6
    assert not any(name in words for name in names[6:] for words in written)


def test_demonstration_mark_is_clear_of_the_longest_heading(sample_district, sample_risk):
    towns = sample_district.towns.copy()
    towns.loc[TOWN, "town_name"] = "很长的名字" * 9
    towns.loc[TOWN, "town_name_en"] = "Very Long Name " * 9
    long_named = LevelMap(SimpleNamespace(settings=sample_district.settings, towns=towns))
    long_named.png(sample_risk, town_code=TOWN)
    renderer = long_named._canvas.get_renderer()
    marks = [text for text in long_named._figure.texts if "Demonstration" in text.get_text()]
    boxes = [text.get_window_extent(renderer) for text in (long_named._title, long_named._subtitle)]
    assert len(marks) == 1
    assert not any(box.overlaps(marks[0].get_window_extent(renderer)) for box in boxes)
    assert all(box.x1 < 900 for box in boxes)


def test_unknown_town_is_refused(sample_risk, level_map):
    with pytest.raises(KeyError, match="'999' is not a town of Erqi District"):
        level_map.png(sample_risk, town_code="999")


def test_names_with_markup_and_missing_glyphs_are_drawn(sample_risk, level_map):
    hostile = sample_risk.copy()
    hostile["hotspot_name"] = "$x_2$<b>\U0001f30a\u202e"
    assert level_map.png(hostile, town_code=TOWN).startswith(b"\x89PNG")


def test_map_of_a_report_speaks_one_language_and_names_no_bulletin(sample_risk, level_map):
    listed = list(sample_risk.index[:3])
    for lang, foot in (
        ("zh", "界线为示意；数字为表中的序号"),
        ("en", "Boundaries indicative; numbers refer to the table"),
    ):
        level_map.png(sample_risk, listed=listed, lang=lang)
        assert level_map._foot.get_text() == foot
    words = [level_map._title, level_map._subtitle, level_map._mark, level_map._head, *level_map._level_names.values()]
    assert not any("\u4e00" <= char <= "\u9fff" for label in words for char in label.get_text())
    assert level_map._level_names[Level.RED].get_text() == "Red Ⅰ"


def test_language_of_one_map_does_not_reach_the_next(sample_risk, level_map):
    both = level_map.png(sample_risk, town_code=TOWN)
    level_map.png(sample_risk, town_code=TOWN, lang="en")
    assert level_map.png(sample_risk, town_code=TOWN) == both
