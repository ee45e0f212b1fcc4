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
override LOWEST := $(VENV)/lowest

.PHONY: help
help: ## List the targets
	@echo "Usage: make TARGET [VARIABLE=value ...]; every target takes MONITORING_FILE=another.yml"
	@awk '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+: .*## / {split($$0, part, / ## /); sub(/:.*/, "", part[1]); \
		printf "  %-18s %s\n", part[1], part[2]; if (part[3]) printf "  %-18s   %s\n", "", part[3]}' Makefile

##@ Every day

.PHONY: pipeline
pipeline: $(RUNTIME) ## Bring the warehouse up to date: load, build, train, score, measure, decide ## SOURCE=auto|tlc|local|sample MONTHS=2022-02..2022-04 TRAIN_MONTH=2022-01 DATA_DIR= AS_OF= RELOAD= DATASET= TLC_URL=
	@$(BIN)/python -m pipeline run

.PHONY: doctor
doctor: $(RUNTIME) ## Say what is installed, which server is used, what is loaded, what is missing ## MONTHS= TRAIN_MONTH= DATA_DIR= SOURCE= TLC_URL=
	@$(BIN)/python -m pipeline doctor

.PHONY: check-alerts
check-alerts: $(RUNTIME) ## Print the open alerts; fails if a critical one is not acknowledged, for a scheduler
	@$(BIN)/python -m pipeline check-alerts

.PHONY: report
report: $(RUNTIME) ## Write Evidently's own page and test suite of a day ## DAY=2022-02-20 MODEL=name or version SEGMENT=column=value STRICT=yes REPORT_DIR=reports
	@$(BIN)/python -m pipeline report

.PHONY: preview
preview: $(RUNTIME) ## Write the dashboards as plain pages, without Grafana ## DATASET= MODEL= COLUMN=trip_distance DAY=2022-02-08 REPORT_DIR=reports
	@$(BIN)/python -m pipeline preview

.PHONY: sql
sql: $(RUNTIME) ## Print a read-only query as CSV ## SQL="select * from marts.fct_daily_monitoring"
	@$(BIN)/python -m pipeline sql

.PHONY: dbt
dbt: $(RUNTIME) ## Run dbt on the warehouse ## ARGS="test"
	@$(BIN)/python -m pipeline dbt

.PHONY: up
up: $(RUNTIME) ## Start Postgres, Adminer and Grafana in Docker, wait until healthy, print their addresses
	@$(BIN)/python -m pipeline up

.PHONY: down
down: $(RUNTIME) ## Stop the services of `make up`; their data stay
	@$(BIN)/python -m pipeline down

ifeq ($(WAREHOUSE_GOALS),test)
MAKEFLAGS += --jobs=2
endif
.PHONY: test
test: lint types ## Lint, types, import contracts, all tests of every day: unit and integration at once
	$(BIN)/python -m pytest -q tests/integration tests/security tests/unit -n 2 --dist worksteal -m "not slow" --durations 10

##@ Your own data

.PHONY: dataset
dataset: $(RUNTIME) ## Look at data files and write datasets/NAME.yml, which says what is monitored ## FILE=loans.csv TIMESTAMP=timestamp KEY=id PREDICTION=y_pred_proba DECISION=y_pred LABEL=repaid NAME=loans REFERENCE=..2018-10-29
	@$(BIN)/python -m pipeline dataset

.PHONY: labels
labels: $(RUNTIME) ## Load labels that have arrived ## FILE=labels.parquet TARGET=duration_minutes MODEL=
	@$(BIN)/python -m pipeline labels

.PHONY: predictions
predictions: $(RUNTIME) ## Load predictions made elsewhere ## FILE=predictions.parquet MODEL=my_model VERSION=v1
	@$(BIN)/python -m pipeline predictions

##@ Operate

.PHONY: ack
ack: $(RUNTIME) ## Take an incident on; CLOSE=yes says that it is dealt with ## INCIDENT=... NOTE="what you know" CLOSE=yes
	@$(BIN)/python -m pipeline ack

.PHONY: verify
verify: $(RUNTIME) ## Hold a month's drift scores against Evidently's own tests ## MONTH=2022-02 MODEL=
	@$(BIN)/python -m pipeline verify

.PHONY: replay
replay: $(RUNTIME) ## Feed a month day by day; stopped, it goes on ## MONTH=2022-02 PAUSE=10 RESTART=yes TRAIN_MONTH= DATA_DIR= SOURCE= TLC_URL=
	@$(BIN)/python -m pipeline replay

.PHONY: backfill
backfill: $(RUNTIME) ## Compute the windows of some days again; stopped, it goes on ## FROM=2022-02-01 TO=2022-02-14 MODEL= TRAIN_MONTH=
	@$(BIN)/python -m pipeline backfill

.PHONY: prune
prune: $(RUNTIME) ## Remove rows of old months, their metrics stay ## RAW_MONTHS=24 CONFIRM=yes
	@$(BIN)/python -m pipeline prune

.PHONY: backup
backup: $(RUNTIME) ## Write the whole warehouse with its models into one file ## FILE=warehouse.backup
	@$(BIN)/python -m pipeline backup

.PHONY: restore
restore: $(RUNTIME) ## Bring a backup of your own back, whole or not at all ## FILE=warehouse.backup CONFIRM=yes
	@$(BIN)/python -m pipeline restore

.PHONY: psql
psql: $(RUNTIME) ## Open psql on the warehouse
	@$(BIN)/python -m pipeline psql

.PHONY: db
db: $(RUNTIME) ## Keep the embedded Postgres running and print its variables; with PORT it listens on TCP too ## PORT=5433
	@$(BIN)/python -m pipeline db

.PHONY: db-stop
db-stop: $(RUNTIME) ## Stop the embedded Postgres that `make db` left running
	@$(BIN)/python -m pipeline db-stop

.PHONY: clean
clean: $(RUNTIME) ## Empty the database in use and remove its models (downloads and the environment stay) ## CONFIRM=yes
	@$(BIN)/python -m pipeline clean

.PHONY: install
install: $(RUNTIME) ## Make the environment (every target does so by itself) ## PYTHON=python3.12

##@ Services

.PHONY: heartbeat
heartbeat: $(RUNTIME) ## Write a dummy row every few seconds: is it on the dashboard? ## INTERVAL=10 COUNT=6
	@$(BIN)/python -m pipeline heartbeat

.PHONY: save-dashboard
save-dashboard: $(RUNTIME) ## Pull a dashboard made by hand into grafana/dashboards/custom ## UID=...
	@$(BIN)/python -m pipeline save-dashboard

.PHONY: clean-all
clean-all: $(RUNTIME) ## Stop the services of `make up` and remove all their data; asks first ## CONFIRM=yes
	@$(BIN)/python -m pipeline clean-all

##@ Develop

.PHONY: lint
lint: $(DEV) ## Style of Python and SQL, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-cache
	$(BIN)/python -m sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests

.PHONY: types
types: $(DEV) ## Static types, strict
	$(BIN)/python -m mypy

.PHONY: lowest
lowest: $(DEV) ## Lint and unit tests with the oldest versions that pyproject.toml allows; needs the network
	$(BIN)/uv venv --quiet --clear $(LOWEST)
	$(BIN)/uv pip install --quiet --python $(LOWEST) --resolution lowest-direct -r pyproject.toml --group dev
	$(LOWEST)/bin/ruff check .
	$(LOWEST)/bin/python -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-cache
	$(LOWEST)/bin/python -m sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests
	$(LOWEST)/bin/python -m pytest -q tests/unit -n 2

.PHONY: unit
unit: $(DEV) ## Tests that need no database
	$(BIN)/python -m pytest -q tests/unit -n 2 --dist worksteal -m "not slow"

.PHONY: integration
integration: $(DEV) ## Tests on a real Postgres with the real dbt project
	$(BIN)/python -m pytest -q tests/integration tests/security -n 2 --dist worksteal -m "not slow" --durations 10

.PHONY: slow
slow: $(DEV) ## The tests that take too long for every day
	$(BIN)/python -m pytest -q tests/unit tests/integration -n 2 --dist worksteal -m slow --durations 10

.PHONY: test-hard
test-hard: $(DEV) ## Tests that hurt: killed at every failpoint, the server gone, the disk full; or a tenth of them ## HARD_PART=0..9
	$(BIN)/python -m pytest -q tests/hard -n 2 --dist loadfile

.PHONY: test-environments
test-environments: $(DEV) ## Fresh clones on other machines: strange folders, umask 077, no home, hostile variables, a German Postgres
	$(BIN)/python -m pytest -q tests/environments

.PHONY: audit
audit: $(AUDIT)/.done ## Ask osv.dev for known vulnerabilities of every locked package; needs the network ## OSV_URL=...
	@$(AUDIT)/bin/python security/audit.py requirements/*.lock

.PHONY: secret-scan
secret-scan: $(AUDIT)/.done ## Look for passwords, keys and tokens in the files that git keeps
	@$(AUDIT)/bin/python security/scan_secrets.py

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

.PHONY: bench-wide
bench-wide: $(DEV) ## Measure a generated table of 1,000 numerical columns x 300,000 rows; an hour, and 20 GB of disk
	@$(BIN)/python -m benchmarks.wide_table

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
