"""The fonts cover what the products write."""

from __future__ import annotations

import pandas as pd
import pytest

from reports import fonts, words
from reports.bulletin.view import LABELS


def test_both_faces_are_there_and_registered_once():
    fonts.register_fonts()
    fonts.register_fonts()
    from matplotlib.font_manager import fontManager

    for family in (fonts.SANS, "Noto Serif SC"):
        assert sum(font.name == family for font in fontManager.ttflist) == 1


def test_every_fixed_word_can_be_drawn():
    spoken = [*LABELS.values(), *words.ACTION_WORDS.values(), *words.HOTSPOT_KINDS.values(), words.DEMONSTRATION]
    spoken += [*words.STATUS_BANNERS.values()]
    assert fonts.missing_glyphs("".join(text.zh + text.en for text in spoken)) == ""


@pytest.mark.parametrize("table", ["hotspots", "communities", "shelters", "teams", "plans"])
def test_every_name_of_the_bundled_district_can_be_drawn(erqi_path, table):
    path = erqi_path / f"{table}.csv"
    cells = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert len(cells) > 100
    assert fonts.missing_glyphs("".join(cells.to_numpy().ravel())) == ""


def test_a_character_without_a_glyph_is_shown_as_the_geta_mark():
    assert fonts.printable("风险点\U0001f30a甲") == "风险点〓甲"
    assert fonts.missing_glyphs(fonts.REPLACEMENT) == ""
