"""What the dashboards know of this warehouse: levels of monitoring.yml, the local clock, the default range, SQL.

Called by the modules of the single dashboards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from config.alert_levels import Levels
from config.monitoring import Monitoring
from config.monitoring_file import load_monitoring
from core.advice import Advice
from grafana.names import COLUMN, DATA_QUALITY, PERFORMANCE, PIPELINE_HEALTH, TABLE
from grafana.parts import ORANGE, RED, WELL, YELLOW, Step
from warehouse.database import queries

NO_LABELS = (
    f"No labels: they come some time after the rows, or {Advice.LOAD_LABELS} - if the model's target has an entry "
    f"under labels in monitoring.yml ({Advice.EXAMINE})"
)


# In multiples of the calibrated threshold: half of it is worth a look, and at it a day fires.
WATCH, FIRES = 0.5, 1.0


@dataclass(frozen=True)
class House:
    """Configuration of a generation of dashboards."""

    monitoring: Monitoring

    @property
    def timezone(self) -> str:
        return self.monitoring.windows.timezone

    @property
    def compared_coverage(self) -> float:
        return self.monitoring.evaluation.compared_coverage

    @property
    def days(self) -> tuple[str, str]:
        """The default time range of dashboards about days, as Grafana writes it."""
        shown = self.monitoring.dashboards
        return self._instant(shown.from_, first=True), self._instant(shown.to, first=False)

    def _instant(self, bound: date | str, *, first: bool) -> str:
        if isinstance(bound, str):
            return bound
        day = bound if first else bound + timedelta(days=1)
        instant = datetime.combine(day, time(), ZoneInfo(self.timezone)) - timedelta(milliseconds=0 if first else 1)
        utc = instant.astimezone(ZoneInfo("UTC"))
        return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"

    def sql(self, board: str) -> dict[str, str]:
        """The named queries of a dashboard."""
        return {
            name: self._filled(text) for name, text in queries(Path(__file__).parent / "pages" / f"{board}.sql").items()
        }

    def _filled(self, text: str) -> str:
        """The query with its {{names}} put in: shared parts first, which have names themselves."""
        shared = queries(Path(__file__).with_name("targets.sql"))
        words = {"timezone": self.timezone, "table": TABLE, "column": COLUMN, "performance": PERFORMANCE}
        words |= {"data_quality": DATA_QUALITY, "pipeline_health": PIPELINE_HEALTH}
        for name, value in (*shared.items(), *words.items()):
            text = text.replace(f"{{{{{name}}}}}", value.strip())
        # Instants as Grafana has them in addresses: as text, or it writes 1.64 Tri.
        return re.sub(r"\{\{ms\((.+?)\)\}\}", r"cast(cast(extract(epoch from \1) * 1000 as bigint) as text)", text)


def make_house() -> House:
    """The house as monitoring.yml describes it."""
    return House(load_monitoring())


def steps(levels: Levels, look: float | None = None) -> tuple[Step, ...]:
    """Colours by an alert's levels; from `look` on a value is worth a look."""
    found: list[Step] = [*WELL]
    if look is not None:
        found.append((look, YELLOW))
    if levels.warning is not None:
        found.append((levels.warning, ORANGE))
    return (*found, (levels.critical, RED))


def to_column(column: str, *, day: bool) -> str:
    """Address of the drill-down into a column, of the day under the pointer where there is one."""
    address = f"/d/{COLUMN}?${{__url_time_range}}&var-model_version=${{model_version}}&var-column={column}"
    return f"{address}&var-day=${{__value.time}}" if day else address


# Address of what a row speaks of, by its fields of targets.sql.
_FIELDS = "${__data.fields.to_"
TO_TARGET = (
    f"/d/{_FIELDS}board}}?var-model_version={_FIELDS}model}}&var-column={_FIELDS}column}}&var-day={_FIELDS}day}}"
    f"&from={_FIELDS}from}}&to={_FIELDS}until}}"
)


def to_board(uid: str) -> str:
    """Address of another dashboard, at the same time range and model."""
    return f"/d/{uid}?${{__url_time_range}}&var-model_version=${{model_version}}"
