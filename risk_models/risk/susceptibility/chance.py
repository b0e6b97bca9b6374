"""The estimator of a learned chance: how likely each depth is at a hotspot in a window, from few parameters."""

# ruff: noqa: N803 (names and arguments of scikit-learn)

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq, root_scalar
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,import-not-found]

from risk_models.risk.susceptibility.mixed import NODE_WEIGHTS, NODES, MixedEffects, MixedProblem, fit_mixed

__all__ = ["HotspotFloodChance"]

Floats = npt.NDArray[np.float64]

#: Shares of few outcomes are 0 or 1 where the truth is only small or large.
SUREST_SHARE = 0.003
_STORM_NODES, _STORM_WEIGHTS = np.polynomial.hermite_e.hermegauss(7)


class HotspotFloodChance(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Chance that water passes each of some depths at a hotspot within a window, learned from storms.

    Log-odds of the first depth: ``a + b log(1 + rain) + c log-odds(share) + season + kind + hotspot + storm``, with
    b, c >= 0. Effects of hotspots are shrunk to their kind and those of kinds to none, by how little is known; the
    effect of a storm to come is averaged over. Each deeper class is the same less a shift.

    Parameters
    ----------
    depths_m : tuple of float
        Ascending, m.
    rain : tuple of str
        Columns of rain, mm: one or two that say how much is expected.
    shares : tuple of str
        Columns with the share of outcomes of the physical chain that pass some depth, 0-1.
    season : tuple of str
        Columns that tell the time of the year, about -1 to 1.
    hotspot, kind : str
        Columns with the id of the hotspot and its kind.

    Attributes
    ----------
    classes_ : ndarray (C + 1,)
        0 less than the first depth, c at least depth c and less than the next.
    effects_ : MixedEffects
    hotspots_, kinds_ : ndarray of str
        Names of the effects, sorted.
    level_ : float
        Added to the intercept: with it the chances of the record, averaged over storms, sum to its floods.
    shifts_ : ndarray (C,)
        Log-odds that each class lies below the first; from 0, rising.
    n_storms_, n_floods_, n_flood_storms_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    A row with an unknown number has an unknown chance (NaN). Rows that are learned from may come in any order.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> storm, place = np.repeat(np.arange(40), 6), np.tile(np.arange(6), 40)
    >>> rain = rng.gamma(1.0, 15.0, 40)[storm]
    >>> table = pd.DataFrame({"rain_mm": rain, "hotspot_id": [f"H{n}" for n in place], "kind": "tunnel"})
    >>> depth_m = np.where(rain > 30 + rng.normal(0, 8, 240), rng.uniform(0.05, 0.5, 240), 0.0)
    >>> model = HotspotFloodChance(depths_m=(0.05, 0.27), rain=("rain_mm",), shares=(), season=())
    >>> chance = model.fit(table, depth_m, storms=storm).exceedance(
    ...     pd.DataFrame({"rain_mm": [2.0, 60.0], "hotspot_id": ["H0", "new"], "kind": "tunnel"}))
    >>> bool(chance[0, 0] < 0.1), bool(chance[1, 0] > 0.6), bool(chance[1, 1] < chance[1, 0])
    (True, True, True)
    """

    def __init__(
        self,
        *,
        depths_m: tuple[float, ...] = (0.05, 0.15, 0.27, 0.5),
        rain: tuple[str, ...] = ("fc_3h_mm_p50", "fc_3h_mm_p90"),
        shares: tuple[str, ...] = ("p_5cm",),
        season: tuple[str, ...] = ("season_sin", "season_cos"),
        hotspot: str = "hotspot_id",
        kind: str = "kind",
    ) -> None:
        self.depths_m = depths_m
        self.rain = rain
        self.shares = shares
        self.season = season
        self.hotspot = hotspot
        self.kind = kind

    def fit(self, X: pd.DataFrame, y: Any, storms: Any = None) -> HotspotFloodChance:
        """Learn from windows of storms at hotspots, and how deep the water stood.

        Parameters
        ----------
        X : DataFrame (n, ...)
            With the columns that the parameters name.
        y : array_like (n,)
            Greatest depth in the window, m; 0 where none was seen, NaN where water stood and nobody knows how deep:
            that counts as the first depth, and says nothing of deeper ones.
        storms : array_like (n,), optional
            Storm of each row; by default every row is one of its own.

        Returns
        -------
        HotspotFloodChance

        Raises
        ------
        ValueError
            If a column is missing, lengths differ, depths are not ascending, or there are floods only or none.
        """
        depth_m = np.asarray(y, dtype=np.float64)
        storm = np.arange(len(X)).astype(str) if storms is None else np.asarray(storms).astype(str)
        self._check(X, depth_m, storm)
        columns = self._columns(X)
        place, kind = (X[name].astype(str).to_numpy(dtype=np.str_) for name in (self.hotspot, self.kind))
        known = ~np.isnan(columns.sum(axis=1))
        # In one order, so that sums, and with them the last digits, do not depend on that of the rows.
        order = np.lexsort((np.nan_to_num(depth_m, nan=-1.0), *columns.T, kind, place, storm))
        rows = order[known[order]]
        columns, depth_m = columns[rows], depth_m[rows]
        place, kind, storm = place[rows], kind[rows], storm[rows]
        flooded = np.isnan(depth_m) | (depth_m >= self.depths_m[0])
        if len(set(flooded.tolist())) < 2:
            raise ValueError("nothing can be learned where every row is a flood, or none; both are needed")
        self.center_, self.scale_ = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-9)
        self.hotspots_, number = np.unique(place, return_inverse=True)
        self.kinds_, kind_number = np.unique(kind, return_inverse=True)
        first = np.unique(number, return_index=True)[1]
        _, storm_number = np.unique(storm, return_inverse=True)
        rises = np.arange(columns.shape[1]) < len(self.rain) + len(self.shares)
        with threadpool_limits(1):
            self.effects_: MixedEffects = fit_mixed(
                MixedProblem(
                    (columns - self.center_) / self.scale_, rises, flooded.astype(np.float64), number, storm_number,
                    kind_number[first],
                )
            )  # fmt: skip
        self.kind_of_ = kind_number[first]
        self.level_ = self._fit_level(X.iloc[rows], int(flooded.sum()))
        self.shifts_ = self._fit_shifts(depth_m, flooded)
        self.classes_ = np.arange(len(self.depths_m) + 1)
        self.n_storms_, self.n_floods_ = int(storm_number.max()) + 1, int(flooded.sum())
        self.n_flood_storms_ = len(np.unique(storm_number[flooded]))
        self.feature_names_in_ = np.array(self.columns_asked(), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def exceedance(self, X: pd.DataFrame) -> Floats:
        """Return the chance (n, C) of passing each depth; NaN where a number is unknown.

        Parameters
        ----------
        X : DataFrame (n, ...)
            As in `fit`; hotspots and kinds may be new.

        Returns
        -------
        ndarray (n, C)
            Non-increasing along the last axis.
        """
        check_is_fitted(self)
        centre, spread, weights = self._place(X)
        return self._averaged(self._of_storm(X) + centre, spread, weights, self.shifts_)

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Return the chance (n, C + 1) of each class."""
        passed = self.exceedance(X)
        ends = np.column_stack([np.ones(len(passed)), passed, np.zeros(len(passed))])
        return -np.diff(ends, axis=1)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.int_]:
        """Return the likeliest class (n,). Floods are rare: choose a threshold on the chance instead."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)], dtype=np.int_)

    def decision_function(self, X: pd.DataFrame) -> Floats:
        """Return the log-odds (n,) of the first depth in a storm that is as its rain says."""
        check_is_fitted(self)
        return self._of_storm(X) + self._effect(X)

    def explain(self, X: pd.DataFrame) -> pd.DataFrame:
        """Take the log-odds apart.

        Parameters
        ----------
        X : DataFrame (n, ...)

        Returns
        -------
        DataFrame, index of X
            ``(base)`` the mean row of the record, one column per number of the storm, ``(hotspot)`` the place's own
            record and its kind. They sum to `decision_function`.
        """
        check_is_fitted(self)
        scaled = (self._columns(X) - self.center_) / self.scale_
        names = [*self.rain, *self.shares, *self.season]
        table = pd.DataFrame(scaled * self.effects_.coefficients, columns=names, index=X.index)
        table.insert(0, "(base)", self.effects_.intercept + self.level_)
        return table.assign(**{"(hotspot)": self._effect(X)})

    def columns_asked(self) -> list[str]:
        """Return the columns that X must have."""
        return [*self.rain, *self.shares, *self.season, self.hotspot, self.kind]

    def _check(self, X: pd.DataFrame, depth_m: Floats, storm: npt.NDArray[Any]) -> None:
        missing = [name for name in self.columns_asked() if name not in getattr(X, "columns", ())]
        if missing:
            raise ValueError(f"X has no column {missing[0]!r}")
        if depth_m.shape != (len(X),) or storm.shape != (len(X),):
            raise ValueError(f"y and storms must have one value for each of {len(X)} rows")
        if not self.depths_m or (np.diff(np.array([0.0, *self.depths_m])) <= 0).any():
            raise ValueError(f"depths_m must be positive and ascending, got {self.depths_m}")
        if (depth_m < 0).any():
            raise ValueError(f"a depth is negative: {float(np.nanmin(depth_m))} m")

    def _columns(self, X: pd.DataFrame) -> Floats:
        """Return rain as its logarithm, shares as log-odds, the season as it is."""
        rain = np.log1p(X[list(self.rain)].to_numpy(np.float64))
        share = np.clip(X[list(self.shares)].to_numpy(np.float64), SUREST_SHARE, 1.0 - SUREST_SHARE)
        return np.hstack([rain, np.log(share / (1.0 - share)), X[list(self.season)].to_numpy(np.float64)])

    def _of_storm(self, X: pd.DataFrame) -> Floats:
        """Return the log-odds (n,) without what the place adds."""
        # Sums along a row, no product of matrices: that one depends on how many rows are asked at once.
        scaled = (self._columns(X) - self.center_) / self.scale_
        result: Floats = self.effects_.intercept + self.level_ + (scaled * self.effects_.coefficients).sum(axis=1)
        return result

    def _place(self, X: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        """Return centre and spread (n,) of what each row's hotspot may add, and the weights (n, G) of its nodes.

        A hotspot without a record is one of its kind, a kind without one is any.
        """
        fitted = self.effects_
        number, known = _find(self.hotspots_, X[self.hotspot])
        of_kind, kind_known = _find(self.kinds_, X[self.kind])
        of_kind, kind_known = np.where(known, self.kind_of_[number], of_kind), known | kind_known
        centre = np.where(kind_known, fitted.kind[of_kind], 0.0)
        spread = np.where(kind_known, fitted.hotspot_std, np.hypot(fitted.hotspot_std, fitted.kind_std))
        return centre, spread, np.where(known[:, None], fitted.hotspot_weights[number], NODE_WEIGHTS)

    def _effect(self, X: pd.DataFrame) -> Floats:
        centre, spread, weights = self._place(X)
        result: Floats = centre + spread * (weights * NODES).sum(axis=1)
        return result

    def _averaged(self, log_odds: Floats, spread: Floats, weights: Floats, shifts: Floats) -> Floats:
        """Average chances (n, C) over what the place and a storm to come may add."""
        chance = np.zeros((len(log_odds), len(shifts)))
        for storm, share in zip(_STORM_NODES, _STORM_WEIGHTS / _STORM_WEIGHTS.sum(), strict=True):
            for g, node in enumerate(NODES):
                z = log_odds + self.effects_.storm_std * storm + spread * node
                chance += (share * weights[:, g])[:, None] * expit(z[:, None] - shifts)
        return chance

    def _fit_level(self, X: pd.DataFrame, n_floods: int) -> float:
        """Find the level at which the chances of the record, their storms unknown, sum to its floods."""
        self.level_ = 0.0
        centre, spread, weights = self._place(X)
        log_odds = self._of_storm(X) + centre

        def off(level: float) -> float:
            return float(np.log(self._averaged(log_odds + level, spread, weights, np.zeros(1)).sum() / n_floods))

        # Nearly a straight line of slope 1 where floods are rare: the secant is there in three steps.
        return float(root_scalar(off, x0=0.0, x1=-off(0.0), method="secant", xtol=1e-4).root)

    def _fit_shifts(self, depth_m: Floats, flooded: npt.NDArray[np.bool_]) -> Floats:
        """Find how far each class lies below the first: as rare among floods as it was, half a case more either way."""
        measured = depth_m[flooded & ~np.isnan(depth_m)]
        log_odds = self.effects_.log_odds
        whole = float(expit(log_odds).sum())
        shifts = [0.0]
        for depth in self.depths_m[1:]:
            share = ((measured >= depth).sum() + 0.5) / (len(measured) + 1.0)

            def left_over(shift: float, target: float = share * whole) -> float:
                return float(expit(log_odds - shift).sum()) - target

            shifts.append(max(shifts[-1], float(brentq(left_over, 0.0, 60.0, xtol=1e-9))))
        return np.array(shifts)


def _find(names: npt.NDArray[np.str_], wanted: pd.Series[Any]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    text = wanted.astype(str).to_numpy(dtype=np.str_)
    place = np.minimum(np.searchsorted(names, text), len(names) - 1)
    return place, names[place] == text
