"""The front page: which model needs somebody, is the chosen one all right today, and since when is it not?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from core.advice import Advice
from grafana import parts
from grafana.house import CLOCK_OF_DAYS, NO_LABELS, TO_MODEL, TO_TARGET, House, steps, to_board
from grafana.names import FRONT_PAGE, PERFORMANCE, PIPELINE_HEALTH, SEGMENTS
from grafana.pages import incidents
from grafana.pages.stock_flags import stock_flags
from grafana.parts import GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

VERDICTS = parts.color_words(
    {
        "Critical": RED,
        "Not trained": ORANGE,
        "Not as usual": ORANGE,
        "Known, and looked into": YELLOW,
        "All is well": GREEN,
        "Not evaluated yet": GREY,
    }
)


def dataset_choice(house: House) -> builders.QueryVariable:
    """The variable that comes first wherever models or rows are looked at."""
    sql = house.sql("front_page")["datasets"]
    return parts.choice("dataset", "Dataset", "The dataset that is looked at.", sql, each_range=True)


def model_choices(house: House) -> tuple[builders.QueryVariable, builders.QueryVariable]:
    """The variables that most dashboards share: the dataset, and the version of one of its models."""
    sql = house.sql("front_page")["model_versions"]
    return (
        dataset_choice(house),
        parts.choice("model_version", "Model", "Version of the model that is looked at, of the chosen dataset.", sql),
    )


def front_page(house: House) -> builders.Dashboard:
    """All models, what of one is open, and its columns by day; below it history, follow-ups, budgets, scores."""
    board = parts.page(
        FRONT_PAGE,
        "Model monitoring",
        "Which model needs somebody? Of one: what is open, which column is not as usual since when, what came of it.",
        house.days,
        CLOCK_OF_DAYS,
    )
    for variable in model_choices(house):
        board.with_variable(variable)
    board.annotation(incidents.event_marks(house))
    return parts.place(
        board,
        (
            _models(house),
            _verdict(house),
            _open_now(house),
            incidents.ratio_by_column(house),
            parts.section("What happened, and what has come of it?"),
            *incidents.incidents(house),
            *_tables(house),
            *incidents.evaluated_days(house),
            parts.section("Did everything come, and is the model as good as estimated?"),
            *_headlines(house),
            *_performance(house),
            *_days(house),
            parts.section("What do Evidently's scores say, uncalibrated?"),
            *stock_flags(house),
        ),
    )


def _models(house: House) -> parts.AnyPanel:
    about = About(
        "Which of my models needs me?",
        "A line for each model in use, of all datasets, the worst first: how many alerts are open that nobody has "
        "taken on, which one to look at first, and since when. Worst: the worst figure of the newest day, in "
        "multiples of the calibrated threshold; at 1 a day fires. Loss: of the newest day with labels, in multiples of "
        "the reference's. Whatever the time range; a click opens the model at its newest days.",
        "none",
        no_data=f"No model is monitored yet: {Advice.UPDATE}",
    )
    panel = parts.rows(about, house.sql("front_page")["models"], height=6)
    panel.override_by_name("verdict", [*parts.colored_words(VERDICTS), *styled(custom__width=125)])
    link = parts.linked("Open this model at its newest days", TO_MODEL)
    for name, width in {"dataset": 110, "model": 155}.items():
        panel.override_by_name(name, [*link, *styled(custom__width=width)])
    panel.override_by_name("look first at", [*parts.wrapped(), *link])
    for name, color in {"critical": RED, "warning": ORANGE}.items():
        counted = parts.thresholds(parts.counted(color))
        cell = styled(decimals=0, thresholds=counted, custom__cellOptions={"type": "color-text"}, custom__width=75)
        panel.override_by_name(name, cell)
    for name in ("worst", "loss"):
        panel.override_by_name(name, styled(unit="suffix:x", decimals=2, custom__width=70))
    panel.override_by_name("newest day", styled(custom__width=parts.DAY))
    return panel.override_by_regexp("to_.*", parts.HIDDEN)


def _verdict(house: House) -> parts.AnyPanel:
    about = About(
        "Is all well?",
        "Everything that is open, whenever it opened, of the chosen model and of the data: critical where one of them "
        "is and nobody has taken it on. Beside it the five worst; for those of all models "
        f"{Advice.LIST_ALERTS}. A click opens what is to be looked at first.",
        "none",
        no_data=f"Not known: the marts gave no answer: {Advice.UPDATE}, or {Advice.EXAMINE}",
    )
    panel = parts.headline(about, house.sql("front_page")["verdict"], width=8, height=6, as_words=True, spark=False)
    panel.override_by_name("verdict", styled(mappings=VERDICTS))
    panel.override_by_regexp("is open|look first at", styled(color=parts.colored(GREY)))
    # Of its own accord Grafana makes all words as small as the longest needs.
    panel.text(common_builders.VizTextDisplayOptions().title_size(14).value_size(20))
    # Among the pages about days its time range would be theirs, and theirs its own.
    panel.links([parts.link("Do the runs go well? Open Pipeline health", f"/d/{PIPELINE_HEALTH}")])
    return parts.named(panel).orientation(common.VizOrientation.HORIZONTAL)


def _open_now(house: House) -> parts.AnyPanel:
    about = About(
        "What is open, the worst first?",
        "The five worst of what is open, whenever it opened, of the chosen model and of the data: critical before "
        "warning, the latest before older ones, last what somebody has taken on. A click opens what it speaks of.",
        "none",
        no_data="Nothing is open",
    )
    panel = parts.rows(about, house.sql("front_page")["open_now"], width=16, height=6)
    panel.override_by_name("severity", [*parts.colored_words(parts.SEVERITIES), *styled(custom__width=90)])
    panel.override_by_name("what is open", [*parts.wrapped(), *parts.linked("Open what it speaks of", TO_TARGET)])
    panel.override_by_name("since", styled(custom__width=parts.NAMED_DAY))
    panel.override_by_name("of", styled(custom__width=150))
    return panel.override_by_regexp("to_.*", parts.HIDDEN)


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("front_page"), house.rules.alerts
    missing = About(
        "How much is missing?",
        "Missing cells / all cells of the features and the prediction, on the latest day. Alerts are about single "
        "columns: their shares are on the page Data quality.",
        "percentunit",
        decimals=1,
    )
    volume = About(
        "How many rows came?",
        "Accepted rows on the latest day, also those that the model does not score.",
        "locale",
        decimals=0,
    )
    rejected = About(
        "How many were rejected?",
        "Rejected rows / all rows of the latest day; the rules are on the page Data quality.",
        "percentunit",
        thresholds=steps(alerts.rejected_share),
        decimals=2,
    )
    last_day = About("Which day is the latest?", "The latest monitored day of the time range.", "none")
    origin = About(
        "Where are the data from?",
        "Origin of the loaded files. Generated data are never mixed with others.",
        "none",
    )
    origin_panel = parts.headline(origin, sql["origin"], as_words=True, spark=False)
    colors = {"GENERATED SAMPLE - not real data": YELLOW, "nothing is loaded": GREY}
    return [
        parts.headline(missing, sql["missing_headline"]),
        parts.headline(volume, sql["volume_headline"]),
        parts.headline(rejected, sql["rejected_headline"]),
        origin_panel.mappings(parts.color_words(colors)),
        parts.headline(last_day, sql["last_day"], as_words=True, spark=False),
        _loaded(sql["loaded"]),
    ]


def _loaded(sql: str) -> parts.AnyPanel:
    about = About(
        "Which days are there?",
        "All monitored days of the model. A click shows them all.",
        "none",
        no_data=f"Nothing is monitored yet: {Advice.UPDATE}",
    )
    panel = parts.rows(about, sql, width=8, height=3)
    shown = "from=${__data.fields.from_ms}&to=${__data.fields.to_ms}"
    address = to_board(FRONT_PAGE).replace("${__url_time_range}", shown)
    panel.override_by_name("monitored days", parts.linked("Show all monitored days", address))
    return panel.override_by_regexp(".*_ms", parts.HIDDEN)


def _performance(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("front_page")
    loss = About(
        "Is the model as good as estimated?",
        f"Realised and estimated loss of the latest day with at least {house.compared_coverage:.0%} of its labels: "
        "mean absolute error, in the unit of the target, or log loss. The lines show the days before. A click opens "
        "Performance.",
        "short",
        no_data=NO_LABELS,
        decimals=2,
    )
    labels = About(
        "How many labels have arrived?",
        "Predictions of the latest day whose label has arrived. Until all are there, its loss may move.",
        "percentunit",
        decimals=1,
    )
    gaps = About(
        "Columns whose groups differ?",
        "Columns, and pairs of columns, whose groups differ in their loss by more than chance, on the latest day with "
        "labels. A disparity to look at, no verdict. A click opens Segments and fairness.",
        "none",
        no_data="No groups, no labels (see the tile on the left), or too few rows of every group",
        decimals=0,
    )
    groups = About(
        "Which groups explain the change?",
        "What a group adds to the change of the mean loss since the reference, on the latest day with labels: the "
        "three that add most beyond their share of the rows. A click opens Segments and fairness.",
        "short",
        no_data=f"No groups are compared, or there are no labels: {Advice.EXAMINE}",
        decimals=2,
    )
    loss_panel = parts.headline(loss, sql["loss_headline"])
    parts.named(loss_panel).data_links([parts.link("Open Performance", to_board(PERFORMANCE))])
    gaps_panel = parts.headline(gaps, sql["gaps_headline"])
    gaps_panel.data_links([parts.link("Open Segments and fairness", to_board(SEGMENTS))])
    groups_panel = parts.rows(groups, sql["explained_by_groups"], height=5)
    groups_panel.override_by_name("day", styled(custom__width=parts.NAMED_DAY))
    groups_panel.override_by_name("share of rows", styled(unit="percentunit", decimals=0))
    groups_panel.data_links([parts.link("Open Segments and fairness", to_board(SEGMENTS))])
    return [
        loss_panel,
        parts.headline(labels, sql["labels_headline"]),
        gaps_panel,
        groups_panel,
    ]


def _days(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("front_page")
    missing = About(
        "How much was missing each day?",
        "Missing cells / all cells of the features and the prediction. Alerts are about single columns.",
        "percentunit",
        minimum=0,
        decimals=1,
    )
    volume = About(
        "How many rows came each day?",
        "Rows that were accepted, whether or not the model scores them, and rows that a rule rejected.",
        "locale",
        minimum=0,
        decimals=0,
    )
    return [
        parts.lines(missing, [Query(sql["missing"], "time_series")]),
        parts.bars(volume, [Query(sql["volume"], "time_series")], stacked=True),
    ]


def _tables(house: House) -> list[parts.AnyPanel]:
    about = About(
        "Which other alerts were there, and what of them is over?",
        "Alerts of the rules with fixed levels: open ones, and those that opened in the time range. The rules are in "
        "monitoring.yml; docs/reference/alerts.md says when an alert opens and when it is resolved.",
        "none",
        no_data="No such alert is open, and none opened in this time range",
    )
    panel = parts.rows(about, house.sql("front_page")["alerts"], height=7)
    panel.override_by_name("severity", parts.colored_words(parts.SEVERITIES))
    panel.override_by_name("worst day", [*parts.wrapped(), *parts.linked("Open what it speaks of", TO_TARGET)])
    widths = {"state": 90, "severity": 90, "rule": 130, "of": 160}
    for name, width in widths.items():
        panel.override_by_name(name, styled(custom__width=width))
    return [panel.override_by_regexp("to_.*", parts.HIDDEN)]
