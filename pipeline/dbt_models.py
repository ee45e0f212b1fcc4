"""The dbt models of a dataset: files in dbt_project/models/datasets/<name>/, one call of a macro each.

They are written once and belong to whoever owns the dataset: what is there stays as it is. Called by `make dataset` and
by a run that finds a dataset without them.
"""

from __future__ import annotations

from pathlib import Path

from config.datasets import Dataset
from config.paths import DBT_PROJECT_DIR, dataset_models_dir, state_dir
from core.errors import ConfigurationError

_MODELS = {
    "stg_{name}": '{{{{ staged_of("{name}") }}}}',
    "{name}_accepted": '{{{{ accepted_of("{name}") }}}}',
    "{name}_rejected": '{{{{ rejected_of("{name}") }}}}',
    "{name}_scored": '{{{{ scored_of("{name}") }}}}',
    "{name}_windows": '{{{{ windows_of("{name}", dataset_option("{name}", "hashed", []), time="event_at") }}}}',
    "{name}_rejections": '{{{{ rejections_of("{name}", rules_of("{name}")) }}}}',
    "{name}_events": '{{{{ events_of("{name}") }}}}',
    "{name}_profiled_windows": '{{{{ profiled_windows_of("{name}") }}}}',
    "{name}_profiles": '{{{{ profiles_of("{name}") }}}}',
}
_PARTS = ("dbt_project.yml", "profiles.yml", "macros", "models", "seeds", "tests")
_YAML = """\
# The models of the dataset {name} (datasets/{name}.yml). Yours to edit: nothing overwrites them.
sources:
  - name: raw
    schema: raw
    tables:
      - name: {name}
        description: One row per {one}, as delivered.

models:
  - name: stg_{name}
    description: One row per {one}, with plain types; what is no finite number is missing.
  - name: {name}_accepted
    description: One row per accepted {one}, with what is derived of it. Incremental by load.
    columns:
      - name: event_id
        description: "{{{{ doc('event_id') }}}}"
        data_tests:
          - not_null: {{config: {{tags: [thorough]}}}}
  - name: {name}_rejected
    description: One row per rejected {one}, with the first rule that it breaks.
  - name: {name}_scored
    description: One row per model version and accepted {one} that it has scored, with the prediction.
  - name: {name}_windows
    description: One row per window that the loads cover, also for one without {many}.
    columns:
      - name: window_start
        description: "{{{{ doc('window_start') }}}}"
        data_tests: [not_null, unique]
  - name: {name}_rejections
    description: One row per window and rule, also where the rule rejected nothing.
  - name: {name}_events
    description: One row per day and planned event or holiday.
  - name: {name}_profiled_windows
    description: One row per window that profiles are made of, and model version.
  - name: {name}_profiles
    description: One row per window, model version, segment and profiled column.
"""


def project_dir() -> Path:
    """The dbt project: the program's own, or, where models of datasets lie elsewhere, one of links to both.

    dbt takes models of one project from one folder only: what it compiles lands beside files outside.
    """
    own, others = DBT_PROJECT_DIR / "models" / "datasets", dataset_models_dir()
    if not others.is_dir() or others.resolve() == own.resolve():
        return DBT_PROJECT_DIR
    # A link for each file: dbt follows none of folders.
    project = state_dir() / "dbt_project"
    links = {
        path.relative_to(DBT_PROJECT_DIR): path
        for name in _PARTS
        for path in (
            (DBT_PROJECT_DIR / name).rglob("*") if (DBT_PROJECT_DIR / name).is_dir() else [DBT_PROJECT_DIR / name]
        )
        if path.is_file()
    }
    links |= {
        Path("models", "datasets", path.relative_to(others)): path for path in others.rglob("*") if path.is_file()
    }
    for path in [*project.rglob("*")]:
        # A copy of the state folder may have files where links were.
        is_link = path.is_symlink() and links.get(path.relative_to(project)) == path.readlink()
        if not is_link and (path.is_symlink() or path.is_file()):
            path.unlink()
    for name, target in links.items():
        link = project / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target)
    return project


def write_models(name: str, dataset: Dataset) -> list[Path]:
    """Write those of a dataset's files that are missing; gives them.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    folder = dataset_models_dir() / name
    texts = {f"{model.format(name=name)}.sql": f"{call.format(name=name)}\n" for model, call in _MODELS.items()}
    # Words are a person's, and stand in a YAML text here.
    one, many = (word.replace(":", " ").replace("#", " ") for word in (dataset.words.one, dataset.words.many))
    texts[f"{name}.yml"] = _YAML.format(name=name, one=one, many=many)
    written = []
    for file, text in texts.items():
        path = folder / file
        if path.exists():
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
        written.append(path)
    return written
