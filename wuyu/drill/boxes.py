"""What lies in the mailboxes of a drill: the mail server's own files, read and never changed."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

__all__ = ["Boxes", "Letter"]

_CODE = re.compile(r"(?:叫应码|确认码)[^0-9A-F]{0,12}([0-9A-F]{10})(?![0-9A-Z])")


@dataclass(frozen=True)
class Letter:
    """One mail of ours in one box.

    Attributes
    ----------
    box : str
        Address.
    real : datetime
        When it was laid in, by the real clock.
    message_id, level, action : str
        From its headers.
    sender : str
        Where an answer goes.
    link, code : str
        By which its reader answers; empty if there is none.
    subject : str
    """

    path: Path
    box: str
    real: datetime
    message_id: str
    level: str
    action: str
    sender: str
    link: str
    code: str
    subject: str
    text: str


class Boxes:
    """The boxes of the local mail server.

    Parameters
    ----------
    folder : Path
        Of the Maildirs.
    page : str
        Address of the acknowledgement page; links to it are known by it.
    """

    def __init__(self, folder: Path, page: str) -> None:
        self.folder, self.page = folder, page
        self._read: dict[tuple[str, str], Letter] = {}

    def letters(self) -> list[Letter]:
        """Return every mail of ours, in the order in which they came."""
        for path in [*self.folder.glob("*/new/*"), *self.folder.glob("*/cur/*")]:
            key = (path.parent.parent.name, path.name.partition(":")[0])  # what was read lies elsewhere and has marks
            if key not in self._read:
                with contextlib.suppress(FileNotFoundError):  # the server has just moved it: found at the next look
                    self._read[key] = self._letter(path)
        return sorted((one for one in self._read.values() if one.message_id), key=lambda one: (one.real, one.path))

    def second_copies(self) -> list[str]:
        """Return every mail that came twice: a copy that the server noted, or one message in one box again."""
        noted = self.folder / "duplicates.log"
        found = noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []
        seen: set[tuple[str, str]] = set()
        for one in self.letters():
            key = (one.box, one.message_id)
            found += [f"{one.box} {one.message_id}"] if key in seen else []
            seen.add(key)
        return found

    def _letter(self, path: Path) -> Letter:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        text = "" if body is None else str(body.get_content())
        link = re.search(re.escape(self.page) + r"/a/[^\s<>\"]+", text)
        code = _CODE.search(text)
        answer_to = message.get("Reply-To") or message.get("From")
        return Letter(
            path=path,
            box=path.parent.parent.name,
            real=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            message_id=str(message.get("X-Wuyu-Message", "")),
            level=str(message.get("X-Wuyu-Level", "")),
            action=str(message.get("X-Wuyu-Action", "")),
            sender=answer_to.addresses[0].addr_spec if answer_to else "",
            link="" if link is None else link[0],
            code="" if code is None else code[1],
            subject=str(message["Subject"]),
            text=text,
        )
