"""Functions fit on a screen and take what a reader can keep in mind; those that do not say why."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from config.paths import ROOT
from tests.source_code import python_files

MOST_LINES, MOST_PARAMETERS = 60, 7
LONG = {
    ("grafana/pages/performance.py", "_headlines"): "texts of seven headlines, one below the other",
    ("grafana/pages/stock_flags.py", "stock_flags"): "texts of the panels of one section, one below the other",
    ("grafana/preview/charts.py", "_lines"): "draws a chart from its axes to its legend, in one frame of coordinates",
    ("ingest/tlc/sample/calibrate/measures.py", "write_amounts"): "one table's rows, measured in the order of the file",
    ("ingest/tlc/sample/trips.py", "metered_trips"): "draws of one random stream, whose order is the sample",
    ("python_metrics/alerts/statistics/numerical_statistics.py", "freeze_numerical"): "a column's figures of one pass",
}
MANY = {
    ("ingest/tlc/download.py", "download"): "limits of one download, each with a default, named where it is called",
    ("pipeline/cli/own_data.py", "dataset"): "options of a command, a parameter each",
    ("config/settings.py", "make_settings"): "what a person may name of a run",
    ("pipeline/cli/every_day.py", "run"): "the options of the command",
    ("models_ml/train.py", "train"): "what a training is made of, named where it is called",
}


def functions() -> Iterator[tuple[tuple[str, str], ast.FunctionDef]]:
    for path in python_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        file = path.relative_to(ROOT).as_posix()
        for scope in ast.walk(tree):
            if isinstance(scope, ast.Module | ast.ClassDef | ast.FunctionDef):
                prefix = f"{scope.name}." if isinstance(scope, ast.ClassDef) else ""
                for node in scope.body:
                    if isinstance(node, ast.FunctionDef):
                        yield (file, prefix + node.name), node


def test_long_functions_have_a_reason() -> None:
    long = {place for place, node in functions() if (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES}
    assert long == LONG.keys()


def test_functions_of_many_parameters_have_a_reason() -> None:
    many = {
        place
        for place, node in functions()
        if len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) - ("." in place[1]) > MOST_PARAMETERS
    }
    assert many == MANY.keys()
