"""Settings of the feeds: where rain comes from, a folder, HTTP, SFTP or an SQL query."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, PlainValidator, model_validator

from risk_models.district.files import FilePath, Record
from risk_models.district.outgoing import LOOPBACK

__all__ = [
    "AnyFeedSettings",
    "FeedSettings",
    "FolderFeedSettings",
    "HttpFeedSettings",
    "SftpFeedSettings",
    "SqlFeedSettings",
    "step_minutes",
]

_SECRET_WORDS = re.compile(r"(?i)(?:^|&)[^=&]*(?:token|secret|passw|pwd|api_?key|appkey|access_?key|signature)[^=&]*=")


def step_minutes(step_h: float) -> int | None:
    """Return a step written in hours in whole minutes: 0.167 h are ten; None if it is none within one in a hundred.

    Examples
    --------
    >>> step_minutes(0.1666667), step_minutes(0.25), step_minutes(0.17)
    (10, 15, None)
    """
    minutes = round(60.0 * step_h)
    return minutes if minutes >= 1 and abs(60.0 * step_h - minutes) <= 0.01 * minutes else None


def _feed_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_right or re.search(r"\s", value):
        raise ValueError("must be a whole address, http or https; e.g. https://data.example/gauges.csv")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user and no password; name an environment variable in header_env instead")
    if _SECRET_WORDS.search(parts.query):
        raise ValueError("must hold no key or token; name an environment variable in header_env instead")
    if re.search(r"%(?![YmdHMj])", value.replace("%%", "")):
        raise ValueError("may hold the time fields %Y %m %d %H %M %j only; write a plain percent sign as %%")
    return value


def _select_query(value: str) -> str:
    text = value.strip().rstrip(";").strip()
    if ";" in text or re.match(r"(?i)(select|with)\b", text) is None:
        raise ValueError("must be one SELECT (or WITH ... SELECT) that gives time, gauge_id and rain_mm, or sights")
    return text


Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")]
KindName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,63}$")]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]
UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$")]
RemotePath = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,1000}$")]


class FeedSettings(Record):
    """What every feed says of itself, wherever it comes from.

    Attributes
    ----------
    id : str
    kind : str
        Reader of its files, e.g. gauge_table or ensemble_netcdf; observations: what was seen at places;
        signals: what a weather office issued.
    stale_after_h : float
        Age of the newest value from which the feed counts as late [h].
    every_min : int
        Minutes between two looks.
    availability_delay_min : int
        Minutes from the issue of a forecast, or the end of a step of observed rain, until it can be had. A replay from
        an archive leaves out what was not there yet.
    merge : bool
        Of observed maps (radar, satellite): use their pattern between the gauges in the newest hours. Off unless shown
        to help here: a poor radar makes rain at hotspots worse than the gauges alone.
    options : dict
        Options of the reader, e.g. ``{label: begin, unit: inch}`` for gauge_table.
    """

    id: Code
    kind: KindName
    stale_after_h: Annotated[float, Field(gt=0, le=240)]
    every_min: Annotated[int, Field(ge=1, le=1440)] = 10
    availability_delay_min: Annotated[int, Field(ge=0, le=2880)] = 0
    merge: bool = False
    options: dict[KindName, float | str | tuple[float, float] | tuple[float, float, float, float]] = Field(
        default_factory=dict
    )

    @property
    def table_step_h(self) -> float:
        """Step of the rain in a gauge table [h]: an hour, unless the option ``step_h`` says another."""
        stated = self.options.get("step_h", 1.0)
        minutes = step_minutes(stated) if isinstance(stated, int | float) else None
        return 1.0 if minutes is None else minutes / 60.0

    @model_validator(mode="after")
    def _merges_maps_only(self) -> Self:
        if self.merge and self.kind in ("gauge_table", "ensemble_netcdf", "observations", "open_meteo", "signals"):
            raise ValueError(f"merge is for maps of observed rain, such as radar; {self.kind} holds none")
        return self


class FolderFeedSettings(FeedSettings):
    """A file or a drop folder below the district folder.

    Attributes
    ----------
    path : str
    """

    source: Literal["folder"] = "folder"
    path: FilePath


class HttpFeedSettings(FeedSettings):
    """An address to ask.

    Attributes
    ----------
    url : str
        With ``%Y %m %d %H %M %j`` where the issue time (UTC) goes; a plain percent sign is written ``%%``.
    issue_step_h : int or None
        Hours between two issues; required if, and only if, `url` has time fields.
    lookback_h : int
        Issues older than this are not asked for [h].
    header_env : dict of str to str
        Request header to the environment variable that holds its whole value.
    ca_file : str or None
        Certificate authority to trust instead of the public ones, below the district folder.
    total_timeout_s : float
        Limit of one request with all its tries [s].
    max_mb : int
        Largest answer, unpacked [MB].
    """

    source: Literal["http"]
    url: Annotated[str, AfterValidator(_feed_url)]
    issue_step_h: Annotated[int, Field(ge=1, le=24)] | None = None
    lookback_h: Annotated[int, Field(ge=1, le=720)] = 24
    header_env: dict[HeaderName, EnvName] = Field(default_factory=dict)
    ca_file: FilePath | None = None
    total_timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    max_mb: Annotated[int, Field(ge=1, le=512)] = 64

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        parts = urlsplit(self.url)
        has_fields = "%" in self.url.replace("%%", "")
        if has_fields != (self.issue_step_h is not None):
            raise ValueError("issue_step_h is needed if the url has time fields, and only then")
        if self.header_env and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("a secret header needs an https address")
        return self


class SftpFeedSettings(FeedSettings):
    """A folder or file on an SFTP server whose host key is known beforehand.

    Attributes
    ----------
    host, port, username, path
        Of the server; `path` is a file or a folder there.
    pattern : str
        Names to take from a folder, e.g. ``*.csv``.
    known_hosts : str
        File with the server's host key, below the district folder.
    password_env, key_env : str or None
        Environment variable that holds the password, or the path of a private key file; one of the two.
    total_timeout_s : float
        Limit of one look [s].
    max_mb : int
        Largest file [MB].
    """

    source: Literal["sftp"]
    host: HostName
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    username: UserName
    path: RemotePath
    pattern: Annotated[str, Field(min_length=1, max_length=200)] = "*"
    known_hosts: FilePath
    password_env: EnvName | None = None
    key_env: EnvName | None = None
    total_timeout_s: Annotated[float, Field(gt=0, le=600)] = 120.0
    max_mb: Annotated[int, Field(ge=1, le=512)] = 64

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.password_env is None) == (self.key_env is None):
            raise ValueError("name either password_env or key_env")
        return self


class SqlFeedSettings(FeedSettings):
    """A query against a database that holds the gauges' rain.

    Attributes
    ----------
    url_env : str
        Environment variable that holds the SQLAlchemy URL of the database (SQLite or PostgreSQL).
    query : str
        One SELECT that gives time, gauge_id and rain_mm (of observations: hotspot_id, seen_at, source, seen, depth_m,
        by; of signals: kind, colour, number, issued_at, valid_until, area, office); ``:since`` stands for the earliest
        time that is needed.
    lookback_h : int
        How far back `since` lies [h].
    total_timeout_s : float
        Limit of the query [s].
    max_rows : int
        Most rows taken.
    """

    source: Literal["sql"]
    url_env: EnvName
    query: Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_select_query)]
    lookback_h: Annotated[int, Field(ge=1, le=720)] = 96
    total_timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_rows: Annotated[int, Field(ge=1, le=5_000_000)] = 1_000_000


class _SourceName(BaseModel):
    """Only the word by which the settings of a feed are told apart."""

    source: Literal["folder", "http", "sftp", "sql"] = "folder"


_FEED_MODELS: dict[str, type[FeedSettings]] = {
    "folder": FolderFeedSettings,
    "http": HttpFeedSettings,
    "sftp": SftpFeedSettings,
    "sql": SqlFeedSettings,
}


def _by_source(value: Any) -> FeedSettings:
    """Read a feed by its `source`; errors are those of the one model meant, not of all four."""
    if isinstance(value, FeedSettings):
        return value
    name = _SourceName.model_validate(value).source if isinstance(value, dict) else "folder"
    return _FEED_MODELS[name].model_validate(value)


AnyFeedSettings = Annotated[
    FolderFeedSettings | HttpFeedSettings | SftpFeedSettings | SqlFeedSettings, PlainValidator(_by_source)
]
