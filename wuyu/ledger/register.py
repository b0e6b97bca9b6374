"""Versions of the register of a district: which were taken into use, which were refused and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from wuyu.ledger.models import Base, LogEntry, make_unchanged
from wuyu.ledger.store import Ledger, lock_ledger
from wuyu.ledger.tasks import OPERATOR_TASK, TASK_DONE, is_open

__all__ = [
    "InForce",
    "RegisterState",
    "RegisterVersion",
    "findings_of",
    "note_version",
    "standing_of",
    "standing_of_district",
]


class RegisterState(StrEnum):
    """What became of one version of a register."""

    TAKEN = "taken"
    """Checked, kept and in use until the next that is taken."""
    REFUSED = "refused"
    """Failed its check; the one taken last stays in use."""
    UNKEPT = "unkept"
    """Checked and in use from its folder, because no copy could be kept."""


class RegisterVersion(Base):
    """What became of one version of the register in one folder; no row is ever changed. Times are of the wall clock.

    The newest row of a folder says how its register stands.
    """

    __tablename__ = "registers"
    __table_args__ = (Index(None, "folder", "id"), Index(None, "district_code", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    folder: Mapped[str]  # of the district, absolute: another folder never falls back on this one
    district_code: Mapped[str]
    state: Mapped[str]
    digest: Mapped[str]  # of all files; `District.content_hash` of what is good
    settings_sha256: Mapped[str]  # of district.yaml; empty if it could not be read
    files: Mapped[dict[str, Any]]  # path -> sha256
    findings: Mapped[list[Any]]  # why it was refused, or could not be kept: as `Finding.to_dict` gives them
    more: Mapped[int]  # findings beyond those
    task_id: Mapped[int | None]  # entry of the log that is open for it


make_unchanged(RegisterVersion)


@dataclass(frozen=True)
class InForce:
    """How the register of one folder stands.

    Attributes
    ----------
    newest : RegisterVersion
    taken : RegisterVersion or None
        The version taken last; that is the newest itself if nothing is wrong.
    since : datetime
        When the first version after that was found.
    """

    newest: RegisterVersion
    taken: RegisterVersion | None
    since: datetime


def standing_of(ledger: Ledger, folder: str) -> InForce | None:
    """Return how the register of a folder stands; None if the ledger knows no version of it."""
    with ledger.reading() as session:
        return _standing(session, RegisterVersion.folder == folder)


def standing_of_district(ledger: Ledger, district_code: str) -> InForce | None:
    """Return how the register of a district stands, whatever its folder."""
    with ledger.reading() as session:
        return _standing(session, RegisterVersion.district_code == district_code)


def _standing(session: Session, where: Any) -> InForce | None:
    rows = select(RegisterVersion).where(where).order_by(RegisterVersion.id.desc()).limit(1)
    newest = session.scalars(rows).one_or_none()
    if newest is None or newest.state == RegisterState.TAKEN:
        return None if newest is None else InForce(newest, newest, newest.at)
    taken = session.scalars(rows.where(RegisterVersion.state == RegisterState.TAKEN)).one_or_none()
    later = select(func.min(RegisterVersion.at)).where(where, RegisterVersion.id > (taken.id if taken else 0))
    return InForce(newest, taken, session.scalars(later).one())


def note_version(
    ledger: Ledger,
    version: RegisterVersion,
    *,
    task: Mapping[str, Any] | None = None,
) -> RegisterVersion:
    """Note what became of a version, unless that is what the ledger says already; returns the row that stands.

    The task of the version before ends with it: there is one open task at most, and one for each bad version.

    Parameters
    ----------
    ledger : Ledger
    version : RegisterVersion
        Not yet in the ledger.
    task : mapping, optional
        Detail of the operator's task to open.
    """
    with ledger.writing() as session:
        lock_ledger(session)
        standing = _standing(session, RegisterVersion.folder == version.folder)
        before = None if standing is None else standing.newest
        if before is not None and (before.state, before.digest) == (version.state, version.digest):
            return before
        if before is not None and before.task_id is not None and is_open(session, before.task_id):
            session.add(_entry(version, TASK_DONE, {"task_id": before.task_id, "note": f"{version.state} since"}))
        if task is not None:
            entry = _entry(version, OPERATOR_TASK, dict(task))
            session.add(entry)
            session.flush()
            version.task_id = entry.id
        session.add(version)
        session.flush()
        return version


def findings_of(findings: Iterable[Any], *, most: int) -> tuple[list[Any], int]:
    """Return the first findings as plain types, and how many more there are."""
    listed = [finding.to_dict() for finding in findings]
    return listed[:most], max(0, len(listed) - most)


def _entry(version: RegisterVersion, what: str, detail: dict[str, Any]) -> LogEntry:
    return LogEntry(at=version.at, who="register", what=what, detail=detail)
