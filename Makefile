# Balagh. `make` alone explains itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup setup-dev servers run test check format bench soak docs lock clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.run ## Make .venv and install the locked packages that running needs
setup-dev: $(VENV)/.dev ## The same, with what testing and checking need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(MAKE) --no-print-directory venv-package && $(PYTHON) -m venv $(VENV); }

# Debian's Python comes without ensurepip until its venv package is there.
.PHONY: venv-package
venv-package:
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends python$$version-venv >/dev/null; \
	else echo "Python cannot make virtual environments: apt-get install python$$version-venv"; exit 1; fi

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked packages…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run | $(BIN)/python
	@echo "Installing the locked packages for tests…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-dev.lock
	@touch $@

servers: ## Install the real servers that the tests start (Debian packages), or say which are missing
	@bash tests/servers/install.sh

run: setup ## Run the gateway on http://127.0.0.1:8080 with the sample city, or as .env says
	@if [ -f .env ]; then before=$$(export -p); set -a; . ./.env; set +a; eval "$$before"; fi; \
	BALAGH_LOG=$${BALAGH_LOG:-text} exec $(BIN)/balagh run

test: setup-dev servers ## Run the whole suite against real servers
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

check: setup-dev ## Check format, types and import rules
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: setup-dev ## Format the code
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .


bench: setup-dev servers ## Measure the hot path beside a baseline (its own RabbitMQ and PostgreSQL)
	@$(BIN)/python -m tests.bench $(ARGS)

soak: setup-dev servers ## Run the fault tests at their large size (about an hour)
	@$(BIN)/python -m pytest --soak tests/faults $(ARGS)

docs: setup ## Write the schemas and API documents to schemas/
	@$(BIN)/balagh schema schemas

lock: setup-dev ## Resolve the dependencies anew: versions and hashes, no host
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links pyproject.toml --group build -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links pyproject.toml --group dev -o requirements-dev.lock

clean: ## Remove the environment and every cache; the data stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis schemas
