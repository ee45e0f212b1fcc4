"""What a message can advise a person to do, in words that hold wherever the program runs.

Used in messages by all floors. Only the command line knows what is typed for it, and puts that in their place.
"""

from __future__ import annotations

from enum import StrEnum


class Advice(StrEnum):
    """Words of advice; values that belong to it may follow in brackets: `choose the source (source=tlc)`."""

    UPDATE = "bring the warehouse up to date"
    EMPTY = "empty the warehouse"
    EXAMINE = "examine the installation"
    INSTALL = "install what is missing"
    START_SERVICES = "start the services"
    REMOVE_SERVICES = "remove the services and their data"
    KEEP_SERVER = "keep the embedded server running"
    STOP_SERVER = "stop the embedded server"
    WRITE_DASHBOARDS = "write the dashboards again"
    SAVE_DASHBOARD = "save the dashboard"
    LOAD_PREDICTIONS = "load their predictions"
    LOAD_LABELS = "load labels that have arrived"
    LIST_ALERTS = "list the open alerts"
    ACKNOWLEDGE = "acknowledge the incident"
    QUERY = "query the warehouse with"
    REPORT = "write Evidently's report"
    VERIFY = "verify a month"
    BEAT = "start a heartbeat"
    NAME_DATA_FOLDER = "name another data folder"
    NAME_REPORT_FOLDER = "name another folder for pages"
    NAME_TRAIN_MONTH = "name another month to train on"
    NAME_ADDRESS = "name its address"
    NAME_TARGET = "name the target"
    CHOOSE_SOURCE = "choose the source"
    RELOAD = "reload the month"
