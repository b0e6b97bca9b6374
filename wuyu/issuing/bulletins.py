"""Make the products of a warning (bulletin in four forms, map, CAP) and the mails that carry them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from reports.bulletin import (
    MAP_CID,
    Bulletin,
    SignOff,
    build_bulletin,
    subject,
    to_html,
    to_mail_text,
    with_code,
)
from reports.bulletin.answering import answer_text
from reports.bulletin.view import bulletin_view
from reports.words import LANGUAGES, Lang
from risk_models.levels import Level
from risk_models.plan import propose_actions
from risk_models.risk import RiskTable, read_risk
from risk_models.warning.cap.areas import CapArea, cap_places
from risk_models.warning.cap.build import CapText, to_cap
from risk_models.warning.cap.check import require_valid_cap
from risk_models.warning.cap.hazard import cap_hazard
from risk_models.warning.records import WarningRecord
from risk_models.warning.signals import rain_signals
from wuyu.ack.ask import may_answer
from wuyu.ack.codes import reply_code
from wuyu.ack.links import Links, link_expiry, links_of
from wuyu.issuing.cap import cap_channel, plain_text
from wuyu.issuing.drawing import Drawing, Studio, pdf_kind
from wuyu.keys import Keys, load_keys
from wuyu.messages.letters import RESTRICTED, letter
from wuyu.messages.mail import Attachment, InlineImage, Mail, MailContent
from wuyu.messages.purpose import Purpose
from wuyu.station import register_of

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["BulletinFiles", "Bulletins", "CycleFacts"]


@dataclass(frozen=True, eq=False)
class CycleFacts:
    """What all bulletins of one cycle share: the risk table, and what is derived from it when it is first asked for.

    The same table gives the same facts at any later time.
    """

    desk: Desk
    risk_table: RiskTable

    @cached_property
    def signals(self) -> pd.DataFrame:
        """Rain signal of every town; every decision needs them."""
        return rain_signals(self.risk_table, self.desk.standards, self.desk.settings.standards.rain_signals)

    @cached_property
    def spots(self) -> RiskTable:
        """What the maps show."""
        return Drawing.spots_of(self.risk_table)

    @cached_property
    def actions(self) -> pd.DataFrame:
        """Proposed actions; only an hour that tells a town something needs them."""
        return propose_actions(self.desk.district, self.risk_table)


@dataclass(frozen=True)
class _Order:
    """What a bulletin is made from."""

    record: WarningRecord
    facts: CycleFacts
    earlier: tuple[WarningRecord, ...]
    sign_off: SignOff | None
    levels: dict[str, Level]


@dataclass(frozen=True)
class BulletinFiles:
    """One bulletin and the files written of it: kind to path."""

    bulletin: Bulletin
    paths: dict[str, Path]


class Bulletins:
    """Writes bulletins; keeps the map's figure between them.

    Parameters
    ----------
    desk : Desk

    Attributes
    ----------
    studio : Studio
        Where they are drawn; opened, it draws several at a time until it is closed.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.channel = cap_channel(desk, scope=RESTRICTED)
        self.studio = Studio(desk.district)
        self._facts: tuple[str, CycleFacts] | None = None
        self._begun: dict[str, tuple[_Order, Callable[[], BulletinFiles]]] = {}

    def facts(self, risk_path: str, risk_table: RiskTable | None = None) -> CycleFacts:
        """Return the facts of a cycle, derived once for all its bulletins.

        Parameters
        ----------
        risk_path : str
            Risk table of the cycle, relative to the folder of products.
        risk_table : RiskTable, optional
            The same table, if the caller has it already.
        """
        if self._facts is None or self._facts[0] != risk_path:
            table = read_risk(self.desk.out / risk_path) if risk_table is None else risk_table
            self._facts = (risk_path, CycleFacts(self.desk, table))
        return self._facts[1]

    @cached_property
    def _links(self) -> Links | None:
        return links_of(self.desk)

    @cached_property
    def _keys(self) -> Keys:
        return load_keys(self.desk.out)

    def _code(self, record: WarningRecord) -> str:
        """Return the code of the town's mailbox, which the files print: they are made once for all readers."""
        towns = self.desk.district.towns
        mailbox = str(towns.at[record.area_code, "mailbox"]) if record.area_code in towns.index else ""
        return reply_code(self._keys, record.message_id, mailbox)

    def _language(self, record: WarningRecord) -> Lang:
        """Return the language of those who are told of an area: what the town asks for, else what the district does."""
        towns, asked = self.desk.district.towns, self.desk.settings.mail.language
        if record.area_code not in towns.index or "language" not in towns.columns:
            return asked
        told = towns.at[record.area_code, "language"]
        return told if told in LANGUAGES else asked

    def _languages(self, record: WarningRecord) -> tuple[Lang, ...]:
        """Return the languages in which a PDF is made: Chinese for channels and page, and that of the readers."""
        return tuple(dict.fromkeys(("zh", self._language(record))))

    def begin(
        self,
        record: WarningRecord,
        facts: CycleFacts,
        *,
        earlier: Sequence[WarningRecord],
        sign_off: SignOff | None,
        levels: dict[str, Level],
    ) -> None:
        """Begin to write a bulletin that `write` is soon asked for with the same arguments; see there."""
        order = _Order(record, facts, tuple(earlier), sign_off, levels)
        self._begun[record.message_id] = (order, self._make(order))

    def write(
        self,
        record: WarningRecord,
        facts: CycleFacts,
        *,
        earlier: Sequence[WarningRecord],
        sign_off: SignOff | None,
        levels: dict[str, Level],
    ) -> BulletinFiles:
        """Write every form of one bulletin; the same arguments give the same bytes.

        Parameters
        ----------
        record : WarningRecord
        facts : CycleFacts
        earlier : sequence of WarningRecord
            Revisions of the same warning before this one, oldest first.
        sign_off : SignOff or None
            Who decided; None for a draft, whose files say so in their names.
        levels : dict of str to Level
            Level in force in every town, for the map.

        Returns
        -------
        BulletinFiles

        Raises
        ------
        BadInputError
            If the CAP message breaks its own rules (a defect of ours, or a name that cannot be sent).
        """
        order = _Order(record, facts, tuple(earlier), sign_off, levels)
        begun = self._begun.pop(record.message_id, None)
        return begun[1]() if begun is not None and begun[0] == order else self._make(order)()

    def _make(self, order: _Order) -> Callable[[], BulletinFiles]:
        """Put a bulletin together and begin to draw it."""
        record, facts = order.record, order.facts
        bulletin = build_bulletin(
            record,
            district=self.desk.district,
            risk_table=facts.risk_table,
            actions=facts.actions,
            signals=facts.signals,
            standards=self.desk.standards,
            previous=order.earlier[-1] if order.earlier else None,
            sign_off=order.sign_off,
            code=self._code(record),
            marks=self.desk.notices,
        )
        is_final = order.sign_off is not None or not bulletin.draft
        drawing = Drawing(
            bulletin=bulletin,
            spots=facts.spots,
            town=record.area_code if record.area_code in self.desk.district.towns.index else None,
            levels=order.levels,
            cap=None if bulletin.draft else self._cap(record, bulletin, facts, order.earlier),
            folder=self.desk.out / "bulletins" / record.area_code,
            stem=record.message_id if is_final else f"{record.message_id}.draft",
            languages=self._languages(record),
        )
        drawn = self.studio.begin(drawing)
        return lambda: BulletinFiles(bulletin, drawn())

    def remove_draft(self, record: WarningRecord) -> None:
        """Remove the drafts of a bulletin that has been signed."""
        for path in (self.desk.out / "bulletins" / record.area_code).glob(f"{record.message_id}.draft.*"):
            path.unlink(missing_ok=True)

    def products(self, files: BulletinFiles) -> dict[str, dict[str, str]]:
        """Return the files as the ledger keeps them: kind to relative path and sha256."""
        return {
            kind: {"path": self.desk.relative(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for kind, path in files.paths.items()
        }

    def mails(self, record: WarningRecord, files: BulletinFiles, recipients: Iterable[str]) -> list[Mail]:
        """Build the mail of one bulletin for each recipient.

        Parameters
        ----------
        record : WarningRecord
        files : BulletinFiles
        recipients : iterable of str
            Addresses.
        """
        return [
            letter(
                self.desk.sender,
                Purpose.BULLETIN,
                self._content(record, files, recipient),
                message_id=record.message_id,
                about=record.message_id,
                recipient=recipient,
                decided_at=record.issued_at,
                labels={"Level": str(record.level), "Action": str(record.action), "Event": record.event_key},
            )
            for recipient in recipients
        ]

    def _content(self, record: WarningRecord, files: BulletinFiles, recipient: str) -> MailContent:
        """Return what the mail to one recipient says; its code, and its link if they may answer, are theirs alone."""
        lang = self._language(record)
        paths, bulletin = files.paths, with_code(files.bulletin, reply_code(self._keys, record.message_id, recipient))
        ack_url = None
        if self._links is not None and recipient in may_answer(register_of(self.desk.district)[record.area_code]):
            ack_url = self._links.acknowledge(record.message_id, recipient, expires_at=link_expiry(record))
        pdf = paths.get(pdf_kind(lang), paths["pdf"])
        return MailContent(
            subject=subject(bulletin),
            text=to_mail_text(bulletin, lang, ack_url=ack_url),
            html=to_html(bulletin, lang, ack_url=ack_url),
            images=(InlineImage(cid=MAP_CID, content=paths["png"].read_bytes(), filename=paths["png"].name),),
            attachments=(
                Attachment(filename=pdf.name, content=pdf.read_bytes(), mime="application/pdf"),
                Attachment(
                    filename=paths["cap.xml"].name, content=paths["cap.xml"].read_bytes(), mime="application/cap+xml"
                ),
            ),
        )

    def _cap(
        self, record: WarningRecord, bulletin: Bulletin, facts: CycleFacts, earlier: Sequence[WarningRecord]
    ) -> bytes:
        district, minutes = self.desk.district, self.desk.settings.standards.action_times
        hazard = cap_hazard(record, facts.risk_table, self.desk.standards.action_minutes(minutes))
        data = to_cap(
            record,
            earlier=earlier,
            area=CapArea.from_towns(district.towns, record.area_code),
            channel=self.channel,
            hazard=replace(hazard, danger=bulletin.danger),
            texts=(_cap_text(bulletin, "zh"), _cap_text(bulletin, "en")),
            places=cap_places(record, facts.risk_table, district.hotspots["surveyed_area_m2"].to_dict()),
        )
        require_valid_cap(data, file=f"{record.message_id}.cap.xml")
        return data


def _cap_text(bulletin: Bulletin, lang: Lang) -> CapText:
    """Say the bulletin in the fields of CAP: what comes first on a screen is its headline and its instruction."""
    first = bulletin_view(bulletin, lang)["first"]
    words, colon = first["words"], "：" if lang == "zh" else ": "

    def told(key: str) -> str:
        return f"{words[key]}{colon}{first[key]}" if first[key] else ""

    orders = [
        f"{n}. {order['full']} [{' · '.join(filter(None, (order['unit'], order['due'])))}]"
        for n, order in enumerate(first["orders"], 1)
    ]
    # Who reads CAP may be anyone: it gives no code.
    public = answer_text(with_code(bulletin, ""))[lang]
    window = " ".join(filter(None, (told("danger"), told("valid_to"))))
    lines = [told("standing"), told("unchecked"), window, *orders, f"{words['answer']}{colon}{public}", told("next")]
    cause = (bulletin.reason, *bulletin.issued, *bulletin.cautions)
    facts = (*cause, *bulletin.observed, *bulletin.forecast, *bulletin.impacts)
    description = [line[lang] for line in facts]
    return CapText(
        headline=plain_text(bulletin.headline[lang]),
        description="\n".join(plain_text(line) for line in description if line),
        instruction="\n".join(plain_text(line) for line in lines if line),
        contact=plain_text(bulletin.contact[lang]),
    )
