"""The model card: what a model was learned from, how good it is, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from risk_models.risk.susceptibility.chance import HotspotFloodChance
from risk_models.risk.susceptibility.classifier import HotspotFloodClassifier

__all__ = ["ModelFacts", "model_card"]

#: Below this many events an interval is too wide for any choice between models.
FEW_EVENTS = 50


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a card says that the model does not know of itself.

    Attributes
    ----------
    title, event, data, split : str
        Name; what "flooded" means (depth, horizon); source and dates of the data; how the scores were made.
    n_rows, n_events, n_places, n_storms : int
    limits : tuple of str
        One sentence each.
    """

    title: str
    event: str
    data: str
    split: str
    n_rows: int
    n_events: int
    n_places: int
    n_storms: int
    limits: tuple[str, ...] = field(default=())


def model_card(
    model: HotspotFloodChance | HotspotFloodClassifier,
    facts: ModelFacts,
    scores: Mapping[str, pd.DataFrame],
    *,
    reliability: pd.DataFrame | None = None,
) -> str:
    """Write the card of a model.

    Parameters
    ----------
    model : HotspotFloodChance or HotspotFloodClassifier
        Fitted.
    facts : ModelFacts
    scores : mapping of name to DataFrame
        Score tables (`score_table`, `skill_scores`) of the model and of what it was compared with.
    reliability : DataFrame, optional
        As `reliability_curve` gives it.

    Returns
    -------
    str
        Markdown; the same inputs give the same text.

    Examples
    --------
    >>> model = HotspotFloodClassifier(n_trees=5).fit([[float(n)] for n in range(40)], [n > 20 for n in range(40)])
    >>> facts = ModelFacts(title="Demo", event="depth of 15 cm or more", data="made up", split="none", n_rows=40,
    ...                    n_events=19, n_places=40, n_storms=1)
    >>> print(model_card(model, facts, {}).splitlines()[0])
    # Demo
    """
    parts = [
        f"# {facts.title}",
        f"Probability of: {facts.event}.",
        "## Data",
        f"{facts.data}\n\n{_counts(facts)}",
        "## Model",
        _model_lines(model),
        "## Scores",
        f"{facts.split}\n\n{_score_lines(scores)}",
        *([] if reliability is None else ["## Told and came", _reliability_lines(reliability)]),
        "## Limits",
        "\n".join(f"- {line}" for line in [*facts.limits, *_general_limits(facts)]),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(facts: ModelFacts) -> str:
    return f"{facts.n_rows} rows, {facts.n_events} events, {facts.n_places} places, {facts.n_storms} storms."


def _reliability_lines(curve: pd.DataFrame) -> str:
    head = ["| told | came | 90 % interval | rows |", "|---|---|---|---|"]
    lines = [
        f"| {row.probability:.4f} | {row.frequency:.4f} | {row.low:.4f} to {row.high:.4f} | {row.n} |"
        for row in curve.itertuples()
    ]
    return "\n".join([*head, *lines])


def _model_lines(model: HotspotFloodChance | HotspotFloodClassifier) -> str:
    return _chance_lines(model) if isinstance(model, HotspotFloodChance) else _classifier_lines(model)


def _chance_lines(model: HotspotFloodChance) -> str:
    effects = model.effects_
    names = [*model.rain, *model.shares, *model.season]
    lines = [
        f"- {name}: {value:+.2f} (standard error {error:.2f}) log-odds per standard deviation"
        for name, value, error in zip(names, effects.coefficients, effects.std_errors, strict=True)
    ]
    lines.append(f"- hotspots: {len(model.hotspots_)} of {len(model.kinds_)} kinds, "
                 f"spread {effects.hotspot_std:g} log-odds; storms: spread {effects.storm_std:g}")  # fmt: skip
    shifts = ", ".join(f"{depth:g} m {-shift:.2f}" for depth, shift in zip(model.depths_m, model.shifts_, strict=True))
    return "\n".join([*lines, f"- depth classes, log-odds beside the first: {shifts}"])


def _classifier_lines(model: HotspotFloodClassifier) -> str:
    parameters = model.get_params()
    lines = [f"- {name}: {parameters[name]}" for name in sorted(parameters)]
    columns = getattr(model, "feature_names_in_", range(model.n_features_in_))
    lines.append(f"- columns: {', '.join(str(name) for name in columns)}")
    if model.group_effects_ is not None:
        effects = model.group_effects_
        lines.append(f"- groups: {len(effects.names)}, standard deviation of their effects {effects.std:.2f} log-odds")
    return "\n".join(lines)


def _score_lines(scores: Mapping[str, pd.DataFrame]) -> str:
    if not scores:
        return "None were made."
    names = list(next(iter(scores.values())).index)
    head = [f"| model | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    return "\n".join([*head, *(f"| {k} | {' | '.join(_cell(t.loc[n]) for n in names)} |" for k, t in scores.items())])


def _cell(row: pd.Series) -> str:
    if np.isnan(row["value"]):
        return "not defined"
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _general_limits(facts: ModelFacts) -> list[str]:
    lines = ["Places and storms unlike those of the data are outside what was tested; where more rain is expected than "
             "any of the data, the greater of this chance and the chain's share counts."]  # fmt: skip
    if facts.n_events < FEW_EVENTS:
        lines.append(f"{facts.n_events} events are few: the intervals are wide.")  # fmt: skip
    lines.append("Floods that nobody recorded count as no flood.")
    return lines
