"""Every kind of broken rain through the whole cycle: flagged, counted, told, and never a lower level unless marked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from reports.bulletin.sentences import basis_lines
from risk_models.levels import Level
from risk_models.risk import read_risk, town_levels
from tests.broken_inputs import make
from tests.factories import add_mini_storm, write_mini_district
from wuyu.cycle import assess, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.feeds.status import FeedStatus, status
from wuyu.ledger import open_ledger
from wuyu.rain import CycleRain, cycle_rain, pull_feed

AT = datetime(2021, 7, 20, 6, tzinfo=UTC)  # the hour of the peak
ARRIVED = timedelta(minutes=5)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.xdist_group("broken-inputs")


@dataclass(frozen=True)
class Seen:
    """What a cycle made of its feeds."""

    rain: CycleRain
    gauges: FeedStatus
    levels: dict[str, int]
    degraded: set[str]
    unconfirmed: set[str]
    texts: str
    """Of the bulletins: what the recipients see."""
    lines: str
    """On the state of the data, as the cycle gives them to its products."""

    @property
    def ladder(self) -> int:
        return int(self.rain.rainfall.attrs["ladder_step"])

    @property
    def counters(self) -> dict[str, int]:
        """What the import status and the quality control count."""
        quality = self.rain.quality
        return {
            "hours late": round(self.gauges.age_h or 0),
            "files refused": self.gauges.files_rejected,
            "old files again": self.gauges.repeated,
            "problems": sum(self.gauges.findings.values()),
            "values without use": 0 if quality is None else quality.counts["fail"] + quality.counts["missing"],
        }


Run = Callable[..., Seen]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A district with two forecasts, taken over before anything else comes."""
    base = tmp_path_factory.mktemp("broken")
    folder = add_mini_storm(write_mini_district(base / "district", towns=1, hotspots=6))
    settings = folder / "district.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("path: feeds/gauges.csv", "path: drop"), "utf-8")
    (folder / "drop").mkdir()
    for issue in (folder / "feeds" / "ensemble").iterdir():
        if issue.name not in ("20210720T0200Z.nc", "20210720T0500Z.nc"):
            issue.unlink()
    desk = begin_desk(folder, base / "out")
    pull_feed(desk, "ensemble", now=AT + ARRIVED - HOUR)
    desk.ledger.close()
    return desk


@pytest.fixture(scope="module")
def run(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Take over files at given hours before the peak, then run the cycle of the peak."""

    def run(*names: str, forecast: bool = True, whole: bool = True) -> Seen:
        drop = desk.district.root / "drop"
        shutil.rmtree(drop)
        drop.mkdir()
        out = tmp_path_factory.mktemp("run") / "out"
        shutil.copytree(desk.out, out)
        district = desk.district
        if not forecast:
            kept = tuple(feed for feed in district.settings.feeds if feed.id == "gauges")
            district = replace(district, settings=district.settings.model_copy(update={"feeds": kept}))
        with open_ledger(out / "ledger.sqlite") as ledger:
            mine = replace(desk, district=district, out=out, ledger=ledger)
            for number, name in enumerate(names):
                if name:
                    # A folder is read by name: what came later stands later.
                    shutil.copy(make.FOLDER / name, drop / f"{number}-{name}")
                pull_feed(mine, "gauges", now=AT + ARRIVED - (len(names) - 1 - number) * HOUR)
            return _look(mine, whole=whole)

    return run


def _look(desk: Desk, *, whole: bool) -> Seen:
    """Run the cycle, up to its bulletins or up to its levels only."""
    if whole:
        result = run_cycle(desk, AT)
        records, table = result.records, read_risk(desk.out / result.risk_path)
    else:
        records, table = (), assess(desk, AT)[0]
    levels = {str(town): int(level) for town, level in town_levels(table)["level"].items()}
    rain = cycle_rain(desk, AT)
    basis = basis_lines(dict(table.attrs), issued_at=pd.Timestamp(AT), zone="Asia/Shanghai")
    texts = [path.read_text(encoding="utf-8") for path in sorted((desk.out / "bulletins").rglob("*.txt"))]
    return Seen(
        rain=rain,
        gauges=next(one for one in status(desk.ledger, AT) if one.feed_id == "gauges"),
        levels={record.area_code: int(record.level) for record in records} if whole else levels,
        degraded={record.area_code for record in records if record.degraded},
        unconfirmed={record.area_code for record in records if record.unconfirmed},
        texts="\n".join(texts),
        lines="\n".join(f"{line.zh}\n{line.en}" for line in [*basis, *rain.lines]),
    )


@pytest.fixture(scope="module")
def good(run: Run) -> Seen:
    return run("before.csv", "good.csv")


def test_the_files_are_what_the_maker_makes() -> None:
    there = {path.name: path.read_bytes() for path in make.FOLDER.glob("*.csv")}
    assert there == make.files()


def test_good_rain_is_not_marked(good: Seen) -> None:
    assert (good.ladder, good.degraded, good.unconfirmed) == (1, set(), set())
    assert set(good.levels.values()) == {int(Level.RED)}
    assert (good.gauges.rows_rejected, good.gauges.findings, good.gauges.refused) == (0, {}, "")


# Files that only look unlike the others: all of them is read, so there is nothing to count.
READ_IN_FULL = {"11_reordered_columns.csv", "12_byte_order_mark.csv", "12_gb18030.csv"}

# name, refused at the door, kinds of problem found, step of the ladder, words on the product
FAULTS = [
    pytest.param("", False, set(), 3, "距今1.0小时", id="01 absent"),
    pytest.param("02_empty.csv", True, {"empty-file"}, 3, "最新文件未采用（空文件）", id="02 empty"),
    pytest.param("03_header_only.csv", True, {"header-only"}, 3, "最新文件未采用（只有表头）", id="03 header only"),
    pytest.param("04_truncated_mid_row.csv", False, {"wrong-field-count"}, 3, "剔除1行", id="04 truncated"),
    pytest.param("05_duplicated_rows.csv", False, {"duplicate-time"}, 1, "重复时次4处", id="05 duplicated"),
    pytest.param("06_old_file_new_name.csv", False, set(), 3, "1个文件是改名的旧文件", id="06 old under a new name"),
    pytest.param("07_inch.csv", True, {"unit-slip"}, 3, "最新文件未采用（单位疑似有误）", id="07 inch"),
    pytest.param("08_decimal_comma.csv", False, {"decimal-comma"}, 1, "小数逗号51处", id="08 decimal comma"),
    pytest.param(
        "08_decimal_comma_in_commas.csv", True, {"wrong-field-count"}, 3, "列数不符", id="08 decimal comma in commas"
    ),
    pytest.param("09_missing_codes.csv", False, {"missing-value"}, 2, "缺测值4处", id="09 missing codes"),
    pytest.param("10_zone_ahead.csv", True, {"clock-ahead"}, 3, "时间在到达之后", id="10 zone ahead"),
    pytest.param("10_zone_behind.csv", True, {"clock-moved-back"}, 3, "时间整体提前", id="10 zone behind"),
    pytest.param("10_begin_label.csv", True, {"clock-moved-back"}, 3, "时间整体提前", id="10 begin label"),
    pytest.param("11_reordered_columns.csv", False, set(), 1, "读入13行、剔除0行", id="11 reordered"),
    pytest.param("11_renamed_columns.csv", True, {"no-known-gauge"}, 3, "没有登记的雨量站", id="11 renamed"),
    pytest.param("11_one_renamed_column.csv", False, {"unknown-gauge"}, 2, "未登记的雨量站1处", id="11 one renamed"),
    pytest.param("12_utf16.csv", True, {"bad-encoding"}, 3, "最新文件未采用（无法识别的编码）", id="12 utf-16"),
    pytest.param("12_byte_order_mark.csv", False, set(), 1, "读入13行、剔除0行", id="12 byte-order mark"),
    pytest.param("12_gb18030.csv", False, set(), 1, "读入13行、剔除0行", id="12 gb18030"),
    pytest.param("13_counter_reset.csv", False, {"negative-rain"}, 2, "负雨量1处", id="13 counter reset"),
    pytest.param("14_clock_back.csv", False, {"time-backwards"}, 1, "时间倒退1处", id="14 clock back"),
    pytest.param("15_one_gauge_x10.csv", False, {"absurd-rain"}, 2, "超出记录的雨量2处", id="15 one x10"),
    pytest.param("16_all_zero.csv", True, {"rain-vanished"}, 3, "原有降雨变为0", id="16 all zero"),
    pytest.param("16_zero_in_the_storm.csv", False, set(), 3, "这些0值按缺测处理", id="16 zero in the storm"),
    pytest.param("17_all_x10.csv", False, {"absurd-rain"}, 3, "超出记录的雨量8处", id="17 all x10"),
    pytest.param("18_one_gauge_left.csv", False, {"absent-gauge"}, 2, "缺站3处", id="18 one gauge left"),
]


@pytest.mark.parametrize(("name", "refused", "codes", "ladder", "words"), FAULTS)
def test_a_fault_is_flagged_counted_told_and_lowers_nothing(
    run: Run, good: Seen, name: str, refused: bool, codes: set[str], ladder: int, words: str
) -> None:
    seen = run("before.csv", name)
    assert bool(seen.gauges.refused) == refused
    assert codes <= {*seen.gauges.findings, *seen.gauges.refused_codes}
    more = {what: count - good.counters[what] for what, count in seen.counters.items() if count > good.counters[what]}
    assert bool(more) == (name not in READ_IN_FULL)
    assert seen.ladder == ladder
    assert words in seen.texts
    assert f"资料状况：第{ladder}级" in seen.texts
    assert seen.degraded == (set(good.levels) if ladder > 1 else set())
    lower = {town for town, level in good.levels.items() if seen.levels.get(town, -1) < level}
    assert lower == set()


@pytest.mark.parametrize("name", ["", *sorted(set(make.files()) - {"good.csv", "before.csv"})])
def test_a_fault_of_the_first_file_ever_is_not_lower_or_is_marked(run: Run, good: Seen, name: str) -> None:
    seen = run(name, whole=False)
    lower = {town for town, level in good.levels.items() if seen.levels.get(town, -1) < level}
    # From step 5 on a level can rise but not fall.
    assert lower == set() or seen.ladder >= 5


def test_without_any_rain_every_hotspot_is_unknown(run: Run) -> None:
    seen = run("03_header_only.csv", forecast=False)
    assert (seen.ladder, seen.levels) == (6, {})
    assert "没有可用资料；最新文件未采用（只有表头）" in seen.lines
    assert "观测中断" in seen.lines
