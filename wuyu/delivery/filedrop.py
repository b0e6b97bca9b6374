"""Lay files down for another system to pick up: CAP, PDF, and at last the index that says they are complete.

Each file is written aside, flushed to the disk and renamed, so that a reader sees all of it or nothing; the index comes
last and names the others with their digests. Laying the same message down again changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from risk_models.files import leftovers, write_whole
from wuyu.delivery.smtp import Outcome, SmtpStage
from wuyu.delivery.summary import FILES_SCHEMA, as_bytes
from wuyu.ledger.types import OutboxState
from wuyu.messages.guard import Target

__all__ = ["FileDropTransport"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")


def _nothing(_step: str) -> None:
    """Pass a checkpoint by."""


class FileDropTransport:
    """Lays bundles down in one folder.

    Parameters
    ----------
    target : Target
    folder : Path
        Must be there: a folder that is absent is a share that is not mounted, and is tried again.
    """

    longest_s = 60.0

    def __init__(self, target: Target, folder: Path) -> None:
        self.channel = target.channel
        self.target: Target | None = target
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def send(
        self,
        sender: str,  # noqa: ARG002
        recipient: str,  # noqa: ARG002
        body: bytes,
        *,
        checkpoint: Callable[[str], None] = _nothing,
    ) -> Outcome:
        """Lay one bundle down; never raises for what the folder does.

        Parameters
        ----------
        sender, recipient : str
            Of the row.
        body : bytes
            From `file_bundle`.
        checkpoint : callable
            Called with the name of each step reached; for drills.

        Returns
        -------
        Outcome
            ``sent``; ``retry`` if the folder cannot be written; ``failed`` if the bundle is none, or another file
            stands under one of its names.
        """
        try:
            files = _unpacked(body)
        except (ValueError, KeyError, TypeError) as error:
            text = f"the bundle cannot be unpacked: {error}"
            return Outcome(state=OutboxState.FAILED, stage=SmtpStage.GUARD, code=None, text=text)
        try:
            checkpoint("connected")
            for number, (name, data) in enumerate(files):
                if number == len(files) - 1:
                    checkpoint("body")
                if not _lay_down(self.folder, name, data):
                    text = f"another file stands in the folder as {name}"
                    return Outcome(state=OutboxState.FAILED, stage=SmtpStage.BODY, code=None, text=text)
            _sweep(self.folder, [name for name, _ in files])
            checkpoint("accepted")
        except OSError as error:
            text = f"{error.strerror or error} ({self.folder.name})"
            return Outcome(state=OutboxState.RETRY, stage=SmtpStage.BODY, code=None, text=text, is_session_fault=True)
        text = f"{len(files)} files in {self.folder.name}"
        return Outcome(state=OutboxState.SENT, stage=SmtpStage.DONE, code=None, text=text)


def _unpacked(body: bytes) -> list[tuple[str, bytes]]:
    """Return names and contents, the index last.

    Raises
    ------
    ValueError
        If it is no bundle, a name is not a bare file name, or a digest does not fit.
    """
    bundle: dict[str, Any] = json.loads(body)
    if bundle["schema"] != FILES_SCHEMA:
        raise ValueError(f"it has the schema {bundle['schema']!r}")
    files = []
    for one in bundle["files"]:
        data = base64.b64decode(one["content"], validate=True)
        if hashlib.sha256(data).hexdigest() != one["sha256"]:
            raise ValueError(f"{one['name']} does not have its digest")
        files.append((_bare(one["name"]), data))
    return [*files, (_bare(f"{bundle['message_id']}.json"), as_bytes(bundle["index"]))]


def _bare(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no bare file name")
    return name


def _sweep(folder: Path, names: list[str]) -> None:
    """Remove what a relay that was killed left aside of files that now stand under their names."""
    for name in names:
        for aside in leftovers(folder, name):
            aside.unlink(missing_ok=True)


def _lay_down(folder: Path, name: str, data: bytes) -> bool:
    """Write one file; False if another stands there, True also if the same stands there already."""
    path = folder / name
    if path.exists():
        return path.is_file() and path.read_bytes() == data
    write_whole(path, data, make_folder=False)
    return True
