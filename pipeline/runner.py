"""The runner: takes the steps of the pipeline in their order, each recorded in the run log.

ingest -> transform (dbt: staging, intermediate, windows) -> train -> score -> profiles (dbt) -> labels -> metrics
-> performance -> alarms -> marts (dbt).
What a step is made from stands in monitoring.ledger: while that is the same, the step has nothing to do. Called by the
command line and by the commands that are a run of their own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from psycopg import sql

from config.config_values import nearest
from config.monitored import Monitored, load_monitored
from config.settings import Settings
from core.errors import ConfigurationError, PartlyFailedError, UsageError
from core.failpoints import failpoint
from models_ml import recipes
from models_ml import store as model_store
from pipeline import dbt
from pipeline.dbt_models import write_models
from pipeline.progress import Progress, shown
from pipeline.steps import STEPS
from pipeline.steps.builds import changed_datasets
from pipeline.steps.ingest import make_raw_tables
from pipeline.steps.step import Run, Step, Watch
from pipeline.steps.train import check_models
from warehouse import database, ledger, schema_versions
from warehouse.access.roles import Role, acting_as, ensure_roles
from warehouse.ledger import STALE, Entry
from warehouse.relations import check_relations
from warehouse.runs import WHOLE_RUN, RunLog
from warehouse.runs import Step as Record
from warehouse.units import FailedUnit, Units, words_of_failures

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("runner.sql"))
_RECORDED = ("evidently", "dbt-core", "dbt-postgres", "scikit-learn", "duckdb", "pandas")
# Views that say how the warehouse is at the moment of asking; a run that fails is reported by them. dbt's tag `live`.
LIVE_VIEWS = (
    "marts.fct_alerts",
    "marts.fct_daily_volume",
    "marts.fct_heartbeats",
    "marts.fct_incident_followups",
    "marts.fct_incidents",
    "marts.fct_pipeline_runs",
    "marts.fct_test_results",
    "marts.fct_verification",
    "marts.fct_waiting_days",
)


@dataclass(frozen=True)
class Report:
    """What a run has to say; `notice` is set where generated data stands in, `failed` are models and targets."""

    run_id: int
    steps: tuple[Record, ...]
    notice: str
    failed: tuple[FailedUnit, ...] = ()

    @property
    def nothing_new(self) -> bool:
        return all(step.skipped for step in self.steps) and not self.failed


class Pipeline:
    """One run. `tell` is called with a line for a person whenever something has happened."""

    def __init__(
        self,
        settings: Settings,
        tell: Callable[[str], None],
        *,
        words: str = "",
        without: frozenset[str] = frozenset(),
        begin: Callable[[int], None] = lambda run_id: None,
        watch: Watch | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """A run of the steps.

        Args:
            words: what the run is about, in the run log; the months where it is ''.
            without: steps that are left out.
            begin: called with the run's number, under the lock, before the first step.
            watch: called with a step and its number of units; gives what is to be called after each of them.
            progress: called with a line now and then while a step is at work.
        """
        self.settings = settings
        self.monitored: Monitored = load_monitored()
        self.tell = tell
        self._words = words or settings.in_words
        self._without = without
        self._begin = begin
        self._watch: Watch = watch or (lambda what, total: lambda: None)
        self._progress = progress

    def run(self) -> Report:
        """Bring the warehouse up to date for the settings' months.

        Raises:
            PartlyFailedError: models, or the labels of targets, failed; all else is done.
            WarehouseError: a step failed; the steps before it stand, the run log says what happened.
        """
        self._check_datasets()
        schema_versions.migrate()
        with RunLog.open(WHOLE_RUN, self._words, _versions()) as run_log:
            units = Units(lambda failed: self._note(run_log, failed))
            run = Run(self.settings, self._asked(), run_log, units, self.tell, self._watch)
            units.begin("ingest")
            make_raw_tables(run)
            note = ensure_roles()
            if note:
                self.tell(f"note: {note}")
            try:
                self._prepare(run)
                self._begin(run.run_id)
                units.begin("train")
                check_models(run)
                for step in STEPS:
                    # Without any dataset left there is nothing to build or to measure.
                    if run.datasets and step.name not in self._without:
                        self._take(step, run)
                report = Report(run.run_id, tuple(run_log.steps), run.notice, tuple(units.failed))
                if report.failed:
                    error = PartlyFailedError(words_of_failures(units.failed, len(self.monitored.specs)))
                    error.report = report
                    raise error
                _finish_backfills(run.run_id)
            except BaseException:
                _bring_back_live_views(run)
                raise
            return report

    def _asked(self) -> Monitored:
        """What the run is about; what there is of other datasets stays as it is."""
        others = self.monitored.datasets.keys() - (self.settings.datasets or self.monitored.datasets.keys())
        return self.monitored.without(others, ConfigurationError("the run is not about it"))

    def _check_datasets(self) -> None:
        """Those that were asked for are there, and every one has its models."""
        if not self.monitored.of:
            none = UsageError("no dataset is monitored: `make dataset FILE=...` writes the file of one")
            raise next(iter(self.monitored.broken.values()), none)
        unknown = sorted(self.settings.datasets - self.monitored.of.keys())
        for name in unknown:
            if name in self.monitored.broken:
                raise self.monitored.broken[name]
            raise UsageError(f"DATASET '{name}' is unknown{nearest(name, self.monitored.of)}")
        for name, dataset in self.monitored.described.items():
            written = write_models(name, dataset)
            if written:
                self.tell(f"written: {len(written)} dbt models of {name} in {written[0].parent}")

    def _prepare(self, run: Run) -> None:
        """What must be true before a step begins; what is said of each model is checked by its recipe."""
        for monitoring in run.monitored.of.values():
            for model in monitoring.models.values():
                recipes.definition_sha256(model)
        model_store.mark_active(run.monitored.specs, list(run.monitored.broken))
        built = _made_from("transform")
        applied = (
            built is not None
            and built.inputs_hash != STALE
            and built.content_hash == dbt.project_hash(run.monitored)[:16]
        )
        # Those of other datasets are the program's own.
        if run.example is not None:
            name = run.example.dataset
            as_built = applied and not changed_datasets({name: dbt.dataset_hash(run.monitored, name)})
            check_relations(run.example, may_be_missing=True, may_change=not as_built)

    def _take(self, step: Step, run: Run) -> None:
        failpoint("step.before")
        run.units.begin(step.name)
        # dbt takes its own role; what its steps read beside it is the runner's.
        with run.log.step(step.name, self._words) as record, acting_as(step.role), self._shown(step, run):
            made = _take_if_stale(step, run, record)
            _settle(record, run.units, made=made)
            failpoint("step.done")
        failpoint("step.after")
        if not record.skipped:
            _analyze(step.fills)
        self.tell(_line(record))

    def _shown(self, step: Step, run: Run) -> contextlib.AbstractContextManager[None]:
        if self._progress is None:
            return contextlib.nullcontext()
        progress = Progress(step.name, step.does)
        run.watch = progress.watch
        return shown(progress, self._progress)

    def _note(self, run_log: RunLog, failed: FailedUnit) -> None:
        run_log.fail_unit(failed.step, failed.name, failed.words)
        self.tell(f"failed: {failed.name} ({failed.step}): {failed.words}")


def _take_if_stale(step: Step, run: Run, record: Record) -> bool:
    """Take a step unless it was made from the same as now; gives whether anything was made.

    While it is at work the ledger says that it is stale.
    """
    inputs = step.inputs(run)
    if inputs is None:
        return step.take(run, record, afresh=False)
    made = _made_from(step.name)
    if made is not None and made.inputs_hash == inputs.inputs_hash and made.content_hash == inputs.content_hash:
        step.end(run)
        return False
    afresh = made is not None and made.content_hash != inputs.content_hash
    # Killed while it makes all afresh, a part of it is still of what was before.
    _note_step(step.name, Entry(STALE, None if afresh else inputs.content_hash), run.run_id)
    is_made = step.take(run, record, afresh=afresh)
    step.end(run)
    after = step.inputs(run)
    if after is not None:
        _note_step(step.name, after, run.run_id)
    return is_made


def _made_from(step: str) -> Entry | None:
    with database.connect("ledger", read_only=True) as connection:
        return ledger.of_step(connection, step)


def _note_step(step: str, entry: Entry, run_id: int) -> None:
    with database.connect("ledger") as connection:
        ledger.note_step(connection, step, entry, run_id)


def _settle(record: Record, units: Units, *, made: bool) -> None:
    """A step of which a unit has failed has failed: the next run comes to it again."""
    failed = list(dict.fromkeys(one.name for one in units.failed_in(record.name)))
    record.failed, record.skipped = bool(failed), not (made or failed)
    if failed:
        record.message = "; ".join([record.message] * bool(record.message) + [f"failed: {', '.join(failed)}"])


def _finish_backfills(run_id: int) -> None:
    """A run that has ended well has computed all that was pending."""
    with acting_as(Role.MONITOR), database.connect("backfills") as connection:
        connection.execute(_QUERIES["finish_backfills"], {"run_id": run_id})


def _bring_back_live_views(run: Run) -> None:
    """Build the live views that a run which ends badly has taken away; what fails here never hides the run's error."""
    try:
        with database.connect("live views", read_only=True) as connection:
            is_gone = database.one_row(connection, _QUERIES["live_views_gone"], {"views": list(LIVE_VIEWS)})[0]
        if is_gone:
            dbt.build("--select", "tag:live", run_id=run.run_id, with_tests=False, monitored=run.monitored)
    except BaseException as error:
        log.info("the live views are not all there: %s", error)


def _analyze(tables: tuple[str, ...]) -> None:
    """As the connected user, who owns the tables: the roles may not."""
    with database.connect("analyze", autocommit=True) as connection:
        for name in tables:
            connection.execute(sql.SQL("analyze {}").format(database.relation(name)))


def _line(step: Record) -> str:
    if step.skipped:
        return f"{step.name:<11} nothing new"
    # What has failed was told as it did.
    return f"{step.name:<11} {step.rows:>10,} rows  {step.seconds:6.1f} s  {step.message}".rstrip()


def _versions() -> dict[str, str]:
    found = {}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found
