"""What the tests of labels share: the shop, a small warehouse that is made anew for each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import drop_database, make_database
from tests.labels import make_shop
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
