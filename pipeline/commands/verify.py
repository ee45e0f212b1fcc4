"""`make verify MONTH=2022-02`: are the drift scores of this warehouse what Evidently gives for the same rows?

What differs most goes into monitoring.metric_values (layer `verification`), where the page Pipeline health shows it
through marts.fct_verification. Called by pipeline.cli.
"""

from __future__ import annotations

from datetime import datetime, time
from importlib.metadata import version
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich import box
from rich.progress import Progress
from rich.table import Table

from config.monitoring import Monitoring
from config.months import Month
from core.errors import UsageError
from pipeline.commands.chosen import check_monitored, chosen_models, monitoring_of_model
from pipeline.console import progress_console, result_console
from python_metrics.comparisons import verification
from python_metrics.comparisons.verification import TOLERANCE
from python_metrics.monitor import References
from python_metrics.monitored import MonitoredModel
from python_metrics.store import monitored_days
from warehouse import schema_versions
from warehouse.access.roles import Role
from warehouse.session import changes

if TYPE_CHECKING:
    from python_metrics.comparisons.verification import Verified
    from python_metrics.monitor import References
    from python_metrics.monitored import MonitoredModel


def verify(month: Month | None, model: str) -> bool:
    """Score a monitored month again with Evidently's own tests, print and keep the differences.

    Args:
        month: None takes the latest that is monitored.
        model: name or version of a model; '' takes all that are active.

    Returns:
        Whether every score is Evidently's.

    Raises:
        UsageError: the month or the model names nothing that is monitored; says what is.
    """
    monitoring = monitoring_of_model(model.strip())
    check_monitored(monitoring)
    schema_versions.migrate()
    models = [
        MonitoredModel(stored.spec, stored.model_version, stored.reference_id, stored.evaluation_reference_id)
        for stored in chosen_models(monitoring, model.strip())
    ]
    wanted = _monitored_month(monitoring, models, month)
    references = References(monitoring)
    worst = 0.0
    with changes("verify", str(wanted), Role.MONITOR) as record:
        for one in models:
            verified, rows = _verify(monitoring, one, references, wanted, record.run_id)
            record.rows += rows
            if verified:
                result_console().print(_table(one.model_version, wanted, verified))
                worst = max(worst, *(of_column.largest for of_column in verified))
                record.failed = record.failed or not all(of_column.is_equal for of_column in verified)
        record.message = f"Evidently {version('evidently')}: the largest difference is {worst:.1e}"
    return not record.failed


def _monitored_month(monitoring: Monitoring, models: list[MonitoredModel], asked: Month | None) -> Month:
    days = monitored_days(monitoring.windows)
    monitored = (day for one in models for day in days.get((one.model_version, one.reference_id), []))
    months = sorted({Month.of(monitoring.windows.date_of(day)) for day in monitored})
    if not months:
        raise UsageError("no day is monitored with these models: run `make pipeline` first")
    if asked is not None and asked not in months:
        raise UsageError(f"no day of {asked} is monitored: use one of {', '.join(map(str, months))}")
    return asked or months[-1]


def _verify(
    monitoring: Monitoring, model: MonitoredModel, references: References, month: Month, run_id: int
) -> tuple[list[Verified], int]:
    zone = ZoneInfo(monitoring.windows.timezone)
    start, end = (datetime.combine(first.first_day, time(), zone) for first in (month, month.next))
    days = len(verification.monitored_windows(monitoring, model, month.first_day))
    steps = days * len(monitoring.columns(model.spec))
    with Progress(console=progress_console(), transient=True) as progress:
        task = progress.add_task(model.model_version, total=steps)
        found = verification.verify_month(
            monitoring, model, references, month.first_day, lambda: progress.advance(task)
        )
        verified = list(found)
    return verified, verification.write(model, start, end, verified, run_id)


def _table(model_version: str, month: Month, verified: list[Verified]) -> Table:
    table = Table(
        title=f"{model_version}, {month}: this warehouse's drift scores and Evidently's", title_justify="left",
        box=box.SIMPLE, pad_edge=False,
    )  # fmt: skip
    table.add_column("column")
    for name in ("days", "scores compared", "largest difference"):
        table.add_column(name, justify="right")
    table.add_column("of")
    table.add_column("by rounding", justify="right")
    table.add_column("")
    for one in verified:
        words = "equal" if one.is_equal else f"DIFFERS: more than {TOLERANCE:g}"
        table.add_row(
            one.column, f"{one.days}", f"{one.scores:,}", f"{one.largest:.1e}", one.method, f"{one.rounding:.1e}", words
        )
    return table
