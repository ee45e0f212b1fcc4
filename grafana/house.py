"""What the dashboards know of this warehouse: levels of monitoring.yml, the default range, SQL, addresses.

Called by the modules of the single dashboards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from config.alert_levels import Levels
from config.rules import Rules
from config.rules_file import load_rules
from core.advice import Advice
from grafana.names import COLUMN, CUSTOM_METRICS, DATA_QUALITY, FRONT_PAGE, PERFORMANCE, PIPELINE_HEALTH, TABLE
from grafana.parts import ORANGE, RED, WELL, YELLOW, Step
from warehouse.database import queries

NO_LABELS = (
    f"No labels: they come some time after the rows, or {Advice.LOAD_LABELS}. Whether the model has labels to come: "
    f"{Advice.EXAMINE}"
)


# A day is a date of its dataset's own calendar. Pages draw it at that date's midnight by UTC, which is their clock:
# days of every dataset stand under their own dates, whatever zones the datasets and the person who looks are in. What
# is no day is an instant: tables say that theirs are UTC's, and the page about runs goes by the person's clock.
CLOCK_OF_DAYS, CLOCK_OF_RUNS = "utc", "browser"
# The variable `day` as it stands on the axis of time; none where there is no day to choose.
CHOSEN_DAY = "to_timestamp(cast(nullif('${day}', '') as bigint) / 1000.0)"
# Windows that are hours are instants: UTC's clock has each of them once. In `{0}` stands the relation, with its dot.
_IS_HOUR = "{0}window_end - {0}window_start = interval '1 hour'"
_AT = "case when {is_hour} then {0}{start} else cast({0}{date} as timestamp) at time zone 'UTC' end"
_FORM = "case when {is_hour} then '{long}YYYY-MM-DD HH24:MI \"UTC\"' else '{long}YYYY-MM-DD' end"
_WORDS = f"to_char(({{at}}) at time zone 'UTC', {_FORM})"
# By what a query calls it: the condition on windows that are hours, the instant and the date.
_MOMENTS = {
    "": (_IS_HOUR, "window_start", "window_date"),
    "opened": ("{0}is_hourly", "opened_at", "opened_date"),
    "last_seen": ("{0}is_hourly", "last_seen_at", "last_seen_date"),
    "worst": ("{0}is_hourly", "opened_at", "worst_date"),
}
_MOMENT = re.compile(r"\{\{(opened|last_seen|worst|at|words|long_words)(?:_(words|long_words))?(?:\((\w+)\))?\}\}")

# In multiples of the calibrated threshold: half of it is worth a look, and at it a day fires.
WATCH, FIRES = 0.5, 1.0


@dataclass(frozen=True)
class House:
    """Configuration of a generation of dashboards."""

    rules: Rules

    @property
    def compared_coverage(self) -> float:
        return self.rules.evaluation.compared_coverage

    @property
    def days(self) -> tuple[str, str]:
        """The default time range of dashboards about days, as Grafana writes it."""
        shown = self.rules.dashboards
        return _instant(shown.from_, "00:00:00.000"), _instant(shown.to, "23:59:59.999")

    def sql(self, board: str) -> dict[str, str]:
        """The named queries of a dashboard."""
        return {
            name: self._filled(text) for name, text in queries(Path(__file__).parent / "pages" / f"{board}.sql").items()
        }

    def _filled(self, text: str) -> str:
        """The query with its {{names}} put in: shared parts first, which have names themselves."""
        shared = queries(Path(__file__).with_name("targets.sql"))
        words = {"table": TABLE, "column": COLUMN, "performance": PERFORMANCE, "day": CHOSEN_DAY}
        words |= {"data_quality": DATA_QUALITY, "pipeline_health": PIPELINE_HEALTH}
        words |= {"custom_metrics": CUSTOM_METRICS}
        for name, value in (*shared.items(), *words.items()):
            text = text.replace(f"{{{{{name}}}}}", value.strip())
        text = _MOMENT.sub(_moment, text)
        # Dates as Grafana has instants in addresses: as text, or it writes 1.64 Tri.
        return re.sub(r"\{\{ms\((.+?)\)\}\}", r"cast(cast(extract(epoch from \1) * 1000 as bigint) as text)", text)


def _moment(match: re.Match[str]) -> str:
    """A day, or the instant at which an hour begins, as it stands on the axis of time or in words."""
    subject = match[1] if match[1] in _MOMENTS else ""
    form = match[2] if subject else match[1]
    relation = f"{match[3]}." if match[3] else ""
    is_hour, start, date_name = _MOMENTS[subject]
    is_hour = is_hour.format(relation)
    at = _AT.format(relation, is_hour=is_hour, start=start, date=date_name)
    if form in (None, "at"):
        return at
    return _WORDS.format(at=at, is_hour=is_hour, long="Dy " if form == "long_words" else "")


def make_house() -> House:
    """The house as monitoring.yml describes it."""
    return House(load_rules())


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
    address = f"{to_board(COLUMN)}&var-column={column}"
    return f"{address}&var-day=${{__value.time}}" if day else address


# Address of what a row speaks of, by its fields of targets.sql.
_FIELDS = "${__data.fields.to_"
TO_TARGET = (
    f"/d/{_FIELDS}board}}?var-dataset={_FIELDS}dataset}}&var-model_version={_FIELDS}model}}"
    f"&var-column={_FIELDS}column}}&var-day={_FIELDS}day}}&from={_FIELDS}from}}&to={_FIELDS}until}}"
)
# Address of another model's front page, by the fields of a row, at that model's newest days.
TO_MODEL = (
    f"/d/{FRONT_PAGE}?var-dataset=${{__data.fields.dataset}}&var-model_version={_FIELDS}model}}"
    f"&from={_FIELDS}from}}&to={_FIELDS}until}}"
)


def to_board(uid: str) -> str:
    """Address of another dashboard, at the same time range, dataset and model."""
    return f"/d/{uid}?${{__url_time_range}}&var-dataset=${{dataset}}&var-model_version=${{model_version}}"


def _instant(bound: date | str, time_of_day: str) -> str:
    return bound if isinstance(bound, str) else f"{bound}T{time_of_day}Z"
