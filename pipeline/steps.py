"""The conductor: the steps of the pipeline in their order, each recorded in the run log.

ingest -> transform (dbt: staging, intermediate, windows) -> train -> score -> profiles (dbt) -> labels -> metrics
-> performance -> alarms -> marts (dbt).
Every step first asks what is new; a step with nothing to do is skipped. Called by pipeline.cli.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import Monitoring
from config.monitoring_file import load_monitoring
from config.months import Month
from config.settings import Settings
from core.errors import ModelError, PartlyFailedError
from core.failpoints import failpoint
from core.files.columns import shortened
from ingest import load, sources
from models_ml import labels, recipes, score, train
from models_ml import load as predictions
from models_ml import store as model_store
from models_ml.load import LoadedVersion
from models_ml.store import StoredModel
from pipeline import console, dbt, step_inputs
from pipeline.progress import Progress, shown
from python_metrics import monitor, store
from python_metrics.alerts import alarms
from python_metrics.comparisons import comparisons
from python_metrics.drift.profile_drift import drift_score
from python_metrics.monitor import References, Work
from python_metrics.monitored import MonitoredModel
from python_metrics.performance import evaluations
from python_metrics.performance.evaluations import Evaluation
from python_metrics.profiles.profiles import profile_of
from warehouse import database, schema_versions
from warehouse.access.roles import Role, acting_as, ensure_roles
from warehouse.relations import check_relations
from warehouse.runs import WHOLE_RUN, RunLog, Step
from warehouse.units import FailedUnit, Units, words_of_failures

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("steps.sql"))
Watch = Callable[[str, int], Callable[[], None]]
# What each step does, for whoever waits.
_DOES = {
    "ingest": "finding, checking and loading files",
    "transform": "dbt cleans the rows and cuts them into days",
    "train": "training models",
    "score": "scoring rows",
    "profiles": "dbt counts the values of every column, day and segment",
    "labels": "matching labels with predictions",
    "metrics": "measuring drift and quality",
    "performance": "estimating performance, and comparing it with labels",
    "alarms": "deciding which days are unusual",
    "marts": "dbt builds the tables to read",
}
_RECORDED = ("evidently", "dbt-core", "dbt-postgres", "scikit-learn", "duckdb", "pandas")
# Tables that a step fills in bulk. Until they are analyzed the planner takes them for small.
_FILLED_BY = {
    "score": ("ml.predictions",),
    "labels": ("ml.labels",),
    "metrics": (
        "monitoring.metric_values",
        "monitoring.computed_windows",
        "monitoring.distribution_bins",
        "monitoring.distribution_counts",
    ),
}
_AFTER_SCORING = ("marts", "tag:after_scoring")
# What is made of trips and predictions together, before the metrics read it.
_PROFILES = "tag:profiles"
# Tests that read every value of every day, or a key that the database itself holds: they belong to `make test` and
# `make dbt ARGS=test`, not to each run.
_THOROUGH = "tag:thorough"
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
    steps: tuple[Step, ...]
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
            watch: called with a step and its number of windows; gives what is to be called after each of them.
            progress: called with a line now and then while a step is at work.
        """
        self.settings = settings
        self._words = words or settings.in_words
        self._without = without
        self._begin = begin
        self._watch: Watch = watch or (lambda what, total: lambda: None)
        self._progress = progress
        self.monitoring: Monitoring = load_monitoring()
        self.tell = tell
        self.notice = ""
        self._read_references: References | None = None

    def run(self) -> Report:
        """Bring the warehouse up to date for the settings' months.

        Raises:
            PartlyFailedError: models, or the labels of targets, failed; all else is done.
            WarehouseError: a step failed; the steps before it stand, the run log says what happened.
        """
        schema_versions.migrate()
        with RunLog.open(WHOLE_RUN, self._words, _versions()) as run:
            note = ensure_roles()
            if note:
                self.tell(f"note: {note}")
            self._units = Units(lambda failed: self._note(run, failed))
            try:
                self._mark_active()
                last = run.last_inputs("transform")
                applied = bool(last.done) and not last.are_of_another(dbt.project_hash(self.monitoring)[:16])
                check_relations(self.monitoring, may_be_missing=True, may_change=not applied)
                self._begin(run.run_id)
                self._take_steps(run)
                report = Report(run.run_id, tuple(run.steps), self.notice, tuple(self._units.failed))
                if report.failed:
                    error = PartlyFailedError(words_of_failures(self._units.failed, len(self.monitoring.models)))
                    error.report = report
                    raise error
                _finish_backfills(run.run_id)
            except BaseException:
                _bring_back_live_views(run.run_id, self.monitoring)
                raise
            return report

    def _note(self, run: RunLog, failed: FailedUnit) -> None:
        run.fail_unit(failed.step, failed.name, failed.words)
        self.tell(f"failed: {failed.name} ({failed.step}): {failed.words}")

    def _take_steps(self, run: RunLog) -> None:
        self._units.begin("train")
        self._check_models()
        # dbt takes its own role; what these three steps read beside it is the conductor's.
        for name, role, step in (
            ("ingest", Role.LOADER, self._ingest),
            ("transform", None, self._transform),
            ("train", Role.MONITOR, self._train),
            ("score", Role.MONITOR, self._score),
            ("profiles", None, self._profiles),
            ("labels", Role.MONITOR, self._labels),
            ("metrics", Role.MONITOR, self._metrics),
            ("performance", Role.MONITOR, self._performance),
            ("alarms", Role.MONITOR, self._alarms),
            ("marts", None, self._marts),
        ):
            if name in self._without:
                continue
            failpoint("step.before")
            self._units.begin(name)
            with run.step(name, self._words) as record, acting_as(role), self._shown(name):
                step(run, record)
                self._settle(record)
                failpoint("step.done")
            failpoint("step.after")
            if not record.skipped:
                _analyze(_FILLED_BY.get(name, ()))
            self.tell(_line(record))

    def _shown(self, name: str) -> contextlib.AbstractContextManager[None]:
        if self._progress is None:
            return contextlib.nullcontext()
        progress = Progress(name, _DOES[name])
        self._watch = progress.watch
        return shown(progress, self._progress)

    def _settle(self, record: Step) -> None:
        """A step of which a unit has failed has failed: the next run comes to it again."""
        failed = list(dict.fromkeys(one.name for one in self._units.failed_in(record.name)))
        if failed:
            record.failed, record.skipped = True, False
            record.message = "; ".join([record.message] * bool(record.message) + [f"failed: {', '.join(failed)}"])

    def _mark_active(self) -> None:
        """Note which models there are; what monitoring.yml says of each is checked by its recipe."""
        for model in self.monitoring.models.values():
            recipes.definition_sha256(model)
        model_store.mark_active(list(self.monitoring.models))

    def _check_models(self) -> None:
        """A stored model must be what monitoring.yml says it is, before anything is done in its name."""
        for stored in model_store.stored_models():
            with self._units.unit(stored.model_version):
                if stored.definition_sha256 != recipes.definition_sha256(self.monitoring.models[stored.spec]):
                    raise ModelError(
                        f"monitoring.yml has changed what {stored.spec} is (recipe, task, rows, features or target), "
                        f"but {stored.model_version} was made before: undo the change, or give the changed model a "
                        "name of its own. Methods and thresholds can be changed freely"
                    )

    def _healthy_models(self) -> list[StoredModel]:
        """The stored models that have not failed in this run."""
        return [stored for stored in model_store.stored_models() if not self._units.has_failed(stored.model_version)]

    def _ingest(self, run: RunLog, step: Step) -> None:
        found = sources.find_files(self.settings, sources.held_months(), console.download_bar)
        self.notice = found.notice
        if found.notice:
            self.tell(found.notice)
        results = load.load_months(found.files)
        for note in found.notes:
            self.tell(f"note: {note}")
        for result in results:
            for warning in result.warnings:
                self.tell(f"warning: {warning}")
            if result.extra_columns:
                self.tell(f"note: {result.month}: unknown columns were kept out: {shortened(result.extra_columns)}")
        step.rows = sum(result.rows for result in results)
        changed = [result for result in results if result.action is not load.Action.UNCHANGED]
        step.skipped = not changed
        step.message = ", ".join(f"{result.month} {result.action}" for result in changed)
        with database.connect("origin", read_only=True) as connection:
            run.origin = database.one_row(connection, _QUERIES["origins"])[0]
        if run.origin == "sample" and not self.notice:
            self.notice = "GENERATED SAMPLE DATA - not real trips (the files themselves say so)"
            self.tell(self.notice)

    def _transform(self, run: RunLog, step: Step) -> None:
        project = dbt.project_hash(self.monitoring)[:16]
        last = run.last_inputs("transform")
        if last.are(step_inputs.of_transform(project)):
            check_relations(self.monitoring, may_be_missing=False, may_change=False, scored=False)
            step.inputs_hash, step.skipped = last.done, True
            return
        # Rules or SQL that changed apply to all months, not only to new ones.
        refresh = ["--full-refresh"] if last.are_of_another(project) else []
        run.note_inputs(step, project)
        step.rows = self._build(run, "--exclude", *_AFTER_SCORING, _PROFILES, _THOROUGH, *refresh)
        step.inputs_hash = step_inputs.of_transform(project)
        step.message = "rebuilt, the dbt project has changed" if refresh else ""
        check_relations(self.monitoring, may_be_missing=False, may_change=False, scored=False)

    def _train(self, run: RunLog, step: Step) -> None:
        stored_models = model_store.stored_models()
        there = {stored.spec for stored in stored_models if stored.train_month == self.settings.train_month}
        model_dir = self.settings.model_dir
        # Models to make, and models whose file has gone: those are trained again, and must come out the same.
        wanted: list[tuple[str, Month, StoredModel | None]] = [
            (spec, self.settings.train_month, None)
            for spec, model in self.monitoring.models.items()
            if spec not in there and not model.is_loaded
        ]
        wanted += [
            (stored.spec, stored.train_month, stored)
            for stored in self._healthy_models()
            if stored.train_month is not None and not (model_dir / stored.artifact_file).exists()
        ]
        for spec, month, known in wanted:
            with self._units.unit(known.model_version if known else spec):
                self._train_one(run, step, spec, month, known)
        for model_version in self._loaded_references():
            step.message += f"{', ' if step.message else ''}{model_version}: its reference is stored"
        step.skipped = not step.message

    def _train_one(self, run: RunLog, step: Step, spec: str, month: Month, known: StoredModel | None) -> None:
        model_version, rows = train.train(
            spec,
            self.monitoring.models[spec],
            month,
            model_dir=self.settings.model_dir,
            origin=run.origin,
            run_id=run.run_id,
            prediction_drift=self._prediction_drift(spec),
            segment_columns=self.monitoring.segments.columns,
            known=known,
        )
        step.rows += rows
        step.message += f"{', ' if step.message else ''}{model_version}"

    def _loaded_references(self) -> list[str]:
        """Store the references of loaded predictions that have become complete; gives the model versions."""
        stored = []
        for loaded in self._loaded_versions():
            if loaded.reference_id is not None:
                continue
            model = self.monitoring.models[loaded.spec]
            with self._units.unit(loaded.model_version), database.connect("references") as connection:
                why = predictions.complete_reference(connection, loaded, model, self.monitoring.segments.columns)
                if why:
                    self.tell(f"note: {loaded.model_version} waits: {why}")
                else:
                    stored.append(loaded.model_version)
        return stored

    def _loaded_versions(self) -> list[LoadedVersion]:
        if not any(model.is_loaded for model in self.monitoring.models.values()):
            return []

        with database.connect("references", read_only=True) as connection:
            return predictions.loaded_versions(connection)

    def _prediction_drift(self, spec: str) -> Callable[[Any, Any], float]:
        prediction = self.monitoring.columns(spec)[-1]

        def score(reference: Any, current: Any) -> float:
            rule = prediction.drift
            expected, found = (profile_of(values, prediction.type) for values in (reference, current))
            return drift_score(expected, found, prediction.type, rule.method, rule.threshold).value

        return score

    def _score(self, run: RunLog, step: Step) -> None:
        self._withdraw_replaced()
        for stored in self._healthy_models():
            if stored.is_loaded:
                continue
            with self._units.unit(stored.model_version):
                months = model_store.pending_months(stored.model_version)
                if not months:
                    continue

                model = self.monitoring.models[stored.spec]
                step.rows += score.score(stored, model, months, model_dir=self.settings.model_dir, run_id=run.run_id)
                step.message += f"{', ' if step.message else ''}{stored.model_version}: {len(months)} months"
        step.skipped = not step.message

    def _profiles(self, run: RunLog, step: Step) -> None:
        project = dbt.project_hash(self.monitoring)[:16]
        last = run.last_inputs("profiles")
        if last.are(step_inputs.of_profiles(project, self.monitoring)):
            step.inputs_hash, step.skipped = last.done, True
            return
        refresh = ["--full-refresh"] if last.are_of_another(project) else []
        run.note_inputs(step, project)
        step.rows = self._build(run, "--select", _PROFILES, "--exclude", _THOROUGH, *refresh)
        step.inputs_hash = step_inputs.of_profiles(project, self.monitoring)
        check_relations(self.monitoring, may_be_missing=False, may_change=False)

    def _labels(self, run: RunLog, step: Step) -> None:
        for sentence in self.monitoring.without_labels():
            self.tell(f"note: {sentence}")
        months = gone = 0
        for target in labels.label_targets(self.monitoring):
            with self._units.unit(_labels_of(target), is_model=False):
                work = labels.pending_trip_labels(self.monitoring, target)
                step.rows += labels.refresh_trip_labels(self.monitoring, run.run_id, work)
                months, gone = months + len(work.months), gone + len(work.gone)
        step.skipped = not (months or gone)
        step.message = ", ".join([f"{months} months"] * bool(months) + [f"{gone} are gone"] * bool(gone))

    def _withdraw_replaced(self) -> None:
        """Loaded predictions of trips that have been replaced are taken out; they have to be loaded again."""
        for loaded in self._loaded_versions():
            with self._units.unit(loaded.model_version):
                self._withdraw(loaded.model_version)

    def _withdraw(self, model_version: str) -> None:
        with database.connect("replaced predictions") as connection:
            months, days = predictions.withdraw_replaced(connection, model_version)
            store.invalidate_days(connection, self.monitoring.windows, model_version, days)
            failpoint("predictions.withdrawn")
        if days:
            named = ", ".join(f"{month:%Y-%m}" for month in months)
            self.tell(
                f"warning: trips of {named} were replaced, the predictions of {model_version} for them "
                "are gone: load them again with `make predictions`"
            )

    def _metrics(self, run: RunLog, step: Step) -> None:
        works: list[Work] = []
        for stored in self._healthy_models():
            with self._units.unit(stored.model_version):
                works.append(self._pending_metrics(stored))
        advance = self._watch("metrics", sum(len(work.windows) for work in works))
        windows = gone = compared = 0
        for work in works:
            with self._units.unit(work.model.model_version):
                step.rows += monitor.monitor(self.monitoring, work, self._references(), run.run_id, advance)
                windows, gone = windows + len(work.windows), gone + len(work.gone)
                compared += comparisons.compare(self.monitoring, work.model, self._references(), run.run_id)
        step.skipped = windows == gone == compared == 0
        counts = [f"{windows} windows"] * bool(windows) + [f"{gone} are gone"] * bool(gone)
        counts += [f"{compared} comparisons"] * bool(compared)
        step.message = ", ".join(counts)

    def _pending_metrics(self, stored: StoredModel) -> Work:
        asked = stored.is_loaded or stored.train_month == self.settings.train_month
        months = [month.first_day for month in self.settings.months] if asked else []
        if stored.is_loaded:
            months = sorted(set(months) & model_store.scored_months(stored.model_version))
        return monitor.pending(self.monitoring, monitored(stored), months)

    def _performance(self, run: RunLog, step: Step) -> None:
        if self.settings.is_looking_back:
            self.tell(self._moment())
        last, inputs = run.last_inputs("performance"), step_inputs.of_performance(self.monitoring, self.settings.as_of)
        if last.are(inputs):
            step.inputs_hash, step.skipped = inputs, True
            return
        run.note_inputs(step, inputs)
        windows = 0
        for stored in self._healthy_models():
            if self._units.has_failed(_labels_of(self.monitoring.models[stored.spec].target)):
                continue
            with self._units.unit(stored.model_version):
                windows += self._evaluate(run, step, monitored(stored))
        step.inputs_hash, step.skipped = self._of_whom(inputs), not windows
        step.message = f"{windows} windows" if windows else ""

    def _evaluate(self, run: RunLog, step: Step, model: MonitoredModel) -> int:
        """Evaluate a model by its labels; gives the number of windows."""

        def evaluate(evaluation: Evaluation) -> int:
            advance = self._watch("performance", len(evaluation.windows)) if evaluation.windows else lambda: None
            step.rows += evaluations.evaluate(self.monitoring, evaluation, self._references(), run.run_id, advance)
            return len(evaluation.windows)

        # What is evaluated again as of its own moment comes first: what has arrived since is an evaluation of its own.
        windows = sum(map(evaluate, evaluations.recalled(self.monitoring, model)))
        windows += evaluate(evaluations.pending(self.monitoring, model, self.settings.as_of))
        evaluations.settle(self.monitoring, model, self.settings.as_of)
        return windows

    def _alarms(self, run: RunLog, step: Step) -> None:
        last, inputs = run.last_inputs("alarms"), step_inputs.of_alarms(self.monitoring)
        if last.are(inputs):
            step.inputs_hash, step.skipped = inputs, True
            return
        run.note_inputs(step, inputs)

        models = [monitored(stored) for stored in self._healthy_models()]
        result = alarms.update_alarms(self.monitoring, models, run.run_id, self._units)
        step.rows = result.decisions + result.recorded
        step.inputs_hash = self._of_whom(inputs)
        step.skipped = not (step.rows or result.gone)
        step.message = f"{result.decisions} decisions, {result.firing} firing" if result.decisions else ""

    def _of_whom(self, inputs: str) -> str:
        """The inputs that a step's results are made from; other ones where a unit has failed and was left out."""
        names = sorted({failed.name for failed in self._units.failed})
        return f"{inputs} without {', '.join(names)}" if names else inputs

    def _moment(self) -> str:
        """The moment that AS_OF names, and where what was known then stands."""
        with database.connect("performance", read_only=True) as connection:
            parameters: dict[str, object] = {"as_of": self.settings.as_of}
            ended, of_all = database.one_row(connection, _QUERIES["ended_days"], parameters)
        words = f"AS_OF: evaluated by the labels observed until {self.settings.as_of:%Y-%m-%d %H:%M %Z}"
        if not ended:
            return f"{words}; no monitored day had ended by then, so nothing is known of that moment"
        return (
            f"{words}, for the {ended} of {of_all} monitored days that had ended; look into "
            f"marts.fct_model_performance where as_of <= '{self.settings.as_of:%Y-%m-%d %H:%M%z}' "
            "(docs/how-to/labels.md)"
        )

    def _references(self) -> References:
        """The references of this run; what is learned from one serves two steps."""
        if self._read_references is None:
            self._read_references = monitor.References(self.monitoring)
        return self._read_references

    def _build(self, run: RunLog, *arguments: str) -> int:
        return dbt.build(*arguments, run_id=run.run_id, monitoring=self.monitoring)

    def _marts(self, run: RunLog, step: Step) -> None:
        project = dbt.project_hash(self.monitoring)[:16]
        last = run.last_inputs("marts")
        if last.are(step_inputs.of_marts(project, self.monitoring)):
            step.inputs_hash, step.skipped = last.done, True
            return
        refresh = ["--full-refresh"] if last.are_of_another(project) else []
        run.note_inputs(step, project)
        step.rows = self._build(run, "--select", *_AFTER_SCORING, "--exclude", _THOROUGH, *refresh)
        step.inputs_hash = step_inputs.of_marts(project, self.monitoring)


def _finish_backfills(run_id: int) -> None:
    """A run that has ended well has computed all that was pending."""
    with acting_as(Role.MONITOR), database.connect("backfills") as connection:
        connection.execute(_QUERIES["finish_backfills"], {"run_id": run_id})


def _bring_back_live_views(run_id: int, monitoring: Monitoring) -> None:
    """Build the live views that a run which ends badly has taken away; what fails here never hides the run's error."""
    try:
        with database.connect("live views", read_only=True) as connection:
            is_gone = database.one_row(connection, _QUERIES["live_views_gone"], {"views": list(LIVE_VIEWS)})[0]
        if is_gone:
            dbt.build("--select", "tag:live", run_id=run_id, with_tests=False, monitoring=monitoring)
    except BaseException as error:
        log.info("the live views are not all there: %s", error)


def monitored(stored: StoredModel) -> MonitoredModel:
    """The model as python_metrics knows it."""
    return MonitoredModel(stored.spec, stored.model_version, stored.reference_id, stored.evaluation_reference_id)


def _labels_of(target: str) -> str:
    """The name of a target's labels as a unit."""
    return f"labels of {target}"


def _analyze(tables: tuple[str, ...]) -> None:
    """As the connected user, who owns the tables: the roles may not."""
    with database.connect("analyze", autocommit=True) as connection:
        for name in tables:
            connection.execute(sql.SQL("analyze {}").format(database.relation(name)))


def _line(step: Step) -> str:
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
