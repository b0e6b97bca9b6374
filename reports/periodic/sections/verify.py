"""What became of the statements of the last report."""

from __future__ import annotations

import pandas as pd

from reports.figures.chance_charts import reliability_chart
from reports.periodic.forms import DASH, Forms, Row, source_gaps
from reports.words import is_missing, plain

__all__ = ["add_verification"]

_SHOWN = 20
#: Fewest statements with a known outcome for a reliability chart (an assumption: below, every point is one or two).
RELIABLE_FROM = 20
#: Known outcomes from which a score is printed.
SCORED_FROM = 5


def add_verification(forms: Forms) -> None:
    """Add each statement of the last report beside what happened, and its scores."""
    say, review = forms.say, forms.facts.inputs.review
    forms.out.section(say("verify.heading"))
    if forms.facts.review is None:
        forms.out.prose(say("verify.no_span"))
        return
    if review is None:
        forms.out.prose(say("verify.none", **forms.spans()))
        return
    if review.table.empty:
        forms.out.prose(say("verify.empty", **forms.spans()))
        return
    counts = {"true": review.n_true, "false": review.n_false, "unknown": review.n_unknown}
    gaps = {key: str(value) for key, value in counts.items()}
    n = forms.count(len(review.table), "statement")
    forms.out.prose(say("verify.text", n=n, **gaps, **forms.spans()))
    rows: list[Row] = [forms.item("items.statements", len(review.table), "item")]
    rows += [forms.item(f"items.{key}", value, "item") for key, value in counts.items()]
    rows += _scores(forms)
    forms.key_table(say("verify.table"), rows)
    _statements(forms, review.table)
    known = int(review.reliability["n"].sum()) if len(review.reliability) else 0
    if known >= RELIABLE_FROM:
        picture = reliability_chart(review.reliability, lang=forms.lang, **source_gaps(forms))
        forms.out.figure(picture, say("verify.figure"), alt=say("verify.figure_alt"))
    else:
        forms.out.prose(say("verify.few"))


def _scores(forms: Forms) -> list[Row]:
    """Say the score of the probabilities beside its reference."""
    say, review = forms.say, forms.facts.inputs.review
    if review is None or is_missing(review.brier) or not _can_be_scored(review.reliability):
        forms.out.prose(say("verify.no_score"))
        return []
    brier, reference = f"{review.brier:.3f}", f"{review.brier_reference:.3f}"
    form = "better" if review.brier < review.brier_reference else "worse"
    forms.out.prose(say(f"verify.{form}", brier=brier, reference=reference))
    return [(say("verify.brier"), brier, ""), (say("verify.brier_reference"), reference, "")]


def _can_be_scored(reliability: pd.DataFrame) -> bool:
    """Tell whether enough outcomes are known, and not all alike: else no forecast could beat the reference."""
    n, came_true = int(reliability["n"].sum()), float((reliability["share"] * reliability["n"]).sum())
    return n >= SCORED_FROM and 0 < round(came_true) < n


def _statements(forms: Forms, table: pd.DataFrame) -> None:
    """Add the statements one by one: those that did not come true first, the unknown last."""
    say = forms.say
    order = {"did_not": 0, "came_true": 1, "unknown": 2}
    ordered = table.assign(_rank=table["outcome"].map(order)).sort_values("_rank", kind="stable")
    rows = []
    for number, (_, row) in enumerate(ordered.head(_SHOWN).iterrows(), start=1):
        stated = plain(row["zh" if forms.lang == "zh" else "en"])
        outcome, evidence = say(f"verify.{row['outcome']}"), say(f"verify.by_{row['evidence']}")
        rows.append((str(number), stated, _observed(forms, row), outcome, evidence))
    columns = say.words("verify.columns")
    align = ("right", "left", "right", "center", "center")
    forms.out.table(say("verify.statements"), columns, rows, align=align, widths=(0.6, 5.2, 1.5, 1.2, 1.2), annex=True)
    more = len(table) - _SHOWN
    forms.out.note(say("verify.more", n=forms.count(more, "statement")) if more > 0 else "", annex=True)


def _observed(forms: Forms, row: pd.Series) -> str:
    """Return what happened, in the unit of the statement."""
    value = row["observed"]
    if is_missing(value):
        return DASH
    match row["kind"]:
        case "depth":
            return forms.say("verify.metres", value=f"{value:.2f}")
        case "level":
            return forms.say("verify.days", value=f"{value:.0f}")
        case "rain":
            return forms.say("verify.mm", value=f"{value:.1f}")
        case "season":
            return forms.say.words("verify.thirds")[int(value)]
        case kind:
            raise ValueError(f"a statement of kind '{kind}' is not known to reports; known: depth, level, rain, season")
