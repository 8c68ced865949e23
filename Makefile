# Every command of the project. `make help` lists them.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.13 || command -v python3)
PORT ?= 3000
STAGE ?= dev
SOAK ?= 60
VENV := .venv
BIN := $(VENV)/bin
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-west-1
export PYTHONPATH := layers/common

.DEFAULT_GOAL := help
.PHONY: help install run reset demo test soak lint format openapi lock audit bench sam-local build deploy clean

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed  ## Make the virtual environment, or update it

$(VENV)/.installed: requirements-dev.txt layers/common/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' || \
		{ echo "Python 3.13 is needed (PYTHON=/path/to/python3.13 make …); found: $$($(PYTHON) --version)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: install  ## Start everything on this machine (PORT=3000). Ctrl-C ends it
	@PORT=$(PORT) $(BIN)/python -m local run

reset: install  ## Delete the state of the local stack
	@$(BIN)/python -m local reset

demo: install  ## Run a sale from sign-up to the door, with 500 buyers at once
	@PORT=$(PORT) $(BIN)/python -m local.boxoffice.demo

test: install  ## Run the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: install  ## Run random sales with crashes, requests and scans, SOAK=60 times as long as the suite does; SEED=… plays a sale again
	SOAK=$(SOAK) $(BIN)/python -m pytest -n 2 --dist loadfile tests/stateful tests/architecture/test_schemathesis.py \
		tests/integration/checkin/test_offline_doors.py

lint: install  ## Check style, types, import contracts, generated files and the template
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m boxoffice.openapi --check
	$(BIN)/python -m boxoffice.sample_events --check
	$(BIN)/sam validate --lint

format: install  ## Format the code
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

openapi: install  ## Write the generated files: the OpenAPI document, docs/errors.md, routes and sample events
	$(BIN)/python -m boxoffice.openapi
	$(BIN)/python -m boxoffice.sample_events

$(VENV)/tools/.installed: Makefile
	$(PYTHON) -m venv $(VENV)/tools
	$(VENV)/tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 pip-audit==2.10.1
	@touch $@

lock: $(VENV)/tools/.installed  ## Write requirements.lock of the layers: all libraries, with hashes
	for layer in common documents pictures; do (cd layers/$$layer && ../../$(VENV)/tools/bin/uv pip compile --quiet --universal \
		--python-version 3.13 --generate-hashes --custom-compile-command 'make lock' requirements.txt \
		--output-file requirements.lock) || exit 1; done

audit: $(VENV)/tools/.installed  ## Look the libraries up in lists of known weaknesses, and write sbom.json (internet)
	$(VENV)/tools/bin/pip-audit --strict --require-hashes --disable-pip \
		-r layers/common/requirements.lock -r layers/documents/requirements.lock -r layers/pictures/requirements.lock
	$(VENV)/tools/bin/pip-audit --strict --require-hashes --disable-pip --format cyclonedx-json --output sbom.json \
		-r layers/common/requirements.lock -r layers/documents/requirements.lock -r layers/pictures/requirements.lock

bench: install  ## Measure speed. Fail if a target is missed
	$(BIN)/python -m bench

sam-local: install  ## Serve the API through `sam local start-api` in Docker, on the local database
	@PORT=$(PORT) $(BIN)/python -m local sam-local

build: install  ## Build the functions and the layers
	$(BIN)/sam build

deploy: build  ## Deploy to your AWS account (STAGE=dev|staging|prod)
	$(BIN)/sam deploy --config-env $(STAGE)

clean:  ## Remove the virtual environment, builds and caches
	rm -rf $(VENV) .aws-sam .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
