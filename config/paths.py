"""Where things lie: the project, the state folder, the file that says what is monitored."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT_DIR = ROOT / "dbt_project"
DEFAULT_REPORT_DIR = "reports"
DEFAULT_STATE_DIR = ".local"
_MONITORING_FILE = "WAREHOUSE_MONITORING_FILE"


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
    """The file that says what is monitored; relative to the project, whoever names another one."""
    return ROOT / Path(os.environ.get(_MONITORING_FILE) or "monitoring.yml").expanduser()


def use_monitoring_file(path: str) -> None:
    """From now on, and in processes that this one starts, another file says what is monitored."""
    os.environ[_MONITORING_FILE] = path
