# Cairn: every way to run, test and measure it. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Without compiled files every start of a process reads all sources again, a third of it; the tests start very many.
unexport PYTHONDONTWRITEBYTECODE

DATA ?= var/demo
PORT ?= 8000
HTTPS_DATA ?= var/https
HTTPS_PORT ?= 8443
LOAD_SECONDS ?= 60
VENV ?= .venv
UV ?= uv
# One process a processor, whole files together: what a file shares is made once. In the order of tests/conftest.py.
PYTEST_ARGS ?= -n auto --dist loadfile --no-loadscope-reorder

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# --no-deps: the lock names everything; --require-hashes: nothing else is let in; wheels need no build.
INSTALL := $(PIP) install --no-deps --require-hashes --only-binary :all:
RUN_STAMP := $(VENV)/.installed-run
LOAD_STAMP := $(VENV)/.installed-load
TEST_STAMP := $(VENV)/.installed-test
SOURCES := ledger anchoring projections verifier api loadtests tests

# A virtual environment that was moved, or whose Python has gone, is made anew in spite of its stamp.
ifneq ($(shell $(SHELL) scripts/venv.sh --works "$(VENV)" && echo yes),yes)
$(RUN_STAMP): always
endif
.PHONY: always
always:

.PHONY: help
help: ## List the targets and the variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: DATA=$(DATA) PORT=$(PORT) HTTPS_PORT=$(HTTPS_PORT) LOAD_SECONDS=$(LOAD_SECONDS) PYTHON=… (interpreter for setup) PYTEST_ARGS='-n 2 -k tree'"

.PHONY: setup
setup: $(RUN_STAMP) ## Make .venv and install Cairn from the hash-pinned lock

$(RUN_STAMP): requirements/run.txt pyproject.toml scripts/venv.sh
	@PYTHON="$(PYTHON)" $(SHELL) scripts/venv.sh $(VENV)
	@echo "Installing from requirements/run.txt" >&2
	@$(INSTALL) -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(LOAD_STAMP): $(RUN_STAMP) requirements/load.txt
	@echo "Installing from requirements/load.txt" >&2
	@$(INSTALL) -r requirements/load.txt
	@touch $@

$(TEST_STAMP): $(RUN_STAMP) $(LOAD_STAMP) requirements/test.txt requirements/oracle.txt
	@echo "Installing from requirements/test.txt and requirements/oracle.txt" >&2
	@$(INSTALL) -r requirements/test.txt
	@$(PIP) install --no-deps --require-hashes --no-build-isolation --use-pep517 -r requirements/oracle.txt
	@touch $@

.PHONY: run
run: setup ## Serve the demo ledger on 127.0.0.1:$(PORT), filling it the first time
	@exec $(BIN)/cairn serve --demo --quiet --data "$(DATA)" --port "$(PORT)"

.PHONY: serve-https
serve-https: setup ## Serve on https://localhost:$(HTTPS_PORT) for conformance suites: signs for anyone on this machine
	@exec $(BIN)/cairn serve-https --data "$(HTTPS_DATA)" --port "$(HTTPS_PORT)"

.PHONY: test-setup
test-setup: $(TEST_STAMP) ## Install what the tests and checks need on top of setup
	@$(SHELL) scripts/system_parts.sh openssl sqlite3 npm nginx systemd-analyze=systemd docker-compose postgres=postgresql chromium
	@$(SHELL) scripts/anvil.sh
	@$(SHELL) scripts/node_parts.sh

.PHONY: test
test: test-setup ## Run the tests (choose with PYTEST_ARGS)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: format
format: test-setup ## Put the code into the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lint
lint: test-setup ## Format check, ruff, mypy --strict and the import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy --strict $(SOURCES)
	@$(BIN)/lint-imports

.PHONY: check
check: lint ## Everything that has to pass before a commit: lint, then the tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: bench
bench: setup ## Measure issuing, auditing and proving against raw SQLite and plain hashing (BENCH_ARGS="--entries 10000000" for a large log, "--database URL" for PostgreSQL)
	@bash scripts/system_parts.sh npm nginx wrk
	@bash scripts/node_parts.sh
	@$(BIN)/python -m loadtests.bench $(BENCH_ARGS)

.PHONY: bench-full
bench-full: setup ## The same up to ten million: the log, an audit, look-ups (some 40 GB in BENCH_PLACE or the temporary directory, and an hour or two)
	@bash scripts/system_parts.sh npm nginx wrk
	@bash scripts/node_parts.sh
	@$(BIN)/python -m loadtests.bench --entries 10000000 --audited 10000000 $(BENCH_ARGS)
	@$(BIN)/python -m loadtests.stored --awards 10000 100000 1000000 10000000 $(if $(BENCH_PLACE),--place "$(BENCH_PLACE)")

.PHONY: load
load: $(LOAD_STAMP) ## Let a normal day, graduation, a viral award, a crawler and slow clients loose on a server of its own, each for LOAD_SECONDS; writes var/load/report.html
	@$(BIN)/python -m loadtests.load --seconds "$(LOAD_SECONDS)" $(LOAD_ARGS)

.PHONY: sizes
sizes: setup ## Disk and memory of a ledger of 100,000 and of 1,000,000 awards, part by part (SIZES_ARGS="--awards 10000000" needs 70 GB)
	@$(BIN)/python -m loadtests.sizes $(SIZES_ARGS)

.PHONY: simulate
simulate: setup ## The queues of docs/scale.md, from measured service times
	@$(BIN)/python -m loadtests.simulation

.PHONY: soak
soak: test-setup ## 200 cycles of kill -9 under load, each ending in fsck; a ledger of many processes, each killed again and again; an audit of a million entries, killed and resumed; one of 100,002 awards with stacks; files of evidence with each byte changed
	@$(BIN)/python -m pytest -m soak tests/ledger tests/system tests/audit tests/api tests/verifier

.PHONY: lock
lock: ## Write requirements/*.txt anew from requirements/*.in (needs uv)
	@UV="$(UV)" $(SHELL) scripts/lock.sh

.PHONY: clean
clean: ## Remove .venv, caches and build leavings; data in var/ stays
	@rm -rf -- "$(VENV)" build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage *.egg-info
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
