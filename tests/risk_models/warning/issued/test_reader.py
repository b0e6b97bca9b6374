"""Files of a weather office: every cell is understood or named, and no doubt makes a signal weaker or shorter."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from risk_models.errors import BadInputError
from risk_models.levels import Level
from risk_models.warning.issued import WeatherNotice, read_notices

HEADER = "类型,颜色,文号,发布时间,有效至,区域,发布单位,动作,内容"
RED = "暴雨,红色,第115号,2021-07-20 06:02,2021-07-20 09:02,郑州市,郑州市气象局,发布,注意防范"


def read(folder: Path, text: str | bytes, name: str = "s.csv") -> tuple[list[WeatherNotice], list[str]]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    notices, reading = read_notices(path, timezone="Asia/Shanghai")
    return notices, [finding.code for finding in reading.findings]


def test_a_row_reads_as_it_stands(tmp_path: Path) -> None:
    (notice,), findings = read(tmp_path, f"{HEADER}\n{RED}\n")
    assert (notice.kind, notice.level, notice.number, notice.lifts) == ("rainstorm", Level.RED, "第115号", False)
    assert notice.issued_at == datetime(2021, 7, 19, 22, 2, tzinfo=UTC)
    assert notice.valid_until == datetime(2021, 7, 20, 1, 2, tzinfo=UTC)
    assert (notice.area, notice.office, notice.text) == ("郑州市", "郑州市气象局", "注意防范")
    assert findings == []


def test_csv_excel_and_json_with_either_headers_say_the_same(tmp_path: Path) -> None:
    english = ["kind", "colour", "number", "issued_at", "valid_until", "area", "office", "action", "text"]
    cells = RED.split(",")
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(english)
    sheet.append(cells)
    sink = io.BytesIO()
    book.save(sink)
    listed = json.dumps([dict(zip(english, cells, strict=True))])
    forms = [read(tmp_path, f"{HEADER}\n{RED}\n"), read(tmp_path, sink.getvalue(), "s.xlsx")]
    forms.append(read(tmp_path, listed, "s.json"))
    forms.append(read(tmp_path, f"{HEADER}\n{RED}\n".encode("gb18030")))
    assert forms == [forms[0]] * 4


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("暴雨红色预警[Ⅰ级/特别重大],红,,2021-07-20 06:02,,,郑州市气象台,,", ("rainstorm", Level.RED)),
        ("雷电,黄色,,2021-07-20 06:02,,,郑州市气象台,,", ("lightning", Level.YELLOW)),
        ("山洪灾害气象风险预警,橙,,2021-07-20 06:02,,,郑州市气象台,,", ("山洪灾害气象风险", Level.ORANGE)),
        ("暴雨Ⅱ级,Ⅱ级,,2021-07-20 06:02,,,郑州市气象台,,", ("rainstorm", Level.ORANGE)),
        ("暴雨蓝色预警信号,,,2021-07-20 06:02,,,郑州市气象台,,", ("rainstorm", Level.BLUE)),
    ],
)
def test_other_kinds_are_kept_under_their_names(row: str, expected: tuple[str, Level], tmp_path: Path) -> None:
    (notice,), _ = read(tmp_path, f"{HEADER}\n{row}\n")
    assert (notice.kind, notice.level) == expected


@pytest.mark.parametrize(
    ("row", "code", "column", "value"),
    [
        (RED.replace("红色", "紫色"), "unknown-colour", "颜色", "紫色"),
        (RED.replace("红色", ""), "unknown-colour", "颜色", ""),
        (RED.replace("2021-07-20 06:02", "今晨"), "bad-time", "发布时间", "今晨"),
        (RED.replace("2021-07-20 06:02", "2021-07-20 06"), "bad-time", "发布时间", "2021-07-20 06"),
        (RED.replace("郑州市气象局", "二七区应急管理局"), "not-a-weather-office", "发布单位", "二七区应急管理局"),
        (RED.replace(",发布,", ",转发,"), "unknown-action", "动作", "转发"),
        (RED.replace("暴雨,红色", "暴雨橙色预警信号,红色"), "contradicts-itself", "颜色", "红色"),
        (RED.replace("暴雨,", ","), "unknown-kind", "类型", ""),
        (RED.replace("第115号", "第" * 61), "too-long", "文号", "第" * 61),
        (RED.rpartition(",")[0], "wrong-field-count", "类型", "暴雨"),
    ],
)
def test_a_row_that_is_not_understood_is_named_and_the_others_stay(
    row: str, code: str, column: str, value: str, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"{HEADER}\n{RED}\n{row}\n", encoding="utf-8")
    notices, reading = read_notices(path, timezone="Asia/Shanghai")
    assert [notice.level for notice in notices] == [Level.RED]
    (finding,) = reading.findings
    assert (finding.code, finding.row, finding.column, finding.value) == (code, 3, column, value)
    assert finding.accepted
    assert reading.rows_rejected == 1


@pytest.mark.parametrize("end", ["下午", "2021-07-20 05:00"])
def test_an_end_that_is_none_never_ends_a_signal(end: str, tmp_path: Path) -> None:
    (notice,), findings = read(tmp_path, f"{HEADER}\n{RED.replace('2021-07-20 09:02', end)}\n")
    assert notice.valid_until is None
    assert findings == ["bad-end"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{HEADER},单位\n{RED},mm\n", "unknown-column"),
        (f"{HEADER},颜色\n{RED},红\n", "duplicate-column"),
        ("类型,颜色,发布时间\n暴雨,红,2021-07-20 06:02\n", "no-column"),
        (f"{HEADER}\n{RED.replace('红色', '紫色')}\n", "no-rows"),
        ("", "empty-file"),
        ("\n \n", "empty-file"),
    ],
)
def test_a_table_that_is_not_understood_is_refused(text: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        read(tmp_path, text)
    assert code in {finding.code for finding in refused.value.findings}


@pytest.mark.parametrize("text", [f"{HEADER}\n", "[]"])
def test_a_table_without_a_row_says_nothing(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == ([], [])


def test_a_lifting_in_a_column_of_its_own_is_a_notice_of_its_own(tmp_path: Path) -> None:
    text = "kind,colour,number,issued_at,lifted_at,office\n暴雨,红,115,2021-07-20 06:02,2021-07-20 12:00,郑州市气象局\n"
    issue, lifting = read(tmp_path, text)[0]
    assert (issue.lifts, lifting.lifts, lifting.refers) == (False, True, (issue.notice_id,))
    assert lifting.issued_at == datetime(2021, 7, 20, 4, tzinfo=UTC)


def test_a_notice_survives_being_kept(tmp_path: Path) -> None:
    (notice,), _ = read(tmp_path, f"{HEADER}\n{RED}\n")
    assert WeatherNotice.from_dict(json.loads(json.dumps(notice.to_dict()))) == notice


# CAP


def cap(**changes: str) -> str:
    told = {
        "identifier": "41010041600000_20210720060200", "sent": "2021-07-20T06:02:00+08:00", "status": "Actual",
        "msgType": "Alert", "references": "", "event": "暴雨", "expires": "2021-07-21T06:02:00+08:00",
        "senderName": "郑州市气象台", "headline": "郑州市气象台发布暴雨红色预警信号", "area": "郑州市",
        "parameter": "<parameter><valueName>文号</valueName><value>第115号</value></parameter>", "severity": "Extreme",
    } | changes  # fmt: skip
    references = f"<references>{told['references']}</references>" if told["references"] else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{told["identifier"]}</identifier>
<sender>zzqxj</sender><sent>{told["sent"]}</sent><status>{told["status"]}</status><msgType>{told["msgType"]}</msgType>
<scope>Public</scope>{references}<info><language>zh-CN</language><category>Met</category><event>{told["event"]}</event>
<urgency>Immediate</urgency><severity>{told["severity"]}</severity><certainty>Likely</certainty>
<expires>{told["expires"]}</expires><senderName>{told["senderName"]}</senderName>
<headline>{told["headline"]}</headline><description>预计未来3小时降水量将达100毫米以上。</description>
{told["parameter"]}<area><areaDesc>{told["area"]}</areaDesc>
<geocode><valueName>GB/T 2260</valueName><value>410100000000</value></geocode></area></info></alert>"""


def test_a_cap_message_reads_like_a_row(tmp_path: Path) -> None:
    (notice,), _ = read(tmp_path, cap(), "s.xml")
    assert (notice.kind, notice.level, notice.number, notice.lifts) == ("rainstorm", Level.RED, "第115号", False)
    assert (notice.office, notice.area) == ("郑州市气象台", "郑州市、410100000000")
    assert notice.valid_until == datetime(2021, 7, 20, 22, 2, tzinfo=UTC)


def test_an_update_and_a_cancel_say_what_they_replace(tmp_path: Path) -> None:
    reference = "zzqxj,41010041600000_20210720060200,2021-07-20T06:02:00+08:00"
    for kind, lifts in (("Update", False), ("Cancel", True)):
        changes = {"msgType": kind, "references": reference, "identifier": "next", "sent": "2021-07-20T09:00:00+08:00"}
        (notice,), _ = read(tmp_path, cap(**changes), "s.xml")
        assert (notice.lifts, notice.refers) == (lifts, ("41010041600000_20210720060200",))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "Test"}, "bad-code"),
        ({"status": "Exercise"}, "bad-code"),
        ({"msgType": "Error"}, "bad-code"),
        ({"msgType": "Cancel"}, "references-missing"),
        ({"headline": "郑州市气象台发布暴雨预警信号"}, "unknown-colour"),
        ({"headline": "暴雨橙色预警信号升级为红色"}, "unknown-colour"),
        ({"senderName": "二七区应急管理局"}, "not-a-weather-office"),
        ({"sent": "2021-07-20 06:02"}, "bad-time"),
        ({"identifier": ""}, "bad-identifier"),
        ({"senderName": "气象" * 31}, "too-long"),
        ({"event": "", "headline": "红色"}, "unknown-kind"),
    ],
)
def test_a_cap_message_in_doubt_is_refused(changes: dict[str, str], code: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        read(tmp_path, cap(**changes), "s.xml")
    assert [finding.code for finding in refused.value.findings] == [code]


def test_the_severity_of_cap_is_no_colour(tmp_path: Path) -> None:
    assert read(tmp_path, cap(severity="Minor"), "s.xml")[0][0].level is Level.RED


def test_a_torn_cap_message_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        read(tmp_path, cap()[:-200], "s.xml")
    assert refused.value.findings[0].code == "not-xml"


def test_our_own_bulletins_are_never_read_as_signals(tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        read(tmp_path, cap(senderName="二七区防汛抗旱指挥部", headline="发布内涝风险红色预警"), "s.xml")
