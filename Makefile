# make run    trains a network on handwritten digits and writes a report (five minutes at most)
# make test   runs the tests
# make check  looks at style and types
# make core-test  compiles and tests the C++ kernels without Python, plain and under sanitizers
# make fonts  fetches the fonts that the reader learns from (Debian and its kin, 100 MB)
# The first three set up what they need in .venv first. Arguments: make run ARGS="one_conv --set epochs=3"

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test check core-test fonts clean

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

# The free fonts from Debian's packages that the reader learns printed digits and letters from.
fonts: .venv/installed
	$(BIN)/python -m byhand.reader.examples

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "byhand needs Python 3.11 or newer: make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv .venv

# What building needs, as pyproject.toml says; CMake and Ninja where the machine has none.
.venv/build-tools: pyproject.toml | .venv/bin/python
	$(PIP) $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])') \
	  $$(command -v cmake > /dev/null || echo cmake) $$(command -v ninja > /dev/null || echo ninja)
	@touch $@

# Installed editable, so that a change in src/ is used at once; the core is built again when its sources
# change, and only what changed of it (build/editable keeps the objects).
SOURCES := pyproject.toml CMakeLists.txt $(wildcard $(CORE)/*.cpp $(CORE)/*.hpp $(CORE)/*.inl)
INSTALL := $(PIP) --no-build-isolation -Cbuild-dir=build/editable --editable

.venv/installed: $(SOURCES) .venv/build-tools
	$(INSTALL) .
	@touch $@

.venv/installed-%: $(SOURCES) .venv/build-tools
	$(INSTALL) '.[$*]'
	@touch $@ .venv/installed
