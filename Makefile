# The front door: `make help` lists the targets.
override SHELL := /bin/bash
override .SHELLFLAGS := -c
.DEFAULT_GOAL := help
# What is typed changes no variable of this file but PYTHON, and nothing of it is ever expanded: `override` and `value`.
override .each :=
override VENV := .venv
override BIN := $(VENV)/bin

# Only what is typed on make's command line counts, never what the environment holds under the same name. Names, goals
# and each value as it was typed reach the programs in the environment, by no shell's text (pipeline/typed.py). What is a
# setting of the environment is one, too, when it is typed here.
override SETTINGS := PIP_% UV_% SSL_% PG% WAREHOUSE_%
override ALL_TYPED := $(foreach .each,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(.each)))),$(.each)))
override TYPED := $(filter-out $(SETTINGS),$(ALL_TYPED))
override PYTHON := $(if $(filter PYTHON,$(ALL_TYPED)),$(value PYTHON),python3)
override WAREHOUSE_PYTHON := $(PYTHON)
override WAREHOUSE_TYPED := $(strip $(TYPED))
override WAREHOUSE_GOALS := $(value MAKECMDGOALS)
$(foreach .each,$(TYPED),$(eval override WAREHOUSE_ARG_$(.each) := $$(value $(.each))))
$(foreach .each,$(ALL_TYPED),$(eval override $(.each) := $$(value $(.each))))
unexport $(TYPED)
export $(filter $(SETTINGS),$(ALL_TYPED)) WAREHOUSE_PYTHON WAREHOUSE_TYPED WAREHOUSE_GOALS $(addprefix WAREHOUSE_ARG_,$(TYPED))
# What the shell says of Python is about other environments; without compiled files importing costs seconds, too.
unexport $(filter PYTHON%,$(.VARIABLES))

override RUNTIME := $(VENV)/.runtime
override DEV := $(VENV)/.dev
override AUDIT := $(VENV)/audit

.PHONY: help
help: ## List the targets
	@echo "Usage: make TARGET [VARIABLE=value]"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile
	@echo; echo "Variables: TRAIN_MONTH=2022-01  MONTHS=\"2022-02\" or 2022-02..2022-04  DATA_DIR=data/raw"
	@echo "           SOURCE=auto|tlc|local|sample  SQL=\"select ...\"  ARGS=\"test\"  PORT=5433"
	@echo "           DAY=2022-02-20  MODEL=name or version  SEGMENT=column=value  STRICT=yes"
	@echo "           AS_OF=2022-02-20  MONTH=2022-02  PAUSE=10  RESTART=yes  INTERVAL=10  COUNT=6  UID=..."
	@echo "           FILE=labels.parquet  TARGET=duration_minutes"
	@echo "           FILE=predictions.parquet  VERSION=v1  MONITORING_FILE=another.yml"
	@echo "           INCIDENT=...  NOTE=\"what you know\"  CLOSE=yes  OSV_URL=...  HARD_PART=0..9"
	@echo "           FROM=2022-02-01  TO=2022-02-14  RAW_MONTHS=24  RELOAD=2022-02  CONFIRM=yes"

.PHONY: pipeline
pipeline: $(RUNTIME) ## Bring the warehouse up to date: ingest, dbt, train, score, labels, metrics, performance, marts
	@$(BIN)/python -m pipeline run

.PHONY: predictions
predictions: $(RUNTIME) ## Load predictions made elsewhere: make predictions FILE=preds.parquet MODEL=my_model VERSION=v1
	@$(BIN)/python -m pipeline predictions

.PHONY: replay
replay: $(RUNTIME) ## Feed a month day by day: make replay MONTH=2022-02 PAUSE=10; stopped, it goes on; RESTART=yes
	@$(BIN)/python -m pipeline replay

.PHONY: backfill
backfill: $(RUNTIME) ## Compute the windows of some days again: make backfill FROM=2022-02-01 TO=2022-02 [MODEL=]; stopped, it goes on
	@$(BIN)/python -m pipeline backfill

.PHONY: prune
prune: $(RUNTIME) ## Take away trips, predictions and labels of old months, their metrics stay: make prune RAW_MONTHS=24
	@$(BIN)/python -m pipeline prune

.PHONY: backup
backup: $(RUNTIME) ## Write the whole warehouse with its models into one file: make backup FILE=warehouse.backup
	@$(BIN)/python -m pipeline backup

.PHONY: restore
restore: $(RUNTIME) ## Bring a backup of your own back, whole or not at all: make restore FILE=warehouse.backup [CONFIRM=yes]
	@$(BIN)/python -m pipeline restore

.PHONY: labels
labels: $(RUNTIME) ## Load labels that have arrived: make labels FILE=labels.parquet [TARGET=...], matched with the loads of now
	@$(BIN)/python -m pipeline labels

.PHONY: ack
ack: $(RUNTIME) ## Take an incident on: make ack INCIDENT=... NOTE="..."; CLOSE=yes says that it is dealt with
	@$(BIN)/python -m pipeline ack

.PHONY: heartbeat
heartbeat: $(RUNTIME) ## Write a dummy row every INTERVAL=10 seconds, COUNT times or until Ctrl-C: is it on the dashboard?
	@$(BIN)/python -m pipeline heartbeat

.PHONY: save-dashboard
save-dashboard: $(RUNTIME) ## Pull a dashboard made by hand into grafana/dashboards/custom: make save-dashboard UID=...
	@$(BIN)/python -m pipeline save-dashboard

.PHONY: sql
sql: $(RUNTIME) ## Print a read-only query as CSV: make sql SQL="select * from marts.fct_daily_monitoring"
	@$(BIN)/python -m pipeline sql

.PHONY: report
report: $(RUNTIME) ## Write Evidently's own page and test suite of a day: make report DAY=2022-02-20
	@$(BIN)/python -m pipeline report

.PHONY: verify
verify: $(RUNTIME) ## Hold a month's drift scores against Evidently's own tests: make verify MONTH=2022-02 [MODEL=...]
	@$(BIN)/python -m pipeline verify

.PHONY: preview
preview: $(RUNTIME) ## Write the dashboards as plain pages, without Grafana: make preview MODEL=... COLUMN=trip_distance DAY=2022-02-08
	@$(BIN)/python -m pipeline preview

.PHONY: psql
psql: $(RUNTIME) ## Open psql on the warehouse
	@$(BIN)/python -m pipeline psql

.PHONY: dbt
dbt: $(RUNTIME) ## Run dbt on the warehouse: make dbt ARGS="test"
	@$(BIN)/python -m pipeline dbt

.PHONY: db
db: $(RUNTIME) ## Keep the embedded Postgres running and print its variables; PORT=5433 listens on TCP too
	@$(BIN)/python -m pipeline db

.PHONY: db-stop
db-stop: $(RUNTIME) ## Stop the embedded Postgres that `make db` left running
	@$(BIN)/python -m pipeline db-stop

.PHONY: check-alerts
check-alerts: $(RUNTIME) ## Print the open alerts; fails if one of them is critical, for a scheduler
	@$(BIN)/python -m pipeline check-alerts

.PHONY: up
up: $(RUNTIME) ## Start Postgres, Adminer and Grafana in Docker, wait until healthy, print their addresses
	@$(BIN)/python -m pipeline up

.PHONY: down
down: $(RUNTIME) ## Stop the services of `make up`; their data stay
	@$(BIN)/python -m pipeline down

.PHONY: clean-all
clean-all: $(RUNTIME) ## Stop the services of `make up` and remove all their data; asks first
	@$(BIN)/python -m pipeline clean-all

.PHONY: doctor
doctor: $(RUNTIME) ## Say what is installed, which server is used, what is loaded, what is missing
	@$(BIN)/python -m pipeline doctor

.PHONY: test
test: lint types unit integration ## Lint, types, import contracts, all tests

.PHONY: lint
lint: $(DEV) ## Style of Python and SQL, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-cache
	$(BIN)/python -m sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests

.PHONY: types
types: $(DEV) ## Static types, strict
	$(BIN)/python -m mypy

.PHONY: audit
audit: $(AUDIT)/.done ## Ask osv.dev (or OSV_URL) for known vulnerabilities of every locked package; needs the network
	@$(AUDIT)/bin/python security/audit.py requirements/*.lock

.PHONY: secret-scan
secret-scan: $(AUDIT)/.done ## Look for passwords, keys and tokens in the files that git keeps
	@$(AUDIT)/bin/python security/scan_secrets.py

.PHONY: unit
unit: $(DEV) ## Tests that need no database
	$(BIN)/python -m pytest -q tests/unit -n 2

.PHONY: integration
integration: $(DEV) ## Tests on a real Postgres with the real dbt project
	$(BIN)/python -m pytest -q tests/integration tests/security -n 2 --dist loadfile -m "not slow"

.PHONY: slow
slow: $(DEV) ## The tests that take too long for every day
	$(BIN)/python -m pytest -q tests/integration -n 2 --dist loadfile -m slow

.PHONY: test-hard
test-hard: $(DEV) ## Tests that hurt: killed at every failpoint, the server gone, the disk full; HARD_PART=3 runs a tenth of them
	$(BIN)/python -m pytest -q tests/hard -n 2 --dist loadfile

.PHONY: test-environments
test-environments: $(DEV) ## Fresh clones on other machines: strange folders, umask 077, no home, hostile variables, a German Postgres
	$(BIN)/python -m pytest -q tests/environments

.PHONY: bench
bench: $(DEV) ## Measure loading, the whole pipeline, a second run and drift scores against their peers
	@$(BIN)/python -m benchmarks.run
	@$(BIN)/python -m benchmarks.profile_speed
	@$(BIN)/python -m benchmarks.long_life

.PHONY: bench-life
bench-life: $(DEV) ## Measure what one changed day costs in a warehouse of a year, beside one of a month; a part of make bench
	@$(BIN)/python -m benchmarks.long_life

.PHONY: bench-profiles
bench-profiles: $(DEV) ## Measure drift scores from profiles against Evidently's Report; a part of make bench
	@$(BIN)/python -m benchmarks.profile_speed

.PHONY: bench-scale
bench-scale: $(DEV) ## Measure profiles and scores of a generated year of 0.5 to 8 million trips; minutes, and 10 GB of disk
	@$(BIN)/python -m benchmarks.profile_scale

.PHONY: bench-dashboards
bench-dashboards: $(DEV) ## Measure every query of the dashboards on the warehouse in use
	@$(BIN)/python -m benchmarks.dashboard_speed

.PHONY: bench-estimates
bench-estimates: $(DEV) ## Measure estimated performance and the test for concept drift on real and generated months
	@$(BIN)/python -m benchmarks.estimate_accuracy

.PHONY: bench-signal
bench-signal: $(DEV) ## Measure false alarms, recall and the column named, with incidents planted in the months of DATA_DIR
	@$(BIN)/python -m benchmarks.signal

.PHONY: dashboards
dashboards: $(DEV) ## Write Grafana's dashboards and alert rules again, after a change of monitoring.yml or of grafana/
	@$(BIN)/python -m pipeline dashboards

.PHONY: picture
picture: $(DEV) ## Draw the pictures of the README again
	@$(BIN)/python docs/draw_flow.py
	@$(BIN)/python -m docs.shoot_front_page

.PHONY: lock
lock: $(DEV) ## Choose versions anew within the ranges of pyproject.toml
	$(BIN)/uv pip compile $(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock
	$(BIN)/uv pip compile $(COMPILE) requirements/audit.in -o requirements/audit.lock
override COMPILE := --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-strip-extras --no-emit-index-url --quiet

.PHONY: clean
clean: $(RUNTIME) ## Empty the database in use and remove its models (downloads and the environment stay)
	@$(BIN)/python -m pipeline clean

.PHONY: install
install: $(RUNTIME) ## Make the environment (every target does so by itself)

# An environment names its folder and its Python: where either has gone, it is made anew, from what it has.
ifeq ($(shell [ "$$(cat $(RUNTIME) 2>&1)" = "$$(pwd -P)" ] && echo here),)
.PHONY: $(RUNTIME)
endif
ifeq ($(shell [ -x $(BIN)/python ] && echo there),)
.PHONY: $(VENV)/.bootstrap
endif
override INSTALL := $(BIN)/python -I requirements/install.py

$(VENV)/.bootstrap: requirements/bootstrap.lock
	@"$$WAREHOUSE_PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $$("$$WAREHOUSE_PYTHON" --version 2>&1) was found, Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 3; }
	@"$$WAREHOUSE_PYTHON" -m venv $(VENV)
	@$(INSTALL) $< $(VENV)
	@touch $@

$(RUNTIME): requirements/runtime.lock pyproject.toml $(VENV)/.bootstrap
	@echo "installing $< into $(VENV) ..." >&2
	@$(INSTALL) $< $(VENV)
	@$(INSTALL) project $(VENV)
	@pwd -P > $@

$(DEV): requirements/dev.lock $(RUNTIME)
	@echo "installing $< into $(VENV) ..." >&2
	@$(INSTALL) $< $(VENV)
	@touch $@

# Tools that look at the project and are no part of it: nothing of theirs reaches the environment of the program.
$(AUDIT)/.done: requirements/audit.lock $(VENV)/.bootstrap
	@$(BIN)/python -m venv $(AUDIT)
	@$(INSTALL) $< $(AUDIT)
	@touch $@
