"""Small tables for the charts of reports, and what is read back from a figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.style import UNKNOWN_HATCH


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
