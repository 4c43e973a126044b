# make run    trains a network on handwritten digits and writes a report (five minutes at most)
# make test   runs the tests
# make check  looks at style and types
# Each sets up what it needs in .venv first. Arguments: make run ARGS="one_conv --set epochs=3"

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test check clean

run: .venv/installed
	$(BIN)/byhand train $(ARGS)

test: .venv/installed-test
	$(BIN)/python -m pytest -n auto $(ARGS)

check: .venv/installed-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "byhand needs Python 3.11 or newer: make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv .venv

# Installed editable, so that a change in src/ is used at once; again when pyproject.toml changes.
.venv/installed: pyproject.toml | .venv/bin/python
	$(PIP) --editable .
	@touch $@

.venv/installed-%: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[$*]'
	@touch $@ .venv/installed
