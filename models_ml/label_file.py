"""Read a file of a label feed: has it the right columns, and what does each of its records say?

A parquet or CSV file goes in; `check_feed_file` gives what it is, `records` its rows in file order, each parsed as far
as it can be, with the reason why it cannot. Nothing is written. Called by models_ml.label_feed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from config.config_values import nearest
from core.errors import BadFileError, printable
from core.files.columns import LABEL, MOMENT, NUMBER
from core.files.table_files import TableFile, open_table, pattern, reading
from models_ml.event_keys import BY_PLACE, CLASS, EventKey

BATCH_ROWS = 20_000
_WHAT = "a file of labels"
_LABEL, _OBSERVED_AT = "label", "observed_at"


def check_feed_file(
    path: Path, key: EventKey = BY_PLACE, label_names: Sequence[str] = (), *, of_classes: bool = False
) -> TableFile:
    """Say what a file holds; labels `of_classes` are texts.

    Where rows are named by a key, the label is the column `label`, else that of one of `label_names`, else the only one
    that is left; and it may say nothing of when labels were observed.

    Raises:
        SourceUnavailableError: it is not there.
        BadFileError: it cannot be read, its columns are not those of a feed, or no text of a column is valid.
    """
    value = CLASS if of_classes else LABEL if key.columns else NUMBER
    needed, optional = {**key.values, _LABEL: value}, {_OBSERVED_AT: MOMENT}
    if not key.columns:
        file = open_table(path, _WHAT, needed | optional)
    else:
        of_key = key.aliases(path, _WHAT)

        def aliases(there: Sequence[str]) -> dict[str, str]:
            named = of_key(there)
            return named | _label_column(
                path, [name for name in there if name not in {*named, *key.names}], label_names
            )

        file = open_table(path, _WHAT, needed, optional, aliases)
    for name, column in file.columns.items():
        if column.is_text and file.present[name] and not file.readable[name]:
            raise BadFileError(file.unreadable(name))
    return file


def _label_column(path: Path, others: Sequence[str], label_names: Sequence[str]) -> dict[str, str]:
    others = [name for name in others if name != _OBSERVED_AT]
    if _LABEL in others:
        return {}
    named = [name for name in label_names if name in others] or (others if len(others) == 1 else [])
    if not named:
        valid = list(dict.fromkeys([_LABEL, *label_names]))
        found = ", ".join(map(printable, others)) or "nothing beside the key"
        raise BadFileError(
            f"{path.name} has no column of labels: {' or '.join(valid)} is needed, found {found}"
            f"{nearest(others[0], valid) if others else ''}"
        )
    return {named[0]: _LABEL}


def records(file: TableFile, key: EventKey = BY_PLACE) -> Iterator[tuple[Any, ...]]:
    """The records in file order.

    Each is (line from 1, the values of the key's columns, label, microseconds from 1970, reason, then what stands in
    the file as text, in JSON). What cannot be read is None; the reason, where it is not None, says why the record is of
    no use.

    Raises:
        BadFileError: the file can no longer be read.
    """
    names = list(file.columns)
    places = {name: place for place, name in enumerate(names)}
    values = "".join(f", {file.value(name)} as v{n}, {file.text(name)} as t{n}" for n, name in enumerate(names))
    absent = " or ".join(f"t{n} is null" for n, _ in enumerate(names))
    of_key = [f"v{places[name]}" for name in key.names]
    label = f"v{places[_LABEL]}"
    observed, moment = "0", "null"
    if _OBSERVED_AT in places:
        observed = moment = f"v{places[_OBSERVED_AT]}"
    texts = ", ".join(f"'{name}', t{n}" for name, n in places.items())
    query = (
        f"select line, {', '.join(of_key)}, {label}, {moment}, "  # noqa: S608 - names of columns are letters
        f"case when {absent} then 'missing_value' when {label} is null then 'not_a_number' "
        f"when {observed} is null then 'not_a_time' "
        f"when {' or '.join(f'{each} is null' for each in of_key)} then 'not_an_event_key' end, "
        f"cast(json_object({texts}) as varchar) "
        f"from (select row_number() over () as line{values} from {file.source})"
    )
    with reading(file.path) as connection:
        result = connection.execute(query, {"path": pattern(file.path)})
        while batch := result.fetchmany(BATCH_ROWS):
            yield from batch
