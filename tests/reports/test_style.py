"""The PNG writer keeps colours, size and bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from reports.style import level_marker, new_figure, png_bytes, styled, tint
from risk_models.levels import Level


def _flat(colours: list[str]):
    with styled():
        figure = new_figure(4, 1)
        for position, colour in enumerate(colours):
            figure.add_axes((position / len(colours), 0, 1 / len(colours), 1), facecolor=colour).tick_params(length=0)
    return figure


def _colours(png: bytes) -> set[str]:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    return {"#{:02x}{:02x}{:02x}".format(*pixel) for pixel in np.unique(pixels, axis=0)}


def test_given_colours_appear_exactly():
    fills = [level.fill for level in Level]
    assert set(fills) <= _colours(png_bytes(_flat(fills), base=tuple(fills)))


def test_white_paper_stays_white_beside_a_near_white_base_colour():
    with styled():
        figure = new_figure(1, 1)
    assert _colours(png_bytes(figure, base=(Level.NONE.fill, tint(Level.NONE.fill, 0.3)))) == {"#ffffff"}


def test_png_has_no_date_and_no_software_stamp():
    png = png_bytes(_flat(["#ffffff"]))
    chunks = {png[at + 4 : at + 8] for at in _chunk_starts(png)}
    assert chunks <= {b"IHDR", b"PLTE", b"pHYs", b"IDAT", b"IEND"}


def _chunk_starts(png: bytes):
    at = 8
    while at < len(png):
        yield at
        at += 12 + int.from_bytes(png[at : at + 4], "big")


def test_every_level_has_its_own_symbol():
    assert len({level_marker(level)[0] for level in Level}) == len(Level)


@pytest.mark.parametrize("text", ["价格$a_b$与$c^d$", "100% {风险} \\alpha"])
def test_markup_in_a_text_is_drawn_as_it_stands(text):
    with styled():
        figure = new_figure(3, 1)
        figure.text(0.1, 0.5, text)
        assert png_bytes(figure).startswith(b"\x89PNG")
