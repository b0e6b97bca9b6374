"""What is said while the register of a district is not what its folder holds: where the fault is, since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from reports.words import Text
from wuyu.ledger.register import InForce, RegisterState, RegisterVersion

__all__ = ["RegisterNotice", "notice_of", "task_of"]

_MOST = 160  # characters of a message: a notice stands on a bulletin


@dataclass(frozen=True)
class RegisterNotice:
    """One notice.

    Attributes
    ----------
    text : Text
        One sentence in both languages; what stands before its colon is enough for a short message.
    is_old : bool
        True if another version than that of the folder is in use, so that products must say it.
    """

    text: Text
    is_old: bool


def notice_of(standing: InForce, zone: ZoneInfo) -> RegisterNotice | None:
    """Return what is to be said of a register; None if all is well.

    Parameters
    ----------
    standing : InForce
    zone : ZoneInfo
        In which times are told.
    """
    newest, taken = standing.newest, standing.taken
    if newest.state == RegisterState.TAKEN:
        return None
    what, since = _what(newest), f"{standing.since.astimezone(zone):%Y-%m-%d %H:%M}"
    if newest.state == RegisterState.UNKEPT or taken is None:
        zh = f"底册未能留存副本：{what.zh}；新版已启用，自{since}起如再有错将无副本可用"
        en = f"The register could not be kept: {what.en}; it is in use since {since}, but there is no copy of it"
        return RegisterNotice(Text(zh, en), is_old=False)
    version, at = taken.digest[:8], f"{taken.at.astimezone(zone):%Y-%m-%d %H:%M}"
    zh = f"底册有误，沿用旧版：{what.zh}；自{since}起沿用{at}启用的版本{version}"
    en = f"Register refused, last good one in use: {what.en}; since {since} version {version} of {at} is used"
    return RegisterNotice(Text(zh, en), is_old=True)


def task_of(version: RegisterVersion) -> dict[str, Any]:
    """Return the detail of the operator's task for a version that was refused or could not be kept."""
    what = _what(version)
    if version.state == RegisterState.REFUSED:
        zh = f"底册有误，已沿用上一有效版本：{what.zh}。请改正，改正后自动启用（wuyu district check 列出全部）"
        en = f"the register is refused, the last good one goes on: {what.en}. Once mended it is taken over by itself"
    else:
        zh = f"底册副本无法留存：{what.zh}。请检查磁盘"
        en = f"no copy of the register can be kept: {what.en}. Look at the disk"
    return {"task": f"{zh} / {en}", "register": version.digest, "state": version.state}


def _what(version: RegisterVersion) -> Text:
    first = version.findings[0]
    said = str(first["message"]) + ("" if first["value"] is None else f" ({first['value']!r})")
    said = " ".join(said.split())
    said = said if len(said) <= _MOST else said[: _MOST - 1] + "…"
    others = len(version.findings) + version.more - 1
    zh, en = _place(first)
    more = Text(f"（另有{others}处）", f" (+{others})") if others else Text("", "")
    return Text(f"{zh}{more.zh}：{said}", f"{en}{more.en}: {said}")


def _place(finding: Mapping[str, Any]) -> tuple[str, str]:
    file, row, column = finding["file"], finding["row"], finding["column"]
    zh, en = str(file), str(file)
    if row is not None:
        zh, en = f"{zh}第{row}行", f"{en}, row {row}"
    if column is not None:
        zh, en = f"{zh}{column}列", f"{en}, column {column}"
    return zh, en
