"""Variables of dbt_project.yml that Python needs as well."""

from __future__ import annotations

from typing import Any

from config.paths import DBT_PROJECT_DIR
from config.yaml_file import read_yaml


def source_timezone() -> str:
    """Name of the time zone whose wall clock the source's stamps show."""
    return str(_variables()["timezone"])


def compared_coverage() -> float:
    """The least share of a day's labels at which its estimate is compared with what came true."""
    return float(_variables()["compared_coverage"])


def _variables() -> dict[str, Any]:
    variables: dict[str, Any] = read_yaml(DBT_PROJECT_DIR / "dbt_project.yml")["vars"]
    return variables
