# Isthmus. `make` alone prints what there is.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash -o pipefail

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadfile  # each worker starts servers of its own; a file's tests share theirs

.PHONY: help
help: ## print this help
	@awk -F ':.*## ' '/^[a-z][a-z\/-]*:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A hashed lock: what is installed is what was tried. A broken half of an environment is thrown away.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Isthmus needs Python 3.11 or newer; `$(PYTHON) --version` was found. Set PYTHON=/path/to/python3." >&2; exit 1; }
	@echo "Installing into $(VENV) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: install
install: $(READY) ## create the environment in .venv

.PHONY: run
run: $(READY) ## start everything on this machine (ONCE=1: verify and stop; PORT_OFFSET=1000: beside another)
	@[ "$${ONCE:-0}" != 0 ] || $(MAKE) --no-print-directory ui || \
	    echo "The console's page could not be built (see above); everything else runs, the API too." >&2
	@$(BIN)/python -m tests.stack

# The console's page: built once, and again when its sources change. Node is a Python package where none is installed.
UI := functions/console/ui
NODE := .venv-node
WITH_NODE := PATH="$(CURDIR)/$(NODE)/bin:$$PATH"
$(NODE)/.ready: $(UI)/node.lock
	@rm -rf $(NODE)
	@if command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b > 11) || (a == 20 && b > 18) ? 0 : 1)' 2>/dev/null; \
	    then mkdir $(NODE); \
	    else echo "Installing Node into $(NODE) ..." && $(PYTHON) -m venv $(NODE) && \
	        $(NODE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(UI)/node.lock; fi
	@touch $@
$(UI)/node_modules/.ready: $(UI)/package-lock.json $(NODE)/.ready
	@echo "Fetching what the console's page is made of (once, about 180 MB) ..."
	@$(WITH_NODE) npm ci --prefix $(UI) --ignore-scripts --no-audit --no-fund --silent
	@touch $@
$(UI)/dist/index.html: $(UI)/node_modules/.ready $(shell find $(UI)/src $(UI)/public $(UI)/*.json $(UI)/*.ts $(UI)/index.html -type f 2>/dev/null)
	@echo "Building the console's page ..."
	@$(WITH_NODE) npm run --prefix $(UI) --silent build -- --logLevel warn

.PHONY: ui
ui: $(UI)/dist/index.html ## build the console's page

.PHONY: psql
psql: $(READY) ## psql on the stack that runs (SQL="...": one statement)
	@$(BIN)/python -m tests.stack.psql

.PHONY: standin
standin: $(READY) ## start the Salesforce stand-in alone, on ports 8090 and 8091 (Pub/Sub)
	@$(BIN)/python -m tests.standin --port 8090 --grpc-port 8091

.PHONY: test
test: check verify/schema test/unit test/property test/contract test/conformance test/integration test/functions test/console test/e2e ## everything that can run on this machine

.PHONY: check
check: lint types imports verify/proto ## what needs no running: style, types, who imports whom, generated stubs

.PHONY: lint
lint: $(READY) ## ruff
	$(BIN)/ruff check common functions tests
	$(BIN)/ruff format --check common functions tests

.PHONY: types
types: $(READY) ## mypy, strict
	$(BIN)/mypy

.PHONY: imports
imports: $(READY) ## import-linter: the core knows nobody
	$(BIN)/lint-imports

.PHONY: test/unit test/property test/contract test/conformance test/integration test/functions test/console test/load test/e2e
test/unit: $(READY) ## milliseconds
	$(PYTEST) tests/unit
test/property: $(READY) ## laws, tried on made-up cases (Hypothesis)
	$(PYTEST) $(SPREAD) tests/property
test/contract: $(READY) ## one suite over the fake and the real thing
	$(PYTEST) $(SPREAD) tests/contract
test/conformance: $(READY) ## the stand-in, held to what Salesforce is known to do
	$(PYTEST) $(SPREAD) tests/conformance
test/integration: $(READY) ## with a real Postgres, broker and stand-in
	$(PYTEST) $(SPREAD) tests/integration
# Those ask little of Postgres, or the same as others do.
NO_POOLER := broker pull login sending siblings bulk refused_fields mapping_cli operate_cli doctor
test/pooler: $(READY) ## the integration suite again, through PgBouncer in transaction mode (not part of `make test`)
	@PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null \
	    && ISTHMUS_POOLER=1 $(PYTEST) $(SPREAD) tests/integration $(NO_POOLER:%=--ignore-glob='*test_%*') \
	    || { PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null && exit 1; \
	         echo "SKIPPED test/pooler: PgBouncer is not installed (Debian: apt-get install pgbouncer)"; }
test/functions: $(READY) ## each door under functions-framework
	$(PYTEST) $(SPREAD) tests/functions
test/console: $(READY) ## the console's API, over HTTP
	$(PYTEST) $(SPREAD) tests/console
test/load: $(READY) ## 100,000 edits through every fault of a stand-in (some minutes; not part of `make test`)
	$(PYTEST) -s tests/load
test/e2e: $(READY) ## whole stacks: real data, killed processes, outages
	$(PYTEST) $(SPREAD) tests/e2e

.PHONY: test/terraform
test/terraform: $(READY) ## Terraform: format, schema, its own tests, policies over its plans (needs Terraform; not part of `test`)
	$(PYTEST) tests/terraform

# Clients that nobody here wrote, with pins of their own: Python packages, Node (a Python package too) and its packages.
CLIENTS := .venv-clients
$(CLIENTS)/.ready: tests/clients/requirements.lock tests/clients/package-lock.json
	@echo "Installing foreign Salesforce clients into $(CLIENTS) and tests/clients/node_modules ..."
	@rm -rf $(CLIENTS)
	@$(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/clients/requirements.lock
	@PATH="$(CURDIR)/$(CLIENTS)/bin:$$PATH" npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.PHONY: test/clients
test/clients: $(READY) $(CLIENTS)/.ready ## the stand-in, asked by clients that nobody here wrote (not part of `test`)
	$(PYTEST) tests/clients

# A browser is driven and the API probed with packages of their own, laid beside everybody's.
BROWSER := .browser
$(BROWSER)/.ready: $(READY) tests/browser/requirements.lock
	@echo "Installing Playwright and schemathesis into $(BROWSER) ..."
	@rm -rf $(BROWSER)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(BROWSER) -r tests/browser/requirements.lock
	@touch $@

.PHONY: test/browser test/openapi
test/browser: $(BROWSER)/.ready $(UI)/dist/index.html ## the console's page in Chromium, against a whole stack; pictures in .screenshots
	@command -v chromium >/dev/null || { echo "SKIPPED test/browser: Chromium is not installed (Debian: apt-get install chromium)"; exit 0; }; \
	    PYTHONPATH=$(CURDIR)/$(BROWSER) $(PYTEST) tests/browser
test/openapi: $(BROWSER)/.ready ## the console's API, probed with whatever its own description allows
	$(PYTEST) tests/openapi

# Debezium's engine brings 250 MB of jars and wants Java; its pins are its own.
DEBEZIUM := .venv-debezium
$(DEBEZIUM)/.ready: tests/debezium/requirements.lock
	@rm -rf $(DEBEZIUM)
	@$(PYTHON) -m venv $(DEBEZIUM)
	@$(DEBEZIUM)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/debezium/requirements.lock
	@touch $@

.PHONY: test/debezium
test/debezium: $(READY) ## Debezium's real engine instead of the trigger (needs Java 17)
	@command -v java >/dev/null || { echo "SKIPPED test/debezium: Java is not installed (Debian: apt-get install openjdk-17-jre-headless)"; exit 0; }; \
	    $(MAKE) --no-print-directory $(DEBEZIUM)/.ready && $(PYTEST) tests/debezium

# The deployed Python where it is here, else the one that everything else runs on.
BUNDLE_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13) $(shell python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null) $(BIN)/python)

.PHONY: bundle test/bundle
bundle: $(READY) $(UI)/dist/index.html ## write build/<door>.zip for every door: what it imports, its SQL, its pinned packages
	@$(BIN)/python -m functions.bundle
test/bundle: $(READY) $(UI)/dist/index.html ## each bundle alone, in an environment with only what it names (installs packages; not part of `make test`)
	BUNDLE_PYTHON=$(BUNDLE_PYTHON) $(PYTEST) tests/bundle

# Airflow pins what we pin otherwise; the DAGs need nothing of ours.
AIRFLOW := .venv-airflow
$(AIRFLOW)/.ready: tests/airflow/requirements.lock
	@echo "Installing Airflow into $(AIRFLOW) ..."
	@rm -rf $(AIRFLOW)
	@$(PYTHON) -m venv $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/airflow/requirements.lock
	@touch $@

.PHONY: test/airflow
test/airflow: $(READY) $(AIRFLOW)/.ready ## the DAGs in a real Airflow (not part of `test`)
	$(PYTEST) tests/airflow

.PHONY: format
format: $(READY) ## put the code into its shape
	$(BIN)/ruff check --fix --quiet common functions tests
	$(BIN)/ruff format --quiet common functions tests

.PHONY: bench
bench: $(READY) ## measure, side by side; writes tests/benchmarks/results.md
	$(BIN)/python -m tests.benchmarks

.PHONY: load/retention
load/retention: $(READY) ## thirty days at a million changes a month: the database's size stays bounded (some minutes)
	$(BIN)/python -m tests.load.retention

.PHONY: lock
lock: ## pin every dependency anew, with hashes
	@$(PYTHON) -m venv .lock && .lock/bin/python -m pip install --quiet uv==0.9.11
	@.lock/bin/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
	    --no-emit-index-url --no-header --quiet -o requirements.lock
	@.lock/bin/uv pip compile tests/clients/requirements.in --universal --generate-hashes --python-version 3.11 \
	    --no-emit-index-url --no-header --quiet -o tests/clients/requirements.lock
	@.lock/bin/uv pip compile $(UI)/node.in --universal --generate-hashes --python-version 3.11 \
	    --no-emit-index-url --no-header --quiet -o $(UI)/node.lock
	@.lock/bin/uv pip compile tests/browser/requirements.in -c requirements.lock --universal --generate-hashes \
	    --python-version 3.11 --no-emit-index-url --no-header --quiet -o tests/browser/requirements.lock
	@.lock/bin/uv pip compile tests/debezium/requirements.in --universal --generate-hashes --python-version 3.11 \
	    --no-emit-index-url --no-header --quiet -o tests/debezium/requirements.lock
	@.lock/bin/uv pip compile tests/airflow/requirements.in --universal --generate-hashes --python-version 3.11 \
	    --no-emit-index-url --no-header --quiet -o tests/airflow/requirements.lock
	@rm -rf .lock

.PHONY: proto verify/proto
proto: $(READY) ## write the stubs of Salesforce's Pub/Sub API
	$(BIN)/python -m tests.standin.events.wire.generate
verify/proto: $(READY) ## fail where those stubs are not what the .proto gives
	$(BIN)/python -m tests.standin.events.wire.generate --verify

.PHONY: db/schema verify/schema
db/schema: $(READY) ## write sql/schema.sql: what the migrations add up to
	$(BIN)/python -m tests.stack.schema --write
verify/schema: $(READY) ## fail where sql/schema.sql is not what the migrations add up to
	$(BIN)/python -m tests.stack.schema

.PHONY: deploy
deploy: $(READY) bundle ## migrate, apply terraform/, migrate, look (see terraform/README.md; AUTO=1 asks nothing)
	terraform/deploy

.PHONY: clean
clean: ## forget the state of `make run`
	rm -rf .isthmus
