"""Make the broken gauge tables of this folder from a good one: `python tests/broken_inputs/make.py`.

The good table has four gauges of the mini district and the hours up to the peak of its storm, 2021-07-20 14:00 local.
Each broken table is what a feed really sent one day: the good one with one fault.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
GAUGES = ("57083", "MG001", "MG002", "MG003")
PEAK_MM, LAST_HOUR = 80.0, 14
Rows = list[list[str]]


def table(last_hour: int = LAST_HOUR) -> Rows:
    """Return header and rows of the good table; hours are local, ends of steps."""
    rows = [["time_end", *GAUGES]]
    for hour in range(2, last_hour + 1):
        rain_mm = PEAK_MM * max(0.0, 1.0 - abs(hour - LAST_HOUR) / 5.0) ** 2
        values = [f"{rain_mm * (1.0 - 0.05 * number):.1f}" for number in range(len(GAUGES))]
        rows.append([f"2021-07-20T{hour:02}:00:00+08:00", *values])
    return rows


def text(rows: Rows, delimiter: str = ",") -> str:
    """Return the rows as CSV."""
    return "".join(delimiter.join(row) + "\n" for row in rows)


def scaled(factor: float, *, places: int = 1, gauges: tuple[str, ...] = GAUGES) -> Rows:
    """Return the good table with the values of some gauges times `factor`."""
    rows = table()
    for row in rows[1:]:
        for number, gauge in enumerate(GAUGES, start=1):
            if gauge in gauges:
                row[number] = f"{float(row[number]) * factor:.{places}f}"
    return rows


def shifted(hours: int) -> Rows:
    """Return the good table with its clock set wrong."""
    rows = table()
    for row in rows[1:]:
        hour = int(row[0][11:13]) + hours
        day, hour = 20 + hour // 24, hour % 24
        row[0] = f"2021-07-{day:02}T{hour:02}:00:00+08:00"
    return rows


def with_cells(cells: dict[tuple[int, int], str]) -> Rows:
    """Return the good table with other words in some cells; row -1 is the newest hour, column 1 the first gauge."""
    rows = table()
    for (row, column), word in cells.items():
        rows[row][column] = word
    return rows


def renamed(names: dict[str, str]) -> Rows:
    """Return the good table under other column names."""
    rows = table()
    rows[0] = [names.get(name, name) for name in rows[0]]
    return rows


def clock_back() -> Rows:
    """Return the good table of a logger whose clock went back two hours for two rows, in the middle of the storm."""
    rows = table()
    return [*rows[:-1], rows[-3], rows[-2], rows[-1]]


def columns(order: tuple[int, ...]) -> Rows:
    """Return the good table with some columns, in another order."""
    return [[row[index] for index in order] for row in table()]


def zero_from(first: int) -> Rows:
    """Return the good table with nothing but zeros from a row on."""
    rows = table()
    return [*rows[:first], *([row[0], *["0.0"] * len(GAUGES)] for row in rows[first:])]


def files() -> dict[str, bytes]:
    """Return every file of this folder by name."""
    good = text(table())
    plain: dict[str, Callable[[], str]] = {
        "good.csv": lambda: good,
        "before.csv": lambda: text(table(LAST_HOUR - 1)),
        "02_empty.csv": lambda: "",
        "03_header_only.csv": lambda: text(table()[:1]),
        "04_truncated_mid_row.csv": lambda: good[: good.rindex(",72.0") + 1],
        "05_duplicated_rows.csv": lambda: text([*table(), *table()[-4:]]),
        "06_old_file_new_name.csv": lambda: text(table(LAST_HOUR - 1)),
        "07_inch.csv": lambda: text(scaled(1 / 25.4, places=2)),
        "08_decimal_comma.csv": lambda: text(table(), ";").replace(".", ","),
        "08_decimal_comma_in_commas.csv": lambda: good.replace(".", ","),
        "09_missing_codes.csv": lambda: text(
            with_cells({(-1, 1): "-9999", (-1, 2): "999.9", (-1, 3): "欠測", (-2, 4): ""})
        ),
        "10_zone_ahead.csv": lambda: text(shifted(8)),
        "10_begin_label.csv": lambda: text(shifted(-1)),
        "11_reordered_columns.csv": lambda: text(columns((4, 2, 0, 3, 1))),
        "11_renamed_columns.csv": lambda: text(renamed(dict(zip(GAUGES, ("S1", "S2", "S3", "S4"), strict=True)))),
        "11_one_renamed_column.csv": lambda: text(renamed({"MG002": "MG02"})),
        "13_counter_reset.csv": lambda: text(with_cells({(-1, 2): "-9.0"})),
        "14_clock_back.csv": lambda: text(clock_back()),
        "15_one_gauge_x10.csv": lambda: text(scaled(10, gauges=("MG001",))),
        "16_all_zero.csv": lambda: text(zero_from(1)),
        "16_zero_in_the_storm.csv": lambda: text(zero_from(-1)),
        "17_all_x10.csv": lambda: text(scaled(10)),
        "18_one_gauge_left.csv": lambda: text(columns((0, 3))),
    }
    made = {name: make().encode() for name, make in plain.items()}
    made["10_zone_behind.csv"] = text([table()[0], *shifted(-8)[8:]]).encode()
    made["12_utf16.csv"] = good.encode("utf-16")
    made["12_byte_order_mark.csv"] = good.encode("utf-8-sig")
    made["12_gb18030.csv"] = good.replace("time_end", "资料时间").encode("gb18030")
    return made


if __name__ == "__main__":
    for file_name, data in files().items():
        (FOLDER / file_name).write_bytes(data)
