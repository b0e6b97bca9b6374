"""Gauge tables: formats, and the museum of broken files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from risk_models.errors import BadInputError
from risk_models.forecast.readers.gauge_table import read_gauge_table
from risk_models.forecast.readers.reading import FileReading, read_bytes

WIDE = """time_end,57083,57091
2021-07-20T15:00:00+08:00,20.1,10
2021-07-20T16:00:00+08:00,60.6,30.5
2021-07-20T17:00:00+08:00,201.9,88
"""


@pytest.fixture
def read(tmp_path: Path):
    def reader(content: str | bytes, **options: object) -> tuple[xr.Dataset, FileReading]:
        path = tmp_path / "gauges.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_gauge_table(path, **{"timezone": "Asia/Shanghai", **options})

    return reader


def codes(reading: FileReading) -> set[str]:
    return {finding.code for finding in reading.findings}


def test_wide_table(read) -> None:
    rain, reading = read(WIDE)
    np.testing.assert_array_equal(rain.rain_mm, [[20.1, 10], [60.6, 30.5], [201.9, 88]])
    assert rain.time.to_numpy()[-1] == np.datetime64("2021-07-20T09:00")
    assert rain.time.dtype == "datetime64[ns]"
    assert (rain.quality == 2).all()
    assert (reading.rows_read, reading.rows_rejected, reading.findings) == (3, 0, ())
    assert reading.last_value_at == datetime(2021, 7, 20, 9, tzinfo=UTC)
    assert len(reading.sha256) == 64


def test_long_table_gives_the_same(read) -> None:
    wide, _ = read(WIDE)
    rows = [line.split(",") for line in WIDE.split()[1:]]
    long = "time,gauge_id,rain_mm\n" + "".join(f"{t},57083,{a}\n{t},57091,{b}\n" for t, a, b in rows)
    result, reading = read(long)
    xr.testing.assert_equal(result, wide)
    assert reading.findings == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings(read, encoding: str) -> None:
    text = WIDE.replace("time_end", "时间").replace("57091", "尖岗")
    rain, _ = read(text.encode(encoding))
    assert rain.gauge.to_numpy().tolist() == ["57083", "尖岗"]


@pytest.mark.parametrize(
    "form", ["{} 15:00", "{}T15:00:00", "{}T07:00:00Z", "{}T07:00:00+00:00"], ids=["space", "iso", "zulu", "offset"]
)
def test_time_forms_mean_the_same(read, form: str) -> None:
    rain, _ = read(f"time,57083\n{form.format('2021-07-20')},1\n")
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T07:00")


def test_slashes_and_short_hours(read) -> None:
    rain, _ = read("time,57083\n2021/7/20 9:00,1\n")
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T01:00")


@pytest.mark.parametrize("code", ["", "999999", "-9999", "999.9", "欠測", "缺测", "--", "NaN"])
def test_missing_codes_are_missing_and_never_dry(read, code: str) -> None:
    rain, reading = read(WIDE.replace("60.6", code))
    assert np.isnan(rain.rain_mm.to_numpy()[1, 0])
    assert rain.quality.to_numpy()[1].tolist() == [9, 2]
    assert reading.values_missing == 1


@pytest.mark.parametrize(
    ("cell", "code", "text"),
    [
        ("-3", "negative-rain", r"gauges.csv, row 3, column 57083: rain is negative \(found '-3'; accepted: 0 to 401"),
        ("402", "absurd-rain", r"row 3, column 57083: rain is beyond any record \(found '402'"),
        ("inf", "absurd-rain", r"beyond any record \(found 'inf'"),
        ("6o.6", "not-a-number", r"row 3, column 57083: rain is no number \(found '6o.6'\). Leave the cell empty"),
        ("1_0", "absurd-rain", r"beyond any record \(found '1_0'"),
    ],
)
def test_impossible_values_fail_and_are_named(read, cell: str, code: str, text: str) -> None:
    rain, reading = read(WIDE.replace("60.6", cell))
    assert np.isnan(rain.rain_mm.to_numpy()[1, 0])
    assert rain.quality.to_numpy()[1, 0] == 4
    assert codes(reading) == {code}
    assert re.search(text, str(reading.findings[0]))


def test_raw_number_is_kept(read) -> None:
    rain, _ = read(WIDE.replace("60.6", "-3").replace("20.1", "999999"))
    assert rain.raw_mm.to_numpy()[:, 0].tolist() == [999999, -3, 201.9]


def test_decimal_comma_is_read_and_doubted(read) -> None:
    rain, reading = read(WIDE.replace(",", ";").replace("60.6", "60,6"))
    assert rain.rain_mm.to_numpy()[1, 0] == 60.6
    assert rain.quality.to_numpy()[1, 0] == 3
    assert codes(reading) == {"decimal-comma"}


def test_unquoted_decimal_comma_rejects_the_row(read) -> None:
    rain, reading = read(WIDE.replace("60.6", "60,6"))
    assert np.isnan(rain.rain_mm.to_numpy()[1]).all()
    assert rain.quality.to_numpy()[1].tolist() == [9, 9]
    assert codes(reading) == {"wrong-field-count", "gap"}
    assert reading.rows_rejected == 1


def test_gap_is_inserted_as_missing(read) -> None:
    lines = WIDE.splitlines(keepends=True)
    rain, reading = read(lines[0] + lines[1] + lines[3])
    assert rain.sizes["time"] == 3
    assert (rain.quality.to_numpy()[1] == 9).all()
    assert "1 steps are absent before this one" in reading.findings[0].message


def test_equal_duplicates_are_noted_and_different_ones_keep_the_larger(read) -> None:
    lines = WIDE.splitlines(keepends=True)
    _, reading = read(WIDE + lines[-1])
    assert codes(reading) == {"duplicate-time"}
    rain, reading = read(WIDE + lines[-1].replace("201.9", "20.19"))
    assert rain.rain_mm.to_numpy()[2].tolist() == [201.9, 88]
    assert rain.quality.to_numpy()[2].tolist() == [3, 2]
    assert any("the larger is kept" in finding.message for finding in reading.findings)


def test_backward_times_are_sorted_and_noted(read) -> None:
    lines = WIDE.splitlines(keepends=True)
    rain, reading = read(lines[0] + lines[2] + lines[1] + lines[3])
    xr.testing.assert_equal(rain, read(WIDE)[0])
    assert [f.code for f in reading.findings] == ["time-backwards"]
    assert reading.findings[0].row == 3


def test_long_table_in_gauge_order_is_not_backwards(read) -> None:
    text = "time,gauge_id,rain_mm\n" + "".join(
        f"2021-07-20T0{hour}:00,{gauge},1\n" for gauge in ("A", "B") for hour in (1, 2)
    )
    assert read(text)[1].findings == ()


def test_broken_clock_is_rejected_without_a_century_of_gaps(read) -> None:
    rain, reading = read(WIDE + "2099-07-20T17:00:00+08:00,1,1\n")
    assert rain.sizes["time"] == 3
    assert codes(reading) == {"time-jump"}


@pytest.mark.parametrize(("cell", "code"), [("yesterday", "bad-time"), ("2021-07-20 15:07", "off-step-time")])
def test_bad_times_reject_the_row(read, cell: str, code: str) -> None:
    _, reading = read(WIDE.replace("2021-07-20T15:00:00+08:00", cell))
    assert codes(reading) == {code}
    assert reading.rows_rejected == 1


def test_register_orders_columns_and_names_strangers(read) -> None:
    rain, reading = read(WIDE.replace("57091", "57O91"), gauge_ids=["57091", "57083"])
    assert rain.gauge.to_numpy().tolist() == ["57091", "57083"]
    assert (rain.quality.to_numpy()[:, 0] == 9).all()
    stranger = next(f for f in reading.findings if f.code == "unknown-gauge")
    assert (stranger.column, stranger.fix) == ("57O91", "rename it if '57091' is meant")
    assert "absent-gauge" in codes(reading)


def test_unknown_gauge_of_a_long_table_is_noted_once(read) -> None:
    text = "time,gauge_id,rain_mm\n" + "".join(f"2021-07-20T0{h}:00,{g},1\n" for h in (1, 2) for g in ("A", "Z"))
    rain, reading = read(text, gauge_ids=["A", "B"])
    assert [f.code for f in reading.findings] == ["unknown-gauge"]
    assert reading.rows_rejected == 2
    assert np.isnan(rain.rain_mm.sel(gauge="B")).all()


def test_file_cut_in_the_last_number_doubts_it(read) -> None:
    rain, reading = read(WIDE.rstrip("\n")[:-1])
    assert rain.quality.to_numpy()[2].tolist() == [2, 3]
    assert codes(reading) == {"unfinished-file"}


def test_file_cut_within_the_last_row_rejects_it(read) -> None:
    rain, reading = read(WIDE.rsplit(",", 1)[0])
    assert rain.sizes["time"] == 2
    assert codes(reading) == {"wrong-field-count"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "gauges.csv: the file is empty"),
        (b"\n \n", "holds nothing but blanks"),
        (b"time,57083\n", "a header and no row"),
        (b"when,57083\n2021-07-20 15:00,1\n", "no time column; accepted names: time, time_end"),
        (b"time,A,A\n2021-07-20 15:00,1,2\n", "column A: column appears twice"),
        (b"time,A\nnever,1\n", "no usable row"),
        ("time,A\n2021-07-20 15:00,1\n".encode("utf-16"), "the file is no text"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", "the file is no text"),
        (b'time,A\n"2021-07-20 15:00,1\n' + b"x" * 140000, "is no CSV"),
    ],
)
def test_unusable_file_is_refused(read, content: bytes, text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        read(content)


def test_no_known_gauge_is_refused(read) -> None:
    with pytest.raises(BadInputError, match="no column is a known gauge"):
        read(WIDE, gauge_ids=["1", "2"])


def test_absent_and_oversized_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such file"):
        read_gauge_table(tmp_path / "absent.csv", timezone="UTC")
    (tmp_path / "big.csv").write_bytes(b"x" * 11)
    with pytest.raises(BadInputError, match="larger than 10 bytes"):
        read_bytes(tmp_path / "big.csv", limit_bytes=10)


def test_thousands_of_bad_cells_give_a_short_report(read) -> None:
    text = "time,A\n" + "".join(f"2021-07-{d:02d} {h:02d}:00,-1\n" for d in range(1, 11) for h in range(24))
    _, reading = read(text)
    assert len(reading.findings) == 51
    assert reading.values_failed == 240
    assert reading.first_value_at is None


@pytest.mark.parametrize("word", ["微量", "T", "trace"])
def test_a_trace_is_known_to_be_little_and_24_00_is_the_next_midnight(read, word: str) -> None:
    rain, reading = read(f"time_end,57083,57091\n2021-07-20 23:00,{word},--\n2021-07-20 24:00,1.5,{word}\n")
    np.testing.assert_array_equal(rain.rain_mm, [[0.0, np.nan], [1.5, 0.0]])
    np.testing.assert_array_equal(rain.quality, [[2, 9], [2, 2]])
    assert str(rain.time.to_numpy()[-1])[:16] == "2021-07-20T16:00"
    assert (reading.values_missing, reading.values_failed, reading.findings) == (1, 0, ())


def test_a_word_of_a_trace_is_no_running_count(read) -> None:
    rain, reading = read("time_end,57083\n2021-07-20 15:00,7\n2021-07-20 16:00,T\n", counter_mm=0.2)
    assert np.isnan(rain.rain_mm.to_numpy()[-1, 0])
    assert "not-a-number" in codes(reading)


def test_a_table_of_columns_that_nobody_knows_is_refused_soon(read) -> None:
    wide = ",".join(["time_end", *(f"x{number}" for number in range(100_000))])
    with pytest.raises(BadInputError, match=r"row 1.*too many columns.*100001.*at most 10000"):
        read(f"{wide}\n2021-07-20 15:00{',1' * 100_000}\n", gauge_ids=["57083"])


def test_only_some_of_many_strangers_are_compared_with_every_name(read) -> None:
    wide = ",".join(["time_end", "57083", *(f"5708{number}x" for number in range(40))])
    rain, reading = read(f"{wide}\n2021-07-20 15:00,3{',1' * 40}\n", gauge_ids=["57083"])
    assert rain.rain_mm.to_numpy().tolist() == [[3.0]]
    advised = [finding.fix for finding in reading.findings if finding.code == "unknown-gauge" and finding.fix]
    assert len(advised) in range(1, 40)
    assert set(advised) == {"rename it if '57083' is meant"}
