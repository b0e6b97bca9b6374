"""The weather office's signals in words: printed as it issued them, and never "none" where none is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reports.issued import NONE_KNOWN, issued_lines, issued_signals
from reports.words import Text
from risk_models.levels import Level
from risk_models.warning.issued import IssuedSignal, WeatherNotice

AT = datetime(2021, 7, 19, 22, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ZONE = "Asia/Shanghai"
TOWNS = {str(code): Text(f"第{code}镇", f"Town {code}") for code in range(1, 8)}


def signal(towns: str = "1234567", **changes: object) -> IssuedSignal:
    told = {
        "notice_id": "a", "lifts": False, "kind": "rainstorm", "level": Level.RED, "number": "第115号",
        "issued_at": AT, "valid_until": None, "area": "郑州市", "office": "郑州市气象局",
    } | changes  # fmt: skip
    notice = WeatherNotice(**told)  # type: ignore[arg-type]
    return IssuedSignal(notice=notice, towns=frozenset(towns), is_everywhere=len(towns) == len(TOWNS))


def told(*signals: IssuedSignal, hours: float = 1, area: str = "") -> list[Text]:
    return list(issued_lines(signals, at=AT + hours * HOUR, zone=ZONE, towns=TOWNS, area=area))


def test_office_minute_and_number_are_as_issued() -> None:
    (line,) = told(signal(valid_until=AT + 3 * HOUR))
    assert line.zh == "暴雨红色预警信号，郑州市气象局7月20日6时02分发布，第115号，有效至7月20日9时02分。"
    assert line.en == (
        "Red rainstorm signal, issued by 郑州市气象局 at 06:02 on 20 July, number 第115号, "
        "valid until 09:02 on 20 July."
    )


def test_what_is_not_known_of_it_is_said() -> None:
    assert told(signal(number=""))[0].zh == "暴雨红色预警信号，郑州市气象局7月20日6时02分发布，文号未知。"
    assert told(signal(), hours=25)[0].zh.endswith("，未收到解除消息。")
    assert told(signal(), hours=24 * 200)[0].zh.startswith("暴雨红色预警信号，郑州市气象局2021年7月20日")


def test_where_it_holds_is_said_of_the_district_and_not_to_the_town() -> None:
    assert "，第1镇和第2镇。" in told(signal("12"))[0].zh
    assert "第1镇、第2镇、第3镇和第4镇等5个镇办" in told(signal("12345"))[0].zh
    assert "镇" not in told(signal("12"), area="1")[0].zh
    assert told(signal("12"), area="3") == [NONE_KNOWN]


def test_where_none_is_known_no_product_says_that_there_is_none() -> None:
    assert told() == [NONE_KNOWN]
    assert "不等于没有发布" in NONE_KNOWN.zh
    thunder = signal(kind="lightning")
    assert told(thunder) == [NONE_KNOWN, *told(signal(), thunder)[1:]]


def test_an_older_risk_table_knows_of_none() -> None:
    assert issued_signals({}) == ()
    assert issued_signals({"issued_signals": [signal().to_dict()]}) == (signal(),)
