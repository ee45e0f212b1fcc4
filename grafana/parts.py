"""What all dashboards are built of: the datasource, queries, panels with everything a panel needs, variables, links.

Used by the modules of the single dashboards. Colours mean the same everywhere: green is well, yellow is worth a
look, orange a warning, red is for somebody to act on; blue and grey say nothing about good or bad. What has no
value, and what could not be asked, is never green: the lowest step of all thresholds is another colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar

from grafana_foundation_sdk.builders import barchart, stat, statushistory, table, text, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from core.advice import Advice

DATASOURCE_UID = "warehouse"
DATASOURCE_TYPE = "grafana-postgresql-datasource"
# Dashboards name it by a variable, so that they can be opened in another Grafana, whose source has another uid.
DATASOURCE_CHOICE = "${datasource}"
DATASOURCE = common.DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_CHOICE)
TAG, CLOCK_TAG = "monitoring-warehouse", "monitoring-warehouse-runs"
OTHER_DAYS = "choose another time range: in the front page's first table a click opens the newest days"
RUN_PIPELINE = f"Nothing here: {Advice.UPDATE}, or {OTHER_DAYS}"

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE, GREY = "green", "yellow", "orange", "red", "blue", "purple", "text"
# What a headline says where the latest day has none; also where the query failed, so it gives no reason.
NO_VALUE = "no value"
Step = tuple[float | None, str]
NEUTRAL: tuple[Step, ...] = ((None, BLUE),)
# From here on a figure is well: below it lies nothing but what has no value, and that must not look well.
WELL: tuple[Step, ...] = ((None, GREY), (0, GREEN))
# Without a row for this long a daily line is broken; a day has 25 hours once a year.
GAP = timedelta(hours=36)
# A run or a day that stands alone is no wider.
BAR_PIXELS = 40
LABEL_LETTERS = 16
# Pixels of a column of figures, and of one of text, that must fit on a small screen beside the others.
NARROW, NARROW_TEXT = 75, 100
# Columns of days and months, which are never broken at a hyphen; pixels of one, and of a day with its weekday.
DAYS = "day|since|last seen|resolved|month|trained on"
DAY, NAMED_DAY = 100, 125
Panel = barchart.Panel | stat.Panel | statushistory.Panel | table.Panel | timeseries.Panel
AnyPanel = Panel | text.Panel
Block = AnyPanel | builders.Row
Kind = TypeVar("Kind", barchart.Panel, stat.Panel, statushistory.Panel, table.Panel, timeseries.Panel)
Format = Literal["table", "time_series"]


@dataclass(frozen=True)
class PostgresQuery(Dataquery):
    """A query as Grafana's Postgres datasource stores it."""

    sql: str
    format: Format
    ref_id: str = "A"
    datasource: str = DATASOURCE_CHOICE

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": {"type": DATASOURCE_TYPE, "uid": self.datasource},
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": self.ref_id,
        }


@dataclass(frozen=True)
class Query(Builder[Dataquery]):
    """Builder of a PostgresQuery."""

    sql: str
    format: Format
    ref_id: str = "A"
    datasource: str = DATASOURCE_CHOICE

    def build(self) -> Dataquery:
        return PostgresQuery(self.sql, self.format, self.ref_id, self.datasource)


@dataclass(frozen=True)
class About:
    """What every panel says about itself: the question it answers, how to read it, what to do where it is empty."""

    title: str
    description: str
    unit: str
    no_data: str = RUN_PIPELINE
    thresholds: tuple[Step, ...] = NEUTRAL
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None


def empty(words: str) -> str:
    """What an empty panel says. Grafana shows it also where the query failed, with a mark in the corner.

    What to do is the same then. An answer - nothing is open - is not: it says that the other may be so.
    """
    says_what_to_do = any(word in words for word in (*Advice, "hoose "))
    return words if says_what_to_do else f"{words} - or, with a mark in the corner, the warehouse gave no answer"


def described(panel: Kind, about: About, queries: list[Query], width: int, height: int) -> Kind:
    """The panel with its words, unit, thresholds, queries and size (the page is 24 wide)."""
    panel.title(about.title).description(about.description).unit(about.unit).no_value(empty(about.no_data))
    panel.thresholds(
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in about.thresholds])
    )
    panel.datasource(DATASOURCE).span(width).height(height)
    for query in queries:
        panel.with_target(query)
    if about.minimum is not None:
        panel.min(about.minimum)
    if about.maximum is not None:
        panel.max(about.maximum)
    elif isinstance(panel, barchart.Panel | timeseries.Panel) and about.minimum == 0:
        # Where all is zero Grafana's axis ends at 100, which are 10,000 %.
        panel.axis_soft_max(0.05 if about.unit == "percentunit" else 0.1 if about.decimals else 1)
    if about.decimals is not None:
        panel.decimals(about.decimals)
    return panel


def headline(
    about: About, sql: str, width: int = 8, *, height: int = 3, as_words: bool = False, spark: bool = True
) -> stat.Panel:
    """A big figure or word: the query's last row, with the days before it as a sparkline.

    A latest day without a value says so: the value of a day before would make an outage look well.
    """
    panel = described(stat.Panel(), about, [Query(sql, "time_series" if spark else "table")], width, height)
    reduce = common_builders.ReduceDataOptions().calcs(["last"]).values(False)
    if spark:
        missing = models.ValueMappingResult(text=NO_VALUE, color=YELLOW, index=0)
        options = models.DashboardSpecialValueMapOptions(match=models.SpecialValueMatch.NULL_AND_NAN, result=missing)
        panel.mappings([models.SpecialValueMap(options=options)])
    panel.reduce_options(reduce.fields("/.*/") if as_words else reduce)
    panel.graph_mode(common.BigValueGraphMode.AREA if spark else common.BigValueGraphMode.NONE)
    return panel.color_mode(common.BigValueColorMode.VALUE).text_mode(common.BigValueTextMode.VALUE)


def named(panel: stat.Panel, neutral: str = "") -> stat.Panel:
    """Name the figures of a headline; the one called `neutral` is no matter how large."""
    panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    return panel.override_by_name(neutral, styled(thresholds=thresholds(((None, GREY),)))) if neutral else panel


def lines(
    about: About, queries: list[Query], width: int = 12, height: int = 8, *, gap: timedelta | None = GAP
) -> timeseries.Panel:
    """Values per day as lines with points; a day without a value is a gap, and so is `gap` without any row."""
    panel = described(timeseries.Panel(), about, queries, width, height)
    panel.line_width(2).point_size(5).show_points(common.VisibilityMode.ALWAYS).span_nulls(False).fill_opacity(0)
    if gap is not None:
        panel.insert_nulls(gap.total_seconds() * 1000)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    return panel.legend(_legend()).tooltip(_tooltip())


def bars(about: About, queries: list[Query], width: int = 12, height: int = 8, *, stacked: bool) -> timeseries.Panel:
    """Values per day as bars."""
    panel = lines(about, queries, width, height).draw_style(common.GraphDrawStyle.BARS)
    panel.fill_opacity(70).line_width(0).show_points(common.VisibilityMode.NEVER).bar_max_width(BAR_PIXELS)
    if stacked:
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    return panel


def categories(about: About, sql: str, x: str, width: int = 12, height: int = 10) -> barchart.Panel:
    """Bars side by side over the values of a text column."""
    panel = described(barchart.Panel(), about, [Query(sql, "table")], width, height)
    panel.x_field(x).x_tick_label_rotation(-45).x_tick_label_max_length(LABEL_LETTERS)
    panel.show_value(common.VisibilityMode.NEVER).override_by_name(x, styled(unit="string"))
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    return panel.legend(_legend()).tooltip(_tooltip())


def grid(about: About, sql: str, width: int = 24, height: int = 9) -> statushistory.Panel:
    """A cell per series and day, coloured by the thresholds."""
    panel = described(statushistory.Panel(), about, [Query(sql, "time_series")], width, height)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.show_value(common.VisibilityMode.NEVER).row_height(0.9).fill_opacity(80)
    return panel.legend(_legend()).tooltip(_tooltip())


def rows(about: About, sql: str, width: int = 24, height: int = 8) -> table.Panel:
    """The rows of the query; a cell without a value is empty, the panel's words are for no row at all.

    A word that reads as a number stays a word: Grafana would give it the panel's unit. Columns of figures
    are narrow, those of text share the rest and wrap: of its own accord Grafana gives each at least 150 pixels, and
    the last ones are not seen.
    """
    panel = described(table.Panel(), about, [Query(sql, "table")], width, height)
    panel.override_by_regexp(".*", styled(noValue="", custom__wrapHeaderText=True))
    panel.override_by_field_type("string", styled(unit="string", custom__minWidth=NARROW_TEXT, custom__wrapText=True))
    panel.override_by_field_type("number", styled(custom__width=NARROW))
    return panel.override_by_regexp(DAYS, styled(custom__width=DAY, custom__wrapText=False))


def words(title: str, description: str, markdown: str, width: int = 24, height: int = 3) -> text.Panel:
    """A text."""
    return text.Panel().title(title).description(description).content(markdown).span(width).height(height)


def section(title: str) -> builders.Row:
    """A line across the page that says what the panels below it are about."""
    return builders.Row(title)


def place(board: builders.Dashboard, blocks: Iterable[Block]) -> builders.Dashboard:
    """Put panels and sections on the page, one after the other."""
    for block in blocks:
        if isinstance(block, builders.Row):
            board.with_row(block)
        else:
            board.with_panel(block)
    return board


def styled(**settings: object) -> list[models.DynamicConfigValue]:
    """Settings of single fields, for overrides: `styled(unit="s", custom__width=90)`."""
    return [models.DynamicConfigValue(id_val=name.replace("__", "."), value=value) for name, value in settings.items()]


def counted(color: str) -> tuple[Step, ...]:
    """Thresholds of a number of bad things: none is well, one is not."""
    return (*WELL, (1, color))


def colored(color: str) -> object:
    """A fixed colour, for overrides."""
    return {"mode": "fixed", "fixedColor": color}


def thresholds(levels: tuple[Step, ...]) -> dict[str, object]:
    """Thresholds of a single field, for overrides."""
    return {"mode": "absolute", "steps": [models.Threshold(value=value, color=color) for value, color in levels]}


def beyond_one(panel: timeseries.Panel) -> timeseries.Panel:
    """Values in multiples of a bound: above it by their logarithm, so that one of 16 leaves the others to be seen.

    What lies past the thresholds is filled.
    """
    symlog = common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.SYMLOG).log(2).linear_threshold(1)
    area = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.AREA)
    return panel.scale_distribution(symlog).thresholds_style(area)


def dashed(color: str) -> list[models.DynamicConfigValue]:
    """A thin dashed line without points: a bound that values are held against."""
    return styled(
        color=colored(color),
        custom__lineStyle={"fill": "dash", "dash": [8, 8]},
        custom__lineWidth=1,
        custom__showPoints="never",
    )


def marks(color: str) -> list[models.DynamicConfigValue]:
    """Large points without a line: single days that stand out."""
    return styled(color=colored(color), custom__drawStyle="points", custom__showPoints="always", custom__pointSize=10)


def as_band(panel: timeseries.Panel, low: str, high: str, color: str, opacity: int = 15) -> None:
    """Draw two fields as the bounds of a filled band; the legend names it once, by its upper bound."""
    bound = styled(color=colored(color), custom__lineWidth=0, custom__showPoints="never")
    not_named = styled(custom__hideFrom={"legend": True, "tooltip": False, "viz": False})
    panel.override_by_name(low, [*bound, *not_named])
    panel.override_by_name(high, [*bound, *styled(custom__fillBelowTo=low, custom__fillOpacity=opacity)])


def color_words(colors: dict[str, str]) -> list[models.ValueMapping]:
    """Colours for words in cells and headlines."""
    return [
        models.ValueMap(
            options={
                word: models.ValueMappingResult(color=color, index=position)
                for position, (word, color) in enumerate(colors.items())
            }
        )
    ]


def colored_words(mappings: list[models.ValueMapping]) -> list[models.DynamicConfigValue]:
    """Cells of a table whose words have colours, for overrides."""
    return styled(mappings=mappings, custom__cellOptions={"type": "color-text"})


def wrapped(**settings: object) -> list[models.DynamicConfigValue]:
    """Cells of a table that show all of their text, for overrides."""
    return styled(custom__cellOptions={"type": "auto", "wrapText": True}, **settings)


# Overrides of fields that are not for a person.
HIDDEN = styled(custom__hidden=True)
# Overrides of fields that count something.
COUNT = styled(unit="locale", decimals=0)
SEVERITIES = color_words({"critical": RED, "warning": ORANGE, "none": GREEN})


def linked(title: str, url: str) -> list[models.DynamicConfigValue]:
    """Cells of a table that lead somewhere, for overrides."""
    return styled(links=[{"title": title, "url": url, "targetBlank": False}])


def link(title: str, url: str) -> builders.DashboardLink:
    """A data link of a field."""
    return builders.DashboardLink(title).url(url)


def choice(name: str, label: str, description: str, sql: str, *, each_range: bool = False) -> builders.QueryVariable:
    """A variable that is chosen from the rows of a query; the first one is the default."""
    variable = builders.QueryVariable(name).label(label).description(description).query(sql).definition(sql)
    variable.datasource(DATASOURCE).sort(models.VariableSort.DISABLED)
    return variable.refresh(
        models.VariableRefresh.ON_TIME_RANGE_CHANGED if each_range else models.VariableRefresh.ON_DASHBOARD_LOAD
    )


def page(
    uid: str, title: str, description: str, time: tuple[str, str], timezone: str, *, of_days: bool = True
) -> builders.Dashboard:
    """An empty dashboard with the links to the others.

    Pages about days carry their time range and their choices to each other; those about the wall's clock carry none.
    """
    board = builders.Dashboard(title).uid(uid).description(description).tags([TAG if of_days else CLOCK_TAG])
    board.time(*time).timezone(timezone).tooltip(models.DashboardCursorSync.CROSSHAIR).refresh("1m").editable()
    # Hidden: there is one to choose from, and the controls of a small screen take one row.
    source = builders.DatasourceVariable("datasource").type(DATASOURCE_TYPE).label("Warehouse")
    source.description("The Postgres that all panels ask.").hide(models.VariableHide.HIDE_VARIABLE)
    board.with_variable(source.current(models.VariableOption(text="Warehouse", value=DATASOURCE_UID)))
    # A short word, and no other link: else the controls of a small screen take two rows.
    others = builders.DashboardLink("Pages").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    board.link(others.as_dropdown(True).keep_time(of_days).include_vars(of_days))
    return board


def _legend() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)
    return legend.display_mode(common.LegendDisplayMode.LIST)


def _tooltip() -> common_builders.VizTooltipOptions:
    return common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
