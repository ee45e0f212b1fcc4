"""What a step as a whole is made from, as one hash: while that is the same there is nothing to do.

Called by the steps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from config.monitoring import Monitoring
from warehouse import database, ledger

_QUERIES = database.queries(Path(__file__).with_name("inputs.sql"))
# What each of dbt's steps reads of what other steps have made.
_READ_BY = {
    "transform": (),
    "profiles": ("score",),
    "marts": (
        "score",
        "labels",
        "metrics",
        "comparisons",
        "custom_metrics",
        "performance",
        "coarser_performance",
        "alarms",
    ),
}


def of_build(step: str, rules: Mapping[str, object]) -> str:
    """What the models of one of dbt's steps read, and which of its relations there are: a dropped one is missed."""
    return _hash(step, _READ_BY[step], json.dumps(rules, sort_keys=True))


def of_performance(datasets: Sequence[Monitoring], as_of: datetime, left_out: Sequence[str]) -> str:
    """What the labels that count were, the windows that have metrics, the rules, and the models that are left out."""
    return _hash("performance", ("metrics",), *_rules(datasets), *left_out, *_ends(datasets, as_of), as_of=as_of)


def _ends(datasets: Sequence[Monitoring], as_of: datetime) -> list[str]:
    """The day that it is where models are evaluated over windows of their own: another one may have ended."""
    zones = {
        monitoring.windows.timezone
        for monitoring in datasets
        if any(model.performance_windows for model in monitoring.models.values())
    }
    return [f"{as_of.astimezone(ZoneInfo(zone)):%Y-%m-%d}" for zone in sorted(zones)]


def of_alarms(datasets: Sequence[Monitoring], left_out: Sequence[str]) -> str:
    """The profiles, the metrics and what labels say, the expected events, the rules, and the models left out."""
    return _hash("alarms", ("metrics", "custom_metrics", "performance"), *_rules(datasets), *left_out)


def _rules(datasets: Sequence[Monitoring]) -> list[str]:
    return [monitoring.model_dump_json() for monitoring in datasets]


def _hash(query: str, steps: tuple[str, ...], *rules: str, **parameters: object) -> str:
    with database.connect(query, read_only=True) as connection:
        state = database.one_row(connection, _QUERIES[query], parameters or None)[0]
        units = ledger.state(connection, steps)
    return hashlib.sha256("|".join([state, units, *rules]).encode()).hexdigest()
