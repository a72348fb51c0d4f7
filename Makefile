# Needs Python 3.11 or later and make; everything else comes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo dev test test-slow lint types check lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(STAMP): requirements.lock requirements-installer.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; say which with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-installer.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP)  ## make .venv and the embedded Dagster instance; nothing when nothing changed
	@$(BIN)/insights setup

demo: setup  ## the whole graph over several days, and a summary (INSIGHTS_PAGES=folder: on saved pages)
	@$(BIN)/insights demo

dev: setup  ## the Dagster UI
	@$(BIN)/insights dev

test: setup  ## every test but the slow ones
	$(BIN)/pytest -m "not slow" --numprocesses=auto --dist=loadfile

test-slow: setup  ## the slow tests
	$(BIN)/pytest -m slow --numprocesses=auto --dist=loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

check: lint types  ## lint, types and definitions
	$(BIN)/dg check defs

lock: setup  ## resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --group dev --group build --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --quiet --output-file requirements.lock
	echo uv | $(BIN)/uv pip compile - --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --quiet --output-file requirements-installer.lock

clean:  ## remove .venv and everything embedded
	rm -rf $(VENV) .env var
