"""The committed dashboards and alert rules: that they are what the code makes, and complete for who looks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.__main__ import main as write_generated_files
from grafana.alert_rules import RULES as TOLD
from grafana.alert_rules import UNREADABLE
from grafana.asking import DASHBOARDS, OpenDashboard, open_dashboard
from grafana.generate import generated_files
from grafana.house import House, make_house
from grafana.parts import DATASOURCE_TYPE, DATASOURCE_UID
from pipeline.alert_rules import opening_rules
from pipeline.errors import ConfigurationError
from pipeline.monitoring import Dashboards
from pipeline.settings import ROOT

RULES = ROOT / "grafana" / "provisioning" / "alerting" / "rules.yml"
RELATION = re.compile(r"\b(?:from|join)\s+(?!lateral\b)(?!\()([a-z_][\w.]*)")
NAMED = re.compile(r"(?:\bwith|,)\s+(\w+) as (?:materialized )?\(")
IDENTIFIERS = [path.stem for path in DASHBOARDS]


def test_committed_files_are_what_the_code_makes() -> None:
    for path, text in generated_files(make_house()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not up to date: run `make dashboards`"


def test_every_dashboard_of_the_folder_is_generated() -> None:
    made = {path for path in generated_files(make_house()) if path.suffix == ".json"}
    assert set(DASHBOARDS) == made
    assert {path.stem for path in made} == {
        "model-monitoring",
        "column",
        "data-quality",
        "pipeline-health",
        "compare-models",
        "performance",
        "segments",
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
    variables = [variable["query"] for variable in dashboard.document.get("templating", {}).get("list", [])]
    for sql in [sql for _, _, sql in dashboard.queries()] + variables:
        bare = re.sub(r"extract\([^)]*\)|--[^\n]*", "", sql)
        relations = set(RELATION.findall(bare)) - set(NAMED.findall(bare))
        assert relations, sql
        assert all(relation.startswith("marts.") for relation in relations), relations


def test_everything_asks_the_one_datasource(dashboard: OpenDashboard) -> None:
    expected = {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID}
    for panel in dashboard.panels():
        assert panel["datasource"] == expected
        assert all(target["datasource"] == expected for target in panel["targets"])
    provisioned = yaml.safe_load((ROOT / "grafana" / "provisioning" / "datasources" / "warehouse.yml").read_text())
    assert [(one["type"], one["uid"]) for one in provisioned["datasources"]] == [(DATASOURCE_TYPE, DATASOURCE_UID)]


def test_days_are_shown_by_the_clock_of_the_source(dashboard: OpenDashboard) -> None:
    assert dashboard.document["timezone"] == "America/New_York"
    if dashboard.uid != "pipeline-health":
        assert (dashboard.time_from, dashboard.time_to) == ("2022-02-01T05:00:00.000Z", "2022-03-01T04:59:59.999Z")


def test_links_lead_to_dashboards_and_variables_that_exist(dashboard: OpenDashboard) -> None:
    variables = {
        path.stem: {one["name"] for one in json.loads(path.read_text()).get("templating", {}).get("list", [])}
        for path in DASHBOARDS
    }
    links = re.findall(r'"url": "/d/([^?"]+)\??([^"]*)"', json.dumps(dashboard.document))
    for uid, parameters in links:
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


def test_the_front_page_leads_with_incidents_and_ends_with_evidentlys_flags() -> None:
    front_page = open_dashboard(ROOT / "grafana" / "dashboards" / "model-monitoring.json")
    panels = sorted(front_page.document["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))
    titles = [panel["title"] for panel in panels]
    assert titles[:5] == [
        "Is the model all right today?",
        "What rings on the latest day?",
        "How many incidents are open?",
        "Where does the data come from?",
        "Which incidents are there, since when, and what moved?",
    ]
    line = titles.index("What do Evidently's stock thresholds say, uncalibrated?")
    for place, panel in enumerate(panels):
        raw = any(
            mart in target["rawSql"]
            for target in panel.get("targets", [])
            for mart in ("fct_column_drift", "num_drifted_columns")
        )
        assert not raw or place > line, panel["title"]


def test_severities_are_coloured_by_the_levels_of_incidents() -> None:
    levels = make_house().monitoring.alerts.incident
    expected = [(None, "green"), (0.5, "yellow"), (levels.warning, "orange"), (levels.critical, "red")]
    front_page = open_dashboard(ROOT / "grafana" / "dashboards" / "model-monitoring.json")
    for title in ("Is the model all right today?", "Which column is not as usual, and since when?"):
        (panel,) = [panel for panel in front_page.panels() if panel["title"] == title]
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
                assert len(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]) == 1, panel["title"]
                found += 1
    assert found == 4


def test_links_between_dashboards_keep_the_range_and_the_choices(dashboard: OpenDashboard) -> None:
    (menu,) = dashboard.document["links"]
    assert (menu["keepTime"], menu["includeVars"]) == (True, True)


def test_generating_from_a_bad_configuration_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise ConfigurationError("monitoring.yml, drift: no good")

    monkeypatch.setattr("grafana.__main__.make_house", refuse)
    with pytest.raises(SystemExit) as ended:
        write_generated_files()
    assert ended.value.code == 3
    assert capsys.readouterr().err == "error: monitoring.yml, drift: no good\n"


def test_a_panel_is_repeated_over_the_groups_that_are_found() -> None:
    board = open_dashboard(ROOT / "grafana" / "dashboards" / "segments.json")
    groups = {name: name for name in ("Bronx", "it's", "Queens", "missing")}
    board.values, board.texts, board.options = {"group": "Bronx"}, {"group": "Bronx"}, {"group": groups}
    drawn = [(asked, panel) for asked, panel in board.repeated() if panel.get("repeat")]
    assert [asked.in_words(panel["title"]) for asked, panel in drawn] == [
        f"Is the loss of {name} what was estimated?" for name in groups
    ]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"], panel["gridPos"]["w"]) for _, panel in drawn]
    top, height = drawn[0][1]["gridPos"]["y"], drawn[0][1]["gridPos"]["h"]
    assert places == [(0, top, 8), (8, top, 8), (16, top, 8), (0, top + height, 8)]
    # Grafana quotes what stands for several values.
    assert drawn[1][0].expand("segment_value = ${group}") == "segment_value = 'it''s'"


def test_relative_times_are_left_to_grafana() -> None:
    house = make_house()
    shown = Dashboards.model_validate({"from": "now-28d", "to": "now"})
    live = House(house.monitoring.model_copy(update={"dashboards": shown}), house.timezone, house.compared_coverage)
    assert live.days == ("now-28d", "now")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_every_alert_rule_has_its_rule_in_grafana() -> None:
    alerts = make_house().monitoring.alerts
    assert [rule["labels"]["rule"] for rule in rules()] == [*(name for name, _ in opening_rules(alerts)), UNREADABLE]
    assert set(TOLD) == {name for name, _ in alerts} | {UNREADABLE}
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
        assert panel["title"] == TOLD[rule["labels"]["rule"]].panel
        assert "repeat" not in panel


def test_a_query_that_failed_is_no_good_news(dashboard: OpenDashboard) -> None:
    # Grafana shows the words for an empty panel also where its query failed.
    for panel in dashboard.panels():
        words = panel["fieldConfig"]["defaults"]["noValue"]
        assert re.search(r"`make |hoose |wait|the warehouse gave no answer", words), (panel["title"], words)
