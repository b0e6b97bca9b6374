"""Where things are: the desk and its ledger as the environment describes them, for DAG tasks and for verbs."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from risk_models.errors import ConfigError

if TYPE_CHECKING:
    from wuyu.delivery.smtp import SmtpTransport
    from wuyu.desk import Desk
    from wuyu.station import Station

__all__ = [
    "desk_from_environment",
    "environment",
    "station_from_environment",
    "transport_from_environment",
]


def environment(*, district: Path, out: Path, smtp_host: str = "", smtp_port: int = 0) -> dict[str, str]:
    """Return the variables that describe a desk to a child process.

    Examples
    --------
    >>> sorted(environment(district=Path("data/erqi"), out=Path("out")))
    ['WUYU_DISTRICT', 'WUYU_OUT', 'WUYU_SMTP_HOST', 'WUYU_SMTP_PORT']
    """
    return {
        "WUYU_DISTRICT": str(district.absolute()),
        "WUYU_OUT": str(out.resolve()),
        "WUYU_SMTP_HOST": smtp_host,
        "WUYU_SMTP_PORT": str(smtp_port),
    }


def desk_from_environment() -> Desk:
    """Open the desk of ``WUYU_DISTRICT`` and ``WUYU_OUT``; a process opens it once.

    Raises
    ------
    ConfigError
        If a variable is not set.
    """
    return _open(_variable("WUYU_DISTRICT"), _variable("WUYU_OUT"))


def station_from_environment() -> Station:
    """Open the station of ``WUYU_DISTRICT`` and ``WUYU_OUT``; a process opens it once.

    Raises
    ------
    ConfigError
        If a variable is not set.
    """
    return _open_station(_variable("WUYU_DISTRICT"), _variable("WUYU_OUT"))


@lru_cache(maxsize=1)
def _open_station(district: str, out: str) -> Station:
    from wuyu.station import open_station

    return open_station(Path(district), Path(out))


@lru_cache(maxsize=1)
def _open(district: str, out: str) -> Desk:
    from wuyu.desk import open_desk

    return open_desk(Path(district), Path(out))


def transport_from_environment() -> SmtpTransport:
    """Return the way to the mail server of ``WUYU_SMTP_HOST`` and its kin; the password never stands in a file.

    Raises
    ------
    ConfigError
        If the host is not set.
    """
    from wuyu.delivery.smtp import SmtpSettings, SmtpTransport

    return SmtpTransport(
        SmtpSettings(
            host=_variable("WUYU_SMTP_HOST"),
            port=int(os.environ.get("WUYU_SMTP_PORT") or 25),
            starttls=os.environ.get("WUYU_SMTP_STARTTLS", "") == "1",
            username=os.environ.get("WUYU_SMTP_USER", ""),
            password=os.environ.get("WUYU_SMTP_PASSWORD", ""),
        )
    )


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(f"the environment variable {name} is not set; `wuyu up` and `wuyu demo` set it")
    return value
