"""Where things lie: the program's own files, the project of whoever runs it, its state folder, its monitoring.yml.

In a checkout the program and the project are one folder, from wherever a command is typed. An installed program's
project is the folder that one stands in; its own files are read there where it is installed, and never written.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (PACKAGE_DIR / "pyproject.toml").is_file()
ROOT = PACKAGE_DIR if IS_CHECKOUT else Path.cwd()
DBT_PROJECT_DIR = PACKAGE_DIR / "dbt_project"
# The worked example's, in the package as well as in a checkout.
EXAMPLE_FILE = PACKAGE_DIR / "config" / "green_trips.yml"
DASHBOARDS_DIR = PACKAGE_DIR / "grafana" / "dashboards"
DEFAULT_REPORT_DIR = "reports"
DEFAULT_STATE_DIR = ".local"
_MONITORING_FILE = "WAREHOUSE_MONITORING_FILE"
_DATASETS_DIR = "WAREHOUSE_DATASETS_DIR"


def user_name() -> str:
    """Who runs this, as the machine calls them; the bare number of a user that it has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def state_dir() -> Path:
    """Folder of everything the project keeps beside the database: server, models, sample months."""
    return Path(os.environ.get("WAREHOUSE_STATE_DIR") or ROOT / DEFAULT_STATE_DIR).absolute()


def monitoring_file() -> Path:
    """The file that says what is monitored: the one that was named, the project's, else that of the package.

    A name is relative to the project, whoever gives it.
    """
    named = os.environ.get(_MONITORING_FILE)
    path = ROOT / Path(named or "monitoring.yml").expanduser()
    return path if named or IS_CHECKOUT or path.exists() else PACKAGE_DIR / "config" / "monitoring.yml"


def datasets_dir() -> Path:
    """The folder of datasets, one file each: the one that was named, else the project's."""
    return ROOT / Path(os.environ.get(_DATASETS_DIR) or "datasets").expanduser()


def dataset_models_dir() -> Path:
    """The folder of the datasets' dbt models, a folder each: in the dbt project beside the folder of datasets."""
    return datasets_dir().parent / "dbt_project" / "models" / "datasets"


def use_monitoring_file(path: str) -> None:
    """From now on, and in processes that this one starts, another file says what is monitored."""
    os.environ[_MONITORING_FILE] = path
