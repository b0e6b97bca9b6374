"""How far rain may be off, by where it comes from and how far ahead it is told.

Rain that fell = rain that was told x exp(m + s z), z standard normal: a factor, lognormal, one for a sum of three
hours. s (`RainError.log_sd`) does not fall with lead; m is 0 where no archive says otherwise, so that the median stays.

References
----------
McMillan, H. et al. (2011) Rainfall uncertainty in hydrological modelling: an evaluation of multiplicative error models,
J. Hydrology 400, 83-94, doi:10.1016/j.jhydrol.2011.01.026: the form, not the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from risk_models.errors import BadInputError, Finding
from risk_models.files import write_whole

__all__ = [
    "LEAD_H",
    "PRIOR",
    "SOURCES",
    "RainError",
    "lead_class",
    "read_rain_error",
    "refused_rain_error_summary",
    "write_rain_error",
]

Floats = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]

#: In the order of the codes of `risk_models.forecast.rainfall.Origin`.
SOURCES: Final = ("observed", "nowcast", "forecast", "fallback")
#: Ends of the classes of lead [h]; the first begins at 0, and the last goes on beyond its end.
LEAD_H: Final = (1.0, 3.0, 6.0, 12.0, 24.0, 72.0)
#: Number of the stored form.
SCHEMA: Final = 1
#: What `RainError.source` says where nothing was learned.
PRIOR: Final = "prior"

# Assumptions; docs/methods.md says what each stands on.
_PRIOR_SD: Final[Rows] = (
    (0.2, 0.2, 0.2, 0.2, 0.2, 0.2),
    (0.4, 0.5, 0.6, 0.7, 0.8, 1.0),
    (0.5, 0.5, 0.6, 0.7, 0.8, 1.0),
    (0.6, 0.6, 0.6, 0.7, 0.8, 1.0),
)
_NO_MEAN: Final[Rows] = ((0.0,) * len(LEAD_H),) * len(SOURCES)
_NO_STORMS: Final = ((0,) * len(LEAD_H),) * len(SOURCES)


@dataclass(frozen=True, kw_only=True)
class RainError:
    """Lognormal factor between rain that was told and rain that fell, by source and lead.

    Attributes
    ----------
    log_sds : tuple of tuple of float, shape (source, lead class)
        Standard deviation of the logarithm of the factor; rows as `SOURCES`, columns as `LEAD_H`, rising in a row.
    log_means : tuple of tuple of float, shape (source, lead class)
        Its mean; 0 leaves the median of the rain as it is.
    n_storms : tuple of tuple of int, shape (source, lead class)
        Storms that each number stands on; 0 is the prior.
    source : str
        Where the numbers come from, in words.
    """

    log_sds: Rows = _PRIOR_SD
    log_means: Rows = _NO_MEAN
    n_storms: tuple[tuple[int, ...], ...] = _NO_STORMS
    source: str = PRIOR

    @classmethod
    def prior(cls) -> RainError:
        """Return what is assumed of a district without an archive; docs/methods.md names what each number stands on.

        Examples
        --------
        >>> RainError.prior().log_sd(2, [1, 3, 6, 12, 24, 72]).tolist()
        [0.5, 0.5, 0.6, 0.7, 0.8, 1.0]
        """
        return cls()

    def log_sd(self, origin: ArrayLike, lead_h: ArrayLike) -> Floats:
        """Return the standard deviation of the logarithm of the factor on each step.

        Parameters
        ----------
        origin : array_like of int
            Codes of `risk_models.forecast.rainfall.Origin`.
        lead_h : array_like
            Hours from the issue of the forecast (or the cycle time, where that is not known) to the end of the step;
            0 or less is the first class, beyond the last class the last; NaN is taken for the last, never for near.

        Returns
        -------
        ndarray
            Of the shape to which both are broadcast.

        Raises
        ------
        ValueError
            If an origin is none of the codes.

        Examples
        --------
        >>> RainError.prior().log_sd([0, 1, 2, 2], [-5, 1, 7, float("nan")]).tolist()
        [0.2, 0.4, 0.7, 1.0]
        """
        return _at(self.log_sds, origin, lead_h)

    def log_mean(self, origin: ArrayLike, lead_h: ArrayLike) -> Floats:
        """Return the mean of the logarithm of the factor on each step; parameters as of `log_sd`.

        Examples
        --------
        >>> RainError.prior().log_mean(2, [1, 30]).tolist()
        [0.0, 0.0]
        """
        return _at(self.log_means, origin, lead_h)


def lead_class(lead_h: ArrayLike) -> NDArray[np.int64]:
    """Return the number of the class of each lead [h]; NaN and all beyond the last are of the last.

    Examples
    --------
    >>> lead_class([-3, 1, 1.5, 72, 100, float("nan")]).tolist()
    [0, 0, 1, 5, 5, 5]
    """
    found = np.searchsorted(LEAD_H, np.asarray(lead_h, dtype=np.float64), side="left")
    return np.minimum(found, len(LEAD_H) - 1)


def _at(rows: Rows, origin: ArrayLike, lead_h: ArrayLike) -> Floats:
    code = np.asarray(origin)
    stray = sorted(set(np.unique(code).tolist()) - set(range(len(SOURCES))))
    if stray:
        raise ValueError(f"origin {stray[0]} is none of 0 to {len(SOURCES) - 1} ({', '.join(SOURCES)})")
    found: Floats = np.asarray(rows, dtype=np.float64)[code.astype(np.intp), lead_class(lead_h)]
    return found


_Sd = Annotated[float, Field(gt=0.0, le=3.0, allow_inf_nan=False)]
_Mean = Annotated[float, Field(ge=-3.0, le=3.0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]
T = TypeVar("T")


class _Sources(BaseModel, Generic[T]):
    """A row of every source."""

    model_config = ConfigDict(extra="forbid", strict=True)

    observed: T
    nowcast: T
    forecast: T
    fallback: T

    def rows(self) -> tuple[T, ...]:
        return tuple(getattr(self, name) for name in SOURCES)


class _Stored(BaseModel):
    """The stored form, as it is written."""

    model_config = ConfigDict(extra="forbid", strict=True, serialize_by_alias=True)

    number: Literal[1] = Field(alias="schema")
    source: Annotated[str, Field(min_length=1, max_length=200)]
    lead_h: list[float]
    log_sd: _Sources[Annotated[list[_Sd], Field(min_length=len(LEAD_H), max_length=len(LEAD_H))]]
    log_mean: _Sources[Annotated[list[_Mean], Field(min_length=len(LEAD_H), max_length=len(LEAD_H))]]
    n_storms: _Sources[Annotated[list[_Count], Field(min_length=len(LEAD_H), max_length=len(LEAD_H))]]


def write_rain_error(error: RainError, path: Path) -> Path:
    """Write a rain error as JSON, the same bytes for the same numbers; returns `path`.

    Parameters
    ----------
    error : RainError
    path : Path
    """
    rows = {"log_sd": error.log_sds, "log_mean": error.log_means, "n_storms": error.n_storms}
    stored = {"schema": SCHEMA, "source": error.source, "lead_h": list(LEAD_H)}
    stored |= {name: dict(zip(SOURCES, map(list, row), strict=True)) for name, row in rows.items()}
    return write_whole(path, json.dumps(stored, ensure_ascii=False, indent=1) + "\n")


def read_rain_error(path: Path, *, file: str | None = None) -> RainError:
    """Read a rain error that `write_rain_error` wrote.

    Parameters
    ----------
    path : Path
    file : str, optional
        What findings call it; its name by default.

    Returns
    -------
    RainError

    Raises
    ------
    BadInputError
        If it is no such file, of another schema, lacks a source or a class of lead, or holds a number that is not
        finite, not within its limits, or falls with lead; carries every finding.

    Examples
    --------
    >>> read_rain_error(Path("no-such-file.json"))
    Traceback (most recent call last):
    ...
    BadInputError: no-such-file.json: 1 problem
    """
    name = path.name if file is None else file
    try:
        stored = _Stored.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise BadInputError(name, [_finding(name, dict(one)) for one in problems]) from None
    except OSError as error:
        fix = "put the file there, or take the key `rain_error` out of district.yaml"
        message = f"the file cannot be read ({error.strerror})"
        raise BadInputError(name, [Finding(code="unreadable", message=message, file=name, fix=fix)]) from None
    findings = list(_wrong_leads(stored, name))
    if findings:
        raise BadInputError(name, findings)
    log_sd, log_mean, n_storms = stored.log_sd.rows(), stored.log_mean.rows(), stored.n_storms.rows()
    return RainError(
        log_sds=tuple(map(tuple, log_sd)),
        log_means=tuple(map(tuple, log_mean)),
        n_storms=tuple(map(tuple, n_storms)),
        source=stored.source,
    )


def _finding(file: str, problem: dict[str, Any]) -> Finding:
    column = ".".join(str(part) for part in problem["loc"]) or None
    value = None if isinstance(problem["input"], dict | list) else str(problem["input"])[:80]
    code = {"json_invalid": "not-json", "missing": "missing-key", "extra_forbidden": "unknown-key"}.get(
        problem["type"], "wrong-schema" if column == "schema" else "bad-value"
    )
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return Finding(code=code, message=message, file=file, column=column, value=value, fix=_LEARN)


def _wrong_leads(stored: _Stored, file: str) -> Iterator[Finding]:
    if tuple(stored.lead_h) != LEAD_H:
        accepted = ", ".join(f"{hours:g}" for hours in LEAD_H)
        value = ", ".join(f"{hours:g}" for hours in stored.lead_h)
        message = "the classes of lead are not those of this release"
        yield Finding(
            code="other-leads", message=message, file=file, column="lead_h", value=value, accepted=accepted, fix=_LEARN
        )
    for name, row in zip(SOURCES, stored.log_sd.rows(), strict=True):
        if any(later < earlier for earlier, later in pairwise(row)):
            message = "the error falls with lead"
            yield Finding(code="falls-with-lead", message=message, file=file, column=f"log_sd.{name}", fix=_LEARN)


_LEARN: Final = "write it anew with `wuyu learn`, or take the key `rain_error` out of district.yaml"


def refused_rain_error_summary(refused: Sequence[Finding]) -> tuple[str, str]:
    """Say that the district's own rain error was left out, and what stands in its place.

    Parameters
    ----------
    refused : sequence of Finding
        As `District.rain_error_refused`.

    Returns
    -------
    str, str
        A sentence in Chinese and in English; both empty without findings.

    Examples
    --------
    >>> broken = Finding(code="falls-with-lead", message="the error falls with lead", file="rain_error.json")
    >>> print(refused_rain_error_summary([broken])[1])
    The rain error rain_error.json is not used (the error falls with lead): the usual one is taken.
    """
    if not refused:
        return "", ""
    first = refused[0]
    return (
        f"雨量误差文件{first.file}未采用（文件有误）：按通用误差计算。",
        f"The rain error {first.file} is not used ({first.message}): the usual one is taken.",
    )
