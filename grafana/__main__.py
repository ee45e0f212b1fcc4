"""Write the generated files: `make dashboards`."""

from __future__ import annotations

import sys

from grafana.generate import generated_files
from grafana.house import make_house
from pipeline import typed
from pipeline.console import settle, tell, tell_error
from pipeline.errors import WarehouseError
from pipeline.settings import ROOT


def main() -> None:
    """Write what differs from what is there, and say so; an expected error is one line."""
    settle()
    try:
        typed.options("dashboards")
        files = generated_files(make_house())
    except WarehouseError as error:
        tell_error(str(error))
        sys.exit(error.exit_code)
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        tell(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
