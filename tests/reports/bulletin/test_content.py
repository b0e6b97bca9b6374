"""The content of bulletins: life cycle, sign-off, missing data, all-clear."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pandas as pd
import pytest

from reports.bulletin import SignOff, subject, to_archive, to_html, to_mail_text, to_pdf, to_text, with_code
from reports.bulletin.answering import answer_text
from reports.bulletin.first import most_urgent
from reports.bulletin.view import DETAILED_MAX, URGENT_MAX, bulletin_view
from reports.words import Text
from risk_models.levels import Level
from risk_models.risk.depth_words import chance_text
from risk_models.warning.records import Action


@pytest.mark.parametrize(
    ("action", "zh", "en"),
    [
        (Action.NEW, "发布内涝风险红色预警", "Red flood-risk warning"),
        (Action.UPG, "升级为红色（原橙色）", "raised to red"),
        (Action.EXT, "延长内涝风险红色预警", "extended"),
        (Action.DNG, "降为红色（原橙色）", "lowered to red"),
        (Action.CAN, "解除", "All-clear"),
        (Action.EXP, "解除", "All-clear"),
    ],
)
def test_headline_says_the_action(make_sample, action, zh, en):
    bulletin = make_sample(action=action)
    assert zh in bulletin.headline.zh
    assert en in bulletin.headline.en


def test_all_clear_has_no_measures_and_no_warning_colour(make_sample):
    bulletin = make_sample(action=Action.CAN, hotspot_ids=(), signal=Level.NONE)
    assert bulletin.measures == ()
    text = to_text(bulletin)
    assert "无蓝色及以上风险点" in text
    assert "确认退水后方可开放" in text
    page = to_html(bulletin)
    assert f'bgcolor="{Level.RED.fill}"' not in page
    assert f'bgcolor="{Level.NONE.fill}"' in page
    assert "解除红色预警 All-clear" in subject(bulletin)
    assert to_pdf(bulletin).startswith(b"%PDF")


def test_subject_carries_level_area_issue_time_and_marks(make_sample):
    line = subject(make_sample())
    assert line == (
        "【演练】【红色预警·升级 Red warning, raised】淮河路街道 2021-07-20 16:00（演示数据 demonstration data）"
    )


def test_the_office_is_called_as_the_district_calls_it(make_sample):
    own = dataclasses.replace(make_sample(), office=Text("某区防办", "the flood office"), office_phone="1")
    assert answer_text(own).zh.startswith("拨某区防办 1")
    assert answer_text(own).en.lower().startswith("phone the flood office, 1")
    assert make_sample().office.zh == "区防汛值班室"


def test_missing_rain_is_unknown_and_never_dry(make_sample):
    bulletin = make_sample(unknown=True, level=Level.RED, action=Action.EXT, degraded=True, hotspot_ids=())
    text = to_text(bulletin)
    assert "无法给出预报雨量；这不表示没有降雨" in text
    assert "实况雨量缺测，未知不等于无雨" in text
    assert "等级未知；未知不等于无风险" in text
    assert "实况雨量：无。" in text
    assert "第6级" in text
    assert "Degraded data" in text
    assert "0.0毫米" not in text


def test_unknown_hotspots_in_the_table_are_shown_as_unknown(make_sample):
    bulletin = make_sample(unknown=True, hotspot_ids=("EQ-001",))
    assert bulletin.hotspots[0].level is Level.UNKNOWN
    assert "积水 未知 | >15厘米 未知" in to_text(bulletin)
    assert to_pdf(bulletin).startswith(b"%PDF")


def test_unknown_level_is_named_in_headline_and_subject(make_sample):
    bulletin = make_sample(unknown=True, level=Level.UNKNOWN, hotspot_ids=())
    assert "等级未知（雨情资料缺失）" in bulletin.headline.zh
    assert "等级未知 Level unknown" in subject(bulletin)


def test_unconfirmed_rain_is_said(make_sample):
    assert "待核实" in to_text(make_sample(unconfirmed=True))
    assert "待核实" not in to_text(make_sample(unconfirmed=False))


def test_orange_and_red_without_officer_are_drafts(make_sample):
    for level, draft in ((Level.RED, True), (Level.ORANGE, True), (Level.YELLOW, False), (Level.BLUE, False)):
        bulletin = make_sample(level=level, sign_off=SignOff())
        assert bulletin.draft is draft
        assert ("【待批准草稿】" in subject(bulletin)) is draft
        assert ("尚未批准，不得发出" in bulletin.decision.zh) is draft


def test_decision_names_the_officer_and_who_proposes(make_sample):
    bulletin = make_sample()
    assert bulletin.decision.zh.startswith("等级由软件提出建议，由值班负责人决定。")
    assert "签发人：值班负责人 张某（2021年7月20日16时）" in bulletin.decision.zh
    assert "The software proposes the level; a named officer decides." in bulletin.decision.en


def test_previous_bulletin_is_named(make_sample):
    first = make_sample(action=Action.NEW, revision=0, supersedes=None, previous_level=Level.NONE)
    assert first.previous.zh == "无（首次发布）"
    raised = make_sample()
    assert raised.previous_id in raised.previous.zh


def test_previous_record_gives_its_issue_time(make_sample, sample_risk):
    from risk_models.warning.records import WarningRecord

    later = make_sample()
    before = WarningRecord(
        event_key=later.event_key, warning_id="w", revision=0, action=Action.NEW, area_code=later.area_code,
        level=Level.ORANGE, previous_level=Level.NONE, issued_at=later.issued_at - timedelta(hours=1),
        valid_from=later.valid_from, valid_to=later.valid_to,
    )  # fmt: skip
    assert "代替2021年7月20日15时发布的橙色预警" in make_sample(previous=before).previous.zh


def test_number_without_running_number_is_made_from_time_and_area(make_sample):
    bulletin = make_sample(sign_off=SignOff(officer="张某"))
    assert bulletin.number.zh == "二七汛警〔2021〕07201600-001号"


def test_acknowledgement_code_belongs_to_one_message(make_sample):
    one, other = make_sample(revision=1), make_sample(revision=2)
    assert one.code != other.code
    assert one.code in one.acknowledgement.zh
    assert one.code in one.acknowledgement.en
    own = with_code(one, "0123456789")
    for text in (to_text(own), to_html(own), to_html(own, "en"), to_archive(own)):
        assert "0123456789" in text
        assert one.code not in text


def test_whole_district_can_be_warned(make_sample):
    hotspots = tuple(f"EQ-{number:03d}" for number in range(1, 51))
    bulletin = make_sample(area_code="410103", hotspot_ids=hotspots)
    assert bulletin.area.zh == "二七区"
    assert len(bulletin.hotspots) == 40
    assert bulletin.hotspots_unlisted == 10
    assert "另有10处未列出" in to_text(bulletin)


def test_area_of_nobody_is_refused(make_sample):
    with pytest.raises(KeyError, match="'999' is neither a town of Erqi District nor the district"):
        make_sample(area_code="999")


def test_deadline_is_the_unfavourable_passing_less_the_time_of_the_action(make_sample):
    due = {measure.name.zh: measure.due.zh for measure in make_sample().measures}
    assert due["陇海路铁路下穿"] == "7月20日18时10分前"  # 18:30 less 20 minutes
    assert due["京广路隧道北口"] == "7月20日18时前"
    assert due["淮河路小学"] == "7月20日17时前"
    assert "减去措施所需时间，不晚于有效期" in to_text(make_sample())


def test_an_unknown_time_is_never_told_as_at_once(make_sample):
    (measure,) = make_sample(unknown=True, hotspot_ids=("EQ-001",), all_planned=True).measures
    assert measure.due.zh == "来水时间未知：雨前尽快完成"
    assert measure.due.en == "time not known: as soon as possible, before the rain"
    assert measure.deadline.at is None


def test_water_that_stands_is_said_first_tunnels_before_all(make_sample):
    bulletin = make_sample(wet=("EQ-001", "EQ-002", "EQ-003"))
    first = bulletin_view(bulletin, "zh")["first"]
    assert [place.kind.zh for place in bulletin.standing] == ["隧道", "铁路下穿通道", "道路交叉口"]
    assert first["standing"].startswith("京广路隧道北口等3处（超过27厘米")
    assert [order["due"] for order in first["orders"]] == ["立即"] * 3
    assert first["orders"][0]["full"].startswith("京广路隧道北口：立即双向封闭")
    for text in (to_text(bulletin), to_html(bulletin)):
        assert text.index("京广路隧道北口等3处") < text.index("最危险时段")


def test_what_is_asked_alike_shares_a_line_with_the_earliest_deadline(make_sample):
    bulletin = make_sample()
    line = next(order for order in bulletin.orders if order.more)
    names = {measure.name.zh for measure in bulletin.measures}
    assert line.name.zh in names
    assert line.more == len(names) - 1
    earliest = min(measure.deadline.at for measure in bulletin.measures)
    assert line.due == next(measure.due for measure in bulletin.measures if measure.deadline.at == earliest)


def test_a_plan_that_is_not_triggered_stands_by_and_comes_last(make_sample):
    bulletin = make_sample(untriggered=("EQ-002",))
    measure = next(one for one in bulletin.measures if one.name.zh == "京广路隧道北口")
    assert measure.due == Text("待命：达到红色才启动", "stand by: only from red")
    assert measure.deadline.at is None
    assert most_urgent(bulletin.measures)[-1] is measure
    assert all(order.name != measure.name for order in bulletin.orders)
    assert "待命：达到红色才启动" in to_text(bulletin)
    assert "待命：达到红色才启动" in to_html(bulletin)


def test_advice_for_the_headquarters_is_in_the_kept_copy_alone(make_sample):
    bulletin = make_sample()
    for kept in (to_archive(bulletin), to_text(bulletin)):
        assert "建议会商研判是否启动" in kept
    for lang in ("zh", "en"):
        for sent in (to_html(bulletin, lang), to_mail_text(bulletin, lang)):
            assert "建议会商研判" not in sent
            assert "after consultation" not in sent


def test_one_chance_in_a_mail_is_rounded_one_way(make_sample):
    bulletin = make_sample()
    view = bulletin_view(bulletin, "zh")
    most = max(line.p_15cm for line in bulletin.hotspots if line.level is Level.RED)
    assert f"超15厘米可能{chance_text(most)}" in view["first"]["danger"]
    assert any(chance_text(most) in row["what"] for row in view["places"])


def test_fallen_and_expected_rain_are_never_mixed_unsaid(make_sample):
    told = make_sample().forecast[0]
    one, _, rest = told.zh.partition("连同已降的雨")
    assert "再降88.0毫米" in one
    assert "3小时" not in one
    assert "连续3小时最多161毫米" in rest
    assert told.en.index("Still to fall") < told.en.index("88.0 mm in 1 h") < told.en.index("already fallen")


def test_the_signal_is_not_said_to_be_issued(make_sample):
    assert make_sample().signal.zh.startswith("非气象部门发布（本系统按雨量计算）：")
    assert make_sample().signal.en.startswith("Not issued by the weather office (computed here): ")


def test_most_urgent_comes_first_by_level_then_deadline(make_sample):
    bulletin = make_sample()
    urgent = bulletin_view(bulletin, "zh")["urgent"]
    by_rank = {str(measure.rank): measure for measure in bulletin.measures}
    keys = [(-by_rank[row["rank"]].level, by_rank[row["rank"]].deadline.rank) for row in urgent]
    assert [row["number"] for row in urgent] == ["1", "2", "3", "4", "5"]
    assert len(urgent) == URGENT_MAX
    assert keys == sorted(keys)


def test_less_urgent_measures_have_plan_two_clauses_first_team_and_shelter(make_sample):
    view = bulletin_view(make_sample(), "zh")
    assert len(view["measures"]) == DETAILED_MAX
    (other,) = view["others"]
    assert other["plan"].startswith("P-EQ-")
    assert other["clauses"] == "立即封闭通道并设岗；启动移动泵车"
    assert other["team"] == "淮河路街道应急队等2队 42人"
    assert other["shelter"] == "淮河路小学避难场所"


def test_hotspots_keep_the_order_of_the_record(make_sample):
    order = ("EQ-003", "EQ-001", "EQ-002")
    assert tuple(line.hotspot_id for line in make_sample(hotspot_ids=order).hotspots) == order


def test_an_all_clear_says_ended_and_has_no_window(make_sample):
    text = to_text(make_sample(action=Action.CAN, hotspot_ids=()))
    assert "等级：红色（Ⅰ级），已解除" in text
    assert "有效时段：自2021年7月20日16时起解除" in text


def test_times_are_unknown_where_the_depth_is(make_sample):
    text = to_text(make_sample(unknown=True, hotspot_ids=("EQ-001",)))
    assert "首次超15厘米 未知" in text


def test_hotspots_beyond_the_first_six_have_short_rows(make_sample):
    bulletin = make_sample()
    assert len(bulletin.hotspots) == 7
    assert to_text(bulletin).count("把握程度中") == 6


def test_the_minutes_of_the_plan_go_before_those_of_the_kind(make_sample):
    plans = pd.DataFrame(
        {
            "scope_kind": "hotspot", "scope_id": ["EQ-001"], "trigger_level": "blue", "plan_title": "预案",
            "plan_title_en": "Plan", "actions_zh": "封闭", "actions_en": "close", "minutes": 75.0,
        },
        index=["P-1"],
    )  # fmt: skip
    stated, by_kind = (
        next(one for one in make_sample(plans=shelf).measures if one.name.zh == "陇海路铁路下穿")
        for shelf in (plans, plans.drop(columns="minutes"))
    )
    assert (stated.due.zh, by_kind.due.zh) == ("7月20日17时15分前", "7月20日18时10分前")  # 18:30 less 75 and 20 minutes
