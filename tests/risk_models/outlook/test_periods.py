"""The calendar of periodic reports."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from risk_models.district import load_district
from risk_models.errors import ConfigError
from risk_models.outlook.periods import Kind, parse_span, scope_of


@pytest.fixture(scope="module")
def settings(erqi_path: Path) -> Any:
    return load_district(erqi_path).settings


@pytest.mark.parametrize(
    ("kind", "key", "first", "last", "before", "after"),
    [
        ("month", "2021-12", "2021-12-01", "2021-12-31", "2021-11", "2022-01"),
        ("month", "2024-02", "2024-02-01", "2024-02-29", "2024-01", "2024-03"),
        ("quarter", "2021-Q4", "2021-10-01", "2021-12-31", "2021-Q3", "2022-Q1"),
        ("flood-season", "2021", "2021-05-15", "2021-09-30", "2020", "2022"),
        ("year", "2021", "2021-01-01", "2021-12-31", "2020", "2022"),
    ],
)
def test_spans_and_their_neighbours(
    settings: Any, kind: Kind, key: str, first: str, last: str, before: str, after: str
) -> None:
    span = parse_span(kind, key, settings)
    assert (span.first_day, span.last_day) == (date.fromisoformat(first), date.fromisoformat(last))
    review, outlook = scope_of(span, "review", settings), scope_of(span, "outlook", settings)
    assert review.reviewed == span
    assert review.coming is not None
    assert review.coming.key == after
    assert outlook.coming == span
    assert outlook.reviewed is not None
    assert outlook.reviewed.key == before
    assert outlook.issued_at.date() < span.first_day
    assert review.issued_at.date() > span.last_day
    assert review.issued_at.hour == outlook.issued_at.hour == 9
    begin, end = span.bounds("Asia/Shanghai")
    assert (end - begin).days == span.n_days == len(span.days())


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("month", "2021-13"),
        ("month", "2021-7"),
        ("quarter", "2021-Q5"),
        ("year", "21"),
        ("flood-season", "2021-07"),
        ("year", "２０２１"),
        ("flood-season", "２０２１"),
        ("month", "２０２１-07"),
        ("month", "1500-01"),
        ("year", "9999"),
    ],
)
def test_a_key_out_of_form_is_refused(settings: Any, kind: Kind, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{kind} must read YYYY.*got '{key}'"):
        parse_span(kind, key, settings)


@pytest.mark.parametrize("key", ["1700", "2199"])
def test_the_first_and_the_last_year_have_neighbours(settings: Any, key: str) -> None:
    for kind in ("year", "flood-season"):
        span = parse_span(kind, key, settings)  # type: ignore[arg-type]
        assert scope_of(span, "outlook", settings).reviewed.key == str(int(key) - 1)  # type: ignore[union-attr]
        assert scope_of(span, "review", settings).coming.key == str(int(key) + 1)  # type: ignore[union-attr]


def test_an_unknown_important_period_names_the_known_ones(settings: Any) -> None:
    with pytest.raises(ConfigError, match="has no 'nothing-like-it'; known: "):
        parse_span("period", "nothing-like-it", settings)
