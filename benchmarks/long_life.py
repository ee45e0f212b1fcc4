"""`make bench-life`: what one changed day costs in a warehouse of a year, beside one of a month, step by step.

Two warehouses are built of the same training month: one monitors the month after it, the other the eleven months
after it. Then the last day of each is changed (a corrected file of its month) and the pipeline runs, in turn, so that
what else the machine does falls on both. Real months are taken from TLC_DATA_DIR or data/raw, else generated. Goes to
stdout and to benchmarks/long_life.md.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks import processes
from benchmarks.run import table
from config.months import Month
from config.paths import ROOT

RESULTS = Path(__file__).with_name("long_life.md")
TRAIN_MONTH, SHORT, LONG = Month(2022, 1), Month(2022, 2), Month(2022, 12)
ROUNDS = 3
LIMIT = 1.3
_STEPS = """
select step, extract(epoch from finished_at - started_at) as seconds
from monitoring.runs where run_id = (select max(run_id) from monitoring.runs) order by started_at
"""


@dataclass(frozen=True)
class Warehouse:
    """A warehouse that monitors the months from SHORT to `last`, with the folder of its files."""

    last: Month
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "files" / f"green_tripdata_{self.last}.parquet"

    @property
    def variables(self) -> dict[str, str]:
        return {"WAREHOUSE_STATE_DIR": str(self.folder / "state")}

    def run(self) -> dict[str, float]:
        """One run of the pipeline: seconds by step."""
        options = {"train-month": TRAIN_MONTH, "months": f"{SHORT}..{self.last}", "source": "local"}
        words = [f"--{name}={value}" for name, value in options.items()]
        folder = self.folder / "files"
        processes.run("pipeline", "run", *words, f"--data-dir={folder}", environment=self.variables)
        told = processes.run("pipeline", "sql", _STEPS, environment=self.variables).output
        return {row["step"]: float(row["seconds"]) for row in csv.DictReader(io.StringIO(told))}


def make_warehouse(folder: Path, last: Month, months: Path | None) -> Warehouse:
    """A warehouse with its files, not yet run."""
    warehouse = Warehouse(last, folder)
    warehouse.file.parent.mkdir(parents=True)
    month = TRAIN_MONTH
    while month <= last:
        path = warehouse.file.parent / f"green_tripdata_{month}.parquet"
        if months is None:
            from ingest.tlc.sample import write_sample

            write_sample(month, path)
        else:
            shutil.copyfile(months / path.name, path)
        month = month.next
    return warehouse


def change_last_day(path: Path, cents: int) -> None:
    """Every fare of the month's last day is so many cents more."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    trips = pq.read_table(path)
    days = pc.strftime(trips["lpep_pickup_datetime"], format="%Y-%m-%d")
    is_last = pc.equal(days, str(Month.parse(path.stem[-7:]).last_day))
    fares = pc.if_else(is_last, pc.add(trips["fare_amount"], cents / 100), trips["fare_amount"])
    place = trips.column_names.index("fare_amount")
    pq.write_table(trips.set_column(place, trips.schema.field(place), fares), path)


def _months() -> Path | None:
    folder = ROOT / (os.environ.get("TLC_DATA_DIR") or "data/raw")
    month = TRAIN_MONTH
    while month <= LONG:
        if not (folder / f"green_tripdata_{month}.parquet").exists():
            return None
        month = month.next
    return folder


def _rows(short: list[dict[str, float]], long: list[dict[str, float]]) -> list[list[str]]:
    rows = []
    for step in short[0]:
        one, twelve = (median(run[step] for run in runs) for runs in (short, long))
        # Under a tenth of a second both are the time of asking what is new.
        ratio = twelve / one if max(one, twelve) > 0.1 else 1.0
        name = "all of it" if step == "pipeline" else step
        rows.append([name, f"{one:.1f}", f"{twelve:.1f}", f"{ratio:.2f}x", "met" if ratio <= LIMIT else "missed"])
    return rows


def main() -> None:
    """Measure, print, write benchmarks/long_life.md."""
    processes.scrub()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.perf_counter()
    months = _months()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        warehouses = [make_warehouse(Path(name) / str(last), last, months) for last in (SHORT, LONG)]
        seconds: dict[Month, list[dict[str, float]]] = {warehouse.last: [] for warehouse in warehouses}
        try:
            for warehouse in warehouses:
                print(f"building the warehouse until {warehouse.last}", file=sys.stderr, flush=True)
                warehouse.run()
            for number in range(1, ROUNDS + 1):
                print(f"round {number} of {ROUNDS}: the last day changes", file=sys.stderr, flush=True)
                for warehouse in warehouses:
                    change_last_day(warehouse.file, 1)
                    seconds[warehouse.last].append(warehouse.run())
        finally:
            for warehouse in warehouses:
                processes.stop_server(warehouse.folder / "state")
    header = ["step", "one month, s", "twelve months, s", "ratio", f"at most {LIMIT}x"]
    text = f"""# One changed day in a month and in a year

- Command: `make bench-life`, {datetime.now(UTC):%Y-%m-%d}, {(time.perf_counter() - started) / 60:.0f} minutes
- Data: {"as issued by TLC" if months else "generated sample"}, trained on {TRAIN_MONTH}
- Monitored: {SHORT}, and {SHORT} to {LONG}
- The change: every fare of the last day is a cent more, delivered as a corrected file of its month
- Medians of {ROUNDS} turns taken alternately

{table(header, _rows(seconds[SHORT], seconds[LONG]))}"""
    RESULTS.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except processes.FailedError as error:
        sys.exit(f"error: {error}")
