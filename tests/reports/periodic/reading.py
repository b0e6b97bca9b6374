"""What tests of several modules read reports with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

from reports.periodic.content import Document, Figure, Heading, Note, Paragraph, Table
from reports.periodic.inputs import Consultation, Opinion
from risk_models.outlook.periods import Edition, Kind

KINDS_AND_EDITIONS: list[tuple[Kind, Edition]] = [
    (kind, edition) for kind in get_args(Kind) for edition in get_args(Edition)
]

CONSULTATION = Consultation(
    chair="张某某",
    opened_at=datetime(2021, 8, 1, 1, 30, tzinfo=UTC),
    closed_at=datetime(2021, 8, 1, 3, tzinfo=UTC),
    decision="同意签发。",
    opinions=(
        Opinion(department="weather", expert="李某", opinion="同意", at=datetime(2021, 8, 1, 2, tzinfo=UTC)),
        Opinion(department="other", expert="王某", opinion="", at=datetime(2021, 8, 1, 2, 30, tzinfo=UTC)),
    ),
)


def all_text(document: Document) -> tuple[str, ...]:
    """Return every piece of text in reading order, captions without their numbers."""
    texts = [document.meta.title_line]
    for block in document.blocks:
        match block:
            case Heading(text=text) | Paragraph(text=text) | Note(text=text):
                texts.append(text)
            case Table():
                texts.extend((block.caption, *block.header, *(cell for row in block.rows for cell in row)))
            case Figure():
                texts.append(block.caption)
    return tuple(text for text in texts if text)


def text_of(document: Document) -> str:
    """Return all text, a block or cell per line."""
    return "\n".join(all_text(document))


def names_with_digits(district: Any) -> list[str]:
    """Return names of the district that carry digits and are no quantities."""
    names: set[str] = set()
    for table, columns in (
        (district.hotspots, ("hotspot_name", "hotspot_name_en")), (district.towns, ("town_name", "town_name_en")),
        (district.gauges, ("gauge_name",)), (district.plans, ("owner_unit",)),
    ):  # fmt: skip
        for column in columns:
            names |= {str(name) for name in table[column] if any(char.isdigit() for char in str(name))}
    names |= {str(code) for code in district.gauges.index}
    return sorted(names, key=len, reverse=True)
