"""Kinds of values that files of settings hold, and the base of their parts: what is unknown or of another type is
refused.

Called by config.monitoring, config.alert_levels, config.datasets and config.dataset_models.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from core.files.columns import shortened

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Of valid names, in a message.
_MOST_LISTED = 20


def is_name(text: str) -> bool:
    """Whether a text can name something in the warehouse."""
    return _NAME.fullmatch(text) is not None


def _checked_name(text: str) -> str:
    if not is_name(text):
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


def _checked_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("a time zone has an IANA name such as America/New_York") from error
    return name


Name = Annotated[str, AfterValidator(_checked_name)]
Relation = Annotated[str, AfterValidator(_checked_relation)]
Timezone = Annotated[str, AfterValidator(_checked_timezone)]
# Before what pydantic makes of it.
Number = BeforeValidator(checked_number)


class Strict(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(Strict):
    """A part of the file that answers an unknown key with the nearest valid one."""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, document: Any) -> Any:
        valid = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [key for key in document if key not in valid] if isinstance(document, dict) else []
        if unknown:
            raise ValueError(f"there is no key '{unknown[0]}' here{nearest(unknown[0], valid)}")
        return document


def nearest(name: object, valid: Iterable[str]) -> str:
    """Words on the nearest of the valid names, and on all of them: the end of a sentence about an unknown one."""
    valid = list(valid)
    near = difflib.get_close_matches(str(name).lower(), valid, n=1)
    meant = f", '{near[0]}' is near" if near else ""
    return f"{meant}: use one of {shortened(valid, _MOST_LISTED)}"


def first_error(error: ValidationError, file: str) -> str:
    """What is wrong with a file, in one line: the place of the first error, its words, what stands there, how many."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    words = first["msg"].removeprefix("Value error, ")
    return f"{file}, {place}: {words}{found_words(first)}; {error.error_count()} in all"


def found_words(error: Mapping[str, Any]) -> str:
    """What stands there, of a setting that there is: another file than the one that is meant may have been named."""
    value = error["input"]
    if not error["loc"] or error["type"] == "extra_forbidden" or isinstance(value, dict | list):
        return ""
    return f" (found {repr(value)[:80]})"
