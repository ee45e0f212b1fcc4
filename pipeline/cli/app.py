"""The command line that the modules of the commands add theirs to, and what every command has."""

from __future__ import annotations

from typing import Annotated

import typer

from config.paths import use_monitoring_file

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A monitoring warehouse for machine-learning models: parquet in, monitored days out.",
)


@app.callback()
def common(
    monitoring_file: Annotated[str, typer.Option(help="Another file than monitoring.yml.")] = "",
) -> None:
    """What every command has."""
    if monitoring_file.strip():
        use_monitoring_file(monitoring_file.strip())
