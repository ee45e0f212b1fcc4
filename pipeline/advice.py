"""What is typed to do what a message advises: the one place where make's targets and variables stand in messages.

Called by the console for all that it tells, and by what writes the dashboards.
"""

from __future__ import annotations

import re

from core.advice import Advice

# The values that the advice names stand at {}, as make's variables.
_TYPED = {
    Advice.UPDATE: "run `make pipeline`",
    Advice.EMPTY: "empty the warehouse with `make clean`",
    Advice.EXAMINE: "see `make doctor`",
    Advice.INSTALL: "run `make install`",
    Advice.START_SERVICES: "start it with `make up`",
    Advice.REMOVE_SERVICES: "begin anew with `make clean-all`",
    Advice.KEEP_SERVER: "run `make db{}`",
    Advice.STOP_SERVER: "end it with `make db-stop`",
    Advice.WRITE_DASHBOARDS: "run `make dashboards`",
    Advice.SAVE_DASHBOARD: "run `make save-dashboard UID=...`",
    Advice.LOAD_PREDICTIONS: "load them with `make predictions`",
    Advice.LOAD_LABELS: "load them with `make labels`",
    Advice.LIST_ALERTS: "see `make check-alerts`",
    Advice.ACKNOWLEDGE: "take it on with `make ack INCIDENT=... NOTE=...`",
    Advice.QUERY: "make sql SQL=",
    Advice.REPORT: "run `make report{}`",
    Advice.VERIFY: "run `make verify MONTH=...`",
    Advice.BEAT: "run `make heartbeat`",
    Advice.NAME_DATA_FOLDER: "name another folder with DATA_DIR",
    Advice.NAME_REPORT_FOLDER: "name another with REPORT_DIR",
    Advice.NAME_TRAIN_MONTH: "name another month with TRAIN_MONTH",
    Advice.NAME_ADDRESS: "name it with TLC_URL",
    Advice.NAME_TARGET: "name it with TARGET",
    Advice.CHOOSE_SOURCE: "use{}",
    Advice.RELOAD: "use{}",
}
_ADVICE = re.compile(rf"({'|'.join(map(re.escape, Advice))})(?: \((\w+=[^)]*)\))?")


def with_commands(text: str) -> str:
    """The text with what is typed in place of every advice."""
    return _ADVICE.sub(_typed, text)


def _typed(match: re.Match[str]) -> str:
    values = [value.partition("=") for value in (match[2] or "").split(", ") if value]
    return _TYPED[Advice(match[1])].format("".join(f" {name.upper()}={value}" for name, _, value in values))
