"""The tables of the ledger: what was known, decided, said, to whom, and what became of it.

Domain times (`valid_at`, `issued_at`, `decided_at`, `expires_at` ...) come from the caller, so that a replay of 2021
writes 2021; wall-clock times (`lease_until`, `retry_at`, the times of an attempt) come from the clock of the relay.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, JSON, ForeignKey, Index, LargeBinary, MetaData, String, UniqueConstraint, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from wuyu.ledger.guards import change_guards, no_replace_guards, no_update_guards, replace_guards, trigger_names
from wuyu.ledger.types import Approval, CycleState, FileState, OutboxState, UtcDateTime

__all__ = [
    "APPEND_ONLY",
    "Attempt",
    "Base",
    "BulletinRow",
    "Cycle",
    "FeedFile",
    "FeedFinding",
    "FeedPull",
    "FeedState",
    "LedgerInfo",
    "LogEntry",
    "MessageBody",
    "Outbox",
    "ReportIssue",
    "WarningRow",
    "guard_names_of",
    "guarded_tables",
    "guards_of",
    "make_append_only",
    "make_unchanged",
]


class Base(DeclarativeBase):
    """Base of every table: fixed names for constraints, UTC for every datetime, JSON for every dict and list."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy as a class attribute
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        str: String,
    }


class LedgerInfo(Base):
    """What the ledger says of itself; the key ``schema`` holds the version of these tables."""

    __tablename__ = "ledger_info"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Cycle(Base):
    """One look of one district at what was known of one time: other inputs of the same time make another revision."""

    __tablename__ = "cycles"
    __table_args__ = (UniqueConstraint("district_code", "valid_at", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    valid_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(default=0)  # 0, 1 ... as new inputs come
    inputs_sha256: Mapped[str | None]  # of all it stands on; None in cycles of releases that ran an hour once
    decided_at: Mapped[datetime | None]  # when it decides, fixed at its first try; None: at `valid_at`
    state: Mapped[str] = mapped_column(default=CycleState.STARTED)
    event_key: Mapped[str | None]
    inputs: Mapped[dict[str, Any]] = mapped_column(default=dict)  # name -> sha256
    risk_paths: Mapped[dict[str, Any]] = mapped_column(default=dict)  # kind -> path relative to the run's folder
    ladder_step: Mapped[int | None]
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)  # counts, e.g. hotspots per level
    warning_states: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the next cycle must know
    finished_at: Mapped[datetime | None]


class WarningRow(Base):
    """One revision of one warning: the `WarningRecord` of the decision, and its approval."""

    __tablename__ = "warnings"
    __table_args__ = (
        UniqueConstraint("message_id"),
        Index(None, "event_key"),
        Index(None, "warning_id", "revision"),
        Index(None, "area_code", "issued_at"),
        Index(None, "approval_state"),
        Index(None, "valid_to"),
        Index(None, "issued_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str]
    cycle_id: Mapped[int | None] = mapped_column(ForeignKey("cycles.id"))
    event_key: Mapped[str]
    warning_id: Mapped[str]
    revision: Mapped[int]
    action: Mapped[str]
    area_code: Mapped[str]
    level: Mapped[int]
    previous_level: Mapped[int]
    issued_at: Mapped[datetime]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    hotspot_ids: Mapped[list[Any]]
    signal: Mapped[int]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    supersedes: Mapped[str | None]
    unconfirmed: Mapped[bool]
    degraded: Mapped[bool]
    approval_state: Mapped[str] = mapped_column(default=Approval.NOT_NEEDED)
    approval_due_at: Mapped[datetime | None]
    approved_by: Mapped[str | None]  # the officer who approved or refused
    approved_at: Mapped[datetime | None]

    cycle: Mapped[Cycle | None] = relationship()

    @classmethod
    def of(cls, record: WarningRecord) -> WarningRow:
        """Return the row of `record`, its approval not needed."""
        return cls(
            message_id=record.message_id,
            event_key=record.event_key,
            warning_id=record.warning_id,
            revision=record.revision,
            action=str(record.action),
            area_code=record.area_code,
            level=int(record.level),
            previous_level=int(record.previous_level),
            issued_at=record.issued_at,
            valid_from=record.valid_from,
            valid_to=record.valid_to,
            hotspot_ids=list(record.hotspot_ids),
            signal=int(record.signal),
            reason_zh=record.reason_zh,
            reason_en=record.reason_en,
            supersedes=record.supersedes,
            unconfirmed=record.unconfirmed,
            degraded=record.degraded,
        )

    def to_record(self) -> WarningRecord:
        """Return the record as it was decided."""
        return WarningRecord(
            event_key=self.event_key,
            warning_id=self.warning_id,
            revision=self.revision,
            action=Action(self.action),
            area_code=self.area_code,
            level=Level(self.level),
            previous_level=Level(self.previous_level),
            issued_at=self.issued_at,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            hotspot_ids=tuple(self.hotspot_ids),
            signal=Level(self.signal),
            reason_zh=self.reason_zh,
            reason_en=self.reason_en,
            supersedes=self.supersedes,
            unconfirmed=self.unconfirmed,
            degraded=self.degraded,
        )


class BulletinRow(Base):
    """The files made of one revision: ``products`` maps kind (html, txt, pdf, cap, png) to its path and sha256."""

    __tablename__ = "bulletins"
    __table_args__ = (UniqueConstraint("message_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("warnings.message_id"))
    town_code: Mapped[str]
    products: Mapped[dict[str, Any]]

    warning: Mapped[WarningRow] = relationship()


class MessageBody(Base):
    """The bytes of one mail, made once and sent unchanged at every try; empty once retention has removed them."""

    __tablename__ = "message_bodies"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class Outbox(Base):
    """One message to one recipient by one channel."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("message_id", "channel", "recipient"),
        Index(None, "channel", "state", "not_before"),
        Index(None, "stands_in_for"),
        Index(None, "about", "purpose"),
        Index(None, "state", "expires_at"),
        Index(None, "state", "id"),
        Index(None, "decided_at"),
        Index(None, "body_sha256"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str]
    purpose: Mapped[str]  # of `wuyu.messages.purpose.Purpose`
    about: Mapped[str]  # message id of the warning revision, or of the issue of a report
    channel: Mapped[str]
    recipient: Mapped[str]
    sender: Mapped[str]
    subject: Mapped[str]
    status: Mapped[str]  # Actual | Exercise | System | Test | Draft, as in CAP
    scope: Mapped[str]  # Public | Restricted | Private, as in CAP
    demonstration: Mapped[bool] = mapped_column(default=False)
    mail_message_id: Mapped[str]
    body_sha256: Mapped[str] = mapped_column(ForeignKey("message_bodies.sha256"))
    event_key: Mapped[str | None]
    priority: Mapped[int] = mapped_column(default=0)  # the level: of rows due together, the gravest goes first
    decided_at: Mapped[datetime]
    not_before: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default=OutboxState.PENDING)
    stands_in_for: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]  # wall clock
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]  # wall clock
    smtp_stage: Mapped[str | None]
    last_code: Mapped[int | None]
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]  # wall clock

    content: Mapped[MessageBody] = relationship()


class Attempt(Base):
    """One try to hand one message over; never changed afterwards. Times are of the wall clock."""

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("outbox_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id"))
    number: Mapped[int]
    relay: Mapped[str]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    result: Mapped[str]
    smtp_stage: Mapped[str]
    code: Mapped[int | None]
    text: Mapped[str]


class FeedState(Base):
    """How one feed stands: last file, last error, and the limit of its age."""

    __tablename__ = "feed_states"

    feed_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    stale_after_h: Mapped[float]
    pulled_at: Mapped[datetime]
    last_file_id: Mapped[int | None] = mapped_column(ForeignKey("feed_files.id"))
    files_accepted: Mapped[int] = mapped_column(default=0)
    files_rejected: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]  # of the last pull
    told_late: Mapped[bool | None]  # what the log last said of it; None: not known, look there


class FeedFile(Base):
    """One file as it arrived: its raw bytes are kept at `raw_path`, under their sha256."""

    __tablename__ = "feed_files"
    __table_args__ = (
        UniqueConstraint("feed_id", "sha256"),
        Index(None, "feed_id", "id"),
        Index(None, "feed_id", "state", "removed_at", "id"),
        Index(None, "feed_id", "last_value_at"),
        Index(None, "feed_id", "issued_at"),
        Index(None, "state", "removed_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[str]
    name: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    raw_path: Mapped[str]
    state: Mapped[str] = mapped_column(default=FileState.ACCEPTED)
    arrived_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]  # of a forecast
    first_value_at: Mapped[datetime | None]
    last_value_at: Mapped[datetime | None]
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_rejected: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    removed_at: Mapped[datetime | None]  # by retention, see `wuyu.ledger.removals`: its bytes are gone, nobody reads it


class FeedFinding(Base):
    """How often one kind of problem was found in one file, and the first of them in words."""

    __tablename__ = "feed_findings"
    __table_args__ = (UniqueConstraint("file_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("feed_files.id"))
    code: Mapped[str]
    count: Mapped[int]
    example: Mapped[str]


class FeedPull(Base):
    """One look into one feed; never changed afterwards."""

    __tablename__ = "feed_pulls"
    __table_args__ = (Index(None, "feed_id", "ok"), Index(None, "feed_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[str]
    at: Mapped[datetime]
    ok: Mapped[bool]
    accepted: Mapped[int]
    rejected: Mapped[int]
    repeated: Mapped[int]  # known content that came under another name
    error: Mapped[str | None]
    marks: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the next look must know, e.g. ETag by address


class ReportIssue(Base):
    """One issue of one periodic report; a changed one gets the next revision."""

    __tablename__ = "report_issues"
    __table_args__ = (UniqueConstraint("district_code", "kind", "period", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    kind: Mapped[str]
    period: Mapped[str]
    revision: Mapped[int]
    issued_at: Mapped[datetime]
    products: Mapped[dict[str, Any]]  # kind -> {path, sha256}


class LogEntry(Base):
    """Who did what, when; never changed afterwards."""

    __tablename__ = "log"
    __table_args__ = (Index(None, "event_key"), Index(None, "message_id"), Index(None, "what", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str]
    what: Mapped[str]
    event_key: Mapped[str | None]
    message_id: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


APPEND_ONLY: dict[str, list[list[str]]] = {}
"""Tables whose rows never change, and the sets of columns that are unique in each, the primary key first."""


NOT_REPLACED: dict[str, list[list[str]]] = {}
"""Tables whose rows are not replaced, as above; retention may delete some, and `UNCHANGED` are not changed either."""
UNCHANGED: set[str] = set()


def make_append_only(model: type[Base]) -> None:
    """Let the database itself refuse to change, delete or replace rows of `model`."""
    APPEND_ONLY[model.__tablename__] = _unique_in(model)
    _guard(model)


def make_unchanged(model: type[Base], *, updates: bool = False) -> None:
    """Let the database itself refuse to replace rows of `model` and, unless `updates`, to change them."""
    NOT_REPLACED[model.__tablename__] = _unique_in(model)
    UNCHANGED.update(() if updates else (model.__tablename__,))
    _guard(model)


def _unique_in(model: type[Base]) -> list[list[str]]:
    table = Base.metadata.tables[model.__tablename__]
    keys = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    return [[column.name for column in table.primary_key], *sorted([one.name for one in key.columns] for key in keys)]


def _guard(model: type[Base]) -> None:
    table = Base.metadata.tables[model.__tablename__]
    for dialect in ("sqlite", "postgresql"):
        for statement in guards_of(table.name, dialect):
            ddl = DDL(statement).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl)


def guarded_tables() -> list[str]:
    """Return the tables that have guards."""
    return sorted([*APPEND_ONLY, *NOT_REPLACED])


def guards_of(table: str, dialect: str) -> list[str]:
    """Return the statements that guard a table."""
    if table in APPEND_ONLY:
        return [*change_guards(table, dialect), *replace_guards(table, APPEND_ONLY[table], dialect)]
    changes = no_update_guards(table, dialect) if table in UNCHANGED else []
    return [*changes, *no_replace_guards(table, NOT_REPLACED[table], dialect)]


def guard_names_of(table: str, dialect: str) -> set[str]:
    """Return the names of the triggers that guard a table."""
    return {name for statement in guards_of(table, dialect) for name in trigger_names(statement)}


for _model in (Attempt, FeedPull, LogEntry):
    make_append_only(_model)
make_unchanged(BulletinRow)
make_unchanged(ReportIssue)
make_unchanged(WarningRow, updates=True)  # its approval comes later
make_unchanged(MessageBody, updates=True)  # retention empties it
