"""The commands about services and dashboards.

stdout is data, stderr is talk. Each command imports its own modules itself: all of them together take a second, at
each start.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from core.errors import UsageError
from pipeline.cli import values
from pipeline.cli.app import app
from pipeline.console import tell
from warehouse.session import session


@app.command()
def heartbeat(
    interval: Annotated[
        float, typer.Option(parser=values.seconds("INTERVAL", 0.1), metavar="SECONDS", help="Between two beats.")
    ] = 10.0,
    count: Annotated[
        int | None, typer.Option(parser=values.whole("COUNT"), metavar="N", help="How many beats; endless.")
    ] = None,
) -> None:
    """Write a dummy row every few seconds, until Ctrl-C: does it arrive on the dashboard?"""
    from pipeline.commands.heartbeat import beat

    with session("heartbeat"):
        beat(interval, count, tell)


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


@app.command(hidden=True)
def dashboards() -> None:
    """Write the generated dashboards anew, for those who change them."""
    from grafana.generate import write_files
    from grafana.house import make_house
    from pipeline.advice import with_commands

    for path in write_files(make_house(), with_commands):
        tell(f"written: {path}")
