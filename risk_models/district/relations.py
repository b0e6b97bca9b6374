"""What the tables of a district must say to each other: references, totals, times, places that belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from risk_models.district.cells import ParsedTable
from risk_models.district.schema import nearest, parts_of
from risk_models.errors import Finding

__all__ = ["check_relations", "expired_outages"]

# Registers are counted on different days; a larger difference is a mistake in one of them.
POPULATION_SHARE = 0.1
LONGEST_EVENT_DAYS = 92
_SCOPES = {"town": "towns", "community": "communities", "hotspot": "hotspots"}


def check_relations(tables: dict[str, ParsedTable]) -> list[Finding]:
    """List everything in which the tables contradict each other or themselves.

    Parameters
    ----------
    tables : dict of str to ParsedTable
        The tables that could be read, by name. A reference into a table that could not be read is not judged.

    Returns
    -------
    list of Finding
    """
    known = {name: _ids(table) for name, table in tables.items()}
    findings = [finding for table in tables.values() for finding in _references(table, known)]
    if "plans" in tables:
        findings.extend(_plan_scopes(tables["plans"], known))
        findings.extend(_plan_phases(tables["plans"]))
    if "shelters" in tables:
        findings.extend(_shelter_room(tables["shelters"]))
    if "history" in tables:
        findings.extend(_history(tables["history"]))
    if "hotspots" in tables:
        findings.extend(_hotspots(tables))
    if "outages" in tables:
        findings.extend(_outages(tables["outages"], tables.get("hotspots")))
    if "communities" in tables and "towns" in tables:
        findings.extend(_populations(tables["communities"], tables["towns"]))
    return findings


def _ids(table: ParsedTable) -> set[str]:
    return {value for value in table.values[table.table.key] if value is not None}


def _unknown_id(table: ParsedTable, index: int, column: str, value: str, target: str, ids: set[str]) -> Finding:
    hint = nearest(value, ids)
    message = f"the id is not in the table {target}" + (f"; nearest: {hint}" if hint else "")
    fix = f"correct it, or add the row to {target}"
    return table.finding(
        "unknown-reference", message, index, column, value=value, accepted=f"an id of {target}", fix=fix
    )


def _references(table: ParsedTable, known: dict[str, set[str]]) -> Iterator[Finding]:
    for column in table.table.columns:
        target = column.references
        if target is None or target not in known:
            continue
        for index, value in enumerate(table.values[column.name]):
            if value is not None and value not in known[target]:
                yield _unknown_id(table, index, column.name, value, target, known[target])


def _plan_scopes(table: ParsedTable, known: dict[str, set[str]]) -> Iterator[Finding]:
    for index, (kind, value) in enumerate(zip(table.values["scope_kind"], table.values["scope_id"], strict=True)):
        target = _SCOPES.get(kind or "")
        if target in known and value is not None and value not in known[target]:
            yield _unknown_id(table, index, "scope_id", value, target, known[target])


def _plan_phases(table: ParsedTable) -> Iterator[Finding]:
    """Refuse phases of which nobody can say to which action each belongs."""
    for index, (phases, actions) in enumerate(zip(table.values["phase"], table.values["actions_zh"], strict=True)):
        number = len(parts_of(actions or ""))
        if phases is None or actions is None or phases.count(";") + 1 in (1, number):
            continue
        message = f"{phases.count(';') + 1} phases stand beside {number} actions"
        accepted, fix = f"1 or {number} entries parted by ';'", "give each action its phase, in the order of actions_zh"
        yield table.finding("count-differs", message, index, "phase", value=phases, accepted=accepted, fix=fix)


def _shelter_room(table: ParsedTable) -> Iterator[Finding]:
    pairs = zip(table.values["occupied_people"], table.values["capacity_people"], strict=True)
    for index, (occupied, capacity) in enumerate(pairs):
        if occupied is not None and capacity is not None and occupied > capacity:
            message = "more people are in the shelter than it can take"
            accepted = f"at most capacity_people, {capacity}"
            yield table.finding(
                "over-capacity", message, index, "occupied_people", value=str(occupied), accepted=accepted
            )


def _history(table: ParsedTable) -> Iterator[Finding]:
    values = table.values
    for index, (start, end) in enumerate(zip(values["started_at"], values["ended_at"], strict=True)):
        if start is not None and end is not None:
            at: dict[str, Any] = {"index": index, "column": "ended_at", "value": end.isoformat()}
            accepted = f"from {start.isoformat()} to {LONGEST_EVENT_DAYS} days later"
            if end < start:
                yield table.finding("impossible-time", "the event ends before it starts", **at, accepted=accepted)
            elif (end - start).days > LONGEST_EVENT_DAYS:
                yield table.finding("impossible-time", "the event is too long for one storm", **at, accepted=accepted)
    yield from _go_together(table, "rain_mm", "rain_window_h")


def _go_together(table: ParsedTable, first: str, second: str) -> Iterator[Finding]:
    for index, pair in enumerate(zip(table.values[first], table.values[second], strict=True)):
        if (pair[0] is None) != (pair[1] is None):
            blank = first if pair[0] is None else second
            message = f"{first} and {second} mean something together only"
            yield table.finding("half-known", message, index, blank, fix="fill in both", severity="warning")


def _outages(table: ParsedTable, hotspots: ParsedTable | None) -> Iterator[Finding]:
    values = table.values
    for index, (since, expires) in enumerate(zip(values["since"], values["expires"], strict=True)):
        if since is not None and expires is not None and expires <= since:
            at: dict[str, Any] = {"value": expires.isoformat(), "accepted": f"later than {since.isoformat()}"}
            fix = "write when the repair is due; lengthen it then if need be"
            yield table.finding("impossible-time", "the outage ends before it begins", index, "expires", **at, fix=fix)
    if hotspots is None:
        return
    pumps = dict(zip(hotspots.values["hotspot_id"], hotspots.values["pump_capacity_m3_s"], strict=True))
    for index, (hotspot, what) in enumerate(zip(values["hotspot_id"], values["what"], strict=True)):
        if what == "pump" and pumps.get(hotspot) == 0:
            message, fix = f"the register knows no pump at {hotspot}", "correct the hotspot, or its pump capacity"
            yield table.finding("contradiction", message, index, "what", value=what, fix=fix, severity="warning")


def expired_outages(table: ParsedTable, now: datetime) -> Iterator[Finding]:
    """Name the outages that have expired: full capacity is counted on again.

    Parameters
    ----------
    table : ParsedTable
        Of outages.
    now : datetime
        Timezone-aware.

    Yields
    ------
    Finding
    """
    for index, expires in enumerate(table.values["expires"]):
        if expires is not None and expires <= now:
            message, fix = "the outage has expired and is not counted any more", "lengthen it, or remove the row"
            at: dict[str, Any] = {"value": expires.isoformat(), "fix": fix, "severity": "warning"}
            yield table.finding("expired-outage", message, index, "expires", **at)


def _hotspots(tables: dict[str, ParsedTable]) -> Iterator[Finding]:
    table = tables["hotspots"]
    yield from _go_together(table, "surveyed_area_m2", "surveyed_depth_m")
    if "communities" not in tables or "towns" not in tables:
        return
    communities, committees = tables["communities"], _committees(tables["towns"])
    town_of = dict(zip(communities.values["community_code"], communities.values["town_code"], strict=True))
    pairs = zip(table.values["community_code"], table.values["town_code"], strict=True)
    for index, (community, town) in enumerate(pairs):
        home = town_of.get(community)
        if None in (community, home, town) or home == town or town in committees:
            continue
        message = f"its community {community} belongs to the town {home}"
        fix = "correct the town or the community"
        yield table.finding("contradiction", message, index, "town_code", value=town, accepted=home, fix=fix)


def _committees(towns: ParsedTable) -> set[str]:
    """Return the management committees: they look after places in communities that the register gives to streets."""
    pairs = zip(towns.values["town_code"], towns.values["kind"], strict=True)
    return {code for code, kind in pairs if kind == "management_committee"}


def _populations(communities: ParsedTable, towns: ParsedTable) -> Iterator[Finding]:
    """Compare the people of communities with those of their town, or of all towns where committees cut across."""
    whole = bool(_committees(towns))
    for column in ("population_night", "population_day"):
        total = _sums(communities, column)
        counted = _sums(towns, column)
        if whole:
            total, counted = {"": sum(total.values())}, {"": sum(counted.values())}
        for code, people in counted.items():
            if code not in total or abs(total[code] - people) <= POPULATION_SHARE * people:
                continue
            place = f"the town {code}" if code else "all towns"
            yield Finding(
                code="contradiction",
                message=f"the communities of {place} add up to {total[code]} people",
                file=towns.file,
                row=towns.rows[towns.values["town_code"].index(code)] if code else None,
                column=towns.file_names[column],
                value=str(people),
                accepted=f"within {POPULATION_SHARE:.0%}",
                fix=f"correct {towns.file} or {communities.file}",
                severity="warning",
            )


def _sums(table: ParsedTable, column: str) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for code, people in zip(table.values["town_code"], table.values[column], strict=True):
        if code is not None and people is not None:
            total[code] += people
    return dict(total)
