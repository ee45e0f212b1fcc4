"""What a person typed on make's command line, as make hands it over.

make exports the names of those variables, and no others, as WAREHOUSE_TYPED, its goals as WAREHOUSE_GOALS, and the
value of each variable, as it was typed, as WAREHOUSE_ARG_<name>. Nothing of it goes through a shell's text, and what is
exported under a name of its own is not looked at. Called by pipeline.cli.main.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from config.paths import use_monitoring_file
from core.errors import UsageError

_NAMES = "WAREHOUSE_TYPED"
_GOALS = "WAREHOUSE_GOALS"
_VALUE = "WAREHOUSE_ARG_"
# Of the Makefile itself: which Python the environment is made of.
_MAKES_OWN = {"PYTHON"}


def taken() -> tuple[dict[str, str], list[str]]:
    """Values by name, and the goals of that make; no child of this process finds them again.

    An empty value is as if it had not been typed.
    """
    names, goals = (os.environ.pop(name, "").split() for name in (_NAMES, _GOALS))
    values = {name: os.environ.pop(_VALUE + name, "") for name in names}
    return {name: value for name, value in values.items() if value.strip() and name not in _MAKES_OWN}, goals


def options(command: str, *valid: str) -> dict[str, str]:
    """What was typed for a program that takes it as texts, '' where it was not; another monitoring file is taken over.

    Raises:
        UsageError: a variable was typed that the program has not.
    """
    values, _ = taken()
    check(values, (*valid, "MONITORING_FILE"), command)
    if "MONITORING_FILE" in values:
        use_monitoring_file(values["MONITORING_FILE"].strip())
    return {name: values.get(name, "").strip() for name in valid}


def check(typed: Mapping[str, str], valid: Collection[str], command: str, of_other_goals: Collection[str] = ()) -> None:
    """Refuse what the command has not.

    Raises:
        UsageError: a variable was typed that is none of the valid ones, nor of another goal's.
    """
    strange = sorted(typed.keys() - set(valid) - set(of_other_goals))
    if strange:
        there = f"it has {', '.join(sorted(valid))}" if valid else "it has none"
        raise UsageError(f"make {command} has no variable {', '.join(strange)}: {there}")
