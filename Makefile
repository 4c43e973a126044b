# make run    trains a network on handwritten digits and writes a report (five minutes at most)
# make test   runs the tests
# make check  looks at style and types
# make core-test  compiles and tests the C++ kernels (in the making: nothing uses them yet)
# The first three set up what they need in .venv first. Arguments: make run ARGS="one_conv --set epochs=3"

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test check core-test clean

run: .venv/installed
	$(BIN)/byhand train $(ARGS)

test: .venv/installed-test
	$(BIN)/python -m pytest -n auto $(ARGS)

check: .venv/installed-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The kernels of the compiled core, tested without Python: plain, then under sanitizers.
CORE := src/byhand/kernels/_core
core-test:
	sh $(CORE)/test.sh build/core "-O3"
	sh $(CORE)/test.sh build/core-asan "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
	sh $(CORE)/test.sh build/core-tsan "-O1 -g -fsanitize=thread"

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
