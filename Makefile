# Everything a person or CI does here. Needs Python 3.11 or newer and make; the rest is installed into .venv from
# whatever index this machine's pip is set up for.

# The first of these that really runs and is new enough; a shim that only complains does not count.
PYTHON ?= $(shell for python in python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Flags for the tool behind a target: make test ARGS="-k calls", make run ARGS="--port 0".
ARGS ?=

.PHONY: run check test fmt bench clean
.DEFAULT_GOAL := run

run: $(VENV)/.installed-run
	$(BIN)/python server.py run $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(ARGS)

# What CI runs, cheapest first.
check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest $(ARGS)

fmt: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Each script under tests/bench prints its figure beside a peer's, measured in the same run.
bench: $(VENV)/.installed-dev
	@for script in $$(grep -l __main__ tests/bench/*.py); do \
		echo "== $$script"; PYTHONPATH=. $(BIN)/python "$$script" $(ARGS) || exit 1; done

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# A stamp is older than setup.cfg when the dependencies may have changed; then, and only then, pip is asked.
$(VENV)/.installed-run: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

$(VENV)/.installed-dev: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev]'
	@touch $@ $(VENV)/.installed-run

$(BIN)/python:
	@if [ -z '$(PYTHON)' ] || ! '$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo 'Greenroom needs Python 3.11 or newer, and "$(or $(PYTHON),python3)" is not: make PYTHON=/path/to/python3.11' >&2; \
		exit 1; fi
	@'$(PYTHON)' -m venv $(VENV) || { rm -rf $(VENV); \
		echo 'No virtual environment: on Debian and Ubuntu, install python3-venv.' >&2; exit 1; }
