"""What the watcher goes by: the settings of the district, or the last that could be read, and an honest clock."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from risk_models.district.settings import SETTINGS_FILE, DistrictSettings
from risk_models.district.settingsfile import load_settings
from risk_models.errors import BadInputError, ConfigError
from risk_models.files import write_whole
from wuyu.clock import CLOCK_VARIABLE, WALL, ProcessClock, process_clock, require_honest_clock
from wuyu.register.copies import FOLDER
from wuyu.watch.watcher import Problem

__all__ = ["COPY", "clock_in_force", "settings_in_force"]

COPY: Final = "settings.json"
"""The last settings that could be read, in ``<out>/watch``; they name secrets' variables, never secrets."""


def settings_in_force(district: str | Path, out: Path) -> tuple[DistrictSettings | None, list[Problem]]:
    """Return the settings to watch by, and what is wrong with those of the district.

    Settings that can be read are kept as a copy. If they cannot, the last good register or the copy says whom to tell:
    that is what the watcher is for.

    Parameters
    ----------
    district : str or Path
        District folder.
    out : Path
        Folder of the products.

    Returns
    -------
    settings : DistrictSettings or None
        None if the settings cannot be read and there is no copy.
    problems : list of Problem
    """
    try:
        settings = load_settings(district)
    except Exception as error:  # whatever is wrong with the file, the alarm must go out
        return _of_register(out) or _copy(out), [_broken(error)]
    try:
        _keep(out, settings)
    except OSError as error:
        zh, en = "监视程序无法保存设置副本", "the watcher cannot keep a copy of the settings"
        return settings, [Problem("disk", f"{zh}（{error.strerror}）", f"{en}: {error.strerror}")]
    return settings, []


def clock_in_force(settings: DistrictSettings | None) -> tuple[ProcessClock, list[Problem]]:
    """Return the clock to watch by, and what is wrong with that of the process.

    A drill is watched by its own clock. In earnest, or where nobody knows whether it is, the watcher goes by the wall
    clock and says that another was set: everything else refuses to work then.
    """
    try:
        clock = process_clock()
        if settings is not None:
            require_honest_clock(settings)
        clock.now()
    except ConfigError as error:
        return WALL, [_no_clock(str(error))]
    if settings is None and not clock.is_wall:
        return WALL, [_no_clock(clock.told[1])]
    return clock, []


def _no_clock(why: str) -> Problem:
    return Problem(
        "clock",
        f"{CLOCK_VARIABLE}所设时钟不能用，预警业务均已拒绝运行，本告警按实际时间发出：{why}",
        f"the clock that {CLOCK_VARIABLE} sets cannot be used, and nothing works by it; this alarm goes by the wall "
        f"clock: {why}",
    )


def _broken(error: Exception) -> Problem:
    findings = error.findings if isinstance(error, BadInputError) else ()
    said = "; ".join(str(finding) for finding in findings[:2]) or f"{type(error).__name__}: {error}"
    more = f" (+{len(findings) - 2})" if len(findings) > 2 else ""
    said = " ".join(said.split())[:400] + more
    return Problem(
        "settings",
        f"{SETTINGS_FILE}无法使用，沿用此前有效的设置：{said}",
        f"{SETTINGS_FILE} cannot be used; the last good settings go on: {said}",
    )


def _of_register(out: Path) -> DistrictSettings | None:
    """Return the settings of the last good register, which is what everything else goes by."""
    try:
        return load_settings(out / FOLDER)
    except (BadInputError, OSError):
        return None


def _keep(out: Path, settings: DistrictSettings) -> None:
    path, text = out / "watch" / COPY, settings.model_dump_json(warnings=False)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    write_whole(path, text)


def _copy(out: Path) -> DistrictSettings | None:
    try:
        return DistrictSettings.model_validate_json((out / "watch" / COPY).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
