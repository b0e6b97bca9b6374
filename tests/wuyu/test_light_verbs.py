"""What each light verb loads: a process that lists, signs off, escalates or reads mail brings no table of the district.

Each verb runs as a process of its own over a ledger in which warnings wait, wait for an answer, and have mail.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.factories import STORM_PEAK
from tests.replays import ROOT, child_environment
from tests.replays import now as wall
from wuyu.approval.approving import approve
from wuyu.cycle import run_cycle
from wuyu.desk import begin_desk
from wuyu.ledger import Approval, open_ledger
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.rain import pull_feeds

pytestmark = pytest.mark.xdist_group("light")

AT = STORM_PEAK.to_pydatetime() - timedelta(hours=2)
LATER = (AT + timedelta(minutes=30)).isoformat()

TABLES = {"geopandas", "pandas", "numpy", "pyarrow", "openpyxl", "xarray", "dask", "pyproj"}
GEOMETRY = {"shapely", "rasterio", "pyogrio", "numba", "scipy", "sklearn", "skops", "matplotlib", "typst", "docx"}
SERVERS = {"fastapi", "uvicorn", "starlette", "httpx", "paramiko", "lxml", "aiosmtpd", "cryptography", "airflow"}
HEAVY = TABLES | GEOMETRY | SERVERS

#: Verb, how it ends, and what it may load of all that is heavy.
VERBS: dict[str, tuple[list[str], int, set[str]]] = {
    "outbox": (["outbox"], 0, set()),
    "outbox of a time": (["outbox", "--since", "2021-07-20", "--state", "pending", "--limit", "5"], 0, set()),
    "outbox as JSON": (["outbox", "--json"], 0, set()),
    "tasks": (["tasks"], 0, set()),
    "tasks done": (["tasks", "done", "TASK", "--officer", "A"], 0, set()),
    "approve": (["approve"], 0, set()),
    "approve one level": (["approve", "--level", "red", "--town", "一里街道"], 0, set()),
    "approve --storm": (["approve", "--storm"], 0, set()),
    "approve --escalate": (["approve", "--escalate"], 0, set()),
    "refuse": (["approve", "WAITING", "--officer", "A", "--refuse", "no rain"], 0, set()),
    "ack list": (["ack", "list", "--at", LATER], 0, set()),
    "ack escalate": (["ack", "escalate", "--at", LATER], 0, set()),
    "ack replies": (["ack", "replies", "--at", LATER, "--maildir", "BOX"], 0, set()),
    "bounces": (["bounces", "--maildir", "BOX"], 0, set()),
    "dispatch": (["dispatch", "--smtp-port", "1"], 0, set()),
    "feeds status": (["feeds", "status"], 1, set()),
    "feeds accept": (["feeds", "accept"], 0, set()),
    "report list": (["report", "list"], 0, set()),
    "retention": (["retention"], 0, set()),
    # The watcher alone asks whether the reference system exists: no cycle could run without.
    "watch": (["watch", "--smtp-port", "1"], 1, {"pyproj"}),
}

PROGRAM = """
import json, sys
from wuyu.cli import main
status = main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump(sorted({name.partition(".")[0] for name in sys.modules}), file)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def ready(actual_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of one cycle of the storm: warnings that wait for an officer, and one that was sent and not answered."""
    out = tmp_path_factory.mktemp("light") / "out"
    desk = begin_desk(actual_district, out)
    pull_feeds(desk, now=wall())
    signed, *_ = run_cycle(desk, AT, drafts=False).waiting
    approve(desk, signed, officer="王芳", now=AT)
    with desk.ledger.decide(now=AT) as decision:
        decision.log(OPERATOR_TASK, task="look")
    desk.ledger.close()
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "somebody@town.example", "hello"
    mail.set_content("received")
    for part in ("new", "cur", "tmp"):
        (out / "box" / part).mkdir(parents=True)
    (out / "box" / "new" / "1.mail").write_bytes(mail.as_bytes())
    return out


def test_the_ledger_is_worth_reading(ready: Path) -> None:
    with open_ledger(ready / "ledger.sqlite") as ledger:
        assert ledger.warnings(approval=Approval.WAITING)
        assert ledger.outbox()


@pytest.mark.parametrize("name", VERBS)
def test_a_light_verb_loads_nothing_heavy(name: str, ready: Path, actual_district: Path, tmp_path: Path) -> None:
    words, status, allowed = VERBS[name]
    out = tmp_path / "out"
    shutil.copytree(ready, out)
    with open_ledger(out / "ledger.sqlite") as ledger:
        waiting = ledger.warnings(approval=Approval.WAITING)[0].message_id
        task = str(next(entry.id for entry in ledger.log_entries() if entry.what == OPERATOR_TASK))
    fill = {"WAITING": waiting, "TASK": task, "BOX": str(out / "box")}
    place = ["--district", str(actual_district), "--out", str(out)]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "loaded", *(fill.get(word, word) for word in words), *place],
        cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert set(json.loads((tmp_path / "loaded").read_text())) & (HEAVY - allowed) == set()


@pytest.mark.parametrize("words", [["--help"], ["outbox", "--help"], ["report", "--help"]])
def test_help_waits_for_nothing(words: list[str]) -> None:
    program = (
        "import sys\nfrom wuyu.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=ROOT, env=child_environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    loaded = ran.stdout.splitlines()[-1]
    assert "'wuyu'" in loaded
    assert [name for name in sorted(HEAVY | {"sqlalchemy", "pydantic"}) if f"'{name}'" in loaded] == []
