"""`make verify`: are the drift scores of this warehouse what Evidently gives for the same rows?

Every day and column of a month is scored again by Evidently's own registered tests, on the profiles spelled out row by
row, and on the rows themselves. The largest differences go into monitoring.metric_values (layer `verification`), where
the page Pipeline health shows them. Called by pipeline.cli.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import database
from pipeline.errors import UsageError
from pipeline.monitoring import load_monitoring
from pipeline.months import Month
from pipeline.roles import Role, acting_as, ensure_roles
from pipeline.runs import RunLog, hold_lock

if TYPE_CHECKING:
    from python_metrics.verification import Verification
