"""What the district's criteria would have sent in the years of its long rain record; resumes where it stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from risk_models.errors import ConfigError
from risk_models.files import whole_file, write_whole
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.outlook.rain_record import read_rain_record
from risk_models.risk import RiskTable, town_levels
from risk_models.risk.scorer import METHOD_VERSION
from risk_models.verification.years import RecordedYears, StormHours, years_budget
from risk_models.warning.signals import rain_signals
from wuyu.progress import Tell, silent
from wuyu.verification.tables import write_table

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["run_years", "write_years"]

_FACTS: Final = "inputs.json"


def write_years(desk: Desk, *, every: int = 1, step_h: int = 3, tell: Tell = silent) -> tuple[Path, pd.DataFrame]:
    """Score the storms of the record, count what each way of drawing levels would have sent, and write the table.

    Parameters
    ----------
    desk : Desk
    every : int
        Take each so many-th year only.
    step_h : int
        Hours between cycles.
    tell : Tell
        Progress.

    Returns
    -------
    path : Path
        ``verification/years/budget.csv``.
    table : DataFrame
        See `risk_models.verification.years.years_budget`; ``allowed`` is what the settings allow the criteria.

    Raises
    ------
    ConfigError
        If the district has no long rain record.
    """
    rows, years = run_years(desk, every=every, step_h=step_h, tell=tell)
    settings = desk.settings
    table = years_budget(
        rows,
        n_seasons=len(years),
        n_towns=len(desk.district.towns),
        policy=desk.policy,
        zone=settings.district.timezone,
        flood_season=settings.seasons.flood_season,
    )
    allowed = {f"criteria-{level}": most for level, most in settings.warning.budget.items()}
    table["allowed"] = table.index.map(allowed).astype(float)
    path = desk.out / "verification" / "years" / "budget.csv"
    return write_table(path, table, decimals=3), table


def run_years(desk: Desk, *, every: int, step_h: int, tell: Tell = silent) -> tuple[pd.DataFrame, list[int]]:
    """Return a row for each cycle and town of the storms of the record, and the years that were taken.

    Storms that were scored before from the same district, record and method are taken from their files.

    Returns
    -------
    rows : DataFrame
        ``valid_at``, ``town_code``, ``criteria`` (level by the criteria), ``matrix`` (level of the worst place by the
        matrix), ``signal``, ``stands`` (whether water stands at an assessed place).
    years : list of int
    """
    settings = desk.settings
    if settings.rain_record is None:
        raise ConfigError("the district has no rain_record in district.yaml: no years to look back on")
    path = desk.root / settings.rain_record.path
    record = RecordedYears(desk.district, desk.scorer, read_rain_record(path))
    first, last = record.years
    years = list(range(first, last + 1, every))
    folder = _folder(desk, path, step_h)
    storms = [storm for storm in record.storms(step_h=step_h) if storm.year in years]
    for number, storm in enumerate(storms, start=1):
        is_new = _score(desk, record, storm, folder)
        told = f"{storm.at[0].tz_convert(record.zone):%Y-%m-%d}{'' if is_new else ' (scored before)'}"
        tell(number / len(storms), told)
    parts = [pd.read_parquet(_file(folder, storm)) for storm in storms]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(valid_at=pd.to_datetime(rows["valid_at"], utc=True)), years


def _folder(desk: Desk, record: Path, step_h: int) -> Path:
    """Return where the storms are kept; those of another district, record or method go."""
    folder = desk.out / "verification" / "years" / f"{step_h}h"
    facts = {
        "district": desk.district.content_hash,
        "record": hashlib.sha256(record.read_bytes()).hexdigest(),
        "criteria": repr(desk.scorer.whole.criteria) + repr(desk.scorer.town_rules),
        "method": METHOD_VERSION,
    }
    text = json.dumps(facts, sort_keys=True, indent=1) + "\n"
    path = folder / _FACTS
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        for file in sorted(folder.glob("*.parquet")):
            file.unlink()
        write_whole(path, text)
    return folder


def _file(folder: Path, storm: StormHours) -> Path:
    return folder / f"{storm.at[0]:%Y%m%dT%H%MZ}.parquet"


def _score(desk: Desk, record: RecordedYears, storm: StormHours, folder: Path) -> bool:
    path = _file(folder, storm)
    if path.is_file():
        return False
    rows = pd.concat([_rows(desk, table) for table in record.cycles(storm)], ignore_index=True)
    with whole_file(path) as aside:
        rows.to_parquet(aside, index=False)
    return True


def _rows(desk: Desk, table: RiskTable) -> pd.DataFrame:
    towns = town_levels(table)
    by_town = table.groupby("town_code")
    stands = (table["now"] == str(Now.STANDS)).groupby(table["town_code"]).any()
    signals = rain_signals(table, desk.standards, desk.settings.standards.rain_signals)
    return pd.DataFrame(
        {
            "valid_at": table.attrs["valid_at"],
            "town_code": towns.index,
            "criteria": towns["level"].to_numpy(),
            "matrix": by_town["matrix_level"].max().reindex(towns.index).to_numpy(),
            "signal": signals["level"].reindex(towns.index).fillna(int(Level.UNKNOWN)).to_numpy(int),
            "stands": stands.reindex(towns.index).to_numpy(),
        }
    )
