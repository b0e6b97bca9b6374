"""Model files: the same bytes, the same predictions, and nothing foreign."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from risk_models.errors import BadInputError
from risk_models.risk.susceptibility import (
    HotspotFloodClassifier,
    ModelFacts,
    load_model,
    model_card,
    save_model,
)
from risk_models.scores import score_table


def example() -> tuple[HotspotFloodClassifier, pd.DataFrame]:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"rain_mm": rng.gamma(1.0, 20.0, 300), "twi": rng.normal(8.0, 2.0, 300)})
    table.loc[::7, "twi"] = np.nan
    table["hotspot_id"] = [f"H{n % 12}" for n in range(300)]
    flooded = table["rain_mm"] + 20 * (table["hotspot_id"] == "H3") + rng.normal(0, 8, 300) > 35
    model = HotspotFloodClassifier(monotone={"rain_mm": 1}, group="hotspot_id", n_trees=15)
    return model.fit(table, flooded), table


@pytest.mark.parametrize("calibration", ["beta", "isotonic"])
def test_loads_what_was_saved(tmp_path, calibration):
    model, table = example()
    flooded = model.predict(table)
    model = HotspotFloodClassifier(**{**model.get_params(), "calibration": calibration}).fit(table, flooded)
    digest = save_model(model, tmp_path / "m.skops", card="# Card\n")
    again = load_model(tmp_path / "m.skops", sha256=digest)
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
    pd.testing.assert_frame_equal(again.explain(table), model.explain(table))
    assert again.get_params() == model.get_params()
    assert (tmp_path / "m.md").read_text() == "# Card\n"
    assert not list(tmp_path.glob("*.part"))


def test_the_same_model_makes_the_same_bytes_in_another_process(tmp_path):
    save_model(example()[0], tmp_path / "one.skops")
    code = f"""
import importlib.util, pathlib
spec = importlib.util.spec_from_file_location("t", {str(Path(__file__))!r})
t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)
t.save_model(t.example()[0], pathlib.Path({str(tmp_path / "two.skops")!r}))
"""
    root = Path(__file__).resolve().parents[4]
    # Other threads, but the kernels of the same processor: those do round differently.
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env=environment)
    assert (tmp_path / "one.skops").read_bytes() == (tmp_path / "two.skops").read_bytes()


def test_a_changed_file_is_refused(tmp_path):
    save_model(example()[0], tmp_path / "m.skops")
    data = bytearray((tmp_path / "m.skops").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "m.skops").write_bytes(bytes(data))
    with pytest.raises(BadInputError, match=r"m\.skops: the file is not the one that was saved .*\[other-checksum\]"):
        load_model(tmp_path / "m.skops")


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Foreign:
    """A type of nobody's model."""

    def __init__(self) -> None:
        self.value = 1


@pytest.mark.parametrize("thing", [Foreign(), LogisticRegression().fit([[0.0], [1.0]], [0, 1])])
def test_a_foreign_type_is_refused(tmp_path, thing):
    skops.io.dump(thing, tmp_path / "m.skops")
    with pytest.raises(BadInputError, match=r"a type that is not allowed .*\[untrusted-type\]"):
        load_model(tmp_path / "m.skops", sha256=digest_of(tmp_path / "m.skops"))


def test_a_model_with_a_foreign_part_is_not_saved(tmp_path):
    model, _ = example()
    model.core_ = Foreign()
    with pytest.raises(ValueError, match="Foreign, which could not be loaded again"):
        save_model(model, tmp_path / "m.skops")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a zip", b"\x80\x04\x95pickle"])
def test_garbage_is_refused(tmp_path, content):
    (tmp_path / "m.skops").write_bytes(content)
    with pytest.raises(BadInputError, match="not-a-model"):
        load_model(tmp_path / "m.skops", sha256=digest_of(tmp_path / "m.skops"))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(BadInputError, match=r"m\.skops: no such file"):
        load_model(tmp_path / "m.skops")
    save_model(example()[0], tmp_path / "m.skops")
    (tmp_path / "m.skops.sha256").unlink()
    with pytest.raises(BadInputError, match=r"m\.skops\.sha256: no such file"):
        load_model(tmp_path / "m.skops")
    with pytest.raises(ValueError, match=r"named \*\.skops, got m\.pkl"):
        save_model(example()[0], tmp_path / "m.pkl")


def test_card_tells_data_scores_and_limits():
    model, table = example()
    p = model.predict_proba(table)[:, 1]
    scores = score_table(p > 0.4, p, blocks=table["hotspot_id"], threshold=0.5, rng=np.random.default_rng(0), n_boot=20)
    facts = ModelFacts(
        title="Demo", event="15 cm or more", data="made up", split="one storm left out", n_rows=300,
        n_events=12, n_places=12, n_storms=4, limits=("One district.",),
    )  # fmt: skip
    text = model_card(model, facts, {"classifier": scores})
    assert "300 rows, 12 events, 12 places, 4 storms." in text
    assert f"| classifier | {scores.loc['auc', 'value']:.3f} ({scores.loc['auc', 'low']:.3f} to" in text
    assert "- One district." in text
    assert "12 events are few" in text
    assert "standard deviation of their effects" in text
    assert text == model_card(model, facts, {"classifier": scores})
    assert "None were made." in model_card(model, facts, {})
