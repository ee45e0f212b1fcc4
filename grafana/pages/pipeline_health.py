"""Pipeline health: does the machinery work - runs, speed, failures, days that wait, the heartbeat?"""

from __future__ import annotations

from datetime import timedelta

from grafana_foundation_sdk.builders import dashboard as builders

from core.advice import Advice
from grafana import parts
from grafana.house import CLOCK_OF_RUNS, House
from grafana.names import PIPELINE_HEALTH
from grafana.parts import GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

NEVER_RAN = f"No run yet: {Advice.UPDATE}"
NO_RUNS = f"No run in this time range: {Advice.UPDATE}, or choose another one"
NOT_VERIFIED = f"Not verified yet: {Advice.VERIFY}"
NO_BEATS = f"No heartbeat in this time range: {Advice.BEAT}"
STATUSES = parts.color_words(
    {
        "ok": GREEN,
        "ok, nothing new": GREEN,
        "skipped": GREEN,
        "running": YELLOW,
        "stopped": YELLOW,
        "failed": RED,
        "abandoned": RED,
        "equal": GREEN,
        "computed again since": ORANGE,
        "differs": RED,
    }
)


def pipeline_health(house: House) -> builders.Dashboard:
    """Runs as they happened, by the clock of the wall: the range ends now."""
    board = parts.page(
        PIPELINE_HEALTH,
        "Pipeline health",
        "Does the pipeline run? Runs, speed, failures, days that wait, heartbeat.",
        ("now-7d", "now"),
        CLOCK_OF_RUNS,
        of_days=False,
    )
    board.refresh("10s")
    for panel in (*_headlines(house), *_over_time(house), *_tables(house)):
        board.with_panel(panel)
    return board


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("pipeline_health")
    last_success = About(
        "When did a run go well?",
        "End of the latest run that did not fail, also one that had nothing to do.",
        "dateTimeFromNow",
        no_data=NEVER_RAN,
    )
    last_run = About(
        "How did the last run go?",
        "Status of the latest run, also one that had nothing to do.",
        "none",
        no_data=NEVER_RAN,
    )
    failed = About(
        "How many runs failed?",
        "Runs of the time range that failed, or whose process died; one that a person stopped is none of them.",
        "none",
        no_data=NEVER_RAN,
        thresholds=parts.counted(RED),
        decimals=0,
    )
    waiting = About(
        "How many days wait?",
        "Loaded days after a model's training month that have no metric rows of what they hold now. The next run "
        "computes those of the months that it is asked for.",
        "none",
        no_data=NEVER_RAN,
        thresholds=parts.counted(ORANGE),
        decimals=0,
    )
    beat = About(
        "Does the heartbeat beat?",
        "Seconds since the last heartbeat was written. It shows only that a row in the database reaches "
        "this page, and matters on a new installation.",
        "s",
        no_data=f"No heartbeat yet: {Advice.BEAT}",
        thresholds=(*parts.WELL, (60, YELLOW)),
        decimals=0,
    )
    difference = About(
        "Equal to Evidently's?",
        "Largest difference between a drift score of this warehouse and Evidently's own for the same rows, over the "
        "months that were verified; more than 1e-9 is a fault.",
        "sci",
        no_data=NOT_VERIFIED,
        thresholds=(*parts.WELL, (1e-9, RED)),
    )
    last_run_panel = parts.headline(last_run, sql["last_status"], as_words=True, spark=False)
    return [
        last_run_panel.mappings(STATUSES),
        parts.headline(last_success, sql["last_success"], spark=False),
        parts.headline(failed, sql["failed_in_range"], spark=False),
        parts.headline(waiting, sql["waiting_count"], spark=False),
        parts.headline(beat, sql["heartbeat_age"], spark=False),
        parts.headline(difference, sql["largest_difference"], spark=False),
    ]


def _over_time(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("pipeline_health")
    durations = About(
        "How long does each stage take?",
        "Seconds per stage, stacked at the start of their run; stages that had nothing to do are left out.",
        "s",
        no_data=NO_RUNS,
        minimum=0,
    )
    speed = About(
        "How fast is each stage?",
        "Rows per second per stage and run.",
        "locale",
        no_data=NO_RUNS,
        minimum=0,
        decimals=0,
    )
    beats = About(
        "Does the heartbeat arrive?",
        "The dummy values that a heartbeat writes, a row every ten seconds; by host and process.",
        "short",
        no_data=NO_BEATS,
    )
    return [
        parts.bars(durations, [Query(sql["duration_by_step"], "time_series")], width=8, stacked=True),
        parts.lines(speed, [Query(sql["speed_by_step"], "time_series")], width=8, gap=None),
        parts.lines(beats, [Query(sql["heartbeats"], "time_series")], width=8, gap=timedelta(minutes=5)),
    ]


def _tables(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("pipeline_health")
    failures = About(
        "What failed, and why?",
        "Failed stages of the time range with their message, runs that failed before or between their stages, and "
        "other commands that failed.",
        "short",
        no_data="Nothing failed in this time range",
    )
    waiting = About(
        "Which days wait?",
        "Loaded days without current metric rows, by model. A run over their months computes them.",
        "short",
        no_data="No day waits: everything that is loaded is monitored",
    )
    runs = About(
        "What did each run do?",
        "Runs of the time range. The stages of a run, with the versions of the libraries, are in "
        "marts.fct_pipeline_runs.",
        "short",
        no_data=NO_RUNS,
    )
    verified = About(
        "Which scores were held against Evidently?",
        "By month, model and column: the largest difference of all drift methods and days, which method it is of, and "
        "what the declared precision of the profiles changes.",
        "short",
        no_data=NOT_VERIFIED,
    )
    waiting_panel = parts.rows(waiting, sql["waiting"], height=5)
    for name, width in {"version": 150}.items():
        waiting_panel.override_by_name(name, styled(custom__width=width))
    panels = [
        parts.rows(failures, sql["failures"], height=6),
        waiting_panel,
        parts.rows(runs, sql["runs"]),
        parts.rows(verified, sql["verified"]),
    ]
    for panel in panels:
        panel.override_by_name("status", [*parts.colored_words(STATUSES), *styled(custom__width=130)])
        panel.override_by_name("started", styled(unit="dateTimeAsIso", custom__width=160))
        panel.override_by_regexp("message|reason", parts.wrapped(custom__minWidth=260))
        panel.override_by_name("step", styled(custom__width=120))
        panel.override_by_name("months", parts.wrapped(custom__width=130))
        panel.override_by_name("origin", styled(custom__width=90))
        panel.override_by_name("rows", parts.COUNT)
        panel.override_by_name("largest difference", styled(unit="sci"))
        panel.override_by_name("by rounding", styled(unit="sci"))
        panel.override_by_name("took", styled(unit="s", decimals=1))
        panel.override_by_name("run", styled(color=parts.colored(GREY), decimals=0, custom__width=60))
    return list(panels)
