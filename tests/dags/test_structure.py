"""The DAGs as Airflow sees them: names, tasks, order, limits; parsed at once and without a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.replays import ROOT, child_environment

pytestmark = pytest.mark.xdist_group("dags")

SCRIPT = Path(__file__).with_name("describe_dags.py")
RAIN, RISK = "wuyu://rain/", "wuyu://risk/"
BLOCKS = [f"replay_{number:02d}" for number in range(1, 5)]
AFTER = ["products"]
ORDER: dict[str, dict[str, list[str]]] = {
    "acknowledgement": {"escalate": ["dispatch"], "dispatch": [], "check_delivery": []},
    "delivery": {"list_ways": ["send"], "send": []},
    "brief": {"send": []},
    "returns": {"take_replies": [], "take_bounces": []},
    "retention": {"remove_old": [], "clean_airflow": []},
    "feeds": {"list_feeds": ["pull"], "pull": []},
    "feed_freshness": {"check_ages": []},
    "warning_cycle": {
        "time_of_cycle": ["decide", "score"],
        "score": ["decide"],
        "decide": ["ask_officer", "dispatch"],
        "ask_officer": [],
        "dispatch": [],
    },
    "approval": {
        "call": ["ask", "send_call", "settle"],
        "send_call": [],
        "ask": ["settle"],
        "settle": ["ask_again", "dispatch"],
        "ask_again": [],
        "dispatch": [],
    },
    "storm_replay": {
        "prepare": sorted(BLOCKS),
        **{task: [following] for task, following in zip(BLOCKS + AFTER, (BLOCKS + AFTER)[1:], strict=False)},
        "products": [],
    },
    "rehearsal": {"design_storms": []},
    "learning": {"learn": ["ask", "settle"], "ask": ["settle"], "settle": []},
}
REPORT = {
    "which": ["draft", "others", "settle"],
    "draft": ["ask", "settle"],
    "ask": ["settle"],
    "settle": ["dispatch"],
    "dispatch": [],
    "others": ["run_others"],
    "run_others": [],
}
KINDS = ("month", "quarter", "flood_season", "year", "period")
REPORTS = [f"report_{kind}{edition}" for kind in KINDS for edition in ("", "_outlook")]
ORDER |= dict.fromkeys(REPORTS, REPORT)
SCHEDULE = {
    "acknowledgement": "* * * * *",
    "delivery": "* * * * *",
    "brief": "*/10 * * * *",
    "returns": "* * * * *",
    "retention": "30 3 * * *",
    "feeds": "*/10 * * * *",
    "feed_freshness": "7-59/10 * * * *",
    "warning_cycle": {"assets": [RAIN], "or": "10 * * * *"},
    "approval": None,
    "storm_replay": None,
    "rehearsal": "0 9 1 5 *",
    "learning": "0 10 * * *",
    # What is not on a fixed day of the year is looked for every day.
    **dict.fromkeys(REPORTS, "0 9 * * *"),
    "report_month": "0 9 1 * *",
    "report_quarter": "0 9 1 1,4,7,10 *",
    "report_year": "0 9 1 1 *",
}
TAGS = {"wuyu", "live", "exercise", "forecast", "warning", "reports", "rehearsal"}
OWNERS = {"duty-desk", "risk-analysis"}
#: Function calls to parse a file again and again, as Airflow does; the file of ten report DAGs takes a third of them.
MOST_CALLS = 400_000
LOCKED = "a field that must be filled in locks the buttons"
HEAVY = {"numpy", "pandas", "geopandas", "rasterio", "xarray", "matplotlib", "risk_models", "reports"}
OURS = {"wuyu.schedules"}
"""All of ours that a DAG file may take in as it is parsed."""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process without a network finds in the folder of DAGs."""
    return parse(tmp_path_factory.mktemp("airflow"), WUYU_DISTRICT="")


def parse(home: Path, **variables: str) -> dict[str, Any]:
    environment = child_environment(AIRFLOW_HOME=str(home), **variables)
    command = [sys.executable, str(SCRIPT), str(ROOT / "dags")]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.fixture(scope="module")
def dags(parsed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = parsed["dags"]
    return found


def test_each_dag_is_in_the_file_of_its_name(dags: dict[str, Any]) -> None:
    assert set(dags) == set(ORDER)
    assert {name: dag["file"] for name, dag in dags.items()} == {
        name: "periodic_reports.py" if name in REPORTS else f"{name}.py" for name in ORDER
    }
    files = {path.stem for path in (ROOT / "dags").glob("*.py")} - {"__init__"}
    assert files == (set(ORDER) - set(REPORTS)) | {"periodic_reports"}


def test_each_file_is_parsed_with_little_work_and_stays_light(parsed: dict[str, Any]) -> None:
    calls = {name: dag["parse_calls"] for name, dag in parsed["dags"].items()}
    assert {name: count for name, count in calls.items() if count > MOST_CALLS} == {}
    assert sorted(set(parsed["modules"]) & HEAVY) == []
    assert {name for name in parsed["modules"] if name.startswith("wuyu.")} == OURS


@pytest.mark.parametrize("name", ORDER)
def test_tasks_and_their_order(dags: dict[str, Any], name: str) -> None:
    assert {task: facts["downstream"] for task, facts in dags[name]["tasks"].items()} == ORDER[name]


@pytest.mark.parametrize("name", ORDER)
def test_one_run_at_a_time_and_no_catching_up(dags: dict[str, Any], name: str) -> None:
    # What waits for people must not hold up what comes next: rounds of approval, consultations on reports.
    assert dags[name]["max_active_runs"] == {"approval": 32, **dict.fromkeys(REPORTS, 8)}.get(name, 1)
    assert dags[name]["catchup"] is False
    assert dags[name]["schedule"] == SCHEDULE[name]


@pytest.mark.parametrize("name", ORDER)
def test_dag_says_what_it_is(dags: dict[str, Any], name: str) -> None:
    assert len(dags[name]["doc_md"]) > 40
    assert "wuyu" in dags[name]["tags"]
    assert set(dags[name]["tags"]) <= TAGS


@pytest.mark.parametrize("name", ORDER)
def test_every_task_has_owner_retries_and_a_time_limit(dags: dict[str, Any], name: str) -> None:
    for task, facts in dags[name]["tasks"].items():
        assert facts["owner"] in OWNERS, task
        # Answers given within the first second of a form use up tries.
        assert facts["retries"] == 50 if task == "ask" else 1 <= facts["retries"] <= 3, task
        assert 5 <= facts["retry_delay_s"] <= 120, task
        assert 60 <= facts["execution_timeout_s"] <= 1800, task


def test_rain_wakes_the_cycle_and_so_does_every_hour_without_any(dags: dict[str, Any]) -> None:
    outlets = {
        (name, task): facts["outlets"]
        for name, dag in dags.items()
        for task, facts in dag["tasks"].items()
        if facts["outlets"]
    }
    assert outlets == {("feeds", "pull"): [RAIN], ("warning_cycle", "score"): [RISK]}
    assert dags["warning_cycle"]["schedule"] == {"assets": [RAIN], "or": "10 * * * *"}
    assert dags["feeds"]["tasks"]["pull"]["is_mapped"] is True


def test_dispatch_runs_even_if_the_cycle_failed(dags: dict[str, Any]) -> None:
    rules = {task: facts["trigger_rule"].lower() for task, facts in dags["warning_cycle"]["tasks"].items()}
    assert rules["dispatch"].endswith("all_done")
    assert all(rule.endswith("all_success") for task, rule in rules.items() if task != "dispatch")


def test_parameters(dags: dict[str, Any]) -> None:
    assert dags["warning_cycle"]["params"] == {"at": ""}
    assert dags["approval"]["params"] == {"at": "", "round": 1}
    assert all(dags[name]["params"] == {"key": "", "mail": True} for name in REPORTS)
    replay = {"start": "2021-07-18T00:00", "end": "2021-07-22T08:00", "month": "2021-07"}
    assert dags["storm_replay"]["params"] == replay


FEEDS = """\
feeds:
  - {id: gauges, kind: gauge_table, path: g, stale_after_h: 2}
  - {id: radar-1, kind: odim, path: r, stale_after_h: 1, every_min: 5, availability_delay_min: 3}
  - {id: gfs, kind: grib, source: http, url: "https://a.example/f", stale_after_h: 9, every_min: 360,
     availability_delay_min: 230}
  - {id: day, kind: imerg, path: i, stale_after_h: 30, every_min: 1440, availability_delay_min: 1500}
  - {id: odd, kind: open_meteo, path: o, stale_after_h: 9, every_min: 25}
"""


def test_each_feed_has_a_dag_with_its_own_schedule(tmp_path: Path) -> None:
    (tmp_path / "district.yaml").write_text("district: {code: '1'}\n" + FEEDS, encoding="utf-8")
    answer = parse(tmp_path / "airflow", WUYU_DISTRICT=str(tmp_path))
    dags = {name: dag for name, dag in answer["dags"].items() if dag["file"] == "feeds.py"}
    assert {name: dag["schedule"] for name, dag in dags.items()} == {
        "feeds": None,
        "feed_gauges": "0-59/10 * * * *",
        "feed_radar-1": "3-59/5 * * * *",
        "feed_gfs": "50 3-23/6 * * *",
        "feed_day": "0 1-23/24 * * *",
        "feed_odd": 1500.0,
    }
    for name, dag in dags.items():
        tasks = dag["tasks"]
        assert list(tasks) == ["pull"] or name == "feeds"
        assert tasks["pull"]["outlets"] == [RAIN]
        assert (dag["max_active_runs"], dag["catchup"]) == (1, False)
        assert dag["parse_calls"] <= MOST_CALLS
    assert sorted(set(answer["modules"]) & HEAVY) == []


@pytest.mark.parametrize("text", ["", "feeds:\n", "feeds: [5]\n", "- a list\n"])
def test_without_feeds_the_generic_dag_keeps_its_schedule(tmp_path: Path, text: str) -> None:
    (tmp_path / "district.yaml").write_text(text, encoding="utf-8")
    code = "import dags.feeds as feeds; print(sorted(name for name in vars(feeds) if name.startswith('feed')))"
    environment = child_environment(AIRFLOW_HOME=str(tmp_path), WUYU_DISTRICT=str(tmp_path))
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['feeds', 'feeds_as_written']"


def test_approval_is_asked_outside_the_cycle_and_its_form_is_the_one_that_is_read(
    dags: dict[str, Any], tmp_path: Path
) -> None:
    from wuyu.approval.rounds import FIELDS, OPTIONS

    code = (
        "import json, dags.approval as a; d = a.approval(); ask = d.get_task('ask');"
        "free = {name: param.schema['type'] for name, param in a.FORM.items()};"
        "print(json.dumps([ask.options, ask.defaults, free, d.is_paused_upon_creation]))"
    )
    environment = child_environment(AIRFLOW_HOME=str(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    options, defaults, form, starts_paused = json.loads(ran.stdout)
    assert options == list(OPTIONS)
    assert defaults == [OPTIONS[-1]]
    assert "next" in defaults[0]
    assert list(form) == list(FIELDS)
    assert all("null" in kinds for kinds in form.values()), LOCKED
    assert starts_paused is False
    assert {task: facts["is_mapped"] for task, facts in dags["warning_cycle"]["tasks"].items()}["ask_officer"] is True
    assert dags["approval"]["tasks"]["send_call"]["trigger_rule"].lower().endswith("all_done")


def test_the_form_of_a_consultation_is_the_one_that_is_read(tmp_path: Path) -> None:
    from wuyu.reporting.consult import FIELDS, OPTIONS

    code = (
        "import json, dags.periodic_reports as r; dag = r.report_month; ask = dag.get_task('ask');"
        "free = {name: param.schema['type'] for name, param in r.FORM.items()};"
        "print(json.dumps([ask.options, ask.defaults, free, dag.is_paused_upon_creation]))"
    )
    environment = child_environment(AIRFLOW_HOME=str(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    options, defaults, form, starts_paused = json.loads(ran.stdout)
    assert options == list(OPTIONS)
    assert defaults == [OPTIONS[-1]]
    assert "No answer" in defaults[0]
    assert list(form) == list(FIELDS)
    assert all("null" in kinds for kinds in form.values()), LOCKED
    assert starts_paused is None


def test_the_form_of_learning_is_the_one_that_is_read(tmp_path: Path) -> None:
    from wuyu.learning import FIELD, OPTIONS

    code = (
        "import json, dags.learning as r; ask = r.learning().get_task('ask');"
        "print(json.dumps([ask.options, ask.defaults, list(r.FORM)]))"
    )
    environment = child_environment(AIRFLOW_HOME=str(tmp_path))
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [list(OPTIONS), [OPTIONS[-1]], [FIELD]]


def test_every_schedule_runs_by_the_clock_of_the_district(tmp_path: Path) -> None:
    (tmp_path / "district.yaml").write_text("district: {code: '1', timezone: America/New_York}\n", encoding="utf-8")
    zones = {"": "UTC", str(tmp_path): "America/New_York", str(tmp_path / "none"): "UTC"}
    for district, zone in zones.items():
        dags = parse(tmp_path / "airflow", WUYU_DISTRICT=district)["dags"]
        told = {name: dag["timezone"] for name, dag in dags.items() if not name.startswith("feed")}
        assert told == dict.fromkeys(told, zone)


@pytest.mark.parametrize("text", ["district: [", "district: 3\n", "district: {timezone: Mars}\n", "\x00"])
def test_a_slip_in_the_settings_takes_no_dag_away(tmp_path: Path, text: str) -> None:
    (tmp_path / "district.yaml").write_text(text, encoding="utf-8")
    assert set(parse(tmp_path / "airflow", WUYU_DISTRICT=str(tmp_path))["dags"]) == set(ORDER)


@pytest.mark.parametrize("slip", ["district: [", "district:\n", "", None])
def test_the_settings_last_found_good_go_before_a_slip(tmp_path: Path, slip: str | None) -> None:
    good = "district: {timezone: America/New_York}\nfeeds: [{id: gauges, every_min: 5}]\n"
    (tmp_path / "out" / "register").mkdir(parents=True)
    (tmp_path / "out" / "register" / "district.yaml").write_text(good, encoding="utf-8")
    if slip is not None:
        (tmp_path / "district.yaml").write_text(slip, encoding="utf-8")
    code = "import dags.feeds as f, dags.periodic_reports as r; print(r.ZONE, f.feed_gauges.dag_id)"
    environment = child_environment(
        AIRFLOW_HOME=str(tmp_path), WUYU_DISTRICT=str(tmp_path), WUYU_OUT=str(tmp_path / "out")
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["America/New_York", "feed_gauges"]


def test_no_dag_file_bears_the_name_of_a_package() -> None:
    """Airflow puts the folder of DAGs on the path; a file ``reports.py`` there would hide the package."""
    modules = {path.stem for path in (ROOT / "dags").glob("*.py")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {"reports", "wuyu", "risk_models"} <= packages
    assert not modules & packages
