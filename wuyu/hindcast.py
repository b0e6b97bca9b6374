"""Hindcast: the live chain over an archive, hour by hour, with what was known at each hour, and no mail.

Rain, scores and decisions come from the functions that run live; an hour counts only files issued by then. What the
district knows of floods from the first hour on is hidden from the chain and serves as the truth. Each hour is a file of
its own: a run that was stopped goes on where it stopped. What was seen on site is a flood of the truth and hidden too:
warnings end as if every place had been found dry as soon as the model says so.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
from sqlalchemy import select

from reports.words import Text
from risk_models.files import whole_file, write_whole
from risk_models.risk import HotspotScorer, town_levels
from risk_models.risk.scorer import METHOD_VERSION
from risk_models.verification.record import WARNING_COLUMNS, VerificationRecord, cycle_rows
from risk_models.warning.decide import decide_warnings
from risk_models.warning.event import current_event_key
from risk_models.warning.records import WarningRecord
from risk_models.warning.signals import rain_signals
from risk_models.warning.states import KnownRain, WarningState
from wuyu.ledger.models import FeedFile
from wuyu.ledger.types import FileState
from wuyu.progress import Tell, silent
from wuyu.rain import cycle_rain
from wuyu.verification.card import WrittenCard, write_card
from wuyu.verification.record import record_of, source_of

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["Hindcast", "hindcast_folder", "run_hindcast", "write_hindcast"]

SOIL_WATER_KEPT: Final = timedelta(hours=24)
"""Age at the start of the rain window up to which a soil water index is taken for the one of then, as in a cycle."""

_FACTS = "inputs.json"
_RUN_SHARE = 0.9  # of the whole work that goes by hours


def hindcast_folder(out: Path, times: list[datetime]) -> Path:
    """Return where a hindcast is kept, by its first hour, last hour and step.

    Examples
    --------
    >>> from datetime import UTC
    >>> hindcast_folder(Path("out"), [datetime(2021, 7, 20, h, tzinfo=UTC) for h in (0, 3, 6)]).as_posix()
    'out/hindcast/20210720T0000Z-20210720T0600Z-3h'
    """
    first, last = (at.astimezone(UTC) for at in (times[0], times[-1]))
    step_h = (times[1] - times[0]) // timedelta(hours=1) if len(times) > 1 else 1
    return out / "hindcast" / f"{first:%Y%m%dT%H%MZ}-{last:%Y%m%dT%H%MZ}-{step_h}h"


def write_hindcast(desk: Desk, times: list[datetime], *, tell: Tell = silent) -> WrittenCard:
    """Run a hindcast and write its score card beside its hours.

    Parameters
    ----------
    desk, times, tell
        As in `run_hindcast`.

    Returns
    -------
    WrittenCard
    """
    record = run_hindcast(desk, times, tell=lambda fraction, text: tell(_RUN_SHARE * fraction, text))
    return write_card(
        desk,
        record,
        hindcast_folder(desk.out, times),
        kind="hindcast",
        notes=_notes(desk),
        tell=lambda fraction, text: tell(_RUN_SHARE + (1.0 - _RUN_SHARE) * fraction, text),
    )


def _notes(desk: Desk) -> tuple[Text, ...]:
    notes = [
        Text(
            "首次研判之后的积水记录对模型隐藏，只用于检验。预警视为决定后立即签发。",
            "Floods after the first assessment were hidden from the chain and serve as the truth alone. Warnings are "
            "taken to be signed as soon as they were decided.",
        )
    ]
    if desk.district.model_path is not None:
        notes.append(
            Text(
                "本区使用学习模型：若它学过这段时间的暴雨，结果会偏好。",
                "The district uses a learned model: if it has learned from storms of this time, the scores flatter it.",
            )
        )
    return tuple(notes)


def run_hindcast(desk: Desk, times: list[datetime], *, tell: Tell = silent) -> VerificationRecord:
    """Score and decide every hour as it would have been, from what was known then.

    Hours that were scored before from the same district, archive and method are taken from their files.

    Parameters
    ----------
    desk : Desk
        Its feeds taken over.
    times : list of datetime
        Cycle times, UTC, rising.
    tell : Tell
        Progress.

    Returns
    -------
    VerificationRecord
        Warnings as decided, taken to be signed at once.
    """
    chain = Hindcast(desk, hindcast_folder(desk.out, times), times)
    chain.begin()
    for number, at in enumerate(times, start=1):
        is_new = chain.score(at)
        tell(
            number / len(times), f"{at.astimezone(desk.timezone):%Y-%m-%d %H:%M}{'' if is_new else ' (scored before)'}"
        )
    cycles = chain.cycles()
    return record_of(desk, cycles, decided(desk, cycles))


class Hindcast:
    """The hours of one hindcast in their folder.

    Parameters
    ----------
    desk : Desk
    folder : Path
    times : list of datetime
    """

    def __init__(self, desk: Desk, folder: Path, times: list[datetime]) -> None:
        self.folder, self.times = folder, times
        self.desk = _without_what_came(desk, times[0])

    def begin(self) -> None:
        """Make the folder; hours of another district, archive or method go, for they are no part of this one."""
        facts = json.dumps(self._facts(), sort_keys=True, indent=1) + "\n"
        path = self.folder / _FACTS
        if path.is_file() and path.read_text(encoding="utf-8") == facts:
            return
        for file in sorted((self.folder / "hours").glob("*.parquet")):
            file.unlink()
        write_whole(path, facts)

    def _facts(self) -> dict[str, str]:
        district = self.desk.district
        with self.desk.ledger.reading() as session:
            taken = select(FeedFile.sha256).where(FeedFile.state == FileState.ACCEPTED)
            files = sorted(session.scalars(taken))
        return {
            "district": district.content_hash,
            "history_rows_known": str(len(district.history)),
            "archive": hashlib.sha256("\n".join(files).encode()).hexdigest(),
            "method": METHOD_VERSION,
        }

    def _file(self, at: datetime) -> Path:
        return self.folder / "hours" / f"{at.astimezone(UTC):%Y%m%dT%H%MZ}.parquet"

    def score(self, at: datetime) -> bool:
        """Score an hour and keep it, unless it is kept; returns whether it was new."""
        path = self._file(at)
        if path.is_file():
            return False
        desk = self.desk
        rain = cycle_rain(desk, at)
        table = desk.scorer.score(rain.rainfall, soil_water_mm=self._soil_water_before(at))
        signals = rain_signals(table, desk.standards, desk.settings.standards.rain_signals)
        rows = cycle_rows(table, signals, source=source_of(rain.inputs)).assign(
            unconfirmed=table["unconfirmed"].to_numpy(),
            observed_until=str(table.attrs["observed_until"] or ""),
            issued_at=str(table.attrs["issued_at"] or ""),
        )
        with whole_file(path) as aside:
            rows.to_parquet(aside, index=False)
        return True

    def _soil_water_before(self, at: datetime) -> pd.Series | None:
        """Return the soil water index at the start of the rain window, of the newest hour kept by then."""
        begin = at - timedelta(hours=self.desk.settings.warning.past_h)
        kept = [time for time in self.times if begin - SOIL_WATER_KEPT <= time <= begin and self._file(time).is_file()]
        if not kept:
            return None
        rows = pd.read_parquet(self._file(kept[-1]), columns=["hotspot_id", "soil_water_index_mm"])
        index_mm: pd.Series = rows.set_index("hotspot_id")["soil_water_index_mm"]
        return index_mm

    def cycles(self) -> pd.DataFrame:
        """Return the rows of all hours."""
        table = pd.concat([pd.read_parquet(self._file(at)) for at in self.times], ignore_index=True)
        return table.assign(valid_at=pd.to_datetime(table["valid_at"], utc=True))


def _without_what_came(desk: Desk, start: datetime) -> Desk:
    """Return the desk with the floods that are to be told taken out of the district's record."""
    history = desk.district.history
    known = history[pd.to_datetime(history["started_at"], utc=True) <= pd.Timestamp(start)]
    if len(known) == len(history):
        return desk
    district = replace(desk.district, history=known)
    scorer = HotspotScorer(district, desk.terrain, desk.standards, cache_dir=desk.out / "cache")
    return replace(desk, district=district, scorer=scorer)


def decided(desk: Desk, cycles: pd.DataFrame) -> pd.DataFrame:
    """Return the warnings that the district's policy decides from scored hours, as `VerificationRecord.warnings`."""
    states: tuple[WarningState, ...] = ()
    pending: dict[str, datetime] = {}
    records: list[WarningRecord] = []
    for stamp, rows in cycles.groupby("valid_at", sort=True):
        now = pd.Timestamp(str(stamp)).to_pydatetime()
        table = rows.set_index("hotspot_id").assign(reason_zh="", reason_en="")
        table.attrs = {"ladder_step": int(rows["ladder_step"].iloc[0]), "town_criteria": desk.scorer.town_rules}
        signals = rows.groupby("town_code")[["signal"]].first().set_axis(["level"], axis=1)
        decision = decide_warnings(
            states,
            town_levels(table),
            table,
            signals,
            now=now,
            event_key=current_event_key(states, desk.code, now=now),
            policy=desk.policy,
            evidence=_evidence(now, rows.iloc[0]),
            pending=pending,
        )
        states, pending = decision.states, decision.pending
        records += decision.records
    told = [
        (one.warning_id, one.revision, one.area_code, int(one.level), one.issued_at, one.valid_to, one.action.is_end)
        for one in records
    ]
    table = pd.DataFrame(told, columns=list(WARNING_COLUMNS))
    for column in ("told_at", "valid_to"):
        table[column] = pd.to_datetime(table[column], utc=True)
    return table


def _evidence(at: datetime, row: pd.Series) -> KnownRain:
    observed_until, issued_at = str(row["observed_until"]), str(row["issued_at"])
    return KnownRain(
        valid_at=at,
        observed_until=datetime.fromisoformat(observed_until) if observed_until else None,
        issued_at=datetime.fromisoformat(issued_at) if issued_at else None,
    )
