"""The one room for Evidently: its registered statistical tests, and its report with the test suite.

Numbers and frames go in, plain values come out; no other module imports Evidently. Importing it takes seconds, so it is
imported where it is used. Called by python_metrics.drift.profile_drift and python_metrics.comparisons.day_report.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from config.drift_methods import DISTANCES, ColumnType
from config.monitoring import MonitoredColumn

if TYPE_CHECKING:
    import pandas as pd

PASSED = "SUCCESS"
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True)
class Outcome:
    """One test of the suite as Evidently's result has it; `status` is Evidently's word."""

    test: str
    column: str
    status: str
    found: float
    bound: str

    @property
    def passed(self) -> bool:
        return self.status == PASSED


@dataclass(frozen=True)
class Page:
    """Evidently's HTML of one window against its reference, with what the suite found and the drift scores."""

    html: str
    outcomes: tuple[Outcome, ...]
    scores: dict[str, float]

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in self.outcomes)


@dataclass(frozen=True)
class Contents:
    """What a page is to hold.

    Attributes:
        columns: all columns of both frames, with their types.
        scored: those to score for drift, each by its rule; every one has a test of its score.
        described: names of those to give figures and distributions of; each has values in both frames.
        missing_bounds: the greatest share of missing values allowed in the window, by column.
    """

    columns: tuple[MonitoredColumn, ...]
    scored: tuple[MonitoredColumn, ...]
    described: tuple[str, ...]
    missing_bounds: Mapping[str, float]


def statistical_test(
    reference: pd.Series[Any], current: pd.Series[Any], column_type: ColumnType, method: str, threshold: float
) -> tuple[float, bool]:
    """Score and verdict of one of Evidently's registered tests, as its own report calls it."""
    test, feature_type = _test(method, column_type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries below, about themselves; the score says what matters
        result = test(reference, current, feature_type, threshold)
    return float(result.drift_score), bool(result.drifted)


@cache
def _test(method: str, column_type: ColumnType) -> tuple[Any, Any]:
    """Evidently's registered test, and its own word for the type of column."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that Evidently imports
        from evidently.legacy.calculations.stattests.registry import get_registered_stattest
        from evidently.legacy.core import ColumnType as EvidentlyType

    feature_type = {"numerical": EvidentlyType.Numerical, "categorical": EvidentlyType.Categorical}[column_type]
    return get_registered_stattest(method, feature_type), feature_type


def make_page(
    current: pd.DataFrame, reference: pd.DataFrame, contents: Contents, title: str, lines: Sequence[str]
) -> Page:
    """Evidently's drift and quality presets and the suite, computed in one report.

    Args:
        current: the window's rows, the columns of `contents`; may be empty where nothing is scored or described.
        reference: the reference's rows, the same columns.
        contents: what is scored, described and tested.
        title: heading of the page, plain text.
        lines: what stands under it, a point each, as markdown.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries below, about themselves
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset, DataSummaryPreset

        definition = DataDefinition(
            numerical_columns=[column.name for column in contents.columns if column.type == "numerical"],
            categorical_columns=[column.name for column in contents.columns if column.type == "categorical"],
        )
        parts: list[Any] = [_suite_class()(title, list(lines), _suite_metrics(contents))]
        if contents.scored:
            parts.append(
                DataDriftPreset(
                    columns=[column.name for column in contents.scored],
                    per_column_method={column.name: column.drift.method for column in contents.scored},
                    per_column_threshold={column.name: column.drift.threshold for column in contents.scored},
                )
            )
        if contents.described:
            parts.append(DataSummaryPreset(columns=list(contents.described)))
        datasets = [Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference)]
        snapshot = Report(parts).run(*datasets)
        outcomes = tuple(_outcome(result, snapshot.metric_results) for result in snapshot.tests_results)
        scores = {outcome.column: outcome.found for outcome in outcomes if outcome.test.startswith("drift")}
        return Page(snapshot.get_html_str(as_iframe=False), outcomes, scores)


def _suite_metrics(contents: Contents) -> list[Any]:
    """Evidently's metrics with the tests of the suite on them, in the order in which they are told."""
    from evidently.metrics import MissingValueCount, RowCount, ValueDrift
    from evidently.tests import gt, gte, lt, lte

    metrics: list[Any] = [RowCount(tests=[gt(0)])]
    for column in contents.scored:
        rule = column.drift
        holds = lt(rule.threshold) if rule.method in DISTANCES else gte(rule.threshold)
        metrics.append(ValueDrift(column=column.name, method=rule.method, threshold=rule.threshold, tests=[holds]))
    for name, bound in contents.missing_bounds.items():
        metrics.append(MissingValueCount(column=name, tests=[], share_tests=[lte(bound)]))
    return metrics


@cache
def _suite_class() -> Any:
    from evidently.core.container import MetricContainer
    from evidently.legacy.renderers.html_widgets import text_widget

    class Suite(MetricContainer):  # type: ignore[misc]  # Evidently has no types
        """The head of the page; it computes the suite's metrics, whose tests Evidently lists on a tab of their own."""

        title: str
        lines: list[str]
        suite: list[Any]

        def __init__(self, title: str, lines: list[str], suite: list[Any]) -> None:
            self.title, self.lines, self.suite = title, lines, suite
            super().__init__()

        def generate_metrics(self, context: Any) -> list[Any]:
            return self.suite

        def render(self, context: Any, child_widgets: Any = None) -> list[Any]:
            results = {metric.metric_id: context.get_metric_result(metric) for metric in self.suite}
            outcomes = [_outcome(test, results) for result in results.values() for test in result.tests]
            lines = [*self.lines, _verdict(outcomes)]
            return [text_widget(title=self.title, text="\n".join(f"- {line}" for line in lines))]

    return Suite


def _verdict(outcomes: Sequence[Outcome]) -> str:
    failed = [f"{one.test} {one.column} ({one.found:.4g}, not {one.bound})" for one in outcomes if not one.passed]
    words = f"**Tests: {len(outcomes) - len(failed)} of {len(outcomes)} passed** (all of them on the tab Tests). "
    return words + ("Failed: " + ", ".join(failed).replace("<", "&lt;") + "." if failed else "")


def _outcome(result: Any, metric_results: Mapping[str, Any]) -> Outcome:
    """A test's outcome with the value it was made on, from Evidently's own result objects."""
    configuration = result.metric_config
    kind = configuration.params["type"].rsplit(":", 1)[-1]
    value = metric_results[configuration.metric_id]
    found = value.share.value if kind == "MissingValueCount" else value.value
    return Outcome(
        test={"RowCount": "rows", "ValueDrift": "drift", "MissingValueCount": "missing share"}[kind],
        column=configuration.params.get("column") or "",
        status=str(result.status.value),
        found=float(found),
        bound=f"{_COMPARISONS[result.id]} {result.test_config['threshold']:.4g}",
    )
