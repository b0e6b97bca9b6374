"""The bulletin as plain text, complete without any other part of the mail: Chinese first, then English."""

from __future__ import annotations

from typing import Any

from reports.bulletin.model import Bulletin
from reports.bulletin.view import bulletin_view
from reports.words import ACTION_WORDS, LANGUAGES, STATUS_BANNERS, local
from risk_models.levels import Level

__all__ = ["subject", "to_text"]

_RULE = "=" * 64


def subject(bulletin: Bulletin) -> str:
    """Return the subject of the mail: status, level, action, area, issue time, and the demonstration mark.

    Always one line; names were cleaned of control characters when the bulletin was built.
    """
    at = f"{local(bulletin.issued_at, bulletin.zone):%Y-%m-%d %H:%M}"
    if bulletin.is_end:
        told = f"解除{bulletin.level.zh}预警 All-clear"
    elif bulletin.level is Level.UNKNOWN:
        told = "等级未知 Level unknown"
    else:
        words = ACTION_WORDS[bulletin.action]
        told = f"{bulletin.level.zh}预警·{words.zh} {bulletin.level.en} warning, {words.en.lower()}"
    area = bulletin.area.zh.removeprefix(bulletin.district.zh) or bulletin.area.zh
    marks = STATUS_BANNERS[bulletin.status].zh + ("【待批准草稿】" if bulletin.draft else "")
    demonstration = "（演示数据 demonstration data）" if bulletin.demonstration else ""
    return f"{marks}【{told}】{area} {at}{demonstration}"


def to_text(bulletin: Bulletin) -> str:
    """Return the bulletin as text with bare line feeds.

    Parameters
    ----------
    bulletin : Bulletin

    Returns
    -------
    str
        Chinese, a rule, English.
    """
    parts = ["\n".join(_lines(bulletin_view(bulletin, lang))) for lang in LANGUAGES]
    return f"\n\n{_RULE}\n\n".join(parts) + "\n"


def _lines(view: dict[str, Any]) -> list[str]:
    words, colon = view["labels"], "：" if view["lang"] == "zh" else ": "
    lines = [*view["banners"], view["issuer"], view["title"], "", view["headline"], ""]
    lines += [f"{label}{colon}{value}" for label, value in view["facts"]]
    lines += _block(words["acknowledgement"], [view["acknowledgement"]], colon)
    lines += _block(words["contact"], [view["contact"]], colon)
    lines += _block(words["cautions"], view["cautions"], colon)
    for section in view["sections"]:
        lines += _block(section["label"], section["lines"], colon)
    lines += ["", f"{words['hotspots']}{colon}".rstrip()]
    for row in view["hotspots"]:
        lines += _hotspot(row, words, colon)
    lines += [view["hotspots_note"], "", f"{words['measures']}{colon}".rstrip()]
    lines += [f"- {line}" for line in view["guidance"]]
    for measure in view["measures"]:
        lines += _measure(measure, words, colon)
    if view["measures_note"]:
        lines.append(view["measures_note"])
    lines += _block(words["basis"], view["basis"], colon)
    lines += _block(words["decision"], [view["decision"]], colon)
    return [*lines, "", view["profile"], view["message"]]


def _block(label: str, texts: list[str], colon: str) -> list[str]:
    """Return a labelled paragraph: on one line if it is one, else as a list."""
    kept = [text for text in texts if text]
    if not kept:
        return []
    if len(kept) == 1:
        return ["", f"{label}{colon}{kept[0]}"]
    return ["", f"{label}{colon}".rstrip(), *(f"- {text}" for text in kept)]


def _hotspot(row: dict[str, Any], words: dict[str, str], colon: str) -> list[str]:
    lines = [
        f"{row['rank']}. [{row['level']}] {row['name']} ({row['kind']}, {row['id']})",
        f"   {words['depth']} {row['depth']} | {words['p15']} {row['p15']} | {words['p50']} {row['p50']}",
        f"   {words['first']} {row['first']} | {words['first50']} {row['first50']} | {words['peak']} {row['peak']}",
        f"   {words['owner']}{colon}{row['owner']} {row['phone']}",
    ]
    return [*lines, f"   {row['reason']} {row['marks']}"] if row["detailed"] else lines


def _measure(measure: dict[str, Any], words: dict[str, str], colon: str) -> list[str]:
    lines = [
        f"{measure['rank']}. {measure['name']} [{words['due']}{colon}{measure['due']}] {measure['clauses']}",
        f"   {words['unit']}{colon}{measure['owner']} {measure['phone']}",
        f"   {words['team']}{colon}{measure['team']}",
        f"   {words['shelter']}{colon}{measure['shelter']}",
    ]
    if measure["detailed"]:
        lines.append(f"   {words['plan']}{colon}{measure['plan']}")
    if measure["shortfall"]:
        lines.append(f"   {words['shortfall']}{colon}{measure['shortfall']}")
    return lines
