"""The bulletin as plain text, complete without any other part of the mail: Chinese first, then English."""

from __future__ import annotations

from typing import Any

from reports.bulletin.model import Bulletin
from reports.bulletin.view import bulletin_view
from reports.words import ACTION_WORDS, LANGUAGES, STATUS_BANNERS, Lang, local
from risk_models.levels import Level

__all__ = ["subject", "to_mail_text", "to_text"]

_RULE = "=" * 64


def subject(bulletin: Bulletin) -> str:
    """Return the subject of the mail: status, level, action, area, issue time, and the mark of demonstration data
    and further ones.

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
    further = "".join(f"（{mark.zh.partition('：')[0]} {mark.en.partition(':')[0]}）" for mark in bulletin.marks)
    return f"{marks}【{told}】{area} {at}{demonstration}{further}"


def to_mail_text(bulletin: Bulletin, lang: Lang = "zh", *, ack_url: str | None = None) -> str:
    """Return what a mail says as text: the five facts, then a row for each place.

    Parameters
    ----------
    bulletin : Bulletin
    lang : {"zh", "en"}
    ack_url : str or None
        Where the recipient confirms the receipt.
    """
    view = bulletin_view(bulletin, lang)
    words, colon = view["labels"], "：" if lang == "zh" else ": "
    lines = [*view["banners"], *_first(view, ack_url)]
    lines += _block(words["cautions"], view["cautions"], colon)
    lines += _block(words["issued_signal"], view["issued_signals"], colon)
    lines += ["", f"{words['places']}{colon}".rstrip()]
    for row in view["places"]:
        lines += [" | ".join(filter(None, (f"{row['rank']}. [{row['level']}] {row['name']}", row["now"])))]
        told = (row["kind"], row["what"], row["when"], f"{row['unit']} {row['owner']} {row['phone']}")
        lines += [f"   {' | '.join(told)}"]
        lines += [f"   [{row['due']}] {row['clauses']}"] if row["clauses"] else []
        rest = " | ".join(filter(None, (row["team"], row["shelter"])))
        lines += [f"   {rest}"] if rest else []
    lines += [view["places_note"], "", f"{words['contact']}{colon}{view['contact']}"]
    return "\n".join(lines) + "\n"


def _first(view: dict[str, Any], ack_url: str | None) -> list[str]:
    """Return the five facts, each a line or a few."""
    first, lang = view["first"], view["lang"]
    words, colon = first["words"], "：" if lang == "zh" else ": "

    def line(key: str) -> list[str]:
        return [f"{words[key]}{colon}{first[key]}"] if first[key] else []

    lines = [f"【{first['kind']}】{first['place']}" if lang == "zh" else f"[{first['kind']}] {first['place']}"]
    lines += [*line("standing"), *line("unchecked"), *line("exception"), *line("danger"), *line("valid_to")]
    lines += [f"{words['do_now']}{colon}".rstrip()] if first["orders"] else []
    for number, order in enumerate(first["orders"], 1):
        lines += [" | ".join(filter(None, (f"{number}. {order['full']}", order["unit"], order["due"])))]
    lines += line("answer")
    lines += [f"{view['labels']['ack_link']}{colon}{ack_url}"] if ack_url else []
    return [*lines, *line("next")]


def to_text(bulletin: Bulletin, *, ack_url: str | None = None) -> str:
    """Return the whole bulletin in both languages as text with bare line feeds: the copy that is kept.

    Parameters
    ----------
    bulletin : Bulletin
    ack_url : str or None
        Where the recipient confirms the receipt; a mail carries it, a file on disk does not.

    Returns
    -------
    str
        Chinese, a rule, English.
    """
    parts = ["\n".join(_lines(bulletin_view(bulletin, lang), ack_url)) for lang in LANGUAGES]
    return f"\n\n{_RULE}\n\n".join(parts) + "\n"


def _lines(view: dict[str, Any], ack_url: str | None) -> list[str]:
    words, colon = view["labels"], "：" if view["lang"] == "zh" else ": "
    lines = [*view["banners"], *_first(view, None), "", view["issuer"], view["title"], "", view["headline"], ""]
    lines += [f"{label}{colon}{value}" for label, value in view["facts"]]
    lines += _block(words["acknowledgement"], [view["acknowledgement"]], colon)
    lines += [f"{words['ack_link']}{colon}{ack_url}"] if ack_url else []
    lines += _block(words["contact"], [view["contact"]], colon)
    lines += _block(words["cautions"], view["cautions"], colon)
    lines += _block(view["reason"]["label"], view["reason"]["lines"], colon)
    lines += ["", f"{words['urgent']}{colon}".rstrip(), *(f"- {line}" for line in view["guidance"])]
    for row in view["urgent"]:
        lines += [
            f"{row['number']}. {row['name']} [{row['due']}] {row['clauses']}",
            f"   {words['unit']}{colon}{row['owner']} {row['phone']}",
        ]
    lines += [view["urgent_note"]] if view["urgent_note"] else []
    for section in (view["impacts"], *view["rain"]):
        lines += _block(section["label"], section["lines"], colon)
    lines += ["", f"{words['hotspots']}{colon}".rstrip()]
    for row in view["hotspots"]:
        lines += _hotspot(row, words)
    lines.append(view["hotspots_note"])
    if view["measures"]:
        lines += ["", f"{words['measures']}{colon}".rstrip()]
        for measure in view["measures"]:
            lines += _measure(measure, words, colon)
    if view["others"]:
        lines += ["", f"{words['others']}{colon}".rstrip(), *map(_brief, view["others"]), view["others_note"]]
    lines += _block(words["headquarters"], view["headquarters"], colon)
    lines += _block(words["decision"], [view["decision"]], colon)
    lines += _block(words["basis"], view["basis"], colon)
    return [*lines, "", view["profile"], view["message"]]


def _block(label: str, texts: list[str], colon: str) -> list[str]:
    """Return a labelled paragraph: on one line if it is one, else as a list."""
    kept = [text for text in texts if text]
    if not kept:
        return []
    if len(kept) == 1:
        return ["", f"{label}{colon}{kept[0]}"]
    return ["", f"{label}{colon}".rstrip(), *(f"- {text}" for text in kept)]


def _hotspot(row: dict[str, Any], words: dict[str, str]) -> list[str]:
    told = [
        f"{row['rank']}. [{row['level']}] {row['name']} {row['id']}",
        f"{words['depth']} {row['depth']}",
        f"{words['p15']} {row['p15']}",
        f"{words['p50']} {row['p50']}",
        f"{words['first']} {row['first']}",
        f"{words['owner']} {row['owner']} {row['phone']}",
    ]
    lines = [" | ".join(told)]
    if row["detailed"]:
        times = f"{words['first50']} {row['first50']} | {words['peak']} {row['peak']}"
        lines.append(f"   {row['kind']} | {times} | {words['unit']} {row['unit']} {row['marks']}")
        lines += [f"   {row['reason']}"] if row["reason"] else []
    return lines


def _measure(measure: dict[str, Any], words: dict[str, str], colon: str) -> list[str]:
    lines = [
        f"{measure['rank']}. {measure['name']} [{words['due']}{colon}{measure['due']}] {measure['clauses']}",
        f"   {words['unit']}{colon}{measure['owner']} {measure['phone']}",
        f"   {words['team']}{colon}{measure['team']}",
        f"   {words['shelter']}{colon}{measure['shelter']}",
        f"   {words['plan']}{colon}{measure['plan']}",
    ]
    if measure["shortfall"]:
        lines.append(f"   {words['shortfall']}{colon}{measure['shortfall']}")
    return lines


def _brief(measure: dict[str, Any]) -> str:
    """Return a less urgent measure as one line."""
    parts = [
        f"{measure['rank']}. {measure['name']} [{measure['due']}]",
        f"{measure['plan']} {measure['clauses']}",
        f"{measure['owner']} {measure['phone']}",
        measure["team"],
        measure["shelter"],
    ]
    return " | ".join(parts)
