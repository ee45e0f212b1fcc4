"""What is proposed for each column: its kind, its role, the digits to keep, and why.

Called by ingest.inspection.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.dataset_checks import OF_MODELS
from config.dataset_models import Task
from config.datasets import ColumnKind
from core.errors import UsageError, printable
from ingest.inspection.files.kinds import Kind, average_words, kind_of
from ingest.inspection.proposed.digits import Digits, proposed_digits
from ingest.inspection.report import ColumnReport, ModelReport, Role
from ingest.inspection.seen import Seen

_LONGEST_EXAMPLE = 60
_MOST_COLUMNS = 100


@dataclass(frozen=True)
class Proposal:
    """The columns that have a role: the timestamp, the key, the column that cuts windows, those of the model."""

    timestamp: str
    key: tuple[str, ...]
    window: str
    model: ModelReport | None


def proposed_kinds(seen: Seen, proposal: Proposal) -> dict[str, Kind]:
    """The kind of each column: what its role needs, else what its values show.

    Raises:
        UsageError: the values cannot be what the role needs.
    """
    words = average_words(seen.sample, list(seen.columns.values()))
    kinds = {name: kind_of(column, seen.figures[name], words.get(name, 0.0)) for name, column in seen.columns.items()}
    for name in (*proposal.key, *filter(None, [proposal.window])):
        if kinds[name].kind != "datetime":
            kinds[name] = Kind("ignored", "names a row" if name in proposal.key else "cuts windows", False)
    if proposal.timestamp:
        kinds[proposal.timestamp] = Kind("datetime", "the time of rows", False)
    for name in kinds.keys() & set(OF_MODELS):
        kinds[name] = Kind("ignored", "by its name a model's: say PREDICTION or DECISION", True)
    if proposal.model is not None:
        for name, needed in _needed(proposal.model).items():
            if needed == "numerical" and seen.columns[name].type != "number":
                raise UsageError(
                    f"{seen.columns[name].field.spelling} holds {seen.columns[name].type}s, numbers are needed"
                )
            kinds[name] = Kind(needed, kinds[name].why, False)
    return kinds


_ANSWERS: dict[Task, ColumnKind] = {"regression": "numerical", "binary": "boolean", "multiclass": "categorical"}


def _needed(model: ModelReport) -> dict[str, ColumnKind]:
    """The kinds that a model's columns have to be; one that is made boolean by an expression stays what it is."""
    answer = _ANSWERS[model.task]
    needed: dict[str, ColumnKind] = dict.fromkeys(
        (*filter(None, [model.prediction]), *model.probabilities.values()), "numerical"
    )
    for name in filter(None, (model.decision, model.label)):
        needed[name] = "categorical" if name in model.positives else answer
    return needed


def column_reports(
    seen: Seen, proposal: Proposal, kinds: dict[str, Kind]
) -> tuple[tuple[ColumnReport, ...], dict[str, Digits]]:
    """A report of each column, in the files' order, and the digits of the numerical ones by name."""
    numerical = tuple(name for name, kind in kinds.items() if kind.kind == "numerical")
    digits = proposed_digits(seen.sample, seen.of(numerical), seen.figures)
    examples = _examples(seen)
    reports = []
    for name, column in seen.columns.items():
        own, kind, role = seen.figures[name], kinds[name], _role(name, proposal, kinds[name])
        kept = digits.get(name)
        reports.append(
            ColumnReport(
                name=name,
                spelling=column.field.spelling,
                type=column.type_name,
                kind=kind.kind,
                distinct=own.distinct,
                is_exact=own.is_exact,
                missing=seen.table.rows - own.readable,
                example=examples.get(name, ""),
                role=role,
                why=kind.why,
                is_guess=kind.is_guess or (name not in seen.roles.named and role in ("timestamp", "key", "window")),
                digits=kept.digits if kept else None,
                digits_why=_words(kept) if kept else "",
            )
        )
    return tuple(reports), digits


def _role(name: str, proposal: Proposal, kind: Kind) -> Role:
    model = proposal.model
    if name == proposal.timestamp:
        return "timestamp"
    if name in proposal.key:
        return "key"
    if name == proposal.window:
        return "window"
    if model is not None and name in (model.prediction, *model.probabilities.values()):
        return "prediction"
    if model is not None and name == model.decision:
        return "decision"
    if model is not None and name == model.label:
        return "label"
    return "ignored" if kind.kind == "ignored" else "feature"


def _words(digits: Digits) -> str:
    if digits.digits is None:
        return "all digits kept"
    if not digits.rounds:
        return ""
    return f"{digits.digits} digits keep {digits.left:,} of {digits.of:,} values, {digits.error:.2g} std off"


def _examples(seen: Seen) -> dict[str, str]:
    """The first value of each column in the sample."""
    columns = list(seen.columns.values())
    examples: dict[str, str] = {}
    for start in range(0, len(columns), _MOST_COLUMNS):
        part = columns[start : start + _MOST_COLUMNS]
        texts = seen.sample.one(
            ", ".join(
                f"arg_min(left(cast({column.field.sql} as varchar), {_LONGEST_EXAMPLE}), position) "
                f"filter ({column.value} is not null)"
                for column in part
            )
        )
        examples |= {
            column.name: printable(str(text)) for column, text in zip(part, texts, strict=True) if text is not None
        }
    return examples
