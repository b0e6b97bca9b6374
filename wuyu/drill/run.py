"""Run a drill from its script to its table."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy.exc import SQLAlchemyError

from risk_models.errors import ConfigError, FloodRiskError
from risk_models.files import write_whole
from wuyu.clock import wall_clock
from wuyu.demo import prepare_airflow
from wuyu.drill.airflow import AirflowApi, airflow_variables, services
from wuyu.drill.boxes import Boxes
from wuyu.drill.broker import Broker
from wuyu.drill.database import Database, choose_database
from wuyu.drill.expect import KINDS, Found
from wuyu.drill.hand import ClockHand
from wuyu.drill.house import House, free_port
from wuyu.drill.imap import ImapServer, choose_imap
from wuyu.drill.injects import INJECTS, NotPossibleError, Scenery
from wuyu.drill.people import People, Player
from wuyu.drill.script import Expectation, Scene, Script
from wuyu.drill.storm import Storm, storm_of
from wuyu.drill.table import Judgement, Line, told_of, write_table
from wuyu.drill.witness import Mark, Witness
from wuyu.ledger import open_ledger
from wuyu.ledger.faults import LedgerError, LedgerFaultError
from wuyu.ledger.places import LEDGER_VARIABLE
from wuyu.progress import Tell
from wuyu.service import environment
from wuyu.sink import PASSWORD_VARIABLE

__all__ = ["Drill", "run_drill"]

AUTHSERV_ID = "mx.drill.example"
DISK_BYTES = 512 * 2**20
MARKER = "drill.mark"
#: Seconds between two looks at mailboxes and ledger.
LOOK_S = 1.0
#: Real seconds after which a scene ends, whatever its clock says, beyond what its expectations allow.
REST_S = 120.0
_AWAY = (LedgerFaultError, LedgerError, SQLAlchemyError)
WHOLE = ("no_mail_twice", "all_settled", "none_lost")


@dataclass
class Drill:
    """A drill in progress."""

    script: Script
    patience: float
    hand: ClockHand
    storm: Storm
    scenery: Scenery
    api: AirflowApi
    people: People
    witness: Witness
    tell: Tell
    first: Mark
    lines: list[Line] = field(default_factory=list)

    def play(self) -> None:
        """Play every scene; what becomes of each expectation stands in `lines`."""
        for number, scene in enumerate(self.script.scenes, start=1):
            done = (number - 1) / len(self.script.scenes)
            self.tell(done, f"{told_of(self.lines)}; {number}. {scene.name.zh} / {scene.name.en}")
            self.lines += self._scene(number, scene)
        self.tell(1.0, f"{told_of(self.lines)}; 收尾 / the end")
        self.lines += self._whole()

    def _scene(self, number: int, scene: Scene) -> list[Line]:
        mark = self._mark()
        self.hand.move(scene.at if scene.back else max(scene.at, self.hand.now()))
        begun = self.hand.now()
        self.people.officer = scene.officer or self.script.cast.officer
        refused = self._inject(scene)
        if refused:
            return [self._line(number, scene, one, Judgement.NOT_POSSIBLE, mark, note=refused) for one in scene.expect]
        self.storm.lay(self.hand.now())
        if scene.pull:
            self.api.want(*self.api.feeds)
        if scene.cycle:
            self.api.want("warning_cycle")
        if scene.brief:
            self.api.want("brief")
        found = self._wait(scene, mark)
        lines = []
        for one, came in zip(scene.expect, found, strict=True):
            due = begun + self._allowed(one)
            is_good = came.came is None if KINDS[one.what].absent else came.came is not None
            verdict = Judgement.PASS if is_good else Judgement.FAIL
            lines.append(self._line(number, scene, one, verdict, mark, due=due, found=came))
        return lines

    def _inject(self, scene: Scene) -> str:
        """Bring about what goes wrong; returns why it cannot be, if so."""
        try:
            for one in scene.injects:
                if not (one.after_s or one.once):
                    INJECTS[one.kind](self.scenery, one)
        except NotPossibleError as error:
            return str(error)
        return ""

    def _allowed(self, wanted: Expectation) -> timedelta:
        return timedelta(minutes=wanted.within_min * self.patience)

    def _wait(self, scene: Scene, mark: Mark) -> list[Found]:
        """Look until everything has come that must and all has come to rest; what is due has an end."""
        open_ones = {number for number, one in enumerate(scene.expect) if not KINDS[one.what].absent}
        found = [Found(None) for _ in scene.expect]
        later = [one for one in scene.injects if one.after_s or one.once]
        give_up_s = (
            max((self._allowed(one).total_seconds() for one in scene.expect), default=0.0) + REST_S * self.patience
        )
        while self._age_s(mark) < give_up_s and (open_ones or later or not self.api.is_quiet()):
            time.sleep(LOOK_S)
            self.scenery.house.tend()
            self.people.act()
            self.api.trigger()
            come = {one.what for one, its in zip(scene.expect, found, strict=True) if its.came}
            for inject in [one for one in later if self._age_s(mark) >= one.after_s and one.once in ("", *come)]:
                later.remove(inject)
                INJECTS[inject.kind](self.scenery, inject)
            for number in sorted(open_ones):
                found[number] = self._look(scene.expect[number], mark)
                if found[number].came or self._age_s(mark) > self._allowed(scene.expect[number]).total_seconds():
                    open_ones.discard(number)
        for number, one in enumerate(scene.expect):
            if KINDS[one.what].absent:
                found[number] = self._look(one, mark)
        return found

    @staticmethod
    def _age_s(mark: Mark) -> float:
        return (wall_clock() - mark.real).total_seconds()

    def _look(self, wanted: Expectation, mark: Mark) -> Found:
        try:
            return KINDS[wanted.what].look(self.witness, wanted, self.first if wanted.earlier else mark)
        except _AWAY as error:
            return Found(None, f"the ledger is away: {str(error)[:60]}")

    def _mark(self) -> Mark:
        for _ in range(60):
            try:
                return self.witness.mark(wall_clock())
            except _AWAY:
                time.sleep(LOOK_S)
        raise FloodRiskError("the ledger of the drill cannot be read for a minute")

    def _whole(self) -> list[Line]:
        """Judge what is expected of the drill as a whole, once the outbox has come to rest."""
        mark = self._mark()
        give_up_s = 240.0 * self.patience
        while self._age_s(mark) < give_up_s and self._look(Expectation(what="all_settled"), mark).came:
            self.scenery.house.tend()
            self.people.act()
            time.sleep(LOOK_S)
        scene = Scene.model_validate({"at": self.hand.now(), "name": {"zh": "全程", "en": "the whole drill"}})
        lines = []
        for name in WHOLE:
            found = self._look(Expectation(what=name), mark)
            verdict = Judgement.FAIL if found.came else Judgement.PASS
            lines.append(self._line(0, scene, Expectation(what=name), verdict, mark, found=found))
        return lines

    def _line(
        self, number: int, scene: Scene, wanted: Expectation, verdict: Judgement, mark: Mark, **more: Any
    ) -> Line:
        zh, en = KINDS[wanted.what].words(wanted)
        found: Found = more.get("found", Found(None, more.get("note", "")))
        injects = ", ".join(" ".join(filter(None, (one.kind, one.feed, one.gauge, one.file))) for one in scene.injects)
        injects += ", clock_back" * scene.back
        due, took_s = more.get("due"), self._age_s(mark)
        names = (number, scene.name.zh, scene.name.en, injects.removeprefix(", "), zh, en)
        return Line(*names, due, found.came, verdict, took_s, " ".join(found.note.split()))


def run_drill(
    district: Path,
    out: Path,
    script: Script,
    *,
    tell: Tell,
    database: str = "auto",
    schedulers: int = 1,
    workers: int = 0,
    patience: float = 1.0,
) -> tuple[list[Line], str]:
    """Play a drill; everything that is started is stopped at its end, however it ends.

    Parameters
    ----------
    district : Path
        Is copied; its feeds hold the storm.
    out : Path
        Folder of the drill; what an earlier drill left there is taken away.
    script : Script
    tell : callable
        Told how far it is.
    database : {"auto", "postgres", "sqlite"}
    schedulers : int
        How many schedulers of Airflow run; more than one needs PostgreSQL.
    workers : int
        How many workers run beside them (CeleryExecutor, needs PostgreSQL); 0 lets the schedulers run the tasks
        (LocalExecutor).
    patience : float
        Times everything that is due, for a slow machine.

    Returns
    -------
    lines : list of Line
    table : str
        As printed.

    Raises
    ------
    ConfigError
        If script, district, folder or options do not fit.
    FloodRiskError
        If a part of it does not start.
    """
    out = out.resolve()
    _clear(out)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stoppable())
        service, home = out / "service", out / "airflow"
        service.mkdir()
        home.mkdir()
        disk = stack.enter_context(_small_disk(service))
        base = choose_database(database, service, home)
        stack.callback(base.end)
        if (schedulers > 1 or workers) and not base.can_restart:
            raise ConfigError("two schedulers, or workers, need PostgreSQL: on SQLite Airflow runs one scheduler only")
        broker = Broker(workers, base.airflow) if workers else None
        if broker is not None:
            stack.callback(broker.end)
        drill, head, zone = _set_up(stack, district, out, script, base, disk, schedulers, broker, patience, tell)
        begun, is_whole = time.monotonic(), False
        try:
            drill.play()
            is_whole = True
        finally:  # what was judged before it was stopped, too
            minutes = (time.monotonic() - begun) / 60.0
            ended = ("", "") if is_whole else ("，中途停止", ", stopped before its end")
            head = [*head, (f"用时 {minutes:.1f} 分钟{ended[0]}", f"played in {minutes:.1f} min{ended[1]}")]
            again = ", ".join(f"{name} {count}" for name, count in sorted(drill.scenery.house.started_again.items()))
            again_zh, again_en = again or "无", again or "none"
            head.append((f"自行结束后被重新启动：{again_zh}", f"Ended by themselves and started again: {again_en}"))
            table = write_table(drill.lines, head, out, zone)
        return drill.lines, table


def _set_up(
    stack: contextlib.ExitStack,
    district: Path,
    out: Path,
    script: Script,
    base: Database,
    disk: Path | None,
    schedulers: int,
    broker: Broker | None,
    patience: float,
    tell: Tell,
) -> tuple[Drill, list[tuple[str, str]], ZoneInfo]:
    tell(0.0, "preparing")
    page_port, api_port, smtp_port = free_port(), free_port(), free_port()
    page = f"http://127.0.0.1:{page_port}"
    copy, storm, settings = _copy(district, out, script, page)
    hand = stack.enter_context(ClockHand(out / "clock", script.begin))
    storm.lay(hand.now())
    password = secrets.token_urlsafe(16)
    mailbox = out / "mailbox"
    replies = mailbox / _address(settings["mail"]["sender"])
    mailbox.mkdir()
    imap = choose_imap(replies, password, out / "logs" / "imap.log")
    variables = airflow_variables(out / "airflow", api_port, base.airflow)
    variables |= environment(district=copy, out=out / "service", smtp_host="127.0.0.1", smtp_port=smtp_port)
    variables |= {**hand.variables, LEDGER_VARIABLE: base.ledger, PASSWORD_VARIABLE: password}
    if imap is None:
        (replies / "new").mkdir(parents=True)
        variables |= {"WUYU_REPLY_MAILDIR": str(replies)}
    else:
        stack.callback(imap.end)
        variables |= imap.variables() | {"WUYU_IMAP_PASSWORD": password}
    if broker is not None:
        variables |= broker.variables()
    stack.enter_context(_environment(variables))
    groups, code, players, zone = _who_is_who(copy, out / "service", script)
    prepare_airflow(variables)
    house = stack.enter_context(House(out / "logs", variables))
    house.start("mail", _mail_command(mailbox, out / "logs" / "mail.port", smtp_port))
    if imap is not None:
        house.start("imap", imap.command)
    house.start("page", [sys.executable, "-m", "wuyu", "ack", "serve", "--port", str(page_port)])
    if broker is not None:
        house.start("broker", broker.command)
    for name, command in {**services(schedulers), **(broker.services() if broker else {})}.items():
        house.start(name, command)
    api = AirflowApi(api_port, list(storm.sources))
    tell(0.0, "waiting for Airflow")
    house.wait_for("the API of Airflow", api.sign_in)
    house.wait_for("the DAGs", api.switch_on)
    boxes = Boxes(mailbox, page)
    ledger = stack.enter_context(open_ledger(base.ledger))
    witness = Witness(ledger, boxes, hand, groups, code)
    people = People(script.cast, players, groups["officer"][0], boxes, hand, api, smtp_port, password, variables)
    scenery = Scenery(storm, house, hand, base, copy, disk)
    first = witness.mark(wall_clock())
    drill = Drill(script, patience, hand, storm, scenery, api, people, witness, tell, first)
    return drill, _head(script, base, _means(imap, schedulers, broker), patience), zone


def _means(imap: ImapServer | None, schedulers: int, broker: Broker | None) -> tuple[str, str]:
    executor = f"CeleryExecutor, {broker.workers} workers" if broker else "LocalExecutor"
    executor_zh = f"CeleryExecutor，工作进程{broker.workers}个" if broker else "LocalExecutor"
    box = "Maildir" if imap is None else "IMAP (Dovecot)"
    zh = f"调度器：{schedulers}（{executor_zh}）；答复信箱：{box}"
    return zh, f"schedulers: {schedulers} ({executor}); box of answers: {box}"


def _head(script: Script, base: Database, means: tuple[str, str], patience: float) -> list[tuple[str, str]]:
    limits = f"，期限放宽{patience:g}倍" if patience != 1 else "", f", limits × {patience:g}" if patience != 1 else ""
    return [
        (f"演练：{script.name.zh}", f"Drill: {script.name.en}"),
        (
            "时钟：演练时钟与实际等速，场景之间的空闲时间跳过；到期与到达均按演练时钟" + limits[0],
            "Clock: as fast as the real one, idle time between scenes is skipped; due and came are told by it"
            + limits[1],
        ),
        (
            "每分钟任务由Airflow按实际时间自行调度；被跳过时间里到期的取数与逐时轮次由演练触发，有新数据的轮次由Airflow自行唤醒",
            "Airflow itself schedules what runs every minute, by real time; pulls and hourly cycles of the time "
            "that was skipped are triggered by the drill; cycles on new data are woken by Airflow",
        ),
        (f"数据库：{base.told}；{means[0]}", f"Database: {base.told}; {means[1]}"),
        ("依据：只看信箱与台账", "Judged by mailboxes and ledger alone"),
    ]


def _clear(out: Path) -> None:
    """Take away what an earlier drill left; refuse a folder that holds anything else."""
    if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
        raise ConfigError(f"{out} is not empty and no drill made it; name another folder with --out")
    for path in out.iterdir() if out.exists() else ():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / MARKER, "made by wuyu drill; taken away by the next one\n")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end the drill as Ctrl-C does, so that what was started is stopped."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a small file system at a folder where that is allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:  # noqa: S603
        yield None
        return
    try:
        yield folder
    finally:
        kept = folder.with_name("kept")
        shutil.copytree(folder, kept, symlinks=True, ignore=shutil.ignore_patterns("ballast"))
        subprocess.run(["umount", "-l", str(folder)], check=False)  # noqa: S603, S607
        folder.rmdir()
        kept.rename(folder)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _copy(district: Path, out: Path, script: Script, page: str) -> tuple[Path, Storm, dict[str, Any]]:
    """Copy the district folder without its feeds, and lay the settings of the drill over its own."""
    settings = yaml.safe_load((district / "district.yaml").read_bytes())
    feeds = settings.get("feeds") or []
    left_out = {(district / feed["path"]).resolve() for feed in feeds}
    copy = out / "district"
    shutil.copytree(
        district, copy, ignore=lambda folder, names: [n for n in names if (Path(folder) / n).resolve() in left_out]
    )
    storm, settings["feeds"] = storm_of(district, copy, feeds, script.delay_min)
    _lay_over(settings, script.settings)
    ours = {"acknowledgement": {"base_url": page}, "mail": {"status": "Exercise", "authserv_id": AUTHSERV_ID}}
    _lay_over(settings, ours)
    write_whole(copy / "district.yaml", yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))
    return copy, storm, settings


def _lay_over(settings: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, Mapping) and isinstance(settings.get(name), dict):
            _lay_over(settings[name], value)
        else:
            settings[name] = value


def _who_is_who(
    copy: Path, service: Path, script: Script
) -> tuple[dict[str, list[str]], str, dict[str, Player], ZoneInfo]:
    from wuyu.desk import begin_desk

    desk = begin_desk(copy, service)
    towns = desk.district.towns.reset_index()
    chain = [one.mailbox or "" for one in desk.settings.warning.duty_chain]
    if not chain:
        raise ConfigError("a drill needs an officer: warning.duty_chain of the district, or settings of the script")
    unknown = set(script.cast.towns) - set(towns["town_code"])
    if unknown:
        raise ConfigError(f"the script's cast names towns that the district has not: {', '.join(sorted(unknown))}")
    manners = {code: script.cast.towns.get(code, script.cast.others) for code in towns["town_code"]}
    players = {row.mailbox: Player(row.town_code, row.mailbox, manners[row.town_code]) for row in towns.itertuples()}
    groups = {row.town_code: [row.mailbox] for row in towns.itertuples()}
    groups |= {f"second:{row.town_code}": [row.second_contact] for row in towns.itertuples()}
    groups |= {"towns": list(towns["mailbox"]), "officer": chain[:1], "next_officer": chain[1:2]}
    groups["upward"] = [one.mailbox for one in desk.settings.acknowledgement.upward if one.mailbox]
    code, zone = desk.code, desk.timezone
    desk.ledger.close()
    return groups, code, players, zone


def _mail_command(mailbox: Path, port_file: Path, port: int) -> list[str]:
    where = ["--maildir", str(mailbox), "--port-file", str(port_file), "--port", str(port)]
    return [sys.executable, "-m", "wuyu.sink", *where, "--authserv-id", AUTHSERV_ID]


def _address(sender: str) -> str:
    from email.utils import parseaddr

    return parseaddr(sender)[1].lower()
