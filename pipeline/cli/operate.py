"""The commands of who operates a warehouse: incidents, months, backups, the embedded server.

stdout is data, stderr is talk. Each command imports its own modules itself: all of them together take a second, at
each start.
"""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from config.settings import make_settings
from core.errors import UsageError
from pipeline import console
from pipeline.cli import values
from pipeline.cli.app import app
from pipeline.cli.values import DataDir, Days, File, ModelName, OneMonth, SourceName, TlcUrl, TrainMonth
from pipeline.console import tell
from warehouse import database
from warehouse.server import embedded
from warehouse.session import session


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


@app.command()
def verify(
    month: OneMonth = None,
    model: ModelName = "",
) -> None:
    """Score a monitored month again with Evidently's own tests; exit 1 where a score is another."""
    from pipeline.commands.verify import verify as verify_month

    with session("verify", f"{month or ''} {model}".strip()):
        all_equal = verify_month(month, model)
    sys.exit(0 if all_equal else 1)


@app.command()
def replay(
    month: OneMonth = None,
    train_month: TrainMonth = None,
    data_dir: DataDir = None,
    source: SourceName = None,
    tlc_url: TlcUrl = "",
    pause: Annotated[
        float, typer.Option(parser=values.seconds("PAUSE", 0.0), metavar="SECONDS", help="Between two days.")
    ] = 10.0,
    restart: Annotated[bool, typer.Option("--restart", help="From the month's first day again.")] = False,
) -> None:
    """Feed a month day by day with a pause, so that the dashboards fill; stopped, it goes on where it was."""
    from pipeline.commands.replay import replay as replay_month

    settings = make_settings(
        train_month=train_month,
        months=[month] if month else None,
        data_dir=data_dir,
        source=source,
        tlc_url=tlc_url,
    )
    with session("replay", settings.in_words, only_failures=False):
        replay_month(settings, pause=pause, restart=restart, tell=tell)


@app.command()
def backfill(
    first: Annotated[
        Days | None, typer.Option("--from", parser=values.days("FROM"), metavar="DAY", help="First day or month.")
    ] = None,
    last: Annotated[
        Days | None, typer.Option("--to", parser=values.days("TO"), metavar="DAY", help="Last day or month.")
    ] = None,
    model: ModelName = "",
    train_month: TrainMonth = None,
) -> None:
    """Compute the windows of some days again, or for the first time; stopped, it goes on where it was."""
    from pipeline.commands import backfill as backfills

    valid = "write days or months, make backfill FROM=2022-02-01 TO=2022-02-14 or FROM=2022-02 TO=2022-03"
    if first is None or last is None:
        raise UsageError(f"{'FROM' if first is None else 'TO'} was not given: {valid}")
    if last.last < first.first:
        raise UsageError(f"FROM {first} lies after TO {last}: {valid}")
    request = backfills.BackfillRequest(first.hour or first.first, last.hour or last.last, model.strip())
    settings = make_settings(train_month=train_month)
    with session("backfill", f"{first} {last} {model}".strip()):
        report = backfills.backfill(request, settings, console.progress_console(), tell)
    tell(f"run {report.run_id} done")


@app.command()
def prune(
    raw_months: Annotated[
        int | None,
        typer.Option(parser=values.whole("RAW_MONTHS", 1, 1200), metavar="N", help="How many months keep their rows."),
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="For a server of your own.")] = False,
) -> None:
    """Take away the trips, predictions and labels of old months; what was found out about them stays."""
    from pipeline.commands import pruning

    if raw_months is None:
        raise UsageError("RAW_MONTHS was not given: say how many months keep their rows, make prune RAW_MONTHS=24")
    if database.is_external() and not confirm:
        raise UsageError(
            f"the server in use is {database.server().value}: with CONFIRM=yes the trips, predictions and labels of "
            f"all months but the newest {raw_months} are removed from its database"
        )
    with session("prune", f"all but the newest {raw_months} months"):
        pruned = pruning.prune(raw_months, tell)
    words = f"{pruned} months pruned; `make pipeline` brings the marts up to date"
    tell(words if pruned else "nothing to prune")


@app.command()
def backup(file: File = None) -> None:
    """Write the whole warehouse with its model files into one file."""
    from pipeline.commands import backup as backups

    if file is None:
        raise UsageError("no file was named: write make backup FILE=warehouse.backup")
    with session("backup", str(file)):
        manifest = backups.backup(file, tell)
    tell(f"{file}: {len(manifest.tables)} tables and {len(manifest.models)} model files, {file.stat().st_size:,} bytes")


@app.command()
def restore(
    file: File = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Replace a warehouse that is not empty.")] = False,
) -> None:
    """Bring a backup back, whole or not at all. Restore only files that you, or people whom you trust, have written."""
    from pipeline.commands import backup as backups

    if file is None:
        raise UsageError("no file was named: write make restore FILE=warehouse.backup")
    with session("restore", str(file), only_failures=False) as record:
        manifest = backups.restore(file, confirmed=confirm, tell=tell)
        record.message = f"the backup of {manifest.made_at}"
    tell(
        f"restored the backup of {manifest.made_at}: {len(manifest.tables)} tables, each with the hash that the backup "
        "has of it"
    )


@app.command()
def psql() -> None:
    """Open psql on the warehouse."""
    from pipeline.commands.query import open_psql

    with database.warehouse():
        code = open_psql()
    sys.exit(code)


@app.command()
def db(
    port: Annotated[
        int | None,
        typer.Option(
            parser=values.whole("PORT", 1024, 65535), metavar="N", help="Also listen on this port of 127.0.0.1."
        ),
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
def clean(confirm: Annotated[bool, typer.Option("--confirm", help="For a server of your own.")] = False) -> None:
    """Empty the database in use and remove its models; downloaded files and the environment stay."""
    from pipeline.commands.cleaning import clean as clean_database

    if database.is_external() and not confirm:
        raise UsageError(
            f"the server in use is {database.server().value}: with CONFIRM=yes the schemas raw, staging, intermediate, "
            "ml, monitoring and marts of its database are dropped with all they hold"
        )
    tell(f"clean: {clean_database()}")
