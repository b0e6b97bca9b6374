"""The page of an official document, in numbers: GB/T 9704-2012 for Chinese, a plain reading layout for English.

The standard fixes A4, a print area of 156 x 225 mm at 37 mm from the top and 28 mm from the left, 22 lines of 28
characters, a title of 22 pt, text of 16 pt and the four heading forms. Its fonts are not free; they are named first
and used wherever they are installed, with the open fall-backs of `FONTS`.

References
----------
GB/T 9704-2012, Layout key for official document of Party and government organs; margins bottom and right follow from
the print area.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DATE_INDENT_CHARACTERS",
    "FONTS",
    "LAYOUTS",
    "MARGINS_MM",
    "PAGE_MM",
    "Layout",
]

PAGE_MM = (210.0, 297.0)
MARGINS_MM = {"top": 37.0, "bottom": 35.0, "left": 28.0, "right": 26.0}
DATE_INDENT_CHARACTERS = 4  # of the date of issue from the right edge

# Preferred font of the standard -> open fonts that stand in for it, best first. Word and LibreOffice read the list
# from the file's font table; the PDF embeds the bundled Noto faces.
FONTS: dict[str, tuple[str, ...]] = {
    "方正小标宋简体": ("FZXiaoBiaoSong-B05S", "思源宋体", "Noto Serif CJK SC", "Noto Serif SC", "SimSun"),
    "仿宋_GB2312": ("仿宋", "FangSong", "Noto Serif CJK SC", "Noto Serif SC"),
    "黑体": ("SimHei", "思源黑体", "Noto Sans CJK SC", "Noto Sans SC"),
    "楷体_GB2312": ("楷体", "KaiTi", "Noto Serif CJK SC", "Noto Serif SC"),
    "宋体": ("SimSun", "Noto Serif CJK SC", "Noto Serif SC"),
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Type sizes [pt], spacing [pt] and fonts of one language.

    `tracking_pt` closes the text up so that 28 characters of 16 pt fill a line of 156 mm, as the standard asks.
    """

    title_pt: float
    body_pt: float
    line_pt: float
    indent_characters: int
    tracking_pt: float
    table_pt: float
    caption_pt: float
    footer_pt: float
    title_font: str
    body_font: str
    heading_fonts: tuple[str, str, str, str]
    table_font: str
    latin_font: str
    table_word: str
    annex_word: str
    figure_word: str


LAYOUTS: dict[str, Layout] = {
    "zh": Layout(
        title_pt=22,
        body_pt=16,
        line_pt=28.9,
        indent_characters=2,
        tracking_pt=-0.25,
        table_pt=10.5,
        caption_pt=12,
        footer_pt=14,
        title_font="方正小标宋简体",
        body_font="仿宋_GB2312",
        heading_fonts=("黑体", "楷体_GB2312", "仿宋_GB2312", "仿宋_GB2312"),
        table_font="宋体",
        latin_font="Times New Roman",
        table_word="表",
        annex_word="附表",
        figure_word="图",
    ),
    "en": Layout(
        title_pt=20,
        body_pt=12,
        line_pt=19.0,
        indent_characters=0,
        tracking_pt=0.0,
        table_pt=9,
        caption_pt=10.5,
        footer_pt=10.5,
        title_font="方正小标宋简体",
        body_font="仿宋_GB2312",
        heading_fonts=("黑体", "楷体_GB2312", "仿宋_GB2312", "仿宋_GB2312"),
        table_font="宋体",
        latin_font="Times New Roman",
        table_word="Table ",
        annex_word="Annex table ",
        figure_word="Figure ",
    ),
}
