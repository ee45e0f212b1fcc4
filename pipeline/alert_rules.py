"""The alert rules of monitoring.yml as rows of monitoring.alert_rules, where dbt evaluates them.

Called by the conductor at the start of a run.
"""

from __future__ import annotations

from pathlib import Path

from config.alert_levels import Alerts, Levels, opening_rules
from core.failpoints import failpoint
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("alert_rules.sql"))
_OPTIONS = ("excess", "pending_days", "clear_days", "coverage", "false_alarm_days")
_Row = tuple[str, str, str, float | None, float, float | None, int | None, int | None, float | None, int | None]


def rule_rows(alerts: Alerts) -> list[_Row]:
    """A row for each rule that opens alerts, and one for each model or column that has levels of its own."""
    rows: list[_Row] = []
    for name, rule in opening_rules(alerts):
        excess, pending_days, clear_days, coverage, budget = (getattr(rule, name, None) for name in _OPTIONS)
        own: dict[tuple[str, str], Levels] = {("", ""): rule}
        own |= {(model, ""): levels for model, levels in getattr(rule, "models", {}).items()}
        own |= {("", column): levels for column, levels in getattr(rule, "columns", {}).items()}
        rows += [
            (name, *key, levels.warning, levels.critical, excess, pending_days, clear_days, coverage, budget)
            for key, levels in own.items()
        ]
    return rows


def store_rules(alerts: Alerts) -> None:
    """Make monitoring.alert_rules say what monitoring.yml says; untouched where it does already."""
    rows = rule_rows(alerts)
    with database.connect("alert rules") as connection:
        stored = connection.execute(_QUERIES["stored_rules"]).fetchall()
        if set(stored) == set(rows):
            return
        with connection.cursor() as cursor:
            cursor.execute(_QUERIES["delete_rules"])
            failpoint("alert_rules.deleted")
            with cursor.copy(_QUERIES["copy_rules"]) as copy:
                for row in rows:
                    copy.write_row(row)
