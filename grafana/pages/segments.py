"""Segments and fairness: is the model worse for some, for whom did the inputs move, what explains a change?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from core.advice import Advice
from grafana import parts
from grafana.house import CLOCK_OF_DAYS, House, to_board
from grafana.names import FRONT_PAGE, PERFORMANCE, SEGMENTS
from grafana.pages.front_page import model_choices
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

TOO_FEW = (
    "No groups, too few rows, a single one, or no labels on every day of this time range: choose a longer range or a "
    f"coarser segmentation, or {Advice.EXAMINE}, which names models that have no labels to come"
)
NO_GROUPS = (
    "No groups here: name columns under `segments` in the dataset's file, and "
    f"{Advice.UPDATE}, or choose another time range"
)
NO_CHANGE = (
    f"No labels on this day, or no groups: choose another day above, or {Advice.EXAMINE} whether any are to come"
)
READING = """\
A gap is a disparity to look at, no verdict. It says that the model's errors differ between groups by more than chance \
would explain; not why, not whether anybody is harmed, not what would be fair. Rows of one group may simply be harder \
to predict, and a column may stand for another that nobody wrote down. What is compared is named under `segments` in \
the dataset's file.
"""


def segments(house: House) -> builders.Dashboard:
    """Gaps between groups, what explains a change, drift and missing cells by group, the loss of every group."""
    board = parts.page(
        SEGMENTS,
        "Segments and fairness",
        "Is the model worse for some? Loss, drift and missing values by group, and what explains a change.",
        house.days,
        CLOCK_OF_DAYS,
    )
    sql = house.sql("segments")
    for variable in model_choices(house):
        board.with_variable(variable)
    board.with_variable(
        parts.choice("segment_key", "Compared by", "What rows are compared by: one column or two.", sql["segment_keys"])
    )
    days = parts.choice("day", "Day", "The day whose change is explained.", sql["days"], each_range=True)
    board.with_variable(days)
    groups = parts.choice("group", "Groups", "The groups drawn below, largest first.", sql["groups"], each_range=True)
    everything = models.VariableOption(text=["All"], value=["$__all"], selected=True)
    board.with_variable(groups.multi(True).include_all(True).current(everything))
    min_rows = house.rules.min_rows
    for panel in (*_headlines(house), *_gaps(house), *_change(house), *_inputs(house, min_rows)):
        board.with_panel(panel)
    return board.with_panel(_losses(house, min_rows))


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("segments")
    gap = About(
        "How wide is the gap?",
        "Mean loss of the worst group minus that of the best, on the latest day with enough labels; the line shows the "
        "days before.",
        "short",
        no_data=TOO_FEW,
        decimals=2,
    )
    days = About(
        "How often beyond chance?",
        "Days whose gap is more than chance among that many groups would give, and of how many days that could be "
        "said. Yellow: worth a look, no verdict.",
        "none",
        no_data=TOO_FEW,
        thresholds=parts.counted(YELLOW),
        decimals=0,
    )
    worst = About(
        "Whose loss is largest?",
        "On the latest day with enough labels. Noise may have put it there: see whether the gap is beyond chance.",
        "none",
        no_data=TOO_FEW,
    )
    counted = About(
        "How many have figures?",
        "Groups with enough rows on some day of the time range, of all groups that came.",
        "none",
        no_data=NO_GROUPS,
        decimals=0,
    )
    drifted = About(
        "How many groups drifted?",
        "Groups whose prediction passed the threshold of its score on the latest day; common in small groups.",
        "none",
        no_data=TOO_FEW,
        decimals=0,
    )
    change = About(
        "How did the loss move?",
        "Mean loss of the latest day with labels minus that of the reference. Above zero: worse.",
        "short",
        no_data=NO_CHANGE,
        decimals=2,
    )
    change_panel = parts.headline(change, sql["change_headline"])
    change_panel.data_links([parts.link("Open Performance", to_board(PERFORMANCE))])
    drifted_panel = parts.headline(drifted, sql["drifted_headline"])
    drifted_panel.data_links([parts.link("Open the front page", to_board(FRONT_PAGE))])
    days_panel = parts.headline(days, sql["gap_days"], spark=False)
    parts.named(days_panel, "of days compared")
    return [
        parts.headline(gap, sql["gap_headline"]),
        days_panel,
        parts.headline(worst, sql["worst_headline"], as_words=True, spark=False),
        parts.named(parts.headline(counted, sql["groups_headline"], spark=False), "groups"),
        drifted_panel,
        change_panel,
    ]


def _gaps(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("segments")
    gap = About(
        "Are some groups worse off, by more than chance?",
        "Mean loss of the worst group minus that of the best, per day, with its 95 % interval. Orange: even the lower "
        "end is above zero, chance among that many groups does not explain it. A disparity to look at, no verdict.",
        "short",
        no_data=TOO_FEW,
        minimum=0,
        decimals=2,
    )
    gap_panel = parts.lines(gap, [Query(sql["gap"], "time_series")], width=12, height=9)
    parts.as_band(gap_panel, "interval from", "95 % interval", BLUE)
    gap_panel.override_by_name("gap", styled(color=parts.colored(BLUE)))
    gap_panel.override_by_name("gap beyond chance", parts.marks(ORANGE))
    worst = About(
        "Who is worst off in this time range?",
        "Groups by their mean loss in multiples of the overall one on the same days. Bias is prediction - label. Days "
        "on which a group has too few rows are left out, and a group without any other day has no figures.",
        "short",
        no_data=NO_GROUPS,
        decimals=2,
    )
    worst_panel = parts.rows(worst, sql["worst_groups"], width=12, height=9)
    worst_panel.override_by_field_type("number", styled(custom__width=70))
    worst_panel.override_by_name("rows", parts.COUNT)
    worst_panel.override_by_name("times overall", styled(unit="suffix:x"))
    worst_panel.override_by_name("figures from", parts.colored_words(parts.color_words({"too few rows": GREY})))
    every = About(
        "How far apart are the groups on ${day:text}, whatever they are compared by?",
        "Every segmentation on the chosen day, real gaps first: the groups with the smallest and the largest loss, the "
        "gap with its 95 % interval, the largest loss in multiples of the overall one, and the gap in bias.",
        "short",
        no_data=NO_CHANGE,
        decimals=2,
    )
    every_panel = parts.rows(every, sql["segmentations"], height=7)
    every_panel.override_by_name("compared by", styled(custom__width=125))
    every_panel.override_by_name("groups with enough rows", styled(decimals=0))
    every_panel.override_by_name("times overall", styled(unit="suffix:x"))
    verdicts = parts.color_words(
        {"beyond chance": ORANGE, "may be chance": GREY, "too few rows": GREY, "one group only": GREY}
    )
    every_panel.override_by_regexp("gap .*is", parts.colored_words(verdicts))
    note = parts.words("How is this to be read?", "What a gap says, and what it does not say.", READING, 24, 4)
    return [note, gap_panel, worst_panel, every_panel]


def _change(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("segments")
    change = About(
        "Did other groups come, or did groups get worse?",
        "The day's mean loss minus the reference's, split in two: because groups became a larger or smaller part of "
        "the rows, and because the model became worse or better for them. Both together are the change.",
        "short",
        no_data=NO_CHANGE,
        decimals=2,
    )
    explained = About(
        "What explains the change on ${day:text}?",
        "What every group adds to the change of the mean loss since the reference, the largest first. The lines add up "
        "to the first one. A group of a few rows adds little, whatever its own loss.",
        "short",
        no_data=NO_CHANGE,
        decimals=3,
    )
    table = parts.rows(explained, sql["attribution"], width=14, height=9)
    table.override_by_regexp("labelled rows|rows of the reference", parts.COUNT)
    table.override_by_name("rows of the reference", styled(custom__width=90))
    table.override_by_name("group", parts.wrapped(custom__minWidth=140))
    return [
        parts.bars(change, [Query(sql["change"], "time_series")], width=10, height=9, stacked=True),
        table,
    ]


def _inputs(house: House, min_rows: int) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("segments"), house.rules.alerts
    drift = About(
        "For which group did the prediction drift, and when?",
        "Drift score of the prediction against the same group of the reference, in multiples of its threshold. Green: "
        "below. Yellow: past the threshold, common in small groups. Orange and red: from the alert's levels "
        f"on. Grey: too few rows, on that day or in the reference (under {min_rows}).",
        "suffix:x",
        no_data=NO_GROUPS,
        thresholds=(
            (None, GREY),
            (0, GREEN),
            (1, YELLOW),
            (alerts.prediction_drift.warning or alerts.prediction_drift.critical, ORANGE),
            (alerts.prediction_drift.critical, RED),
        ),
        decimals=2,
    )
    drift_panel = parts.grid(drift, sql["prediction_drift"])
    few = models.ValueMappingResult(text="too few rows", color=GREY, index=0)
    drift_panel.mappings([models.ValueMap(options={"-1": few})])
    missing = About(
        "For which group are values missing?",
        "Missing cells / all cells of the features and the prediction. Blue: less than 5 %. Purple: from there on, "
        "darker from 25 % on. Of that many columns together no share is good or bad by itself. An empty cell: too few "
        f"rows (under {min_rows}).",
        "percentunit",
        no_data=TOO_FEW,
        thresholds=((None, GREY), (0, BLUE), (0.05, "light-purple"), (0.25, "dark-purple")),
        decimals=1,
    )
    return [drift_panel, parts.grid(missing, sql["missing"])]


def _losses(house: House, min_rows: int) -> parts.AnyPanel:
    about = About(
        "Loss of ${group} as estimated?",
        "Mean loss of the group per day: realised, and estimated without labels with its 95 % interval. A day with "
        f"under {min_rows} rows of the group has no point. The twelve largest groups are drawn, or those chosen above.",
        "short",
        no_data=TOO_FEW,
        minimum=0,
        decimals=2,
    )
    panel = parts.lines(about, [Query(house.sql("segments")["group_loss"], "time_series")], width=8)
    parts.as_band(panel, "interval from", "95 % interval", BLUE)
    panel.override_by_name("estimated", styled(color=parts.colored(BLUE)))
    panel.override_by_name("realised", styled(color=parts.colored(ORANGE)))
    return panel.repeat("group").repeat_direction("h").max_per_row(3)
