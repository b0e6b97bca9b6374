"""Approval of grave warnings: who must sign, what they are shown, what their answer does, and who is called next.

What waits never goes by itself and never disappears: every call, signature, refusal and lapse stands in the log of the
ledger, under the message it is about.
"""

from wuyu.approval.book import Call, Signature, Waiting, waiting
from wuyu.approval.calling import Called, escalate
from wuyu.approval.district_round import ChangedError, DistrictRound, district_round, sign_round
from wuyu.approval.evidence import Evidence, evidence
from wuyu.approval.rounds import OPTIONS, close_round, open_round, runs_to_trigger
from wuyu.approval.settling import Settlement, settle

__all__ = [
    "OPTIONS",
    "Call",
    "Called",
    "ChangedError",
    "DistrictRound",
    "Evidence",
    "Settlement",
    "Signature",
    "Waiting",
    "close_round",
    "district_round",
    "escalate",
    "evidence",
    "open_round",
    "runs_to_trigger",
    "settle",
    "sign_round",
    "waiting",
]
