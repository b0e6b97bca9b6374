"""The order of the statements that the next report will verify."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from reports.periodic.inputs import ReportInputs
from reports.periodic.report import periodic_report
from risk_models.levels import Level
from risk_models.outlook.wording import level_statement

Make = Callable[..., ReportInputs]


def test_statements_on_the_district_come_before_those_on_towns(quick: None, make_inputs: Make) -> None:
    inputs = make_inputs("month", "outlook")
    assert inputs.outlook is not None
    town = level_statement(("410103001", "淮河路街道", "Huaihelu"), Level.YELLOW, (0.4, 0, 1), 31)
    first = (town, *inputs.outlook.statements[:5])
    document = periodic_report(
        dataclasses.replace(inputs, outlook=dataclasses.replace(inputs.outlook, statements=first)), "zh"
    )
    table = next(table for table in document.tables() if table.caption == "可供检验的预测结论")
    assert table.rows[0][1].startswith("降雨总量")
    assert table.rows[1][1].startswith("全区")
    assert table.rows[-2][1].startswith("淮河路街道")
