"""The life of a signal: issued, replaced, lifted, run out, late, twice, contradictory; never weaker than told."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.warning.issued import Ground, IssuedSignal, WeatherNotice, standing_signals

TOWNS = {"410103012": "马寨镇", "410103013": "侯寨街道", "410103014": "人和路街道"}
GROUND = Ground(code="410103", names=("二七区",), cities=("郑州市",), towns=TOWNS, timezone="Asia/Shanghai")
AT = datetime(2021, 7, 19, 22, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def notice(level: Level = Level.RED, hours: float = 0, **changes: object) -> WeatherNotice:
    told = {
        "notice_id": f"{level}-{hours}-{sorted(changes.items())}", "lifts": False, "kind": "rainstorm", "level": level,
        "number": "", "issued_at": AT + hours * HOUR, "valid_until": None, "area": "郑州市", "office": "郑州市气象局",
    } | changes  # fmt: skip
    return WeatherNotice(**told)  # type: ignore[arg-type]


def lifting(level: Level = Level.UNKNOWN, hours: float = 3, **changes: object) -> WeatherNotice:
    return notice(level, hours, lifts=True, **changes)


def standing(*notices: WeatherNotice, hours: float = 6) -> dict[str, list[str]]:
    """Return colour to the last digits of the towns in which it stands."""
    found = standing_signals(notices, at=AT + hours * HOUR, ground=GROUND).signals
    return {str(one.notice.level): sorted(code[-2:] for code in one.towns) for one in found}


def notes(*notices: WeatherNotice, hours: float = 6) -> list[str]:
    return [note.zh for note in standing_signals(notices, at=AT + hours * HOUR, ground=GROUND).notes]


ALL = ["12", "13", "14"]


def test_what_is_issued_stands_until_it_is_lifted() -> None:
    assert standing(notice()) == {"red": ALL}
    assert standing(notice(), hours=-1) == {}
    assert standing(notice(), lifting()) == {}
    assert standing(notice(), lifting(), hours=2) == {"red": ALL}


def test_a_later_one_of_the_same_office_replaces_it_higher_or_lower() -> None:
    assert standing(notice(Level.ORANGE), notice(Level.RED, 1)) == {"red": ALL}
    assert standing(notice(Level.RED), notice(Level.YELLOW, 1)) == {"yellow": ALL}


def test_a_late_report_of_the_past_brings_nothing_back() -> None:
    assert standing(notice(Level.YELLOW, 1), notice(Level.RED, 0)) == {"yellow": ALL}
    assert standing(lifting(hours=3), notice(hours=0)) == {}


def test_a_signal_for_one_town_leaves_the_others_as_they_were() -> None:
    both = (notice(Level.ORANGE), notice(Level.RED, 1, area="二七区马寨镇"))
    assert standing(*both) == {"red": ["12"], "orange": ["13", "14"]}
    assert standing(*both, lifting(area="410103012", hours=4)) == {"orange": ["13", "14"]}


def test_a_stated_end_ends_it_and_brings_no_earlier_one_back() -> None:
    ends = notice(Level.RED, 1, valid_until=AT + 4 * HOUR)
    assert standing(notice(Level.ORANGE), ends, hours=3.9) == {"red": ALL}
    assert standing(notice(Level.ORANGE), ends, hours=4) == {}


def test_what_another_office_says_ends_nothing() -> None:
    other = "二七区气象局"
    assert standing(notice(), lifting(office=other)) == {"red": ALL}
    assert standing(notice(), notice(Level.BLUE, 1, office=other)) == {"red": ALL, "blue": ALL}
    assert standing(notice(), lifting(office="郑州市气象台")) == {}  # its observatory is no other office


def test_a_lifting_of_another_colour_number_or_kind_ends_nothing_and_is_named() -> None:
    for wrong in (lifting(Level.ORANGE), lifting(refers=("第9号",)), lifting(kind="lightning")):
        assert standing(notice(number="第115号"), wrong) == {"red": ALL}
        assert any("无对应的现行信号" in line for line in notes(notice(number="第115号"), wrong))
    assert standing(notice(number="第115号"), lifting(refers=("第115号",))) == {}


def test_told_twice_it_stands_once_with_all_that_is_known_of_it() -> None:
    row, message = notice(number="第115号"), notice(notice_id="cap", valid_until=AT + 9 * HOUR, office="郑州市气象台")
    for order in itertools.permutations((row, message)):
        (signal,) = standing_signals(order, at=AT + HOUR, ground=GROUND).signals
        assert (signal.notice.number, signal.notice.valid_until) == ("第115号", AT + 9 * HOUR)
        assert standing(*order, lifting(refers=("cap",))) == {}
        assert standing(*order, lifting(refers=(row.notice_id,))) == {}


def test_of_two_ends_the_later_counts() -> None:
    two = [notice(notice_id=str(h), valid_until=AT + h * HOUR) for h in (2, 8)]
    assert standing(*two, hours=7) == {"red": ALL}


def test_the_same_id_again_replaces_what_it_said() -> None:
    assert standing(notice(Level.BLUE, notice_id="a"), notice(Level.RED, notice_id="a")) == {"red": ALL}


def test_of_two_colours_of_one_minute_the_higher_counts_and_it_is_named() -> None:
    for order in itertools.permutations((notice(Level.ORANGE), notice(Level.RED))):
        assert standing(*order) == {"red": ALL}
        assert any("相矛盾" in line for line in notes(*order))


def test_an_end_and_an_issue_of_one_minute_leave_the_issue() -> None:
    assert standing(notice(Level.ORANGE), lifting(hours=1), notice(Level.RED, 1)) == {"red": ALL}


def test_another_area_is_named_and_does_not_count() -> None:
    assert standing(notice(area="郑州市中原区")) == {}
    assert "中原区" in notes(notice(area="郑州市中原区"))[0]
    assert notes(notice(area="郑州市中原区"), hours=30) == []


def test_no_area_is_everywhere() -> None:
    assert standing(notice(area="")) == {"red": ALL}


def test_one_of_which_no_end_is_known_is_shown_for_a_week_and_then_named() -> None:
    assert standing(notice(), hours=7 * 24) == {"red": ALL}
    assert standing(notice(), hours=7 * 24 + 1) == {}
    assert "未收到解除消息" in notes(notice(), hours=7 * 24 + 1)[0]


def test_the_gravest_rainstorm_comes_first() -> None:
    told = [notice(Level.BLUE), notice(Level.RED, kind="lightning"), notice(Level.YELLOW, office="二七区气象局")]
    found = standing_signals(told, at=AT, ground=GROUND).signals
    assert [(one.notice.kind, str(one.notice.level)) for one in found] == [
        ("rainstorm", "yellow"), ("rainstorm", "blue"), ("lightning", "red"),
    ]  # fmt: skip


NOTICES = st.builds(
    notice,
    level=st.sampled_from([level for level in Level if level.is_warning]),
    hours=st.integers(0, 5),
    lifts=st.booleans(),
    area=st.sampled_from(["", "郑州市", "马寨镇", "侯寨街道、人和路街道", "中牟县"]),
    office=st.sampled_from(["郑州市气象局", "郑州市气象台", "二七区气象局"]),
    valid_until=st.sampled_from([None, AT + 7 * HOUR]),
)


def unique(notices: list[WeatherNotice]) -> list[WeatherNotice]:
    return [replace(one, notice_id=str(number)) for number, one in enumerate(notices)]


@settings(max_examples=60, deadline=None)
@given(st.lists(NOTICES, max_size=6).map(unique), st.randoms(use_true_random=False))
def test_the_order_in_which_notices_come_changes_nothing(notices: list[WeatherNotice], random: object) -> None:
    shuffled = list(notices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert standing(*notices) == standing(*shuffled)


@settings(max_examples=60, deadline=None)
@given(st.lists(NOTICES, max_size=6).map(unique), NOTICES)
def test_what_is_issued_last_stands_where_it_is_issued(notices: list[WeatherNotice], last: WeatherNotice) -> None:
    last = replace(last, lifts=False, issued_at=AT + 6 * HOUR, notice_id="last")
    found = standing_signals([*notices, last], at=AT + 6 * HOUR, ground=GROUND).signals
    mine = [one for one in found if one.notice.issued_at == last.issued_at]
    towns = GROUND.towns_in(last.area)
    assert [one.towns for one in mine] == ([towns] if towns else [])
    assert all(one.towns for one in found)


def test_a_signal_survives_being_kept() -> None:
    (signal,) = standing_signals([notice()], at=AT, ground=GROUND).signals
    assert signal.is_everywhere
    assert IssuedSignal.from_dict(signal.to_dict()) == signal
