"""One family of errors, and the finding: one problem in one place, said so that it can be mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, NoReturn

__all__ = ["BadInputError", "ConfigError", "DispatchError", "Finding", "FloodRiskError", "refuse"]

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem found in an input.

    Attributes
    ----------
    code : str
        Stable kebab-case name of the kind of problem, e.g. ``duplicate-id``.
    message : str
        What is wrong, in one sentence.
    file : str
        File name relative to the district folder (or as given).
    row : int or None
        1-based row as a person sees it in the file (the header of a CSV is row 1); None for the whole file.
    column : str or None
        Column, key path or attribute.
    value : str or None
        The offending value as text.
    accepted : str
        What would be accepted.
    fix : str
        What to do.
    severity : {"error", "warning"}
        An error stops the load; a warning is reported and carried along.

    Examples
    --------
    >>> f = Finding(code="negative-rain", message="rain is negative", file="gauges.csv", row=7,
    ...             column="57083", value="-9", accepted="0 to 401 mm in 1 h", fix="mark it missing (empty cell)")
    >>> print(f)
    gauges.csv, row 7, column 57083: rain is negative (found '-9'; accepted: 0 to 401 mm in 1 h). \
Mark it missing (empty cell). [negative-rain]
    """

    code: str
    message: str
    file: str
    row: int | None = None
    column: str | None = None
    value: str | None = None
    accepted: str = ""
    fix: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        where = self.file
        if self.row is not None:
            where += f", row {self.row}"
        if self.column is not None:
            where += f", column {self.column}"
        notes = []
        if self.value is not None:
            notes.append(f"found '{self.value}'")
        if self.accepted:
            notes.append(f"accepted: {self.accepted}")
        note = f" ({'; '.join(notes)})" if notes else ""
        fix = f" {self.fix[0].upper()}{self.fix[1:]}." if self.fix else ""
        return f"{where}: {self.message}{note}.{fix} [{self.code}]"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain types, for JSON."""
        return asdict(self)


class FloodRiskError(Exception):
    """Root of every error that wuyu raises on purpose."""


class ConfigError(FloodRiskError):
    """A setting is missing, unknown or contradictory."""


class BadInputError(FloodRiskError):
    """An input cannot be used; carries every finding, not only the first.

    Parameters
    ----------
    what : str
        What was being read.
    findings : iterable of Finding
        At least one.

    Examples
    --------
    >>> raise BadInputError("district", [Finding(code="missing-file", message="no such file", file="dem.tif")])
    Traceback (most recent call last):
    ...
    BadInputError: district: 1 problem
      dem.tif: no such file. [missing-file]
    """

    def __init__(self, what: str, findings: Iterable[Finding]) -> None:
        self.what = what
        self.findings = tuple(findings)
        n = len(self.findings)
        lines = "\n".join(f"  {f}" for f in self.findings)
        super().__init__(f"{what}: {n} problem{'' if n == 1 else 's'}\n{lines}")


class DispatchError(FloodRiskError):
    """A message could not be handed over."""


def refuse(
    file: str,
    code: str,
    message: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: object = None,
    accepted: str = "",
    fix: str = "",
) -> NoReturn:
    """Refuse a file with one finding; of a long value its begin is told.

    Raises
    ------
    BadInputError
        Always.

    Examples
    --------
    >>> refuse("teams.csv", "empty-file", "the file is empty")
    Traceback (most recent call last):
    ...
    BadInputError: teams.csv: 1 problem
    """
    finding = Finding(
        code=code,
        message=message,
        file=file,
        row=row,
        column=column,
        value=None if value is None else str(value)[:200],
        accepted=accepted,
        fix=fix,
    )
    raise BadInputError(file, [finding])
