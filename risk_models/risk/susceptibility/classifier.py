"""The estimator: which hotspots flood, as calibrated probabilities that can be taken apart."""

# ruff: noqa: N803, N806 (names and arguments of scikit-learn)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite, check_is_fitted, column_or_1d, validate_data
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,import-not-found]

from risk_models.risk.susceptibility.calibration import fit_calibrator
from risk_models.risk.susceptibility.core import LEARNERS, CoreSettings, fit_core
from risk_models.risk.susceptibility.pooling import GroupEffects, fit_group_effects
from risk_models.risk.susceptibility.spatial_cv import spatial_blocks

__all__ = ["BASE", "GROUP", "HotspotFloodClassifier"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: Names of the two contributions that no column makes: the reference row, and the hotspot's own record.
BASE, GROUP = "(base)", "(group)"


class HotspotFloodClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability that a hotspot floods, learned from what happened.

    Log-odds = factor * (calibrate(core(features)) + shift + effect of the group). The core is the mean of an additive
    logistic model and of boosted trees restricted to pairs of columns; the calibration is fitted on predictions for
    blocks the core had not seen; the group effects are shrunk towards 0 by how little is known of a group.

    Parameters
    ----------
    learner : {"blend", "additive", "boosting"}
        Which parts the core has.
    monotone : mapping of column name to {-1, 0, 1}, or sequence (d,), optional
        +1: a higher value never lowers the probability (rain); -1: never raises it (drain capacity).
    coordinates : (str, str), optional
        Columns with easting and northing [m]. They are no features: they make the spatial blocks of the calibration.
    group : str, optional
        Column with the hotspot's id (no feature). Its rows share a random effect: partial pooling.
    block_size_m : float
        Side of a spatial block [m].
    calibration : {"beta", "isotonic", "none"}
    calibration_folds : int
    balanced : bool
        Whether the core weighs both classes the same; the calibration takes the bias back.
    penalty : float
        Ridge of the additive part.
    n_trees : int
        Trees of the boosted part.
    random_state : int
        Only used where the boosting samples (above 200 000 rows) and to shuffle folds without blocks.

    Attributes
    ----------
    classes_ : ndarray (2,)
        The second is the event.
    n_features_in_ : int
        Columns that are features.
    feature_names_in_ : ndarray of str
        If fitted on a DataFrame.
    core_, calibrator_, group_effects_
        The fitted parts.
    out_of_fold_probability_ : ndarray (n,)
        Calibrated probability of each training row from a core that had not seen its block; NaN where none could be
        fitted. Choose thresholds on these, not on predictions of the training rows.

    Notes
    -----
    Missing values are allowed everywhere. With a group column give `fit` the storms as blocks: then what the group
    effects explain is what a model that knows the group's other storms leaves over.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"rain_1h_mm": rng.gamma(1.0, 15.0, 400), "drain_mm_h": rng.uniform(20.0, 50.0, 400)})
    >>> flooded = table["rain_1h_mm"] > table["drain_mm_h"]
    >>> model = HotspotFloodClassifier(monotone={"rain_1h_mm": 1, "drain_mm_h": -1}, n_trees=30).fit(table, flooded)
    >>> p = model.predict_proba(pd.DataFrame({"rain_1h_mm": [5.0, 90.0], "drain_mm_h": [35.0, 35.0]}))[:, 1]
    >>> bool(p[0] < 0.05), bool(p[1] > 0.7)
    (True, True)
    """

    def __init__(
        self,
        *,
        learner: str = "blend",
        monotone: Mapping[str, int] | Sequence[int] | None = None,
        coordinates: tuple[str, str] | None = None,
        group: str | None = None,
        block_size_m: float = 5000.0,
        calibration: str = "beta",
        calibration_folds: int = 5,
        balanced: bool = False,
        penalty: float = 1.0,
        n_trees: int = 150,
        random_state: int = 0,
    ) -> None:
        self.learner = learner
        self.monotone = monotone
        self.coordinates = coordinates
        self.group = group
        self.block_size_m = block_size_m
        self.calibration = calibration
        self.calibration_folds = calibration_folds
        self.balanced = balanced
        self.penalty = penalty
        self.n_trees = n_trees
        self.random_state = random_state

    def fit(self, X: Any, y: Any, blocks: Any = None) -> HotspotFloodClassifier:
        """Learn from a table of places (or places and storms) and whether they flooded.

        Parameters
        ----------
        X : DataFrame or array (n, d)
            Numeric columns, NaN where missing, plus the coordinate and group columns if named.
        y : array_like (n,)
            Two classes; the larger (or True) is the event.
        blocks : array_like (n,), optional
            Rows with the same value are left out together when the calibration is fitted: the storm, the spatial
            block. By default from the coordinates, else folds balanced by class.

        Returns
        -------
        HotspotFloodClassifier

        Raises
        ------
        ValueError
            If X or y is not as described, or a parameter is not known.
        """
        # Sums over more threads are added in another order: the same table would make another model.
        with threadpool_limits(1):
            return self._fit(X, y, blocks)

    def _fit(self, X: Any, y: Any, blocks: Any) -> HotspotFloodClassifier:
        features, groups = self._take(X, reset=True)
        flooded = self._classes(y, len(features))
        settings = self._settings()
        folds = self._folds(X, flooded, blocks)
        unseen = _out_of_fold(features, flooded, folds, settings)
        self.core_ = fit_core(features, flooded, settings)
        known = ~np.isnan(unseen)
        self.calibrator_ = fit_calibrator(unseen[known], flooded[known], kind=self.calibration)
        calibrated = np.full(len(unseen), np.nan)
        calibrated[known] = self.calibrator_.apply(unseen[known])
        self.group_effects_ = (
            None if groups is None else fit_group_effects(calibrated[known], flooded[known], groups[known])
        )
        self.out_of_fold_probability_ = expit(self._pool(calibrated, groups))
        return self

    def decision_function(self, X: Any) -> Floats:
        """Return the calibrated log-odds (n,) of the event."""
        check_is_fitted(self)
        features, groups = self._take(X, reset=False)
        return self._pool(self.calibrator_.apply(self.core_.logit(features)), groups)

    def predict_proba(self, X: Any) -> Floats:
        """Return calibrated probabilities (n, 2) of the classes.

        Parameters
        ----------
        X : DataFrame or array (n, d)
            As in `fit`.

        Returns
        -------
        ndarray (n, 2)
        """
        event = expit(self.decision_function(X))
        return np.stack([1.0 - event, event], axis=1)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier class (n,). For rare events choose a threshold on the probability instead."""
        is_event = self.decision_function(X) > 0
        labels: npt.NDArray[Any] = self.classes_[is_event.astype(np.intp)]
        return labels

    def explain(self, X: Any) -> pd.DataFrame:
        """Take the log-odds apart: what each column adds to those of the reference row (column medians).

        Parameters
        ----------
        X : DataFrame or array (n, d)
            As in `fit`.

        Returns
        -------
        DataFrame (n, d + 1 or d + 2), index of X
            Log-odds. ``(base)`` the reference row, one column per feature, ``(group)`` the hotspot's own record if
            there is a group column. They sum to `decision_function`.
        """
        check_is_fitted(self)
        features, groups = self._take(X, reset=False)
        base, added = self.core_.contributions(features)
        raw = base + added.sum(axis=1)
        # The calibration is not linear: every column takes its share of the calibrated difference.
        low, high = self.calibrator_.apply(base), self.calibrator_.apply(raw)
        gap = raw - base
        is_apart = np.abs(gap) > 1e-9
        slope = np.where(is_apart, (high - low) / np.where(is_apart, gap, 1.0), 0.0)
        effect, factor, shift = self._group_terms(groups, len(features))
        table = pd.DataFrame(added * (slope * factor)[:, None], columns=self._names(), index=getattr(X, "index", None))
        table.insert(0, BASE, factor * (np.where(is_apart, low, high) + shift))
        if groups is not None:
            table[GROUP] = factor * effect
        return table

    def _names(self) -> list[str]:
        return [str(n) for n in getattr(self, "feature_names_in_", range(self.n_features_in_))]

    def _group_terms(self, groups: npt.NDArray[np.str_] | None, n: int) -> tuple[Floats, Floats, float]:
        effects: GroupEffects | None = self.group_effects_
        if groups is None or effects is None:
            return np.zeros(n), np.ones(n), 0.0
        effect, factor = effects.of(groups)
        return effect, factor, effects.shift

    def _pool(self, calibrated: Floats, groups: npt.NDArray[np.str_] | None) -> Floats:
        effect, factor, shift = self._group_terms(groups, len(calibrated))
        return factor * (calibrated + shift + effect)

    def _take(self, X: Any, *, reset: bool) -> tuple[Floats, npt.NDArray[np.str_] | None]:
        """Part X into checked features and the group of each row."""
        named = [*(self.coordinates or ()), *([self.group] if self.group else [])]
        groups = None
        if named:
            missing = [name for name in named if name not in getattr(X, "columns", ())]
            if missing and (reset or self.group in missing):
                raise ValueError(f"X has no column {missing[0]!r}, which `coordinates` or `group` names")
            groups = np.asarray(X[self.group].astype(str), dtype=np.str_) if self.group else None
            X = X.drop(columns=[name for name in named if name in X.columns])
        features = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2 if reset else 1
        )
        return features, groups

    def _classes(self, y: Any, n: int) -> Indices:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        target = column_or_1d(y, warn=True)
        assert_all_finite(target, input_name="y")
        check_classification_targets(target)
        if len(target) != n:
            raise ValueError(f"Found input variables with inconsistent numbers of samples: X {n}, y {len(target)}")
        kind = type_of_target(target, input_name="y")
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, flooded = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Only one class, {self.classes_[0]!r}, is in y: nothing can be learned from one class")
        return np.asarray(flooded, dtype=np.intp)

    def _settings(self) -> CoreSettings:
        if self.learner not in LEARNERS:
            raise ValueError(f"learner must be one of {', '.join(LEARNERS)}, got {self.learner!r}")
        return CoreSettings(
            learner=self.learner,
            monotone=self._monotone(),
            penalty=self.penalty,
            n_trees=self.n_trees,
            is_balanced=self.balanced,
            random_state=self.random_state,
        )

    def _monotone(self) -> npt.NDArray[np.int_]:
        names = self._names()
        if self.monotone is None:
            return np.zeros(len(names), dtype=np.int_)
        if isinstance(self.monotone, Mapping):
            unknown = [name for name in self.monotone if name not in names]
            if unknown:
                raise ValueError(f"monotone names {unknown[0]!r}, which is no feature; features: {', '.join(names)}")
            signs = np.array([self.monotone.get(name, 0) for name in names], dtype=np.int_)
        else:
            signs = np.asarray(self.monotone, dtype=np.int_)
        if signs.shape != (len(names),) or not np.isin(signs, (-1, 0, 1)).all():
            raise ValueError(f"monotone must be -1, 0 or 1 for each of {len(names)} features, got {self.monotone!r}")
        return signs

    def _folds(self, X: Any, flooded: Indices, blocks: Any) -> list[tuple[Indices, Indices]]:
        """Return (train, test) rows for the calibration; none where there is too little to split."""
        if blocks is None and self.coordinates is not None:
            easting, northing = (X[name].to_numpy(dtype=np.float64) for name in self.coordinates)
            blocks = spatial_blocks(easting, northing, block_size_m=self.block_size_m)
        if blocks is None:
            n_folds = min(self.calibration_folds, int(np.bincount(flooded).min()))
            if n_folds < 2:
                return []
            cv = StratifiedKFold(n_folds, shuffle=True, random_state=self.random_state)
            return list(cv.split(flooded, flooded))
        block = np.asarray(blocks)
        if block.shape != flooded.shape:
            raise ValueError(f"blocks must have one value for each of {len(flooded)} rows, got shape {block.shape}")
        n_folds = min(self.calibration_folds, len(np.unique(block)))
        return list(GroupKFold(n_folds).split(flooded, groups=block)) if n_folds > 1 else []

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


def _out_of_fold(
    features: Floats, flooded: Indices, folds: list[tuple[Indices, Indices]], settings: CoreSettings
) -> Floats:
    """Return log-odds (n,) from cores that had not seen the row; NaN where the rest has only one class."""
    unseen = np.full(len(flooded), np.nan)
    for train, test in folds:
        if len(np.unique(flooded[train])) == 2:
            unseen[test] = fit_core(features[train], flooded[train], settings).logit(features[test])
    return unseen
