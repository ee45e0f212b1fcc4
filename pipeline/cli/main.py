"""The command line, which `make` calls: one command per target, errors as one line, documented exit codes.

stdout is data, stderr is talk. Options have the names of the make variables: what was typed on make's command line,
which pipeline.typed has, becomes options here. No option is read from the environment.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import psycopg
import typer

from config import private_files
from config.settings import log_level
from core import interrupts
from core.errors import DISK_FULL, DatabaseError, DbtError, WarehouseError, sqlstates_of, words_of
from pipeline import console, typed
from pipeline.cli import every_day, operate, own_data, services  # noqa: F401 - their commands are the app's
from pipeline.cli.app import app
from pipeline.cli.values import yes_or_no
from pipeline.console import tell, tell_error

# The one target whose command has another name.
_TARGET, _COMMAND = "pipeline", "run"


def main() -> None:
    """Run a command; an expected error is printed as one line and ends with its documented code."""
    console.settle()
    private_files.keep()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    code = _exit_code()
    sys.stdout.flush()
    sys.stderr.flush()
    # What asked to be run at exit is run; taking the heavy libraries apart object by object, which would cost up to
    # 0.8 s, is left to the system.
    atexit._run_exitfuncs()
    os._exit(code)


def _exit_code() -> int:
    interrupts.install()
    try:
        code = _run_command()
    except BaseException:
        # An interrupt in the middle of a library can come out as any error of that library.
        if not interrupts.noted():
            traceback.print_exc()
            return 1
    if interrupts.noted():
        tell("stopped; run the same command again to go on")
        return 130
    return code


def _run_command() -> int:
    try:
        form = "%(levelname)s %(name)s: %(message)s"
        logging.basicConfig(level=log_level(), format=form, stream=sys.stderr)
        app(_with_typed(sys.argv[1:]))
    except WarehouseError as error:
        if not interrupts.noted():
            tell_error(words_of(error))
            _advise_on_full_disk(error)
        return error.exit_code
    except psycopg.Error as error:
        if not interrupts.noted():
            tell_error(f"the database refused: {' '.join(words_of(error).split())}")
            _advise_on_full_disk(error)
        return DatabaseError.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _advise_on_full_disk(error: Exception) -> None:
    if isinstance(error, psycopg.Error | DatabaseError | DbtError) and DISK_FULL in sqlstates_of(error):
        tell("make room on the disk of the Postgres server, then run the same command again: it goes on")


def _with_typed(arguments: list[str]) -> list[str]:
    """The arguments, and what was typed on make's command line as options of the command.

    Raises:
        UsageError: a variable was typed that neither the command nor another goal of this make has, or an answer is
            neither yes nor no.
    """
    values, goals = typed.taken()
    group: Any = typer.main.get_command(app)
    if not values or not arguments or arguments[0] not in group.commands:
        return arguments
    common, own = _by_variable(group), _by_variable(group.commands[arguments[0]])
    names = {_COMMAND if goal == _TARGET else goal for goal in goals}
    others = [_by_variable(group.commands[name]) for name in names & group.commands.keys()]
    target = _TARGET if arguments[0] == _COMMAND else arguments[0]
    typed.check(values, {*own, *common}, target, {name for other in others for name in other})
    words = [[part[name](values[name]) for name in values if name in part] for part in (common, own)]
    # What begins with -- is an argument's value: it comes after the options.
    ordered = [*words[0], arguments, *sorted(words[1], key=lambda each: each[:1] == ["--"])]
    return [word for each in ordered for word in each]


def _by_variable(command: Any) -> dict[str, Callable[[str], list[str]]]:
    """The make variables that a command has, each with the words that its value comes to on the command line."""

    def words_of(parameter: Any, name: str) -> Callable[[str], list[str]]:
        if parameter.param_type_name == "argument":
            return lambda value: ["--", value]
        option = parameter.opts[0]
        if parameter.is_flag:
            return lambda value: [option] if yes_or_no(name, value) else []
        return lambda value: [f"{option}={value}"]

    names = {
        (parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0])
        .lstrip("-")
        .replace("-", "_")
        .upper(): parameter
        for parameter in command.params
        if parameter.name != "help"
    }
    return {name: words_of(parameter, name) for name, parameter in names.items()}
