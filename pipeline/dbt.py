"""Run dbt inside this process, against the warehouse that the libpq variables name.

The only module that runs dbt. It runs as the role transformer, and without the DBT_* variables of the environment:
they would change what a run builds. dbt writes its own log file; a person sees nothing of it unless something fails,
and then the failing nodes with what to do. What every node came to is kept in monitoring.dbt_results. A build is good
when every node that its selection names has come out well; that nothing failed is not enough.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from config.monitored import Monitored, load_monitored
from config.paths import DBT_PROJECT_DIR, IS_CHECKOUT, dataset_models_dir, state_dir
from config.secrets_in_use import without_secrets
from core.errors import DbtError, UsageError
from core.failpoints import failpoint, is_asked
from pipeline import dbt_vars
from pipeline.dbt_models import project_dir
from warehouse import database
from warehouse.access.roles import Role, acting_as

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("dbt.sql"))
_SOURCES = ("*.sql", "*.yml", "*.csv", "*.md")
_FAILED = {"error", "fail", "runtime error"}
_WELL = {"success", "pass", "warn"}
_SHOWN = 10
_DATASETS = DBT_PROJECT_DIR / "models" / "datasets"
_BUILT = ("models", "macros", "seeds", "tests")
# Of each dataset, what the models of all datasets read.
_READ_OF_ALL = ("accepted", "scored", "windows", "rejections", "profiled_windows", "profiles")


def project_hash(monitored: Monitored) -> str:
    """Hash of everything that decides what dbt builds for all datasets; another hash asks for a full refresh."""
    digest = hashlib.sha256((DBT_PROJECT_DIR / "dbt_project.yml").read_bytes())
    digest.update(_as_text(dbt_vars.settings(monitored.rules)).encode())
    for folder in _BUILT:
        digest.update(_hash_of_files(DBT_PROJECT_DIR / folder).encode())
    return digest.hexdigest()


def dataset_hash(monitored: Monitored, name: str) -> str:
    """Hash of what decides how a dataset's rows are cleaned; another one asks for its full refresh."""
    own = dataset_models_dir() / name
    files = _hash_of_files(own if own.is_dir() else _DATASETS / name)
    return hashlib.sha256((files + _as_text(dbt_vars.cleaning(monitored)[name])).encode()).hexdigest()


def _hash_of_files(folder: Path) -> str:
    """Of the project's files in a folder; above those of datasets, without them."""
    digest = hashlib.sha256()
    for path in sorted(file for pattern in _SOURCES for file in folder.rglob(pattern)):
        if folder.is_relative_to(_DATASETS) or not path.is_relative_to(_DATASETS):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _as_text(variables: dbt_vars.Variables) -> str:
    return json.dumps(variables, sort_keys=True)


def _variables(monitored: Monitored) -> dbt_vars.Variables:
    """What the project is told; datasets that cannot be used stay as they are, as far as they were ever built."""
    return dbt_vars.variables(monitored, [name for name in monitored.broken if _is_built(name)])


def _is_built(dataset: str) -> bool:
    with database.connect("datasets", read_only=True) as connection:
        relations = [f"intermediate.{dataset}_{part}" for part in _READ_OF_ALL]
        return bool(database.one_row(connection, _QUERIES["are_built"], {"relations": relations})[0])


def _project(variables: dbt_vars.Variables) -> list[str]:
    folder = str(project_dir())
    return ["--project-dir", folder, "--profiles-dir", folder, "--vars", _as_text(variables)]


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Inside this block dbt finds nothing of the user's dbt settings in the environment; its telemetry is off."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("DBT_")}
    for name in kept:
        del os.environ[name]
    try:
        with database.environment({"DO_NOT_TRACK": "1"}):
            yield
    finally:
        os.environ.update(kept)


def build(*arguments: str, run_id: int | None, with_tests: bool = True, monitored: Monitored | None = None) -> int:
    """`dbt build` with these arguments; gives the number of rows that models and seeds report.

    Args:
        arguments: a selection, as typed after `dbt build`.
        run_id: the pipeline run that it is a part of; None where it is of none.
        with_tests: whether the tests of what is selected are run, too.
        monitored: what is monitored; None: what the files in use say.

    Raises:
        DbtError: a model failed, a test found something, or a node that the selection names was not built; names the
            nodes. Nothing is selected.
    """
    with _undisturbed():
        return _build(list(arguments), run_id, with_tests, monitored or load_monitored())


def _build(arguments: list[str], run_id: int | None, with_tests: bool, monitored: Monitored) -> int:
    # dbt takes 2.4 s to import, and importing dbt_sessions changes it.
    from dbt.cli.main import dbtRunner

    from pipeline import dbt_sessions

    quiet = [
        "--log-level",
        "none",
        "--log-level-file",
        "debug",
        "--log-path",
        str(state_dir() / "logs"),
        "--no-version-check",
        # manifest.json and its kin, which nobody reads here, are a tenth of a build's time.
        "--no-write-json",
    ]
    # What dbt has parsed lies beside the warehouse: two of them may work at the same time.
    quiet += ["--target-path", str(state_dir() / "dbt")]
    # The project's unit tests belong to `make test`; a pipeline run tests the data.
    types = ["--exclude-resource-type", "unit_test", "--indirect-selection", "eager"]
    types += [] if with_tests else ["--exclude-resource-type", "test"]
    failpoint("dbt.before_build")
    dbt_sessions.forget_refusals()
    callbacks = [_pass_by] if is_asked() else []
    with acting_as(Role.TRANSFORMER):
        manifest = _parsed(monitored, quiet)
        _forget_compiled(manifest)
        runner = dbtRunner(manifest=manifest, callbacks=callbacks)
        result = runner.invoke(["build", *_project(_variables(monitored)), *quiet, *types, *arguments])
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    if result.exception is not None:
        reason = " ".join(f"{type(result.exception).__name__}: {result.exception}".split())
        raise _failure(f"dbt could not run: {reason}. Its log is {state_dir() / 'logs' / 'dbt.log'}")
    nodes = list(result.result or [])
    _keep_results(nodes, run_id)
    failpoint("dbt.after_build")
    lines = [f"  {node.node.name}: {_words(node)}" for node in nodes if str(node.status) in _FAILED]
    left_out = _left_out(manifest, nodes, with_tests)
    if left_out and not lines:
        lines = [f"  {name}: {why}" for name, why in left_out.items()]
    if not nodes and not lines:
        lines = [f"  nothing is selected by {' '.join(arguments)!r}, something has to be"]
    if lines or not result.success:
        lines, more = lines[:_SHOWN], lines[_SHOWN:]
        lines += [f"  and {len(more)} more"] if more else []
        failed = [node.node for node in nodes if str(node.status) in _FAILED]
        raise _failure(
            "dbt build failed; later steps were not run.\n"
            + "\n".join(lines)
            + "\nLook at the failing rows with `make dbt ARGS='test --store-failures'`; "
            + f"dbt's log is {state_dir() / 'logs' / 'dbt.log'}",
            {_dataset_of(node) for node in failed},
        )
    return sum(max(0, int(node.adapter_response.get("rows_affected", 0))) for node in nodes)


def _dataset_of(node: Any) -> str:
    """The dataset whose own model or test a node is; '' for what is about all of them."""
    about = getattr(node, "attached_node", None) or node.unique_id
    path = list(node.fqn)
    return str(path[2]) if len(path) > 3 and path[1] == "datasets" and about else ""


def _words(result: Any) -> str:
    return " ".join(str(result.message).split())


def _left_out(manifest: Any, results: list[Any], with_tests: bool) -> dict[str, str]:
    """What the selection of the build that has just ended names and what has not come out well: name and why.

    The selection is made of the manifest once more, whatever kinds of nodes the build itself has looked at.
    """
    from dbt.artifacts.resources.types import NodeType
    from dbt.compilation import Linker
    from dbt.flags import get_flags
    from dbt.graph import Graph, ResourceTypeSelector, parse_difference

    if manifest is None:
        return {}
    linker = Linker()
    linker.link_graph(manifest)
    types = [NodeType.Model, NodeType.Seed, NodeType.Snapshot] + ([NodeType.Test] if with_tests else [])
    selector = ResourceTypeSelector(Graph(linker.graph), manifest, previous_state=None, resource_types=types)
    wanted = selector.get_selected(parse_difference(get_flags().SELECT, get_flags().EXCLUDE))
    came_to = {result.node.unique_id: result for result in results}
    found = {}
    for node_id in sorted(wanted):
        # What is ephemeral is a part of what reads it.
        if manifest.nodes[node_id].is_ephemeral:
            continue
        result = came_to.get(node_id)
        if result is None:
            found[manifest.nodes[node_id].name] = "is selected, but dbt has not built it"
        elif str(result.status) not in _WELL:
            found[result.node.name] = f"{result.status} {_words(result)}".strip()
    return found


def _failure(text: str, datasets: Collection[str] = ()) -> DbtError:
    """dbt's failure with what the server answered, which dbt itself tells in the server's words only."""
    from pipeline import dbt_sessions

    error = DbtError(text)
    error.datasets = frozenset(datasets)
    error.sqlstates = dbt_sessions.refusals()
    return error


# What this process has parsed last, and of what: dbt would read the whole project again for every build.
_manifest: tuple[tuple[str, ...], Any] | None = None


def _parsed(monitored: Monitored, quiet: list[str]) -> Any:
    """dbt's manifest of the project as it is now; None where it cannot be parsed, which the build itself then says."""
    global _manifest
    from dbt.cli.main import dbtRunner

    project = _project(_variables(monitored))
    # Relations are named with their database, and a test's project may lie elsewhere.
    parts = [project_hash(monitored), *(dataset_hash(monitored, name) for name in monitored.datasets)]
    key = (hashlib.sha256("".join(parts).encode()).hexdigest(), *project, os.environ.get("PGDATABASE", ""))
    if _manifest is None or _manifest[0] != key:
        # What dbt has kept of parsing another project can hide what a changed macro has come to depend on. Other
        # variables it sees itself, and parses all again: 4.6 s in place of 0.5.
        kept_of = state_dir() / "dbt" / "project_hash"
        is_same = kept_of.exists() and kept_of.read_text(encoding="utf-8") == key[0]
        again = [] if is_same else ["--no-partial-parse"]
        parsed = dbtRunner().invoke(["parse", *project, *quiet, *again])
        _manifest = (key, parsed.result) if parsed.success else None
        if parsed.success:
            kept_of.parent.mkdir(parents=True, exist_ok=True)
            kept_of.write_text(key[0], encoding="utf-8")
    return _manifest[1] if _manifest else None


def _forget_compiled(manifest: Any) -> None:
    """Of a model that an earlier build of this process has compiled, dbt would leave out what is ephemeral in it."""
    for node in manifest.nodes.values() if manifest else ():
        if getattr(node, "extra_ctes_injected", False):
            node.extra_ctes_injected, node.extra_ctes = False, []


def changes_tables(arguments: list[str]) -> bool:
    """Whether a dbt command as typed can write to the warehouse's tables."""
    return bool(
        {"build", "run", "seed", "snapshot", "retry", "clone", "run-operation", "--store-failures"} & set(arguments)
    )


def run(arguments: list[str]) -> str | None:
    """Any dbt command as typed, with its output on the terminal; where it failed, the names of what failed."""
    with _undisturbed():
        from dbt.artifacts.schemas.run import RunExecutionResult
        from dbt.cli.main import dbtRunner

        from pipeline import dbt_sessions

    variables, arguments = typed_variables(arguments)
    project = _project(_variables(load_monitored()) | variables)
    dbt_sessions.forget_refusals()
    # An installed project is only read; in a checkout dbt's target folder is where its users look for it.
    written = {} if IS_CHECKOUT else {"DBT_TARGET_PATH": str(state_dir() / "dbt_target")}
    with _undisturbed(), database.environment(written), acting_as(Role.TRANSFORMER):
        result = dbtRunner().invoke([*arguments, *project, "--log-path", str(state_dir() / "logs")])
    if result.exception is not None:
        raise _failure(f"dbt could not run: {' '.join(str(result.exception).split())}")
    nodes = list(result.result) if isinstance(result.result, RunExecutionResult) else []
    if isinstance(result.result, RunExecutionResult):
        _keep_results(nodes, run_id=None)
    return None if result.success else ", ".join(node.node.name for node in nodes if str(node.status) in _FAILED)


def typed_variables(arguments: list[str]) -> tuple[dbt_vars.Variables, list[str]]:
    """The variables that are typed with the command, and the rest of it: of two --vars dbt would forget the first.

    Raises:
        UsageError: they are no YAML of names and values.
    """
    from dbt.config.utils import parse_cli_yaml_string
    from dbt_common.exceptions import DbtBaseException

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--vars", default="{}")
    typed, rest = parser.parse_known_args(arguments)
    try:
        return parse_cli_yaml_string(typed.vars, "vars"), rest
    except DbtBaseException as error:
        raise UsageError(
            "what is typed after --vars has to be names with values, such as '{alert_min_rows: 100}'"
        ) from error


def _keep_results(results: list[Any], run_id: int | None) -> None:
    """Store what each node came to in the invocation of dbt that has just ended."""
    from dbt_common.invocation import get_invocation_id

    rows = [
        (
            get_invocation_id(),
            one.node.unique_id,
            one.node.name,
            str(one.node.resource_type),
            _subject(one.node),
            str(one.status),
            one.failures,
            float(one.execution_time),
            without_secrets(" ".join(str(one.message or "").split()))[:2000],
            run_id,
        )
        for one in results
    ]
    with database.connect("dbt results") as connection, connection.cursor() as cursor:
        with cursor.copy(_QUERIES["copy_results"]) as copy:
            for row in rows:
                copy.write_row(row)
        failpoint("dbt.results_copied")
        cursor.execute(_QUERIES["forget_old_results"])


def _pass_by(event: Any) -> None:
    """The failpoints inside dbt, which tells what it does."""
    if event.info.name == "NodeStart":
        failpoint("dbt.node_started")
    elif event.info.name == "NodeFinished":
        failpoint("dbt.node_finished")
    elif event.info.name == "SQLQuery" and "__dbt_backup" in event.data.sql:
        failpoint("dbt.swap")


def _subject(node: Any) -> str:
    """The model, seed or source that a node is about, by its name."""
    about = getattr(node, "attached_node", None) or next(iter(node.depends_on_nodes), None)
    is_test = str(node.resource_type) in {"test", "unit_test"}
    return str(about).rsplit(".", maxsplit=1)[-1] if is_test and about else str(node.name)
