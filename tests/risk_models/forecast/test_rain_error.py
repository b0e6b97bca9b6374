"""The rain error learned: what was planted is found, storms are the evidence, and little evidence changes little."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk_models.district.rain_error import LEAD_H, RainError
from risk_models.errors import BadInputError
from risk_models.forecast.rain_error import PRIOR_STORMS, SUM_H, WET_MM, ToldAndFell, fit_rain_error
from risk_models.forecast.rainfall import Origin, Provenance, build_rainfall, from_datetime64

PLANTED = (0.3, 0.4, 0.5, 0.7, 0.9, 1.0)
AT = np.datetime64("2024-07-01T00", "ns")
HOUR = np.timedelta64(1, "h")


def planted(storms: int, *, sds: tuple[float, ...] = PLANTED, seed: int = 0, per_storm: int = 4) -> pd.DataFrame:
    """Return pairs of every class of lead; half of the error is the storm's, half the pair's."""
    rng = np.random.default_rng(seed)
    storm, lead, _ = np.meshgrid(np.arange(storms), LEAD_H, np.arange(per_storm), indexing="ij")
    sd = np.broadcast_to(np.asarray(sds)[None, :, None], storm.shape)
    z = np.sqrt(0.5) * rng.normal(size=(storms, len(LEAD_H), 1)) + np.sqrt(0.5) * rng.normal(size=storm.shape)
    told = WET_MM + rng.gamma(2.0, 4.0, storm.shape)
    columns = {"lead_h": lead, "storm_id": storm, "told_mm": told, "fell_mm": told * np.exp(sd * z)}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()}).assign(source="forecast")


def test_planted_errors_are_found_within_their_standard_error() -> None:
    fitted = fit_rain_error(planted(1500), source="planted")
    table = fitted.table
    assert table["storms"].tolist() == [1500] * 6
    assert (np.abs(table["log_sd"] - np.array(PLANTED)) < 3 * table["standard_error"]).all()
    assert (table["standard_error"] < 0.04).all()


def test_standard_errors_are_those_of_storms() -> None:
    found = [fit_rain_error(planted(80, seed=seed), source="planted").table for seed in range(60)]
    scatter = np.std([table["log_sd"] for table in found], axis=0)
    told = np.mean([table["standard_error"] for table in found], axis=0)
    # Pooling of neighbours makes some scatter less than told; rows instead of storms would tell half of it.
    assert (scatter / told < 1.3).all()
    assert (scatter / told > 0.6).all()


def test_more_pairs_of_the_same_storms_are_no_more_evidence() -> None:
    pairs = planted(12)
    once, thrice = (
        fit_rain_error(each, source="planted") for each in (pairs, pd.concat([pairs] * 3, ignore_index=True))
    )
    assert once.error == thrice.error
    assert once.table["storms"].tolist() == thrice.table["storms"].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_error_never_falls_with_lead(seed: int) -> None:
    falling = tuple(reversed(PLANTED))
    fitted = fit_rain_error(planted(20, sds=falling, seed=seed), source="planted")
    assert all((np.diff(row) >= 0).all() for row in fitted.error.log_sds)


def test_order_of_pairs_and_names_of_storms_change_nothing() -> None:
    pairs = planted(25)
    rng = np.random.default_rng(1)
    mixed = pairs.sample(frac=1.0, random_state=1)
    mixed["storm_id"] = rng.permutation(25)[mixed["storm_id"]]
    assert fit_rain_error(mixed, source="planted").error == fit_rain_error(pairs, source="planted").error
    pd.testing.assert_frame_equal(
        fit_rain_error(mixed, source="planted").table, fit_rain_error(pairs, source="planted").table
    )


def test_one_storm_leaves_nearly_the_prior() -> None:
    pairs = planted(1).assign(fell_mm=lambda table: 2.0 * table["told_mm"])
    fitted = fit_rain_error(pairs, source="one storm")
    prior = RainError.prior()
    np.testing.assert_allclose(fitted.error.log_sds[Origin.FORECAST], prior.log_sds[Origin.FORECAST], rtol=0.2)
    assert fitted.table["standard_error"].isna().all()
    assert fitted.error.log_sds[Origin.OBSERVED] == prior.log_sds[Origin.OBSERVED]


def test_nothing_wet_is_the_prior_and_said() -> None:
    dry = planted(5).assign(told_mm=0.0, fell_mm=[0.0, 20.0] * 60)
    fitted = fit_rain_error(dry, source="dry")
    assert fitted.error == RainError.prior()
    (finding,) = fitted.findings
    assert (finding.code, finding.severity) == ("no-wet-pairs", "warning")
    assert fitted.table["misses"].tolist() == [1.0] * 6
    assert fitted.table["pairs"].sum() == 0


def test_no_pair_at_all_is_the_prior_and_said() -> None:
    fitted = fit_rain_error(ToldAndFell().pairs(), source="nothing")
    assert (fitted.error, len(fitted.findings)) == (RainError.prior(), 1)


def test_rain_that_did_not_come_gives_no_infinity() -> None:
    fitted = fit_rain_error(planted(40).assign(fell_mm=0.0), source="false alarms")
    assert np.isfinite(fitted.error.log_sds).all()
    assert fitted.table["false_alarms"].tolist() == [1.0] * 6
    assert min(fitted.error.log_sds[Origin.FORECAST]) > 0


def test_misses_are_counted_and_change_no_error() -> None:
    pairs = planted(30)
    missed = pairs.iloc[:60].assign(told_mm=0.0, fell_mm=30.0)
    both = fit_rain_error(pd.concat([pairs, missed]), source="planted")
    assert both.error == fit_rain_error(pairs, source="planted").error
    assert both.table["misses"].max() > 0


def test_unknown_rain_tells_nothing() -> None:
    pairs = planted(30)
    unknown = pairs.assign(fell_mm=np.nan)
    both = fit_rain_error(pd.concat([pairs, unknown]), source="planted")
    assert both.error == fit_rain_error(pairs, source="planted").error


def test_wrong_pairs_are_named() -> None:
    pairs = planted(2).assign(source="radar")
    pairs.loc[3, "fell_mm"] = -1.0
    with pytest.raises(BadInputError) as caught:
        fit_rain_error(pairs.drop(columns="lead_h"), source="wrong")
    found = {(one.code, one.column, one.row) for one in caught.value.findings}
    assert found == {
        ("missing-column", "lead_h", None),
        ("unknown-source", "source", None),
        ("negative-rain", "fell_mm", 4),
    }


def test_members_that_spread_as_they_err_need_no_more() -> None:
    rng = np.random.default_rng(2)
    gathered = ToldAndFell()
    for day in range(60):
        outcomes = 5.0 * np.exp(0.5 * rng.normal(size=(21, 1, 8))) * np.ones((1, 6, 1))
        gathered.add(_cycle(AT + 48 * day * HOUR, past_mm=0.0, ahead_mm=outcomes[1:]))
        gathered.add(_cycle(AT + (48 * day + 6) * HOUR, past_mm=outcomes[0, 0], ahead_mm=np.zeros((1, 6, 8))))
    pairs = gathered.pairs()
    none = RainError(log_sds=((0.1,) * 6,) * 4)
    with_spread, without = (
        fit_rain_error(each, source="members", prior=none).error.log_sd(Origin.FORECAST, 3.0)
        for each in (pairs, pairs.drop(columns="member_log_sd"))
    )
    assert with_spread < 0.25 < 0.35 < without


def _cycle(at: np.datetime64, *, past_mm: float | np.ndarray, ahead_mm: np.ndarray, issued_h: int = 0) -> object:
    past = np.ones((len(ahead_mm), 6, 1)) * np.broadcast_to(past_mm, ahead_mm.shape[2])
    steps = 6 + ahead_mm.shape[1]
    unknown = np.full((steps, ahead_mm.shape[2]), np.nan)
    moment = from_datetime64(at)
    return build_rainfall(
        np.concatenate([past, ahead_mm], axis=1), time=at + np.arange(-5, steps - 5) * HOUR,
        hotspot=[f"H{n}" for n in range(ahead_mm.shape[2])],
        origin=np.repeat([Origin.OBSERVED, Origin.FORECAST], [6, steps - 6]), quality=np.full(unknown.shape, 2),
        rain_std_mm=unknown, provenance=Provenance(valid_at=moment, issued_at=from_datetime64(at - issued_h * HOUR)),
    )  # fmt: skip


def test_what_was_told_is_held_against_what_fell_at_the_same_hours() -> None:
    gathered = ToldAndFell()
    told = np.arange(1.0, 7.0)[None, :, None] * np.array([1.0, 0.0])
    gathered.add(_cycle(AT, past_mm=0.0, ahead_mm=told, issued_h=6))
    gathered.add(_cycle(AT + 6 * HOUR, past_mm=2.0, ahead_mm=np.zeros((1, 6, 2))))
    pairs = gathered.pairs().sort_values(["lead_h", "told_mm"], ignore_index=True)
    assert pairs["lead_h"].tolist() == [9.0, 9.0, 12.0, 12.0]  # since the issue, not since the cycle
    assert pairs["told_mm"].tolist() == [0.0, 6.0, 0.0, 15.0]
    assert pairs["fell_mm"].tolist() == [2.0 * SUM_H] * 4
    assert set(pairs["source"]) == {"forecast"}
    assert len(set(pairs["storm_id"])) == 1


def test_the_first_hour_is_told_by_itself() -> None:
    gathered = ToldAndFell()
    gathered.add(_cycle(AT, past_mm=0.0, ahead_mm=np.full((1, 6, 1), 4.0)))
    gathered.add(_cycle(AT + 6 * HOUR, past_mm=5.0, ahead_mm=np.zeros((1, 6, 1))))
    pairs = gathered.pairs().sort_values("lead_h", ignore_index=True)
    assert pairs["lead_h"].tolist() == [1.0, 3.0, 6.0]
    assert pairs["told_mm"].tolist() == [4.0, 12.0, 12.0]


def test_storms_are_apart_after_a_quiet_day() -> None:
    gathered = ToldAndFell()
    for hours in (0, 12, 60):
        gathered.add(_cycle(AT + hours * HOUR, past_mm=0.0, ahead_mm=np.full((1, 6, 1), 4.0)))
        gathered.add(_cycle(AT + (hours + 6) * HOUR, past_mm=5.0, ahead_mm=np.zeros((1, 6, 1))))
    assert sorted(gathered.pairs()["storm_id"].unique()) == ["2024-07-01T01Z", "2024-07-03T13Z"]


def test_the_prior_counts_for_some_storms() -> None:
    pairs = planted(int(PRIOR_STORMS), per_storm=1).assign(fell_mm=lambda table: table["told_mm"] * np.exp(0.8))
    found = fit_rain_error(pairs, source="as many storms as the prior").table
    assert found["log_sd"].iloc[0] ** 2 == pytest.approx(0.5 * (0.5**2 + 2 * 0.8**2), rel=1e-3)
