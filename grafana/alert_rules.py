"""Grafana's alert rules: one for each rule of monitoring.yml, over the alerts that the warehouse has opened.

What an alert is, is decided in one place, the marts; Grafana looks at marts.fct_alerts and tells somebody. A rule's
pending period keeps a mart that is being rebuilt from looking like a change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml
from grafana_foundation_sdk.builders import alerting as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import alerting as models

from grafana.house import House
from grafana.names import COLUMN, DATA_QUALITY, PIPELINE_HEALTH, TABLE
from grafana.parts import DATASOURCE_UID, Query
from pipeline.alert_rules import opening_rules
from pipeline.database import queries

FOLDER = "Model monitoring"
GROUP = "warehouse"
_EXPRESSIONS = "__expr__"
# Longer than a build of the marts takes.
PENDING = "2m"
KEEP_FIRING = "2m"
TITLES = {
    "incident": "Something is not as usual",
    "prediction_drift": "The prediction has drifted",
    "drifted_columns": "Features have drifted strongly",
    "missing_share": "A column is missing values",
    "rejected_share": "Too many trips are rejected",
    "volume": "Unusually many or few trips",
    "performance": "The model has become worse",
    "concept_drift": "The outcome has changed at the same inputs",
    "stale_data": "No data has arrived",
    "failed_run": "A pipeline run has failed",
}


MEANINGS = {
    "incident": "Severity in multiples of the calibrated threshold",
    "prediction_drift": "Drift score in multiples of its threshold",
    "drifted_columns": "Strongly drifted features",
    "missing_share": "Share of missing values",
    "rejected_share": "Share of rejected trips",
    "volume": "Times more or fewer trips than usual",
    "performance": "Loss in multiples of the reference's",
    "concept_drift": "Unexplained change in multiples of the reference's loss",
    "stale_data": "Days since a file was loaded",
    "failed_run": "Failed runs in a row",
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


def alert_rules(house: House) -> str:
    """The provisioning file."""
    group = {
        "orgId": 1,
        "name": GROUP,
        "folder": FOLDER,
        "interval": "1m",
        "rules": [_rule(name) for name, _ in opening_rules(house.monitoring.alerts)],
    }
    document = json.loads(json.dumps({"apiVersion": 1, "groups": [group]}, cls=JSONEncoder))
    head = "# Generated from monitoring.yml by `make dashboards`; a test holds it to that.\n"
    return head + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


def _rule(name: str) -> dict[str, object]:
    text = queries(Path(__file__).with_name("alert_rules.sql"))["alerts"]
    sql = text.format(rule=name, column=COLUMN, table=TABLE, data_quality=DATA_QUALITY, pipeline_health=PIPELINE_HEALTH)
    window = models.RelativeTimeRange(from_val=600, to=0)
    rule = (
        builders.Rule(TITLES[name])
        .uid(f"warehouse-{name.replace('_', '-')}")
        .condition("B")
        .with_query(
            builders.Query("A").datasource_uid(DATASOURCE_UID).relative_time_range(window).model(Query(sql, "table"))
        )
        .with_query(builders.Query("B").datasource_uid(_EXPRESSIONS).relative_time_range(window).model(_Condition()))
        # No open alert, no row: that is as it should be.
        .no_data_state("OK")
        .exec_err_state("Error")
        .for_val(PENDING)
        .keep_firing_for(KEEP_FIRING)
        # Grafana puts environment variables into labels, but not into annotations: there the $ stands twice.
        .labels({"rule": name, "severity": "{{ $$labels.severity }}", "model": "{{ $$labels.model }}"})
        .annotations(
            {
                "summary": (
                    f"{TITLES[name]}{{{{ if $labels.column }}}}: {{{{ $labels.column }}}}{{{{ end }}}}, "
                    "since {{ $labels.day }}{{ if $labels.model }} ({{ $labels.model }}){{ end }}"
                ),
                "description": f"{MEANINGS[name]}: {{{{ $values.A.Value }}}} on the worst day (docs/alerts.md)",
                "page": "{{ externalURL }}{{ $labels.page }}",
            }
        )
        .build()
    )
    written = rule.to_json()
    # The provisioning file has a name of its own for this one, and knows these from the group.
    written["keepFiringFor"] = written.pop("keep_firing_for")
    return {key: value for key, value in written.items() if key not in ("folderUID", "orgID", "ruleGroup")}
