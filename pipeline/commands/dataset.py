"""`make dataset`: looks at data files, prints what each column holds, and writes datasets/<name>.yml.

Touches no database and overwrites nothing. Called by pipeline.cli.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from rich import box
from rich.table import Table
from rich.text import Text

from config.dataset_file import check_dataset_name, parse_dataset
from config.paths import ROOT, datasets_dir
from core.errors import ConfigurationError, UsageError, printable
from ingest.files.table import warehouse_name
from ingest.inspection.asked import Asked, Reference
from ingest.inspection.dataset_text import dataset_text, windows_text
from ingest.inspection.inspect import inspect
from ingest.inspection.report import ColumnReport, Inspection
from pipeline.console import result_console
from pipeline.dbt_models import write_models

_GUESS = "?"
# Headings of the table, how they stand, and whether a narrow terminal goes without them.
_COLUMNS: tuple[tuple[str, Literal["left", "right"], bool], ...] = (
    ("column", "left", False),
    ("type", "left", True),
    ("kind", "left", False),
    ("distinct", "right", False),
    ("missing", "right", False),
    ("example", "left", True),
    ("role", "left", False),
    ("why", "left", False),
)
_WIDE = 110
_USUAL_NAME, _LONGEST_NAME, _LONGEST_EXAMPLE = 24, 60, 12


def write_dataset(
    files: Path,
    columns: Mapping[str, tuple[str, ...]],
    reference: Reference | None,
    name: str,
    tell: Callable[[str], None],
) -> None:
    """Look at files, print a table of their columns, and write the dataset's file; `tell` takes lines for a person.

    Args:
        columns: those of TIMESTAMP, KEY, PREDICTION, DECISION and LABEL, as the files spell them.
        name: of the dataset; '' for that of the files.

    Raises:
        UsageError: a column is not there or cannot play its role.
        SourceUnavailableError, BadFileError: the files are not there, or cannot be read.
        ConfigurationError: the dataset's file is there already, or the name can be none.
    """
    command = _command(files, columns, reference, name)
    name = name or _name_of(files)
    check_dataset_name(name, "NAME")
    path = datasets_dir() / f"{name}.yml"
    _refuse_overwriting(path)
    inspection = inspect(_asked(files, columns, reference))
    text = dataset_text(inspection, name, _below_project(files), command)
    dataset = parse_dataset(text, path.name)
    _print(inspection)
    _write(path, text)
    tell(f"written: {_below_project(path)}: read it, correct what is only guessed, and commit it")
    for model in write_models(name, dataset)[:1]:
        tell(f"written: {_below_project(model.parent)}/: the dbt models that clean its rows, yours to edit")
    tell(f"`make pipeline DATASET={name}` loads and monitors it, `make pipeline` all datasets")


def _asked(files: Path, columns: Mapping[str, tuple[str, ...]], reference: Reference | None) -> Asked:
    for role in ("TIMESTAMP", "DECISION", "LABEL"):
        if len(columns[role]) > 1:
            raise UsageError(f"{role} '{', '.join(columns[role])}' names several columns: name one")
    return Asked(
        files=files,
        timestamp="".join(columns["TIMESTAMP"]),
        key=columns["KEY"],
        prediction=columns["PREDICTION"],
        decision="".join(columns["DECISION"]),
        label="".join(columns["LABEL"]),
        reference=reference,
    )


def _command(files: Path, columns: Mapping[str, tuple[str, ...]], reference: Reference | None, name: str) -> str:
    """What was typed."""
    typed = {"FILE": _below_project(files)} | {role: ",".join(each) for role, each in columns.items()}
    typed |= {"NAME": name, "REFERENCE": str(reference or "")}
    return " ".join(["make dataset", *(f"{variable}={_typed(value)}" for variable, value in typed.items() if value)])


def _refuse_overwriting(path: Path) -> None:
    if os.path.lexists(path):
        raise ConfigurationError(
            f"{path} is there already, and nothing is overwritten: give another NAME, or move that file away"
        )


def _write(path: Path, text: str) -> None:
    """A file that is new, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_overwriting(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _name_of(files: Path) -> str:
    """A dataset's name by that of its files, without endings and patterns."""
    stem = re.sub(r"[*?\[\]]+", "_", files.name if "." not in files.name.strip(".") else files.name.split(".")[0])
    if not re.search(r"[A-Za-z]", stem):
        stem = files.parent.name
    return warehouse_name(stem, set())


def _below_project(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _typed(value: str) -> str:
    return value if re.fullmatch(r"[\w./,:*-]+", value) else "'" + value.replace("'", r"'\''") + "'"


def _print(inspection: Inspection) -> None:
    console = result_console()
    console.print(_table(inspection, console.width))
    console.print(Text(_summary(inspection)))
    for warning in inspection.warnings:
        console.print(Text.assemble(("! ", "bold yellow"), printable(warning)))


def _table(inspection: Inspection, width: int) -> Table:
    """One row a column; what is only a guess has a question mark."""
    files = inspection.files
    count = f"{len(files.paths):,} files" if len(files.paths) > 1 else "1 file"
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{printable(files.name)}: {inspection.rows:,} rows, {len(inspection.columns):,} columns, {count}",
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        collapse_padding=True,
    )
    is_wide = width >= _WIDE
    longest = max(len(report.spelling) for report in inspection.columns) if is_wide else 0
    for heading, justify, needs_width in _COLUMNS:
        if is_wide or not needs_width:
            table.add_column(
                heading,
                justify=justify,
                overflow="fold",
                no_wrap=heading not in ("column", "why"),
                min_width=min(longest, _USUAL_NAME) if heading == "column" else None,
            )
    for report in inspection.columns:
        cells = zip(_cells(report), _COLUMNS, strict=True)
        table.add_row(*(Text(cell) for cell, (*_, needs_width) in cells if is_wide or not needs_width))
    return table


def _cells(report: ColumnReport) -> tuple[str, ...]:
    guess = _GUESS if report.is_guess else ""
    is_free = report.role in ("feature", "ignored")
    return (
        _shown(report.spelling, _LONGEST_NAME),
        report.type,
        report.kind + (guess if is_free else ""),
        f"{'' if report.is_exact else '~'}{report.distinct:,}",
        f"{report.missing:,}",
        _shown(report.example, _LONGEST_EXAMPLE),
        report.role + ("" if is_free else guess),
        report.why + (f", {report.digits} digits" if report.digits_why and report.digits else ""),
    )


def _shown(text: str, most: int) -> str:
    """A text of a file for a cell of a table."""
    return printable(text if len(text) <= most else f"{text[: most - 3]}...")


def _summary(inspection: Inspection) -> str:
    """What is proposed for the whole: windows, key, model, reference."""
    lines = [f"windows    {windows_text(inspection.windows)}: {inspection.windows.why}"]
    key = ", ".join(inspection.key) or "none"
    lines.append(f"key        {key}: {inspection.key_why}")
    model = inspection.model
    if model is None:
        lines.append("model      none: the data alone are monitored")
    else:
        threshold = f"; {model.threshold_why}" if model.threshold_why else ""
        lines.append(f"model      {model.task}: {model.task_why}{threshold}")
    reference = inspection.reference
    span = f"{reference}" if isinstance(reference, Path) else f"{reference.first} to {reference.last}"
    lines.append(f"reference  {span}: {inspection.reference_why}")
    return "\n".join([*lines, f"{_GUESS} a guess, ~ an approximate count", ""])
