"""The script of a drill: when what arrives, who answers how, what goes wrong, and what is expected by when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from risk_models.errors import ConfigError

__all__ = ["Cast", "Expectation", "Inject", "Scene", "Script", "Town", "read_script"]

Minutes = Annotated[float, Field(ge=0, le=1440)]
Manner = Literal["page", "cannot_act", "mail", "question", "wrong_code", "forged", "never"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Part):
    """The same in Chinese and English."""

    zh: str
    en: str


class Town(_Part):
    """How a town answers.

    Attributes
    ----------
    answers : str
        ``page`` and ``mail``: received; ``cannot_act``: on the page; ``question``: a mail that asks something;
        ``wrong_code``, ``forged``: a mail that proves nothing; ``never``.
    after_min : float
        Minutes of the drill's clock from the arrival of the mail.
    """

    answers: Manner = "page"
    after_min: Minutes = 0.1


class Officer(_Part):
    """How the officer signs: by the ``form`` of Airflow or by the ``verb``, how late, or ``never``."""

    name: str = "值班长（演练）"
    by: Literal["form", "verb", "never"] = "form"
    after_min: Minutes = 0.1


class Cast(_Part):
    """Who plays: towns by their code, all others as `others`, and the officer."""

    towns: dict[str, Town] = {}
    others: Town = Town()
    officer: Officer = Officer()


class Inject(_Part):
    """Something that goes wrong, or is mended again; which words go with it, `wuyu.drill.injects` says.

    Attributes
    ----------
    after_s : float
        Real seconds after the scene began.
    once : str
        Not before something expected in the scene has come: a kind of expectation.
    seconds : float
        For which something stays away.
    hours : float
        How old an old file is, or since when a gauge is silent.
    """

    kind: str
    feed: str = ""
    gauge: str = ""
    file: str = ""
    hours: float = 0.0
    after_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    once: str = ""
    seconds: Annotated[float, Field(ge=0, le=600)] = 0.0


class Expectation(_Part):
    """What must come, or must not, and by when.

    Attributes
    ----------
    what : str
        A kind of `wuyu.drill.expect`.
    within_min : float
        Due so many minutes of the drill's clock after the scene began.
    to : str
        Of mails: ``towns``, ``officer``, ``next_officer``, ``upward``, the code of a town, or an address.
    contains : str
        Words of a task or of a line of the log.
    earlier : bool
        True if it may have come in an earlier scene, by its own deadline.
    """

    what: str
    within_min: Minutes = 5.0
    to: str = "towns"
    purpose: str = "bulletin"
    town: str = ""
    feed: str = ""
    state: str = ""
    contains: str = ""
    count: Annotated[int, Field(ge=1)] = 1
    earlier: bool = False
    ladder_from: Annotated[int, Field(ge=0, le=6)] = 0


class Scene(_Part):
    """One moment of the drill: the clock goes to `at`, things happen, expectations begin to run.

    Attributes
    ----------
    at : datetime
    cycle : bool
        True if the hourly schedule of the warning cycle falls into the time that was skipped.
    brief : bool
        The same of the district brief.
    pull : bool
        False if nobody looks into the feeds.
    back : bool
        True to set the clock back to `at`.
    """

    at: AwareDatetime
    name: Words
    injects: tuple[Inject, ...] = ()
    expect: tuple[Expectation, ...] = ()
    officer: Officer | None = None
    cycle: bool = False
    brief: bool = False
    pull: bool = True
    back: bool = False


class Script(_Part):
    """A whole drill.

    Attributes
    ----------
    begin : datetime
        What arrived before lies in the feeds.
    delay_min : dict of str to float
        Minutes from the time a file speaks of to its arrival, by feed.
    settings : dict
        Laid over ``district.yaml`` of the copy.
    """

    name: Words
    begin: AwareDatetime
    delay_min: dict[str, Minutes] = {}
    settings: dict[str, Any] = {}
    cast: Cast = Cast()
    scenes: tuple[Scene, ...]

    def at_of(self, number: int) -> datetime:
        """Return when a scene begins."""
        return self.scenes[number].at


def read_script(path: Path) -> Script:
    """Read and check the script of a drill.

    Raises
    ------
    ConfigError
        Names file, place, what was found and what is accepted.
    """
    from wuyu.drill.expect import KINDS
    from wuyu.drill.injects import INJECTS

    try:
        script = Script.model_validate(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"the script {path} cannot be read ({error.strerror}); give one with --script") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {place}: {first['msg']}; found {str(first['input'])[:60]!r}") from None
    for number, scene in enumerate(script.scenes, start=1):
        _check([one.kind for one in scene.injects], INJECTS, f"{path}: scene {number}: inject")
        _check([one.what for one in scene.expect], KINDS, f"{path}: scene {number}: expectation")
        expected = {one.what for one in scene.expect}
        _check([one.once for one in scene.injects if one.once], expected, f"{path}: scene {number}: once")
    return script


def _check(names: list[str], known: Any, place: str) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{place} {name!r} is not known; accepted: {', '.join(sorted(known))}")
