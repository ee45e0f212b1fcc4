"""The text of datasets/<name>.yml from an inspection: commented, in the order in which people review it.

The reader of config.dataset_file takes it as it stands. Called by pipeline.commands.dataset.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from config.datasets import DEFAULT_DIGITS
from ingest.inspection.asked import Span
from ingest.inspection.report import ColumnReport, Inspection, ModelReport, Role, Windows

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that YAML takes for something else.
_TAKEN = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_GROUPS: tuple[tuple[str, tuple[Role, ...]], ...] = (
    ("what names and orders rows", ("key", "timestamp", "window")),
    ("the model's", ("prediction", "decision", "label")),
    ("what is monitored", ("feature",)),
    ("not monitored", ("ignored",)),
)
_COARSER = {"hour": "day", "day": "week", "week": "month"}
_WIDEST = 46
_MARK = "guess: "


def dataset_text(inspection: Inspection, name: str, source: str, written_by: str) -> str:
    """The text of the file.

    Args:
        name: the dataset's.
        source: the files, relative to the project or absolute.
        written_by: what was typed to get it, for the first line.
    """
    blocks = [
        _head(inspection, name, written_by),
        _words(name),
        [_line(f"source: {{files: {_quoted(source)}}}", _source_why(inspection))],
        _event(inspection),
        [_line(f"windows: {windows_text(inspection.windows)}", inspection.windows.why)],
        _columns(inspection),
        _derive(inspection.model),
        _options(inspection),
        _model(inspection, name),
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def windows_text(windows: Windows) -> str:
    """Windows as the file writes them."""
    if windows.calendar:
        return windows.calendar
    return f"{{column: {_plain(windows.column)}}}" if windows.column else f"{{rows: {windows.rows}}}"


def _head(inspection: Inspection, name: str, written_by: str) -> list[str]:
    return [
        f"# The dataset {name}: what is monitored, and how. Read it, correct what is wrong, and commit it; what is",
        f"# only a guess says so. It was proposed after a look at {inspection.rows:,} rows, by",
        f"#   {_one_line(written_by)}",
    ]


def _words(name: str) -> list[str]:
    one, many = words_of(name)
    return [
        _line(f"words: {{one: {_plain(one)}, many: {_plain(many)}}}", "what people read in alerts and on dashboards")
    ]


def words_of(name: str) -> tuple[str, str]:
    """What one row of a dataset and many are called, by the dataset's name."""
    many = name.replace("_", " ").strip()
    if many.endswith("ies"):
        return f"{many[:-3]}y", many
    if many.endswith("s") and not many.endswith("ss") and len(many) > 3:
        return many[:-1], many
    return "event", "events"


def _source_why(inspection: Inspection) -> str:
    files = inspection.files
    count = f"{len(files.paths):,} files" if len(files.paths) > 1 else "one file"
    return f"{count}, {files.form}; a pattern or a folder takes those that come later"


def _event(inspection: Inspection) -> list[str]:
    lines = ["event:"]
    if inspection.timestamp:
        why = "" if inspection.timestamp_why == "as was said" else f"{inspection.timestamp_why}; "
        span = f"{why}{inspection.first} to {inspection.last}"
        lines.append(_line(f"  timestamp: {_plain(inspection.timestamp)}", span))
        if inspection.timestamp_format:
            lines.append(_line(f"  format: {_quoted(inspection.timestamp_format)}", "how times are written"))
        zone = (
            "times carry a zone; windows are cut by this clock" if inspection.is_zoned else "guess: times carry no zone"
        )
        lines.append(_line("  timezone: UTC", f"{zone}; an IANA name such as America/New_York"))
    key = ", ".join(map(_plain, inspection.key))
    lines.append(_line(f"  key: [{key}]", "" if inspection.key_why == "as was said" else inspection.key_why))
    lines.append(
        _line("  replace: partition", "a file that is given again takes the place of its rows; or day, append")
    )
    return lines


def _columns(inspection: Inspection) -> list[str]:
    lines = ["columns:"]
    for title, roles in _GROUPS:
        own = [report for report in inspection.columns if report.role in roles]
        if own:
            lines += [f"  # {title}", *map(_column, own)]
    return lines


def _column(report: ColumnReport) -> str:
    parts = []
    if report.kind == "numerical" and report.digits is None:
        parts.append("decimals: all")
    elif report.kind == "numerical" and report.digits != DEFAULT_DIGITS:
        parts.append(f"digits: {report.digits}")
    if report.spelling.lower() != report.name:
        parts.append(f"source_name: {_quoted(report.spelling)}")
    value = f"{{{', '.join([f'type: {report.kind}', *parts])}}}" if parts else report.kind
    role = "" if report.role in ("feature", "ignored") else f"{report.role}; "
    why = "; ".join(filter(None, [report.why, report.digits_why]))
    return _line(f"  {_plain(report.name)}: {value}", f"{_MARK if report.is_guess else ''}{role}{why}")


def _derive(model: ModelReport | None) -> list[str]:
    if model is None or not model.positives:
        return []
    return [
        "derive:",
        *(
            _line(f"  {positive.name}: {{sql: {_quoted(positive.sql)}, type: boolean}}", "guess: which value is true")
            for positive in model.positives.values()
        ),
    ]


def _options(inspection: Inspection) -> list[str]:
    segments = ", ".join(f"[{_plain(name)}]" for name in inspection.segments)
    return [
        "# Rows that are kept out and counted:",
        '# reject: [{name: no_value, when: "amount <= 0", reason: "A row without an amount cannot be used."}]',
        "# What rows are compared by; each costs profiles of its own:",
        f"# segments: [{segments}]",
        "# Figures of your own, by window and segment:",
        '# metrics: {mean_amount: "avg(amount)"}',
    ]


def _model(inspection: Inspection, name: str) -> list[str]:
    model = inspection.model
    reference = f"reference: {_reference(inspection.reference)}"
    if model is None:
        return ["# models: none, the data alone are monitored", _line(reference, inspection.reference_why)]

    def column(spelling: str) -> str:
        positive = model.positives.get(spelling)
        return _plain(positive.name if positive else spelling)

    lines = ["models:", f"  {_plain(model.label or name)}:", _line(f"    task: {model.task}", model.task_why)]
    parts = [f"column: {_plain(model.prediction)}"] if model.prediction else []
    if model.probabilities:
        classes = ", ".join(f"{_quoted(each)}: {_plain(own)}" for each, own in model.probabilities.items())
        parts.append(f"probabilities: {{{classes}}}")
    if model.decision:
        parts.append(f"decision: {column(model.decision)}")
    if model.threshold is not None:
        parts.append(f"threshold: {model.threshold}")
    lines.append(_line(f"    predictions: {{{', '.join(parts)}}}", model.threshold_why))
    if model.label:
        known = "known when the row comes; or known_at: a column, or delay_days: 3"
        lines.append(_line(f"    label: {{column: {column(model.label)}}}", known))
    else:
        lines.append("    # label: {column: ..., known_at: ...}  or feed: without labels performance is only estimated")
    lines.append(_line(f"    {reference}", inspection.reference_why))
    windows = [windows_text(inspection.windows)]
    windows += filter(None, [_COARSER.get(inspection.windows.calendar)])
    lines.append(f"    performance_windows: [{', '.join(windows)}]")
    return lines


def _reference(reference: Span | Path) -> str:
    if isinstance(reference, Path):
        return f"{{files: {_quoted(str(reference))}}}"
    return f"{{from: {reference.first}, to: {reference.last}}}"


def _line(text: str, why: str) -> str:
    return f"{text:<{_WIDEST}}  # {_one_line(why)}" if why else text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(name: str) -> str:
    """A name, in quotes where YAML would take it for something else."""
    return name if all(_WORD.fullmatch(part) for part in _parts(name)) and name.lower() not in _TAKEN else _quoted(name)


def _parts(name: str) -> Iterable[str]:
    return name.split(" ")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
