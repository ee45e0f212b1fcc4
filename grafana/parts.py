"""What all dashboards are built of: the datasource, queries, panels with everything a panel needs, variables, links.

Used by the modules of the single dashboards. Colours mean the same everywhere: green is well, yellow is worth a
look, orange a warning, red is for somebody to act on; blue and grey say nothing about good or bad.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from grafana_foundation_sdk.builders import barchart, heatmap, stat, statushistory, table, text, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

DATASOURCE_UID = "warehouse"
DATASOURCE_TYPE = "grafana-postgresql-datasource"
DATASOURCE = common.DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)
TAG = "monitoring-warehouse"
RUN_PIPELINE = "Nothing here: run `make pipeline`, or choose another time range"

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"
Step = tuple[float | None, str]
NEUTRAL: tuple[Step, ...] = ((None, BLUE),)
Panel = barchart.Panel | heatmap.Panel | stat.Panel | statushistory.Panel | table.Panel | timeseries.Panel
AnyPanel = Panel | text.Panel
Block = AnyPanel | builders.Row
Kind = TypeVar("Kind", barchart.Panel, heatmap.Panel, stat.Panel, statushistory.Panel, table.Panel, timeseries.Panel)
Format = Literal["table", "time_series"]


@dataclass(frozen=True)
class PostgresQuery(Dataquery):
    """A query as Grafana's Postgres datasource stores it."""

    sql: str
    format: Format
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
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

    def build(self) -> Dataquery:
        return PostgresQuery(self.sql, self.format, self.ref_id)


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
    # What a headline says where the latest day has no value; `no_data` is for no day at all.
    no_value: str = "no value"


def empty(words: str) -> str:
    """What an empty panel says. Grafana shows it also where the query failed, with a mark in the corner.

    What to do is the same then. An answer - nothing is open - is not: it says that the other may be so.
    """
    says_what_to_do = any(word in words for word in ("`make ", "hoose ", "wait"))
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
    if about.decimals is not None:
        panel.decimals(about.decimals)
    return panel


def headline(about: About, sql: str, width: int = 4, *, as_words: bool = False, spark: bool = True) -> stat.Panel:
    """A big figure or word: the query's last row, with the days before it as a sparkline.

    A latest day without a value says so: the value of a day before would make an outage look well.
    """
    panel = described(stat.Panel(), about, [Query(sql, "time_series" if spark else "table")], width, 4)
    reduce = common_builders.ReduceDataOptions().calcs(["last"]).values(False)
    if spark:
        missing = models.ValueMappingResult(text=about.no_value, color=YELLOW, index=0)
        options = models.DashboardSpecialValueMapOptions(match=models.SpecialValueMatch.NULL_AND_NAN, result=missing)
        panel.mappings([models.SpecialValueMap(options=options)])
    panel.reduce_options(reduce.fields("/.*/") if as_words else reduce)
    panel.graph_mode(common.BigValueGraphMode.AREA if spark else common.BigValueGraphMode.NONE)
    return panel.color_mode(common.BigValueColorMode.VALUE).text_mode(common.BigValueTextMode.VALUE)


def out_of(panel: stat.Panel, name: str) -> None:
    """Name the figures of a headline: the one called `name` is what the other is a part of, no matter how large."""
    panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    panel.override_by_name(name, styled(thresholds=thresholds(((None, GREY),))))


def lines(about: About, queries: list[Query], width: int = 12, height: int = 8) -> timeseries.Panel:
    """Values per day as lines with points; a day without a value is a gap."""
    panel = described(timeseries.Panel(), about, queries, width, height)
    panel.line_width(2).point_size(5).show_points(common.VisibilityMode.ALWAYS).span_nulls(False).fill_opacity(0)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    return panel.legend(_legend()).tooltip(_tooltip())


def bars(about: About, queries: list[Query], width: int = 12, height: int = 8, *, stacked: bool) -> timeseries.Panel:
    """Values per day as bars."""
    panel = lines(about, queries, width, height).draw_style(common.GraphDrawStyle.BARS)
    panel.fill_opacity(70).line_width(0).show_points(common.VisibilityMode.NEVER)
    if stacked:
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    return panel


def categories(about: About, sql: str, x: str, width: int = 12, height: int = 10) -> barchart.Panel:
    """Bars side by side over the values of a text column."""
    panel = described(barchart.Panel(), about, [Query(sql, "table")], width, height)
    panel.x_field(x).x_tick_label_rotation(-45).show_value(common.VisibilityMode.NEVER)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    return panel.legend(_legend()).tooltip(_tooltip())


def grid(about: About, sql: str, width: int = 24, height: int = 9) -> statushistory.Panel:
    """A cell per series and day, coloured by the thresholds."""
    panel = described(statushistory.Panel(), about, [Query(sql, "time_series")], width, height)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.show_value(common.VisibilityMode.NEVER).row_height(0.9).fill_opacity(80)
    return panel.legend(_legend()).tooltip(_tooltip())


def heat(about: About, sql: str, width: int = 24, height: int = 9) -> heatmap.Panel:
    """A cell per series and day, the darker the higher."""
    panel = described(heatmap.Panel(), about, [Query(sql, "time_series")], width, height)
    return panel.calculate(False).cell_gap(1).show_legend()


def rows(about: About, sql: str, width: int = 24, height: int = 8) -> table.Panel:
    """The rows of the query."""
    return described(table.Panel(), about, [Query(sql, "table")], width, height)


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


def levels(steps: tuple[Step, ...]) -> dict[str, object]:
    """Thresholds of a single field, for overrides."""
    return {"mode": "absolute", "steps": [models.Threshold(value=value, color=color) for value, color in steps]}


def colored(color: str) -> object:
    """A fixed colour, for overrides."""
    return {"mode": "fixed", "fixedColor": color}


def thresholds(levels: tuple[Step, ...]) -> dict[str, object]:
    """Thresholds of a single field, for overrides."""
    return {"mode": "absolute", "steps": [models.Threshold(value=value, color=color) for value, color in levels]}


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


def page(uid: str, title: str, description: str, time: tuple[str, str], timezone: str) -> builders.Dashboard:
    """An empty dashboard with the links to the others."""
    board = builders.Dashboard(title).uid(uid).description(description).tags([TAG]).time(*time).timezone(timezone)
    board.tooltip(models.DashboardCursorSync.CROSSHAIR).refresh("1m").editable()
    others = builders.DashboardLink("Dashboards").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    return board.link(others.as_dropdown(True).keep_time(True).include_vars(True))


def _legend() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)
    return legend.display_mode(common.LegendDisplayMode.LIST)


def _tooltip() -> common_builders.VizTooltipOptions:
    return common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
