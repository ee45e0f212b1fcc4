"""The command line, which `make` calls: one command per target, errors as one line, documented exit codes.

stdout is data, stderr is talk. Options have the names of the make variables: what was typed on make's command line,
which pipeline.typed has, becomes options here. No option is read from the environment. Each command
imports its own modules itself: all of them together would take a second at every start.
"""

from __future__ import annotations

import atexit
import logging
import os
import shlex
import sys
import time
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import psycopg
import typer

from config import parameters, private_files
from config.months import Month
from config.paths import use_monitoring_file
from config.settings import DEFAULT_MONTHS, log_level, make_settings
from config.settings import report_dir as reports_folder
from core import interrupts
from core.errors import (
    DISK_FULL,
    DatabaseError,
    DbtError,
    PartlyFailedError,
    UsageError,
    WarehouseError,
    sqlstates_of,
    words_of,
)
from pipeline import console, typed
from pipeline.console import tell, tell_error
from warehouse import database, schema_versions
from warehouse.access import owners
from warehouse.server import embedded
from warehouse.session import changes, session

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A monitoring warehouse for machine-learning models: parquet in, monitored days out.",
)

TrainMonth = Annotated[str, typer.Option(help="Month to train on, such as 2022-01.")]
Months = Annotated[str, typer.Option(help="Months to monitor: '2022-02 2022-05' or 2022-02..2022-04.")]
DataDir = Annotated[str, typer.Option(help="Where parquet files lie or are put; data/raw.")]
SourceName = Annotated[str, typer.Option(help="auto, tlc, local or sample.")]
_PAUSE = parameters.seconds("PAUSE", 0.0)
_INTERVAL = parameters.seconds("INTERVAL", 0.1)
_COUNT = parameters.whole("COUNT")
_PORT = parameters.whole("PORT", 1024, 65535)
AsOf = Annotated[str, typer.Option(help="Last day whose labels count, such as 2022-02-20; today.")]
TlcUrl = Annotated[str, typer.Option(help="Address that files are downloaded from.")]


def main() -> None:
    """Run a command; an expected error is printed as one line and ends with its documented code."""
    console.settle()
    private_files.keep()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    code = _exit_code()
    sys.stdout.flush()
    sys.stderr.flush()
    # What asked to be run at exit is run; taking the heavy libraries apart object by object, which would cost two
    # more seconds, is left to the system.
    atexit._run_exitfuncs()
    os._exit(code)


def _exit_code() -> int:
    interrupts.install()
    try:
        code = _run_command()
    except BaseException:
        # An interrupt in the middle of a library can come out as any error of that library.
        if not interrupts.noted():
            traceback.print_exc()
            return 1
    if interrupts.noted():
        tell("stopped; run the same command again to go on")
        return 130
    return code


def _run_command() -> int:
    try:
        form = "%(levelname)s %(name)s: %(message)s"
        logging.basicConfig(level=log_level(), format=form, stream=sys.stderr)
        app(_with_typed(sys.argv[1:]))
    except WarehouseError as error:
        if not interrupts.noted():
            tell_error(words_of(error))
            _advise_on_full_disk(error)
        return error.exit_code
    except psycopg.Error as error:
        if not interrupts.noted():
            tell_error(f"the database refused: {' '.join(words_of(error).split())}")
            _advise_on_full_disk(error)
        return DatabaseError.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _advise_on_full_disk(error: Exception) -> None:
    if isinstance(error, psycopg.Error | DatabaseError | DbtError) and DISK_FULL in sqlstates_of(error):
        tell("make room on the disk of the Postgres server, then run the same command again: it goes on")


def _with_typed(arguments: list[str]) -> list[str]:
    """The arguments, and what was typed on make's command line as options of the command.

    Raises:
        UsageError: a variable was typed that neither the command nor another goal of this make has, or an answer is
            neither yes nor no.
    """
    values, goals = typed.taken()
    group: Any = typer.main.get_command(app)
    if not values or not arguments or arguments[0] not in group.commands:
        return arguments
    common, own = _by_variable(group), _by_variable(group.commands[arguments[0]])
    names = {"run" if goal == "pipeline" else goal for goal in goals}
    others = [_by_variable(group.commands[name]) for name in names & group.commands.keys()]
    typed.check(values, {*own, *common}, arguments[0], {name for other in others for name in other})
    words = [[part[name](values[name]) for name in values if name in part] for part in (common, own)]
    # What begins with -- is an argument's value: it comes after the options.
    ordered = [*words[0], arguments, *sorted(words[1], key=lambda each: each[:1] == ["--"])]
    return [word for each in ordered for word in each]


def _by_variable(command: Any) -> dict[str, Callable[[str], list[str]]]:
    """The make variables that a command has, each with the words that its value comes to on the command line."""

    def words_of(parameter: Any, name: str) -> Callable[[str], list[str]]:
        if parameter.param_type_name == "argument":
            return lambda value: ["--", value]
        option = parameter.opts[0]
        if parameter.is_flag:
            return lambda value: [option] if parameters.yes_or_no(name, value) else []
        return lambda value: [f"{option}={value}"]

    names = {
        (parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0])
        .lstrip("-")
        .replace("-", "_")
        .upper(): parameter
        for parameter in command.params
        if parameter.name != "help"
    }
    return {name: words_of(parameter, name) for name, parameter in names.items()}


@app.callback()
def common(
    monitoring_file: Annotated[str, typer.Option(help="Another file than monitoring.yml.")] = "",
) -> None:
    """What every command has."""
    if monitoring_file.strip():
        use_monitoring_file(monitoring_file.strip())


@app.command()
def run(
    train_month: TrainMonth = "",
    months: Months = "",
    data_dir: DataDir = "",
    source: SourceName = "",
    tlc_url: TlcUrl = "",
    as_of: AsOf = "",
    reload: Annotated[str, typer.Option(help="Pruned months to load again: '2022-02'.")] = "",
) -> None:
    """Bring the warehouse up to date: ingest, dbt, train, score, labels, metrics, marts."""
    from pipeline import summary
    from pipeline.steps import Pipeline

    started = time.monotonic()
    settings = make_settings(
        train_month=train_month,
        months=months,
        data_dir=data_dir,
        source=source,
        tlc_url=tlc_url,
        as_of=as_of,
        reload=reload,
    )
    with session("pipeline", settings.in_words):
        try:
            report = Pipeline(settings, tell, progress=tell).run()
        except PartlyFailedError as error:
            summary.show(error.report, settings, seconds=time.monotonic() - started)
            raise
        summary.show(report, settings, seconds=time.monotonic() - started)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First day or month, such as 2022-02-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day or month, such as 2022-02.")] = "",
    model: Annotated[str, typer.Option(help="A model's name or version; every active model.")] = "",
    train_month: TrainMonth = "",
) -> None:
    """Compute the windows of some days again, or for the first time; stopped, it goes on where it was."""
    from pipeline.commands import backfill as backfills

    request = backfills.make_request(first=first, last=last, model=model)
    settings = make_settings(train_month=train_month)
    with session("backfill", f"{first} {last} {model}".strip()):
        report = backfills.backfill(request, settings, console.progress_console(), tell)
    tell(f"run {report.run_id} done")


@app.command()
def prune(
    raw_months: Annotated[str, typer.Option(help="How many months keep their rows; 24.")] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="For a server of your own.")] = False,
) -> None:
    """Take away the trips, predictions and labels of old months; what was found out about them stays."""
    from pipeline.commands import pruning

    count = pruning.read_raw_months(raw_months)
    if database.is_external() and not confirm:
        raise UsageError(
            f"the server in use is {database.server().value}: with CONFIRM=yes the trips, predictions and labels of "
            f"all months but the newest {count} are removed from its database"
        )
    with session("prune", f"all but the newest {count} months"):
        pruned = pruning.prune(count, tell)
    words = f"{pruned} months pruned; `make pipeline` brings the marts up to date"
    tell(words if pruned else "nothing to prune")


@app.command()
def backup(file: Annotated[str, typer.Option(help="The file to write.")] = "") -> None:
    """Write the whole warehouse with its model files into one file."""
    from pathlib import Path

    from pipeline.commands import backup as backups

    if not file.strip():
        raise UsageError("no file was named: write make backup FILE=warehouse.backup")
    path = Path(file.strip()).expanduser().absolute()
    with session("backup", str(path)):
        manifest = backups.backup(path, tell)
    tell(f"{path}: {len(manifest.tables)} tables and {len(manifest.models)} model files, {path.stat().st_size:,} bytes")


@app.command()
def restore(
    file: Annotated[str, typer.Option(help="A file that `backup` has written.")] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="Replace a warehouse that is not empty.")] = False,
) -> None:
    """Bring a backup back, whole or not at all. Restore only files that you, or people whom you trust, have written."""
    from pathlib import Path

    from pipeline.commands import backup as backups

    if not file.strip():
        raise UsageError("no file was named: write make restore FILE=warehouse.backup")
    path = Path(file.strip()).expanduser().absolute()
    with session("restore", str(path), only_failures=False) as record:
        manifest = backups.restore(path, confirmed=confirm, tell=tell)
        record.message = f"the backup of {manifest.made_at}"
    tell(
        f"restored the backup of {manifest.made_at}: {len(manifest.tables)} tables, each with the hash that the backup "
        "has of it"
    )


@app.command()
def replay(
    month: Annotated[str, typer.Option(help="The month to feed day by day, such as 2022-02.")] = "",
    train_month: TrainMonth = "",
    data_dir: DataDir = "",
    source: SourceName = "",
    tlc_url: TlcUrl = "",
    pause: Annotated[float, typer.Option(parser=_PAUSE, metavar="SECONDS", help="Between two days.")] = 10.0,
    restart: Annotated[bool, typer.Option("--restart", help="From the month's first day again.")] = False,
) -> None:
    """Feed a month day by day with a pause, so that the dashboards fill; stopped, it goes on where it was."""
    from pipeline.commands.replay import replay as replay_month

    settings = make_settings(
        train_month=train_month,
        months=str(Month.parse(month.strip() or DEFAULT_MONTHS)),
        data_dir=data_dir,
        source=source,
        tlc_url=tlc_url,
    )
    with session("replay", settings.in_words, only_failures=False):
        replay_month(settings, pause=pause, restart=restart, tell=tell)


@app.command()
def heartbeat(
    interval: Annotated[float, typer.Option(parser=_INTERVAL, metavar="SECONDS", help="Between two beats.")] = 10.0,
    count: Annotated[int | None, typer.Option(parser=_COUNT, metavar="N", help="How many beats; endless.")] = None,
) -> None:
    """Write a dummy row every few seconds, until Ctrl-C: does it arrive on the dashboard?"""
    from pipeline.commands.heartbeat import beat

    with session("heartbeat"):
        beat(interval, count, tell)


@app.command()
def predictions(
    file: Annotated[str, typer.Option(help="A .parquet or .csv file of predictions.")] = "",
    model: Annotated[str, typer.Option(help="A model with `predictions: loaded`.")] = "",
    version: Annotated[str, typer.Option(help="Which version of it; the file's, else v1.")] = "",
) -> None:
    """Load predictions that were made elsewhere, whole or not at all; the next run monitors them."""
    from pipeline.commands.predictions import load

    with session("predictions", f"{model} {version} {file}".strip()):
        load(file, model, version, tell)


@app.command()
def ack(
    incident: Annotated[str, typer.Option(help="Its id, or the first digits of it.")] = "",
    note: Annotated[str, typer.Option(help="What you know or do about it.")] = "",
    close: Annotated[bool, typer.Option("--close", help="It is dealt with.")] = False,
) -> None:
    """Say that somebody looks into an incident, or with CLOSE=yes that it is dealt with."""
    from pipeline.commands.acknowledge import acknowledge

    with session("ack", f"incident {incident}".strip(), only_failures=False) as record:
        record.message = acknowledge(incident, note, close)
    tell(record.message)


@app.command(name="save-dashboard")
def save_dashboard(uid: Annotated[str, typer.Argument(metavar="UID", help="From its address.")] = "") -> None:
    """Pull a dashboard made by hand out of Grafana into grafana/dashboards/custom."""
    from config import env_file
    from pipeline.commands.save_dashboard import check_uid, grafana_of, grafana_variables
    from pipeline.commands.save_dashboard import save_dashboard as save

    check_uid(uid.strip())
    path, older = save(uid.strip(), grafana_of(env_file.read() | grafana_variables()))
    tell(f"saved {path}")
    for file in older:
        tell(f"removed {file.name}, an older file of the same dashboard")


@app.command()
def sql(query: Annotated[str, typer.Argument(metavar="SQL", help="One statement, such as 'select 1'.")] = "") -> None:
    """Print the result of one read-only statement as CSV with a header."""
    from pipeline.commands.query import print_csv

    if not query.strip():
        raise UsageError('no query was given: write make sql SQL="select count(*) from raw.green_trips"')
    with owners.warehouse(), console.data() as out:
        print_csv(query, out)


@app.command()
def psql() -> None:
    """Open psql on the warehouse."""
    from pipeline.commands.query import open_psql

    with database.warehouse():
        code = open_psql()
    sys.exit(code)


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
def db(
    port: Annotated[
        int | None, typer.Option(parser=_PORT, metavar="N", help="Also listen on this port of 127.0.0.1.")
    ] = None,
) -> None:
    """Keep the embedded Postgres running and print the variables that reach it."""
    if database.is_external():
        raise UsageError(f"the server in use is {database.server().value}: it is not this command's to start or stop")
    address = embedded.keep(port)
    with console.data() as out:
        out.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in address.environment().items())
    tell('The server runs until `make db-stop`. To use it in this shell: eval "$(make -s db)"')


@app.command(name="db-stop")
def db_stop() -> None:
    """Stop the embedded Postgres that `db` left running."""
    tell("stopped" if embedded.release() else "no embedded server was running")


@app.command()
def doctor(
    train_month: TrainMonth = "",
    months: Months = "",
    data_dir: DataDir = "",
    source: SourceName = "",
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
def labels(
    file: Annotated[str, typer.Option(help="Parquet or CSV file of labels that have arrived.")] = "",
    target: Annotated[str, typer.Option(help="What they are labels of; the only feed.")] = "",
) -> None:
    """Load a file of true values that have arrived; what cannot be used is kept out and counted."""
    from config.monitoring_file import load_monitoring
    from models_ml.label_feed import feed_target, load_labels
    from warehouse.access.roles import Role

    if not file.strip():
        raise UsageError("no file was named: write make labels FILE=labels.parquet")
    what = f"{target} {file}".strip()
    with session("labels", what):
        monitoring = load_monitoring()
        wanted = feed_target(monitoring, target.strip())
        with changes("labels", what, Role.MONITOR) as record:
            loaded = load_labels(monitoring, wanted, parameters.path("FILE", file).absolute())
            record.message, record.rows, record.skipped = str(loaded), loaded.accepted, not loaded.is_new
    sys.stdout.write(f"{loaded}\n")
    if loaded.removed:
        tell(
            f"{loaded.removed:,} labels of {wanted} that were taken from the trips were removed: the feed takes "
            "their place"
        )
    if loaded.extra:
        tell(f"note: unknown columns were not read: {', '.join(loaded.extra)}")
    if loaded.quarantined:
        tell(f"what was kept out, and why: ml.rejected_labels, label_load_id {loaded.label_load_id}")
    if loaded.is_new:
        tell("`make pipeline` brings them into the marts")


@app.command()
def report(
    day: Annotated[str, typer.Option(help="A monitored day, such as 2022-02-20.")] = "",
    model: Annotated[str, typer.Option(help="A model's name or version; every active model.")] = "",
    segment: Annotated[str, typer.Option(help="column=value: only the rows that have it.")] = "",
    strict: Annotated[bool, typer.Option("--strict", help="End with code 1 where a test fails.")] = False,
    report_dir: Annotated[str, typer.Option(help="Where pages are written; reports.")] = "",
) -> None:
    """Write Evidently's own report and test suite of a day, and say where."""
    from pipeline.commands import reports

    request = reports.make_request(day=day, model=model, segment=segment, strict=strict, folder=report_dir)
    all_passed = True
    with owners.warehouse():
        for written in reports.write_reports(request, tell):
            reports.show(written)
            all_passed = all_passed and written.passed
    sys.exit(1 if request.strict and not all_passed else 0)


@app.command()
def preview(
    model: Annotated[str, typer.Option(help="A model's name or version; the first.")] = "",
    column: Annotated[str, typer.Option(help="The column to drill down into; that of the latest incident.")] = "",
    day: Annotated[str, typer.Option(help="The day to look at, such as 2022-02-08.")] = "",
    report_dir: Annotated[str, typer.Option(help="Where pages are written; reports.")] = "",
) -> None:
    """Write the dashboards as plain pages, without Grafana, and say where."""
    from grafana.preview.pages import write_pages

    day = str(parameters.day("DAY", day)) if day.strip() else ""
    folder = reports_folder(report_dir) / "dashboards"
    with owners.warehouse():
        for path in write_pages(folder, model=model.strip(), column=column.strip(), day=day):
            sys.stdout.write(f"{path}\n")


@app.command(hidden=True)
def dashboards() -> None:
    """Write the generated dashboards anew, for those who change them."""
    from grafana.generate import write_files
    from grafana.house import make_house
    from pipeline.advice import with_commands

    for path in write_files(make_house(), with_commands):
        tell(f"written: {path}")


@app.command()
def verify(
    month: Annotated[str, typer.Option(help="A monitored month, such as 2022-02; the latest.")] = "",
    model: Annotated[str, typer.Option(help="A model's name or version; every active model.")] = "",
) -> None:
    """Score a monitored month again with Evidently's own tests; exit 1 where a score is another."""
    from pipeline.commands.verify import verify as verify_month

    with session("verify", f"{month} {model}".strip()):
        all_equal = verify_month(month, model)
    sys.exit(0 if all_equal else 1)


@app.command()
def clean(confirm: Annotated[bool, typer.Option("--confirm", help="For a server of your own.")] = False) -> None:
    """Empty the database in use and remove its models; downloaded files and the environment stay."""
    from pipeline.commands.cleaning import clean as clean_database

    if database.is_external() and not confirm:
        raise UsageError(
            f"the server in use is {database.server().value}: with CONFIRM=yes the schemas raw, staging, intermediate, "
            "ml, monitoring and marts of its database are dropped with all they hold"
        )
    tell(f"clean: {clean_database()}")


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


@app.command(name="clean-all")
def clean_all(confirm: Annotated[bool, typer.Option("--confirm", help="To be asked nothing.")] = False) -> None:
    """Stop the services of `up` and remove all their data; asks first."""
    from config import env_file
    from pipeline.commands import services

    removed = "the Docker services with all data of their Postgres and Grafana"
    if not confirm:
        if not sys.stdin.isatty():
            raise UsageError(f"this removes {removed}: run it in a terminal, which asks, or with CONFIRM=yes")
        if not typer.confirm(f"Remove {removed}?", err=True):
            tell("nothing was removed")
            return
    services.remove_all()
    tell(f"removed: {removed}")
    if env_file.location().exists():
        file = str(env_file.location())
        tell(f"{file} stays, for the next `make up`; move it away to use the embedded server")
