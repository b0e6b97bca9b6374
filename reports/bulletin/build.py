"""Builds the content of a bulletin from one warning record and the tables of its cycle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.bulletin.answering import acknowledgement_text
from reports.bulletin.first import (
    check_lines,
    danger_of,
    exception_of,
    first_orders,
    phase_of,
    standing_places,
    unchecked_places,
)
from reports.bulletin.model import Bulletin, DataBasis, SignOff
from reports.bulletin.rows import hotspot_lines, measures
from reports.bulletin.sentences import basis_lines, forecast_lines, impact_lines, observed_lines
from reports.bulletin.statements import (
    Area,
    cautions,
    contact_text,
    decision_text,
    guidance,
    headline_text,
    headquarters_lines,
    next_text,
    note_lines,
    number_text,
    previous_text,
    profile_text,
    reason_text,
    signal_text,
)
from reports.issued import issued_lines, issued_signals
from reports.words import Text, is_missing, local, plain
from risk_models.levels import Level
from risk_models.risk.table import RiskTable
from risk_models.standards import Standards
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.times import answer_minutes

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["build_bulletin"]


def build_bulletin(
    record: WarningRecord,
    *,
    district: District,
    risk_table: RiskTable,
    actions: pd.DataFrame,
    signals: pd.DataFrame,
    standards: Standards,
    previous: WarningRecord | None = None,
    sign_off: SignOff | None = None,
    code: str = "",
    marks: tuple[Text, ...] = (),
) -> Bulletin:
    """Return the content of the bulletin of one warning record.

    Parameters
    ----------
    record : WarningRecord
        The revision to tell.
    district : District
        Names, owners, settings.
    risk_table : RiskTable
        The cycle's table, all hotspots.
    actions : DataFrame
        Proposed actions, one row per warned hotspot (``hotspot_id`` as column or index).
    signals : DataFrame
        Rain signals, index town_code: level, text_zh, text_en.
    standards : Standards
        Formula names, responses, five-pre profile.
    previous : WarningRecord, optional
        The revision before, to say when it was issued.
    sign_off : SignOff, optional
        Number and deciding officer. A warning at or above ``warning.approval_from`` without an officer is a draft.
    code : str
        By which a town confirms it: that of the mailbox it is for.
    marks : tuple of Text
        What stands above everything beside the mark of demonstration data.

    Returns
    -------
    Bulletin

    Raises
    ------
    KeyError
        If the area of the record is neither a town of the district nor the district.

    Examples
    --------
    ``build_bulletin(record, district=district, risk_table=table, actions=actions, signals=signals,
    standards=standards, code=code)`` returns the content that `to_text`, `to_html` and `to_pdf` write.
    """
    settings = district.settings
    zone = settings.district.timezone
    sign_off = sign_off or SignOff()
    risk, hotspots = pd.DataFrame(risk_table), pd.DataFrame(district.hotspots)
    area = _area(record, district, risk)
    unit = _units(district)
    lines, unlisted = hotspot_lines(record, risk, hotspots, unit)
    issued_at = pd.Timestamp(local(record.issued_at, zone))
    draft = _awaits_decision(record, settings.warning.approval_from, sign_off)
    names, chosen = settings.district, settings.standards
    needs_min = standards.action_minutes(chosen.action_times)
    standing = standing_places(area.rows, hotspots, standards.now_orders(chosen.now_orders), unit, zone)
    unchecked = () if record.action.is_end else unchecked_places(area.rows)
    wet, is_end = bool(standing or unchecked), record.action.is_end
    told = () if is_end else measures(lines, actions, record, zone, needs_min=needs_min, unit=unit, wet=wet)
    general = (*check_lines(unchecked), *guidance(record))
    return Bulletin(
        message_id=record.message_id,
        event_key=record.event_key,
        previous_id=record.supersedes or "",
        number=number_text(record, names.name, zone, sign_off),
        title=Text("内涝风险预警通报", "Flood-risk warning bulletin"),
        headline=headline_text(record, area),
        level=record.level,
        previous_level=record.previous_level,
        action=record.action,
        status=settings.mail.status,
        demonstration=bool(names.demonstration),
        marks=marks,
        draft=draft,
        issuer=Text(plain(names.bureau.zh), plain(names.bureau.en)),
        district=Text(plain(names.name.zh), plain(names.name.en)),
        area=area.full,
        area_code=record.area_code,
        zone=zone,
        issued_at=record.issued_at,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        previous=previous_text(record, previous, zone),
        signal=signal_text(record, signals),
        reason=reason_text(record.reason_zh, record.reason_en),
        cautions=note_lines(sign_off) + cautions(record, area.rows, risk_table.attrs),
        forecast=forecast_lines(
            area.rows,
            horizon_h=settings.warning.horizon_h,
            standards=standards,
            formula_id=risk_table.attrs["formula_id"],
        ),
        observed=observed_lines(area.rows, observed_until=_time(risk_table.attrs.get("observed_until")), zone=zone),
        impacts=impact_lines(area.rows, hotspots),
        hotspots=lines,
        hotspots_unlisted=unlisted,
        guidance=general,
        measures=told,
        contact=contact_text(settings, area),
        code=code,
        acknowledgement=acknowledgement_text(code),
        basis=DataBasis(
            lines=basis_lines(dict(risk_table.attrs), issued_at=issued_at, zone=zone),
            ladder_step=int(risk_table.attrs["ladder_step"]),
            method_version=str(risk_table.attrs["method_version"]),
            is_learned="model_sha256" in risk_table.attrs,
        ),
        decision=decision_text(sign_off, zone, draft=draft),
        profile=profile_text(settings, standards),
        standing=standing,
        unchecked=unchecked,
        danger=None if record.action.is_end else danger_of(lines),
        orders=first_orders(standing, told, general, town=area.name),
        office=Text(plain(settings.warning.office.zh), plain(settings.warning.office.en)),
        office_phone=plain(settings.warning.phone_told),
        answer_by=_answer_by(record, settings, sign_off),
        next_message=next_text(record, zone),
        headquarters=headquarters_lines(record, standards, chosen.response_levels),
        phase=Text("", "") if record.action.is_end else phase_of(record.level, lines),
        exception=Text("", "") if record.action.is_end else exception_of(record.level, lines),
        issued=issued_lines(
            issued_signals(risk_table.attrs),
            at=record.issued_at,
            zone=zone,
            towns=_town_names(district),
            area=record.area_code,
        ),
    )


def _answer_by(record: WarningRecord, settings: Any, sign_off: SignOff) -> datetime | None:
    """Return when an answer is due, from the time at which the message was decided; None if none is asked for."""
    minutes = answer_minutes(
        record, {str(name): value for name, value in settings.acknowledgement.deadline_min.items()}
    )
    begins = sign_off.decided_at or record.issued_at
    return None if minutes is None else begins + timedelta(minutes=minutes)


def _town_names(district: District) -> dict[str, Text]:
    """Return the names of the towns by their codes."""
    towns = district.towns
    return {
        str(code): Text(plain(zh), plain(en))
        for code, zh, en in zip(towns.index, towns["town_name"], towns["town_name_en"], strict=True)
    }


def _units(district: District) -> Callable[[str], Text]:
    """Return what gives both names of a unit: the English one stands in the plans, and the Chinese one beside it."""
    pairs = set(zip(district.plans["owner_unit"].tolist(), district.plans["owner_unit_en"].tolist(), strict=True))
    known = {plain(zh): plain(en) for zh, en in sorted(pairs, key=str)}

    def unit(name: str) -> Text:
        english = known.get(name, "")
        return Text(name, f"{english} ({name})" if english else name)

    return unit


def _time(value: Any) -> pd.Timestamp | None:
    """Return a time of the attributes; None for an empty one."""
    return None if not value or is_missing(value) else pd.Timestamp(value)


def _area(record: WarningRecord, district: District, risk: pd.DataFrame) -> Area:
    names = district.settings.district
    whole = Text(plain(names.name.zh), plain(names.name.en))
    if record.area_code == names.code:
        return Area(whole, whole, risk, "")
    if record.area_code not in district.towns.index:
        raise KeyError(f"area '{record.area_code}' is neither a town of {whole.en} nor the district itself")
    town = district.towns.loc[record.area_code]
    name = Text(plain(town["town_name"]), plain(town["town_name_en"]))
    rows = risk[risk["town_code"] == record.area_code]
    return Area(name, Text(whole.zh + name.zh, f"{name.en}, {whole.en}"), rows, plain(town["duty_phone"]))


def _awaits_decision(record: WarningRecord, approval_from: str, sign_off: SignOff) -> bool:
    """Return True if an officer must decide and none has; an expiry happens by itself."""
    return not sign_off.officer and record.level >= Level.from_name(approval_from) and record.action is not Action.EXP
