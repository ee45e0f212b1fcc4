"""What the results of a step were made from, as one text: a step whose inputs are those of its last success is done.

The project is dbt's (pipeline.dbt.project_hash, or the beginning of it). Called by pipeline.steps.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

from config.monitoring import Monitoring
from pipeline import dbt_vars
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("step_inputs.sql"))


def of_transform(project: str) -> str:
    """The project and the loads, and the relations that dbt has built of them."""
    with database.connect("transform", read_only=True) as connection:
        return f"{project}:{database.one_row(connection, _QUERIES['transform'])[0]}"


def of_profiles(project: str, monitoring: Monitoring) -> str:
    """The project, windows and predictions, and what is to be profiled."""
    with database.connect("profiles", read_only=True) as connection:
        state = database.one_row(connection, _QUERIES["profiles"])[0]
    return f"{project}:{_with(dbt_vars.profile_plan(monitoring), state)}"


def of_performance(monitoring: Monitoring, as_of: datetime) -> str:
    """What the labels that count were, and everything that they are held against."""
    with database.connect("performance", read_only=True) as connection:
        return _with_rules(monitoring, database.one_row(connection, _QUERIES["performance"], {"as_of": as_of})[0])


def of_alarms(monitoring: Monitoring) -> str:
    """The profiles, the metrics and what labels say, the expected events and the rules."""
    with database.connect("alarms", read_only=True) as connection:
        return _with_rules(monitoring, database.one_row(connection, _QUERIES["alarms"])[0])


def of_marts(project: str, monitoring: Monitoring) -> str:
    """The project and all that marts are built of, the rules among it, and the marts that there are."""
    with database.connect("marts", read_only=True) as connection:
        state = database.one_row(connection, _QUERIES["marts"])[0]
    return f"{project}:{_with(dbt_vars.variables(monitoring), state)}"


def _with(variables: dbt_vars.Variables, state: object) -> str:
    return hashlib.sha256(f"{state}|{json.dumps(variables, sort_keys=True)}".encode()).hexdigest()


def _with_rules(monitoring: Monitoring, state: object) -> str:
    return hashlib.sha256(f"{state}|{monitoring.model_dump_json()}".encode()).hexdigest()
