# Sendtrail. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# Lambda runs Python 3.13. A pyenv shim may exist and not run, so it is tried, not looked for.
PYTHON ?= $(shell python3.13 -c '' 2>/dev/null && echo python3.13 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
export SAM_CLI_TELEMETRY := 0

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(VENV)/ready ## Make the virtual environment, if there is none

$(VENV)/ready: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sendtrail needs Python 3.11 or newer; $(PYTHON) is older" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version); this takes a minute, once"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		$$($(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; e = p["optional-dependencies"]; print(*p["dependencies"], *e["local"], *e["dev"])')
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.PHONY: run
run: setup ## Start the local stack with a demo, and say where it is
	@$(BIN)/python -m local up --demo

.PHONY: down
down: setup ## Stop a local stack that runs in the background
	@$(BIN)/python -m local down

.PHONY: test
test: setup ## Run all tests that this machine can run
	@$(BIN)/python -m pytest

.PHONY: dynamodb-local
dynamodb-local: .local/npm/node_modules/amplify-dynamodb-simulator ## Fetch AWS's DynamoDB Local, for the tests (needs npm)

.local/npm/node_modules/amplify-dynamodb-simulator:
	@npm install --silent --no-fund --no-audit --prefix .local/npm amplify-dynamodb-simulator@2.9.30

.PHONY: axe
axe: .local/npm/node_modules/axe-core ## Fetch axe-core, for the browser tests (needs npm)

.local/npm/node_modules/axe-core:
	@npm install --silent --no-fund --no-audit --prefix .local/npm axe-core@4.14.1

.PHONY: screenshots
screenshots: setup ## Take docs/console/*.png of the demo that is running (needs Chromium)
	@$(BIN)/python -m local.screenshots

.PHONY: check
check: setup ## Lint, types, and the template
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@for function in functions/*/app.py; do $(BIN)/mypy --no-error-summary $$function || exit 1; done
	@$(BIN)/cfn-lint template.yaml

.PHONY: format
format: setup ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# What the benchmarks compare with.
$(VENV)/bench-ready: $(VENV)/ready
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		$$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"])')
	@touch $@

.PHONY: bench
bench: $(VENV)/bench-ready dynamodb-local ## Run the benchmarks (need Java, npm, PostgreSQL; start-up Python 3.13)
	@$(BIN)/python -m benchmarks

.PHONY: lock
lock: setup ## Pin every dependency anew
	@$(BIN)/pip-compile --quiet --upgrade --strip-extras --all-extras --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file constraints.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --strip-extras --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint constraints.txt --output-file layers/sendtrail/requirements.txt pyproject.toml

.PHONY: clean
clean: ## Remove what was made here
	@rm -rf $(VENV) .local .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
