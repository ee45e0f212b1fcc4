"""`make report`: Evidently's own page and suite of a day, beside the metrics that are stored of it."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from config.paths import ROOT
from core.errors import ConfigurationError, UsageError
from pipeline.commands.reports import ReportRequest, WrittenReport, write_reports
from tests.commands import command, make
from tests.conftest import FirstRun, clone
from warehouse.database import Connection
from warehouse.runs import only_lock
from warehouse.server import embedded

LR, HGB, TIPPED = "green_duration_lr", "green_duration_hgb", "green_tipped"
EMPTY_DAY = "2022-02-26"  # its page is quickly made
COLUMNS = {
    LR: {"passenger_count", "trip_distance", "fare_amount", "total_amount"},
    HGB: {"passenger_count", "trip_distance", "pickup_hour", "trip_type_id"},
    TIPPED: {"passenger_count", "trip_distance", "fare_amount", "pickup_hour", "trip_type_id"},
}
ZONES = {"pickup_location_id", "dropoff_location_id"}


def reports(folder: Path, day: str, model: str = "", segment: str = "") -> tuple[list[WrittenReport], list[str]]:
    """The reports of a day, made in this process, and what was said."""
    said: list[str] = []
    column, _, value = segment.partition("=")
    request = ReportRequest(date.fromisoformat(day), model, (column, value) if segment else None, folder)
    return list(write_reports(request, said.append)), said


def found(report: WrittenReport, test: str) -> dict[str, float]:
    return {outcome.column: outcome.found for outcome in report.outcomes if outcome.test == test}


def status(report: WrittenReport, test: str) -> dict[str, str]:
    return {outcome.column: outcome.status for outcome in report.outcomes if outcome.test == test}


def stored(connection: Connection, model_version: str, day: str, metric: str) -> dict[str, tuple[Any, ...]]:
    rows = connection.execute(
        "select column_name, value, alert, method, threshold from monitoring.metric_values "
        "where layer != 'comparison' and model_version = %s and metric = %s and segment_key = '' "
        "and window_start = cast(%s as timestamp) at time zone 'America/New_York'",
        [model_version, metric, day],
    ).fetchall()
    return {str(row[0]): row[1:] for row in rows}


@pytest.fixture(scope="module")
def twentieth(
    server: embedded.Address, first_run: FirstRun, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[WrittenReport], list[str]]:
    """A folder with the reports of all models of 2022-02-20, these, and what was said; nobody changes them."""
    folder = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        for _ in clone(server, first_run.database, patch):
            written, said = reports(folder, "2022-02-20")
    return folder, written, said


def test_scores_and_figures_are_those_that_are_stored(
    monitored_warehouse: Connection, twentieth: tuple[Path, list[WrittenReport], list[str]]
) -> None:
    day = "2022-02-20"
    folder, written, said = twentieth
    assert said == []
    assert [report.model_version.rsplit("-", 3)[0] for report in written] == [HGB, LR, TIPPED]
    for report, spec in zip(written, (HGB, LR, TIPPED), strict=True):
        scores = stored(monitored_warehouse, report.model_version, day, "drift_score")
        assert set(scores) == COLUMNS[spec] | ZONES | {"prediction"}
        for column, (value, alert, _, _) in scores.items():
            assert found(report, "drift")[column] == pytest.approx(value, abs=1e-9), column
            assert status(report, "drift")[column] == ("FAIL" if alert else "SUCCESS"), column
        missing = stored(monitored_warehouse, report.model_version, day, "missing_share")
        assert found(report, "missing share") == pytest.approx({name: row[0] for name, row in missing.items()})
        rows = stored(monitored_warehouse, report.model_version, day, "row_count")
        assert found(report, "rows")[""] == rows[""][0]
        page = report.path.read_text(encoding="utf-8")
        assert report.path == folder / day / f"{report.model_version}.html"
        for words in (
            *scores,
            "Dataset Summary",
            "Data Drift Summary",
            "Value drift for prediction",
            report.model_version,
        ):
            assert words in page, words


class _Addresses(HTMLParser):
    """What a browser would fetch for the page's elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "data", "srcset"}]


def test_the_page_needs_nothing_from_elsewhere(twentieth: tuple[Path, list[WrittenReport], list[str]]) -> None:
    _, (_, report, _), _ = twentieth
    page = report.path.read_text(encoding="utf-8")
    parser = _Addresses()
    parser.feed(page)
    assert parser.found == []
    assert "url(http" not in page
    assert "drawDashboard" in page
    assert {path.name for path in report.path.parent.iterdir()} == {written.path.name for written in twentieth[1]}


@pytest.fixture
def browser(tmp_path: Path) -> list[str]:
    """A headless Chromium that reaches no host, as the beginning of a command."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine: the page is not looked at as a browser shows it")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    blocked = ("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND")
    return [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", profile, *blocked]


@pytest.mark.slow
def test_a_browser_without_a_network_shows_drift_quality_and_tests(
    monitored_warehouse: Connection, tmp_path: Path, browser: list[str]
) -> None:
    ((report,), _) = reports(tmp_path, "2022-02-08", model=LR)
    # The tests are on a tab of their own.
    click = "[...document.querySelectorAll('button')].find(button => button.textContent == 'Tests').click()"
    for script, expected in (
        ("", ("Data Drift Summary", "Jensen-Shannon", "Dataset Summary", "number of rows", "Tests: ", "Failed: drift")),
        (click, ("Value drift for trip_distance", "missing values: Less or Equal 0.050", "SUCCESS", "FAIL")),
    ):
        page = tmp_path / "page.html"
        shown = report.path.read_text(encoding="utf-8")
        page.write_text(shown.replace("</body>", f"<script>setTimeout(() => {{ {script} }}, 2000)</script></body>"))
        result = subprocess.run(
            [*browser, "--virtual-time-budget=10000", "--dump-dom", f"file://{page}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        body = result.stdout[result.stdout.rindex('<div id="root_') :].partition("<script")[0]
        for words in expected:
            assert words in body, words


@pytest.mark.slow
def test_a_planted_incident_fails_its_test(monitored_warehouse: Connection, tmp_path: Path) -> None:
    ((third,), _) = reports(tmp_path, "2022-02-03", model=HGB)
    assert status(third, "missing share")["passenger_count"] == "FAIL"
    assert found(third, "missing share")["passenger_count"] > 0.3
    ((fourth,), _) = reports(tmp_path, "2022-02-04", model=HGB)
    assert status(fourth, "missing share")["passenger_count"] == "SUCCESS"


@pytest.mark.slow
def test_a_day_without_rows_has_a_page_that_says_so(monitored_warehouse: Connection, tmp_path: Path) -> None:
    result = command("report", "--day", EMPTY_DAY, "--model", LR, "--strict", "--report-dir", str(tmp_path))
    assert result.returncode == 1, result.stderr
    assert "The window has no rows" in result.stderr
    assert "0 of 1 tests passed" in result.stdout
    page = Path(result.stdout.splitlines()[0])
    assert page.parent == tmp_path / EMPTY_DAY
    assert "The window has no rows" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_failed_suite_ends_with_1_only_where_that_is_asked_for(
    monitored_warehouse: Connection, tmp_path: Path
) -> None:
    for strict, code in ([], 0), (["--strict"], 1):
        result = command("report", "--day", "2022-02-08", "--model", LR, "--report-dir", str(tmp_path), *strict)
        assert result.returncode == code, result.stderr
        assert result.stderr == ""
        path, summary, *table = result.stdout.splitlines()
        assert Path(path).is_file()
        assert summary.endswith("of 15 tests passed")
        (line,) = [words for words in map(str.split, table) if words[:2] == ["drift", "pickup_location_id"]]
        assert line[2] == "FAIL"
        assert float(line[3]) >= 0.1
        assert line[4:] == ["<", "0.1"]


@pytest.mark.slow
def test_a_suite_that_passes_ends_with_0(monitored_warehouse: Connection, tmp_path: Path) -> None:
    # The reference becomes the day itself.
    reference = f"(select reference_id from ml.models where spec = '{LR}')"
    monitored_warehouse.execute(f"delete from ml.reference_rows where reference_id = {reference}")
    monitored_warehouse.execute(
        "insert into ml.reference_rows (reference_id, position, event_id, record) "
        f"select {reference}, row_number() over (), event_id, to_jsonb(trips) "
        f"from intermediate.green_trips_scored as trips where model_version like '{LR}%' and window_date = '2022-02-20'"
    )
    result = command("report", "--day", "2022-02-20", "--model", LR, "--strict", "--report-dir", str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "15 of 15 tests passed" in result.stdout


def count(connection: Connection, condition: str) -> Any:
    row = connection.execute(
        f"select count(*) from intermediate.green_trips_scored where model_version like '{LR}%' and {condition}"
    ).fetchone()
    assert row is not None
    return row[0]


def test_a_segment_filters_the_day_and_the_reference(monitored_warehouse: Connection, tmp_path: Path) -> None:
    ((report,), said) = reports(tmp_path, "2022-02-08", model=LR, segment="pickup_location_id=75")
    rows = count(monitored_warehouse, "window_date = '2022-02-08' and pickup_location_id = 75")
    assert rows > 100
    assert found(report, "rows")[""] == rows
    # One zone on both sides cannot differ.
    assert found(report, "drift")["pickup_location_id"] == pytest.approx(0, abs=1e-9)
    assert report.path.name == f"{report.model_version}.pickup_location_id-75.html"
    assert len(said) == 1
    assert (
        "Of a segment, the prediction's score alone is stored: those of the features are computed here only." in said[0]
    )


def test_a_segment_that_the_reference_does_not_know_filters_the_day_only(
    monitored_warehouse: Connection, tmp_path: Path
) -> None:
    ((report,), said) = reports(tmp_path, "2022-02-08", model=LR, segment="store_and_forward_flag=Y")
    rows = count(monitored_warehouse, "window_date = '2022-02-08' and store_and_forward_flag = 'Y'")
    assert 0 < rows < 50
    assert found(report, "rows")[""] == rows
    assert "The reference has no store_and_forward_flag: the segment is compared with all of it." in said[0]
    # So few rows are not scored, and both the talk and the page say so.
    assert found(report, "drift") == {}
    assert any("No drift score of prediction: low_n" in line for line in said)
    assert "No drift score of prediction: low_n" in report.path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        ("zone=7", "has no column 'zone': use one of cbd_congestion_fee"),
        ("fare_amount) or (1=1", "has no column 'fare_amount) or (1': use one of"),
        ("passenger_count=two", "passenger_count holds numbers, 'two' is none: write passenger_count=1"),
        (
            "passenger_count=77",
            "has no row with passenger_count=77 on 2022-02-20: use one of the values of passenger_count",
        ),
        ("store_and_forward_flag=' or ''='", "most frequent first: N, Y"),
    ],
)
def test_a_segment_that_is_not_there_is_refused(
    monitored_warehouse: Connection, tmp_path: Path, segment: str, words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        reports(tmp_path, "2022-02-20", segment=segment)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_the_reference_never_had_is_refused(monitored_warehouse: Connection, tmp_path: Path) -> None:
    monitored_warehouse.execute("delete from ml.reference_rows where record ->> 'passenger_count' in ('2', '2.0')")
    with pytest.raises(UsageError, match="has no row with passenger_count=2: there is nothing to compare with"):
        reports(tmp_path, "2022-02-20", model=LR, segment="passenger_count=2")


@pytest.mark.parametrize("day", ["2022-03-01", "2022-01-15", "1999-12-31"])
def test_a_day_without_metrics_is_refused_with_the_days_there_are(
    monitored_warehouse: Connection, tmp_path: Path, day: str
) -> None:
    with pytest.raises(UsageError) as caught:
        reports(tmp_path, day, model=HGB)
    assert f"there are no metrics of {day}: {HGB}-2022-01-" in str(caught.value)
    assert f"has 2022-02-01 to 2022-02-28. Run `make pipeline MONTHS={day[:7]}`" in str(caught.value)


def test_a_day_in_a_gap_is_refused_with_the_days_around_it(monitored_warehouse: Connection, tmp_path: Path) -> None:
    monitored_warehouse.execute(
        "delete from monitoring.ledger where step = 'metrics' and window_start between '2022-02-08' and '2022-02-20'"
    )
    with pytest.raises(UsageError, match=r"has 2022-02-01 to 2022-02-07, 2022-02-20 to 2022-02-28\. Run"):
        reports(tmp_path, "2022-02-14", model=HGB)


def test_a_relation_that_is_missing_is_told_from_an_empty_warehouse(
    monitored_warehouse: Connection, tmp_path: Path
) -> None:
    monitored_warehouse.execute("drop view intermediate.green_trips_scored cascade")
    with pytest.raises(ConfigurationError, match=r"its relations intermediate\.green_trips_scored are not there"):
        reports(tmp_path, "2022-02-20")


def test_an_unknown_model_is_refused_with_those_there_are(monitored_warehouse: Connection, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        reports(tmp_path, "2022-02-20", model="blue")
    assert f"MODEL 'blue' is unknown: use a name ({HGB}, {LR}, {TIPPED}) or a version ({HGB}-2022-01-" in str(
        caught.value
    )


def test_an_empty_warehouse_says_what_to_do(empty_warehouse: Connection, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the warehouse is empty, no day is monitored: run `make pipeline` first"):
        reports(tmp_path, "2022-02-20")


def test_of_several_versions_those_that_monitored_the_day_are_taken(
    monitored_warehouse: Connection, tmp_path: Path
) -> None:
    monitored_warehouse.execute(
        "insert into ml.models select (jsonb_populate_record(models, jsonb_build_object("
        "'model_version', spec || '-2021-12-0000', 'train_month', '2021-12-01'))).* "
        f"from ml.models as models where spec = '{LR}'"
    )
    ((report,), said) = reports(tmp_path, EMPTY_DAY, model=LR)
    assert report.model_version.startswith(f"{LR}-2022-01-")
    left_out = f"note: no report of {LR}-2021-12-0000: {EMPTY_DAY} is not among the days monitored with it"
    assert said[0] == left_out
    # By its version, too.
    ((again,), said) = reports(tmp_path, EMPTY_DAY, model=report.model_version)
    assert again.model_version == report.model_version
    assert left_out not in said


def test_stored_metrics_that_are_out_of_date_are_told(monitored_warehouse: Connection, tmp_path: Path) -> None:
    monitored_warehouse.execute("update monitoring.ledger set inputs_hash = 'another' where step = 'metrics'")
    ((report,), said) = reports(tmp_path, EMPTY_DAY, model=LR)
    assert "The stored metrics of this day were computed from other rows or rules than this page" in said[0]
    assert "computed from other rows or rules" in report.path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_report_waits_for_no_lock_and_writes_nothing(monitored_warehouse: Connection, tmp_path: Path) -> None:
    # The lock's own row aside.
    written = (
        "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables where schemaname != 'warehouse_lock'"
    )
    before = monitored_warehouse.execute(written).fetchone()
    with only_lock("test"):
        result = command("report", "--day", EMPTY_DAY, "--model", LR, "--report-dir", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert monitored_warehouse.execute(written).fetchone() == before


@pytest.mark.slow
def test_a_page_is_written_whole_or_not_at_all(monitored_warehouse: Connection, tmp_path: Path) -> None:
    ((report,), _) = reports(tmp_path, EMPTY_DAY, model=LR)
    before = report.path.read_bytes()

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))

    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipeline",
            "report",
            "--day",
            EMPTY_DAY,
            "--model",
            LR,
            "--report-dir",
            str(tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        preexec_fn=small_files,
    )
    assert result.returncode == 3, result.stderr
    assert f"the report cannot be written to {report.path}: File too large" in result.stderr
    assert result.stdout == ""
    assert report.path.read_bytes() == before
    assert list(report.path.parent.iterdir()) == [report.path]


def test_a_place_that_is_taken_is_told(monitored_warehouse: Connection, tmp_path: Path) -> None:
    (tmp_path / EMPTY_DAY).write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"cannot be written to .*: File exists\..* REPORT_DIR="):
        reports(tmp_path, EMPTY_DAY, model=LR)


@pytest.mark.slow
def test_make_hands_the_variables_over(monitored_warehouse: Connection, tmp_path: Path) -> None:
    result = make("report", "DAY=2022-02-20", "SEGMENT=store_and_forward_flag=$HOME 'x'", f"REPORT_DIR={tmp_path}")
    assert result.returncode == 2
    assert "no row with store_and_forward_flag=$HOME 'x' on 2022-02-20" in result.stderr
    result = make("report", f"DAY={EMPTY_DAY}", f"MODEL={LR}", f"REPORT_DIR={tmp_path}", "STRICT=1")
    assert "Error 1" in result.stderr
    assert Path(result.stdout.splitlines()[0]).is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no day was given"),
        (["--day", "20.2.2022"], "DAY '20.2.2022' is not a day"),
        (["--day", "2022-02-20", "--segment", "x"], "SEGMENT 'x' is not valid"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_its_code(arguments: list[str], words: str) -> None:
    result = command("report", *arguments)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line
