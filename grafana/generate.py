"""All generated files, by their paths: dashboards as JSON, alert rules as YAML, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from config import private_files
from config.paths import DBT_PROJECT_DIR, ROOT
from grafana.alert_rules import alert_rules, rules_file
from grafana.documents import dashboards_page, exposures
from grafana.house import House
from grafana.pages.column import column
from grafana.pages.compare_models import compare_models
from grafana.pages.custom_metrics import custom_metrics
from grafana.pages.data_quality import data_quality
from grafana.pages.front_page import front_page
from grafana.pages.performance import performance
from grafana.pages.pipeline_health import pipeline_health
from grafana.pages.segments import segments

FOLDER = Path(__file__).parent
_BOARDS = (
    front_page,
    performance,
    segments,
    column,
    data_quality,
    custom_metrics,
    pipeline_health,
    compare_models,
)


def generated_files(house: House, with_commands: Callable[[str], str]) -> dict[Path, str]:
    """Path and text of every file; the same configuration gives the same texts.

    `with_commands` puts what is typed in place of advice (core.advice) in a text.
    """
    boards = [_mapped(_as_document(make(house)), with_commands) for make in _BOARDS]
    files = {FOLDER / "dashboards" / f"{board['uid']}.json": _as_json(board) for board in boards}
    return files | {
        FOLDER / "provisioning" / "alerting" / "rules.yml": rules_file(
            _mapped(alert_rules(house, boards), with_commands)
        ),
        ROOT / "docs" / "reference" / "dashboards.md": with_commands(dashboards_page(boards)),
        DBT_PROJECT_DIR / "models" / "exposures.yml": exposures(boards),
    }


def write_files(house: House, with_commands: Callable[[str], str]) -> list[Path]:
    """Write those that are not as they should be; gives their paths."""
    written = []
    for path, text in generated_files(house, with_commands).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        private_files.share(path)
        written.append(path)
    return written


def _as_document(board: builders.Dashboard) -> dict[str, Any]:
    built = board.build()
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    document: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    return document


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A document with all its texts changed."""
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


def _as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
