"""The committed dashboards and alert rules: that they are what the code makes, and complete for who looks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.alert_levels import opening_rules
from config.paths import ROOT
from config.rules import Dashboards
from grafana.alert_rules import RULES as NOTIFICATIONS
from grafana.alert_rules import UNREADABLE
from grafana.generate import generated_files
from grafana.house import House, make_house
from grafana.parts import DATASOURCE_TYPE, DATASOURCE_UID
from grafana.preview.asking import DASHBOARDS, OpenDashboard, open_dashboard
from pipeline.advice import with_commands

RULES = ROOT / "grafana" / "provisioning" / "alerting" / "rules.yml"
RELATION = re.compile(r"\b(?:from|join)\s+(?!lateral\b)(?!\()([a-z_][\w.]*)")
NAMED = re.compile(r"(?:\bwith|,)\s+(\w+) as (?:materialized )?\(")
IDENTIFIERS = [path.stem for path in DASHBOARDS]


def test_committed_files_are_what_the_code_makes() -> None:
    for path, text in generated_files(make_house(), with_commands).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not up to date: run `make dashboards`"


def test_every_dashboard_of_the_folder_is_generated() -> None:
    made = {path for path in generated_files(make_house(), with_commands) if path.suffix == ".json"}
    assert set(DASHBOARDS) == made
    assert {path.stem for path in made} == {
        "model-monitoring",
        "column",
        "data-quality",
        "pipeline-health",
        "compare-models",
        "performance",
        "segments",
        "custom-metrics",
    }


@pytest.fixture(params=DASHBOARDS, ids=IDENTIFIERS)
def dashboard(request: pytest.FixtureRequest) -> OpenDashboard:
    path: Path = request.param
    return open_dashboard(path)


def test_every_panel_says_what_it_answers(dashboard: OpenDashboard) -> None:
    titles = [panel["title"] for panel in dashboard.document["panels"]]
    assert len(set(titles)) == len(titles)
    for panel in dashboard.document["panels"]:
        assert panel["title"].endswith("?"), panel["title"]
        if panel["type"] == "row":
            continue
        assert len(panel["description"]) > 30, panel["title"]
    for panel in dashboard.panels():
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        assert len(defaults["noValue"]) > 10, panel["title"]


def test_panels_lie_beside_each_other(dashboard: OpenDashboard) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard.document["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} covers {taken[x, y]}"
                taken[x, y] = panel["title"]
    identifiers = [panel["id"] for panel in dashboard.document["panels"]]
    assert len(set(identifiers)) == len(identifiers)


def test_queries_read_marts_and_nothing_else(dashboard: OpenDashboard) -> None:
    variables = [variable["query"] for variable in dashboard.choices()]
    for sql in [sql for _, _, sql in dashboard.queries()] + variables:
        bare = re.sub(r"extract\([^)]*\)|--[^\n]*", "", sql)
        relations = set(RELATION.findall(bare)) - set(NAMED.findall(bare))
        assert relations, sql
        assert all(relation.startswith("marts.") for relation in relations), relations


def test_everything_asks_the_one_datasource(dashboard: OpenDashboard) -> None:
    expected = {"type": DATASOURCE_TYPE, "uid": "${datasource}"}
    source, *choices = dashboard.document["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", DATASOURCE_TYPE)
    assert source["current"]["value"] == DATASOURCE_UID
    assert all(one["datasource"] == expected for one in (*choices, *dashboard.annotations()))
    for panel in dashboard.panels():
        assert panel["datasource"] == expected
        assert all(target["datasource"] == expected for target in panel["targets"])
    provisioned = yaml.safe_load((ROOT / "grafana" / "provisioning" / "datasources" / "warehouse.yml").read_text())
    assert [(one["type"], one["uid"]) for one in provisioned["datasources"]] == [(DATASOURCE_TYPE, DATASOURCE_UID)]


def test_days_are_dates_whatever_the_zone_of_their_dataset(dashboard: OpenDashboard) -> None:
    if dashboard.uid == "pipeline-health":
        assert dashboard.document["timezone"] == "browser", "runs are instants, of no dataset's clock"
        return
    # A date is drawn at its midnight by UTC: by another clock it would stand under the day before, or beside its label.
    assert dashboard.document["timezone"] == "utc"
    assert (dashboard.time_from, dashboard.time_to) == ("2022-02-01T00:00:00.000Z", "2022-02-28T23:59:59.999Z")
    for place, form, sql in dashboard.queries():
        instants = re.findall(r"timeFilter\((?!(?:\w+\.)?\w+_date\))[^)]*", sql)
        assert not instants, f"{place}: the range is compared with instants"
        assert form != "time_series" or re.search(
            r"\bwindow_date as timestamp\) at time zone 'UTC' end as time\b", sql
        ), place


# Of these each dataset has rows of its own, which no model's version tells apart.
OF_THE_ROWS = re.compile(
    r"marts\.fct_(?:daily_volume|rejections|files|label_loads|alerts|incidents|alert_conditions)\b"
)
# What is asked of all datasets: tests of the project, and the table of all models.
OF_ALL = {"What do the tests say?", "How many tests fail?", "Which of my models needs me?"}


def test_no_figure_mixes_datasets(dashboard: OpenDashboard) -> None:
    names = [one["name"] for one in dashboard.choices()]
    if dashboard.uid == "pipeline-health":
        assert names == []
        return
    assert names[0] == "dataset"
    assert "${dataset}" in dashboard.choices()[1]["query"], "models are of the chosen dataset"
    questions = [(one["name"], one["query"]) for one in dashboard.choices()[1:]]
    questions += [(place, sql) for place, _, sql in dashboard.queries() if place not in OF_ALL]
    for place, sql in questions:
        assert re.search(r"\$\{(?:dataset|model_version|model_a|model_b)\}", sql), place
        of_models = re.search(r"\bmodel_version in \('\$\{model_a\}'", sql)
        assert "${dataset}" in sql or of_models or not OF_THE_ROWS.search(sql), place


def test_links_open_their_own_dataset(dashboard: OpenDashboard) -> None:
    for address in re.findall(r'"url": "(/d/[^"]+)"', json.dumps(dashboard.document)):
        if "var-" in address or "${__url_time_range}" in address:
            assert re.search(r"var-dataset=\$\{(?:dataset|__data\.fields\.(?:to_)?dataset)\}", address), address
            assert "var-model_version=" in address, address


def test_links_lead_to_dashboards_and_variables_that_exist(dashboard: OpenDashboard) -> None:
    variables = {
        path.stem: {one["name"] for one in json.loads(path.read_text()).get("templating", {}).get("list", [])}
        for path in DASHBOARDS
    }
    links = re.findall(r'"url": "/d/([^?"]+)\??([^"]*)"', json.dumps(dashboard.document))
    for uid, parameters in links:
        # What a row leads to by its fields is followed in tests/integration/grafana/test_dashboards.py.
        if uid == "${__data.fields.to_board}":
            continue
        assert uid in variables, uid
        for name in re.findall(r"var-(\w+)=", parameters):
            assert name in variables[uid], (uid, name)


def test_the_overview_leads_to_the_column_and_the_day() -> None:
    front_page = open_dashboard(ROOT / "grafana" / "dashboards" / "model-monitoring.json")
    grids = [panel for panel in front_page.panels() if panel["type"] == "status-history"]
    assert len(grids) == 2
    for grid in grids:
        (link,) = grid["fieldConfig"]["defaults"]["links"]
        assert "var-column=${__field.name}" in link["url"]
        assert "var-day=${__value.time}" in link["url"]


# Pixels of a page on a screen of 1366: Grafana docks its menu beside it.
SMALL_PAGE = 1044


def in_order(dashboard: OpenDashboard) -> list[dict[str, Any]]:
    """All panels and sections, as a person reads them."""
    return sorted(dashboard.document["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))


def test_the_front_page_leads_with_the_verdict_and_ends_with_evidentlys_scores() -> None:
    front_page = open_dashboard(ROOT / "grafana" / "dashboards" / "model-monitoring.json")
    panels = in_order(front_page)
    titles = [panel["title"] for panel in panels]
    first_screen = ["Which of my models needs me?", "Is all well?", "What is open, the worst first?"]
    assert titles[:4] == [*first_screen, "Which column is not as usual, and since when?"]
    # At 1366 x 768 Grafana's own bars leave 17 rows of 38 pixels: the fourth begins on them.
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels[:3]) <= 13
    line = titles.index("What do Evidently's scores say, uncalibrated?")
    for place, panel in enumerate(panels):
        raw = any(
            mart in target["rawSql"]
            for target in panel.get("targets", [])
            for mart in ("fct_column_drift", "num_drifted_columns")
        )
        assert not raw or place > line, panel["title"]


def test_a_page_has_one_row_of_controls(dashboard: OpenDashboard) -> None:
    marks = dashboard.document["annotations"].get("list", [])
    assert all(mark["hide"] for mark in marks), "a switch of an annotation is a control"
    if dashboard.uid == "model-monitoring":
        assert [one["name"] for one in dashboard.choices()] == ["dataset", "model_version"]
        assert [mark["iconColor"] for mark in marks] == ["blue"], "marks over every chart are no alarm"


def test_severities_are_coloured_by_the_levels_of_incidents() -> None:
    levels = make_house().rules.alerts.incident
    expected = [(None, "text"), (0, "green"), (0.5, "yellow"), (levels.warning, "orange"), (levels.critical, "red")]
    front_page = open_dashboard(ROOT / "grafana" / "dashboards" / "model-monitoring.json")
    (panel,) = [panel for panel in front_page.panels() if panel["title"].startswith("Which column is not as usual")]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == expected


def test_a_headline_shows_the_latest_day_also_where_it_is_empty(dashboard: OpenDashboard) -> None:
    for panel in dashboard.panels():
        if panel["type"] != "stat":
            continue
        assert panel["options"]["reduceOptions"]["calcs"] == ["last"], panel["title"]
        if panel["targets"][0]["format"] == "time_series":
            (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
            assert mapping["type"] == "special"
            assert mapping["options"]["match"] == "null+nan"
            assert mapping["options"]["result"]["text"]


def test_shares_of_all_cells_have_no_levels_of_single_columns() -> None:
    found = 0
    for path in DASHBOARDS:
        for panel in open_dashboard(path).panels():
            if "share_missing_values" in panel["targets"][0]["rawSql"]:
                colors = {step["color"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}
                assert not colors & {"green", "yellow", "orange", "red"}, panel["title"]
                found += 1
    assert found == 4


def test_pages_about_days_keep_range_and_choices_and_those_about_the_clock_neither(dashboard: OpenDashboard) -> None:
    (to_days,) = dashboard.document["links"]
    tags = {path.stem: json.loads(path.read_text())["tags"] for path in DASHBOARDS}
    assert {uid for uid, of in tags.items() if of == to_days["tags"]} == {*tags} - {"pipeline-health"}
    of_days = dashboard.uid != "pipeline-health"
    assert (to_days["keepTime"], to_days["includeVars"]) == (of_days, of_days)
    if dashboard.uid == "model-monitoring":
        (to_clock,) = in_order(dashboard)[1]["links"]
        assert to_clock["url"] == "/d/pipeline-health"


# What monitoring.yml, the data or a source may make false.
OF_THE_DATA = re.compile(
    r"\b(trips?|tax(?:i|is)|tlc|boroughs?|income|persons|passenger\w*|fares?|cards?|publisher|stock|january|february"
    r"|(?:19|20)\d\d|three models)\b",
    re.IGNORECASE,
)


def texts(document: dict[str, Any]) -> list[str]:
    """Everything that a dashboard says of itself: of its queries the names of what they give."""
    found = [document["title"], document["description"]]
    found += [f"{one['label']}: {one['description']}" for one in document.get("templating", {}).get("list", [])]
    for panel in document["panels"]:
        found += [panel["title"], panel.get("description", ""), panel.get("options", {}).get("content", "")]
        found += re.findall(r'as "([^"]+)"', " ".join(target["rawSql"] for target in panel.get("targets", [])))
        settings = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
        found += [settings["defaults"].get("noValue", ""), json.dumps(settings["defaults"].get("mappings", ""))]
    return found


def test_the_models_table_is_red_only_where_somebody_is_to_act() -> None:
    front_page = open_dashboard(ROOT / "grafana" / "dashboards" / "model-monitoring.json")
    (panel,) = [panel for panel in front_page.panels() if panel["title"] == "Which of my models needs me?"]
    settings = {
        override["matcher"]["options"]: {one["id"]: one["value"] for one in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    assert {name for name, of in settings.items() if '"red"' in json.dumps(of)} == {"verdict", "critical"}
    (words,) = settings["verdict"]["mappings"]
    assert [word for word, shown in words["options"].items() if shown["color"] == "red"] == ["Critical"]


def test_no_page_claims_what_configuration_can_make_false(dashboard: OpenDashboard) -> None:
    for text in texts(dashboard.document):
        assert not OF_THE_DATA.search(text), text


def test_what_is_compared_is_said_to_be_configured() -> None:
    (note,) = [
        panel
        for panel in open_dashboard(ROOT / "grafana" / "dashboards" / "segments.json").document["panels"]
        if panel["type"] == "text"
    ]
    assert "`segments` in the dataset's file" in " ".join(note["options"]["content"].split())


def thresholds_of(panel: dict[str, Any]) -> list[list[dict[str, Any]]]:
    overrides = [one for override in panel["fieldConfig"]["overrides"] for one in override["properties"]]
    of_fields = [one["value"]["steps"] for one in overrides if one["id"] == "thresholds"]
    return [panel["fieldConfig"]["defaults"]["thresholds"]["steps"], *of_fields]


def test_what_has_no_value_or_could_not_be_asked_is_never_green(dashboard: OpenDashboard) -> None:
    # Grafana gives words for an empty panel, and empty values, the colour of the lowest step.
    for panel in dashboard.panels():
        for steps in thresholds_of(panel):
            assert steps[0]["value"] is None
            assert steps[0]["color"] in ("text", "blue", "yellow", "transparent"), panel["title"]
        for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
            if mapping["type"] == "special":
                # Said of a query that failed, too: no reason, since that may be another one.
                assert mapping["options"]["result"]["color"] != "green", panel["title"]
                assert mapping["options"]["result"]["text"] == "no value", panel["title"]


def test_an_empty_panel_says_what_to_do_or_that_there_may_be_no_answer(dashboard: OpenDashboard) -> None:
    for panel in dashboard.panels():
        words = panel["fieldConfig"]["defaults"]["noValue"]
        assert re.search("`make |hoose |the warehouse gave no answer", words), f"{panel['title']}: {words}"


def test_words_for_an_empty_table_do_not_fill_its_cells(dashboard: OpenDashboard) -> None:
    for panel in dashboard.panels():
        if panel["type"] == "table":
            first = panel["fieldConfig"]["overrides"][0]
            assert first["matcher"] == {"id": "byRegexp", "options": ".*"}, panel["title"]
            assert {"id": "noValue", "value": ""} in first["properties"], panel["title"]
            words = panel["fieldConfig"]["overrides"][1]
            assert words["matcher"] == {"id": "byType", "options": "string"}, panel["title"]
            assert {"id": "unit", "value": "string"} in words["properties"], panel["title"]


def test_charts_have_axes_labels_and_gaps_that_can_be_read(dashboard: OpenDashboard) -> None:
    for panel in dashboard.panels():
        defaults, title = panel["fieldConfig"]["defaults"], panel["title"]
        assert panel["type"] != "heatmap", f"{title}: its cells lie a day beside their labels, and darker is not more"
        if panel["type"] == "barchart":
            assert 0 < panel["options"]["xTickLabelMaxLength"] <= 20, title
        if panel["type"] not in ("barchart", "timeseries"):
            continue
        custom = defaults["custom"]
        if defaults.get("min") == 0 and "max" not in defaults:
            assert 0 < custom["axisSoftMax"] <= (0.05 if defaults["unit"] == "percentunit" else 1), title
        if panel["type"] == "timeseries":
            assert custom["spanNulls"] is False, title
            if custom.get("drawStyle") == "bars":
                assert custom["barMaxWidth"] <= 40, title
            elif dashboard.uid != "pipeline-health":
                # A day without a row breaks the line, also where the clock goes back an hour.
                assert 25 < custom["insertNulls"] / 3_600_000 < 48, title


def test_ratios_do_not_vanish_beside_one_of_sixteen() -> None:
    panels = [(path.stem, panel) for path in DASHBOARDS for panel in open_dashboard(path).panels()]
    charts = [
        panel for _, panel in panels if panel["type"] == "timeseries" and "own_threshold_ratio" in str(panel["targets"])
    ]
    charts += [panel for _, panel in panels if panel["title"] == "How bad was each day, and which ones fired?"]
    assert len(charts) == 2
    for panel in charts:
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert custom["scaleDistribution"] == {"type": "symlog", "log": 2, "linearThreshold": 1}
        assert custom["thresholdsStyle"]["mode"] == "area"


def test_titles_are_whole_on_a_small_screen(dashboard: OpenDashboard) -> None:
    board = open_dashboard(ROOT / "grafana" / "dashboards" / f"{dashboard.uid}.json")
    board.texts = board.values = {"column": "dropoff_location_id", "statistic": "jensenshannon", "day": "2022-02-20"}
    for panel in dashboard.panels():
        # A letter takes 7 pixels, the signs of a panel's head and its margins 95.
        room = panel["gridPos"]["w"] * SMALL_PAGE / 24 - 95
        title = board.in_words(panel["title"])
        assert len(title) * 7 <= room, f"{title} is cut: {int(room / 7)} letters have room"


def test_a_panel_is_repeated_over_the_groups_that_are_found() -> None:
    board = open_dashboard(ROOT / "grafana" / "dashboards" / "segments.json")
    groups = {name: name for name in ("Bronx", "it's", "Queens", "missing")}
    board.values, board.texts, board.options = {"group": "Bronx"}, {"group": "Bronx"}, {"group": groups}
    drawn = [(asked, panel) for asked, panel in board.repeated() if panel.get("repeat")]
    assert [asked.in_words(panel["title"]) for asked, panel in drawn] == [
        f"Loss of {name} as estimated?" for name in groups
    ]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"], panel["gridPos"]["w"]) for _, panel in drawn]
    top, height = drawn[0][1]["gridPos"]["y"], drawn[0][1]["gridPos"]["h"]
    assert places == [(0, top, 8), (8, top, 8), (16, top, 8), (0, top + height, 8)]
    # Grafana quotes what stands for several values.
    assert drawn[1][0].expand("segment_value = ${group}") == "segment_value = 'it''s'"


def test_relative_times_are_left_to_grafana() -> None:
    house = make_house()
    shown = Dashboards.model_validate({"from": "now-28d", "to": "now"})
    live = House(house.rules.model_copy(update={"dashboards": shown}))
    assert live.days == ("now-28d", "now")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_every_alert_rule_has_its_rule_in_grafana() -> None:
    alerts = make_house().rules.alerts
    assert [rule["labels"]["rule"] for rule in rules()] == [*(name for name, _ in opening_rules(alerts)), UNREADABLE]
    assert set(NOTIFICATIONS) == {name for name, _ in alerts} | {UNREADABLE}
    assert len({rule["uid"] for rule in rules()}) == len(rules())


def test_rules_are_as_grafana_provisions_them() -> None:
    for rule in rules():
        question, condition = rule["data"]
        assert question["datasourceUid"] == DATASOURCE_UID
        assert condition["datasourceUid"] == "__expr__"
        assert condition["model"]["expression"] == question["refId"]
        assert rule["condition"] == condition["refId"]
        for query in (question, condition):
            assert query["relativeTimeRange"]["from"] > query["relativeTimeRange"]["to"]
            assert query["model"]["refId"] == query["refId"]
        assert all("$$" not in text for text in rule["annotations"].values())
        assert rule["keepFiringFor"] == "2m"
        assert rule["noDataState"] == "OK"


def test_an_error_of_the_database_says_nothing_of_models_and_is_told_after_minutes() -> None:
    *about_models, about_the_warehouse = rules()
    for rule in about_models:
        # Labels are put through the environment, where a single $ would be taken for a variable; annotations are not.
        assert rule["labels"]["severity"] == "{{ $$labels.severity }}"
        assert rule["labels"]["model"] == "{{ $$labels.model }}"
        assert rule["labels"]["dataset"] == "{{ $$labels.dataset }}"
        assert (rule["for"], rule["execErrState"]) == ("2m", "KeepLast")
    # `Error` would fire at once, whatever `for` says.
    assert (about_the_warehouse["for"], about_the_warehouse["execErrState"]) == ("5m", "Alerting")
    assert about_the_warehouse["labels"] == {"rule": UNREADABLE, "severity": "critical"}
    assert "$" not in json.dumps(about_the_warehouse["annotations"]), "there is no row to take a word from"


def test_grafana_draws_every_rule_with_its_panel() -> None:
    panels = {
        (path.stem, str(panel["id"])): panel for path in DASHBOARDS for panel in open_dashboard(path).document["panels"]
    }
    for rule in rules():
        said = rule["annotations"]
        panel = panels[said["__dashboardUid__"], said["__panelId__"]]
        assert panel["title"] == NOTIFICATIONS[rule["labels"]["rule"]].panel
        assert "repeat" not in panel


def test_a_query_that_failed_is_no_good_news(dashboard: OpenDashboard) -> None:
    # Grafana shows the words for an empty panel also where its query failed.
    for panel in dashboard.panels():
        words = panel["fieldConfig"]["defaults"]["noValue"]
        assert re.search(r"`make |hoose |wait|the warehouse gave no answer", words), (panel["title"], words)
