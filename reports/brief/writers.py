"""The writers of a district brief: text and HTML for a mail, and one page A4. One language each."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports.brief.model import DistrictBrief, PlaceLine, WarningLine
from reports.bulletin.pack import pack_pdf
from reports.fonts import SANS, font_folder, printable
from reports.words import Lang, Text, day_hour, level_name, local, moment, short_moment, shortened
from risk_models.levels import Level

__all__ = ["brief_html", "brief_pdf", "brief_subject", "brief_text"]

LABELS: Final = {
    "title": Text("防汛简报", "Flood brief"),
    "standing": Text("仍有积水", "Water still stands"),
    "unchecked": Text("未核查（积水过，尚无人看到已退）", "Not checked (water stood, nobody has seen it dry)"),
    "warnings": Text("有效预警", "Warnings in force"),
    "changes": Text("较上次简报", "Since the last brief"),
    "expected": Text("未来几小时", "Next hours"),
    "next": Text("下次简报", "Next brief"),
    "place": Text("地点", "Place"),
    "town": Text("镇办", "Town"),
    "since": Text("起始", "Since"),
    "depth": Text("水深", "Depth"),
    "source": Text("依据", "Seen by"),
    "level": Text("等级", "Level"),
}
_NATURE: Final = Text(
    "本简报通报情况，不下达指令，无需回复；行动以预警通报为准。",
    "This brief informs; it gives no order and needs no reply. Act by the warning bulletins.",
)
_SIGNED: Final = Text("签发：{}", "Signed by: {}")
_MORE: Final = Text("另有{}处，未在此列出。", "{} more are not listed here.")
_MAIL: Final = (60, 300, 60)
_SIZES: Final = (
    *((26, 300, 30), (26, 220, 24), (22, 160, 24), (18, 110, 20), (14, 80, 18)),
    *((10, 60, 14), (6, 30, 10), (2, 8, 7)),
)
"""Rows of standing places, names of those not checked, and width of names; the first that fits one page is taken."""

_PAGE: Final = re.compile(rb"/Type\s*/Page\b")
_COMMA: Final = Text("、", ", ")
_TEMPLATES: Final = Path(__file__).resolve().parent.parent / "templates" / "brief"


def brief_subject(brief: DistrictBrief) -> str:
    """Return the subject of the mail, in both languages."""
    at = local(brief.slot, brief.zone)
    zh = f"积水{len(brief.standing)}处、未核查{len(brief.unchecked)}处"
    en = f"Flood brief: {len(brief.standing)} standing, {len(brief.unchecked)} not checked"
    marks = "".join(f"（{mark.zh.partition('：')[0]} {mark.en.partition(':')[0]}）" for mark in brief.marks)
    return f"【防汛简报】{shortened(brief.district.zh, 20)} {at:%m-%d %H:%M} {zh} / {en}{marks}"


def brief_text(brief: DistrictBrief, lang: Lang = "zh") -> str:
    """Return the brief as plain text, complete but for rows beyond those of the mail."""
    view = _view(brief, lang, _MAIL)
    words, colon = view["labels"], "：" if lang == "zh" else ": "
    lines = [*view["marks"], f"{view['title']} {view['at']}", view["known"], *view["cautions"], "", view["headline"]]
    if view["standing"]["rows"]:
        lines += ["", f"{words['standing']}{colon}".rstrip()]
        lines += [f"{n}. {_line(row, lang)}" for n, row in enumerate(view["standing"]["rows"], 1)]
        lines += [view["standing"]["more"]] if view["standing"]["more"] else []
    lines += ["", f"{words['warnings']}{colon}".rstrip()]
    lines += [f"- {row['level']}{colon}{row['towns']}" for row in view["warnings"]]
    for key in ("changes", "expected"):
        lines += ["", f"{words[key]}{colon}".rstrip(), *(f"- {line}" for line in view[key])]
    if view["unchecked"]["rows"]:
        lines += ["", f"{words['unchecked']}{colon}".rstrip()]
        lines += [f"- {row['town']}{colon}{row['names']}" for row in view["unchecked"]["rows"]]
        lines += [view["unchecked"]["more"]] if view["unchecked"]["more"] else []
    lines += ["", f"{words['next']}{colon}{view['next']}", view["nature"], view["contact"], brief.number]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, str], lang: Lang) -> str:
    since = row["since"] and (f"{row['since']}起" if lang == "zh" else f"since {row['since']}")
    parts = [f"{row['name']}（{row['town']}）" if lang == "zh" else f"{row['name']} ({row['town']})", row["depth"]]
    return ("，" if lang == "zh" else ", ").join(filter(None, [*parts, since, row["source"]]))


def brief_html(brief: DistrictBrief, lang: Lang = "zh") -> str:
    """Return the brief as one HTML document for a mail, without scripts or remote parts."""
    view = _view(brief, lang, _MAIL)
    return _template().render(view=view, levels=list(Level))


def brief_pdf(brief: DistrictBrief, lang: Lang = "zh") -> bytes:
    """Return the brief as PDF/UA-1 of one page; the same brief gives the same bytes.

    The longer its lists, the fewer rows and the shorter names are shown, and how many are left out is said.

    Raises
    ------
    ValueError
        If even the shortest form needs a second page.
    """
    for limits in _SIZES:
        document = _compiled(brief, _view(brief, lang, limits))
        if len(_PAGE.findall(document)) == 1:
            return pack_pdf(document)
    raise ValueError(f"{brief.number} does not fit on one page")


def _compiled(brief: DistrictBrief, view: dict[str, Any]) -> bytes:
    at = local(brief.slot, brief.zone)
    data = {"font": SANS, "view": view, "date": [at.year, at.month, at.day, at.hour, at.minute]}
    document = _compiler().compile(
        input=(_TEMPLATES / "brief.typ").read_bytes(),
        format="pdf",
        sys_inputs={"data": printable(json.dumps(data, ensure_ascii=False))},
        pdf_standards=["ua-1"],
        timestamp=int(brief.slot.astimezone(UTC).timestamp()),
    )
    if not isinstance(document, bytes):
        raise TypeError(f"typst returned {type(document).__name__}, not one PDF")
    return document


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(font_folder())])
    return typst.Compiler(font_paths=fonts)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("brief.html.j2")


def _view(brief: DistrictBrief, lang: Lang, limits: tuple[int, int, int]) -> dict[str, Any]:
    """Return what every form shows, as plain values in one language, within limits as in `_SIZES`."""
    zone, (rows, names, width) = brief.zone, limits
    return {
        "lang": lang,
        "labels": {key: words[lang] for key, words in LABELS.items()},
        "marks": [mark[lang] for mark in brief.marks if mark[lang]],
        "title": f"{shortened(brief.district[lang], 40)}{'' if lang == 'zh' else ': '}{LABELS['title'][lang]}",
        "at": moment(brief.slot, lang, zone),
        "known": _known(brief, lang),
        "cautions": [shortened(line[lang], 120) for line in brief.cautions],
        "headline": _headline(brief, lang),
        "is_wet": bool(brief.standing or brief.unknown),
        "standing": _places(brief.standing, lang, zone, rows=rows, width=width),
        "unchecked": _by_town(brief.unchecked, lang, names=names, width=width),
        "warnings": [
            {
                "key": str(line.level),
                "level": level_name(line.level, lang),
                "fill": line.level.fill,
                "ink": line.level.ink,
                "towns": _ends(line, lang, zone, width),
            }
            for line in brief.warnings
        ],
        "changes": [line[lang] for line in brief.changes],
        "expected": [line[lang] for line in brief.expected],
        "next": _next(brief.next_at, lang, zone),
        "nature": _NATURE[lang],
        "contact": _contact(brief, lang),
        "number": brief.number,
    }


def _known(brief: DistrictBrief, lang: Lang) -> str:
    at = short_moment(brief.known_at, lang, brief.zone)
    return f"资料截至{at}" if lang == "zh" else f"As known at {at}"


def _headline(brief: DistrictBrief, lang: Lang) -> str:
    """Say how many places stand, are not checked, are unknown; nothing known to stand is not the same as dry."""
    towns = sum(len(names) for line in brief.warnings for _, names in line.ends)
    standing, unchecked, unknown = len(brief.standing), len(brief.unchecked), brief.unknown
    if lang == "zh":
        parts = [f"仍有积水{standing}处" if standing else "没有已知的积水点", f"未核查{unchecked}处"]
        parts += [f"现状未知{unknown}处"] if unknown else []
        return "，".join([*parts, f"{towns}个镇办预警有效"])
    parts = [f"Water still stands at {standing}" if standing else "No place is known to have standing water"]
    parts += [f"{unchecked} not checked", *([f"{unknown} unknown"] if unknown else [])]
    return ", ".join([*parts, f"warnings in force: {towns} town{'' if towns == 1 else 's'}"])


def _places(lines: Sequence[PlaceLine], lang: Lang, zone: str, *, rows: int, width: int) -> dict[str, Any]:
    left = len(lines) - rows
    return {
        "count": len(lines),
        "rows": [_row(line, lang, zone, width) for line in lines[:rows]],
        "more": _MORE[lang].format(left) if left > 0 else "",
    }


def _by_town(lines: Sequence[PlaceLine], lang: Lang, *, names: int, width: int) -> dict[str, Any]:
    """Return names by town, towns in the order of their first place."""
    towns: dict[str, list[PlaceLine]] = {}
    for line in lines[:names]:
        towns.setdefault(line.town_code, []).append(line)
    comma, left, counts = _COMMA[lang], len(lines) - names, Counter(line.town_code for line in lines)
    rows = [
        {
            "town": f"{shortened(ones[0].town[lang], width)} {counts[code]}",
            "names": comma.join(shortened(one.name[lang], width) for one in ones),
        }
        for code, ones in towns.items()
    ]
    return {"count": len(lines), "rows": rows, "more": _MORE[lang].format(left) if left > 0 else ""}


def _ends(line: WarningLine, lang: Lang, zone: str, width: int) -> str:
    """Say which towns have a level, and until when."""
    parts = []
    for end, towns in line.ends:
        at = day_hour(end, lang, zone)
        names = _COMMA[lang].join(shortened(town[lang], width) for town in towns)
        parts.append(f"{names}至{at}" if lang == "zh" else f"{names} until {at}")
    return ("；" if lang == "zh" else "; ").join(parts)


def _row(line: PlaceLine, lang: Lang, zone: str, width: int) -> dict[str, str]:
    since: datetime | None = line.since
    return {
        "name": shortened(line.name[lang], width),
        "town": shortened(line.town[lang], width),
        "since": short_moment(since, lang, zone) if since else "",
        "depth": line.depth[lang],
        "source": shortened(line.source[lang], 24),
    }


def _next(at: datetime | None, lang: Lang, zone: str) -> str:
    always = Text("等级、地点、时间有变时另发通报", "a bulletin comes before when level, place or time changes")[lang]
    if at is None:
        return always
    return (
        f"{day_hour(at, lang, zone)}（预警仍有效时）；{always}"
        if lang == "zh"
        else (f"{day_hour(at, lang, zone)} if a warning is then in force; {always}")
    )


def _contact(brief: DistrictBrief, lang: Lang) -> str:
    signed = _SIGNED[lang].format(shortened(brief.officer, 20)) if brief.officer else ""
    return "  ".join(filter(None, (shortened(brief.bureau[lang], 40), brief.phone, signed)))
