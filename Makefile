# Two commands do everything on a fresh machine with Python 3.11+: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DISTRICT ?= data/erqi
OUT ?= out
JOBS ?= 2

.PHONY: help setup demo test lint bench up drill lock data clean distclean
.DEFAULT_GOAL := help

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN{FS=":.*## "}{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv with every locked package; byte code and compiled kernels

# The stamp keeps later runs off the network: nothing is looked up again until a lock or setup.cfg changes.
$(READY): requirements/lock.txt requirements/bootstrap.txt setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/bootstrap.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --compile-bytecode --require-hashes --requirement requirements/lock.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --no-deps --no-build-isolation --offline --editable .
	$(BIN)/python -m compileall -q risk_models reports wuyu
	$(BIN)/python -m risk_models.warm
	touch $@

demo: $(READY) ## replay the storm of July 2021 through Airflow into OUT/demo (resumes where it was stopped)
	$(BIN)/wuyu demo --district $(DISTRICT) --out $(OUT)/demo

test: $(READY) lint ## lint, types, import contracts, tests, doctests
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadgroup

lint: $(READY) ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## time the main jobs beside their peers
	$(BIN)/python -m benchmarks

up: $(READY) ## Airflow with its web page on this machine (port 8080), stopped with Ctrl-C
	$(BIN)/wuyu up --district $(DISTRICT) --out $(OUT)/service

drill: $(READY) ## the whole system, a storm and faults by script; a table at the end (half an hour) in OUT/drill
	$(BIN)/wuyu drill --district $(DISTRICT) --out $(OUT)/drill

data: $(READY) ## rebuild the bundled district from data/sources
	$(BIN)/python -m data.builder

lock: ## renew requirements/lock.txt from setup.cfg (needs the network)
	$(BIN)/uv pip compile setup.cfg requirements/build.in \
	  --extra airflow --extra postgres --extra notebooks --extra test --extra bench --generate-hashes --no-emit-index-url \
	  --universal --python-version 3.11 --no-annotate --no-header --output-file requirements/lock.txt
	$(BIN)/uv pip compile setup.cfg --extra airflow --extra postgres --extra celery --constraint requirements/lock.txt \
	  --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-annotate --no-header \
	  --output-file requirements/celery.txt

clean: ## remove what runs leave behind, keep .venv
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache ./*.egg-info

distclean: clean ## remove .venv too
	rm -rf $(VENV)
