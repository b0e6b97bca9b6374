"""The storm hour by hour, as plain rows for the story page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from reports.figures.labels import english_place
from reports.words import ACTION_WORDS, AUTHORITY_WORDS, Text, day_time, is_missing, plain
from risk_models.levels import Level
from risk_models.warning.authority import Authority, Revision, last_fact, revisions_of, states_at
from risk_models.warning.records import Action

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["Event", "Hour", "StoryInputs", "bulletin_links", "mail_rows", "timeline_hours", "told"]

# Endings of a bulletin's files, in the order of the links.
_ENDINGS = {".html": "HTML", ".pdf": "PDF", ".cap.xml": "CAP", ".txt": "TXT"}
_ORDER = (Action.NEW, Action.UPG, Action.EXT, Action.DNG, Action.CAN, Action.EXP)
_UNSIGNED = (None, Authority.WAITING, Authority.REFUSED, Authority.OVER)
UNSIGNED_WORDS: dict[Authority | None, Text] = {
    Authority.WAITING: AUTHORITY_WORDS[Authority.WAITING],
    Authority.REFUSED: AUTHORITY_WORDS[Authority.REFUSED],
    Authority.OVER: Text("未签发即失效", "Never signed"),
}
_TOWN_TAILS = ("街道", "管委会", "管理委员会", "镇")


@dataclass(frozen=True, kw_only=True)
class StoryInputs:
    """The tables that the story page stands on.

    Attributes
    ----------
    district : District
    files : sequence of str
        Every file of the run, relative to its folder, with forward slashes.
    cycles : DataFrame
        A row per assessment: valid_at (UTC), rain_mm (reference gauge, hour ending then; NaN unknown), n_red,
        n_orange, n_yellow, n_blue, n_unknown (hotspots).
    town_levels : DataFrame
        valid_at, town_code, level: a row per assessment and town.
    warnings : DataFrame
        A row per revision; columns are the fields of `WarningRecord`, and who stands behind it
        (`risk_models.warning.authority.COLUMNS`).
    deliveries : DataFrame
        A row per mail: recipient, status; may be empty.
    reference_gauge : str
    marks : tuple of Text
        What stands on top beside the mark of demonstration data.
    """

    district: District
    files: Sequence[str]
    cycles: pd.DataFrame
    town_levels: pd.DataFrame
    warnings: pd.DataFrame
    deliveries: pd.DataFrame
    reference_gauge: str = "57083"
    marks: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if self.cycles.empty:
            raise ValueError("a story needs at least one assessment; cycles is empty")


@dataclass(frozen=True)
class Event:
    """Messages of one action and level in one hour; `towns` pairs names with links to the bulletin's files.

    `unsigned` says why it went to nobody; None for what was signed.
    """

    action: Text
    level: Level
    is_end: bool
    unsigned: Text | None
    towns: tuple[tuple[Text, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class Hour:
    """One row of the timeline; `rain_mm` None is unknown, `rain_share` its part (0-1) of the heaviest hour."""

    iso: str
    label: str
    rain_mm: float | None
    rain_share: float
    towns: tuple[Level, ...]
    counts: tuple[tuple[Level, int], ...]
    events: tuple[Event, ...]


def timeline_hours(inputs: StoryInputs) -> list[Hour]:
    """Return the timeline, oldest hour first.

    A message belongs to the assessment at or before its issue, so that nothing between two assessments is lost.

    Parameters
    ----------
    inputs : StoryInputs

    Returns
    -------
    list of Hour
    """
    cycles = inputs.cycles.assign(valid_at=pd.to_datetime(inputs.cycles["valid_at"], utc=True)).sort_values("valid_at")
    most = max(float(cycles["rain_mm"].max()), 1.0) if cycles["rain_mm"].notna().any() else 1.0
    towns = _town_strips(inputs)
    events = _events(inputs, list(cycles["valid_at"]))
    zone = inputs.district.settings.district.timezone
    rows = []
    for _, cycle in cycles.iterrows():
        at = cycle["valid_at"]
        rain_mm = None if is_missing(cycle["rain_mm"]) else float(cycle["rain_mm"])
        levels = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE, Level.UNKNOWN)
        rows.append(
            Hour(
                iso=at.strftime("%Y-%m-%dT%H:%MZ"),
                label=day_time(at, zone),
                rain_mm=rain_mm,
                rain_share=0.0 if rain_mm is None else rain_mm / most,
                towns=towns.get(at, (Level.UNKNOWN,) * len(inputs.district.towns)),
                counts=tuple((level, int(cycle[f"n_{level}"])) for level in levels),
                events=events.get(at, ()),
            )
        )
    return rows


def _town_strips(inputs: StoryInputs) -> dict[pd.Timestamp, tuple[Level, ...]]:
    """Return the levels of all towns by assessment, in the district's order; a town without a row is unknown."""
    table = inputs.town_levels.assign(valid_at=pd.to_datetime(inputs.town_levels["valid_at"], utc=True))
    codes = [str(code) for code in inputs.district.towns.index]
    strips = {}
    for at, part in table.groupby("valid_at", sort=True):
        known = {str(code): int(level) for code, level in zip(part["town_code"], part["level"], strict=True)}
        strips[pd.Timestamp(str(at))] = tuple(Level(known.get(code, int(Level.UNKNOWN))) for code in codes)
    return strips


def _events(inputs: StoryInputs, moments: list[pd.Timestamp]) -> dict[pd.Timestamp, tuple[Event, ...]]:
    """Return the mailed messages by assessment, grouped by action and level."""
    if inputs.warnings.empty:
        return {}
    names = {str(code): short_name(row) for code, row in inputs.district.towns.iterrows()}
    order = {code: position for position, code in enumerate(names)}
    links = bulletin_links(inputs.files)
    groups: dict[tuple[pd.Timestamp, int, int, int], list[tuple[int, Any]]] = {}
    for one, state in told(inputs):
        earlier = [at for at in moments if at <= one.issued_at]
        unsigned = _UNSIGNED.index(state if one.signed_at is None else None)
        key = (earlier[-1] if earlier else moments[0], unsigned, _ORDER.index(one.action), -int(one.level))
        code = one.area_code
        found = links.get(f"{one.warning_id}.r{one.revision}") or links.get(one.warning_id, ())
        groups.setdefault(key, []).append((order.get(code, len(order)), (names.get(code, Text(code, code)), found)))
    events: dict[pd.Timestamp, list[Event]] = {}
    for (at, unsigned, rank, level), towns in sorted(groups.items()):
        action, why = _ORDER[rank], _UNSIGNED[unsigned]
        members = tuple(town for _, town in sorted(towns, key=lambda item: item[0]))
        event = Event(ACTION_WORDS[action], Level(-level), action.is_end, UNSIGNED_WORDS.get(why), members)
        events.setdefault(at, []).append(event)
    return {at: tuple(items) for at, items in events.items()}


def told(inputs: StoryInputs) -> list[tuple[Revision, Authority]]:
    """Return the revisions that tell towns something, with their state as last known, in the order given.

    Parameters
    ----------
    inputs : StoryInputs
    """
    if inputs.warnings.empty:
        return []
    revisions = revisions_of(inputs.warnings)
    until = last_fact(revisions, at=pd.to_datetime(inputs.cycles["valid_at"], utc=True).max())
    return [(one, state) for one, state in states_at(revisions, until) if one.action.is_mailed]


def short_name(town: pd.Series) -> Text:
    """Return the name of a town without its kind, for narrow cells.

    Examples
    --------
    >>> short_name(pd.Series({"town_name": "淮河路街道", "town_name_en": "Huaihelu Subdistrict"}))
    Text(zh='淮河路', en='Huaihelu')
    """
    name, english = plain(town["town_name"]), plain(town["town_name_en"])
    for tail in _TOWN_TAILS:
        if name.endswith(tail) and len(name) > len(tail) + 1:
            name = name.removesuffix(tail)
            break
    return Text(name, english_place(english))


def bulletin_links(files: Iterable[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the links of every bulletin by the stem of its files: (word, address) in a fixed order.

    Examples
    --------
    >>> bulletin_links(["bulletins/410103001/E.r0.pdf", "bulletins/410103001/E.r0.cap.xml", "index.html"])
    {'E.r0': (('PDF', 'bulletins/410103001/E.r0.pdf'), ('CAP', 'bulletins/410103001/E.r0.cap.xml'))}
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(files):
        if not path.startswith("bulletins/"):
            continue
        name = path.rsplit("/", 1)[-1]
        for ending in _ENDINGS:
            if name.endswith(ending):
                found.setdefault(name.removesuffix(ending), {})[ending] = quote(path)
                break
    return {
        stem: tuple((word, paths[ending]) for ending, word in _ENDINGS.items() if ending in paths)
        for stem, paths in found.items()
    }


def mail_rows(deliveries: pd.DataFrame) -> tuple[tuple[str, ...], list[tuple[str, tuple[int, ...], int]]]:
    """Count mails by recipient and status.

    Parameters
    ----------
    deliveries : DataFrame
        recipient, status.

    Returns
    -------
    tuple
        Statuses in alphabetical order, and per recipient: (recipient, number per status, total).

    Examples
    --------
    >>> mail_rows(pd.DataFrame({"recipient": ["a@x.example", "a@x.example"], "status": ["sent", "sent"]}))
    (('sent',), [('a@x.example', (2,), 2)])
    """
    if deliveries.empty:
        return (), []
    counts = pd.crosstab(deliveries["recipient"].astype(str), deliveries["status"].astype(str))
    rows = [(plain(who), tuple(int(n) for n in row), int(row.sum())) for who, row in counts.iterrows()]
    return tuple(plain(status) for status in counts.columns), rows
