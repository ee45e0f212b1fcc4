"""The commands of every day.

stdout is data, stderr is talk. Each command imports its own modules itself: all of them together take a second, at
each start.
"""

from __future__ import annotations

import shlex
import sys
import time
from datetime import date
from typing import Annotated

import typer

from config.settings import make_settings
from config.settings import report_dir as reports_folder
from core.errors import PartlyFailedError, UsageError
from pipeline import console
from pipeline.cli import values
from pipeline.cli.app import app
from pipeline.cli.values import (
    DataDir,
    Datasets,
    Day,
    ModelName,
    Months,
    ReloadedMonths,
    ReportDir,
    SegmentValue,
    SourceName,
    TlcUrl,
    TrainMonth,
)
from pipeline.console import tell
from warehouse import schema_versions
from warehouse.access import owners
from warehouse.session import changes, session


@app.command()
def run(
    train_month: TrainMonth = None,
    months: Months = None,
    data_dir: DataDir = None,
    source: SourceName = None,
    tlc_url: TlcUrl = "",
    as_of: Annotated[
        date | None, typer.Option(parser=values.day("AS_OF"), metavar="DAY", help="Last day whose labels count; today.")
    ] = None,
    reload: ReloadedMonths = None,
    dataset: Datasets = None,
) -> None:
    """Bring the warehouse up to date: ingest, transform, train, score, profiles, labels, metrics, performance,
    alarms, marts."""
    from pipeline import summary
    from pipeline.runner import Pipeline

    started = time.monotonic()
    settings = make_settings(
        train_month=train_month,
        months=months,
        data_dir=data_dir,
        source=source,
        tlc_url=tlc_url,
        as_of=as_of,
        reload=reload,
        datasets=dataset,
    )
    with session("pipeline", settings.in_words):
        try:
            report = Pipeline(settings, tell, progress=tell).run()
        except PartlyFailedError as error:
            summary.show(error.report, settings, seconds=time.monotonic() - started)
            raise
        summary.show(report, settings, seconds=time.monotonic() - started)


@app.command()
def doctor(
    train_month: TrainMonth = None,
    months: Months = None,
    data_dir: DataDir = None,
    source: SourceName = None,
    tlc_url: TlcUrl = "",
) -> None:
    """Say what is installed, which server is used, what is loaded and what is missing."""
    from pipeline.commands.doctor import examine

    settings = make_settings(train_month=train_month, months=months, data_dir=data_dir, source=source, tlc_url=tlc_url)
    sys.exit(0 if examine(settings) else 1)


@app.command(name="check-alerts")
def check_alerts() -> None:
    """Print the open alerts; exit 1 if a critical one is not acknowledged, for a scheduler."""
    from pipeline.alerts import alerts_table, open_alerts

    with owners.warehouse():
        alerts = open_alerts()
    console.result_console().print(alerts_table(alerts) if alerts else "No open alerts.")
    sys.exit(1 if any(alert.needs_somebody for alert in alerts) else 0)


@app.command()
def report(
    day: Day = None,
    model: ModelName = "",
    segment: SegmentValue = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with code 1 where a test fails.")] = False,
    report_dir: ReportDir = None,
) -> None:
    """Write Evidently's own report and test suite of a day, and say where."""
    from pipeline.commands import reports

    if day is None:
        raise UsageError("no day was given: write make report DAY=2022-02-20")
    request = reports.ReportRequest(day, model.strip(), segment, reports_folder(report_dir))
    all_passed = True
    with owners.warehouse():
        for written in reports.write_reports(request, tell):
            reports.show(written)
            all_passed = all_passed and written.passed
    sys.exit(1 if strict and not all_passed else 0)


@app.command()
def preview(
    dataset: Annotated[str, typer.Option(help="The dataset that is looked at; the first, or the model's.")] = "",
    model: Annotated[str, typer.Option(help="A model's name or version; the first.")] = "",
    column: Annotated[str, typer.Option(help="The column to drill down into; that of the latest incident.")] = "",
    day: Day = None,
    report_dir: ReportDir = None,
) -> None:
    """Write the dashboards as plain pages, without Grafana, and say where."""
    from grafana.preview.pages import write_pages

    folder = reports_folder(report_dir) / "dashboards"
    with owners.warehouse():
        chosen = {"dataset": dataset.strip(), "model": model.strip(), "column": column.strip(), "day": day or ""}
        for path in write_pages(folder, **chosen):
            sys.stdout.write(f"{path}\n")


@app.command()
def sql(query: Annotated[str, typer.Argument(metavar="SQL", help="One statement, such as 'select 1'.")] = "") -> None:
    """Print the result of one read-only statement as CSV with a header."""
    from pipeline.commands.query import print_csv

    if not query.strip():
        raise UsageError('no query was given: write make sql SQL="select count(*) from raw.green_trips"')
    with owners.warehouse(), console.data() as out:
        print_csv(query, out)


@app.command(name="dbt")
def run_dbt(arguments: Annotated[str, typer.Argument(metavar="ARGS", help="As typed after dbt: 'test'.")] = "") -> None:
    """Run any dbt command on the warehouse."""
    from pipeline import dbt

    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise UsageError(f"ARGS cannot be read ({error}): close the quotation") from error
    if not words:
        raise UsageError('no dbt command was given: write make dbt ARGS="test"')
    command = f"dbt {words[0]}"
    if dbt.changes_tables(words):
        with session(command, arguments), changes(command, arguments) as record:
            failures = dbt.run(words)
            record.failed = failures is not None
            record.message = f"dbt failed: {failures or 'see its log'}" if record.failed else ""
    else:
        with owners.warehouse():
            schema_versions.migrate()
            failures = dbt.run(words)
    sys.exit(0 if failures is None else 8)


@app.command()
def up() -> None:
    """Start Postgres, Adminer and Grafana in Docker, wait until all are healthy, print where they are."""
    from config import env_file
    from pipeline.commands import services

    addresses = services.up(tell)
    sys.stdout.write(f"Grafana  {addresses.grafana}\nAdminer  {addresses.adminer}\n")
    file = str(env_file.location())
    tell(f"Passwords: {file} - GRAFANA_ADMIN_PASSWORD for Grafana's user admin, ANALYST_PASSWORD for Adminer")
    tell("`make pipeline` now fills this warehouse. `make down` stops the services and keeps the data.")


@app.command()
def down() -> None:
    """Stop the services of `up`; their data stay."""
    from pipeline.commands import services

    services.down()
    tell("stopped; the data are kept: `make up` goes on with them")
