"""All generated files: the dashboards as JSON and the alert rules as YAML, by their paths."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.alert_rules import alert_rules
from grafana.column import column
from grafana.compare_models import compare_models
from grafana.data_quality import data_quality
from grafana.front_page import front_page
from grafana.house import House
from grafana.pipeline_health import pipeline_health

FOLDER = Path(__file__).parent
_BOARDS = (front_page, column, data_quality, pipeline_health, compare_models)


def generated_files(house: House) -> dict[Path, str]:
    """Path and text of every file; the same configuration gives the same texts."""
    boards = [make(house) for make in _BOARDS]
    files = {FOLDER / "dashboards" / f"{board.build().uid}.json": _as_json(board) for board in boards}
    return files | {FOLDER / "provisioning" / "alerting" / "rules.yml": alert_rules(house)}


def _as_json(board: builders.Dashboard) -> str:
    built = board.build()
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
