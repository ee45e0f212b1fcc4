"""What the tests say of the worked example: how it is monitored, and the same with something else in its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from config.monitored import Monitored, load_monitored
from config.monitoring import Monitoring
from config.paths import EXAMPLE_FILE, ROOT

EXAMPLE = EXAMPLE_FILE.stem


def green_trips() -> Monitoring:
    """The worked example as the files in use have it."""
    return load_monitored().of[EXAMPLE]


def with_example(monitored: Monitored, **changes: object) -> Monitored:
    """The same with another worked example; its alerts are those of all."""
    example = monitored.of[EXAMPLE].model_copy(update=changes)
    rules = monitored.rules.model_copy(update={"alerts": example.alerts, "evaluation": example.evaluation})
    return replace(monitored, rules=rules, of={**monitored.of, EXAMPLE: example})


def as_example(monitoring: Monitoring) -> Monitored:
    """All that is monitored, with this as the worked example."""
    return with_example(load_monitored(), **dict(monitoring))


def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the project's own files hold: the rules, and the worked example."""
    rules, example = (
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "monitoring.yml", EXAMPLE_FILE)
    )
    return rules, example


def write_files(folder: Path, rules: dict[str, Any], example: dict[str, Any]) -> Path:
    """A folder with a file of rules and one of the worked example, as `configured_by` takes it."""
    (folder / "datasets").mkdir(parents=True, exist_ok=True)
    (folder / "monitoring.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (folder / "datasets" / EXAMPLE_FILE.name).write_text(yaml.safe_dump(example), encoding="utf-8")
    return folder


def configured_by(folder: Path) -> dict[str, str]:
    """The environment in which the files of a folder say what is monitored."""
    return {
        "WAREHOUSE_MONITORING_FILE": str(folder / "monitoring.yml"),
        "WAREHOUSE_DATASETS_DIR": str(folder / "datasets"),
    }
