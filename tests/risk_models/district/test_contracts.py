"""Contracts: complete, consistent, and rendered into the data dictionary."""

from __future__ import annotations

import pytest

from risk_models.district.contracts import LAND_COVER, RASTERS, TABLES, data_dictionary


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_contract_is_consistent(table) -> None:
    assert len(set(table.names)) == len(table.names)
    key = table.column(table.key)
    assert key.unique
    assert key.required
    assert {"synthetic", "source"} <= set(table.names)
    assert ({"lon", "lat"} <= set(table.names)) == (table.shape == "point")
    for column in table.columns:
        assert column.zh
        assert column.en
        assert bool(column.choices) == (column.kind in ("choice", "choices"))
        assert set(column.spellings.values()) <= set(column.choices)
        assert column.references is None or column.references in TABLES
        if column.kind in ("number", "integer"):
            assert column.low < column.high
        else:
            assert column.low is column.high is None


def test_data_dictionary_names_every_table_column_and_class() -> None:
    text = data_dictionary()
    for table in TABLES.values():
        section = text.split(f"## {table.name} ")[1].split("\n## ")[0]
        assert all(f"| `{name}` |" in section for name in table.names)
    assert all(zh in text and en in text for zh, en in LAND_COVER.values())
    assert all(f"| `{name}` |" in text for name in RASTERS)
    assert text == data_dictionary()


def test_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="hotspot_nam"):
        TABLES["hotspots"].column("hotspot_nam")
