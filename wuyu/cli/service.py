"""`wuyu demo`, `wuyu up`, and what a service of its own needs: `wuyu service init`, `upgrade`, `check`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from wuyu.cli.common import add_place, add_verb, say

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    add_place(add_verb(verbs, "demo", _demo, "replay the storm of July 2021 through Airflow, embedded"), machine=False)
    up = _placed(add_verb(verbs, "up", _up, "Airflow and the acknowledgement page on this machine"))
    up.add_argument("--web-port", type=int, default=8080, help="port of Airflow's web page (default: 8080)")
    up.add_argument("--ack-port", type=int, default=8090, help="port of the acknowledgement page (default: 8090)")
    told = "send mail by WUYU_SMTP_HOST (default: to a local mailbox, whatever is set)"
    up.add_argument("--real-mail", action="store_true", help=told)
    service = verbs.add_parser(
        "service", help="make or bring forward the ledger, prepare an Airflow of your own, or check both"
    ).add_subparsers(dest="service_verb", required=True, metavar="VERB")
    init = _placed(add_verb(service, "init", _init, "make the ledger, Airflow's database and its pool"))
    init.add_argument("--afresh", action="store_true", help="make a new ledger even beside products of an older one")
    upgrade = _placed(add_verb(service, "upgrade", _upgrade, "bring the ledger of an earlier release forward"))
    upgrade.add_argument("--no-copy", action="store_true", help="a copy was made by other means; make none")
    check = _placed(add_verb(service, "check", _check, "say whether ledger and Airflow are what the DAGs need"))
    for one in (init, check):
        one.add_argument("--ledger-only", action="store_true", help="leave Airflow alone")


def _placed(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    return add_place(parser, machine=False)


def _init(arguments: argparse.Namespace) -> int:
    import os

    from wuyu.ledger.engines import ledger_url, restrict
    from wuyu.ledger.faults import shown
    from wuyu.ledger.places import ledger_of, make_ledger_of

    url = ledger_url(ledger_of(arguments.out))
    made = make_ledger_of(Path(arguments.out), afresh=arguments.afresh)
    restrict(url)
    say(f"{shown(url)}: {'made a new ledger' if made else 'the ledger is good; nothing was changed in it'}")
    if arguments.ledger_only:
        return 0
    from wuyu.demo import LIVE_POOL, prepare_airflow

    prepare_airflow(os.environ)
    say(f"Airflow's database is up to date and has the pool '{LIVE_POOL}'")
    return 0


def _upgrade(arguments: argparse.Namespace) -> int:
    from wuyu.ledger.engines import ledger_url
    from wuyu.ledger.faults import shown
    from wuyu.ledger.places import ledger_of
    from wuyu.ledger.upgrade import upgrade_ledger

    out = Path(arguments.out)
    url = ledger_url(ledger_of(out))
    done = upgrade_ledger(ledger_of(out), folder=_copies(out, url.get_backend_name()), copy=not arguments.no_copy)
    if not done.changed:
        say(f"{shown(url)}: the ledger has schema {done.reached} already; nothing was changed in it")
        return 0
    say(f"{shown(url)}: schema {done.found} -> {done.reached}")
    for one in done.mended:
        say(f"  made what was absent: {one}")
    if done.copy is not None:
        say(f"  as it was: {done.copy}")
    return 0


def _copies(out: Path, kind: str) -> Path | None:
    """Return where the copy goes: beside a file, else to the products."""
    return None if kind == "sqlite" else out


def _check(arguments: argparse.Namespace) -> int:
    ledger = _check_ledger(Path(arguments.out))
    return ledger if arguments.ledger_only else max(ledger, _check_airflow())


def _check_ledger(out: Path) -> int:
    from wuyu.ledger import open_ledger
    from wuyu.ledger.engines import ledger_url, shared_with_others
    from wuyu.ledger.faults import LedgerError, LedgerFaultError, shown
    from wuyu.ledger.places import ledger_of

    try:
        open_ledger(ledger_of(out)).close()
    except (LedgerError, LedgerFaultError) as error:
        say(str(error))
        return 1
    url = ledger_url(ledger_of(out))
    shared = [path.name for path in shared_with_others(url)]
    if shared:
        say(f"{shown(url)}: others may read {', '.join(shared)}; set that right with: wuyu service init --ledger-only")
        return 1
    say(f"{shown(url)}: the ledger is good")
    return 0


def _check_airflow() -> int:
    import os

    from wuyu.demo import LIVE_POOL, has_live_pool

    if has_live_pool(os.environ):
        say(f"Airflow has the pool '{LIVE_POOL}'")
        return 0
    say(f"Airflow has no pool '{LIVE_POOL}': the DAG 'delivery' would wait for ever; make it with: wuyu service init")
    return 1


def _demo(arguments: argparse.Namespace) -> int:
    from wuyu.demo import run_demo

    out = Path(arguments.out)
    seconds = run_demo(Path(arguments.district), out)
    mails = sum(1 for _ in (out / "mailbox").glob("*/new/*"))
    say(f"\n演示完成，用时{seconds:.0f}秒。演示数据，非真实情况。 / Done in {seconds:.0f} s. Demonstration data.\n")
    for name, text in (
        ("index.html", "暴雨过程逐时 / the story of the storm: start here"),
        ("onemap.html", "一张图 / one map"),
        ("bulletins/", "预警通报 / bulletins: html, txt, pdf, cap.xml"),
        ("reports/", "月度报告 / monthly report: docx, pdf, html"),
        ("mailbox/", f"{mails} 封邮件 / mails in the sink"),
        ("risk/", "逐时风险表 / risk table of every hour"),
        ("ledger.sqlite", "台账 / ledger"),
    ):
        say(f"  {out / name!s:32} {text}")
    return 0


def _up(arguments: argparse.Namespace) -> int:
    from wuyu.demo import run_service

    place = Path(arguments.district), Path(arguments.out)
    ports = {"web_port": arguments.web_port, "ack_port": arguments.ack_port}
    return run_service(*place, **ports, real_mail=arguments.real_mail)
