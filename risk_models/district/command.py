"""The flood command of a district as its settings name it: who may start a response, who is consulted."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from risk_models.district.files import Record
from risk_models.district.reporting import BilingualName, Text

__all__ = ["COMMAND_ROLES", "DECIDING_ROLES", "CommandPost", "CommandRole"]

CommandRole = Literal["commander", "executive_deputy", "task_force", "member_unit"]

COMMAND_ROLES: dict[str, tuple[str, str]] = {
    "commander": ("指挥长", "commander"),
    "executive_deputy": ("常务副指挥长", "executive deputy commander"),
    "task_force": ("专班", "task force"),
    "member_unit": ("成员单位", "member unit"),
}
"""Roles of a command, and how they are called in Chinese and English."""
DECIDING_ROLES = ("commander", "executive_deputy")
"""Roles that start, change and end the flood response."""


class CommandPost(Record):
    """One post of the command.

    Attributes
    ----------
    role : str
        commander, executive_deputy, task_force or member_unit.
    unit : BilingualName or None
        Task force or department; needed for these two.
    name : str or None
        Who holds it; None: not named here.
    phone : str or None
    """

    role: CommandRole
    unit: BilingualName | None = None
    name: Text | None = None
    phone: Annotated[str, Field(pattern=r"^\+?[0-9][0-9 -]{2,30}$")] | None = None

    @model_validator(mode="after")
    def _a_unit_has_its_name(self) -> Self:
        if self.role not in DECIDING_ROLES and self.unit is None:
            raise ValueError(f"a {self.role} needs the name of its unit: unit: {{zh: ..., en: ...}}")
        return self
