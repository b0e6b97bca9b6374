"""A record of floods is marked, parted into storms, learned from, and refused where it shows nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk_models.errors import BadInputError
from risk_models.risk.susceptibility.learning import Lesson, learn_chance, mark_floods, mark_storms
from risk_models.risk.susceptibility.skill import skill_scores
from tests.risk_models.risk.susceptibility.test_chance import DEPTHS_M, record

NOW = pd.Timestamp("2022-01-01T00:00Z")


def windows(mm: list[float]) -> pd.DataFrame:
    start = pd.date_range("2021-07-01T00:00Z", periods=len(mm), freq="12h")
    return pd.DataFrame({"start": start, "hotspot_id": "H1", "fc_3h_mm_p90": mm})


def history(*floods: tuple[str, str, float, str]) -> pd.DataFrame:
    table = pd.DataFrame(floods, columns=["hotspot_id", "started_at", "depth_m", "confidence"])
    return table.assign(started_at=pd.to_datetime(table["started_at"], utc=True))


@pytest.mark.parametrize(
    ("floods", "codes", "depths"),
    [
        ([("H1", "2021-07-01T13:00Z", 0.2, "A")], [], [0.0, 0.2, 0.0]),
        ([("H1", "2021-07-01T13:00Z", np.nan, "A")], [], [0.0, np.nan, 0.0]),
        ([("H1", "2023-07-01T13:00Z", 0.2, "A")], ["future-flood"], [0.0, 0.0, 0.0]),
        ([("H1", "2020-07-01T13:00Z", 0.2, "A")], ["flood-without-rain-record"], [0.0, 0.0, 0.0]),
        ([("H9", "2021-07-01T13:00Z", 0.2, "A")], ["flood-without-rain-record"], [0.0, 0.0, 0.0]),
        ([("H1", "2021-07-01T13:00Z", 0.2, "A"), ("H1", "2021-07-01T15:00Z", 0.5, "B")], ["duplicate-flood"],
         [0.0, 0.5, 0.0]),
        ([("H1", "2021-07-02T01:00Z", 0.2, "A")], ["flood-without-rain"], [0.0, 0.0, 0.2]),
        ([("H1", "2021-07-01T13:00Z", 0.2, "D")], [], [0.0, 0.0]),
    ],
)  # fmt: skip
def test_what_of_a_record_can_be_used(
    floods: list[tuple[str, str, float, str]], codes: list[str], depths: list[float]
) -> None:
    table, findings = mark_floods(windows([5.0, 30.0, 0.0]), history(*floods), window_h=12, now=NOW)
    assert [finding.code for finding in findings] == codes
    assert all(finding.severity == "warning" for finding in findings)
    np.testing.assert_array_equal(table["depth_m"], depths)


def test_storms_are_parted_by_a_day_of_quiet() -> None:
    table = windows([5.0, 0.0, 5.0, 0.0, 0.0, 0.0, 9.0, 0.0]).assign(depth_m=0.0)
    assert mark_storms(table, timezone="UTC").tolist() == ["2021-07-01#0"] * 6 + ["2021-07-04#1"] * 2
    quiet = windows([0.0, 0.0]).assign(depth_m=0.0)
    assert set(mark_storms(quiet, timezone="UTC")) == {"quiet"}
    wet_later = windows([0.0, 5.0]).assign(depth_m=0.0)
    assert mark_storms(wet_later, timezone="UTC").tolist() == ["before", "2021-07-01#0"]


def lesson(table: pd.DataFrame, depth_m: np.ndarray, storm: np.ndarray) -> Lesson:
    starts = pd.Timestamp("2021-01-01T00:00Z") + pd.to_timedelta(48 * storm, unit="h")
    return learn_chance(
        table.assign(start=starts, storm_id=[f"s{n:03d}" for n in storm], depth_m=depth_m), depths_m=DEPTHS_M,
        window_h=12, district_code="1", places={}, title="T", data="D", rng=np.random.default_rng(0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def learned() -> Lesson:
    return lesson(*record())


def test_a_record_with_skill_may_serve(learned: Lesson) -> None:
    assert learned.refused == ()
    assert learned.verification.is_good
    assert learned.verification.n_flood_storms >= 10
    names = list(learned.scores)
    assert names[0] == "storms left out"
    assert "without the largest storm" in names[1]
    assert "learned from before" in names[2]
    assert learned.scores["storms left out"].loc["auc", "value"] > 0.85
    assert "It may serve" in learned.card


def test_the_same_record_teaches_the_same(learned: Lesson) -> None:
    assert lesson(*record()).card == learned.card


def test_floods_that_have_nothing_to_do_with_rain_are_refused() -> None:
    table, _, storm = record()
    found = lesson(table, np.where(np.random.default_rng(5).random(len(table)) < 0.08, 0.2, 0.0), storm)
    (finding,) = found.refused
    assert finding.code == "no-skill"
    assert finding.fix
    assert not found.verification.is_good
    assert "may not serve" in found.card


def test_too_few_storms_say_what_is_missing() -> None:
    table, depth_m, storm = record()
    wet = pd.unique(storm[~(depth_m == 0)])[:2]
    rows = np.isin(storm, wet)
    with pytest.raises(BadInputError) as error:
        lesson(table[rows].reset_index(drop=True), depth_m[rows], storm[rows])
    (finding,) = error.value.findings
    assert (finding.code, finding.value, finding.accepted) == ("few-storms", "2", "5 storms or more")
    assert "history" in finding.fix


def test_a_record_of_floods_only_says_that_nothing_stayed_dry() -> None:
    table, depth_m, storm = record()
    with pytest.raises(BadInputError, match=r"1 storms have a place that stayed dry.*\[one-class\]"):
        lesson(table, np.where(storm == storm[0], depth_m, 0.3), storm)


def test_intervals_know_that_a_storm_is_one_piece_of_evidence() -> None:
    rng = np.random.default_rng(8)
    storm = np.repeat(np.arange(8), 50)
    wet = (np.arange(8) % 2 == 0)[storm]
    observed = wet & (rng.random(400) < 0.5)
    chance = np.where(wet, 0.5, 0.02)
    common = {"rain": chance, "share": chance, "window": storm}

    def width(names: np.ndarray) -> float:
        table = skill_scores(observed, chance, np.full(400, 0.25), storm=names, rng=np.random.default_rng(0), **common)
        return float(table.loc["brier_skill", "high"] - table.loc["brier_skill", "low"])

    assert width(storm) > 1.2 * width(np.arange(400))


def test_scores_that_are_not_defined_are_unknown() -> None:
    table = skill_scores([0, 0], [0.1, 0.2], [0.1, 0.1], rain=[1, 2], share=[0, 0], window=[0, 1], storm=[0, 1],
                         rng=np.random.default_rng(0))  # fmt: skip
    assert table.loc[["auc", "auc_within_windows"]].isna().all().all()
