"""The ledger: what was known, decided, said, to whom, and what became of it. Open it with `open_ledger`.

`create_ledger` makes one, `wuyu.ledger.upgrade` brings that of an earlier release forward.
"""

from wuyu.ledger.acknowledgements import AckAnswer, AckReply, AckRequest, AckStep, FloodReport
from wuyu.ledger.bounces import Bounce
from wuyu.ledger.command import ConsultationEntry, ResponseStep
from wuyu.ledger.contacts import TownContact
from wuyu.ledger.decision import Decision, LedgerConflictError
from wuyu.ledger.faults import LedgerError, LedgerFaultError
from wuyu.ledger.models import (
    Attempt,
    BulletinRow,
    Cycle,
    FeedFile,
    FeedState,
    LogEntry,
    MessageBody,
    Outbox,
    ReportIssue,
    WarningRow,
)
from wuyu.ledger.opening import create_ledger, make_ledger, open_ledger
from wuyu.ledger.register import RegisterVersion
from wuyu.ledger.removals import Kept, Removal
from wuyu.ledger.reporting import ReportKey, ReportStep
from wuyu.ledger.sightings import Sighting
from wuyu.ledger.store import Ledger
from wuyu.ledger.tasks import OpenTask
from wuyu.ledger.types import Approval, CycleState, FileState, OutboxState

__all__ = [
    "AckAnswer",
    "AckReply",
    "AckRequest",
    "AckStep",
    "Approval",
    "Attempt",
    "Bounce",
    "BulletinRow",
    "ConsultationEntry",
    "Cycle",
    "CycleState",
    "Decision",
    "FeedFile",
    "FeedState",
    "FileState",
    "FloodReport",
    "Kept",
    "Ledger",
    "LedgerConflictError",
    "LedgerError",
    "LedgerFaultError",
    "LogEntry",
    "MessageBody",
    "OpenTask",
    "Outbox",
    "OutboxState",
    "RegisterVersion",
    "Removal",
    "ReportIssue",
    "ReportKey",
    "ReportStep",
    "ResponseStep",
    "Sighting",
    "TownContact",
    "WarningRow",
    "create_ledger",
    "make_ledger",
    "open_ledger",
]
