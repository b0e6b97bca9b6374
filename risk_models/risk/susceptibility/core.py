"""The learner without calibration: an additive part, a boosted part, and the split of their log-odds by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from risk_models.risk.susceptibility.additive import AdditiveEffects, fit_additive

__all__ = ["LEARNERS", "Core", "CoreSettings", "fit_core"]

Floats = npt.NDArray[np.float64]

LEARNERS = ("blend", "additive", "boosting")


@dataclass(frozen=True, kw_only=True)
class CoreSettings:
    """What `fit_core` needs to know; see the parameters of `HotspotFloodClassifier`."""

    learner: str
    monotone: npt.NDArray[np.int_]
    penalty: float
    n_trees: int
    is_balanced: bool
    random_state: int


@dataclass(frozen=True)
class Core:
    """A fitted learner: the mean of the log-odds of its one or two parts.

    Both parts are sums of functions of at most two columns. Therefore `contributions` are exact.
    """

    additive: AdditiveEffects | None
    boosting: HistGradientBoostingClassifier | None
    reference: Floats

    def logit(self, features: Floats) -> Floats:
        """Return log-odds (n,) for features (n, d)."""
        parts: list[Floats] = []
        if self.additive is not None:
            parts.append(self.additive.logit(features))
        if self.boosting is not None:
            filled = _without_empty(features, self.reference)
            parts.append(np.asarray(self.boosting.decision_function(filled), dtype=np.float64))
        result: Floats = np.mean(parts, axis=0)
        return result

    def contributions(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the log-odds of the reference row (n,) and what each column adds to them (n, d).

        Shapley values against the reference row (column medians). For a sum of functions of at most two columns they
        are the mean of what a column adds to the reference and what it adds to the rest of the row.
        """
        base = self.logit(self.reference[None, :])
        whole = self.logit(features)
        added = np.empty(features.shape)
        for j in range(features.shape[1]):
            alone = np.repeat(self.reference[None, :], len(features), axis=0)
            alone[:, j] = features[:, j]
            without = features.copy()
            without[:, j] = self.reference[j]
            added[:, j] = 0.5 * ((self.logit(alone) - base) + (whole - self.logit(without)))
        return np.repeat(base, len(features)), added


def fit_core(features: Floats, flooded: npt.NDArray[np.intp], settings: CoreSettings) -> Core:
    """Fit the parts that the settings name.

    Parameters
    ----------
    features : ndarray (n, d)
        NaN is missing.
    flooded : ndarray (n,) of int
        1 event, 0 none; both must occur.
    settings : CoreSettings

    Returns
    -------
    Core

    References
    ----------
    Boosting restricted to pairs of columns: Lou, Y., Caruana, R., Gehrke, J. & Hooker, G. (2013) Accurate intelligible
    models with pairwise interactions, KDD, 623-631, doi:10.1145/2487575.2487579. Shapley values against a baseline:
    Sundararajan, M. & Najmi, A. (2020) The many Shapley values for model explanation, ICML, PMLR 119, 9269-9278.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rain_mm = rng.gamma(1.0, 20.0, (300, 2))
    >>> flooded = (rain_mm.sum(axis=1) > 60).astype(int)
    >>> settings = CoreSettings(learner="blend", monotone=np.array([1, 1]), penalty=1.0, n_trees=20,
    ...                         is_balanced=False, random_state=0)
    >>> core = fit_core(rain_mm, flooded, settings)
    >>> base, added = core.contributions(rain_mm)
    >>> bool(np.allclose(base + added.sum(axis=1), core.logit(rain_mm)))
    True
    """
    known = ~np.isnan(features).all(axis=0)
    reference = np.full(features.shape[1], np.nan)
    reference[known] = np.nanmedian(features[:, known], axis=0)
    additive = _fit_additive(features, flooded, settings) if settings.learner != "boosting" else None
    boosting = None
    if settings.learner != "additive":
        boosting = _fit_boosting(_without_empty(features, reference), flooded, settings)
    return Core(additive, boosting, reference)


def _without_empty(features: Floats, reference: Floats) -> Floats:
    """Put 0 into columns that training knew nothing of: the boosting cannot bin a column without any value."""
    return np.where(np.isnan(reference), 0.0, features)


def _fit_additive(features: Floats, flooded: npt.NDArray[np.intp], settings: CoreSettings) -> AdditiveEffects:
    weight = np.ones(len(flooded))
    if settings.is_balanced:
        weight = len(flooded) / (2.0 * np.bincount(flooded, minlength=2))[flooded]
    return fit_additive(features, flooded, weight=weight, monotone=settings.monotone, penalty=settings.penalty)


def _fit_boosting(
    features: Floats, flooded: npt.NDArray[np.intp], settings: CoreSettings
) -> HistGradientBoostingClassifier:
    boosting = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=settings.n_trees,
        max_leaf_nodes=5,
        min_samples_leaf=min(40, max(5, len(flooded) // 20)),
        l2_regularization=5.0,
        interaction_cst="pairwise",
        monotonic_cst=settings.monotone,
        early_stopping=False,
        class_weight="balanced" if settings.is_balanced else None,
        random_state=settings.random_state,
    )
    return boosting.fit(features, flooded)
