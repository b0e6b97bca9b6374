"""Laws of the learned chance: what may raise it, what may not change it, and what it knows of storms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from risk_models.risk.susceptibility import HotspotFloodChance, load_model, save_model

PLACES, STORMS = 10, 40
DEPTHS_M = (0.05, 0.15, 0.27)
FLOODS_OFTEN, FLOODS_NEVER = "H0", "H9"


def record(seed: int = 1) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    storm, place = np.repeat(np.arange(STORMS), PLACES), np.tile(np.arange(PLACES), STORMS)
    rain = rng.gamma(1.0, 12.0, STORMS)[storm]
    table = pd.DataFrame(
        {
            "fc_3h_mm_p50": rain, "fc_3h_mm_p90": rain * rng.uniform(1.0, 2.0, len(rain)),
            "p_5cm": np.clip(rain / 60.0 + rng.normal(0, 0.05, len(rain)), 0, 1),
            "season_sin": rng.normal(size=len(rain)), "season_cos": 0.1, "hotspot_id": [f"H{n}" for n in place],
            "kind": np.where(place < 5, "tunnel", "road_junction"),
        }
    )  # fmt: skip
    needed = np.where(place < 5, 15.0, 30.0) + np.where(place == 0, -8.0, 0.0) + rng.normal(0, 6, len(rain))
    depth_m = np.where((rain > needed) & (place != PLACES - 1), rng.choice([0.06, 0.2, 0.3, np.nan], len(rain)), 0.0)
    return table, depth_m, storm


@pytest.fixture(scope="module")
def model() -> HotspotFloodChance:
    table, depth_m, storm = record()
    return HotspotFloodChance(depths_m=DEPTHS_M).fit(table, depth_m, storms=storm)


def row(**changed: object) -> pd.DataFrame:
    one = {
        "fc_3h_mm_p50": 15.0, "fc_3h_mm_p90": 20.0, "p_5cm": 0.2, "season_sin": 0.0, "season_cos": 0.1,
        "hotspot_id": "H3", "kind": "tunnel",
    }  # fmt: skip
    return pd.DataFrame([{**one, **changed}])


mm, share = st.floats(0, 400), st.floats(0, 1)


@settings(max_examples=60, deadline=None)
@given(
    p50=mm, p90=mm, p=share, more=st.tuples(mm, mm, share), season=st.floats(-1, 1),
    place=st.sampled_from(["H0", "H5", "H9", "new"]), kind=st.sampled_from(["tunnel", "road_junction", "gully"]),
)  # fmt: skip
def test_law_more_rain_or_share_never_lowers_a_chance_and_deeper_is_never_likelier(
    model: HotspotFloodChance, p50: float, p90: float, p: float, more: tuple[float, float, float], season: float,
    place: str, kind: str,
) -> None:  # fmt: skip
    same = {"season_sin": season, "hotspot_id": place, "kind": kind}
    less = model.exceedance(row(fc_3h_mm_p50=p50, fc_3h_mm_p90=p90, p_5cm=p, **same))
    greater = model.exceedance(
        row(fc_3h_mm_p50=p50 + more[0], fc_3h_mm_p90=p90 + more[1], p_5cm=min(p + more[2], 1.0), **same)
    )
    assert (greater >= less - 1e-12).all()
    assert (np.diff(less, axis=1) <= 1e-12).all()
    assert ((less >= 0) & (less <= 1)).all()


def test_a_hotspot_with_a_record_ranks_above_its_twin_without(model: HotspotFloodChance) -> None:
    often, twin = (model.exceedance(row(hotspot_id=name, kind="tunnel"))[0, 0] for name in (FLOODS_OFTEN, "H4"))
    never, other = (model.exceedance(row(hotspot_id=name, kind="road_junction"))[0, 0] for name in (FLOODS_NEVER, "H8"))
    assert often > twin
    assert never < other


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(STORMS * PLACES)))
def test_law_the_order_of_rows_changes_nothing(model: HotspotFloodChance, order: list[int]) -> None:
    table, depth_m, storm = record()
    again = HotspotFloodChance(depths_m=DEPTHS_M).fit(table.iloc[order], depth_m[order], storms=storm[order])
    assert (again.exceedance(table) == model.exceedance(table)).all()
    assert (model.exceedance(table.iloc[order]) == model.exceedance(table)[order]).all()


def test_chances_of_the_record_sum_to_its_floods(model: HotspotFloodChance) -> None:
    table, depth_m, _ = record()
    floods = np.isnan(depth_m) | (depth_m >= DEPTHS_M[0])
    assert model.exceedance(table)[:, 0].sum() == pytest.approx(floods.sum(), rel=0.01)
    assert model.n_floods_ == floods.sum()


def test_rows_of_one_storm_are_not_many_storms() -> None:
    table, depth_m, storm = record()
    few = np.isin(storm, np.arange(12))
    once = HotspotFloodChance(depths_m=DEPTHS_M).fit(table[few], depth_m[few], storms=storm[few])
    many = pd.concat([table[few]] * 6)
    again = HotspotFloodChance(depths_m=DEPTHS_M).fit(many, np.tile(depth_m[few], 6), storms=np.tile(storm[few], 6))
    as_rows = HotspotFloodChance(depths_m=DEPTHS_M).fit(many, np.tile(depth_m[few], 6))
    # Six times the rows of the same storms leave more unknown than six times the storms would.
    assert (again.effects_.std_errors[:2] > 1.3 * as_rows.effects_.std_errors[:2]).any()
    assert once.n_storms_ == again.n_storms_ == 12


def test_a_place_never_seen_is_one_of_its_kind(model: HotspotFloodChance) -> None:
    tunnel, junction = (
        model.exceedance(row(hotspot_id="new", kind=kind))[0, 0] for kind in ("tunnel", "road_junction")
    )
    assert tunnel > junction


def test_an_unknown_number_makes_an_unknown_chance(model: HotspotFloodChance) -> None:
    assert np.isnan(model.exceedance(row(fc_3h_mm_p90=np.nan))).all()


def test_contributions_sum_to_the_log_odds(model: HotspotFloodChance) -> None:
    table, _, _ = record()
    told = model.explain(table)
    assert np.allclose(told.sum(axis=1), model.decision_function(table), atol=1e-12)
    assert list(told.columns) == ["(base)", *model.rain, *model.shares, *model.season, "(hotspot)"]


def test_classes_are_parted_chances(model: HotspotFloodChance) -> None:
    table, _, _ = record()
    classes = model.predict_proba(table)
    assert np.allclose(classes.sum(axis=1), 1.0)
    assert (classes >= -1e-12).all()
    assert set(model.predict(table)) <= set(model.classes_)


def test_it_is_kept_as_it_was(model: HotspotFloodChance, tmp_path: Path) -> None:
    table, _, _ = record()
    digest = save_model(model, tmp_path / "m.skops")
    assert save_model(model, tmp_path / "n.skops") == digest
    assert (load_model(tmp_path / "m.skops").exceedance(table) == model.exceedance(table)).all()  # type: ignore[union-attr]
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("depths", "change", "text"),
    [
        ((0.05,), lambda t, d: (t.drop(columns="p_5cm"), d), "no column 'p_5cm'"),
        ((0.15, 0.05), lambda t, d: (t, d), "ascending"),
        ((0.05,), lambda t, d: (t, d[:-1]), "one value for each"),
        ((0.05,), lambda t, d: (t, d * 0.0 + 0.3), "every row is a flood, or none"),
        ((0.05,), lambda t, d: (t, d * 0.0), "every row is a flood, or none"),
        ((0.05,), lambda t, d: (t, np.where(d == 0, -0.1, d)), "negative"),
    ],
)
def test_wrong_tables_are_refused(depths: tuple[float, ...], change: object, text: str) -> None:
    table, depth_m, storm = record()
    table, depth_m = change(table, np.nan_to_num(depth_m, nan=0.1))  # type: ignore[operator]
    with pytest.raises(ValueError, match=text):
        HotspotFloodChance(depths_m=depths).fit(table, depth_m, storms=storm)
