"""The parquet files that the benchmark reads: generated months, and a large month made of a small one.

A process of its own, so that the memory it takes is never counted as that of what is measured.

    python -m benchmarks.input_files sample FOLDER 2022-01 2022-02    into FOLDER/v1, as the pipeline names it
    python -m benchmarks.input_files large MONTH.parquet 2022-01 1000000 TARGET.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from config.months import Month


def write_large_month(source: Path, month: Month, rows: int, target: Path) -> None:
    """Repeat the month's trips until there are `rows` of them, in row groups of pyarrow's default size.

    Trips outside the month are left out, everything else stays as delivered, the schema included.
    """
    trips = pq.read_table(source)
    pickup = trips["lpep_pickup_datetime"]
    begin, end = (pa.scalar(day, pa.date32()).cast(pickup.type) for day in (month.first_day, month.next.first_day))
    trips = trips.filter(pc.and_(pc.greater_equal(pickup, begin), pc.less(pickup, end)))
    times = -(-rows // trips.num_rows)
    pq.write_table(pa.concat_tables([trips] * times).slice(0, rows), target, compression="zstd")


def write_sample_months(folder: Path, months: list[Month]) -> None:
    """Generate months into a folder of the generator's version, where the pipeline looks for them."""
    from ingest.tlc.sample import GENERATOR_VERSION, write_sample
    from ingest.tlc.sources import file_name

    for month in months:
        path = folder / f"v{GENERATOR_VERSION}" / file_name(month)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sample(month, path)


def main(arguments: list[str]) -> None:
    """Write the files that the command line asks for."""
    task, path = arguments[0], Path(arguments[1])
    if task == "sample":
        write_sample_months(path, [Month.parse(text) for text in arguments[2:]])
    else:
        write_large_month(path, Month.parse(arguments[2]), int(arguments[3]), Path(arguments[4]))


if __name__ == "__main__":
    main(sys.argv[1:])
