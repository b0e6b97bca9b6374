"""What became of the statements of the last report."""

from __future__ import annotations

import pandas as pd

from reports.figures.chance_charts import reliability_chart
from reports.periodic.forms import DASH, Desk, Row, source_gaps
from reports.words import is_missing, plain

__all__ = ["add_verification"]

_SHOWN = 20
#: Fewest statements with a known outcome for a reliability chart (an assumption: below, every point is one or two).
RELIABLE_FROM = 20
#: Known outcomes from which a score is printed.
SCORED_FROM = 5


def add_verification(desk: Desk) -> None:
    """Add each statement of the last report beside what happened, and its scores."""
    say, review = desk.say, desk.facts.inputs.review
    desk.out.section(say("verify.heading"))
    if desk.facts.review is None:
        desk.out.prose(say("verify.no_span"))
        return
    if review is None:
        desk.out.prose(say("verify.none", **desk.spans()))
        return
    if review.table.empty:
        desk.out.prose(say("verify.empty", **desk.spans()))
        return
    counts = {"true": review.n_true, "false": review.n_false, "unknown": review.n_unknown}
    gaps = {key: str(value) for key, value in counts.items()}
    n = desk.count(len(review.table), "statement")
    desk.out.prose(say("verify.text", n=n, **gaps, **desk.spans()))
    rows: list[Row] = [desk.item("items.statements", len(review.table), "item")]
    rows += [desk.item(f"items.{key}", value, "item") for key, value in counts.items()]
    rows += _scores(desk)
    desk.key_table(say("verify.table"), rows)
    _statements(desk, review.table)
    known = int(review.reliability["n"].sum()) if len(review.reliability) else 0
    if known >= RELIABLE_FROM:
        picture = reliability_chart(review.reliability, lang=desk.lang, **source_gaps(desk))
        desk.out.figure(picture, say("verify.figure"), alt=say("verify.figure_alt"))
    else:
        desk.out.prose(say("verify.few"))


def _scores(desk: Desk) -> list[Row]:
    """Say the score of the probabilities beside its reference."""
    say, review = desk.say, desk.facts.inputs.review
    if review is None or is_missing(review.brier) or not _can_be_scored(review.reliability):
        desk.out.prose(say("verify.no_score"))
        return []
    brier, reference = f"{review.brier:.3f}", f"{review.brier_reference:.3f}"
    form = "better" if review.brier < review.brier_reference else "worse"
    desk.out.prose(say(f"verify.{form}", brier=brier, reference=reference))
    return [(say("verify.brier"), brier, ""), (say("verify.brier_reference"), reference, "")]


def _can_be_scored(reliability: pd.DataFrame) -> bool:
    """Tell whether enough outcomes are known, and not all alike: else no forecast could beat the reference."""
    n, came_true = int(reliability["n"].sum()), float((reliability["share"] * reliability["n"]).sum())
    return n >= SCORED_FROM and 0 < round(came_true) < n


def _statements(desk: Desk, table: pd.DataFrame) -> None:
    """Add the statements one by one: those that did not come true first, the unknown last."""
    say = desk.say
    order = {"did_not": 0, "came_true": 1, "unknown": 2}
    ordered = table.assign(_rank=table["outcome"].map(order)).sort_values("_rank", kind="stable")
    rows = []
    for number, (_, row) in enumerate(ordered.head(_SHOWN).iterrows(), start=1):
        stated = plain(row["zh" if desk.lang == "zh" else "en"])
        outcome, evidence = say(f"verify.{row['outcome']}"), say(f"verify.by_{row['evidence']}")
        rows.append((str(number), stated, _observed(desk, row), outcome, evidence))
    columns = say.words("verify.columns")
    align = ("right", "left", "right", "center", "center")
    desk.out.table(say("verify.statements"), columns, rows, align=align, widths=(0.6, 5.2, 1.5, 1.2, 1.2), annex=True)
    more = len(table) - _SHOWN
    desk.out.note(say("verify.more", n=desk.count(more, "statement")) if more > 0 else "", annex=True)


def _observed(desk: Desk, row: pd.Series) -> str:
    """Return what happened, in the unit of the statement."""
    value = row["observed"]
    if is_missing(value):
        return DASH
    match row["kind"]:
        case "depth":
            return desk.say("verify.metres", value=f"{value:.2f}")
        case "level":
            return desk.say("verify.days", value=f"{value:.0f}")
        case "rain":
            return desk.say("verify.mm", value=f"{value:.1f}")
        case "season":
            return desk.say.words("verify.thirds")[int(value)]
        case kind:
            raise ValueError(f"a statement of kind '{kind}' is not known to reports; known: depth, level, rain, season")
