"""The map of outlines: where areas lie, how they are filled, and which labels fit."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from reports.figures.outline_map import WIDTH, AreaOutline, outline_map_svg, rings_of
from reports.words import Text
from risk_models.levels import Level

TITLE = Text("待签发", "Waiting <all>")
SVG = "{http://www.w3.org/2000/svg}"


def _square(west: float, south: float, size: float = 0.1) -> list[tuple[float, float]]:
    east, north = west + size, south + size
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def _drawn(*outlines: AreaOutline) -> ElementTree.Element:
    return ElementTree.fromstring(outline_map_svg(outlines, title=TITLE))


def _points(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.get("d", ""))]


def test_north_is_up_east_is_right_and_all_of_it_is_inside() -> None:
    drawing = _drawn(AreaOutline([_square(113.0, 34.0)], Level.RED), AreaOutline([_square(113.1, 34.1)], Level.BLUE))
    height = float(drawing.get("viewBox", "").split()[3])
    blue, red = (_points(path) for path in drawing.iter(f"{SVG}path"))  # the gravest lies on top
    assert max(y for _, y in blue) <= min(y for _, y in red)
    assert max(x for x, _ in red) <= min(x for x, _ in blue)
    assert all(0 <= x <= WIDTH and 0 <= y <= height for x, y in [*blue, *red])
    assert drawing.get("aria-label") == "待签发 Waiting <all>"


def test_a_level_fills_an_end_borders_and_nothing_is_plain() -> None:
    areas = [
        AreaOutline([_square(0.0, 0.0)]),
        AreaOutline([_square(1.0, 0.0)], Level.ORANGE, is_end=True),
        AreaOutline([_square(2.0, 0.0)], Level.RED),
    ]
    plain, end, red = _drawn(*areas).iter(f"{SVG}path")
    assert plain.get("fill") not in {level.fill for level in Level}
    assert (end.get("fill"), end.get("stroke")) == ("#ffffff", Level.ORANGE.fill)
    assert red.get("fill") == Level.RED.fill


def test_a_label_stands_inside_its_area_and_never_on_another() -> None:
    around = [(0.0, 3.0), (0.0, 0.0), (3.0, 0.0), (3.0, 3.0)]
    horseshoe = [*around, (2.0, 3.0), (2.0, 1.0), (1.0, 1.0), (1.0, 3.0), around[0]]
    (label,) = _drawn(AreaOutline([horseshoe], Level.RED, "1")).iter(f"{SVG}text")
    x = float(label.get("x", ""))
    assert x < WIDTH / 2 - 20 or x > WIDTH / 2 + 20, "the middle of a horseshoe is outside"
    near = [AreaOutline([_square(0.001 * n, 0.0, 0.001)], Level.RED, str(n)) for n in range(3)]
    texts = [one.text for one in _drawn(*near, AreaOutline([_square(1.0, 1.0, 1.0)])).iter(f"{SVG}text")]
    assert texts == ["0"], "the one that comes first is kept"


def test_the_text_of_a_label_makes_no_markup() -> None:
    (label,) = _drawn(AreaOutline([_square(0.0, 0.0)], Level.RED, "<b>1</b>")).iter(f"{SVG}text")
    assert label.text == "<b>1</b>"


def test_nothing_to_draw_gives_nothing() -> None:
    assert outline_map_svg([], title=TITLE) == ""
    assert outline_map_svg([AreaOutline([])], title=TITLE) == ""


def test_rings_of_many_polygons_are_all_kept() -> None:
    rings = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
    assert len(rings_of({"type": "MultiPolygon", "coordinates": [rings, rings]})) == 2
