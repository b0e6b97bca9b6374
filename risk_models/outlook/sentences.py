"""Which statements an outlook makes: chosen from its numbers, let pass by the gate, or withheld with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from risk_models.levels import Level
from risk_models.outlook.expected import Expected
from risk_models.outlook.record import TooShort
from risk_models.outlook.seasonal import TercileForecast
from risk_models.outlook.skill import SkillVerdict
from risk_models.outlook.wording import (
    Statement,
    Withheld,
    depth_statement,
    level_statement,
    rain_statement,
    seasonal_statement,
    withheld_too_short,
)
from risk_models.standards import WordingLevel

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["LEAST_CHANCE", "MOST_HOTSPOTS", "TOWN_LEVEL", "Sayings", "season_verdict", "too_short"]

#: A depth is spoken of from this chance on, at no more than so many hotspots each (choices of the project).
LEAST_CHANCE = 0.1
MOST_HOTSPOTS = 5
#: Level whose days are stated for every town; the district has all four.
TOWN_LEVEL = Level.YELLOW
WARNED = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
Said = Statement | Withheld


def season_verdict(forecast: TercileForecast) -> SkillVerdict:
    """Return the skill that came with the seasonal signal, as a verdict; the project cannot hindcast it.

    Parameters
    ----------
    forecast : TercileForecast
        As chosen.

    Returns
    -------
    SkillVerdict
        `n_years` is 0: the forecast does not tell.

    Examples
    --------
    >>> season_verdict(TercileForecast(below=0.2, normal=0.3, above=0.5, skill=0.1)).reason_en
    'skill 0.10 as issued with the forecast'
    """
    made = seasonal_statement(forecast)
    if isinstance(made, Withheld):
        return SkillVerdict(forecast.skill, float("nan"), 0, False, made.reason_zh, made.reason_en)
    zh, en = (
        f"随预测发布的回报技巧{forecast.skill:.2f}",
        f"skill {forecast.skill:.2f} as issued with the forecast",
    )
    return SkillVerdict(forecast.skill, float("nan"), 0, True, zh, en)


@dataclass(frozen=True)
class Sayings:
    """Make the statements of one outlook.

    Attributes
    ----------
    district : District
        For names.
    words : sequence of WordingLevel
    n_days : int
        Length of the span.
    verdicts : mapping of str to SkillVerdict
        By kind.
    """

    district: District
    words: Sequence[WordingLevel]
    n_days: int
    verdicts: Mapping[str, SkillVerdict]

    def season(self, forecast: TercileForecast, thirds_mm: tuple[float, float] | None) -> list[Said]:
        """State the season; its facts hold the terciles of the past, by which the next report judges it."""
        made = seasonal_statement(forecast)
        if isinstance(made, Withheld) or thirds_mm is None:
            return [made]
        facts = {**made.facts, "low_tercile_mm": thirds_mm[0], "high_tercile_mm": thirds_mm[1]}
        return [replace(made, facts=facts)]

    def rain(self, gauge: tuple[str, str, str], totals_mm: pd.DataFrame) -> list[Said]:
        """State the rain of the span at the reference gauge."""
        if "generated" not in totals_mm.index:
            return []
        row = totals_mm.loc["generated"].to_dict()
        usual = float(totals_mm["mean_mm"].reindex(["recorded"]).to_numpy(float)[0])
        keys = ("mean_mm", "p10_mm", "p90_mm")
        mean, low, high = (float(row[key]) for key in keys)
        errors = tuple(totals_mm.loc["sampling_error", list(keys)]) if "sampling_error" in totals_mm.index else ()
        return self._passed("rain", [rain_statement(gauge, (mean, low, high), usual, errors_mm=errors)])

    def levels(self, expected: Expected) -> list[Said]:
        """State the days at each level in the district, and at one level in every town."""
        units = expected.levels[expected.levels["unit_kind"] != "hotspot"]
        days = {(row["unit_id"], row["level"]): row for row in units.to_dict("records")}
        made = [self._level(days["district", int(item)], ("district", "全区", "The district"), item) for item in WARNED]
        names = self.district.towns[["town_name", "town_name_en"]]
        absent: list[Said] = []
        for code, zh, en in names.itertuples():
            key = str(code), int(TOWN_LEVEL)
            if key in days:
                made.append(self._level(days[key], (str(code), zh, en), TOWN_LEVEL))
            else:
                reason = f"{zh}没有登记的风险点", f"no hotspot is registered in {en}"
                absent.append(Withheld(f"level:{code}:{TOWN_LEVEL}", *reason))
        return [*self._passed("level", made), *absent]

    def _level(self, row: Mapping[Any, Any], unit: tuple[str, str, str], level: Level) -> Statement:
        numbers = (float(row["expected_days"]), float(row["days_p10"]), float(row["days_p90"]))
        return level_statement(unit, level, numbers, self.n_days, error_days=float(row["days_se"]))

    def depths(self, expected: Expected) -> list[Said]:
        """State the hotspots most likely to pass each depth, where there is a chance worth a sentence."""
        passes = expected.passes.dropna(subset=["p_once"])
        passes = passes[passes["p_once"] >= LEAST_CHANCE].sort_values("p_once", ascending=False, kind="stable")
        chosen = passes.groupby("depth_class", sort=False).head(MOST_HOTSPOTS)
        chosen = chosen.sort_values(["depth_min_m", "p_once"], ascending=[False, False], kind="stable")
        if chosen.empty:
            reason = (
                f"没有风险点达到任一积水深度的可能性不低于{LEAST_CHANCE:.0%}",
                f"no hotspot has a chance of {LEAST_CHANCE:.0%} or more of reaching any depth",
            )
            return [Withheld("depth", *reason)]
        names = self.district.hotspots[["hotspot_name", "hotspot_name_en"]]
        made = [
            depth_statement(
                (row["hotspot_id"], *names.loc[row["hotspot_id"]]),
                (row["depth_class"], row["depth_min_m"]),
                (row["p_once"], row["p_low"], row["p_high"]),
                self.words,
            )
            for row in chosen.to_dict("records")
        ]
        return self._passed("depth", made)

    def _passed(self, kind: str, made: list[Statement]) -> list[Said]:
        """Let a kind of statement pass as a whole, or withhold it with one reason."""
        verdict = self.verdicts[kind]
        return list(made) if verdict.is_supported else [Withheld(kind, verdict.reason_zh, verdict.reason_en)]


def too_short(answer: TooShort) -> list[Said]:
    """Withhold what needs generated periods."""
    return [withheld_too_short(kind, answer) for kind in ("rain", "level", "depth")]
