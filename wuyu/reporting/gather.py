"""Everything a periodic report stands on, gathered as it was known, with a digest of every part."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.periodic import ReportInputs
from reports.periodic.facts.rain import day_span
from risk_models.outlook.expected import HotspotClasses
from risk_models.outlook.periods import Scope, Span
from risk_models.verification.statements import StatementReview, review_statements
from wuyu.progress import Tell, silent
from wuyu.rain import GaugeRain, gauge_rain
from wuyu.reporting import tables
from wuyu.reporting.design_storm import capacity_by_town, design_storms, exposure_of
from wuyu.reporting.earlier import Earlier, earlier_statements
from wuyu.reporting.looking_ahead import hourly_table, known_record, outlook_of, table_hash
from wuyu.reporting.moments import Moments

if TYPE_CHECKING:
    from risk_models.outlook.period_outlook import PeriodOutlook
    from wuyu.desk import Desk
    from wuyu.feeds.select import SelectedFile

__all__ = ["ReportMaterial", "gather", "reference_gauge"]


@dataclass(frozen=True, kw_only=True)
class ReportMaterial:
    """The inputs of one report, of a draft of revision 0.

    Attributes
    ----------
    inputs : ReportInputs
    hashes : dict of str to str
        SHA-256 of every input by name: of what it says, whatever file brought it.
    sources : dict of str to str
        SHA-256 of the gauge tables that the rain of the span was read from.
    moments : Moments
    lost : tuple of str
        Files that the ledger knows but that could not be read.
    removed : tuple of str
        Risk tables that retention removed.
    """

    inputs: ReportInputs
    hashes: dict[str, str]
    sources: dict[str, str]
    moments: Moments
    lost: tuple[str, ...]
    removed: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """One SHA-256 over all inputs; the wall time at which they were looked at does not count."""
        counted = {"as_of": self.moments.as_of.isoformat(), "inputs": self.hashes}
        return _sha256(json.dumps(counted, sort_keys=True))


def gather(desk: Desk, scope: Scope, moments: Moments, *, tell: Tell = silent) -> ReportMaterial:
    """Gather the inputs of a report; nothing that came in after its moments is used.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    moments : Moments
    tell : Tell
        Progress.

    Returns
    -------
    ReportMaterial
    """
    span = scope.reviewed or scope.span
    window = _window(desk, span, scope, moments)
    tell(0.0, "rain of the span")
    # Days of rain run from 20:00: the first one begins in the evening before the span.
    begin = day_span(span.first_day, span.last_day, desk.settings.district.timezone).start
    rain = gauge_rain(desk, begin=begin, end=min(window.end, window.cut), known_at=moments.known_at)
    tell(0.15, "risk tables")
    risk = tables.risk_rows(desk, window)
    looked_back, has_unsigned = _looked_back(desk, window), tables.has_unsigned(desk, window)
    earlier = earlier_statements(desk, span, issued_by=moments.as_of, known_at=moments.known_at)
    tell(0.3, "design storms")
    storms = design_storms(desk)
    exposure = exposure_of(desk, storms)
    tell(0.4, "outlook")
    outlook, outlook_hashes = _outlook(desk, scope, moments)
    tell(0.9, "statements of the last report")
    review = None if earlier is None else _review(desk, span, earlier, rain, risk.table, looked_back["field_reports"])
    tell(1.0, f"cycles: {risk.cycles}, warnings: {len(looked_back['warnings'])}")
    inputs = ReportInputs(
        district=desk.district,
        standards=desk.standards,
        scope=scope,
        issued_at=moments.as_of,
        gauges_rain=rain.rain,
        risk=risk.table,
        issued_signals=risk.issued_signals,
        reference_gauge=reference_gauge(desk),
        has_unsigned=has_unsigned,
        rehearsal=storms,
        exposure=exposure,
        capacity=capacity_by_town(desk, exposure),
        outages=desk.district.outages,
        outlook=outlook,
        review=review,
        templates=_templates(desk),
        marks=desk.marks,
        **looked_back,
    )
    hashes = outlook_hashes | _hashes(desk, rain, looked_back, earlier) | {f"risk_tables_{risk.cycles}": risk.digest}
    if has_unsigned:
        hashes["has_unsigned"] = _sha256(str(has_unsigned))
    if desk.marks:  # what is drafted by a drill clock is another report than that of the wall clock
        hashes["clock"] = _sha256(desk.marks[0].en)
    return ReportMaterial(
        inputs=inputs,
        hashes=dict(sorted(hashes.items())),
        sources={_name(file): file.sha256 for file in rain.files},
        moments=moments,
        lost=(*map(_name, rain.lost), *risk.lost),
        removed=risk.removed,
    )


def _name(file: SelectedFile) -> str:
    return f"{file.feed_id}/{file.name}"


def reference_gauge(desk: Desk) -> str:
    """Return the gauge that stands for the district in figures: as set, else the first of the register."""
    return desk.settings.district.reference_gauge or str(desk.district.gauges.index[0])


def _window(desk: Desk, span: Span, scope: Scope, moments: Moments) -> tables.Window:
    begin, end = span.bounds(desk.settings.district.timezone)
    cut = moments.cut(scope)
    return tables.Window(begin=begin, end=end, cut=cut, known_at=moments.known_at)


def _looked_back(desk: Desk, window: tables.Window) -> dict[str, Any]:
    asked = tables.acknowledgements(desk, window)
    answered = None if asked is None else int(asked["answered_at"].notna().sum())
    return {
        "warnings": tables.warning_rows(desk, window),
        "deliveries": tables.deliveries(desk, window, acknowledged=answered),
        "acknowledgements": asked,
        "field_reports": tables.field_reports(desk, window),
    }


def _outlook(desk: Desk, scope: Scope, moments: Moments) -> tuple[PeriodOutlook | None, dict[str, str]]:
    if scope.coming is None:
        return None, {}
    known_by = min(moments.as_of, moments.known_at)
    record = known_record(desk, as_of=known_by, known_at=moments.known_at)
    return outlook_of(desk, scope.coming, record, as_of=moments.as_of), record.hashes


def _review(
    desk: Desk, span: Span, earlier: Earlier, rain: GaugeRain, risk: pd.DataFrame, seen: pd.DataFrame | None
) -> StatementReview:
    depth = risk.rename(columns={"depth_now_m": "depth_m"})[["valid_at", "hotspot_id", "depth_m", "level"]]
    return review_statements(
        earlier.statements,
        span,
        gauge_rain_mm=hourly_table(rain.rain),
        hotspot_depth=depth,
        classes=HotspotClasses.for_kinds(
            desk.standards.depth_classes(desk.settings.standards.depth_classes), desk.district.hotspots["kind"]
        ),
        towns=desk.district.hotspots["town_code"],
        reports=None if seen is None else seen[["at", "hotspot_id", "state", "depth_m"]],
        timezone=desk.settings.district.timezone,
        reference_gauge=reference_gauge(desk),
    )


def _templates(desk: Desk) -> Path | None:
    folder = desk.settings.reports.templates
    return None if folder is None else desk.root / folder


def _hashes(desk: Desk, rain: GaugeRain, looked_back: dict[str, Any], earlier: Earlier | None) -> dict[str, str]:
    hashes = {"gauge_rain": table_hash(hourly_table(rain.rain)), "district": desk.district.content_hash}
    hashes["gauge_flags"] = _sha256(rain.rain["quality"].to_numpy().tobytes())
    hashes["standards"] = _sha256(repr(desk.standards))
    if desk.district.outages is not None:  # not a part of the district's own hash
        hashes["outages"] = _sha256(desk.district.outages.to_csv(index=False))
    for name, part in looked_back.items():
        if isinstance(part, pd.DataFrame):
            hashes[name] = _sha256(part.to_csv(index=False))
        elif part is not None:
            hashes[name] = _sha256(json.dumps(asdict(part), sort_keys=True))
    if earlier is not None:
        hashes["earlier_statements"] = earlier.sha256
    folder = _templates(desk)
    if folder is not None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                hashes[f"template:{path.relative_to(folder).as_posix()}"] = _sha256(path.read_bytes())
    return hashes


def _sha256(data: str | bytes) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
