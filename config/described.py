"""What is monitored of a column whose values are not compared themselves: of a time its hour, weekday and age, of a
text its length, words and whether it is empty.

Called by config.dataset_monitoring and pipeline.dbt_vars, which make derived columns of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.datasets import Dataset

# The column that every accepted row has beside those of its source: when it was, by the dataset's clock.
EVENT_TIME = "event_at"
_LONGEST_NAME = 63
# By the type of a column, what each description is called, its type, and its SQL of the quoted name.
_DESCRIPTIONS = {
    "datetime": (
        ("hour", "numerical", "extract(hour from {column})"),
        ("weekday", "categorical", "to_char({column}, 'Dy')"),
        ("age_days", "numerical", "extract(epoch from " + EVENT_TIME + " - {column}) / 86400.0"),
    ),
    "text": (
        ("length", "numerical", "char_length({column})"),
        ("words", "numerical", "cardinality(regexp_split_to_array(nullif(btrim({column}), ''), '\\s+'))"),
        ("empty", "categorical", "btrim({column}) = ''"),
    ),
}


@dataclass(frozen=True)
class Description:
    """A derived column that describes another one; `type` is numerical or categorical."""

    name: str
    type: str
    sql: str


def descriptions(dataset: Dataset) -> dict[str, tuple[Description, ...]]:
    """By column, what is monitored of it in its place; names that are taken are left out."""
    found: dict[str, tuple[Description, ...]] = {}
    for column, spec in dataset.columns.items():
        if spec.type in _DESCRIPTIONS and column not in dataset.role_columns:
            named = [(f"{column}_{name}", kind, sql) for name, kind, sql in _DESCRIPTIONS[spec.type]]
            found[column] = tuple(
                Description(name, kind, sql.format(column=f'"{column}"'))
                for name, kind, sql in named
                if len(name) <= _LONGEST_NAME and name not in dataset.column_names
            )
    return found
