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

# Each file by its hash; the package itself without building in an environment of its own, whose
# parts would have none.
INSTALL := $(BIN)/pip install --disable-pip-version-check --no-input --require-hashes --no-deps --progress-bar on

$(VENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sendtrail needs Python 3.11 or newer; $(PYTHON) is older" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version): some 120 packages, about a minute, once"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(INSTALL) --requirement requirements.txt 2>&1 | $(BIN)/python -c "$$SHOW_PROGRESS"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# One line that says how far pip is, where it is a terminal; else only how it ends.
define SHOW_PROGRESS
import sys
shown = sys.stdout.isatty()
total = sum(line[:1].isalnum() for line in open("requirements.txt"))
count, tail = 0, []
for line in sys.stdin:
    tail = [*tail[-40:], line]
    count += line.startswith("Collecting ")
    if shown and line.startswith(("Collecting ", "Installing ")):
        print(f"\r\033[K  {min(count, total)} of {total}  {line.strip():.60}", end="", flush=True)
ended = any(line.startswith("Successfully installed") for line in tail)
print("\r\033[K  installed" if ended and shown else "  installed" if ended else "".join(tail))
sys.exit(not ended)
endef
export SHOW_PROGRESS

.PHONY: run
run: setup ## Start the local stack with a demo, and say where it is
	@$(BIN)/python -m local up --demo

.PHONY: down
down: setup ## Stop a local stack that runs in the background
	@$(BIN)/python -m local down

# A file in one place, since its tests share servers and stacks; longest first (tests/conftest.py).
# Stacks wait more than they work, so there are more workers than cores.
# One file alone: make test ARGS=tests/unit/test_tree.py
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() * 3 // 2)')
ARGS ?= --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup ## Run all tests that this machine can run
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: dynamodb-local
dynamodb-local: .local/npm/node_modules/amplify-dynamodb-simulator ## Fetch AWS's DynamoDB Local, for the tests (needs npm)

.local/npm/node_modules/amplify-dynamodb-simulator:
	@npm install --silent --no-fund --no-audit --prefix .local/npm amplify-dynamodb-simulator@2.9.30

.PHONY: axe
axe: .local/npm/node_modules/axe-core ## Fetch axe-core, for the browser tests (needs npm)

.local/npm/node_modules/axe-core:
	@npm install --silent --no-fund --no-audit --prefix .local/npm axe-core@4.14.1

.PHONY: oidc-provider
oidc-provider: .local/npm/node_modules/oidc-provider ## Fetch a provider of OpenID Connect, to sign in by name here (needs npm)

.local/npm/node_modules/oidc-provider:
	@npm install --silent --no-fund --no-audit --prefix .local/npm oidc-provider@9.13.3

.PHONY: screenshots
screenshots: setup ## Take docs/console/*.png of the demo that is running (needs Chromium)
	@$(BIN)/python -m local.screenshots

# Where SES, and all else that the template has, is: one of each continent at least.
REGIONS := us-east-1 us-west-2 eu-west-1 eu-central-1 ap-southeast-2 ap-northeast-1 sa-east-1

.PHONY: check
check: setup ## Lint, types, and the template
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@for function in functions/*/app.py; do $(BIN)/mypy --no-error-summary $$function || exit 1; done
	@$(BIN)/cfn-lint --regions $(REGIONS) -- template.yaml .github/deploy-role.yaml

.PHONY: format
format: setup ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# What the benchmarks compare with.
$(VENV)/bench-ready: $(VENV)/ready requirements-bench.txt
	@$(INSTALL) --quiet --requirement requirements-bench.txt
	@touch $@

.PHONY: bench
bench: $(VENV)/bench-ready dynamodb-local ## Run the benchmarks (needs Java, npm and PostgreSQL)
	@$(BIN)/python -m benchmarks

.PHONY: docs
docs: setup ## Write what the docs tell from the code
	@$(BIN)/python -m docs.generate

# For any Python from 3.11 on and any machine, with the hashes of all files.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml
DEV := --extra local --extra operators --extra dev

.PHONY: lock
lock: setup ## Pin every dependency anew
	@$(LOCK) --upgrade $(DEV) --output-file requirements.txt
	@$(LOCK) --constraint requirements.txt --output-file layers/sendtrail/requirements.txt
	@$(LOCK) --constraint requirements.txt $(DEV) --extra bench --output-file requirements-bench.txt

.PHONY: texts
texts: setup ## Collect the texts of pages into the catalogues, and compile what is translated
	@$(BIN)/python -m docs.texts

.PHONY: client
client: setup ## Make the Python client of the API: a wheel in dist
	@$(BIN)/python -m local.client

HOW ?= Canary10Percent5Minutes

.PHONY: gradual
gradual: setup ## Write gradual.yaml, by which a release takes over gradually (docs/upgrading.md)
	@$(BIN)/python -m sendtrail_cli.gradual $(HOW) > gradual.yaml

.PHONY: sbom
sbom: setup ## Write what the layer is made of, as CycloneDX: .local/sbom.json
	@mkdir -p .local
	@$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-file .local/sbom.json layers/sendtrail/requirements.txt
	@echo .local/sbom.json

# checkov has a hundred dependencies of its own, so it gets an environment of its own; it reads no
# merge keys.
.PHONY: checkov
checkov: setup ## Look the template up among known risks (needs the network); .checkov.yaml has exceptions
	@mkdir -p .local
	@$(BIN)/python -c 'from samcli.yamlhelper import yaml_dump, yaml_parse; print(yaml_dump(yaml_parse(open("template.yaml").read())))' > .local/plain.yaml
	@$(BIN)/uv tool run checkov@3.3.30 --config-file .checkov.yaml

.PHONY: audit
audit: setup ## Look the dependencies up among known vulnerabilities (needs the network)
	@$(BIN)/pip-audit --require-hashes --disable-pip --requirement layers/sendtrail/requirements.txt
	@$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements.txt

.PHONY: clean
clean: ## Remove what was made here
	@rm -rf $(VENV) .local .aws-sam dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
