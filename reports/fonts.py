"""Chinese fonts for figures and documents, from a Python package: no system font is needed.

The package ships one upright face of Noto Sans SC and of Noto Serif SC and no bold. Emphasis is therefore made with
size, colour and rules; nothing here or in the templates asks for bold Chinese.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pylopdf_fonts_zh_cn

__all__ = ["REPLACEMENT", "SANS", "font_folder", "missing_glyphs", "printable", "register_fonts"]

SANS = "Noto Sans SC"
# The geta mark, by which Chinese and Japanese printers have always shown a sort that the case did not hold.
REPLACEMENT = "〓"


def font_folder() -> Path:
    """Return the folder that holds the fonts, for Typst's ``font_paths``.

    Examples
    --------
    >>> sorted(path.name for path in font_folder().glob("*.otf"))
    ['NotoSansSC-Regular.otf', 'NotoSerifSC-Regular.otf']
    """
    return pylopdf_fonts_zh_cn.sans_path().parent


@cache
def register_fonts() -> None:
    """Make both families known to Matplotlib, once per process.

    Examples
    --------
    >>> from matplotlib.font_manager import fontManager
    >>> register_fonts()
    >>> SANS in {font.name for font in fontManager.ttflist}
    True
    """
    from matplotlib.font_manager import fontManager

    for path in (pylopdf_fonts_zh_cn.sans_path(), pylopdf_fonts_zh_cn.serif_path()):
        fontManager.addfont(str(path))


@cache
def _covered() -> frozenset[int]:
    """Return the code points that both families can draw."""
    from matplotlib.ft2font import FT2Font

    paths = (pylopdf_fonts_zh_cn.sans_path(), pylopdf_fonts_zh_cn.serif_path())
    sans, serif = (frozenset(FT2Font(str(path)).get_charmap()) for path in paths)
    return sans & serif


def missing_glyphs(text: str) -> str:
    r"""Return the characters of a text that the fonts cannot draw, each once, in order of first use.

    Parameters
    ----------
    text : str
        Any text; line breaks and tabs are not counted.

    Returns
    -------
    str
        Empty if everything can be drawn.

    Examples
    --------
    >>> missing_glyphs("淮河路街道 ≥ 50 mm\n"), missing_glyphs("雨🌧🌧")
    ('', '🌧')
    """
    covered = _covered()
    return "".join(dict.fromkeys(char for char in text if char not in "\n\t" and ord(char) not in covered))


def printable(text: str) -> str:
    """Return the text with every character that the fonts lack replaced by the geta mark ``〓``.

    Examples
    --------
    >>> printable("雨🌧大")
    '雨〓大'
    """
    missing = missing_glyphs(text)
    return text.translate({ord(char): REPLACEMENT for char in missing}) if missing else text
