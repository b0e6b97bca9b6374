"""The common way in: bytes kept as received, read by a checker, broken ones set aside, all of it in the ledger.

A broken file never stops the next one, and a broken feed never stops another: what goes wrong becomes a row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.errors import BadInputError, ConfigError, Finding
from risk_models.files import write_whole
from wuyu.feeds.checks import Comparison, FileCheck, FileFacts, foreign_content, issued_at_from_name
from wuyu.feeds.opening import open_source
from wuyu.feeds.source import Arrival, Feed, FetchError, safe_name
from wuyu.ledger.models import FeedFile, FeedFinding, FeedPull, FeedState, LogEntry
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import FileState

__all__ = ["PullResult", "issue_time", "pull"]

LOOKBACK_H = 96
"""Hours before now that a cycle may look at, where the settings of a feed do not say."""
FORECASTS_WITHOUT_ISSUE = ("open_meteo",)
"""Kinds whose files are forecasts and do not say when they were made."""
_FUTURE = timedelta(hours=1, minutes=5)  # the step that is still running may be stamped with its end
_NAMES_TOLD = 5


@dataclass(frozen=True, kw_only=True)
class PullResult:
    """What one pull brought: new files accepted and rejected, names of old content under a new name, and an error."""

    feed_id: str
    accepted: tuple[FeedFile, ...]
    rejected: tuple[FeedFile, ...]
    repeated: tuple[str, ...]
    error: str


@dataclass
class _Taken:
    """What one look has gathered so far."""

    files: list[tuple[FeedFile, dict[str, tuple[int, str]]]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    states: set[str] = field(default_factory=set)  # of everything offered, new or known
    marks: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def pull(
    feed: Feed,
    district_root: Path,
    *,
    now: datetime,
    raw_dir: Path,
    ledger: Ledger,
    check: FileCheck,
    compare: Comparison | None = None,
) -> PullResult:
    """Take over what is new in a feed; never raises for what a source or a file does.

    Parameters
    ----------
    feed : Feed
        From the district's settings; its source is opened by `open_source`.
    district_root : Path
        Paths of the settings must stay inside it.
    now : datetime
        Time of arrival.
    raw_dir : Path
        Bytes are kept at ``<feed>/<first 12 of sha256>-<name>``, broken ones below ``rejected/``, with a reason.
    ledger : Ledger
    check : FileCheck
        From `file_check`.
    compare : Comparison, optional
        From `comparison`: says why a file cannot be right beside the one accepted before it.

    Returns
    -------
    PullResult
    """
    taken, known = _Taken(), _Known(ledger, feed.id)
    marks, last_path = _memory(ledger, feed.id, raw_dir)
    judge = _Judge(feed, raw_dir, now=now, check=check, compare=compare, last_path=last_path)
    since = now - timedelta(hours=float(getattr(feed, "lookback_h", LOOKBACK_H)))
    try:
        source = open_source(feed, district_root, now=now, marks=marks)
        try:
            for arrival in source.fetch(since):
                _take(taken, arrival, known, judge)
        finally:
            taken.marks = {key: value for key, value in source.marks.items() if taken.marks.get(key) != "drop"}
    except (FetchError, ConfigError) as error:
        taken.problems.append(str(error))
    except Exception as error:  # whatever a library makes of a broken server must not stop the next feed
        taken.problems.append(f"feed {feed.id} broke ({type(error).__name__})")
    with ledger.writing() as session:
        kept = _register(session, feed, taken, now=now)
    return PullResult(
        feed_id=feed.id,
        accepted=tuple(file for file in kept if file.state == FileState.ACCEPTED),
        rejected=tuple(file for file in kept if file.state == FileState.REJECTED),
        repeated=tuple(taken.repeated),
        error="; ".join(taken.problems),
    )


def issue_time(kind: str, name: str, facts: FileFacts, *, arrived_at: datetime) -> datetime | None:
    """Return when a forecast was made; None for observations.

    Parameters
    ----------
    kind : str
        Of the feed.
    name : str
        Of the file; heeded if nothing in the file tells.
    facts : FileFacts
    arrived_at : datetime
        A forecast whose file does not say it was made before it came: at the latest at the full hour before.

    Examples
    --------
    >>> from datetime import UTC
    >>> issue_time("open_meteo", "answer.json", FileFacts(), arrived_at=datetime(2021, 7, 20, 9, 3, tzinfo=UTC)).hour
    9
    """
    named = issued_at_from_name(name)
    if facts.issued_at is not None:
        return facts.issued_at
    if kind in FORECASTS_WITHOUT_ISSUE:
        return named or arrived_at.replace(minute=0, second=0, microsecond=0)
    return None if facts.last_value_at else named


class _Known:
    """What a feed brought before, by digest: asked for what is offered now, never for all there ever was."""

    def __init__(self, ledger: Ledger, feed_id: str) -> None:
        self._ledger, self._feed_id = ledger, feed_id
        self._new: dict[str, tuple[str, str]] = {}

    def get(self, sha256: str) -> tuple[str, str] | None:
        """Return name and state of a file, also of one whose bytes retention has removed since."""
        if sha256 in self._new:
            return self._new[sha256]
        query = select(FeedFile.name, FeedFile.state).where(
            FeedFile.feed_id == self._feed_id, FeedFile.sha256 == sha256
        )
        with self._ledger.reading() as session:
            row = session.execute(query).one_or_none()
        return None if row is None else (row.name, row.state)

    def add(self, sha256: str, name: str, state: str) -> None:
        """Remember a file of this look."""
        self._new[sha256] = name, state


def _take(taken: _Taken, arrival: Arrival, known: _Known, judge: _Judge) -> None:
    """Keep one arrival, unless its bytes are known."""
    before = known.get(arrival.sha256)
    if before is not None:
        name, state = before
        taken.repeated += [arrival.name] if name != arrival.name else []
    else:
        try:
            file, findings = judge.take_over(arrival)
        except OSError as failure:  # our own disk: the next look tries again
            taken.problems.append(f"{arrival.name}: cannot be kept ({failure.strerror or failure})")
            taken.marks[arrival.mark] = "drop"
            return
        state = file.state
        known.add(arrival.sha256, arrival.name, state)
        taken.files.append((file, findings))
    taken.states.add(state)
    if state == FileState.REJECTED:
        taken.marks[arrival.mark] = "drop"


class _Judge:
    """Keeps the bytes of arrivals and decides whether a cycle may use them."""

    def __init__(
        self,
        feed: Feed,
        raw_dir: Path,
        *,
        now: datetime,
        check: FileCheck,
        compare: Comparison | None,
        last_path: Path | None,
    ) -> None:
        self.feed, self.raw_dir, self.now = feed, raw_dir, now
        self.check, self.compare, self.last_path = check, compare, last_path

    def take_over(self, arrival: Arrival) -> tuple[FeedFile, dict[str, tuple[int, str]]]:
        """Keep the bytes, check them, and return the row; the bytes of a broken file go below ``rejected/``."""
        name = f"{arrival.sha256[:12]}-{safe_name(arrival.name, self.feed.id)}"
        kept, facts, reason = self.raw_dir / self.feed.id / name, FileFacts(), arrival.problem
        if arrival.data is not None:
            write_whole(kept, arrival.data)
            reason = reason or foreign_content(self.feed.kind, arrival.name, arrival.data)
        if not reason:
            facts, reason = self._look(kept)
        if reason:
            aside = self.raw_dir / "rejected" / self.feed.id / name
            write_whole(aside.with_name(name + ".reason.txt"), (reason + "\n").encode())
            if arrival.data is not None:
                kept.replace(aside)
            kept = aside
        else:
            self.last_path = kept
        row = FeedFile(
            feed_id=self.feed.id,
            name=arrival.name,
            sha256=arrival.sha256,
            size_bytes=arrival.size_bytes,
            raw_path=kept.relative_to(self.raw_dir).as_posix(),
            state=FileState.REJECTED if reason else FileState.ACCEPTED,
            issued_at=issue_time(self.feed.kind, arrival.name, facts, arrived_at=self.now),
            first_value_at=facts.first_value_at,
            last_value_at=facts.last_value_at,
            rows_read=facts.rows_read,
            rows_rejected=facts.rows_rejected,
            error=reason or None,
        )
        return row, dict(facts.findings)

    def _look(self, path: Path) -> tuple[FileFacts, str]:
        """Return what the check found, or why the file cannot be used."""
        try:
            facts = self.check(path)
            if facts.typical_last_at is not None and facts.typical_last_at > self.now + _FUTURE:
                ahead = _from_the_future(path.name, facts.typical_last_at, self.now)
                return replace(facts, findings={**facts.findings, ahead.code: (1, str(ahead))}), str(ahead)
            odd = None
            if self.compare is not None and self.last_path is not None:
                odd = self.compare(path, self.last_path)
            if odd is None:
                return facts, ""
            facts = replace(facts, findings={**facts.findings, odd.code: (1, str(odd))})
            return facts, str(odd) if odd.severity == "error" else ""
        except BadInputError as error:
            counts = Counter(finding.code for finding in error.findings)
            first = {finding.code: str(finding) for finding in reversed(error.findings)}
            found = {code: (count, first[code]) for code, count in counts.items()}
            return FileFacts(findings=found), str(error)
        except Exception as error:  # a file that breaks the reader must not stop the next file
            return FileFacts(), f"{path.name}: the reader broke on it ({type(error).__name__}: {error})"


def _from_the_future(name: str, last: datetime, now: datetime) -> Finding:
    hours = (last - now).total_seconds() / 3600
    return Finding(
        code="clock-ahead",
        message=f"most of its series end {hours:.1f} h after it came",
        file=name,
        value=last.isoformat(),
        accepted=f"up to {(now + _FUTURE).isoformat(timespec='minutes')}",
        fix="correct the time zone, the label of the interval, or the clock",
    )


def _memory(ledger: Ledger, feed_id: str, raw_dir: Path) -> tuple[dict[str, str], Path | None]:
    """Return the marks of the last look, and the last accepted file."""
    usable = (FeedFile.state == FileState.ACCEPTED) & FeedFile.removed_at.is_(None)
    files = select(FeedFile).where(FeedFile.feed_id == feed_id, usable).order_by(FeedFile.id.desc()).limit(1)
    looks = select(FeedPull).where(FeedPull.feed_id == feed_id).order_by(FeedPull.id.desc()).limit(1)
    with ledger.reading() as session:
        file, last = session.scalars(files).one_or_none(), session.scalars(looks).one_or_none()
    return {} if last is None else dict(last.marks), None if file is None else raw_dir / file.raw_path


def _register(session: Session, feed: Feed, taken: _Taken, *, now: datetime) -> list[FeedFile]:
    """Write the new rows and the state of the feed; returns the rows that no other pull wrote meanwhile."""
    state = session.get(FeedState, feed.id)
    if state is None:
        state = FeedState(feed_id=feed.id, files_accepted=0, files_rejected=0)
        session.add(state)
    error = "; ".join(taken.problems)
    state.kind, state.stale_after_h = feed.kind, feed.stale_after_h
    state.pulled_at, state.error = now, error or None
    session.flush()
    same = select(FeedFile.id).where(FeedFile.feed_id == feed.id)
    kept = [
        (file, findings)
        for file, findings in taken.files
        if session.scalars(same.where(FeedFile.sha256 == file.sha256)).first() is None
    ]
    for file, findings in kept:
        file.arrived_at = now
        session.add(file)
        session.flush()
        state.last_file_id = file.id
        state.files_accepted += file.state == FileState.ACCEPTED
        state.files_rejected += file.state == FileState.REJECTED
        detail = {"feed": feed.id, "name": file.name, "sha256": file.sha256} | (
            {"reason": file.error} if file.error else {}
        )
        session.add(LogEntry(at=now, who="feeds", what=f"file-{file.state}", detail=detail))
        for code, (count, example) in sorted(findings.items()):
            session.add(FeedFinding(file_id=file.id, code=code, count=count, example=example))
    new = Counter(file.state for file, _ in kept)
    session.add(
        FeedPull(
            feed_id=feed.id,
            at=now,
            ok=_is_ok(taken, new),
            accepted=new[FileState.ACCEPTED],
            rejected=new[FileState.REJECTED],
            repeated=len(taken.repeated),
            error=error or None,
            marks=taken.marks,
        )
    )
    return [file for file, _ in kept]


def _is_ok(taken: _Taken, new: Counter[str]) -> bool:
    """Return False if something could not be brought, or all that is new (or all there is) is broken."""
    only_broken = taken.states == {FileState.REJECTED} or (new[FileState.REJECTED] and not new[FileState.ACCEPTED])
    return not taken.problems and not only_broken
