"""The bulletin as PDF: A4, Chinese pages first, then English; tagged, with bookmarks and embedded fonts.

All content reaches the template as JSON, so a name can never be read as markup.
"""

from __future__ import annotations

import json
import math
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

import typst

from reports.bulletin.model import Bulletin, HotspotLine
from reports.bulletin.pack import pack_pdf
from reports.bulletin.view import bulletin_view
from reports.figures.gauge import TICKS_M, scale_end, stretch
from reports.fonts import SANS, font_folder, printable
from reports.style import tint
from reports.words import LANGUAGES, local
from risk_models.levels import Level

__all__ = ["to_pdf"]

_TEMPLATE = Path(__file__).resolve().parent.parent / "templates" / "bulletin" / "bulletin.typ"
_CLASS_STARTS_M = (0.0, 0.05, 0.15, 0.27, 0.5)
_CLASS_LABELS = ("<5", "5–15", "15–27", "27–50", "≥50")
_LABELLED_FROM = 0.12  # share of the bar below which a label does not fit
_GAUGED_MAX = 6  # with more hotspots the table needs the room, and says the same


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(font_folder())])
    return typst.Compiler(font_paths=fonts)


def to_pdf(bulletin: Bulletin, *, map_png: bytes | None = None) -> bytes:
    """Return the bulletin as PDF/UA-1.

    Parameters
    ----------
    bulletin : Bulletin
    map_png : bytes, optional
        Level map (`reports.figures.LevelMap`); it speaks both languages and stands once.

    Returns
    -------
    bytes
        The same for the same bulletin and map; the document's date is the issue time.
    """
    issued = local(bulletin.issued_at, bulletin.zone)
    data: dict[str, Any] = {
        "font": SANS,
        "views": [bulletin_view(bulletin, lang) for lang in LANGUAGES],
        "issued": [issued.year, issued.month, issued.day, issued.hour, issued.minute],
        "map": map_png is not None,
        "gauge": _gauge(bulletin),
        "chances": _chance_bars(bulletin),
    }
    inputs = {"data": printable(json.dumps(data, ensure_ascii=False))}
    if map_png is not None:
        # The compiler takes only text from memory: the picture goes in as a list of byte values.
        inputs["map"] = json.dumps(list(map_png))
    document = _compiler().compile(
        input=_TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=["ua-1"],
        timestamp=int(bulletin.issued_at.astimezone(UTC).timestamp()),
    )
    if not isinstance(document, bytes):
        raise TypeError(f"typst returned {type(document).__name__}, not one PDF")
    return pack_pdf(document, png=map_png)


def _gauge(bulletin: Bulletin) -> dict[str, Any]:
    """Return the depth gauge as shares of its width, which the template draws; without rows there is none."""
    gauged = [line for line in _drawn(bulletin) if line.sag_known]
    end = scale_end(line.depth_high_m for line in gauged)

    def share(depth_m: float) -> float:
        return stretch(depth_m) / stretch(end)

    starts = [start for start, _ in bulletin.depth_bands]
    bands = [
        {"from": share(start), "to": share(stop), "fill": tint(level.fill, 0.32)}
        for (start, level), stop in zip(bulletin.depth_bands, [*starts[1:], end], strict=True)
    ]
    rows = [
        {
            "name": _name(line),
            "fill": line.level.fill,
            "ink": line.level.ink,
            "roman": line.level.roman,
            "span": [share(line.depth_low_m), share(line.depth_m), share(line.depth_high_m)],
        }
        for line in gauged
        if all(map(math.isfinite, (line.depth_low_m, line.depth_m, line.depth_high_m)))
    ]
    ticks = [{"at": share(tick), "label": f"{tick * 100:.0f}"} for tick in TICKS_M if tick <= end]
    return {"bands": bands, "rows": rows, "ticks": ticks}


def _drawn(bulletin: Bulletin) -> tuple[HotspotLine, ...]:
    return bulletin.hotspots if len(bulletin.hotspots) <= _GAUGED_MAX and not bulletin.is_end else ()


def _name(line: HotspotLine) -> list[str]:
    return [f"{line.rank} {line.name[lang]}" for lang in LANGUAGES]


def _chance_bars(bulletin: Bulletin) -> list[dict[str, Any]]:
    """Return a bar of exclusive depth classes for each hotspot whose sag is not known; its parts sum to its width."""
    fills = [_class_fill(start_m, bulletin.depth_bands) for start_m in _CLASS_STARTS_M]
    bars = []
    for line in _drawn(bulletin):
        if line.sag_known or math.isnan(line.class_chances[0]):
            continue
        *shares, deep, lethal = line.class_chances
        parts = [
            {"width": share, "fill": fill, "label": label if share >= _LABELLED_FROM else ""}
            for share, fill, label in zip([*shares, deep + lethal], fills, _CLASS_LABELS, strict=True)
        ]
        bars.append({"name": _name(line), "parts": parts})
    return bars


def _class_fill(start_m: float, bands: tuple[tuple[float, Level], ...]) -> str:
    """Return the tint of the level that stands for a depth."""
    level = next((level for least_m, level in reversed(bands) if least_m <= start_m), Level.NONE)
    return tint(level.fill, 0.5)
