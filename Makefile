# make run    trains a network on handwritten digits and writes a report (five minutes at most)
# make test   runs the tests
# make check  looks at style, types and docstrings
# make core-test  compiles and tests the C++ kernels without Python, plain and under sanitizers
# make fonts  fetches the fonts that the reader learns from (Debian and its kin, 100 MB)
# make lock   writes down the versions that CI installs (requirements/)
# make floors runs the tests with the oldest versions that pyproject.toml allows
# The first three set up what they need in .venv first. Arguments: make run ARGS="one_conv --set epochs=3"
# Another Python, in a folder of its own: make test PYTHON=python3.13 VENV=build/python3.13

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test check core-test fonts lock floors clean

run: $(VENV)/installed
	$(BIN)/byhand train $(ARGS)

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(VENV)/installed-check $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_docstrings.py

# The kernels of the compiled core, tested without Python: plain, then under sanitizers.
CORE := src/byhand/kernels/_core
core-test:
	sh $(CORE)/test.sh build/core "-O3"
	sh $(CORE)/test.sh build/core-asan "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
	sh $(CORE)/test.sh build/core-tsan "-O1 -g -fsanitize=thread"

# The free fonts from Debian's packages that the reader learns printed digits and letters from.
fonts: $(VENV)/installed
	$(BIN)/python -m byhand.reader.examples

# For every Python and system that byhand runs on, with the hash of each file.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml
lock: $(VENV)/bin/python
	$(PIP) uv
	$(LOCK) --output-file requirements/runtime.txt
	$(LOCK) --extra test --extra check --output-file requirements/ci.txt

floors:
	$(MAKE) VENV=build/floors build/floors/bin/python
	build/floors/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/floors/bin/uv pip install --quiet --python build/floors --resolution lowest-direct \
	  --requirements pyproject.toml
	$(MAKE) VENV=build/floors test

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is no Python 3.11 or newer, which byhand needs: name one, make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What building needs, as pyproject.toml says; CMake and Ninja where the machine has none.
$(VENV)/build-tools: pyproject.toml | $(VENV)/bin/python
	$(PIP) $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])') \
	  $$(command -v cmake > /dev/null || echo cmake) $$(command -v ninja > /dev/null || echo ninja)
	@touch $@

# Installed editable, so that a change in src/ is used at once; the core is built again when its sources
# change, and only what changed of it ($(VENV)/build keeps the objects).
SOURCES := pyproject.toml CMakeLists.txt $(wildcard $(CORE)/*.cpp $(CORE)/*.hpp $(CORE)/*.inl)
INSTALL := $(PIP) --no-build-isolation -Cbuild-dir=$(VENV)/build --editable

$(VENV)/installed: $(SOURCES) $(VENV)/build-tools
	$(INSTALL) .
	@touch $@

$(VENV)/installed-%: $(SOURCES) $(VENV)/build-tools
	$(INSTALL) '.[$*]'
	@touch $@ $(VENV)/installed
