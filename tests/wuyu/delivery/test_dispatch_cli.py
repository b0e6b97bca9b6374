"""The verbs of what leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.replays import raw_mails
from tests.wuyu.returns.test_bounces import report
from wuyu.cli import main
from wuyu.desk import Desk
from wuyu.ledger import Outbox
from wuyu.sink import local_sink

pytestmark = pytest.mark.xdist_group("storm")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one verb on a desk whose bulletins are in force now."""
    now = datetime.now(UTC)
    with desk.ledger.writing() as session:
        session.execute(
            update(Outbox).values(not_before=now - timedelta(minutes=1), expires_at=now + timedelta(hours=5))
        )

    def call(*arguments: object) -> tuple[int, str, str]:
        place = ["--district", str(desk.district.root), "--out", str(desk.out)]
        status = main([*map(str, arguments), *place])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_a_day_of_what_leaves(run: Run, desk: Desk, tmp_path: Path) -> None:
    with local_sink(tmp_path / "mailbox") as (_, port):
        status, out, _ = run("dispatch", "--relays", 3, "--smtp-port", port, "--json")
    answer: dict[str, Any] = json.loads(out)
    assert status == 1, "the webhooks lead nowhere in this district"
    sent = len([row for row in desk.ledger.outbox() if row.channel == "mail"])
    assert answer["ways"]["mail"]["counts"] == answer["ways"]["file:city"]["counts"] == {"sent": sent}
    assert set(answer["ways"]["webhook:hub"]["counts"]) == {"retry"}
    assert sum(map(len, raw_mails(tmp_path / "mailbox").values())) == sent
    first = next(row for row in desk.ledger.outbox() if row.channel == "mail")

    (tmp_path / "return" / "new").mkdir(parents=True)
    (tmp_path / "return" / "new" / "1").write_bytes(report(first.sender))
    status, out, _ = run("bounces", "--maildir", tmp_path / "return")
    assert (status, "1 new mails, 1 tasks" in out) == (0, True)
    status, out, _ = run("tasks")
    assert out.endswith("1 open tasks\n")
    number = out.split()[0]
    assert run("tasks", "done", number, "--officer", "李明", "--note", "已更正")[0] == 0
    assert json.loads(run("tasks", "--json")[1]) == []

    status, out, _ = run("outbox", "requeue", first.id, "--officer", "李明")
    assert (status, f"row {first.id}: put back" in out) == (0, True)
    listed = {row["id"]: row for row in json.loads(run("outbox", "--json")[1])}
    assert (listed[first.id]["state"], listed[first.id]["channel"]) == ("pending", "mail")
    entry = next(one for one in desk.ledger.log_entries() if one.what == "mail-requeued")
    assert entry.who == "李明"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["outbox", "requeue"], "say which row and who"),
        (["outbox", "requeue", "1"], "say which row and who"),
        (["outbox", "requeue", "1", "--officer", "李明"], "outbox row 1 is pending, not failed"),
        (["outbox", "requeue", "999", "--officer", "李明"], "outbox row 999 is absent, not failed"),
        (["tasks", "done"], "say which task"),
        (["tasks", "done", "5", "--officer", "李明"], "there is no open task 5"),
        (["dispatch", "--relays", "0"], "--relays must be at least 1"),
        (["dispatch", "--way", "fax"], "there is no way 'fax'; there are: mail, webhook:hub"),
        (["bounces", "--maildir", "nowhere"], "is no Maildir"),
    ],
)
def test_wrong_use_ends_with_2(run: Run, arguments: list[str], words: str) -> None:
    status, _, err = run(*arguments)
    assert status == 2
    assert words in err
