"""Values of files as a raw table has them: known texts and typed values give known ones, or are bad."""

from __future__ import annotations

from typing import Any

import pytest

from config.datasets import ColumnKind
from core.files.table_files import connect
from ingest.datasets.raw_columns import RawColumn
from ingest.datasets.values import Clock, value_of, window_of
from ingest.files.table import Field

BERLIN = Clock("Europe/Berlin")
BAD = object()


def read(
    literal: str, kind: ColumnKind, clock: Clock = BERLIN, *, is_csv: bool = True, is_version: bool = False
) -> Any:
    """What becomes of an SQL literal in a column of a kind."""
    with connect() as connection:
        (described,) = connection.execute(f"describe select {literal} as x").fetchall()
        value = value_of(
            Field("x", "x", '"x"', str(described[1])),
            RawColumn("x", kind, is_version=is_version),
            clock,
            is_event_time=True,
            is_csv=is_csv,
        )
        result, is_bad = connection.execute(
            f"select {value.sql}, {value.is_bad} from (select {literal} as x)"
        ).fetchall()[0]
    assert not is_bad or result is None or kind in ("categorical", "text")
    return BAD if is_bad else str(result) if kind == "datetime" and result is not None else result


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("' 5.5 '", 5.5),
        ("'1e3'", 1000.0),
        ("'inf'", float("inf")),
        ("'NaN'", None),
        ("'n/a'", None),
        ("''", None),
        ("cast(null as varchar)", None),
        ("'1_000'", BAD),
        ("'5,5'", BAD),
        ("'five'", BAD),
        ("5", 5.0),
        ("cast(5.25 as decimal(9, 2))", 5.25),
        ("cast('nan' as double)", None),
        ("true", 1.0),
        ("date '2022-01-01'", BAD),
        ("""cast('"7"' as json)""", 7.0),
    ],
)
def test_numbers(literal: str, expected: object) -> None:
    assert read(literal, "numerical") == expected


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        *((f"'{text}'", True) for text in ("true", "TRUE", "t", "yes", "1", "1.0")),
        *((f"'{text}'", False) for text in ("False", "f", "no", "0", "0.0")),
        ("1.0", True),
        ("0", False),
        ("cast(1 as double)", True),
        ("'NA'", None),
        ("'2'", BAD),
        ("0.5", BAD),
        ("'maybe'", BAD),
    ],
)
def test_booleans(literal: str, expected: object) -> None:
    assert read(literal, "boolean") == expected


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("5.0::double", "5"),
        ("2.5::double", "2.5"),
        ("-0.0::double", "0"),
        ("1e20::double", "1e+20"),
        ("cast('nan' as double)", None),
        ("5", "5"),
        ("true", "true"),
        ("'5.0'", "5"),
        ("'-5.00'", "-5"),
        ("'True'", "true"),
        ("'NA'", "NA"),
        ("' 20K '", "20K"),
        ("' '", None),
        ("'a' || chr(0)", BAD),
    ],
)
def test_categories(literal: str, expected: object) -> None:
    assert read(literal, "categorical") == expected


def test_texts_keep_what_is_written() -> None:
    assert read("'5.0'", "text") == read("'5.0'", "categorical", is_version=True) == "5.0"
    assert read("'True'", "categorical", is_csv=False) == "True"


@pytest.mark.parametrize(
    ("literal", "form", "expected"),
    [
        ("'2022-07-01 10:00'", None, "2022-07-01 10:00:00"),
        ("'2022-07-01T10:00:00Z'", None, "2022-07-01 12:00:00"),
        ("'2022-07-01 10:00:00+00'", None, "2022-07-01 12:00:00"),
        ("'2022-07-01 10:00:00 America/New_York'", None, "2022-07-01 16:00:00"),
        ("'2022-07-01'", None, "2022-07-01 00:00:00"),
        ("timestamp '2022-07-01 10:00'", None, "2022-07-01 10:00:00"),
        ("timestamptz '2022-07-01 10:00+00'", None, "2022-07-01 12:00:00"),
        ("date '2022-07-01'", None, "2022-07-01 00:00:00"),
        ("'NaT'", None, None),
        ("'2022-02-30'", None, BAD),
        ("'infinity'", None, BAD),
        ("20220701", None, BAD),
        ("1656662400", "epoch_s", "2022-07-01 10:00:00"),
        ("'1656662400250'", "epoch_ms", "2022-07-01 10:00:00.250000"),
        ("1e300::double", "epoch_s", BAD),
        ("20220701", "%Y%m%d", "2022-07-01 00:00:00"),
        ("'01.07.2022 10:00'", "%d.%m.%Y %H:%M", "2022-07-01 10:00:00"),
        ("'01.07.2022 +0000'", "%d.%m.%Y %z", "2022-07-01 02:00:00"),
        ("'2022-07-01'", "%d.%m.%Y", BAD),
        ("timestamp '2022-07-01 10:00'", "%d.%m.%Y", "2022-07-01 10:00:00"),
    ],
)
def test_times(literal: str, form: str | None, expected: object) -> None:
    assert read(literal, "datetime", Clock("Europe/Berlin", form)) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("'2015'", "ignored", "2015-01-01"),
        ("2015::double", "numerical", "2015-01-01"),
        ("'2015-05-04'", "ignored", "2015-05-04"),
        ("timestamp '2015-05-04 10:00'", "datetime", "2015-05-04"),
        ("'999'", "ignored", "None"),
        ("2015.5::double", "numerical", "None"),
        ("'MMXV'", "categorical", "None"),
    ],
)
def test_windows_of_a_column(value: str, kind: ColumnKind, expected: str) -> None:
    with connect() as connection:
        (row,) = connection.execute(f"select {window_of(value, RawColumn('x', kind))}").fetchall()
    assert str(row[0]) == expected
