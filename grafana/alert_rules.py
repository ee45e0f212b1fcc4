"""Grafana's alert rules: one for each rule of monitoring.yml, over the alerts that the warehouse has opened.

What an alert is, is decided in one place, the marts; Grafana looks at marts.fct_alerts and tells somebody. A rule's
pending period keeps a mart that is being rebuilt from looking like a change. That the marts cannot be read says nothing
about a model: it is one more rule, of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import alerting as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import alerting as models

from config.alert_levels import opening_rules
from core.advice import Advice
from grafana.house import House
from grafana.names import COLUMN, CUSTOM_METRICS, DATA_QUALITY, FRONT_PAGE, PERFORMANCE, PIPELINE_HEALTH, TABLE
from grafana.parts import DATASOURCE_UID, Query
from warehouse.database import queries

FOLDER = "Model monitoring"
GROUP = "warehouse"
_EXPRESSIONS = "__expr__"
# Longer than a build of the marts takes.
PENDING = "2m"
KEEP_FIRING = "2m"
# A restart of the database, or a moment without network, is nobody's business.
UNREADABLE, UNREADABLE_FOR = "unreadable", "5m"
_SAID = "since {{ $labels.day }}: {{ $labels.says }}"
_NUMBER = '{{ printf "%.0f" $values.A.Value }}'


@dataclass(frozen=True)
class Notification:
    """What a rule is called, what its notification says of an alert, what to do, and the panel that draws it."""

    title: str
    sentence: str
    advice: str
    board: str
    panel: str


RULES = {
    "incident": Notification(
        "Something is not as usual",
        "{{ $labels.subject }} of {{ $labels.dataset }} is not as usual " + _SAID,
        f"The page shows what moved, and since when. For the incident's id {Advice.LIST_ALERTS}; then "
        f"{Advice.ACKNOWLEDGE}.",
        *(FRONT_PAGE, "How bad was each day, and which ones fired?"),
    ),
    "prediction_drift": Notification(
        "The prediction has drifted",
        "The prediction of {{ $labels.model }} has drifted " + _SAID,
        "Look for the features that drifted with it.",
        *(FRONT_PAGE, "When did the prediction drift?"),
    ),
    "drifted_columns": Notification(
        "Features have drifted strongly",
        "Features of {{ $labels.model }} have drifted strongly " + _SAID,
        f"Look at the column that is named; for all of them {Advice.REPORT} (day={{{{ $labels.day }}}}).",
        *(FRONT_PAGE, "How many columns drifted each day?"),
    ),
    "missing_share": Notification(
        "A column is missing values",
        "{{ $labels.subject }} of {{ $labels.dataset }} is missing values " + _SAID,
        "Look at where the column comes from.",
        *(DATA_QUALITY, "Which column is missing values, and since when?"),
    ),
    "rejected_share": Notification(
        "Too many rows are rejected",
        "Too many rows of {{ $labels.dataset }} are rejected " + _SAID,
        "The page says which rules rejected them.",
        *(DATA_QUALITY, "Which rules rejected rows each day?"),
    ),
    "volume": Notification(
        "Unusually many or few rows",
        "Unusually many or few rows of {{ $labels.dataset }} " + _SAID,
        "Look whether the delivery is complete. Holidays and storms count, too.",
        *(DATA_QUALITY, "Did as many rows come as usual?"),
    ),
    "performance": Notification(
        "The model has become worse",
        "{{ $labels.model }} has become worse " + _SAID,
        "The page says since when; Segments and fairness, for whom.",
        *(PERFORMANCE, "Is the loss what was estimated?"),
    ),
    "concept_drift": Notification(
        "The outcome has changed at the same inputs",
        "The outcome has changed at the same inputs of {{ $labels.model }} " + _SAID,
        "Has the world changed, or a column's unit? Look at the columns that moved on the same day.",
        *(PERFORMANCE, "Same inputs, another outcome?"),
    ),
    "stale_data": Notification(
        "No data has arrived",
        f"No file of {{{{ $labels.dataset }}}} has been loaded for {_NUMBER} days",
        "Look whether the delivery or the scheduler has stopped.",
        *(DATA_QUALITY, "When did data come?"),
    ),
    "failed_run": Notification(
        "A pipeline run has failed",
        f"The pipeline has failed {{{{ if gt $values.A.Value 1.0 }}}}{_NUMBER} times in a row, since"
        "{{ else }}on{{ end }} {{ $labels.day }}",
        "The page has its message, and docs/reference/exit-codes.md what to do.",
        *(PIPELINE_HEALTH, "What failed, and why?"),
    ),
    UNREADABLE: Notification(
        "The warehouse cannot be read",
        f"Grafana has not been able to read the warehouse for {UNREADABLE_FOR}: how the models do is not known",
        "Is the database up, its disk full, the password of the role `dashboard` another? To know, "
        f"{Advice.EXAMINE}. Alerts about models stay as they were.",
        *(PIPELINE_HEALTH, "Does the heartbeat beat?"),
    ),
}


@dataclass(frozen=True)
class _AnyOpen(Dataquery):
    """The condition: an alert whose query gives a row is firing."""

    def to_json(self) -> dict[str, object]:
        return {
            "refId": "B",
            "type": "threshold",
            "datasource": {"type": _EXPRESSIONS, "uid": _EXPRESSIONS},
            "expression": "A",
            "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
        }


class _Condition(Builder[Dataquery]):
    def build(self) -> Dataquery:
        return _AnyOpen()


def alert_rules(house: House, boards: list[dict[str, Any]]) -> dict[str, Any]:
    """What is provisioned; `boards` are the built dashboards that the rules are drawn on."""
    panels = {(board["uid"], panel["title"]): panel["id"] for board in boards for panel in board["panels"]}
    names = [name for name, _ in opening_rules(house.rules.alerts)]
    group = {
        "orgId": 1,
        "name": GROUP,
        "folder": FOLDER,
        "interval": "1m",
        "rules": [*(_about_marts(name, panels) for name in names), _about_the_warehouse(panels)],
    }
    document: dict[str, Any] = json.loads(json.dumps({"apiVersion": 1, "groups": [group]}, cls=JSONEncoder))
    return document


def rules_file(document: dict[str, Any]) -> str:
    """The provisioning file's text."""
    head = "# Generated from monitoring.yml; a test holds it to that.\n"
    return head + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


def question(name: str) -> str:
    """The query of a rule: its open alerts."""
    pages = {"column": COLUMN, "data_quality": DATA_QUALITY, "performance": PERFORMANCE}
    pages |= {"custom_metrics": CUSTOM_METRICS}
    text = queries(Path(__file__).with_name("alert_rules.sql"))["alerts"]
    return text.format(rule=name, table=TABLE, pipeline_health=PIPELINE_HEALTH, **pages)


def _about_marts(name: str, panels: dict[tuple[str, str], int]) -> dict[str, object]:
    """A rule of monitoring.yml. While the marts cannot be read its alerts stay as they were: it knows nothing new."""
    rule = _rule(name, question(name), panels)
    rule.exec_err_state("KeepLast").for_val(PENDING)
    # Grafana puts environment variables into labels, but not into annotations: there the $ stands twice.
    words = {word: f"{{{{ $$labels.{word} }}}}" for word in ("severity", "dataset", "model")}
    rule.labels({"rule": name, **words})
    return _written(rule)


def _about_the_warehouse(panels: dict[tuple[str, str], int]) -> dict[str, object]:
    """The rule that an error fires: `Alerting` waits for the pending period, `Error` would not."""
    sql = queries(Path(__file__).with_name("alert_rules.sql"))["unreadable"]
    rule = _rule(UNREADABLE, sql, panels, page=f"d/{PIPELINE_HEALTH}")
    rule.exec_err_state("Alerting").for_val(UNREADABLE_FOR).labels({"rule": UNREADABLE, "severity": "critical"})
    return _written(rule)


def _rule(name: str, sql: str, panels: dict[tuple[str, str], int], page: str = "{{ $labels.page }}") -> builders.Rule:
    notification = RULES[name]
    window = models.RelativeTimeRange(from_val=600, to=0)
    # Rules have no variables.
    query = Query(sql, "table", datasource=DATASOURCE_UID)
    asked = builders.Query("A").datasource_uid(DATASOURCE_UID).relative_time_range(window).model(query)
    condition = builders.Query("B").datasource_uid(_EXPRESSIONS).relative_time_range(window).model(_Condition())
    rule = builders.Rule(notification.title).uid(f"warehouse-{name.replace('_', '-')}").condition("B")
    rule.with_query(asked).with_query(condition)
    # No open alert, no row: that is as it should be.
    rule.no_data_state("OK").keep_firing_for(KEEP_FIRING)
    return rule.annotations(
        {
            "summary": notification.sentence,
            "description": notification.advice,
            "page": f"{{{{ externalURL }}}}{page}",
            # Grafana draws the rule with this panel.
            "__dashboardUid__": notification.board,
            "__panelId__": str(panels[notification.board, notification.panel]),
        }
    )


def _written(rule: builders.Rule) -> dict[str, object]:
    written = rule.build().to_json()
    # The provisioning file has a name of its own for this one, and knows these from the group.
    written["keepFiringFor"] = written.pop("keep_firing_for")
    return {key: value for key, value in written.items() if key not in ("folderUID", "orgID", "ruleGroup")}
