"""The command line, which `make` calls: one command per target, errors as one line, documented exit codes.

stdout is data, stderr is talk. Options have the names of the make variables; make hands those over in
the environment.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shlex
import sys
import time
import traceback
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from pipeline import database, embedded, interrupts, parameters
from pipeline.errors import (
    DISK_FULL,
    DatabaseError,
    DbtError,
    PartlyFailedError,
    UsageError,
    WarehouseError,
    sqlstates_of,
    words_of,
)
from pipeline.months import Month
from pipeline.settings import DEFAULT_MONTHS, make_settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A monitoring warehouse for machine-learning models: parquet in, monitored days out.",
)
_talk = Console(stderr=True, highlight=False, soft_wrap=True)

TrainMonth = Annotated[str, typer.Option(envvar="TRAIN_MONTH", help="Month to train on, such as 2022-01.")]
Months = Annotated[str, typer.Option(envvar="MONTHS", help="Months to monitor: '2022-02 2022-05' or 2022-02..2022-04.")]
DataDir = Annotated[str, typer.Option(envvar="DATA_DIR", help="Where parquet files lie or are put; data/raw.")]
SourceName = Annotated[str, typer.Option(envvar="SOURCE", help="auto, tlc, local or sample.")]
AsOf = Annotated[str, typer.Option(envvar="AS_OF", help="Last day whose labels count, such as 2022-02-20; today.")]
TlcUrl = Annotated[str, typer.Option(envvar="TLC_URL", help="Address that files are downloaded from.")]


def main() -> None:
    """Run a command; an expected error is printed as one line and ends with its documented code."""
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "WARNING").upper(),
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    os.environ.setdefault("DO_NOT_TRACK", "1")
    code = _exit_code()
    with contextlib.suppress(BrokenPipeError):
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
        _talk.print("stopped; run the same command again to go on")
        return 130
    return code


def _run_command() -> int:
    try:
        app()
    except WarehouseError as error:
        if not interrupts.noted():
            _talk.print(f"[bold red]error:[/] {_escaped(words_of(error))}")
            _advise_on_full_disk(error)
        return error.exit_code
    except psycopg.Error as error:
        if not interrupts.noted():
            _talk.print(f"[bold red]error:[/] the database refused: {_escaped(' '.join(words_of(error).split()))}")
            _advise_on_full_disk(error)
        return DatabaseError.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _advise_on_full_disk(error: Exception) -> None:
    if isinstance(error, psycopg.Error | DatabaseError | DbtError) and DISK_FULL in sqlstates_of(error):
        _talk.print("make room on the disk of the Postgres server, then run the same command again: it goes on")


@app.command()
def run(
    train_month: TrainMonth = "",
    months: Months = "",
    data_dir: DataDir = "",
    source: SourceName = "",
    tlc_url: TlcUrl = "",
    as_of: AsOf = "",
    reload: Annotated[str, typer.Option(envvar="RELOAD", help="Pruned months to load again: '2022-02'.")] = "",
) -> None:
    """Bring the warehouse up to date: ingest, dbt, train, score, labels, metrics, marts."""
    from pipeline import summary
    from pipeline.runs import recorded
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
    with database.warehouse(), recorded("pipeline", settings.in_words, only_failures=True):
        try:
            report = Pipeline(settings, lambda line: _talk.print(_escaped(line))).run()
        except PartlyFailedError as error:
            summary.show(error.report, settings, seconds=time.monotonic() - started)
            raise
        summary.show(report, settings, seconds=time.monotonic() - started)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", envvar="FROM", help="First day or month, such as 2022-02-01.")] = "",
    last: Annotated[str, typer.Option("--to", envvar="TO", help="Last day or month, such as 2022-02.")] = "",
    model: Annotated[str, typer.Option(envvar="MODEL", help="A model's name or version; every active model.")] = "",
    train_month: TrainMonth = "",
) -> None:
    """Compute the windows of some days again, or for the first time; stopped, it goes on where it was."""
    from pipeline import backfill as backfills
    from pipeline.runs import recorded

    request = backfills.make_request(first=first, last=last, model=model)
    settings = make_settings(train_month=train_month)
    with database.warehouse(), recorded("backfill", f"{first} {last} {model}".strip(), only_failures=True):
        report = backfills.backfill(request, settings, _talk, lambda line: _talk.print(_escaped(line)))
    _talk.print(f"run {report.run_id} done")


@app.command()
def prune(
    raw_months: Annotated[str, typer.Option(envvar="RAW_MONTHS", help="How many months keep their rows; 24.")] = "",
    confirm: Annotated[str, typer.Option(envvar="CONFIRM", help="yes, for a server of your own.")] = "",
) -> None:
    """Take away the trips, predictions and labels of old months; what was found out about them stays."""
    from pipeline import pruning
    from pipeline.runs import recorded

    count = pruning.read_raw_months(raw_months)
    if database.is_external() and confirm != "yes":
        raise UsageError(
            f"the server in use is {database.server().value}: with CONFIRM=yes the trips, predictions and labels of "
            f"all months but the newest {count} are removed from its database"
        )
    with database.warehouse(), recorded("prune", f"all but the newest {count} months", only_failures=True):
        pruned = pruning.prune(count, lambda line: _talk.print(_escaped(line)))
    words = f"{pruned} months pruned; `make pipeline` brings the marts up to date"
    _talk.print(words if pruned else "nothing to prune")


@app.command()
def backup(file: Annotated[str, typer.Option(envvar="FILE", help="The file to write.")] = "") -> None:
    """Write the whole warehouse with its model files into one file."""
    from pathlib import Path

    from pipeline import backup as backups
    from pipeline.runs import recorded

    if not file.strip():
        raise UsageError("no file was named: write make backup FILE=warehouse.backup")
    path = Path(file.strip()).expanduser().absolute()
    with database.warehouse(), recorded("backup", str(path), only_failures=True):
        manifest = backups.backup(path, lambda line: _talk.print(_escaped(line)))
    models = len(manifest.files) - 1
    _talk.print(
        _escaped(f"{path}: {len(manifest.tables)} tables and {models} model files, {path.stat().st_size:,} bytes")
    )


@app.command()
def restore(
    file: Annotated[str, typer.Option(envvar="FILE", help="A file that `backup` has written.")] = "",
    confirm: Annotated[str, typer.Option(envvar="CONFIRM", help="yes: replace a warehouse that is not empty.")] = "",
) -> None:
    """Bring a backup back, in one transaction; every table is compared with the backup's hash of it."""
    from pathlib import Path

    from pipeline import backup as backups
    from pipeline.runs import recorded

    if not file.strip():
        raise UsageError("no file was named: write make restore FILE=warehouse.backup")
    confirmed = parameters.confirmed("CONFIRM", confirm)
    path = Path(file.strip()).expanduser().absolute()
    with database.warehouse(), recorded("restore", str(path)) as record:
        manifest = backups.restore(path, confirmed=confirmed, tell=lambda line: _talk.print(_escaped(line)))
        record.message = f"the backup of {manifest.made_at}"
    _talk.print(
        f"restored the backup of {manifest.made_at}: {len(manifest.tables)} tables, each with the hash that the backup "
        "has of it"
    )


@app.command()
def replay(
    month: Annotated[str, typer.Option(envvar="MONTH", help="The month to feed day by day, such as 2022-02.")] = "",
    train_month: TrainMonth = "",
    data_dir: DataDir = "",
    source: SourceName = "",
    tlc_url: TlcUrl = "",
    pause: Annotated[str, typer.Option(envvar="PAUSE", help="Seconds between two days; 10.")] = "",
    restart: Annotated[str, typer.Option(envvar="RESTART", help="yes: from the month's first day again.")] = "",
) -> None:
    """Feed a month day by day with a pause, so that the dashboards fill; stopped, it goes on where it was."""
    from pipeline.replay import replay as replay_month
    from pipeline.runs import recorded

    wait = parameters.seconds("PAUSE", pause, default=10.0, least=0.0)
    from_start = parameters.confirmed("RESTART", restart)
    settings = make_settings(
        train_month=train_month,
        months=str(Month.parse(month.strip() or DEFAULT_MONTHS)),
        data_dir=data_dir,
        source=source,
        tlc_url=tlc_url,
    )
    with database.warehouse(), recorded("replay", settings.in_words):
        replay_month(settings, pause=wait, restart=from_start, tell=lambda line: _talk.print(_escaped(line)))


@app.command()
def heartbeat(
    interval: Annotated[str, typer.Option(envvar="INTERVAL", help="Seconds between two beats; 10.")] = "",
    count: Annotated[str, typer.Option(envvar="COUNT", help="How many beats; endless.")] = "",
) -> None:
    """Write a dummy row every few seconds, until Ctrl-C: does it arrive on the dashboard?"""
    from pipeline.heartbeat import beat
    from pipeline.runs import recorded

    seconds = parameters.seconds("INTERVAL", interval, default=10.0, least=0.1)
    beats = parameters.count("COUNT", count)
    with database.warehouse(), recorded("heartbeat", only_failures=True):
        beat(seconds, beats, lambda line: _talk.print(_escaped(line)))


@app.command()
def predictions(
    file: Annotated[str, typer.Option(envvar="FILE", help="A .parquet or .csv file of predictions.")] = "",
    model: Annotated[str, typer.Option(envvar="MODEL", help="A model with `predictions: loaded`.")] = "",
    version: Annotated[str, typer.Option(envvar="VERSION", help="Which version of it; the file's, else v1.")] = "",
) -> None:
    """Load predictions that were made elsewhere, whole or not at all; the next run monitors them."""
    from pipeline.predictions import load
    from pipeline.runs import recorded

    with database.warehouse(), recorded("predictions", f"{model} {version} {file}".strip(), only_failures=True):
        load(file, model, version, lambda line: _talk.print(_escaped(line)))


@app.command()
def ack(
    incident: Annotated[str, typer.Option(envvar="INCIDENT", help="Its id, or the first digits of it.")] = "",
    note: Annotated[str, typer.Option(envvar="NOTE", help="What you know or do about it.")] = "",
    close: Annotated[str, typer.Option(envvar="CLOSE", help="yes: it is dealt with.")] = "",
) -> None:
    """Say that somebody looks into an incident, or with CLOSE=yes that it is dealt with."""
    from pipeline.acknowledge import acknowledge
    from pipeline.runs import recorded

    with database.warehouse(), recorded("ack", f"incident {incident}".strip()) as record:
        record.message = acknowledge(incident, note, close)
    _talk.print(_escaped(record.message))


@app.command(name="save-dashboard")
def save_dashboard(uid: Annotated[str, typer.Argument(envvar="DASHBOARD_UID", help="From its address.")] = "") -> None:
    """Pull a dashboard made by hand out of Grafana into grafana/dashboards/custom."""
    from pipeline import env_file
    from pipeline.save_dashboard import check_uid, grafana_of
    from pipeline.save_dashboard import save_dashboard as save

    check_uid(uid.strip())
    path, older = save(uid.strip(), grafana_of(env_file.read() | os.environ))
    _talk.print(f"saved {_escaped(str(path))}")
    for file in older:
        _talk.print(f"removed {_escaped(file.name)}, an older file of the same dashboard")


@app.command()
def sql(query: Annotated[str, typer.Argument(envvar="SQL", help="One statement, such as 'select 1'.")] = "") -> None:
    """Print the result of one read-only statement as CSV with a header."""
    from pipeline.query import print_csv

    if not query.strip():
        raise UsageError('no query was given: write make sql SQL="select count(*) from raw.green_trips"')
    # A reader that has seen enough, such as head, closes the pipe.
    with database.warehouse(), contextlib.suppress(BrokenPipeError):
        print_csv(query)


@app.command()
def psql() -> None:
    """Open psql on the warehouse."""
    from pipeline.query import open_psql

    with database.warehouse():
        code = open_psql()
    sys.exit(code)


@app.command(name="dbt")
def run_dbt(arguments: Annotated[str, typer.Argument(envvar="ARGS", help="As typed after dbt: 'test'.")] = "") -> None:
    """Run any dbt command on the warehouse."""
    from pipeline import dbt
    from pipeline.roles import ensure_roles
    from pipeline.runs import Step, hold_lock, recorded

    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise UsageError(f"ARGS cannot be read ({error}): close the quotation") from error
    if not words:
        raise UsageError('no dbt command was given: write make dbt ARGS="test"')
    command = f"dbt {words[0]}"
    with database.warehouse():
        if not dbt.changes_tables(words):
            database.migrate()
            failures = dbt.run(words)
        else:
            with recorded(command, arguments, only_failures=True):
                database.migrate()
                record = Step("")
                with hold_lock(command, arguments, record):
                    ensure_roles()
                    failures = dbt.run(words)
                    record.failed = failures is not None
                    record.message = f"dbt failed: {failures or 'see its log'}" if record.failed else ""
    sys.exit(0 if failures is None else 8)


@app.command()
def db(port: Annotated[str, typer.Option(envvar="PORT", help="Also listen on this port of 127.0.0.1.")] = "") -> None:
    """Keep the embedded Postgres running and print the variables that reach it."""
    if port and not (port.isdigit() and 1024 <= int(port) <= 65535):
        raise UsageError(f"PORT '{port}' is not valid: use a number from 1024 to 65535")
    if database.is_external():
        raise UsageError(f"the server in use is {database.server().value}: it is not this command's to start or stop")
    address = embedded.keep(int(port) if port else None)
    for name, value in address.environment().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    _talk.print('The server runs until `make db-stop`. To use it in this shell: [bold]eval "$(make -s db)"[/]')


@app.command(name="db-stop")
def db_stop() -> None:
    """Stop the embedded Postgres that `db` left running."""
    _talk.print("stopped" if embedded.release() else "no embedded server was running")


@app.command()
def doctor(
    train_month: TrainMonth = "",
    months: Months = "",
    data_dir: DataDir = "",
    source: SourceName = "",
    tlc_url: TlcUrl = "",
) -> None:
    """Say what is installed, which server is used, what is loaded and what is missing."""
    from pipeline.doctor import examine

    settings = make_settings(train_month=train_month, months=months, data_dir=data_dir, source=source, tlc_url=tlc_url)
    sys.exit(0 if examine(settings) else 1)


@app.command(name="check-alerts")
def check_alerts() -> None:
    """Print the open alerts; exit 1 if a critical one is not acknowledged, for a scheduler."""
    from pipeline.alerts import alerts_table, open_alerts
    from pipeline.console import result_console

    with database.warehouse():
        alerts = open_alerts()
    result_console().print(alerts_table(alerts) if alerts else "No open alerts.")
    sys.exit(1 if any(alert.needs_somebody for alert in alerts) else 0)


@app.command()
def labels(
    file: Annotated[str, typer.Option(envvar="FILE", help="Parquet or CSV file of labels that have arrived.")] = "",
    target: Annotated[str, typer.Option(envvar="TARGET", help="What they are labels of; the only feed.")] = "",
) -> None:
    """Load a file of true values that have arrived; what cannot be used is kept out and counted."""
    from models_ml.label_feed import feed_target, load_labels
    from pipeline.monitoring import load_monitoring
    from pipeline.roles import Role, acting_as, ensure_roles
    from pipeline.runs import Step, hold_lock, recorded

    if not file.strip():
        raise UsageError("no file was named: write make labels FILE=labels.parquet")
    what, record = f"{target} {file}".strip(), Step("")
    with database.warehouse(), recorded("labels", what, only_failures=True):
        monitoring = load_monitoring()
        wanted = feed_target(monitoring, target.strip())
        database.migrate()
        with hold_lock("labels", what, record):
            ensure_roles()
            with acting_as(Role.MONITOR):
                loaded = load_labels(monitoring, wanted, parameters.path("FILE", file).absolute())
            record.message, record.rows, record.skipped = str(loaded), loaded.accepted, not loaded.is_new
    sys.stdout.write(f"{loaded}\n")
    if loaded.removed:
        _talk.print(
            f"{loaded.removed:,} labels of {wanted} that were taken from the trips were removed: the feed takes "
            "their place"
        )
    if loaded.extra:
        _talk.print(_escaped(f"note: unknown columns were not read: {', '.join(loaded.extra)}"))
    if loaded.quarantined:
        _talk.print(f"what was kept out, and why: ml.rejected_labels, label_load_id {loaded.label_load_id}")
    if loaded.is_new:
        _talk.print("`make pipeline` brings them into the marts")


@app.command()
def report(
    day: Annotated[str, typer.Option(envvar="DAY", help="A monitored day, such as 2022-02-20.")] = "",
    model: Annotated[str, typer.Option(envvar="MODEL", help="A model's name or version; every active model.")] = "",
    segment: Annotated[str, typer.Option(envvar="SEGMENT", help="column=value: only the rows that have it.")] = "",
    strict: Annotated[str, typer.Option(envvar="STRICT", help="1: end with code 1 where a test fails.")] = "",
    report_dir: Annotated[str, typer.Option(envvar="REPORT_DIR", help="Where pages are written; reports.")] = "",
) -> None:
    """Write Evidently's own report and test suite of a day, and say where."""
    from pipeline import reports

    request = reports.make_request(day=day, model=model, segment=segment, strict=strict, folder=report_dir)
    all_passed = True
    with database.warehouse():
        for written in reports.write_reports(request, lambda line: _talk.print(_escaped(line))):
            reports.show(written)
            all_passed = all_passed and written.passed
    sys.exit(1 if request.strict and not all_passed else 0)


@app.command()
def verify(
    month: Annotated[str, typer.Option(envvar="MONTH", help="A monitored month, such as 2022-02; the latest.")] = "",
    model: Annotated[str, typer.Option(envvar="MODEL", help="A model's name or version; every active model.")] = "",
) -> None:
    """Score a monitored month again with Evidently's own tests; exit 1 where a score is another."""
    from pipeline.runs import recorded
    from pipeline.verify import verify as verify_month

    with database.warehouse(), recorded("verify", f"{month} {model}".strip(), only_failures=True):
        all_equal = verify_month(month, model)
    sys.exit(0 if all_equal else 1)


@app.command()
def clean(confirm: Annotated[str, typer.Option(envvar="CONFIRM", help="yes, for a server of your own.")] = "") -> None:
    """Empty the database in use and remove its models; downloaded files and the environment stay."""
    from pipeline.cleaning import clean as clean_database

    if database.is_external() and confirm != "yes":
        raise UsageError(
            f"the server in use is {database.server().value}: with CONFIRM=yes the schemas raw, staging, intermediate, "
            "ml, monitoring and marts of its database are dropped with all they hold"
        )
    _talk.print(f"clean: {_escaped(clean_database())}")


@app.command()
def up() -> None:
    """Start Postgres, Adminer and Grafana in Docker, wait until all are healthy, print where they are."""
    from pipeline import env_file, services

    addresses = services.up(lambda line: _talk.print(_escaped(line)))
    sys.stdout.write(f"Grafana  {addresses.grafana}\nAdminer  {addresses.adminer}\n")
    file = _escaped(str(env_file.location()))
    _talk.print(f"Passwords: {file} - GRAFANA_ADMIN_PASSWORD for Grafana's user admin, ANALYST_PASSWORD for Adminer")
    _talk.print("`make pipeline` now fills this warehouse. `make down` stops the services and keeps the data.")


@app.command()
def down() -> None:
    """Stop the services of `up`; their data stay."""
    from pipeline import services

    services.down()
    _talk.print("stopped; the data are kept: `make up` goes on with them")


@app.command(name="clean-all")
def clean_all(confirm: Annotated[str, typer.Option(envvar="CONFIRM", help="yes, to be asked nothing.")] = "") -> None:
    """Stop the services of `up` and remove all their data; asks first."""
    from pipeline import env_file, services

    removed = "the Docker services with all data of their Postgres and Grafana"
    if confirm != "yes":
        if not sys.stdin.isatty():
            raise UsageError(f"this removes {removed}: run it in a terminal, which asks, or with CONFIRM=yes")
        if not typer.confirm(f"Remove {removed}?", err=True):
            _talk.print("nothing was removed")
            return
    services.remove_all()
    _talk.print(f"removed: {removed}")
    if env_file.location().exists():
        file = _escaped(str(env_file.location()))
        _talk.print(f"{file} stays, for the next `make up`; move it away to use the embedded server")


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
