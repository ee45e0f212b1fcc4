"""What predictions, decisions and labels say of the model that made them: its task, its threshold, what is odd.

Called by ingest.inspection.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from config.dataset_models import Task
from core.errors import UsageError, printable
from core.files.columns import shortened
from ingest.files.table import Table
from ingest.inspection.files.columns import Column
from ingest.inspection.files.figures import Figures
from ingest.inspection.proposed.roles import Roles
from ingest.inspection.report import ModelReport, Positive

_DEFAULT_THRESHOLD = 0.5
_MOST_CLASSES = 100
_MOST_DECIMALS = 12


class _Task(NamedTuple):
    task: Task
    why: str


def model_of(table: Table, sample: Table, roles: Roles, figures: dict[str, Figures]) -> tuple[ModelReport, list[str]]:
    """The model that the predictions are of, without a reference, and sentences on what is odd.

    Raises:
        UsageError: predictions, decision and label do not fit each other.
    """
    task = _task(roles, figures)
    if task.task == "multiclass":
        return _multiclass(sample, roles, task)
    (prediction,) = roles.predictions
    if prediction.type != "number":
        raise UsageError(
            f"the prediction {prediction.field.spelling} holds {prediction.type}s, a number is needed: the probability "
            "that the label is 1, or the predicted amount"
        )
    if task.task == "regression":
        label = roles.label.name if roles.label else ""
        if roles.decision is not None:
            raise UsageError(f"a regression decides nothing ({task.why}): leave the decision out")
        return ModelReport(*task, prediction=prediction.name, label=label), []
    positives = {}
    for column in filter(None, (roles.decision, roles.label)):
        positive = _positive(sample, prediction, column, figures[column.name])
        if positive is not None:
            positives[column.name] = positive
    warnings = _probability_warnings(table, prediction, figures[prediction.name])
    threshold, why, odd = _threshold(table, prediction, roles.decision, positives)
    report = ModelReport(
        *task,
        prediction=prediction.name,
        decision=roles.decision.name if roles.decision else "",
        label=roles.label.name if roles.label else "",
        threshold=threshold,
        threshold_why=why,
        positives=positives,
    )
    return report, warnings + odd


def _task(roles: Roles, figures: dict[str, Figures]) -> _Task:
    if len(roles.predictions) > 1:
        return _Task("multiclass", "a prediction for each class")
    (prediction,) = roles.predictions
    if prediction.type in ("text", "boolean"):
        return _Task("multiclass", f"the prediction is one of {figures[prediction.name].distinct:,} classes")
    label = roles.label
    is_probability = figures[prediction.name].least >= 0 and figures[prediction.name].most <= 1
    if label is not None:
        own = figures[label.name]
        is_two = label.type == "boolean" or own.zeros + own.ones == own.readable or own.distinct == 2
        if is_two and own.readable:
            return _Task("binary", "the label has two values")
        if label.type != "number":
            raise UsageError(
                f"the label {label.field.spelling} has {own.distinct:,} classes and the prediction "
                f"{prediction.field.spelling} is one number: name the columns of the probabilities of all classes, or "
                "the column of the predicted class"
            )
        return _Task("regression", "the label is an amount")
    if roles.decision is not None:
        return _Task("binary", "there is a decision")
    if is_probability:
        return _Task("binary", "predictions lie between 0 and 1")
    return _Task("regression", "predictions are amounts")


def _multiclass(sample: Table, roles: Roles, task: _Task) -> tuple[ModelReport, list[str]]:
    label = roles.label.name if roles.label else ""
    if len(roles.predictions) == 1:
        return ModelReport(*task, decision=roles.predictions[0].name, label=label), []
    naming = roles.label or roles.decision
    if naming is None:
        raise UsageError("several predictions are one for each class: name the label or the decision, which has them")
    value = f"cast({naming.value} as varchar)"
    classes = [
        str(name)
        for (name,) in sample.select(f"distinct {value}", f"where {value} is not null order by 1 limit {_MOST_CLASSES}")
    ]
    # The longest first: of "card" and "credit_card" a column that ends with both means the longer one.
    ordered = sorted(classes, key=len, reverse=True)
    probabilities = {}
    for column in roles.predictions:
        ending = next((name for name in ordered if column.field.spelling.lower().endswith(name.lower())), None)
        if ending is None or ending in probabilities:
            raise UsageError(
                f"no class belongs to the prediction {column.field.spelling}: its name ends with that of a class, one "
                f"of {printable(shortened(classes))}; rename the column"
            )
        probabilities[ending] = column.name
    odd = [f"no prediction is of the class {name}" for name in classes if name not in probabilities]
    decision = roles.decision.name if roles.decision else ""
    return ModelReport(*task, probabilities=probabilities, decision=decision, label=label), odd


def _positive(sample: Table, prediction: Column, column: Column, figures: Figures) -> Positive | None:
    """Which value counts as true, where a column of two values is not 0 and 1; None where it is."""
    if column.type == "boolean" or (column.type == "number" and figures.zeros + figures.ones == figures.readable):
        return None
    if figures.distinct != 2:
        raise UsageError(
            f"{column.field.spelling} has {figures.distinct:,} values: what a binary model decides, and its label, "
            "have two"
        )
    values = sample.select(
        f"cast({column.value} as varchar), avg({prediction.value})",
        f"where {column.value} is not null group by 1 order by 2 desc nulls last limit 1",
    )
    return Positive(column.name, str(values[0][0]), column.type == "number")


def _probability_warnings(table: Table, prediction: Column, figures: Figures) -> list[str]:
    found = []
    (outside,) = table.one(f"count(*) filter ({prediction.value} < 0 or {prediction.value} > 1)")
    if outside:
        found.append(
            f"the prediction {prediction.name} lies outside 0 to 1 in {outside:,} of {table.rows:,} rows, from "
            f"{figures.least:g} to {figures.most:g}: a binary model gives probabilities; those rows cannot be evaluated"
        )
    if figures.zeros or figures.ones:
        found.append(
            f"{prediction.name} is exactly 0 in {figures.zeros:,} rows and exactly 1 in {figures.ones:,}: such "
            "probabilities are rounded or too sure; their log loss is bounded"
        )
    if figures.readable < table.rows:
        found.append(
            f"the prediction {prediction.name} is missing in {table.rows - figures.readable:,} of {table.rows:,} rows: "
            "they are not evaluated"
        )
    return found


def _threshold(
    table: Table, prediction: Column, decision: Column | None, positives: dict[str, Positive]
) -> tuple[float | None, str, list[str]]:
    """The threshold that predictions and decisions imply, why, and sentences on what contradicts."""
    if decision is None:
        return _DEFAULT_THRESHOLD, "a guess: no decision was named", []
    yes = _is_yes(decision, positives)
    value = prediction.value
    highest_no, lowest_yes = table.one(f"max({value}) filter (not ({yes})), min({value}) filter ({yes})")
    if highest_no is None or lowest_yes is None:
        return None, "", [f"{decision.name} is the same in all rows that have a prediction: it implies no threshold"]
    if highest_no < lowest_yes:
        found = shortest_between(float(highest_no), float(lowest_yes))
        return None, f"{decision.name} is true from {prediction.name} {found:g} on", []
    rows = table.one(f"count(*) filter ({value} between {lowest_yes!r} and {highest_no!r})")[0]
    return (
        None,
        f"no threshold of {prediction.name} explains {decision.name}",
        [
            f"no threshold of {prediction.name} explains {decision.name}: both decisions were made from "
            f"{lowest_yes:g} to {highest_no:g} ({rows:,} rows); the decisions count"
        ],
    )


def _is_yes(decision: Column, positives: dict[str, Positive]) -> str:
    """SQL condition: the decision is for 1."""
    positive = positives.get(decision.name)
    if positive is None:
        return f"cast({decision.value} as boolean)"
    literal = positive.value if positive.is_number else "'" + positive.value.replace("'", "''") + "'"
    return f"{decision.value} = {literal}"


def shortest_between(low: float, high: float) -> float:
    """The number above `low` and at most `high` with the fewest decimals."""
    for decimals in range(_MOST_DECIMALS):
        found = float(math.floor(high * 10**decimals * (1 + 1e-15))) / 10.0**decimals
        if low < found <= high:
            return found
    return high
