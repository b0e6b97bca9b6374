"""The first page of a run: the storm hour by hour, and the way to everything that was made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd

from reports.story.facts import Hour, StoryInputs, mail_rows, short_name, timeline_hours, told
from reports.words import DEMONSTRATION, Text, day_time, local, moment, plain
from risk_models.files import write_whole
from risk_models.levels import Level
from risk_models.warning.authority import Authority

__all__ = ["story_html", "write_story"]

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "story"
# What the files of a run are, by their folder or name, in the order of the list.
_KINDS = (
    ("onemap.html", Text("防汛风险一张图（可离线打开）", "Flood-risk map, opens without a network")),
    ("reports/", Text("月度风险分析报告", "Monthly risk report")),
    ("rehearsal/", Text("设计暴雨预演", "Design-storm rehearsal")),
    ("ledger.sqlite", Text("台账：每次研判、预警、投递", "Ledger of cycles, warnings and deliveries")),
)


def write_story(inputs: StoryInputs, path: Path) -> Path:
    """Write the story page.

    Parameters
    ----------
    inputs : StoryInputs
    path : Path
        Target file, in the folder that `inputs.files` is relative to.

    Returns
    -------
    Path
        `path`.
    """
    return write_whole(path, story_html(inputs))


def story_html(inputs: StoryInputs) -> str:
    """Return the story page as HTML: no script, no outside file; the same inputs give the same text.

    Parameters
    ----------
    inputs : StoryInputs

    Returns
    -------
    str
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    identity = inputs.district.settings.district
    timeline = timeline_hours(inputs)
    statuses, mails = mail_rows(inputs.deliveries)
    return environment.get_template("index.html.j2").render(
        name=Text(plain(identity.name.zh), plain(identity.name.en)),
        bureau=Text(plain(identity.bureau.zh), plain(identity.bureau.en)),
        banner=DEMONSTRATION if identity.demonstration else None,
        warnings=inputs.marks,
        zone=identity.timezone,
        headlines=_headlines(inputs, timeline),
        links=_links(inputs.files),
        has_map="onemap.html" in inputs.files,
        towns=[short_name(row) for _, row in inputs.district.towns.iterrows()],
        timeline=timeline,
        levels=(Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE, Level.NONE, Level.UNKNOWN),
        marks={
            Level.RED: "1",
            Level.ORANGE: "2",
            Level.YELLOW: "3",
            Level.BLUE: "4",
            Level.NONE: "",
            Level.UNKNOWN: "?",
        },
        gauge=_gauge(inputs),
        risk_files=_risk_files(inputs),
        statuses=statuses,
        mails=mails,
        n_mailbox=sum(file.startswith("mailbox/") for file in inputs.files),
        css=(_TEMPLATES / "story.css").read_text(encoding="utf-8"),
    )


def _gauge(inputs: StoryInputs) -> Text:
    """Return the reference gauge in words."""
    gauges, gauge = inputs.district.gauges, inputs.reference_gauge
    name = plain(gauges.loc[gauge, "gauge_name"]) if gauge in gauges.index else ""
    return Text(f"{name}（{gauge}）" if name else gauge, gauge)


def _headlines(inputs: StoryInputs, timeline: list[Hour]) -> list[tuple[str, Text]]:
    """Return the facts on top: a number, and what it is."""
    zone = inputs.district.settings.district.timezone
    facts = []
    measured = [hour for hour in timeline if hour.rain_mm is not None]
    if measured:
        top = max(measured, key=lambda hour: hour.rain_mm or 0.0)
        at = pd.Timestamp(top.iso)
        words = Text(
            f"最大小时雨量，{moment(at, 'zh', zone, year=False)}止",
            f"heaviest hour, ending {moment(at, 'en', zone, year=False)}",
        )
        facts.append((f"{top.rain_mm:.1f} mm", words))
        total = sum(hour.rain_mm or 0.0 for hour in measured)
        facts.append((f"{total:.1f} mm", Text(f"{len(measured)}个小时累计雨量", f"total of {len(measured)} hours")))
    worst = max(timeline, key=lambda hour: tuple(number for _, number in hour.counts[:4]))
    at = pd.Timestamp(worst.iso)
    facts.append(
        (
            str(worst.counts[0][1]),
            Text(
                f"红色风险点，{moment(at, 'zh', zone, year=False)}",
                f"red hotspots at {moment(at, 'en', zone, year=False)}",
            ),
        )
    )
    red = max(sum(level == Level.RED for level in hour.towns) for hour in timeline)
    facts.append(
        (f"{red}/{len(inputs.district.towns)}", Text("同时红色的镇办（最多）", "towns red at the same time, at most"))
    )
    return facts + _warning_headlines(inputs, zone)


def _warning_headlines(inputs: StoryInputs, zone: str) -> list[tuple[str, Text]]:
    """Return the facts about warnings and mail."""
    facts, known = [], told(inputs)
    signed = [one for one, _ in known if one.signed_at is not None]
    waiting = sum(state is Authority.WAITING for _, state in known)
    if signed:
        n_warnings = len({one.warning_id for one in signed})
        facts.append((str(n_warnings), Text(f"次预警，{len(signed)}份通报", f"warnings in {len(signed)} bulletins")))
        red = [one.issued_at for one in signed if one.level == Level.RED]
        if red:
            facts.append((day_time(min(red), zone), Text("首次红色预警", "first red warning")))
    if waiting:
        facts.append((str(waiting), Text("份预警待签发，未生效", "warnings wait for a signature: not in force")))
    if not inputs.deliveries.empty:
        facts.append((str(len(inputs.deliveries)), Text("封预警邮件", "warning mails")))
    return facts


def _links(files: Any) -> list[tuple[Text, list[tuple[str, str]]]]:
    """Return the products of the run with their files: (what it is, [(name, address)])."""
    known = sorted(files)
    groups = []
    for start, words in _KINDS:
        found = [(path.rsplit("/", 1)[-1], quote(path)) for path in known if path.startswith(start)]
        if found:
            groups.append((words, found))
    return groups


def _risk_files(inputs: StoryInputs) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the risk tables by local hour: (hour, [(ending, address)])."""
    zone = inputs.district.settings.district.timezone
    by_stem: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(inputs.files):
        if path.startswith("risk/"):
            stem, _, ending = path.removeprefix("risk/").partition(".")
            by_stem.setdefault(stem, []).append((ending, quote(path)))
    return [(_stem_label(stem, zone), links) for stem, links in by_stem.items()]


def _stem_label(stem: str, zone: str) -> str:
    """Return the local hour of a file name such as 20210720T0900Z; the name itself if it is none."""
    at = pd.to_datetime(stem, format="%Y%m%dT%H%MZ", utc=True, errors="coerce")
    return stem if pd.isna(at) else f"{local(at, zone):%m-%d %H:%M}"
