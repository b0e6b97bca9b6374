"""How far rain may be off: what is assumed, and that unknown lead never means near."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.district import check_district, load_district
from risk_models.district.rain_error import (
    LEAD_H,
    SOURCES,
    RainError,
    read_rain_error,
    refused_rain_error_summary,
    write_rain_error,
)
from risk_models.errors import BadInputError
from risk_models.forecast.rainfall import Origin
from tests.factories import write_mini_district

OWN = RainError(
    log_sds=((0.2,) * 6, *((0.3, 0.4, 0.5, 0.6, 0.7, 1.1),) * 3),
    n_storms=((3,) * 6,) * 4,
    source="archive 2019 to 2024",
)


def test_rows_are_the_origins_of_rain() -> None:
    assert tuple(origin.name.lower() for origin in Origin) == SOURCES


@given(st.sampled_from(list(Origin)), st.floats(-72, 400), st.floats(-72, 400))
def test_a_longer_lead_is_never_surer(origin: Origin, first: float, second: float) -> None:
    near, far = RainError.prior().log_sd(origin, sorted([first, second]))
    assert 0 < near <= far


def test_unknown_lead_is_taken_for_the_longest() -> None:
    prior = RainError.prior()
    assert prior.log_sd(Origin.FORECAST, np.nan) == prior.log_sd(Origin.FORECAST, LEAD_H[-1])


def test_the_end_of_a_class_belongs_to_it() -> None:
    own = RainError(log_sds=(tuple(np.arange(1.0, 7.0)),) * 4)
    assert own.log_sd(Origin.FORECAST, LEAD_H).tolist() == [1, 2, 3, 4, 5, 6]
    assert own.log_sd(Origin.FORECAST, np.add(LEAD_H, 0.01)).tolist() == [2, 3, 4, 5, 6, 6]


def test_shapes_are_broadcast() -> None:
    found = RainError.prior().log_sd(np.array([[0], [2]]), np.arange(1, 6))
    assert found.shape == (2, 5)


@pytest.mark.parametrize("stray", [-1, 4])
def test_an_origin_that_is_none_is_refused(stray: int) -> None:
    with pytest.raises(ValueError, match=f"origin {stray} is none of 0 to 3"):
        RainError.prior().log_sd([0, stray], 1)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write_rain_error(OWN, tmp_path / "rain_error.json")
    assert read_rain_error(path) == OWN
    again = write_rain_error(read_rain_error(path), tmp_path / "again.json")
    assert again.read_bytes() == path.read_bytes()


def _break(stored: dict[str, Any], fault: str) -> str:
    row = stored["log_sd"]["forecast"]
    if fault == "cut short":
        return json.dumps(stored)[:-20]
    if fault == "falls":
        row[2] = 0.1
    elif fault == "negative":
        row[0] = -0.5
    elif fault == "not finite":
        row[5] = float("nan")
    elif fault == "missing class":
        row.pop()
    elif fault == "missing source":
        del stored["log_sd"]["nowcast"]
    elif fault == "other schema":
        stored["schema"] = 2
    elif fault == "other leads":
        stored["lead_h"][0] = 2.0
    elif fault == "text":
        row[1] = "0.4"
    else:
        stored["bias"] = 1.0
    return json.dumps(stored)


FAULTS = {
    "cut short": ("not-json", None),
    "falls": ("falls-with-lead", "log_sd.forecast"),
    "negative": ("bad-value", "log_sd.forecast.0"),
    "not finite": ("bad-value", "log_sd.forecast.5"),
    "missing class": ("bad-value", "log_sd.forecast"),
    "missing source": ("missing-key", "log_sd.nowcast"),
    "other schema": ("wrong-schema", "schema"),
    "other leads": ("other-leads", "lead_h"),
    "text": ("bad-value", "log_sd.forecast.1"),
    "unknown key": ("unknown-key", "bias"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_file_is_a_finding(fault: str, tmp_path: Path) -> None:
    path = write_rain_error(OWN, tmp_path / "rain_error.json")
    path.write_text(_break(json.loads(path.read_text("utf-8")), fault), encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        read_rain_error(path)
    code, column = FAULTS[fault]
    assert [(one.code, one.column, one.file) for one in caught.value.findings] == [(code, column, "rain_error.json")]
    assert caught.value.findings[0].fix


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_mini_district(tmp_path_factory.mktemp("rain-error") / "mini")
    with (folder / "district.yaml").open("a", encoding="utf-8") as settings:
        settings.write("\nrain_error: {path: learned/rain_error.json}\n")
    return folder


def test_a_district_takes_its_own_or_the_prior_and_says_so(folder: Path) -> None:
    path = write_rain_error(OWN, folder / "learned" / "rain_error.json")
    good = load_district(folder)
    assert (good.rain_error, good.rain_error_refused) == (OWN, ())
    path.write_text("{}", encoding="utf-8")
    broken = load_district(folder)
    assert broken.rain_error == RainError.prior()
    assert {finding.code for finding in broken.rain_error_refused} == {"missing-key"}
    assert broken.content_hash != good.content_hash
    zh, en = refused_rain_error_summary(broken.rain_error_refused)
    assert "learned/rain_error.json is not used" in en
    assert "learned/rain_error.json未采用" in zh
    path.unlink()
    gone = load_district(folder)
    assert gone.rain_error == RainError.prior()
    assert [finding.code for finding in gone.rain_error_refused] == ["missing-file"]
    assert [finding.code for finding in check_district(folder) if finding.severity == "error"] == ["missing-file"]


def test_a_district_without_the_key_has_the_prior(tmp_path: Path) -> None:
    district = load_district(write_mini_district(tmp_path / "mini"))
    assert (district.rain_error, district.rain_error_refused) == (RainError.prior(), ())
    assert refused_rain_error_summary(()) == ("", "")
