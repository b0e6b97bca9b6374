"""Tables of sights: every cell is understood or named, and nothing that is not becomes dry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.errors import BadInputError
from risk_models.observation import read_observations
from risk_models.observation.reader import SIGHTS, SOURCES

PLACES = ("EQ-001", "EQ-002")
HEADER = "observation_id,hotspot_id,seen_at,source,seen,depth_m,confidence,by,remark"
GOOD = "n1,EQ-001,2021-07-20T17:05:00+08:00,field,flooded,0.6,0.9,王某,入口"


def read(folder: Path, text: str, name: str = "o.csv") -> tuple[pd.DataFrame, list[str]]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    table, reading = read_observations(path, timezone="Asia/Shanghai", hotspot_ids=PLACES)
    return table, [finding.code for finding in reading.findings]


def test_a_row_reads_as_it_stands(tmp_path: Path) -> None:
    table, findings = read(tmp_path, f"{HEADER}\n{GOOD}\n")
    row = table.iloc[0]
    assert row["seen_at"] == pd.Timestamp("2021-07-20T09:05Z")
    assert (row["hotspot_id"], row["source"], row["seen"], row["depth_m"]) == ("EQ-001", "field", "flooded", 0.6)
    assert (row["confidence"], row["by"], row["remark"]) == (0.9, "王某", "入口")
    assert findings == []


def test_chinese_headers_and_words_centimetres_and_local_time(tmp_path: Path) -> None:
    lines = (
        "编号,风险点编号,观测时间,来源,积水情况,水深（厘米）,备注",
        "1,EQ-001,2021-07-20 17:05,巡查,有积水,60,",
        "2,EQ-002,2021-07-20 17:06,视频,看不清,,",
    )
    text = "\n".join(lines)
    table, findings = read(tmp_path, text)
    assert table["seen"].tolist() == ["flooded", "cannot_see"]
    assert table["depth_m"].iloc[0] == pytest.approx(0.6)
    assert table["seen_at"].iloc[0] == pd.Timestamp("2021-07-20T09:05Z")
    assert findings == []


def test_a_depth_alone_says_what_was_seen(tmp_path: Path) -> None:
    text = "hotspot_id,seen_at,source,depth_m\n" + "".join(
        f"EQ-001,2021-07-20T17:0{n}:00+08:00,depth_gauge,{depth}\n" for n, depth in enumerate((0, 0.02, 0.04, 0.5))
    )
    assert read(tmp_path, text)[0]["seen"].tolist() == ["dry", "dry", "flooded", "flooded"]


def test_a_gauge_that_is_not_quite_level_reads_dry_ground(tmp_path: Path) -> None:
    text = "hotspot_id,seen_at,source,depth_m\nEQ-001,2021-07-20T17:00:00+08:00,depth_gauge,-0.02\n"
    table, findings = read(tmp_path, text)
    assert (table["seen"].tolist(), table["depth_m"].tolist(), findings) == (["dry"], [0.0], [])


def test_water_with_no_depth_is_water_that_nobody_measured(tmp_path: Path) -> None:
    table, findings = read(tmp_path, f"{HEADER}\n{GOOD.replace(',0.6,', ',0,')}\n")
    assert (table["seen"].tolist(), findings) == (["flooded"], [])
    assert table["depth_m"].isna().all()


def test_json_records(tmp_path: Path) -> None:
    records = [{"hotspot_id": "EQ-001", "seen_at": "2021-07-20T17:05:00+08:00", "source": "call", "seen": "flooded"}]
    assert read(tmp_path, json.dumps(records), "o.json")[0]["seen"].tolist() == ["flooded"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (GOOD.replace("EQ-001", "EQ-999"), "unknown-hotspot"),
        (GOOD.replace("2021-07-20T17:05:00+08:00", "20/7 17:05"), "bad-time"),
        (GOOD.replace("2021-07-20T17:05:00+08:00", "2021-07-20T24:05:00+08:00"), "bad-time"),
        (GOOD.replace("field", "satellite"), "unknown-source"),
        (GOOD.replace("flooded", "ok"), "unknown-sight"),
        (GOOD.replace("flooded", "正常"), "unknown-sight"),
        (GOOD.replace(",0.6,", ",60,"), "bad-depth"),
        (GOOD.replace(",0.6,", ",-0.1,"), "bad-depth"),
        (GOOD.replace(",0.6,", ",nan,"), "bad-depth"),
        (GOOD.replace("flooded", "dry"), "contradicts-itself"),
        (GOOD.replace(",0.9,", ",90%,"), "bad-confidence"),
        (GOOD.replace("flooded,0.6", ","), "unknown-sight"),
    ],
)
def test_what_is_not_understood_is_named_and_left_out(tmp_path: Path, row: str, code: str) -> None:
    other = GOOD.replace("EQ-001", "EQ-002").replace("n1", "n2")
    table, findings = read(tmp_path, f"{HEADER}\n{row}\n{other}\n")
    assert table["hotspot_id"].tolist() == ["EQ-002"]
    assert findings == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{HEADER},unit\n{GOOD},ft\n", "unknown-column"),
        (f"{HEADER.replace('depth_m', 'depth')}\n{GOOD}\n", "unknown-column"),
        (f"{HEADER},quality\n{GOOD},9\n", "unknown-column"),
        (f"{HEADER.replace('seen_at', 'day')}\n{GOOD}\n", "no-column"),
        ("hotspot_id,seen_at,source\nEQ-001,2021-07-20T17:05:00+08:00,field\n", "no-column"),
        (f"{HEADER},depth_cm\n{GOOD},60\n", "duplicate-column"),
        (f"{HEADER}\n{GOOD.replace('field', 'x')}\n", "no-rows"),
    ],
)
def test_what_might_change_a_meaning_refuses_the_file(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read(tmp_path, text)
    assert code in {finding.code for finding in caught.value.findings}


rows = st.lists(
    st.tuples(
        st.sampled_from(PLACES), st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2030-01-01")),
        st.sampled_from(SOURCES), st.sampled_from(SIGHTS), st.integers(4, 2000), st.integers(0, 100),
    ), min_size=1, max_size=20,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(rows, st.sampled_from(["csv", "json"]))
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, written: list, form: str) -> None:
    records = [
        {
            "observation_id": f"n{n}", "hotspot_id": place, "seen_at": f"{at:%Y-%m-%dT%H:%M:%S}+00:00",
            "source": source, "seen": seen, "depth_m": "" if seen != "flooded" else str(cm / 100),
            "confidence": str(share / 100), "by": "甲", "remark": "",
        }
        for n, (place, at, source, seen, cm, share) in enumerate(written)
    ]  # fmt: skip
    text = pd.DataFrame(records).to_csv(index=False) if form == "csv" else json.dumps(records)
    table, findings = read(tmp_path_factory.mktemp("o"), text, f"o.{form}")
    assert findings == []
    assert table["seen"].tolist() == [row["seen"] for row in records]
    assert [f"{at:%Y-%m-%dT%H:%M:%S}+00:00" for at in table["seen_at"]] == [row["seen_at"] for row in records]
    depths = [float(row["depth_m"]) if row["depth_m"] else np.nan for row in records]
    np.testing.assert_allclose(table["depth_m"], depths)
