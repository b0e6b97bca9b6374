"""Which register is in force: that of the district folder if it is good, else the last that was.

A folder is taken or refused as a whole. What is new and good is taken over by the next desk that is opened; what is bad
is noted once, and its task ends when it is mended.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from risk_models.district.digests import content_hash, file_digest, register_digests
from risk_models.district.settings import SETTINGS_FILE, DistrictSettings
from risk_models.district.settingsfile import load_settings
from risk_models.errors import BadInputError, Finding
from wuyu.clock import require_honest_clock, time_now
from wuyu.ledger.faults import LedgerError, LedgerFaultError
from wuyu.ledger.register import (
    InForce,
    RegisterState,
    RegisterVersion,
    findings_of,
    note_version,
    standing_of,
)
from wuyu.ledger.store import Ledger
from wuyu.register.copies import FOLDER, copied_aside, keep, kept_at, show_settings
from wuyu.register.notice import RegisterNotice, notice_of, task_of

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["district_in_force", "settings_in_force", "settings_taken", "settings_without_ledger"]

_MOST_FINDINGS = 20
_UNREADABLE = "unreadable"
#: Problems that a slip elsewhere may have made, e.g. a wrong id in the table that is referred to.
_FOLLOWS = {"unknown-reference": 1, "contradiction": 2}


@dataclass(frozen=True)
class _Place:
    """Where a register comes from, where it is kept, and when that is looked at."""

    root: Path
    out: Path
    ledger: Ledger
    now: datetime

    @property
    def folder(self) -> str:
        # Links are not followed: a folder that is exchanged behind one is the same register.
        return os.path.normpath(self.root.absolute())

    def standing(self) -> InForce | None:
        return standing_of(self.ledger, self.folder)


def district_in_force(
    root: Path, out: Path, ledger: Ledger, *, now: datetime
) -> tuple[District, RegisterNotice | None]:
    """Return the district to work with, and what is to be said of it.

    Parameters
    ----------
    root : Path
        The district folder.
    out : Path
        Folder of the products, in which good versions are kept.
    ledger : Ledger
    now : datetime
        Aware; when a version that is new to the ledger was found.

    Raises
    ------
    BadInputError
        With every problem of the folder, if none was ever good or the last good one cannot be read.
    ConfigError
        If the folder works in earnest and the clock is not the wall clock.
    """
    place = _Place(Path(root), out, ledger, now)
    before, digests = place.standing(), _digests(place.root)
    try:
        district = _newest(place, digests, before)
    except (LedgerError, LedgerFaultError):  # nothing is wrong with the folder
        raise
    except Exception as error:  # whatever is wrong with a folder, what was decided must go on
        if before is None or before.taken is None:
            raise
        district = _last_good(place, before.taken, error)
        _note(place, _refused(place, digests, before.taken, error))
    return district, _notice(place, district.settings)


def settings_in_force(
    root: Path, out: Path, ledger: Ledger, *, now: datetime
) -> tuple[DistrictSettings, RegisterNotice | None]:
    """Return the settings of the register in force; the tables are read only if the settings are new to the ledger.

    Parameters and answer are those of `district_in_force`.

    Raises
    ------
    BadInputError
        As `district_in_force` does; with the problems of the settings alone if no register was ever taken.
    """
    place = _Place(Path(root), out, ledger, now)
    standing = place.standing()
    if standing is None:
        return load_settings(root, check_crs=False), None
    if _is_known(place, standing):
        settings = _known_settings(place, standing)
        return settings, notice_of(standing, ZoneInfo(settings.district.timezone))
    if standing.taken is not None:
        try:
            load_settings(root, check_crs=False)
        except BadInputError as error:
            settings = _kept_settings(place, standing.taken, error)
            only = {SETTINGS_FILE: file_digest(place.root / SETTINGS_FILE)}
            _note(place, _refused(place, only, standing.taken, error))
            return settings, _notice(place, settings)
    district, notice = district_in_force(root, out, ledger, now=now)
    return district.settings, notice


def settings_taken(root: Path, out: Path, ledger: Ledger) -> DistrictSettings | None:
    """Return the settings of the newest version that others took into use; None if none was.

    For who runs for long and decides nothing: no table is read and nothing is noted, whatever stands in the folder.

    Raises
    ------
    BadInputError
        If that version is kept no more.
    """
    place = _Place(Path(root), out, ledger, now=time_now())
    standing = place.standing()
    if standing is None or standing.taken is None:
        return None
    return _known_settings(place, standing)


def settings_without_ledger(root: Path, out: Path) -> DistrictSettings:
    """Return the settings of a folder, or those of the last good register if they cannot be read.

    For who starts what opens the ledger later.

    Raises
    ------
    BadInputError
        With every problem of the settings, if none were ever good.
    """
    try:
        return load_settings(root)
    except BadInputError:
        if not (out / FOLDER / SETTINGS_FILE).is_file():
            raise
        return load_settings(out / FOLDER)


def _newest(place: _Place, digests: Mapping[str, str], before: InForce | None) -> District:
    """Return what the folder holds, taken over if it is new; raise what is wrong with it."""
    from risk_models.district.model import load_district

    newest = None if before is None else before.newest
    if newest is not None and newest.digest == content_hash(digests):
        if newest.state == RegisterState.REFUSED:
            load_district(place.root)  # a later release may find it good
        elif newest.state == RegisterState.TAKEN:
            kept = _kept(place, newest)
            if kept is not None:
                _show(place, newest)
                return kept
    try:
        return _take(place, digests, None if before is None else before.taken)
    except (OSError, BadInputError) as error:
        district = load_district(place.root)  # raises, unless it is the copy that went wrong
        _note(place, _unkept(place, digests, district, error))
        return district


def _take(place: _Place, digests: Mapping[str, str], last: RegisterVersion | None) -> District:
    """Copy, check, keep and note a version."""
    from risk_models.district.model import load_district, seated

    before = None if last is None else kept_at(place.out, last.digest)
    with copied_aside(place.root, place.out, digests, before=before) as aside:
        district = load_district(aside, live=place.root)
        copied = register_digests(aside, district.settings)
        kept = kept_at(place.out, district.content_hash)
        keep(aside, kept, copied)
    district = seated(district, kept)
    version = _version(place, RegisterState.TAKEN, copied, district.settings.district.code)
    _note(place, version)
    _show(place, version)
    return district


def _show(place: _Place, version: RegisterVersion) -> None:
    with suppress(OSError):  # then the next desk does it
        show_settings(kept_at(place.out, version.digest), place.out)


def _kept(place: _Place, version: RegisterVersion, *, was_good: bool = False) -> District | None:
    """Return a version as it is kept; None if it is not whole."""
    from risk_models.district.model import load_district

    try:
        folder = kept_at(place.out, version.digest)
        district = load_district(folder, live=place.root, was_good=was_good)
    except (BadInputError, OSError):
        return None
    return district if district.content_hash == version.digest else None


def _last_good(place: _Place, version: RegisterVersion, error: Exception) -> District:
    district = _kept(place, version, was_good=True)
    if district is None:
        raise _lost(place, version, error) from error
    return district


def _lost(place: _Place, version: RegisterVersion, error: Exception) -> BadInputError:
    file = kept_at(Path(), version.digest).as_posix()
    message = "the last good register cannot be read either"
    lost = Finding(code="last-good-lost", message=message, file=file, fix="mend the district folder")
    return BadInputError(f"district {place.root.name}", [*_findings(place, error), lost])


def _is_known(place: _Place, standing: InForce) -> bool:
    """Return True if the ledger says what became of the settings of the folder."""
    newest, taken = standing.newest, standing.taken
    found = file_digest(place.root / SETTINGS_FILE)
    if found != newest.settings_sha256:
        return False
    if newest.state != RegisterState.REFUSED or taken is None or found == taken.settings_sha256:
        return True
    # New settings that were refused for another file may be good with the files of now.
    return content_hash(_digests(place.root)) == newest.digest


def _known_settings(place: _Place, standing: InForce) -> DistrictSettings:
    """Return settings that the ledger knows: those of the folder, or of the version before if they were refused."""
    if standing.newest.state == RegisterState.UNKEPT or standing.taken is None:
        return load_settings(place.root, check_crs=False)
    return _kept_settings(place, standing.taken, None)


def _kept_settings(place: _Place, version: RegisterVersion, error: BadInputError | None) -> DistrictSettings:
    for folder in (kept_at(place.out, version.digest), place.out / FOLDER, place.root):
        if file_digest(folder / SETTINGS_FILE) == version.settings_sha256:
            return load_settings(folder, check_crs=False)
    nothing = BadInputError(f"settings of {place.root.name}", [])
    raise _lost(place, version, error or nothing) from error


def _digests(root: Path) -> dict[str, str]:
    """Return the files of a folder with their digests; the settings alone if they cannot be used.

    Before anything is kept: a drill clock is refused in earnest.
    """
    try:
        settings = load_settings(root, check_crs=False)
    except Exception:  # what is wrong with them is said by whoever checks the folder
        return {SETTINGS_FILE: file_digest(root / SETTINGS_FILE)}
    require_honest_clock(settings)
    return register_digests(root, settings)


def _refused(place: _Place, digests: Mapping[str, str], last: RegisterVersion, error: Exception) -> RegisterVersion:
    return _version(place, RegisterState.REFUSED, digests, last.district_code, _findings(place, error))


def _unkept(place: _Place, digests: Mapping[str, str], district: District, error: Exception) -> RegisterVersion:
    code = district.settings.district.code
    return _version(place, RegisterState.UNKEPT, digests, code, _findings(place, error))


def _findings(place: _Place, error: Exception) -> list[Finding]:
    """Return what an error says, as findings: what may follow from another finding comes last."""
    if isinstance(error, BadInputError):
        errors = [finding for finding in error.findings if finding.severity == "error"]
        return sorted(errors, key=lambda finding: _FOLLOWS.get(finding.code, 0))
    if isinstance(error, OSError):
        name = Path(str(error.filename or place.root)).name
        return [Finding(code=_UNREADABLE, message=error.strerror or str(error), file=name)]
    return [Finding(code=_UNREADABLE, message=f"{type(error).__name__}: {error}", file=place.root.name)]


def _version(
    place: _Place, state: RegisterState, digests: Mapping[str, str], code: str, found: Iterable[Finding] = ()
) -> RegisterVersion:
    findings, more = findings_of(found, most=_MOST_FINDINGS)
    return RegisterVersion(
        at=place.now,
        folder=place.folder,
        district_code=code,
        state=state,
        digest=content_hash(digests),
        settings_sha256=digests[SETTINGS_FILE],
        files=dict(digests),
        findings=findings,
        more=more,
    )


def _note(place: _Place, version: RegisterVersion) -> None:
    task = None if version.state == RegisterState.TAKEN else task_of(version)
    note_version(place.ledger, version, task=task)


def _notice(place: _Place, settings: DistrictSettings) -> RegisterNotice | None:
    standing = place.standing()
    return None if standing is None else notice_of(standing, ZoneInfo(settings.district.timezone))
