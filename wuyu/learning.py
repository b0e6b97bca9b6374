"""Learn a chance from the archive, hold it against storms it had not seen, and put it into service if a person says so.

The archive is what the ledger holds: files of rain and forecasts as they arrived. Each window is scored as a cycle of
its time would have been, so what is learned from is what will be asked: the same columns, with the true lead times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import yaml
from sqlalchemy import func, select

from risk_models.district.rain_error import read_rain_error, write_rain_error
from risk_models.district.settings import SETTINGS_FILE
from risk_models.errors import BadInputError, Finding, FloodRiskError
from risk_models.files import write_whole
from risk_models.forecast.rain_error import FittedRainError, ToldAndFell, fit_rain_error
from risk_models.risk.combined import RAIN_FEATURES, SHARE_FEATURES, season_features
from risk_models.risk.susceptibility import load_model, read_verification, save_model
from risk_models.risk.susceptibility.learning import Lesson, learn_chance, mark_floods, mark_storms
from wuyu.ledger.learnings import ADOPTED, LEARNED, REFUSED
from wuyu.ledger.models import FeedFile, LogEntry
from wuyu.ledger.types import FileState
from wuyu.progress import Tell, silent
from wuyu.rain import cycle_rain

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = [
    "FIELD",
    "OPTIONS",
    "Learned",
    "adopt",
    "adopt_rain_error",
    "archive_of",
    "learn",
    "learning_due",
    "scored_windows",
    "settle_answer",
]

FOLDER: Final = "learned"
MODEL: Final = "model.skops"
RAIN_ERROR: Final = "rain_error.json"
#: What the log of the ledger says.
RAIN_ADOPTED = "rain_error_adopted"
#: A storm is over when nothing new has flooded for so long; a model is learned anew at least so often.
OVER, EVERY = timedelta(days=3), timedelta(days=365)
#: Seed of the draws behind the intervals of a card.
SEED: Final = 12
#: What `dags/learning.py` asks, and the field of its form; the first answer puts a model into service.
OPTIONS: Final = ("Put into service 启用", "Leave the present one 维持现状", "No answer yet 暂不答复")
FIELD: Final = "person"


@dataclass(frozen=True)
class Learned:
    """What a run of learning left.

    Attributes
    ----------
    folder : Path
        With ``rain_error.json``, ``rain_error.csv``, ``card.md``, ``windows.parquet``, ``scores.csv``,
        ``reliability.csv``; and the model, if it may serve.
    lesson : Lesson
    rain_error : FittedRainError
    findings : tuple of Finding
        What of the record could not be used.
    """

    folder: Path
    lesson: Lesson
    rain_error: FittedRainError
    findings: tuple[Finding, ...]


def archive_of(desk: Desk) -> tuple[datetime, datetime]:
    """Return the first and last time of which the ledger has files of rain.

    Raises
    ------
    FloodRiskError
        If it has none.
    """
    query = select(func.min(FeedFile.first_value_at), func.max(FeedFile.last_value_at)).where(
        FeedFile.state == FileState.ACCEPTED, FeedFile.removed_at.is_(None), FeedFile.issued_at.is_(None)
    )
    with desk.ledger.reading() as session:
        first, last = session.execute(query).one()
    if first is None or last is None:
        raise FloodRiskError("the ledger holds no rain to learn from; run `wuyu feeds pull` first")
    return first, last


def scored_windows(
    desk: Desk, begin: datetime, end: datetime, *, told: ToldAndFell | None = None, tell: Tell = silent
) -> pd.DataFrame:
    """Score every window of the archive as its cycle would have, without a learned model.

    Parameters
    ----------
    desk : Desk
    begin, end : datetime
        Aware; windows of the district's horizon follow each other from the first full hour on.
    told : ToldAndFell, optional
        Takes the rain of every window.
    tell : Tell

    Returns
    -------
    DataFrame
        One row per window and hotspot whose rain is known: ``start`` (UTC), ``hotspot_id``, ``kind``, and the numbers
        that a model may ask for.
    """
    horizon = timedelta(hours=desk.settings.warning.horizon_h)
    scorer, timezone = desk.scorer.without_model(), desk.settings.district.timezone
    start = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    count = max(int((end - start) / horizon), 0)
    kept = ["kind", "confidence", *RAIN_FEATURES, *SHARE_FEATURES]
    forecasts = _forecast_spans(desk)
    parts = []
    for number in range(count):
        at = start + number * horizon
        if not _touched(forecasts, at, at + horizon):
            continue
        tell(number / count, f"{at:%Y-%m-%d %H:%M} UTC")
        rainfall = cycle_rain(desk, at).rainfall
        if told is not None:
            told.add(rainfall)
        table = pd.DataFrame(scorer.score(rainfall)[kept]).reset_index()
        known = table[table["confidence"] != "low"].drop(columns="confidence")
        parts.append(known.assign(start=pd.Timestamp(at), **season_features(pd.Timestamp(at), timezone)))
    if not any(len(part) for part in parts):
        raise FloodRiskError(f"no window from {begin.isoformat()} to {end.isoformat()} has its rain on record")
    return pd.concat(parts, ignore_index=True)


def _forecast_spans(desk: Desk) -> list[tuple[datetime, datetime, datetime]]:
    """Return issue, first and last time of every forecast on record; one that does not say its times is of any."""
    ever, never = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    query = select(FeedFile.issued_at, FeedFile.first_value_at, FeedFile.last_value_at).where(
        FeedFile.state == FileState.ACCEPTED, FeedFile.removed_at.is_(None), FeedFile.issued_at.is_not(None)
    )
    with desk.ledger.reading() as session:
        return [(issued or ever, first or ever, last or never) for issued, first, last in session.execute(query)]


def _touched(spans: list[tuple[datetime, datetime, datetime]], begin: datetime, end: datetime) -> bool:
    """Return False where no forecast says anything of a window: its rain is unknown, whatever gauges say."""
    return any(issued_at <= begin and first <= end and last > begin for issued_at, first, last in spans)


def learn(
    desk: Desk, *, now: datetime, begin: datetime | None = None, end: datetime | None = None, tell: Tell = silent
) -> Learned:
    """Learn from the district's history and the archive, and write what was found below ``learned`` of the products.

    Parameters
    ----------
    desk : Desk
    now : datetime
        Aware.
    begin, end : datetime, optional
        Part of the archive; default: all of it.
    tell : Tell

    Returns
    -------
    Learned
        Nothing of it is in service: `adopt` puts it there.

    Raises
    ------
    BadInputError
        If the record holds too few storms; the finding says what is missing. The rain error, which needs no flood, is
        written all the same.
    FloodRiskError
        If there is no archive.
    """
    first, last = archive_of(desk)
    first += timedelta(hours=desk.settings.warning.past_h)
    told = ToldAndFell()
    windows = scored_windows(
        desk, begin or first, min(end or last, now), told=told, tell=lambda done, text: tell(0.6 * done, text)
    )
    folder = desk.out / FOLDER / f"{windows['start'].max():%Y%m%dT%H%MZ}"
    rain_error = _learn_rain_error(folder, told, windows["start"])
    horizon_h, district = desk.settings.warning.horizon_h, desk.settings.district
    table, findings = mark_floods(windows, desk.district.history, window_h=horizon_h, now=pd.Timestamp(now))
    table["storm_id"] = mark_storms(table, timezone=district.timezone)
    hotspots = desk.district.hotspots
    places = zip(hotspots.index.astype(str), hotspots["lon"], hotspots["lat"], strict=True)
    synthetic = "; demonstration data" if district.demonstration else ""
    try:
        lesson = learn_chance(
            table,
            depths_m=desk.scorer.whole.thresholds_m,
            window_h=horizon_h,
            district_code=district.code,
            places={name: (float(lon), float(lat)) for name, lon, lat in places},
            title=f"Chance of a flood at the hotspots of {district.name.en}",
            data=f"Windows from {table['start'].min():%Y-%m-%d} to {table['start'].max():%Y-%m-%d}{synthetic}.",
            rng=np.random.default_rng(SEED),
            progress=lambda done, text: tell(0.6 + 0.4 * done, text),
        )
    except BadInputError as error:
        _log_refusal(desk, error.findings[0], now=now)
        # What could not be used may be what is missing.
        raise BadInputError(error.what, [*error.findings, *findings]) from None
    _write(folder, lesson, table)
    digest = _keep_model(folder, lesson)
    if lesson.refused:
        _log_refusal(desk, lesson.refused[0], now=now, folder=folder.name)
    else:
        desk.ledger.log(LEARNED, who="learn", now=now, folder=folder.name, sha256=digest)
    return Learned(folder, lesson, rain_error, (*rain_error.findings, *findings))


def _learn_rain_error(folder: Path, told: ToldAndFell, starts: pd.Series[Any]) -> FittedRainError:
    """Fit and write it; where nothing wet was told there is none of the district's own."""
    fitted = fit_rain_error(told.pairs(), source=f"archive {starts.min():%Y-%m-%d} to {starts.max():%Y-%m-%d}")
    if fitted.findings:
        (folder / RAIN_ERROR).unlink(missing_ok=True)
    else:
        write_rain_error(fitted.error, folder / RAIN_ERROR)
        write_whole(folder / "rain_error.csv", fitted.table.round(4).to_csv(index=False, lineterminator="\n"))
    return fitted


def _log_refusal(desk: Desk, finding: Finding, *, now: datetime, **more: str) -> None:
    desk.ledger.log(REFUSED, who="learn", now=now, code=finding.code, why=str(finding), **more)


def _write(folder: Path, lesson: Lesson, table: pd.DataFrame) -> None:
    scores = pd.concat(lesson.scores, names=["of"])
    write_whole(folder / "card.md", lesson.card)
    write_whole(folder / "scores.csv", scores.round(4).to_csv(lineterminator="\n"))
    write_whole(folder / "reliability.csv", lesson.reliability.round(5).to_csv(index=False, lineterminator="\n"))
    write_whole(folder / "windows.parquet", table.to_parquet())


def _keep_model(folder: Path, lesson: Lesson) -> str:
    """Write the model if it may serve; one of an earlier run that may not is taken away."""
    if lesson.refused:
        (folder / MODEL).unlink(missing_ok=True)
        return ""
    return save_model(lesson.model, folder / MODEL, verification=lesson.verification)


def adopt(desk: Desk, folder: Path, *, by: str, now: datetime) -> str:
    """Put a learned model into the district folder and name it in its settings; the next desk opened asks it.

    Parameters
    ----------
    desk : Desk
    folder : Path
        Of `Learned`.
    by : str
        Who answers for it; noted in the ledger.
    now : datetime

    Returns
    -------
    str
        The line of the settings.

    Raises
    ------
    BadInputError
        If there is no model in the folder, or none that may serve.
    FloodRiskError
        If nobody is named, or the settings name a model in more than one line.
    """
    _named(by)
    source = folder / MODEL
    model, found = load_model(source), read_verification(source)
    if not found.is_good or found.district_code != desk.settings.district.code:
        raise FloodRiskError(f"{source.name} may not serve in this district; see {folder / 'card.md'}")
    relative = f"models/{folder.name}.skops"
    digest = save_model(model, desk.root / relative, card=(folder / "card.md").read_text("utf-8"), verification=found)
    line = f'model: {{path: {relative}, sha256: "{digest}", n_events: {found.n_floods}}}'
    _name_in_settings(desk, line)
    desk.ledger.log(ADOPTED, who=by, now=now, folder=folder.name, sha256=digest)
    return line


def adopt_rain_error(desk: Desk, folder: Path, *, by: str, now: datetime) -> str:
    """Put a learned rain error into the district folder and name it in its settings; the next desk opened uses it.

    A model was learned from outcomes with the rain error of its time, so it is learned anew after this.

    Parameters
    ----------
    desk : Desk
    folder : Path
        Of `Learned`.
    by : str
        Who answers for it; noted in the ledger.
    now : datetime

    Returns
    -------
    str
        The line of the settings.

    Raises
    ------
    BadInputError
        If there is none in the folder, or a broken one.
    FloodRiskError
        If nobody is named, or the settings name a rain error in more than one line.
    """
    _named(by)
    relative = f"models/{folder.name}.{RAIN_ERROR}"
    write_rain_error(read_rain_error(folder / RAIN_ERROR), desk.root / relative)
    line = f"rain_error: {{path: {relative}}}"
    _name_in_settings(desk, line)
    desk.ledger.log(RAIN_ADOPTED, who=by, now=now, folder=folder.name)
    return line


def _named(by: str) -> None:
    if not by.strip():
        raise FloodRiskError("what was learned goes into service by somebody's name")


def _name_in_settings(desk: Desk, line: str) -> None:
    settings = desk.root / SETTINGS_FILE
    write_whole(settings, _with_line(settings.read_text(encoding="utf-8"), line))


def settle_answer(desk: Desk, folder: str, answer: Mapping[str, Any], *, now: datetime) -> str:
    """Put a model into service if a person says so; anything else, silence too, leaves the present one.

    Parameters
    ----------
    desk : Desk
    folder : str
        Name, of `Learned`.
    answer : mapping
        As Airflow's human-in-the-loop operator gives it: ``chosen_options``, ``params_input``, ``responded_by_user``
        (None if time ran out).
    now : datetime

    Returns
    -------
    str
        What was done.
    """
    user, (choice,) = answer.get("responded_by_user"), answer["chosen_options"]
    if user is None or choice != OPTIONS[0]:
        return "the present model goes on"
    named = str((answer.get("params_input") or {}).get(FIELD) or "").strip()
    return adopt(desk, desk.out / FOLDER / folder, by=named or str(user.get("name") or user.get("id") or ""), now=now)


def _with_line(text: str, line: str) -> str:
    r"""Return settings in which `line` gives the value of its key, all else as it was.

    Examples
    --------
    >>> _with_line("district: {}\nmodel: {path: old}\n", "model: {path: new}")
    'district: {}\nmodel: {path: new}\n'
    """
    before: dict[str, Any] = yaml.safe_load(text)
    key = line.partition(":")[0]
    own = re.compile(rf"^{key}:[ \t]*\{{[^\n]*\}}[^\n]*$", re.M)
    changed = own.sub(line, text, count=1) if key in before else f"{text.rstrip()}\n\n{line}\n"
    if yaml.safe_load(changed) != before | yaml.safe_load(line):
        raise FloodRiskError(f"the key `{key}` of {SETTINGS_FILE} is not in one line; write instead: {line}")
    return changed


def learning_due(desk: Desk, *, now: datetime) -> str | None:
    """Say why a model is to be learned now; None if there is no reason.

    Parameters
    ----------
    desk : Desk
    now : datetime

    Returns
    -------
    str or None
        ``year``: none was learned for a year; ``storm``: floods were recorded since, and the last is days ago.
    """
    with desk.ledger.reading() as session:
        last = session.scalar(select(func.max(LogEntry.at)).where(LogEntry.what.in_((LEARNED, REFUSED))))
    if last is None or now - last >= EVERY:
        return "year"
    floods = pd.DatetimeIndex(desk.district.history["started_at"])
    new = floods[(floods > pd.Timestamp(last)) & (floods <= pd.Timestamp(now))]
    return "storm" if len(new) and now - new.max().to_pydatetime() >= OVER else None
