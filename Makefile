# The single interface of the warehouse. `make` alone lists what there is.

SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON3 ?= python3
PYTHON := .venv/bin/python
BIN := .venv/bin
READY := .venv/.bootstrapped
# Looked up when a recipe needs it, since .env may say where deliveries arrive.
LANDING = $(shell $(PYTHON) -c "from etl.core.settings import Settings; print(Settings.read().landing)" 2>/dev/null)
SEED = $(PYTHON) scripts/generate_seed_data.py --out "$(LANDING)"
COMPOSE := docker compose $(if $(wildcard .env),--env-file .env) -f infrastructure/docker/docker-compose.yml
# Every command may be told more, such as: make full-load ARGS="--from facts"
ARGS ?=
DAYS ?= 1
# What goes wrong on the days to come, such as: DISORDER="--late 0.02 --duplicates 0.01"
DISORDER ?=

##@ Start here

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' Makefile

.PHONY: bootstrap
bootstrap: $(READY) ## Make .venv with the locked packages; every other target does so by itself

$(READY): requirements.txt
	@$(PYTHON3) infrastructure/bootstrap.py

##@ Run the warehouse

.PHONY: full-load
full-load: $(READY) ## Rebuild everything from all deliveries; makes seed data if there are none
	@$(if $(wildcard $(LANDING)/*/),,$(SEED))
	@$(PYTHON) run.py --mode full $(ARGS)

.PHONY: incremental
incremental: $(READY) ## Simulate the next business day and load it (DAYS=n for more, 0 to load what is there; DISORDER="--late 0.02")
	@$(if $(filter-out 0,$(DAYS)),$(SEED) --days $(DAYS) $(DISORDER))
	@$(PYTHON) run.py --mode incremental $(ARGS)

.PHONY: seed-data
seed-data: $(READY) ## Write a synthetic marketplace into data/landing (ARGS="--members 20000 --years 3 --seed 7")
	@$(SEED) $(ARGS)

.PHONY: stage
stage: $(READY) ## Take the files into staging and stop there
	@$(PYTHON) -m etl.load.staging_loader $(ARGS)

.PHONY: plan
plan: $(READY) ## Show what an incremental load would change, and change nothing
	@$(PYTHON) run.py --mode incremental --plan $(ARGS)

##@ Answer rejected records

.PHONY: rejects
rejects: $(READY) ## Rejected records of a load by reason, personal values masked (LOAD=n, SHOW=1 shows them)
	@$(PYTHON) -m etl.load.rejects list --load $(or $(LOAD),$(error which load? make rejects LOAD=n, see make loads)) $(if $(SHOW),--show) $(ARGS)

.PHONY: replay-rejects
replay-rejects: $(READY) ## Bring corrected records in at their original date, and publish them (LOAD=n FILE=corrected.csv)
	@$(PYTHON) -m etl.load.rejects replay --load $(or $(LOAD),$(error which load? LOAD=n)) --file $(or $(FILE),$(error which file? FILE=corrected.csv)) $(ARGS)
	@$(PYTHON) run.py --mode incremental

.PHONY: profile
profile: $(READY) ## What a foreign file looks like against the contract, without loading it (FILE=...)
	@$(PYTHON) -m etl.load.profile $(or $(FILE),$(error which file? FILE=...)) $(ARGS)

.PHONY: undo
undo: $(READY) ## Take a load back out, as if its delivery had never come (LOAD=n)
	@$(if $(LOAD),$(PYTHON) run.py undo $(LOAD) $(ARGS),$(error say which: make undo LOAD=n; make loads lists them))

##@ Look at it

.PHONY: status
status: $(READY) ## What is loaded: tables, rows, last loads
	@$(PYTHON) run.py status $(ARGS)

.PHONY: loads
loads: $(READY) ## The ledger: every load and how it went
	@$(PYTHON) run.py loads $(ARGS)

##@ Trust it

.PHONY: dq
dq: $(READY) ## Check the loaded tables with Great Expectations (STRICT=1: warnings count)
	@$(PYTHON) run.py dq $(if $(STRICT),--strict) $(ARGS)

.PHONY: dq-fast
dq-fast: $(READY) ## The gate of the latest load again, in SQL alone (LOAD=n of another, ALL=1 over all that is loaded)
	@$(PYTHON) run.py $(if $(ALL),--only quality,gate $(if $(LOAD),--load $(LOAD))) $(ARGS)

.PHONY: dq-docs
dq-docs: $(READY) ## As dq, and write build/dq/index.html: every expectation, why, and what it found
	@$(PYTHON) run.py dq --docs $(if $(STRICT),--strict) $(ARGS)

.PHONY: failures
failures: $(READY) ## The keys that failed the latest checks (CHECK=name for one, MOST=n for more)
	@$(PYTHON) run.py failures $(if $(CHECK),--check $(CHECK)) $(if $(MOST),--most $(MOST)) $(ARGS)

.PHONY: report
report: $(READY) ## Write build/report.html: what came in, what was checked, what the numbers say
	@$(PYTHON) run.py report $(ARGS)

.PHONY: chaos
chaos: $(READY) ## Kill loads at random moments and compare what comes of them (N=20)
	@$(PYTHON) -m scripts.chaos --kills $(or $(N),20) $(ARGS)

.PHONY: verify
verify: $(READY) ## Rebuild everything from staging aside, and compare row by row with what is published
	@$(PYTHON) run.py verify

.PHONY: as-of
as-of: $(READY) ## A dimension as it was on a day (DATE=2025-06-30 DIM=plan KNOWN_AT=load)
	@$(PYTHON) run.py as-of $(or $(DATE),$(error which day? make as-of DATE=2025-06-30)) $(if $(DIM),--dimension $(DIM)) $(if $(KNOWN_AT),--known-at $(KNOWN_AT)) $(ARGS)

##@ Database

.PHONY: db-up
db-up: $(READY) ## Start the embedded PostgreSQL; the commands above do so by themselves
	@$(PYTHON) -m etl.core.db_command up

.PHONY: db-down
db-down: $(READY) ## Stop the embedded PostgreSQL; the data stays
	@$(PYTHON) -m etl.core.db_command down

.PHONY: db-status
db-status: $(READY) ## Which server is used, and whether it runs
	@$(PYTHON) -m etl.core.db_command status

.PHONY: db-url
db-url: $(READY) ## Print the address alone, for: psql "$(make -s db-url)"
	@$(PYTHON) -m etl.core.db_command url

.PHONY: psql
psql: $(READY) ## Open psql on the warehouse (ARGS="-c 'SELECT 1'")
	@$(PYTHON) -m etl.core.db_command psql $(ARGS)

.PHONY: db-reset
db-reset: $(READY) ## Delete all data of the warehouse; asks first (YES=1 does not)
	@$(PYTHON) -m etl.core.db_command reset $(if $(YES),--yes)

.PHONY: migrate
migrate: $(READY) ## Bring the schema to the newest revision
	@$(PYTHON) -m etl.core.migrate

.PHONY: migration
migration: $(READY) ## Start a migration (NAME="add a column")
	@$(if $(NAME),$(PYTHON) -m etl.core.migrate new "$(NAME)",$(error say what it does: make migration NAME="..."))

.PHONY: compose-up
compose-up: ## Start PostgreSQL in Docker instead (POSTGRES_PASSWORD in the environment or .env)
	@$(COMPOSE) up --detach --wait

.PHONY: compose-down
compose-down: ## Stop PostgreSQL in Docker; its volume stays
	@$(COMPOSE) down

##@ Work on it

.PHONY: test
test: $(READY) ## Run all tests (ARGS="-k history")
	@$(PYTHON) -m pytest --numprocesses auto $(ARGS)

.PHONY: test-unit
test-unit: $(READY) ## Tests without a database, in seconds
	@$(PYTHON) -m pytest tests/unit $(ARGS)

.PHONY: test-integration
test-integration: $(READY) ## Tests against a PostgreSQL of their own
	@$(PYTHON) -m pytest --numprocesses auto tests/integration $(ARGS)

.PHONY: test-e2e
test-e2e: $(READY) ## Tests of the commands that people run
	@$(PYTHON) -m pytest --numprocesses auto tests/e2e $(ARGS)

.PHONY: bench-load
bench-load: $(READY) ## How fast claims become facts and cubes, against a raw COPY (ARGS="--repeat 1 --growth")
	@$(PYTHON) -m benchmarks.bench_load $(ARGS)

.PHONY: bench-dimensions
bench-dimensions: $(READY) ## How fast history is kept, against a raw COPY (ARGS="--repeat 1")
	@$(PYTHON) -m benchmarks.bench_dimensions $(ARGS)

.PHONY: lint
lint: $(READY) ## Check style, types, SQL and configuration files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 sql
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec infrastructure/docker/docker-compose.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.readthedocs .readthedocs.yaml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

.PHONY: audit
audit: $(READY) ## Look for secrets in our files and for known vulnerabilities in the packages
	@$(PYTHON) -m scripts.audit $(ARGS)

.PHONY: format
format: $(READY) ## Write Python and SQL in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --disable-progress-bar --processes 2 sql

.PHONY: typecheck
typecheck: $(READY) ## Check types alone
	@$(BIN)/mypy

.PHONY: bench-intake
bench-intake: $(READY) ## Intake of 3 million claim lines against a raw COPY, as ratios (ARGS="--lines 1000000")
	@$(PYTHON) -m benchmarks.bench_intake $(ARGS)

.PHONY: calibrate
calibrate: $(READY) ## Measure the synthetic marketplace against published figures, and write docs/calibration.md
	@$(PYTHON) scripts/calibrate_seed_data.py --docs docs $(ARGS)

.PHONY: docs
docs: $(READY) ## Build the documentation into docs/_build/html
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

.PHONY: dictionary
dictionary: $(READY) ## Write docs/data_dictionary.md from the comments in the database
	@mkdir -p build
	@$(PYTHON) run.py dictionary > build/data_dictionary.md && mv build/data_dictionary.md docs/data_dictionary.md

.PHONY: pre-commit
pre-commit: $(READY) ## Run the checks on each commit from now on
	@$(BIN)/pre-commit install

.PHONY: lock
lock: $(READY) ## Compile requirements.txt anew (UPGRADE=1 takes newer versions)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --all-extras --python-version 3.11 $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.txt

.PHONY: ci
ci: lint test docs ## What the build server runs

.PHONY: clean
clean: ## Remove what the tools left; data, server and .venv stay
	@rm -rf build docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
