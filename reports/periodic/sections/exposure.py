"""Who and what is exposed, and where capacity falls short."""

from __future__ import annotations

import pandas as pd

from reports.periodic.forms import Forms, Row
from risk_models.levels import Level

__all__ = ["add_exposure"]

_COUNTED = (
    ("people_day", "person"),
    ("people_night", "person"),
    ("sensitive_people", "person"),
    ("schools", "facility"),
    ("hospitals", "facility"),
    ("care_homes", "facility"),
    ("metro_entrances", "facility"),
    ("weak_buildings", "building"),
    ("people_in_water_day", "person"),
    ("people_in_water_night", "person"),
    ("facilities_in_water", "facility"),
    ("buildings_in_water", "building"),
)
_NEEDS = (
    "hotspots_flooded",
    "people_exposed",
    "people_to_move",
    "shelter_free",
    "shelter_shortfall",
    "team_people",
    "team_shortfall",
    "pumps",
    "pump_shortfall",
)
_SHORTFALLS = ("shelter_shortfall", "team_shortfall", "pump_shortfall")
_TOWNS_SHOWN = 18


def add_exposure(forms: Forms) -> None:
    """Add exposure by kind and capacity by town."""
    say = forms.say
    forms.out.section(say("exposure.heading"))
    forms.out.subsection(say("exposure.who"))
    _exposed(forms)
    forms.out.subsection(say("exposure.capacity"))
    _capacity(forms)


def _watched(forms: Forms, exposure: pd.DataFrame) -> tuple[str, pd.Index]:
    """Return the hotspots that the report watches: by the design storm, as likely, or as reached."""
    facts = forms.facts
    if "level" in exposure and "return_period_a" in exposure.attrs:
        return "storm", exposure.index[exposure["level"] >= int(Level.YELLOW)]
    if facts.is_outlook and facts.ahead is not None and facts.ahead.likely:
        likely = facts.ahead.likely
        return "likely", pd.Index([code for code in exposure.index if likely.get(str(code), -1) >= int(Level.YELLOW)])
    if facts.review is not None:
        peaks = facts.review.risk.groupby("hotspot_id")["level"].max()
        return "reached", exposure.index[peaks.reindex(exposure.index).fillna(-1) >= int(Level.YELLOW)]
    return "none", exposure.index[:0]


def _exposed(forms: Forms) -> None:
    """Add people, facilities and buildings around all hotspots and the watched ones."""
    say, exposure = forms.say, forms.facts.inputs.exposure
    if exposure is None:
        forms.out.prose(say("exposure.none"))
        return
    which, chosen = _watched(forms, exposure)
    storm = {
        key: f"{exposure.attrs[name]:g}" if name in exposure.attrs else "—"
        for key, name in (("period", "return_period_a"), ("minutes", "duration_min"))
    }
    watched = say(f"exposure.watched_{which}", **storm)
    rows = [(say("exposure.hotspots"), str(len(exposure)), str(len(chosen)), forms.unit("hotspot"))]
    for name, noun in _COUNTED:
        if name in exposure:
            total, part = int(exposure[name].sum()), int(exposure.loc[chosen, name].sum())
            rows.append((say(f"exposure.{name}"), str(total), str(part), forms.unit(noun)))
    gaps = {key: f"{int(exposure.loc[chosen, key].sum())}" for key in ("people_day", "people_night") if key in exposure}
    if len(gaps) == 2:
        forms.out.prose(say("exposure.text", watched=watched, n=forms.count(len(chosen), "hotspot"), **gaps))
    columns = (*say.words("exposure.columns")[:2], watched[:1].upper() + watched[1:], say.words("exposure.columns")[2])
    align = ("left", "right", "right", "left")
    forms.out.table(say("exposure.table"), columns, rows, align=align, widths=(3.6, 1.6, 2.6, 1.0))
    forms.out.note(say("exposure.overlap"))


def _capacity(forms: Forms) -> None:
    """Add what is at hand by town, and where it falls short."""
    say, capacity = forms.say, forms.facts.inputs.capacity
    if capacity is None or capacity.empty:
        forms.out.prose(say("exposure.no_capacity"))
        return
    names = [name for name in _NEEDS if name in capacity]
    short = [name for name in _SHORTFALLS if name in capacity]
    order = capacity.sort_values([*short, "people_exposed"], ascending=False, kind="stable") if short else capacity
    rows = [
        (forms.town(str(code)), *(str(int(row[name])) for name in names))
        for code, row in order.head(_TOWNS_SHOWN).iterrows()
    ]
    total = tuple(str(int(capacity[name].sum())) for name in names)
    rows.append((forms.total(len(capacity)), *total))
    extra: list[Row] = []
    for name in short:
        towns, amount = int((capacity[name] > 0).sum()), int(capacity[name].sum())
        gaps = {"towns": forms.count(towns, "town"), "amount": str(amount)}
        forms.out.prose(say(f"exposure.{name}_text", **gaps) if towns else say(f"exposure.{name}_none"))
        extra.append(forms.item(f"exposure.{name}_towns", towns, "town"))
    if not short:
        forms.out.prose(say("exposure.no_shortfall"))
    header = (say("review.town"), *(say(f"exposure.{name}_column") for name in names))
    align = ("left", *("right",) * len(names))
    forms.out.table(
        say("exposure.capacity_table"), header, rows, align=align, widths=(2.2, *(1.0,) * len(names)), annex=True
    )
    more = len(capacity) - _TOWNS_SHOWN
    forms.out.note(say("exposure.more", n=forms.count(more, "town")) if more > 0 else "", annex=True)
    forms.key_table(say("exposure.short_table"), extra)
