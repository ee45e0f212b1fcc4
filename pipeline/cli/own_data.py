"""Data of your own: datasets, and labels and predictions that were made elsewhere.

stdout is data, stderr is talk. Each command imports its own modules itself: all of them together take a second, at
each start.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from core.errors import UsageError
from pipeline.cli.app import app
from pipeline.cli.values import File, ReferenceRows, names
from pipeline.console import tell
from warehouse.session import changes, session


@app.command()
def dataset(
    file: File = None,
    timestamp: Annotated[str, typer.Option(help="The column with the time of a row.")] = "",
    key: Annotated[str, typer.Option(help="The column that names a row, or several with commas.")] = "",
    prediction: Annotated[
        str, typer.Option(help="The column with predictions; those of all classes with commas.")
    ] = "",
    decision: Annotated[str, typer.Option(help="The column with what a classifier decided.")] = "",
    label: Annotated[str, typer.Option(help="The column with the true value.")] = "",
    name: Annotated[str, typer.Option(help="What the dataset is called; as the file.")] = "",
    reference: ReferenceRows = None,
) -> None:
    """Look at data files, say what each column holds, and write datasets/<name>.yml; nothing is loaded."""
    from pipeline.commands.dataset import write_dataset

    if file is None:
        raise UsageError("no file was named: write make dataset FILE=loans.csv TIMESTAMP=timestamp")
    columns = {"TIMESTAMP": timestamp, "KEY": key, "PREDICTION": prediction, "DECISION": decision, "LABEL": label}
    write_dataset(file, {role: names(text) for role, text in columns.items()}, reference, name.strip(), tell)


@app.command()
def labels(
    file: File = None,
    target: Annotated[str, typer.Option(help="What they are labels of; the only feed.")] = "",
    model: Annotated[str, typer.Option(help="The model whose target they are labels of, in TARGET's place.")] = "",
) -> None:
    """Load a file of true values that have arrived; what cannot be used is kept out and counted."""
    from config.monitored import load_monitored
    from models_ml.label_feed import feed_of, load_labels
    from warehouse.access.roles import Role

    if file is None:
        raise UsageError("no file was named: write make labels FILE=labels.parquet")
    what = " ".join(f"{target} {model} {file}".split())
    with session("labels", what):
        monitoring, wanted = feed_of(list(load_monitored().of.values()), target.strip(), model.strip())
        with changes("labels", what, Role.MONITOR) as record:
            loaded = load_labels(monitoring, wanted, file)
            record.message, record.rows, record.skipped = str(loaded), loaded.accepted, not loaded.is_new
    sys.stdout.write(f"{loaded}\n")
    if loaded.removed:
        tell(
            f"{loaded.removed:,} labels of {wanted} that were taken from the rows were removed: the feed takes "
            "their place"
        )
    if loaded.extra:
        tell(f"note: unknown columns were not read: {', '.join(loaded.extra)}")
    if loaded.quarantined:
        tell(f"what was kept out, and why: ml.rejected_labels, label_load_id {loaded.label_load_id}")
    if loaded.is_new:
        tell("`make pipeline` brings them into the marts")


@app.command()
def predictions(
    file: File = None,
    model: Annotated[str, typer.Option(help="A model with `predictions: loaded`.")] = "",
    version: Annotated[str, typer.Option(help="Which version of it; the file's, else v1.")] = "",
) -> None:
    """Load predictions that were made elsewhere, whole or not at all; the next run monitors them."""
    from pipeline.commands.predictions import load

    with session("predictions", f"{model} {version} {file}".strip()):
        load(file, model, version, tell)
