"""What tests of labels and of loaded predictions share: a small shop, and a model of somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import drop_database, make_database
from tests.labels import make_shop
from tests.monitoring import configured_by
from tests.predictions import write_model
from tests.runs import rows
from warehouse import database
from warehouse.database import Connection
from warehouse.server import embedded


@pytest.fixture(scope="module")
def shop_database(server: embedded.Address, empty_template: str) -> Iterator[str]:
    name = make_database(server, empty_template)
    yield name
    drop_database(server, name)


@pytest.fixture
def shop(shop_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A small warehouse without labels, made anew."""
    monkeypatch.setenv("PGDATABASE", shop_database)
    with database.warehouse(), database.connect("test", autocommit=True) as connection:
        make_shop(connection)
        yield connection


@pytest.fixture
def monitoring_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's own files with the loaded model beside theirs."""
    write_model(tmp_path)
    for name, value in configured_by(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def trips(monitored_warehouse: Connection, monitoring_folder: Path) -> pd.DataFrame:
    """Every fifth accepted trip of both months, with a prediction of its own."""
    found = rows(
        monitored_warehouse,
        "select source_month, source_row, window_date from intermediate.green_trips_accepted "
        "where source_row %% 5 = 0 order by 1, 2",
    )
    frame = pd.DataFrame(found, columns=["source_month", "source_row", "window_date"])
    return frame.assign(prediction=np.linspace(0, 1, len(frame)))
