"""One look for every figure, and a PNG writer whose bytes depend on the picture alone.

Figures are made with `new_figure` (no pyplot, so no global state and nothing to close) inside `styled()`, and written
with `png_bytes`, which reduces the picture to a palette: a 1200-pixel map stays below about 90 kB, and small enough
for a mail.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from reports.fonts import SANS, register_fonts
from risk_models.levels import LEVEL_STYLES, Level

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

__all__ = [
    "ACCENT",
    "FORECAST",
    "GRID",
    "HATCH_INK",
    "INK",
    "LEVEL_HATCHES",
    "MARK",
    "MUTED",
    "OBSERVED",
    "PAPER",
    "STYLE",
    "UNKNOWN_FACE",
    "UNKNOWN_HATCH",
    "drawn_png",
    "level_marker",
    "new_figure",
    "png_bytes",
    "styled",
    "tint",
]

INK = "#1f2933"  # text and axes
MUTED = "#5f6b76"  # secondary text; 5.4:1 on white
MARK = "#9c1c1c"  # demonstration mark
GRID = "#d5dade"
PAPER = "#ffffff"
ACCENT = "#0b4f7d"  # headings and rules of documents, cumulative line
OBSERVED = "#2f6f9f"  # rain that fell
FORECAST = "#8fbcdb"  # rain that is forecast
UNKNOWN_FACE = "#f3f4f5"  # ground of what is not known, always with the hatch
UNKNOWN_HATCH = "////"
HATCH_INK = "#98a1a8"

# Bars and areas of a level: the hatch tells blue from orange where grey print makes them one; red is the darkest and
# yellow the lightest of the four without any.
LEVEL_HATCHES = {Level.BLUE: "....", Level.YELLOW: "", Level.ORANGE: "////", Level.RED: ""}

STYLE: dict[str, Any] = {
    "font.family": SANS,
    "font.size": 10.0,
    "axes.titlesize": 12.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 10.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "lines.linewidth": 1.6,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "hatch.linewidth": 0.7,
    "svg.hashsalt": "wuyu",
}

# Matplotlib markers and sizes (points) of the symbols named in LEVEL_STYLES: of equal visual weight, and told apart
# without colour.
_MARKER_SIZES = {"x": 5.0, ".": 4.0, "o": 6.5, "s": 6.5, "^": 8.5, "D": 7.5}


@contextmanager
def styled() -> Iterator[None]:
    """Use the house style inside a ``with`` block, with the Chinese fonts registered.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> with styled():
    ...     mpl.rcParams["font.family"]
    ['Noto Sans SC']
    """
    import matplotlib as mpl  # here, because most who ask for a colour draw nothing

    register_fonts()
    with mpl.rc_context(cast(Any, STYLE)):
        yield


def new_figure(width_in: float, height_in: float, *, dpi: float = 150.0) -> Figure:
    """Return an empty figure with an Agg canvas, outside pyplot's register.

    Parameters
    ----------
    width_in, height_in : float
        Size [inch].
    dpi : float
        Pixels per inch; 8 in at the default gives 1200 px.

    Examples
    --------
    >>> new_figure(8, 6).canvas.get_width_height()
    (1200, 900)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=dpi)
    FigureCanvasAgg(figure)
    return figure


def level_marker(level: Level) -> tuple[str, float]:
    """Return the Matplotlib marker of a level and its size [points].

    Examples
    --------
    >>> level_marker(Level.RED)
    ('D', 7.5)
    """
    symbol = LEVEL_STYLES[level].symbol
    return symbol, _MARKER_SIZES[symbol]


def tint(colour: str, share: float = 0.5) -> str:
    """Mix a colour with white.

    Parameters
    ----------
    colour : str
        As ``#rrggbb``.
    share : float
        Share of the colour, 0-1.

    Examples
    --------
    >>> tint("#c8102e")
    '#e38896'
    """
    return "#" + "".join(f"{round((1 - share * (1 - part)) * 255):02x}" for part in _rgb(colour))


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(byte / 255 for byte in bytes.fromhex(colour.removeprefix("#")))


@cache
def _palette(base: tuple[str, ...]) -> Image.Image:
    """Return a palette of the base colours, of their edges towards ink and towards paper."""
    from PIL import Image

    grounds = np.array([_rgb(colour) for colour in (PAPER, *base)])
    dark, light = np.array(_rgb(INK)), np.array(_rgb(PAPER))
    edges = [grounds + share * (dark - grounds) for share in (1 / 3, 2 / 3)] + [(grounds + light) / 2]
    wanted = np.round(np.vstack([grounds, [dark], *edges]) * 255).astype(int)
    colours: list[np.ndarray] = []
    for colour in wanted:
        # Pillow looks colours up in a coarse cache: two entries closer than this would stand for one another.
        if len(colours) < 256 and all(np.abs(colour - other).max() >= 12 for other in colours):
            colours.append(colour)
    padded = colours + colours[:1] * (256 - len(colours))
    image = Image.new("P", (1, 1))
    image.putpalette(np.array(padded, dtype=np.uint8).tobytes())
    return image


def png_bytes(figure: Figure, *, base: tuple[str, ...] = ()) -> bytes:
    r"""Draw a figure and return it as a palette PNG without date or software stamp.

    Parameters
    ----------
    figure : Figure
        Made by `new_figure`.
    base : tuple of str
        The colours of the figure as ``#rrggbb``, if they are few and known: they then appear exactly, and their edges
        towards ink and paper are added. By default a palette of 160 colours is taken from the picture.

    Returns
    -------
    bytes
        The same for the same picture.

    Examples
    --------
    >>> with styled():
    ...     figure = new_figure(2, 1)
    ...     _ = figure.text(0.1, 0.5, "积水")
    ...     png_bytes(figure)[:4], png_bytes(figure) == png_bytes(figure)
    (b'\x89PNG', True)
    """
    figure.canvas.draw()
    return drawn_png(figure, base=base)


def drawn_png(figure: Figure, *, base: tuple[str, ...] = ()) -> bytes:
    """Return what stands on the canvas of a figure, as `png_bytes` does, without drawing again.

    Parameters
    ----------
    figure : Figure
        Made by `new_figure` and drawn.
    base : tuple of str
        As for `png_bytes`.
    """
    from PIL import Image

    canvas: Any = figure.canvas
    rgb = np.asarray(canvas.buffer_rgba())[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    if base:
        image = picture.quantize(palette=_palette(base), dither=Image.Dither.NONE)
    else:
        # The octree is five times faster than the median cut and keeps large flat colours to within 2 of 255.
        image = picture.quantize(colors=160, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=6, dpi=(figure.dpi, figure.dpi))
    return buffer.getvalue()
