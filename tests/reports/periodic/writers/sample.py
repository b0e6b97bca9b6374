"""A document with every kind of block, in both languages, for the writers."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

from PIL import Image

from reports.periodic.content import Document, DocumentBuilder, Metadata

LINES_PER_PAGE, CHARACTERS_PER_LINE = 22, 28  # GB/T 9704-2012
HOSTILE = '#panic("x") $x^2$ \\ @ref *b* _i_ <b>alert</b> &amp; {{ meta }} {banner}'
TITLES = {
    "zh": "2021年7月二七区\n洪涝灾害综合风险分析报告（月报）",
    "en": "Flood-risk report of Erqi District\nJuly 2021",
}
ISSUED = {
    "zh": ("二七区应急管理局", "2021年8月1日"),
    "en": ("Erqi District Emergency Management Bureau", "1 August 2021"),
}
_SAID: dict[str, dict[str, str]] = {
    "zh": {
        "banner": "演示数据，非真实情况", "footer": "五预：预测、预报、预警、预演、预案", "summary": "摘要",
        "section": "前期回顾", "sub": "降雨情况", "point": "重点时段", "subpoint": "下穿通道",
        "note": "注：等级由模型计算。",
        "body": "7月19日至21日，郑州站过程雨量617.1毫米，最大小时雨量201.9毫米，超出暴雨公式100年一遇的范围。",
        "item": "立即封闭通道并设岗值守（市政设施管理所，20时前）。", "sign": "会商负责人（签字）：        日期：",
        "table": "各镇办最高等级", "wide": "逐日雨量", "figure": "各历时最大雨量", "alt": "各历时最大雨量均高于公式值",
    },
    "en": {
        "banner": "Demonstration data, not a real situation", "footer": "Five-pre: outlook to plan",
        "summary": "Summary",
        "section": "Review", "sub": "Rain", "point": "Key dates", "subpoint": "Underpasses",
        "note": "Note: levels come from a model.",
        "body": "From 19 to 21 July 617.1 mm fell at Zhengzhou, 201.9 mm of it in one hour, beyond the 100-year rain.",
        "item": "Close the passage at once and post guards (municipal works, by 20:00).",
        "sign": "Chair (signature):        Date:", "table": "Highest level by town", "wide": "Rain by day",
        "figure": "Greatest amounts by duration", "alt": "All greatest amounts exceed the formula",
    },
}  # fmt: skip


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 120), "#8fbcdb").save(buffer, format="PNG")
    return buffer.getvalue()


def meta(lang: Any, **changes: Any) -> Metadata:
    said = _SAID[lang]
    fields = {
        "title": TITLES[lang], "organisation": ISSUED[lang][0], "lang": lang, "issued_on": date(2021, 8, 1),
        "subject": said["section"], "keywords": ("a", "b"), "banner": said["banner"], "footer": said["footer"],
    }  # fmt: skip
    return Metadata(**{**fields, **changes})


def every_kind(lang: Any, *, repeat: int = 1, rows: int = 60, hostile: bool = False, **changes: Any) -> Document:
    """Return a document with every kind of block; `repeat` makes it longer, `rows` its first table."""
    said = _SAID[lang]
    out = DocumentBuilder(meta(lang, **changes))
    out.heading(said["summary"])
    out.prose(said["body"], HOSTILE if hostile else said["body"])
    for _ in range(repeat):
        out.section(said["section"])
        out.subsection(said["sub"])
        out.prose(said["body"])
        out.point(said["point"])
        out.prose(said["item"], style="item")
        out.subpoint(said["subpoint"])
        out.prose(said["body"])
        cells = [(f"town {row}", str(row), "Ⅰ" if row % 2 else "—") for row in range(rows)]
        out.table(said["table"], ("A", "B", "C"), cells, align=("left", "right", "center"), widths=(3, 1, 1))
        out.note(said["note"])
        wide = [tuple(f"{row}.{column}" for column in range(10)) for row in range(3)]
        out.table(said["wide"], tuple(f"c{k}" for k in range(10)), wide, align=("right",) * 10)
        out.figure(picture(), said["figure"], alt=said["alt"])
    out.prose(said["sign"], style="signature")
    out.issued(*ISSUED[lang])
    return out.build()
