"""Takes docs/front-page.png, the README's picture of the front page: `make picture`, on a warehouse with the sample.

The page is the one that `make preview` writes; Chromium draws it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from core.errors import ConfigurationError, UsageError, WarehouseError
from grafana.names import FRONT_PAGE
from grafana.preview.pages import write_pages
from warehouse import database
from warehouse.database import Connection

TARGET = Path(__file__).with_name("front-page.png")
# As far as the incidents and the evaluated days reach.
WIDTH, HEIGHT = 1400, 1665
SPEC = "green_duration_hgb"


def main() -> None:
    try:
        with database.warehouse():
            shoot(TARGET)
    except WarehouseError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    sys.stderr.write(f"written: {TARGET.name}\n")


def shoot(target: Path) -> None:
    """Write the picture.

    Raises:
        ConfigurationError: Chromium is not installed.
        UsageError: the warehouse holds something else than the sample.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise ConfigurationError("chromium was not found: install it, it draws the picture")
    with database.connect("picture", read_only=True) as connection:
        model_version = _sample_model(connection)
    with tempfile.TemporaryDirectory() as folder:
        write_pages(Path(folder), model=model_version)
        options = ("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-sandbox")
        subprocess.run(  # noqa: S603 - the browser that was found, on a page of the project's own
            [
                browser,
                *options,
                "--hide-scrollbars",
                f"--user-data-dir={folder}/browser",
                "--virtual-time-budget=15000",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={target}",
                f"file://{folder}/{FRONT_PAGE}.html",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ,
        )


def _sample_model(connection: Connection) -> str:
    row = connection.execute(
        "select model_version from marts.dim_models where model_spec = %s and origin = 'sample' order by train_month",
        [SPEC],
    ).fetchone()
    if row is None:
        raise UsageError("the picture is of the sample: run `make pipeline SOURCE=sample` in an empty warehouse first")
    return str(row[0])


if __name__ == "__main__":
    main()
