"""Small tables for decisions, and a warning with its surroundings for CAP messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from shapely.geometry import Polygon

from risk_models.levels import Level
from risk_models.standards import EventCode
from risk_models.warning.cap.areas import CapArea, CapPlace
from risk_models.warning.cap.build import CapChannel, CapText, to_cap
from risk_models.warning.cap.hazard import CapHazard
from risk_models.warning.decide import WarningDecisions, decide_warnings
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import WarningPolicy, WarningState

START = datetime(2021, 7, 19, 12, tzinfo=UTC)
TOWN = "410103012"
START_CAP = datetime(2021, 7, 20, 1, tzinfo=UTC)


def tables(levels: Mapping[str, Level], *, ladder_step: int = 1) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return town table, risk table and signals in which every town has one hotspot at the town's level."""
    towns = pd.DataFrame({"level": [int(level) for level in levels.values()]}, index=list(levels))
    towns["n_unknown"] = (towns["level"] == Level.UNKNOWN).astype(int)
    risk = pd.DataFrame(
        {
            "town_code": list(levels),
            "level": [int(level) for level in levels.values()],
            "score": [20.0 * level if level >= 0 else float("nan") for level in levels.values()],
            "reason_zh": [f"风险点{code}" for code in levels],
            "reason_en": [f"Hotspot of {code}." for code in levels],
            "unconfirmed": False,
        },
        index=pd.Index([f"EQ-{code[-3:]}" for code in levels], name="hotspot_id"),
    )
    risk.attrs["ladder_step"] = ladder_step
    return towns, risk, towns[["level"]]


def run(
    sequence: list[Level | None],
    *,
    policy: WarningPolicy | None = None,
    step_h: float = 1.0,
    ladder_steps: Mapping[int, int] | None = None,
    phases: list[str] | None = None,
) -> list[WarningDecisions]:
    """Decide cycle after cycle for one town; None is a cycle that did not run."""
    states: tuple[WarningState, ...] = ()
    pending: dict[str, datetime] = {}
    decisions = []
    for number, level in enumerate(sequence):
        if level is None:
            continue
        towns, risk, signals = tables({TOWN: level}, ladder_step=(ladder_steps or {}).get(number, 1))
        if phases is not None:
            risk["order_phase"] = phases[number]
        decision = decide_warnings(
            states,
            towns,
            risk,
            signals,
            now=START + timedelta(hours=number * step_h),
            event_key="E",
            policy=policy or WarningPolicy(),
            pending=pending,
        )
        states, pending = decision.states, decision.pending
        decisions.append(decision)
    return decisions


@pytest.fixture
def make_tables() -> Callable[..., tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """Give the maker of small tables."""
    return tables


@pytest.fixture
def replay() -> Callable[..., list[WarningDecisions]]:
    """Give the runner of a level sequence for one town."""
    return run


CHANNEL = CapChannel(
    division_code="410103",
    sector_code="000",
    sender="duty@erqi.example",
    sender_name_zh="二七区应急管理局",
    sender_name_en="Erqi District Emergency Management Bureau",
    event=EventCode("11A02", "内涝", "waterlogging"),
    status="Exercise",
    scope="Restricted",
    timezone=ZoneInfo("Asia/Shanghai"),
    demonstration=True,
)
AREA = CapArea(
    code="410103012",
    name_zh="京广路街道",
    name_en="Jingguanglu Subdistrict",
    unit_index=11,
    outline=Polygon([(113.63, 34.73), (113.65, 34.73), (113.655, 34.74), (113.64, 34.75), (113.63, 34.745)]),
)
PLACES = (
    CapPlace(hotspot_id="EQ-001", name_zh="北隧道", name_en="North Tunnel", lat=34.744, lon=113.638, radius_km=0.15),
    CapPlace(hotspot_id="EQ-002", name_zh="中隧道", name_en="Middle Tunnel", lat=34.7295, lon=113.6409, radius_km=0.2),
)
TEXTS = (
    CapText(
        headline="京广路街道暴雨内涝橙色预警",
        description="预计积水。",
        instruction="关闭隧道。",
        contact="0371-00000000",
    ),
    CapText(
        headline="Orange urban flood warning for Jingguanglu Subdistrict",
        description="Water is expected to stand.",
        instruction="Close the tunnels.",
        contact="0371-00000000",
    ),
)
HAZARD = CapHazard(urgency="Expected", certainty="Likely", onset=START_CAP + timedelta(hours=2))

OPENED = WarningRecord(
    event_key="410103-20210720T0100Z",
    warning_id="410103-20210720T0100Z-410103012",
    revision=0,
    action=Action.NEW,
    area_code="410103012",
    level=Level.ORANGE,
    previous_level=Level.NONE,
    issued_at=START_CAP,
    valid_from=START_CAP,
    valid_to=START_CAP + timedelta(hours=6),
    hotspot_ids=("EQ-001", "EQ-002"),
)


def follow(record: WarningRecord, action: Action, *, hours: float = 1, level: Level | None = None) -> WarningRecord:
    """Return the next revision."""
    at = record.issued_at + timedelta(hours=hours)
    valid_to = {Action.CON: record.valid_to, Action.CAN: at, Action.EXP: record.valid_to}.get(
        action, at + timedelta(hours=6)
    )
    return replace(
        record,
        revision=record.revision + 1,
        action=action,
        level=level or record.level,
        previous_level=record.level,
        issued_at=at,
        valid_from=record.valid_from if action.is_end else at,
        valid_to=valid_to,
        supersedes=record.message_id,
    )


def message(record=OPENED, *, earlier=(), area=AREA, channel=CHANNEL, hazard=HAZARD, texts=TEXTS, places=()) -> bytes:
    """Return a CAP message."""
    return to_cap(record, earlier=earlier, area=area, channel=channel, hazard=hazard, texts=texts, places=places)


@pytest.fixture(scope="session")
def cap() -> SimpleNamespace:
    """Give a warning, its CAP surroundings and the makers of revisions and messages."""
    return SimpleNamespace(
        start=START_CAP,
        opened=OPENED,
        upgraded=follow(OPENED, Action.UPG, level=Level.RED),
        channel=CHANNEL,
        area=AREA,
        places=PLACES,
        hazard=HAZARD,
        texts=TEXTS,
        follow=follow,
        message=message,
    )
