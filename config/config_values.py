"""Kinds of values that monitoring.yml holds, and the base of its parts: what is unknown or of another type is refused.

Called by config.monitoring and config.alert_levels.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _checked_name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("a name has lower-case letters, digits and underscores, and begins with a letter")
    return text


def _checked_relation(text: str) -> str:
    if text.count(".") != 1 or not all(_NAME.fullmatch(part) for part in text.split(".")):
        raise ValueError("a relation is written schema.table")
    return text


def checked_number(value: object) -> object:
    # YAML reads yes and no as truth values, which pydantic would take for 1 and 0; and quoted numbers as text.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is needed")
    return value


Name = Annotated[str, AfterValidator(_checked_name)]
Relation = Annotated[str, AfterValidator(_checked_relation)]
# Before what pydantic makes of it.
Number = BeforeValidator(checked_number)


class Strict(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
